"""One tile of a contraction's kernel: the register tiles of its block of rows, with all or parts of their sums."""

from __future__ import annotations

from dataclasses import dataclass, replace

from aicc.passes.schedules.cpu.contraction.parts import PartFill, PartTile, Stage
from aicc.passes.schedules.cpu.contraction.plan import RowTile
from aicc.passes.schedules.cpu.contraction.prefetch import Ahead
from aicc.passes.schedules.cpu.contraction.roles import Roles
from aicc.passes.schedules.cpu.contraction.row_tiles import Emit, RowTiles
from aicc.passes.schedules.cpu.contraction.tile import Part, Place, TileEmitter
from aicc.passes.schedules.cpu.emit import Index
from aicc.passes.schedules.cpu.emit_kernel import KernelEmitter


@dataclass(frozen=True)
class KernelTile:
    """Where a tile of the kernel is: `at[axis]` for outer and column axes, `panel` of B, `block` of rows; `vectors` of
    the panel, or of it and the next, are computed. A `partial` panel is not filled by columns."""

    at: dict[int, Index]
    panel: Index
    block: Index
    vectors: int
    partial: bool = False


class BlockEmitter:
    """What blocks of one contraction have in common, and how a register tile finds its place."""

    def __init__(self, e: KernelEmitter, roles: Roles, rows: RowTiles, lanes: int) -> None:
        self._e = e
        self._roles = roles
        self._rows = rows
        self._lanes = lanes

    def _one(self, tile: TileEmitter, here: KernelTile, size: Index | None, part: Part | None) -> Emit:
        """What emits one register tile, of a `part` of its sum; `size` elements of the panel are used before the
        next, which are prefetched if that is set."""
        e, roles, rows = self._e, self._roles, self._rows
        vectors, columns = here.vectors, None
        if here.partial:
            columns = e.size(roles.axes.extents[roles.axes.column])
            if isinstance(columns, int):
                vectors = -(-(columns % roles.panel) // self._lanes)

        def one(line: Index, start: Index, shape: RowTile, number: Index, shares: Index) -> None:
            ahead = None if size is None else Ahead(number, shares, size)
            now = part
            if part is not None:
                row = e.mul(number, rows.shapes[0].wide)
                if rows.width.static is None:
                    row = e.sub(start, e.mul(here.block, rows.each(e)))
                now = replace(part, waiting=e.mul(row, roles.panel))
            at = rows.place(here.at, line, start)
            tile.emit(Place(at, here.panel, rows.offsets(shape), vectors, columns, shape.there), ahead, now)

        return one


class DirectBlock(BlockEmitter):
    """Register tiles that read B where it lies, or where the kernel has put a panel of it: whole sums, or `parts` of
    equal length between which the sums of a block wait in the scratch. `ahead`: the next panel is prefetched."""

    def __init__(
        self,
        e: KernelEmitter,
        roles: Roles,
        rows: RowTiles,
        lanes: int,
        tile: TileEmitter,
        parts: int,
        ahead: bool,
    ) -> None:
        super().__init__(e, roles, rows, lanes)
        self._tile = tile
        self._parts = parts
        self._ahead = ahead

    def emit(self, here: KernelTile) -> None:
        """One tile of the kernel."""
        e, roles, rows, tile, parts = self._e, self._roles, self._rows, self._tile, self._parts
        size = e.div(e.mul(e.size(roles.depth()), roles.step), parts) if self._ahead else None
        if parts == 1:
            rows.emit(e, here.block, self._one(tile, here, size, None))
            return
        steps = (roles.depth().static or 0) // parts
        tile.start_parts(*rows.waiting(e))
        with e.loop(0, parts) as loop:
            last = e.compare("eq", loop.index, parts - 1)
            first = e.mul(loop.index, steps)
            rows.emit(e, here.block, self._one(tile, here, size, Part(first, first, steps, last)))


class StagedBlock(BlockEmitter):
    """Part by part of the sum, B becomes f32 in the scratch (`parts`), where all register tiles read it."""

    def __init__(
        self,
        e: KernelEmitter,
        roles: Roles,
        rows: RowTiles,
        lanes: int,
        stage: Stage,
        fill: PartFill,
        tile: PartTile,
    ) -> None:
        super().__init__(e, roles, rows, lanes)
        self._stage = stage
        self._fill = fill
        self._tile = tile

    def emit(self, here: KernelTile) -> None:
        """One tile of the kernel."""
        e, rows, stage, fill, tile = self._e, self._rows, self._stage, self._fill, self._tile
        size = stage.each * self._roles.step if stage.ahead else None
        if stage.parts == 1:
            tile.source = fill.emit_part(here.at, here.panel, 0, stage.units)
            rows.emit(e, here.block, self._one(tile, here, size, None))
            return
        tile.start_parts(*rows.waiting(e))
        with e.loop(0, stage.parts) as loop:
            unit = e.mul(loop.index, stage.each)
            count: Index = stage.each
            if stage.units % stage.each:
                count = e.min(stage.each, e.sub(stage.units, unit))
            tile.source = fill.emit_part(here.at, here.panel, unit, count)
            last = e.compare("eq", loop.index, stage.parts - 1)
            part = Part(e.mul(unit, stage.numbers), 0, e.mul(count, stage.numbers), last)
            rows.emit(e, here.block, self._one(tile, here, size, part))
