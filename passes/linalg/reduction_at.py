"""Reductions whose axes only run time knows: loops that add each element where the axes send it.

for i in x:  j[k] = i[k], or 0 where axis k is reduced  (or left out, without keepdims)
             y[j] = combine(y[j], x[i])
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from aicc.bindings import arith, ir, tensor
from aicc.dialects.symbolic import Dim
from aicc.dialects.types import DType, TensorType
from aicc.passes.linalg.builder import Builder, Lowered, lowering
from aicc.passes.linalg.elementwise import compute_dtype
from aicc.passes.linalg.loops import loop_nest
from aicc.passes.linalg.reduction import STEPS, init_of
from aicc.passes.linalg.scalars import Scalars, cast


@lowering("reduce_at")
def reduce_at(b: Builder, n: Lowered) -> Any:
    x, out = n.typed(0), n.results[0]
    stored = DType.U8 if x.dtype is DType.BOOL else x.dtype
    wide = compute_dtype(stored)
    s = Scalars(wide)
    target = _Target(b, x, out, _flags(b, n), n.attrs["keepdims"])
    target.bind()
    y = TensorType(out.shape, wide)

    def run(init: float | int, step: Callable[..., Any], *others: Any) -> Any:
        def body(i: Sequence[Any], carried: Sequence[Any]) -> list[Any]:
            j = target.position(i)
            element = cast(tensor.ExtractOp(n.operands[0], list(i)).result, stored, wide)
            read = [tensor.ExtractOp(o, j).result for o in others]
            new = step(element, *read, tensor.ExtractOp(carried[0], j).result)
            return [tensor.InsertOp(new, carried[0], j).result]

        return loop_nest(b, [b.size(d) for d in x.shape], [b.fill(y, init)], body)[0]

    if n.attrs["kind"] == "log_sum_exp":
        top = run(-math.inf, lambda v, acc: s.max(acc, v))
        infinite = s.const(math.inf)
        top = b.pointwise(y, [(top, y)], lambda m: s.select(s.cmp("eq", s.abs(m), infinite), s.const(0), m))
        total = run(0, lambda v, m, acc: s.add(acc, s.math("exp", s.sub(v, m))), top)
        result = b.pointwise(y, [(total, y), (top, y)], lambda v, m: s.add(s.math("log", v), m))
    else:
        name = f"reduce_{n.attrs['kind']}"
        result = run(
            init_of(name, x.dtype if stored is not x.dtype else wide), lambda v, acc: STEPS[name](s, v, acc)
        )
    if wide is stored:
        return result
    return b.pointwise(out, [(result, y)], lambda v: cast(v, wide, stored))


def _flags(b: Builder, n: Lowered) -> list[Any]:
    """Per dim of x whether it is reduced, as i1."""
    t, rank = n.typed(1), n.typed(0).rank
    axes = [b.to_index(v) for v in b.scalars(n.operands[1], t)]
    out = []
    for k in range(rank):
        flag = arith.ConstantOp(ir.Type.parse("i1"), ir.BoolAttr.get(False)).result
        for a in axes:
            for name in (k, k - rank):
                hit = arith.CmpIOp(arith.CmpIPredicate.eq, a, b.index(name)).result
                flag = arith.OrIOp(flag, hit).result
        out.append(flag)
    return out


class _Target:
    """Where elements go: the sizes of the result, and the position in it of each element of x."""

    def __init__(self, b: Builder, x: TensorType, out: TensorType, flags: list[Any], keepdims: bool) -> None:
        self.b, self.x, self.out, self.flags, self.keepdims = b, x, out, flags, keepdims
        self.zero = b.index(0)
        self.before = [] if keepdims else self._kept_before()

    def _kept_before(self) -> list[Any]:
        """Per dim of x how many dims before it stay."""
        count, out = self.zero, []
        for flag in self.flags:
            out.append(count)
            one = arith.SelectOp(flag, self.zero, self.b.index(1)).result
            count = arith.AddIOp(count, one).result
        return out

    def bind(self) -> None:
        """Gives the symbols in the result's shape their value."""
        sizes = self._moved([self.b.size(d) for d in self.x.shape], self.b.index(1))
        for d, size in zip(self.out.shape, sizes, strict=True):
            if isinstance(d, Dim) and d.is_symbol and not self.b.is_known(d):
                ((mono, _),) = d.terms.items()
                self.b.symbols[mono[0].args[0]] = size

    def position(self, i: Sequence[Any]) -> list[Any]:
        return self._moved(i, self.zero)

    def _moved(self, values: Sequence[Any], reduced: Any) -> list[Any]:
        """A value per dim of x as one per dim of the result; `reduced` stands for an axis that is kept as 1."""
        if self.keepdims:
            return [arith.SelectOp(f, reduced, v).result for f, v in zip(self.flags, values, strict=True)]
        out = []
        for j in range(self.out.rank):
            total = self.zero
            for flag, before, v in zip(self.flags, self.before, values, strict=True):
                here = arith.CmpIOp(arith.CmpIPredicate.eq, before, self.b.index(j)).result
                part = arith.SelectOp(flag, self.zero, arith.SelectOp(here, v, self.zero).result).result
                total = arith.AddIOp(total, part).result
            out.append(total)
        return out
