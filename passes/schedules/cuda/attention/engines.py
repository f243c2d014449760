"""Both products of a block's rows: on tensor cores, or by multiply-adds of each thread.

Either way a warp has 16 rows, and a thread, of two rows 8 apart, two neighbouring results of each 8: tiles of 2 x 2.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

from aicc.passes.schedules.cpu.emit import Index
from aicc.passes.schedules.cuda.attention.matrices import Matrix, halves, multiply
from aicc.passes.schedules.cuda.emitter import WARP, GpuEmitter, Shared

TILE = "vector<2x2xf32>"

Weights = tuple[list[str], list[str]]
"""Of both rows of a thread, f32, in the order of the keys."""


class Engine(ABC):
    """For `keys` keys at a time."""

    def __init__(self, e: GpuEmitter, q: Matrix, keys: int, thread: Index) -> None:
        self.e, self.q, self.keys = e, q, keys
        self.lane, self.warp = e.rem(thread, WARP), e.div(thread, WARP)

    @abstractmethod
    def scores(self, k: Matrix) -> list[str]:
        """Tiles of 8 keys."""

    @abstractmethod
    def add(self, sums: list[str], weights: Weights, v: Matrix) -> list[str]:
        """Tiles of 8 columns: sums + weights * values."""


class TensorEngine(Engine):
    """`mma.sync.m16n8k16`."""

    KEPT = 128
    """Depth up to which the rows stay in registers."""

    def __init__(self, e: GpuEmitter, q: Matrix, keys: int, thread: Index) -> None:
        super().__init__(e, q, keys, thread)
        kept = q.width <= self.KEPT
        self.queries = [self._query(d) for d in range(0, q.width, 16)] if kept else []

    def _query(self, d: int) -> str:
        e, lane = self.e, self.lane
        line = e.add(e.mul(self.warp, 16), e.rem(lane, 16))
        return self.q.fragments(line, e.add(e.mul(e.div(lane, 16), 8), d), False)

    def scores(self, k: Matrix) -> list[str]:
        e, lane, t = self.e, self.lane, k.element
        scores = [e.constant("dense<0.0>", TILE)] * (self.keys // 8)
        for number in range(self.q.width // 16):
            query = self.queries[number] if self.queries else self._query(number * 16)
            for j in range(0, self.keys // 8, 2):
                line = e.add(e.rem(lane, 8), e.mul(e.div(lane, 16), 8), j * 8)
                column = e.add(e.mul(e.rem(e.div(lane, 8), 2), 8), number * 16)
                for i, part in enumerate(halves(e, k.fragments(line, column, False), t)):
                    scores[j + i] = multiply(e, query, part, scores[j + i], t)
        return scores

    def add(self, sums: list[str], weights: Weights, v: Matrix) -> list[str]:
        e, lane, result, t = self.e, self.lane, list(sums), v.element
        for number in range(self.keys // 16):
            weight = self._fragment(weights, number * 2, t)
            for j in range(0, len(sums), 2):
                line = e.add(e.rem(lane, 16), number * 16)
                column = e.add(e.mul(e.div(lane, 16), 8), j * 8)
                for i, part in enumerate(halves(e, v.fragments(line, column, True), t)):
                    result[j + i] = multiply(e, weight, part, result[j + i], t)
        return result

    def _fragment(self, weights: Weights, tile: int, t: str) -> str:
        """Two tiles of 8 keys as operand A: both rows of the first, then of the second."""
        e = self.e
        kind = f"vector<4x2x{t}>"
        result = e.constant("dense<0.0>", kind)
        for number, (j, half) in enumerate(((tile, 0), (tile, 1), (tile + 1, 0), (tile + 1, 1))):
            pair = e.from_elements(weights[half][2 * j : 2 * j + 2], "f32")
            narrow = e.op(f"arith.truncf {pair} : vector<2xf32> to vector<2x{t}>")
            result = e.op(f"vector.insert {narrow}, {result} [{number}] : vector<2x{t}> into {kind}")
        return result


class PlainEngine(Engine):
    """Multiply-adds in f32. `array` is shared memory for the weights of all rows, `keys + 4` a row."""

    def __init__(self, e: GpuEmitter, q: Matrix, keys: int, thread: Index, array: Shared) -> None:
        super().__init__(e, q, keys, thread)
        self.array = array

    def _rows(self) -> list[Index]:
        e = self.e
        first = e.add(e.mul(self.warp, 16), e.div(self.lane, 4))
        return [first, e.add(first, 8)]

    def _pair(self, number: int) -> Index:
        """The first of two columns of a tile."""
        return self.e.add(self.e.mul(self.e.rem(self.lane, 4), 2), number * 8)

    def scores(self, k: Matrix) -> list[str]:
        e, count = self.e, self.keys // 8
        zeros = [e.constant("0.0", "f32")] * (4 * count)
        with e.loop(0, self.q.width, 4, zeros, ["f32"] * len(zeros)) as loop:
            rows = [self._four(self.q.load(row, loop.index, 4)) for row in self._rows()]
            found = list(loop.args)
            for j in range(count):
                for i in range(2):
                    key = self._four(k.load(e.add(self._pair(j), i), loop.index, 4))
                    for half in range(2):
                        found[4 * j + 2 * half + i] = self._dot(rows[half], key, found[4 * j + 2 * half + i])
            loop.next = found
        return self._tiles(loop.results)

    def add(self, sums: list[str], weights: Weights, v: Matrix) -> list[str]:
        e = self.e
        rows = self._rows()
        for half in range(2):
            for j in range(self.keys // 8):
                pair = e.from_elements(weights[half][2 * j : 2 * j + 2], "f32")
                e.store_shared(pair, self.array, [rows[half], self._pair(j)], 2)
        e.barrier()
        starts = [
            e.op(f"vector.extract {tile}[{half}, {i}] : f32 from {TILE}")
            for tile in sums
            for half in range(2)
            for i in range(2)
        ]
        with e.loop(0, self.keys, 4, starts, ["f32"] * len(starts)) as loop:
            factors = [self._four(e.load_shared(self.array, [row, loop.index], 4)) for row in rows]
            found = list(loop.args)
            for n in range(4):
                for j in range(len(sums)):
                    values = v.load(e.add(loop.index, n), self._pair(j), 2)
                    for i in range(2):
                        value = e.op(f"vector.extract {values}[{i}] : f32 from vector<2xf32>")
                        for half in range(2):
                            at = 4 * j + 2 * half + i
                            found[at] = e.fma(factors[half][n], value, found[at], "f32", 1)
            loop.next = found
        return self._tiles(loop.results)

    def _four(self, value: str) -> list[str]:
        return [self.e.op(f"vector.extract {value}[{i}] : f32 from vector<4xf32>") for i in range(4)]

    def _dot(self, left: Sequence[str], right: Sequence[str], total: str) -> str:
        for a, b in zip(left, right, strict=True):
            total = self.e.fma(a, b, total, "f32", 1)
        return total

    def _tiles(self, values: Sequence[str]) -> list[str]:
        return [
            self.e.op(f"vector.from_elements {', '.join(values[at : at + 4])} : {TILE}")
            for at in range(0, len(values), 4)
        ]
