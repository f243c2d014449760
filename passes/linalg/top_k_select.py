"""The k best elements of a row, for k up to some hundreds: what may be among them is collected, and thinned out.

    the threshold is the k-th greatest of the maxima of columns, the row seen as a matrix: no less than k reach it
    keep an element when its key reaches the threshold; when the buffer is full:
    bisect for the k-th greatest key, keep those from it on; it is the new threshold
    at the end: the place of each of the k is the number of greater ones

A key holds the order of the value above the bits of the inverted index, so that of equal values the first one is
better and no two keys are equal. Vectors form the maxima, pass over blocks of a row without an element above the
threshold, and count, for the bisection (a radix search, one bit of the key a round) and for the places.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from aicc.bindings import arith, ir, tensor
from aicc.dialects.symbolic import DimLike
from aicc.dialects.types import DType
from aicc.passes.linalg.builder import Builder
from aicc.passes.linalg.loops import loop
from aicc.passes.linalg.scalars import Scalars
from aicc.passes.linalg.sort_keys import sort_key

BLOCK = 64
"""Elements of a row that are passed over together."""
MOST = 512
"""Beyond, counting the greater ones of each costs more than a heap."""

_SPARE = 16
"""So many more than k are counted rather than thinned out."""


@dataclass(frozen=True)
class Row:
    """A row of `x` of `size` elements; `at(t)` is the place of element `t` in any of the tensors."""

    x: Any
    dtype: DType
    size: Any
    at: Any
    largest: bool


def blocks_above(
    b: Builder, row: Row, state: Sequence[Any], threshold: Any, always: Any, visit: Any, start: Any
) -> list[Any]:
    """`state = visit(t, state)` for all `t` of the block at `start`, when one of its keys is above `threshold` (i32 or
    i64), or `always` (i1)."""
    flags = Scalars(DType.I32)
    rest = arith.SubIOp(row.size, start).result
    length = arith.MinSIOp(rest, b.index(BLOCK)).result

    def look(j: Any, found: Sequence[Any]) -> list[Any]:
        key = row_key(row, arith.AddIOp(start, j).result)
        above = arith.CmpIOp(arith.CmpIPredicate.sgt, key, threshold).result
        return [flags.or_(found[0], arith.ExtUIOp(flags.type, above).result)]

    found = loop(b, length, [flags.const(0)], look)[0]
    wanted = arith.OrIOp(flags.cmp("ne", found, flags.const(0)), always).result
    rounds = arith.SelectOp(wanted, length, b.index(0)).result
    return loop(b, rounds, state, lambda j, inner: visit(arith.AddIOp(start, j).result, inner))


def row_key(row: Row, t: Any) -> Any:
    """The key of element `t`."""
    return sort_key(tensor.ExtractOp(row.x, row.at(t)).result, row.dtype, row.largest)


class Selection:
    """`k` (static) best of rows of elements of up to 32 bits."""

    def __init__(self, b: Builder, k: int, length: DimLike) -> None:
        self.b, self.k = b, k
        self.i32, self.i64 = Scalars(DType.I32), Scalars(DType.I64)
        self.low = max(1, (length - 1).bit_length()) if isinstance(length, int) else 32
        self.room = -(-2 * (k + BLOCK) // BLOCK) * BLOCK
        self.columns = max(BLOCK, 1 << (3 * k - 1).bit_length())
        self.few = isinstance(length, int) and length < 4 * self.columns

    def row(self, row: Row, carried: Sequence[Any]) -> list[Any]:
        """The values and indices of one row, inserted into `carried`."""
        b = self.b
        # Not carried from row to row: rows are independent.
        keys = tensor.EmptyOp([self.room], self.i64.type).result
        least = self.i32.const(-1 << 31)
        reached = least if self.few else self._column_threshold(row)
        all_enter = self.i32.cmp("eq", reached, least)
        # What is kept is above the threshold.
        threshold = self.i32.select(all_enter, least, self.i32.sub(reached, self.i32.const(1)))
        state = [keys, b.index(0), threshold, all_enter]
        blocks = arith.CeilDivSIOp(row.size, b.index(BLOCK)).result
        keys, count, *_ = loop(b, blocks, state, lambda t, inner: self._block(row, t, inner))
        keys, count, _ = self._thinned(
            keys, count, arith.CmpIOp(_SGT, count, b.index(self.k + _SPARE)).result
        )
        return self._place(row, keys, count, carried)

    def _column_threshold(self, row: Row) -> Any:
        """The k-th greatest of the maxima of columns; the least key when there are no rows."""
        b, s = self.b, self.i32
        maxima = tensor.EmptyOp([self.columns], s.type).result
        columns = b.index(self.columns)

        def clear(c: Any, state: Sequence[Any]) -> list[Any]:
            return [tensor.InsertOp(s.const(-1 << 31), state[0], [c]).result]

        def line(number: Any, state: Sequence[Any]) -> list[Any]:
            start = arith.MulIOp(number, columns).result

            def one(c: Any, inner: Sequence[Any]) -> list[Any]:
                key = row_key(row, arith.AddIOp(start, c).result)
                most = s.max(tensor.ExtractOp(inner[0], [c]).result, key)
                return [tensor.InsertOp(most, inner[0], [c]).result]

            return loop(b, columns, state, one)

        maxima = loop(b, columns, [maxima], clear)[0]
        maxima = loop(b, arith.DivUIOp(row.size, columns).result, [maxima], line)[0]
        return self._kth(s, 32, maxima, columns, b.index(32))

    def _kth(self, s: Scalars, bits: int, keys: Any, count: Any, rounds: Any) -> Any:
        """The k-th greatest of the first `count` keys of `bits` bits; none when `rounds` is not `bits` but 0."""
        b = self.b

        def narrow(number: Any, state: Sequence[Any]) -> list[Any]:
            shift = s.sub(s.const(bits - 1), arith.IndexCastOp(s.type, number).result)
            candidate = s.add(state[0], arith.ShLIOp(s.const(1), shift).result)

            def one(i: Any, total: Sequence[Any]) -> list[Any]:
                enough = s.cmp("ge", tensor.ExtractOp(keys, [i]).result, candidate)
                return [s.add(total[0], arith.ExtUIOp(s.type, enough).result)]

            above = loop(b, count, [s.const(0)], one)[0]
            return [s.select(s.cmp("ge", above, s.const(self.k)), candidate, state[0])]

        return loop(b, rounds, [s.const(-1 << (bits - 1))], narrow)[0]

    def _block(self, row: Row, number: Any, state: Sequence[Any]) -> list[Any]:
        b = self.b
        keys, count, threshold, all_enter = state
        start = arith.MulIOp(number, b.index(BLOCK)).result

        def append(t: Any, inner: Sequence[Any]) -> list[Any]:
            key = row_key(row, t)
            held = tensor.InsertOp(self._full_key(key, t), inner[0], [inner[1]]).result
            enters = arith.OrIOp(arith.CmpIOp(_SGT, key, threshold).result, all_enter).result
            step = arith.IndexCastUIOp(ir.IndexType.get(), enters).result
            return [held, arith.AddIOp(inner[1], step).result]

        keys, count = blocks_above(b, row, [keys, count], threshold, all_enter, append, start)
        # An element that does not enter is written behind the others: there is always room for one more.
        full = arith.CmpIOp(_SGT, count, b.index(self.room - BLOCK - 1)).result
        keys, count, least = self._thinned(keys, count, full)
        value = arith.TruncIOp(self.i32.type, arith.ShRSIOp(least, self.i64.const(self.low)).result).result
        no = arith.ConstantOp(ir.IntegerType.get_signless(1), 0).result
        threshold = arith.SelectOp(full, value, threshold).result
        return [keys, count, threshold, arith.SelectOp(full, no, all_enter).result]

    def _full_key(self, key: Any, t: Any) -> Any:
        """The order of the value, then of the index from the end."""
        s = self.i64
        high = arith.ShLIOp(arith.ExtSIOp(s.type, key).result, s.const(self.low)).result
        return s.or_(high, s.sub(s.const((1 << self.low) - 1), arith.IndexCastOp(s.type, t).result))

    def _thinned(self, keys: Any, count: Any, wanted: Any) -> tuple[Any, Any, Any]:
        """When `wanted`: the k greatest keys, how many there are, and the least of them."""
        b, s = self.b, self.i64
        bits = 32 + self.low

        rounds = arith.SelectOp(wanted, b.index(bits), b.index(0)).result
        least = self._kth(s, bits, keys, count, rounds)

        def keep(i: Any, state: Sequence[Any]) -> list[Any]:
            key = tensor.ExtractOp(state[0], [i]).result
            step = arith.IndexCastUIOp(ir.IndexType.get(), s.cmp("ge", key, least)).result
            kept = tensor.InsertOp(key, state[0], [state[1]]).result
            return [kept, arith.AddIOp(state[1], step).result]

        length = arith.SelectOp(wanted, count, b.index(0)).result
        keys, left = loop(b, length, [keys, b.index(0)], keep)
        return keys, arith.SelectOp(wanted, left, count).result, least

    def _place(self, row: Row, keys: Any, count: Any, carried: Sequence[Any]) -> list[Any]:
        b, s = self.b, self.i64

        def put(i: Any, state: Sequence[Any]) -> list[Any]:
            key = tensor.ExtractOp(keys, [i]).result

            def one(j: Any, total: Sequence[Any]) -> list[Any]:
                greater = s.cmp("gt", tensor.ExtractOp(keys, [j]).result, key)
                return [s.add(total[0], arith.ExtUIOp(s.type, greater).result)]

            place = b.to_index(loop(b, count, [s.const(0)], one)[0])
            mask = s.const((1 << self.low) - 1)
            index = s.sub(mask, s.and_(key, mask))
            value = tensor.ExtractOp(row.x, row.at(b.to_index(index))).result
            best = arith.CmpIOp(arith.CmpIPredicate.slt, place, b.index(self.k)).result

            def store(_: Any, inner: Sequence[Any]) -> list[Any]:
                return [
                    tensor.InsertOp(value, inner[0], row.at(place)).result,
                    tensor.InsertOp(index, inner[1], row.at(place)).result,
                ]

            return loop(b, arith.SelectOp(best, b.index(1), b.index(0)).result, state, store)

        return loop(b, count, carried, put)


_SGT = arith.CmpIPredicate.sgt
