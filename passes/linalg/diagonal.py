"""Ops about the diagonal: generics that compare row and column."""

from __future__ import annotations

from typing import Any

from aicc.bindings import arith
from aicc.passes.linalg.builder import Builder, Lowered, lowering
from aicc.passes.linalg.shape import name_symbol
from aicc.passes.linalg.views import index_of, move, pad_value, stored


@lowering("eye")
def eye(b: Builder, n: Lowered) -> Any:
    out = n.results[0]
    for d, e in zip(out.shape, b.scalars(n.operands[0], n.typed(0).plain()), strict=True):
        name_symbol(b, d, b.to_index(e))
    zero, one = pad_value(out.dtype, 0), pad_value(out.dtype, 1)

    def element(row: Any, column: Any) -> Any:
        diagonal = arith.AddIOp(row, b.index(n.attrs["k"])).result
        return arith.SelectOp(arith.CmpIOp(arith.CmpIPredicate.eq, diagonal, column).result, one, zero).result

    return move(b, out, element)


@lowering("trilu")
def trilu(b: Builder, n: Lowered) -> Any:
    """`y[…, i, j] = x[…, i, j]` where `j − i >= k` (upper) or `<= k` (lower), else 0."""
    x_t, out = stored(n.typed(0)), stored(n.results[0])
    k = b.index(0) if n.operands[1] is None else b.to_index(b.scalars(n.operands[1], n.typed(1).plain())[0])
    zero = pad_value(n.results[0].dtype, 0)
    predicate = arith.CmpIPredicate.sge if n.attrs["upper"] else arith.CmpIPredicate.sle

    def element(x: Any) -> Any:
        above = arith.SubIOp(index_of(out.rank - 1), index_of(out.rank - 2)).result
        return arith.SelectOp(arith.CmpIOp(predicate, above, k).result, x, zero).result

    return b.pointwise(out, [(n.operands[0], x_t)], element)
