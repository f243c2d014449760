"""Padding: `tensor.pad` with a constant, else a generic that reads at a mirrored or wrapped position."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from aicc.bindings import arith, tensor
from aicc.dialects.sizes import elements
from aicc.dialects.symbolic import DimLike, product
from aicc.passes.linalg.builder import Builder, Lowered, lowering
from aicc.passes.linalg.shape import name_symbol
from aicc.passes.linalg.views import clamp_index, move, pad, pad_value


@lowering("pad")
def pad_op(b: Builder, n: Lowered) -> Any:
    x, x_t, out, axes = n.operands[0], n.typed(0).plain(), n.results[0].plain(), n.attrs["axes"]
    known = elements(n.typed(1))
    count = len(axes)
    low: list[Any] = [0] * x_t.rank
    high: list[Any] = [0] * x_t.rank
    if known is None or not all(isinstance(p, int) for p in known):
        scalars = [b.to_index(e) for e in b.scalars(n.operands[1], n.typed(1).plain())]
        for j, axis in enumerate(axes):
            low[axis], high[axis] = scalars[j], scalars[count + j]
            size = arith.AddIOp(b.size(x_t.shape[axis]), low[axis]).result
            name_symbol(b, out.shape[axis], arith.AddIOp(size, high[axis]).result)
        return _by_position(b, n, low, high)
    for j, axis in enumerate(axes):
        low[axis], high[axis] = known[j], known[count + j]
    if n.attrs["mode"] == "constant":
        return pad(b, x, x_t, low, high, _fill(b, n))[0]
    return _by_position(b, n, low, high)


def _fill(b: Builder, n: Lowered) -> Any:
    """The value to pad with, as a stored scalar."""
    if n.operands[2] is None:
        return pad_value(n.results[0].dtype, 0)
    return b.scalars(n.operands[2], n.typed(2).plain())[0]


def _by_position(b: Builder, n: Lowered, low: list[Any], high: list[Any]) -> Any:
    """`y[i] = x[f(i − low)]`, `f` by mode; what is cropped is gone before anything is mirrored or wrapped."""
    x, x_t, mode = n.operands[0], n.typed(0), n.attrs["mode"]
    fill = _fill(b, n) if mode == "constant" else None
    nonempty = _has_elements(b, x_t.shape)
    source = {"constant": _nearest, "edge": _nearest, "reflect": _mirrored, "wrap": _wrapped}[mode]

    def element(*at: Any) -> Any:
        where = []
        inside: Any = None
        for i, d in enumerate(x_t.shape):
            if isinstance(low[i], int) and low[i] == 0 and isinstance(high[i], int) and high[i] == 0:
                where.append(at[i])
                continue
            added, cropped = _split(b, low[i])
            position = arith.SubIOp(at[i], added).result
            size = arith.SubIOp(arith.SubIOp(b.size(d), cropped).result, _split(b, high[i])[1]).result
            where.append(arith.AddIOp(source(b, position, size), cropped).result)
            if mode == "constant":
                # one unsigned comparison: a negative position is a large one
                ok = arith.CmpIOp(arith.CmpIPredicate.ult, position, size).result
                inside = ok if inside is None else arith.AndIOp(inside, ok).result
        if nonempty is not None:  # of nothing, the first element: a line of memory is always there
            where = [arith.SelectOp(nonempty, position, b.index(0)).result for position in where]
        value = tensor.ExtractOp(x, where).result
        return value if inside is None else arith.SelectOp(inside, value, fill).result

    return move(b, n.results[0], element)


def _has_elements(b: Builder, shape: Sequence[DimLike]) -> Any | None:
    """Whether a tensor has any, as an i1; None where it is known to."""
    if all(isinstance(d, int) and d > 0 for d in shape):
        return None
    return arith.CmpIOp(arith.CmpIPredicate.sgt, b.size(product(shape)), b.index(0)).result


def _split(b: Builder, amount: Any) -> tuple[Any, Any]:
    """How many elements a pad adds, and how many it crops, as index values."""
    if isinstance(amount, int):
        return b.index(max(amount, 0)), b.index(max(-amount, 0))
    negated = arith.SubIOp(b.index(0), amount).result
    return arith.MaxSIOp(amount, b.index(0)).result, arith.MaxSIOp(negated, b.index(0)).result


def _nearest(b: Builder, position: Any, size: Any) -> Any:
    return clamp_index(b, position, size)


def _floor_mod(b: Builder, position: Any, size: Any) -> Any:
    r = arith.RemSIOp(position, size).result
    negative = arith.CmpIOp(arith.CmpIPredicate.slt, r, b.index(0)).result
    return arith.SelectOp(negative, arith.AddIOp(r, size).result, r).result


def _wrapped(b: Builder, position: Any, size: Any) -> Any:
    return _floor_mod(b, position, arith.MaxSIOp(size, b.index(1)).result)


def _mirrored(b: Builder, position: Any, size: Any) -> Any:
    """Back and forth over `[0, size)` with period `2·(size − 1)`."""
    last = arith.SubIOp(size, b.index(1)).result
    period = arith.MaxSIOp(arith.MulIOp(last, b.index(2)).result, b.index(1)).result
    r = _floor_mod(b, position, period)
    beyond = arith.CmpIOp(arith.CmpIPredicate.sgt, r, last).result
    return arith.SelectOp(beyond, arith.SubIOp(period, r).result, r).result
