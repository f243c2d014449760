"""Sums in parts: several blocks share a tile, each adds up a part of the products, and the last to be done joins them.

A block leaves its sums in memory, then counts itself; that which finds all others counted reads the sums of all parts,
in their order: results do not depend on who was last. Counters are zero before a launch and after it.
"""

from __future__ import annotations

from dataclasses import dataclass

from aicc.passes.gpu.temporaries import COUNTERS, MOST_COUNTERS
from aicc.passes.schedules.cpu.emit import Index, vector
from aicc.passes.schedules.cuda.contraction.plan import Plan
from aicc.passes.schedules.cuda.contraction.results import Finish, slab_points
from aicc.passes.schedules.cuda.contraction.roles import Roles
from aicc.passes.schedules.cuda.contraction.rows import TileRows, product_of
from aicc.passes.schedules.cuda.contraction.sums import Sums
from aicc.passes.schedules.cuda.emitter import GpuEmitter, Shared, decompose


@dataclass(frozen=True, eq=False)
class Parts:
    """`sums`: those of all parts, tile by tile; `counters`: how many parts of a tile are done."""

    sums: str
    counters: str
    kind: str
    tiles: int
    plan: Plan

    @staticmethod
    def allocate(e: GpuEmitter, roles: Roles, plan: Plan, tiles: Index) -> Parts:
        """On the host, before the launch."""
        assert isinstance(tiles, int) and tiles <= MOST_COUNTERS, "the plan has parts of few tiles only"
        count = e.index(plan.parts * tiles * plan.rows * plan.columns)
        sums = e.op(f"memref.alloc({count}) : memref<?x{roles.sum_type}>")
        kind = f"memref<{MOST_COUNTERS}xi32>"
        counters = e.op(f"memref.alloc() {{{COUNTERS}}} : {kind}")
        counters = e.op(f"memref.cast {counters} : {kind} to memref<?xi32>")
        return Parts(sums, counters, roles.sum_type, tiles, plan)

    def _at(self, e: GpuEmitter, part: Index, tile: Index, row: Index, column: Index) -> Index:
        line = e.add(e.mul(e.add(e.mul(part, self.tiles), tile), self.plan.rows), row)
        return e.add(e.mul(line, self.plan.columns), column)

    def finish(self, e: GpuEmitter, part: Index, tile: Index) -> Finish:
        """Takes a point's sum of this part."""

        def keep(row: Index, column: Index, at: list[Index], value: str, lanes: int) -> None:
            e.store(value, self.sums, self._at(e, part, tile, row, column), self.kind, lanes)

        return keep

    def is_last(self, e: GpuEmitter, thread: Index, tile: Index, flag: Shared) -> str:
        """An `i1`, the same for all threads: whether the other parts of the tile are there, and to be seen."""
        e.barrier()
        with e.when(e.compare("eq", thread, 0)):
            one = e.constant("1", "i32")
            e.do(_FENCE)
            before = e.op(
                f"memref.atomic_rmw addi {one}, {self.counters}[{e.index(tile)}] : (i32, memref<?xi32>) -> i32"
            )
            e.do(_FENCE)
            e.store_shared(before, flag, [0])
        e.barrier()
        others = e.constant(str(self.plan.parts - 1), "i32")
        return e.op(f"arith.cmpi eq, {e.load_shared(flag, [0])}, {others} : i32")

    def join(
        self,
        e: GpuEmitter,
        roles: Roles,
        held: Sums,
        place: list[Index],
        tile: Index,
        tile_rows: TileRows,
        first_column: Index,
        lanes: int,
        finish: Finish,
    ) -> None:
        """By the last block: the sums of all parts, to what becomes of them."""
        with e.when(e.compare("eq", held.thread, 0)):
            e.store(e.constant("0", "i32"), self.counters, tile, "i32")
        extents = [e.size(extent) for extent in roles.arrangement.layout.extents]
        last_column = product_of(e, roles.columns, extents)
        each, kind = self.plan.columns // lanes, vector(self.kind, lanes)
        add = "addi" if self.kind == "i32" else "addf"
        with e.loop(held.thread, self.plan.rows * each, held.threads) as loop:
            row, column = e.div(loop.index, each), e.mul(e.rem(loop.index, each), lanes)
            with slab_points(e, roles, place, tile_rows, row, e.add(first_column, column), last_column) as at:
                decompose(e, e.add(first_column, column), roles.columns, extents, at)
                found = [
                    e.load(self.sums, self._at(e, part, tile, row, column), self.kind, lanes)
                    for part in range(self.plan.parts)
                ]
                total = found[0]
                for value in found[1:]:
                    total = e.op(f"arith.{add} {total}, {value} : {kind}")
                finish(row, column, at, total, lanes)


_FENCE = 'llvm.fence syncscope("device") acq_rel'


def turns_of(e: GpuEmitter, plan: Plan, turns: Index, part: Index) -> tuple[Index, Index]:
    """The first turn of a part, and how many it has."""
    if plan.parts == 1:
        return 0, turns
    assert isinstance(turns, int), "the plan has parts of known sums only"
    each = -(-turns // plan.parts)
    first = e.mul(part, each)
    return first, each if turns % plan.parts == 0 else e.max(e.min(e.sub(turns, first), each), 0)
