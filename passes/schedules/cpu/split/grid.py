"""The loops around register tiles: blocks of rows, parts of the sum, panels, register tiles of a block.

A tile of the kernel is a block of rows and a panel. Panels are innermost in the tile number: those of a range that
belong to one block share the terms of its rows.
"""

from __future__ import annotations

from aicc.passes.schedules.cpu.amx.instructions import ROWS, Tiles
from aicc.passes.schedules.cpu.emit import Index
from aicc.passes.schedules.cpu.emit_kernel import KernelEmitter
from aicc.passes.schedules.cpu.split.plan import Plan, RowCounts
from aicc.passes.schedules.cpu.split.tile import SplitTile, Work


class SplitGrid:
    """Emits the kernel of a `plan`."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._roles = plan.roles

    def tiles(self, e: KernelEmitter) -> Index:
        """The number of tiles of the kernel."""
        total = e.mul(self._panels(e), RowCounts(e, self._plan).blocks)
        for axis in self._roles.axes.outer:
            total = e.mul(total, e.size(self._roles.axes.extents[axis]))
        return total

    def tile_flops(self) -> float:
        """Work of one tile."""
        plan = self._plan
        rows = min(plan.tiles * (plan.height or 2 * ROWS), plan.rows.guess())
        return 2.0 * rows * self._roles.panel * self._roles.depth().guess()

    def _panels(self, e: KernelEmitter) -> Index:
        return e.ceil_div(e.size(self._roles.columns), self._roles.panel)

    def emit(self, e: KernelEmitter) -> None:
        """The whole kernel."""
        plan, axes = self._plan, self._roles.axes
        counts, tiles = RowCounts(e, plan), Tiles(e, "tdpbf16ps")
        tiles.configure(counts.half, ROWS)
        tile = SplitTile(e, plan, counts, tiles)
        panels = self._panels(e)
        with e.loop(e.div("%lo", panels), e.ceil_div("%hi", panels)) as loop:
            before = e.mul(loop.index, panels)
            first = e.max(e.sub("%lo", before), 0)
            end = e.min(e.sub("%hi", before), panels)
            block = e.mul(e.rem(loop.index, counts.blocks), counts.each)
            rest = e.div(loop.index, counts.blocks)
            outer: dict[int, Index] = {}
            for number, axis in reversed(list(enumerate(axes.outer))):
                extent = e.size(axes.extents[axis])
                outer[axis] = e.rem(rest, extent) if number else rest
                rest = e.div(rest, extent)
            rows = e.min(e.sub(counts.total, block), counts.each)
            tile.lines.start(block, rows)
            if plan.parts == 1:
                self._panels_of(e, tile, counts, outer, block, rows, (first, end), (0, plan.steps))
            else:
                with e.loop(first, end, plan.group) as groups, e.loop(0, plan.parts) as parts:
                    begin = e.mul(parts.index, plan.part)
                    steps = begin, e.min(e.add(begin, plan.part), plan.steps)
                    some = groups.index, e.min(e.add(groups.index, plan.group), end)
                    self._panels_of(e, tile, counts, outer, block, rows, some, steps)
        tiles.release()

    def _panels_of(
        self,
        e: KernelEmitter,
        tile: SplitTile,
        counts: RowCounts,
        outer: dict[int, Index],
        block: Index,
        rows: Index,
        panels: tuple[Index, Index],
        steps: tuple[Index, Index],
    ) -> None:
        """One part of the sums of a block, in a range of panels."""
        plan = self._plan
        tiles = e.ceil_div(rows, counts.height)
        with e.loop(*panels) as panel, e.loop(0, tiles) as loop:
            first = e.mul(loop.index, counts.height)
            work = Work(
                outer,
                block,
                first,
                e.min(e.sub(rows, first), counts.height),
                panel.index,
                loop.index,
                tiles,
                *steps,
                e.add(e.mul(e.sub(panel.index, panels[0]), plan.tiles), loop.index),
                e.compare("eq", panel.index, panels[0]),
                e.compare("eq", loop.index, 0),
            )
            tile.multiply(work)
            if plan.parts == 1:
                self._finish(e, tile, work)
            else:
                with e.when(e.compare("eq", steps[1], plan.steps)):
                    self._finish(e, tile, work)
                    e.otherwise()
                    tile.wait(work)

    def _finish(self, e: KernelEmitter, tile: SplitTile, work: Work) -> None:
        """The epilogue of a panel that is whole, or not."""
        columns = e.size(self._roles.columns)
        full, panels = e.div(columns, self._roles.panel), self._panels(e)
        if full == panels:
            tile.finish(work, None)
        elif full == 0:
            tile.finish(work, columns)
        else:
            with e.when(e.compare("slt", work.panel, full)):
                tile.finish(work, None)
                e.otherwise()
                tile.finish(work, columns)
