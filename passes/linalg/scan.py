"""Walks along an axis as loop nests over scalars."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from aicc.bindings import arith, tensor
from aicc.dialects.types import TensorType
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
    if wide is out.dtype and axis != out.rank - 1:
        return _by_rows(b, n, out, combine, s.const(start))
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


def _by_rows(b: Builder, n: Lowered, out: TensorType, combine: Callable[[Any, Any], Any], start: Any) -> Any:
    """Along a dim that is not the last one, a row of the dims after it at a time, which vectors can do.

    for i… (dims before): y[0] = x[0]; for t: for j… (dims after): y[t][j] = y[t-1][j] + x[t][j]
    """
    x, axis, size = n.operands[0], n.attrs["axis"], b.size(out.shape[n.attrs["axis"]])
    last = arith.SubIOp(size, b.index(1)).result
    before, after = [b.size(d) for d in out.shape[:axis]], [b.size(d) for d in out.shape[axis + 1 :]]

    def place(t: Any) -> Any:
        return arith.SubIOp(last, t).result if n.attrs["reverse"] else t

    def rows(outer: Sequence[Any], carried: Sequence[Any]) -> list[Any]:
        def first(inner: Sequence[Any], state: Sequence[Any]) -> list[Any]:
            where = [*outer, place(b.index(0)), *inner]
            value = start if n.attrs["exclusive"] else tensor.ExtractOp(x, where).result
            return [tensor.InsertOp(value, state[0], where).result]

        def step(t: Any, state: Sequence[Any]) -> list[Any]:
            here, previous = place(arith.AddIOp(t, b.index(1)).result), place(t)

            def element(inner: Sequence[Any], values: Sequence[Any]) -> list[Any]:
                total = tensor.ExtractOp(values[0], [*outer, previous, *inner]).result
                more = tensor.ExtractOp(
                    x, [*outer, previous if n.attrs["exclusive"] else here, *inner]
                ).result
                return [tensor.InsertOp(combine(total, more), values[0], [*outer, here, *inner]).result]

            return loop_nest(b, after, state, element)

        some = arith.CmpIOp(arith.CmpIPredicate.sgt, size, b.index(0)).result
        once = arith.SelectOp(some, b.index(1), b.index(0)).result
        begun = loop(b, once, carried, lambda _, state: loop_nest(b, after, state, first))
        return loop(b, arith.MaxSIOp(last, b.index(0)).result, begun, step)

    return loop_nest(b, before, [b.empty(out)], rows)[0]


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
