"""Makes shapes as static, and shape arithmetic as short, as the symbolic analysis allows.

    %s = aicc.where (aicc.equal %t, -1), %ones, %t      -->  what is known of its elements:
    aicc.expand %x, %s                                       aicc.expand %x, [1, 12, 1, 1]
    %y : tensor<?x?x768xf32>                            -->  %y : tensor<?x128x768xf32>

* Result types get every size the analysis knows.
* A shape operand of `expand` becomes constant when the sizes that are not static are the operand's own.
* Other shape operands whose elements are integers and symbolic sizes of arguments are computed from
  `aicc.shape` of those arguments directly.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from aicc.bindings import ir
from aicc.dialects.op import declaration
from aicc.dialects.symbolic import Dim
from aicc.dialects.types import DType
from aicc.passes.base import Pass, PassContext
from aicc.passes.graph.facts import kind, module_ops
from aicc.passes.graph.rewrite import Rewriter

_SHAPE_OPERANDS = {
    "reshape": (1,),
    "expand": (1,),
    "tile": (1,),
    "constant_of_shape": (0,),
    "slice": (1, 2),
    "pad": (1,),
    "range": (0, 1, 2),
}
"""Operands that hold sizes, by op."""
_LONG = frozenset(
    {"where", "equal", "cast", "mul", "add", "sub", "div", "gather", "concat", "reshape", "squeeze"}
)
"""Ops whose result, as a shape operand, may be written shorter."""


@dataclass(frozen=True)
class SimplifyShapes(Pass):
    """See the module."""

    pass_name: ClassVar[str] = "simplify-shapes"

    def run(self, module: Any, ctx: PassContext) -> None:
        rw = Rewriter(module, ctx)
        sizes = _Sizes(rw)
        for op in module_ops(module):
            if declaration(op) is None or rw.is_dead(op):
                continue
            _refine_types(rw, op)
            for index in _SHAPE_OPERANDS.get(kind(op), ()):
                _shorten(rw, op, index, sizes)
        rw.erase_dead()
        rw.finish()


def _refine_types(rw: Rewriter, op: Any) -> None:
    """Writes sizes the analysis knows into result types that say `?`."""
    for result in op.results:
        if str(result.type) == "none":
            continue
        t = ir.RankedTensorType(result.type)
        if t.has_static_shape:
            continue
        known = [d if isinstance(d, int) else t.get_dim_size(i) for i, d in enumerate(rw.shape(result))]
        refined = ir.RankedTensorType.get(known, t.element_type)
        if refined != t and all(
            declaration(u) is not None or u.name == "func.return" for u in rw.users(result)
        ):
            result.set_type(refined)


def _shorten(rw: Rewriter, op: Any, index: int, sizes: _Sizes) -> None:
    """Replaces one shape operand by a shorter computation of the same elements."""
    operands = rw.operands(op)
    value = operands[index]
    maker = None if value is None else rw.producer(value)
    if maker is None or kind(maker) not in _LONG:
        return
    if kind(op) == "expand":
        constant = _expansion(rw.shape(operands[0]), rw.shape(op.results[0]))
        if constant is not None:
            rw.at(op)
            rw.set_operand(op, index, rw.const(np.asarray(constant, np.int64)))
            return
    elements = rw.info(value).value
    if elements is None or elements.dtype != object or rw.dtype(value) is not DType.I64:
        return
    wanted = list(elements.reshape(-1))
    if not all(sizes.can_build(e) for e in wanted) or sizes.cost(wanted) >= _length(rw, maker):
        return
    rw.at(op)
    rw.set_operand(op, index, sizes.build(wanted, elements.ndim == 0))


def _length(rw: Rewriter, op: Any) -> int:
    """The number of ops a value is computed with, counted up to a limit, constants not counted."""
    seen: dict[Any, None] = {}
    stack = [op]
    while stack and len(seen) < 32:
        o = stack.pop()
        if o.results[0] in seen or kind(o) in ("constant", "weight"):
            continue
        seen[o.results[0]] = None
        if kind(o) != "shape":
            stack.extend(p for v in o.operands if (p := rw.producer(v)) is not None)
    return len(seen)


def _expansion(source: Sequence[Any], wanted: Sequence[Any]) -> list[int] | None:
    """A constant shape that expands `source` to `wanted`: 1 keeps the source's own size."""
    padded = (1,) * (len(wanted) - len(source)) + tuple(source)
    out = [1 if w == s else w for s, w in zip(padded, wanted, strict=True)]
    return out if all(isinstance(d, int) for d in out) else None


class _Sizes:
    """Builds i64 tensors out of the sizes of arguments."""

    def __init__(self, rw: Rewriter) -> None:
        self.rw = rw
        self._symbols: dict[Any, tuple[Any, int]] = {}
        for argument in rw.main.regions[0].blocks[0].arguments:
            for i, d in enumerate(rw.shape(argument)):
                if isinstance(d, Dim) and d.is_symbol:
                    self._symbols.setdefault(d, (argument, i))

    def can_build(self, size: Any) -> bool:
        """Whether `size` is an integer, or sums and products of integers and sizes of arguments."""
        if not isinstance(size, Dim):
            return True
        return all(Dim({(atom,): 1}) in self._symbols for mono in size.terms for atom in mono)

    def cost(self, sizes: Sequence[Any]) -> int:
        """Ops that `build` will make, but for constants."""
        made = sum(
            sum(len(mono) * 2 - 1 + (c != 1) for mono, c in s.terms.items() if mono) + len(s.terms) - 1
            for s in sizes
            if isinstance(s, Dim)
        )
        return made + (len(sizes) > 1)

    def build(self, sizes: Sequence[Any], scalar: bool) -> Any:
        """The sizes as an i64 vector, or a scalar."""
        rw = self.rw
        parts: list[Any] = []
        run: list[int] = []
        for s in sizes:
            if isinstance(s, Dim):
                if run:
                    parts.append(rw.const(np.asarray(run, np.int64)))
                    run = []
                parts.append(self._one(s))
            else:
                run.append(int(s))
        if run:
            parts.append(rw.const(np.asarray(run, np.int64)))
        out = parts[0] if len(parts) == 1 else rw.build("concat", *parts, dim=0)
        return rw.build("reshape", out, rw.const(np.zeros(0, np.int64)), allowzero=False) if scalar else out

    def _one(self, size: Dim) -> Any:
        """One size as a vector of one element."""
        rw = self.rw
        total = None
        for mono, coefficient in size.terms.items():
            term = None
            for atom in mono:
                argument, i = self._symbols[Dim({(atom,): 1})]
                read = rw.build("shape", argument, start=i, end=i + 1)
                term = read if term is None else rw.build("mul", term, read)
            if term is None or coefficient != 1:
                factor = rw.const(np.asarray([coefficient], np.int64))
                term = factor if term is None else rw.build("mul", term, factor)
            total = term if total is None else rw.build("add", total, term)
        return total
