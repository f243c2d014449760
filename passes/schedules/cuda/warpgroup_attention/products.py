"""Both products of a warpgroup's 64 rows; of each 16 rows one warp has the results."""

from __future__ import annotations

from collections.abc import Sequence

from aicc.passes.schedules.cpu.emit import Index
from aicc.passes.schedules.cuda.asynchronous import (
    accumulators,
    begin_products,
    end_products,
    product,
    product_depth,
    product_of_registers,
)
from aicc.passes.schedules.cuda.attention.engines import TILE, Weights
from aicc.passes.schedules.cuda.emitter import GpuEmitter
from aicc.passes.schedules.cuda.warpgroup_attention.tiles import Tiles, ahead

ROWS = 64
"""Of a warpgroup."""


class Products:
    """Of warpgroup `group`. Neither product is waited for."""

    def __init__(self, e: GpuEmitter, q: Tiles, k: Tiles, v: Tiles, element: str, group: Index) -> None:
        self.e, self.q, self.k, self.v, self.element = e, q, k, v, element
        self.depth = product_depth(element)
        self.queries = q.descriptor(0, e.mul(group, ROWS), q.layout.summed_columns)

    def scores(self, stage: Index) -> str:
        """Of the keys of a stage: a struct, as `tiles` reads it."""
        e, q, k = self.e, self.q.layout, self.k.layout
        keys = self.k.descriptor(stage, 0, k.summed_columns)
        sums: str | None = None
        begin_products(e)
        for d in range(0, q.width, self.depth):
            left, right = ahead(e, self.queries, q.along(d)), ahead(e, keys, k.along(d))
            sums = product(e, left, right, sums, k.lines, (self.element, self.element), (True, True))
        end_products(e)
        assert sums is not None
        return sums

    def tiles(self, scores: str) -> list[str]:
        """Of each 8 keys the scores of a thread's two rows."""
        e, count = self.e, self.k.layout.lines // 2
        kind = accumulators(2 * count, "f32")
        values = [e.op(f"llvm.extractvalue {scores}[{i}] : {kind}") for i in range(count)]
        return [
            e.op(f"vector.from_elements {', '.join(values[i : i + 4])} : {TILE}") for i in range(0, count, 4)
        ]

    def packed(self, weights: Weights) -> list[str]:
        """Weights as left operands: an `i32` has two neighbours of a row; of each 8 keys both rows."""
        e, t = self.e, self.element
        found = []
        for first in range(0, len(weights[0]), 2):
            for half in range(2):
                pair = e.from_elements(weights[half][first : first + 2], "f32")
                narrow = e.op(f"arith.truncf {pair} : vector<2xf32> to vector<2x{t}>")
                found.append(e.op(f"llvm.bitcast {narrow} : vector<2x{t}> to i32"))
        return found

    def add(self, sums: Sequence[str], weights: Sequence[str], stage: Index) -> list[str]:
        """sums + weights * values of a stage; `f32` each, of each 8 columns two neighbours of either row."""
        e, v = self.e, self.v.layout
        values = self.v.descriptor(stage, 0, v.summed_lines)
        begin_products(e)
        result = list(sums)
        for number, key in enumerate(range(0, v.lines, self.depth)):
            left, right = weights[4 * number : 4 * number + 4], ahead(e, values, key * 128)
            result = product_of_registers(e, left, right, result, self.element, False)
        end_products(e)
        return result
