"""Walks along an axis as loop nests over scalars."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from aicc.bindings import arith, tensor
from aicc.passes.linalg.builder import Builder, Lowered, lowering
from aicc.passes.linalg.elementwise import compute_dtype
from aicc.passes.linalg.loops import loop, loop_nest
from aicc.passes.linalg.scalars import Scalars, cast
from aicc.passes.linalg.views import move, wrap_index


@lowering("cumsum", "cumprod")
def cumulate(b: Builder, n: Lowered) -> Any:
    """
    for i… (other dims): sum = 0; for t: sum += x[t]; y[t] = sum          (a product likewise, from 1)
    """
    x, out, axis = n.operands[0], n.results[0].plain(), n.attrs["axis"]
    wide = compute_dtype(out.dtype)
    s = Scalars(wide)
    combine, start = (s.add, 0) if n.op.name == "cumsum" else (s.mul, 1)
    size = b.size(out.shape[axis])
    last = arith.SubIOp(size, b.index(1)).result
    others = [b.size(d) for i, d in enumerate(out.shape) if i != axis]

    def row(position: Sequence[Any], carried: Sequence[Any]) -> list[Any]:
        def step(t: Any, state: Sequence[Any]) -> list[Any]:
            y, total = state
            t = arith.SubIOp(last, t).result if n.attrs["reverse"] else t
            where = [*position[:axis], t, *position[axis:]]
            more = combine(total, cast(tensor.ExtractOp(x, where).result, out.dtype, wide))
            stored = cast(total if n.attrs["exclusive"] else more, wide, out.dtype)
            return [tensor.InsertOp(stored, y, where).result, more]

        return loop(b, size, [carried[0], s.const(start)], step)[:1]

    return loop_nest(b, others, [b.empty(out)], row)[0]


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
