"""Walks along an axis as loop nests over scalars."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from aicc.bindings import arith, tensor
from aicc.dialects.sizes import elements
from aicc.dialects.types import DType
from aicc.passes.linalg.builder import Builder, Lowered, lowering
from aicc.passes.linalg.elementwise import compute_dtype
from aicc.passes.linalg.loops import loop, loop_nest
from aicc.passes.linalg.scalars import Scalars, cast
from aicc.passes.linalg.shape import name_symbol
from aicc.passes.linalg.views import move, wrap_index


@lowering("cumsum")
def cumsum(b: Builder, n: Lowered) -> Any:
    """
    for i… (other dims): sum = 0; for t: sum += x[t]; y[t] = sum
    """
    x, out, axis = n.operands[0], n.results[0].plain(), n.attrs["axis"]
    wide = compute_dtype(out.dtype)
    s = Scalars(wide)
    size = b.size(out.shape[axis])
    last = arith.SubIOp(size, b.index(1)).result
    others = [b.size(d) for i, d in enumerate(out.shape) if i != axis]

    def row(position: Sequence[Any], carried: Sequence[Any]) -> list[Any]:
        def step(t: Any, state: Sequence[Any]) -> list[Any]:
            y, total = state
            t = arith.SubIOp(last, t).result if n.attrs["reverse"] else t
            where = [*position[:axis], t, *position[axis:]]
            more = s.add(total, cast(tensor.ExtractOp(x, where).result, out.dtype, wide))
            stored = cast(total if n.attrs["exclusive"] else more, wide, out.dtype)
            return [tensor.InsertOp(stored, y, where).result, more]

        return loop(b, size, [carried[0], s.const(0)], step)[:1]

    return loop_nest(b, others, [b.empty(out)], row)[0]


@lowering("topk")
def topk(b: Builder, n: Lowered) -> Any:
    """Insertion into a sorted list of k, one element after the other.

    for i… (other dims): for t: if x[t] beats the k-th: for j < k: swap it in, the rest moves down
    """
    x, x_t, axis = n.operands[0], n.typed(0), n.attrs["axis"]
    values_t, indices_t = n.results[0].plain(), n.results[1].plain()
    known = elements(n.typed(1))
    k = b.to_index(b.scalars(n.operands[1], n.typed(1).plain())[0])
    k = arith.MinSIOp(arith.MaxSIOp(k, b.index(0)).result, b.size(x_t.shape[axis])).result
    if known is None or not b.is_known(known[0]):
        name_symbol(b, values_t.shape[axis], k)
        name_symbol(b, indices_t.shape[axis], k)
    k = b.size(values_t.shape[axis])
    s, i64 = Scalars(x_t.dtype), Scalars(DType.I64)
    better = "gt" if n.attrs["largest"] else "lt"
    last = arith.MaxSIOp(arith.SubIOp(k, b.index(1)).result, b.index(0)).result
    others = [b.size(d) for i, d in enumerate(x_t.shape) if i != axis]

    def row(position: Sequence[Any], carried: Sequence[Any]) -> list[Any]:
        def at(t: Any) -> list[Any]:
            return [*position[:axis], t, *position[axis:]]

        def step(t: Any, state: Sequence[Any]) -> list[Any]:
            candidate = tensor.ExtractOp(x, at(t)).result
            number = arith.IndexCastOp(i64.type, t).result
            worst = tensor.ExtractOp(state[0], at(last)).result
            not_full = arith.CmpIOp(arith.CmpIPredicate.slt, t, k).result
            enters = s.or_(not_full, s.cmp(better, candidate, worst))
            length = arith.SelectOp(enters, k, b.index(0)).result

            def shift(j: Any, inner: Sequence[Any]) -> list[Any]:
                values, indices, value, index, moving = inner
                here = tensor.ExtractOp(values, at(j)).result
                index_here = tensor.ExtractOp(indices, at(j)).result
                empty = arith.CmpIOp(arith.CmpIPredicate.sge, j, t).result
                moving = s.or_(s.or_(moving, empty), s.cmp(better, value, here))
                values = tensor.InsertOp(s.select(moving, value, here), values, at(j)).result
                indices = tensor.InsertOp(s.select(moving, index, index_here), indices, at(j)).result
                return [
                    values,
                    indices,
                    s.select(moving, here, value),
                    s.select(moving, index_here, index),
                    moving,
                ]

            no = Scalars(DType.BOOL).const(0)
            return loop(b, length, [*state, candidate, number, no], shift)[:2]

        return loop(b, b.size(x_t.shape[axis]), carried, step)

    # filled, not empty: the first comparisons read what no element has been put into yet
    inits = [b.fill(values_t, 0), b.fill(indices_t, 0)]
    return loop_nest(b, others, inits, row)


@lowering("reverse_sequence")
def reverse_sequence(b: Builder, n: Lowered) -> Any:
    x, lengths, batch, time = n.operands[0], n.operands[1], n.attrs["batch_axis"], n.attrs["time_axis"]

    def element(*at: Any) -> Any:
        count = b.to_index(tensor.ExtractOp(lengths, [at[batch]]).result)
        inside = arith.CmpIOp(arith.CmpIPredicate.slt, at[time], count).result
        mirrored = arith.SubIOp(arith.SubIOp(count, b.index(1)).result, at[time]).result
        where = list(at)
        picked = arith.SelectOp(inside, mirrored, at[time]).result
        where[time] = wrap_index(b, picked, b.size(n.typed(0).shape[time]))
        return tensor.ExtractOp(x, where).result

    return move(b, n.results[0], element)
