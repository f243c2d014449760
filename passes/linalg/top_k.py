"""The k best elements of rows: insertion into a sorted list for few, selection for some, a heap for many.

Of equal elements the one that comes first is better. A NaN is the greatest.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from aicc.bindings import arith, tensor
from aicc.dialects.sizes import elements
from aicc.dialects.types import DType, TensorType
from aicc.passes.linalg.builder import Builder, Lowered, lowering
from aicc.passes.linalg.loops import loop, loop_nest
from aicc.passes.linalg.scalars import Scalars
from aicc.passes.linalg.shape import name_symbol
from aicc.passes.linalg.sort_keys import key_bits, sort_key
from aicc.passes.linalg.top_k_select import BLOCK, MOST, Row, Selection, blocks_above

_SORTED = 8
"""Up to here moving all that is worse by one place is faster than a heap."""
_SHORT = 256
"""Up to here it also beats selection."""
_BITS = 40


@lowering("topk")
def topk(b: Builder, n: Lowered) -> Any:
    """Rows are independent: `for i… (other dims): row`."""
    x, x_t, axis = n.operands[0], n.typed(0), n.attrs["axis"]
    values_t, indices_t = n.results[0].plain(), n.results[1].plain()
    known = elements(n.typed(1))
    k = b.to_index(b.scalars(n.operands[1], n.typed(1).plain())[0])
    k = arith.MinSIOp(arith.MaxSIOp(k, b.index(0)).result, b.size(x_t.shape[axis])).result
    if known is None or not b.is_known(known[0]):
        name_symbol(b, values_t.shape[axis], k)
        name_symbol(b, indices_t.shape[axis], k)
    count = values_t.shape[axis]
    rows = _Rows(b, x, axis, b.size(count), b.size(x_t.shape[axis]), x_t.dtype, bool(n.attrs["largest"]))
    short = isinstance(x_t.shape[axis], int) and x_t.shape[axis] <= _SHORT
    selects = key_bits(x_t.dtype) == 32 and not b.device
    if isinstance(count, int) and count <= (_SORTED if short or not selects else 1):
        row = rows.insertion
    elif isinstance(count, int) and count <= MOST and selects:
        selection = Selection(b, count, x_t.shape[axis])
        if all(d == 1 for i, d in enumerate(x_t.shape) if i != axis):
            return _alone(b, selection, rows.row([b.index(0)] * (x_t.rank - 1)), values_t, indices_t)

        def row(position: Sequence[Any], carried: Sequence[Any]) -> list[Any]:
            return selection.row(rows.row(position), carried)
    else:
        levels = b.index(count.bit_length()) if isinstance(count, int) else _bit_length(b, rows.k)

        def row(position: Sequence[Any], carried: Sequence[Any]) -> list[Any]:
            return rows.heap(position, carried, levels)

    others = [b.size(d) for i, d in enumerate(x_t.shape) if i != axis]
    return loop_nest(b, others, [b.empty(values_t), b.empty(indices_t)], row)


def _alone(b: Builder, selection: Selection, row: Row, values: TensorType, indices: TensorType) -> list[Any]:
    """A single row in a loop, which makes its steps one kernel. A loop of one round would be folded away: the second
    one finds an empty row."""

    def turn(number: Any, carried: Sequence[Any]) -> list[Any]:
        first = arith.CmpIOp(arith.CmpIPredicate.eq, number, b.index(0)).result
        size = arith.SelectOp(first, row.size, b.index(0)).result
        return selection.row(replace(row, size=size), carried)

    return loop(b, b.index(2), [b.empty(values), b.empty(indices)], turn)


def _bit_length(b: Builder, k: Any) -> Any:
    """Bits of an index that is not negative."""
    total = b.index(0)
    for bit in range(_BITS):
        there = arith.CmpIOp(arith.CmpIPredicate.sge, k, b.index(1 << bit)).result
        total = arith.SelectOp(there, b.index(bit + 1), total).result
    return total


class _Rows:
    """What is the same for all rows: sizes, the order."""

    def __init__(self, b: Builder, x: Any, axis: int, k: Any, size: Any, dtype: DType, largest: bool) -> None:
        self.b, self.x, self.axis, self.k, self.size = b, x, axis, k, size
        self.dtype, self.largest = dtype, largest
        self.s, self.i64 = Scalars(dtype), Scalars(DType.I64)
        self.keys = Scalars(DType.I64 if key_bits(dtype) == 64 else DType.I32)

    def row(self, position: Sequence[Any]) -> Row:
        """The row at `position` of the other dims."""
        return Row(self.x, self.dtype, self.size, lambda t: self.at(position, t), self.largest)

    def better(self, left: Any, right: Any) -> Any:
        """Whether element `left` is better than `right`, wherever they are."""
        return self.keys.cmp("gt", *(sort_key(v, self.dtype, self.largest) for v in (left, right)))

    def at(self, position: Sequence[Any], t: Any) -> list[Any]:
        """Place `t` of a row."""
        return [*position[: self.axis], t, *position[self.axis :]]

    def number(self, t: Any) -> Any:
        """An index as an element of the indices."""
        return arith.IndexCastOp(self.i64.type, t).result

    def insertion(self, position: Sequence[Any], carried: Sequence[Any]) -> list[Any]:
        """
        for blocks with an x[t] that beats the k-th (on a GPU for all): for t: if x[t] beats the k-th:
            for j < k: swap it in, the rest moves down
        """
        b, s, k = self.b, self.s, self.k
        last = arith.MaxSIOp(arith.SubIOp(k, b.index(1)).result, b.index(0)).result

        def block(number: Any, state: Sequence[Any]) -> list[Any]:
            start = arith.MulIOp(number, b.index(BLOCK)).result
            worst = tensor.ExtractOp(state[0], self.at(position, last)).result
            threshold = sort_key(worst, self.dtype, self.largest)
            begins = arith.CmpIOp(arith.CmpIPredicate.slt, start, k).result
            return blocks_above(b, self.row(position), state, threshold, begins, step, start)

        def step(t: Any, state: Sequence[Any]) -> list[Any]:
            candidate = tensor.ExtractOp(self.x, self.at(position, t)).result
            worst = tensor.ExtractOp(state[0], self.at(position, last)).result
            not_full = arith.CmpIOp(arith.CmpIPredicate.slt, t, k).result
            enters = s.or_(not_full, self.better(candidate, worst))
            length = arith.SelectOp(enters, k, b.index(0)).result

            def shift(j: Any, inner: Sequence[Any]) -> list[Any]:
                values, indices, value, index, moving = inner
                place = self.at(position, j)
                here = tensor.ExtractOp(values, place).result
                index_here = tensor.ExtractOp(indices, place).result
                empty = arith.CmpIOp(arith.CmpIPredicate.sge, j, t).result
                moving = s.or_(s.or_(moving, empty), self.better(value, here))
                values = tensor.InsertOp(s.select(moving, value, here), values, place).result
                indices = tensor.InsertOp(s.select(moving, index, index_here), indices, place).result
                value, index = s.select(moving, here, value), s.select(moving, index_here, index)
                return [values, indices, value, index, moving]

            no = Scalars(DType.BOOL).const(0)
            return loop(b, length, [*state, candidate, self.number(t), no], shift)[:2]

        if b.device:
            return loop(b, self.size, carried, step)
        blocks = arith.CeilDivSIOp(self.size, b.index(BLOCK)).result
        return loop(b, blocks, carried, block)

    def heap(self, position: Sequence[Any], carried: Sequence[Any], levels: Any) -> list[Any]:
        """
        the first k as a heap, the worst at its root; for t >= k: if x[t] beats the root: it takes its place and sinks
        for m = k-1 … 1: the root goes to m, what was there sinks from the root: the best comes first
        """
        b, k = self.b, self.k

        def put(t: Any, state: Sequence[Any]) -> list[Any]:
            place = self.at(position, t)
            value = tensor.ExtractOp(self.x, place).result
            return [
                tensor.InsertOp(value, state[0], place).result,
                tensor.InsertOp(self.number(t), state[1], place).result,
            ]

        def order(i: Any, state: Sequence[Any]) -> list[Any]:
            start = arith.SubIOp(arith.SubIOp(k, b.index(1)).result, i).result
            return self._sink(position, state, self._item(position, state, start), start, k, levels)

        def scan(i: Any, state: Sequence[Any]) -> list[Any]:
            t = arith.AddIOp(i, k).result
            candidate = tensor.ExtractOp(self.x, self.at(position, t)).result
            worst = tensor.ExtractOp(state[0], self.at(position, b.index(0))).result
            enters = self.better(candidate, worst)
            rounds = arith.SelectOp(enters, levels, b.index(0)).result
            return self._sink(position, state, (candidate, self.number(t)), b.index(0), k, rounds)

        def sort(i: Any, state: Sequence[Any]) -> list[Any]:
            end = arith.SubIOp(arith.SubIOp(k, b.index(1)).result, i).result
            root = self._item(position, state, b.index(0))
            item = self._item(position, state, end)
            place = self.at(position, end)
            state = [tensor.InsertOp(v, y, place).result for v, y in zip(root, state, strict=True)]
            return self._sink(position, state, item, b.index(0), end, levels)

        state = loop(b, k, carried, put)
        state = loop(b, k, state, order)
        none = arith.CmpIOp(arith.CmpIPredicate.eq, k, b.index(0)).result
        rest = arith.SelectOp(none, b.index(0), arith.SubIOp(self.size, k).result).result
        state = loop(b, rest, state, scan)
        rounds = arith.MaxSIOp(arith.SubIOp(k, b.index(1)).result, b.index(0)).result
        return loop(b, rounds, state, sort)

    def _item(self, position: Sequence[Any], state: Sequence[Any], t: Any) -> tuple[Any, Any]:
        value, index = (tensor.ExtractOp(y, self.at(position, t)).result for y in state)
        return value, index

    def _worse(self, left: tuple[Any, Any], right: tuple[Any, Any]) -> Any:
        """Whether `left` comes after `right`."""
        s = self.keys
        one, other = (sort_key(item[0], self.dtype, self.largest) for item in (left, right))
        later = arith.CmpIOp(arith.CmpIPredicate.sgt, left[1], right[1]).result
        return s.or_(s.cmp("gt", other, one), s.and_(s.cmp("eq", one, other), later))

    def _sink(
        self,
        position: Sequence[Any],
        state: Sequence[Any],
        item: tuple[Any, Any],
        start: Any,
        size: Any,
        levels: Any,
    ) -> list[Any]:
        """`item` in the hole at `start` of a heap of `size`: worse children move up until it is worse than both.

        Every round writes the hole, so that after as many rounds as the heap has levels the item lies in its place.
        """
        b, s = self.b, self.s
        last = arith.MaxSIOp(arith.SubIOp(size, b.index(1)).result, b.index(0)).result

        def level(_: Any, inner: Sequence[Any]) -> list[Any]:
            values, indices, hole = inner
            left = arith.AddIOp(arith.AddIOp(hole, hole).result, b.index(1)).result
            right = arith.MinSIOp(arith.AddIOp(left, b.index(1)).result, last).result
            inside = arith.CmpIOp(arith.CmpIPredicate.slt, left, size).result
            left = arith.MinSIOp(left, last).result
            one, other = (self._item(position, [values, indices], t) for t in (left, right))
            picks = self._worse(other, one)
            child = s.select(picks, other[0], one[0]), s.select(picks, other[1], one[1])
            down = s.and_(inside, self._worse(child, item))
            place = self.at(position, hole)
            values = tensor.InsertOp(s.select(down, child[0], item[0]), values, place).result
            indices = tensor.InsertOp(s.select(down, child[1], item[1]), indices, place).result
            return [values, indices, s.select(down, s.select(picks, right, left), hole)]

        return loop(b, levels, [*state, start], level)[:2]
