"""The loops around the register tiles: tiles of the kernel, lines, register tiles along a line.

A tile of the kernel is one block of rows and one panel of columns. Panels are innermost in the tile
number, so that a thread that takes neighbouring tiles keeps its rows of A in the L2 cache while B
streams by.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TypeAlias

from aicc.passes.schedules.cpu.contraction.block import DirectBlock, KernelTile, StagedBlock
from aicc.passes.schedules.cpu.contraction.parts import (
    PartFill,
    PartTile,
    Stage,
    WidenedPart,
    inside,
    stage_of_halves,
)
from aicc.passes.schedules.cpu.contraction.plan import ContractionConfig, sum_parts, tile_rows
from aicc.passes.schedules.cpu.contraction.roles import Roles
from aicc.passes.schedules.cpu.contraction.row_tiles import RowTiles
from aicc.passes.schedules.cpu.contraction.stage_b import PanelCopy, staged, wants_stage
from aicc.passes.schedules.cpu.contraction.tile import TileEmitter
from aicc.passes.schedules.cpu.emit import Index, element_bits
from aicc.passes.schedules.cpu.emit_kernel import KernelEmitter
from aicc.passes.schedules.cpu.nest import Buffer
from aicc.passes.schedules.cpu.sizes import guess_product
from aicc.target import Target

# Rows up to which the multiply-adds take less than half of the time B takes from memory.
_STREAMED_ROWS = 3
# Panels such a tile reads side by side, the most that leave this many tiles for each core. Two threads of Zen 5
# read 47 GB/s in streams of their own each, 44 in one; one thread 40 either way.
_STREAMS = (4, 2)
_TILES_PER_CORE = 4

# (where, panel)
Fill: TypeAlias = Callable[[dict[int, Index], Index], None]


class Grid:
    """The plan of one contraction, and its emission."""

    rows_type: type[RowTiles] = RowTiles
    """How rows are cut."""

    def __init__(self, roles: Roles, target: Target, config: ContractionConfig) -> None:
        self._copied = wants_stage(roles, target)
        self.roles = roles
        self._config = config
        element = roles.root.inits[0].element
        bits = max(32, element_bits(element))
        self.lanes = min(target.lanes(bits), roles.panel)
        self.vectors = roles.panel // self.lanes
        stage = self._stage_of(target)
        self.stage = stage if stage is not None and stage.for_rows(roles.rows_total()) else None
        most = config.mr or self._most_rows(target)
        share = 0 if self.stage is None else self.stage.share
        self.rows = self.rows_type(roles, target, config, most, self.vectors, share)
        self._ahead = self._wants_ahead(target)
        self._parts = self._sum_parts(target)
        self._streams = self._panels_at_once(target)

    def _most_rows(self, target: Target) -> int:
        """Rows of a register tile."""
        return tile_rows(target, self.vectors)

    def _stage_of(self, target: Target) -> Stage | None:
        """How B becomes f32 in the scratch for many rows, if that pays."""
        return None

    def _fill(self, e: KernelEmitter, scratch: Buffer) -> PartFill:
        """What makes f32 of B in the scratch."""
        raise NotImplementedError

    def _wants_ahead(self, target: Target) -> bool:
        roles = self.roles
        size = roles.depth() * roles.step
        if not roles.packed or roles.b.coefs[-2] != size:
            return False
        if self._config.ahead >= 0:
            return bool(self._config.ahead)
        if self._waits_for_memory():
            return False
        columns = roles.axes.extents[roles.axes.column].guess()
        size_of_b = columns * roles.depth().guess() * roles.group * element_bits(roles.b.buffer.element) // 8
        return size_of_b > target.l2 // 2

    def _sum_parts(self, target: Target) -> int:
        """Parts of the sum; one where rows are lines, or their number or that of the steps is not known."""
        roles, depth, rows = self.roles, self.roles.depth().static, self.rows
        apart = rows.one or rows.lines or rows.width.static is None
        if depth is None or len(roles.axes.sums) != 1 or apart or not roles.packed or rows.in_block() < 3:
            return 1
        size = element_bits(roles.b.buffer.element) // 8
        waiting = rows.in_block() * rows.shapes[0].wide * roles.panel * size
        if waiting > target.l2 // 4:
            return 1
        parts = self._config.parts or sum_parts(target, depth, depth * roles.step * size, self._config.ku)
        return parts if depth % parts == 0 else 1

    def _waits_for_memory(self) -> bool:
        """Whether one register tile of few rows reads each panel: it does nothing but wait for B, which the
        hardware reads ahead faster when nobody else asks for another panel (Zen 5: 36 GB/s instead of 33)."""
        rows = self.roles.rows_total().static
        return rows is not None and rows <= _STREAMED_ROWS

    def _panels_at_once(self, target: Target) -> int:
        """Panels of B in one tile of few rows: the hardware reads several streams ahead sooner than one."""
        roles = self.roles
        size = roles.depth() * roles.step
        columns, rows = roles.axes.extents[roles.axes.column].static, roles.rows_total().static
        if columns is None or rows is None or not self._waits_for_memory():
            return 1
        if not roles.packed or roles.b.coefs[-2].static is None or roles.b.coefs[-2] != size:
            return 1
        others = guess_product(roles.axes.extents[axis] for axis in self.rows.others)
        for streams in _STREAMS:
            accumulators = streams * self.vectors * rows
            tiles = others * columns // (roles.panel * streams)
            if accumulators <= target.registers // 2 and tiles >= _TILES_PER_CORE * target.cores:
                return streams
        return 1

    # Counting --------------------------------------------------------------------------------------

    def tiles(self, e: KernelEmitter) -> Index:
        """The number of tiles of the kernel."""
        total = e.mul(e.ceil_div(self._panels(e), self._streams), self.rows.blocks(e))
        for axis in self.rows.others:
            total = e.mul(total, e.size(self.roles.axes.extents[axis]))
        return total

    def tile_flops(self) -> float:
        """Work of one tile."""
        rows = min(self.rows.block, self.rows.blocked.guess())
        if self.rows.lines:
            rows *= self.rows.width.guess()
        return 2.0 * rows * self.roles.panel * self._streams * self.roles.depth().guess()

    def efficiency(self) -> float:
        """The share of the multiply-add peak that register tiles of these shapes can reach."""
        return self.rows.efficiency(self.vectors)

    def _panels(self, e: KernelEmitter) -> Index:
        return e.ceil_div(e.size(self.roles.columns), self.roles.panel)

    # Emission --------------------------------------------------------------------------------------

    def tile(self, e: KernelEmitter, roles: Roles) -> TileEmitter:
        """What emits register tiles."""
        return TileEmitter(e, roles, self.lanes, self._config.ku, self.vectors * self._streams)

    def _staging(self, e: KernelEmitter) -> tuple[Roles, Fill | None]:
        """The roles that register tiles have, and what fills a panel of the scratch for them."""
        roles = self.roles
        if not self._copied:
            return roles, None
        copied = staged(roles, e.reserve(roles.panel_elements() or 0, roles.b.buffer.element))
        return copied, PanelCopy(e, roles, copied, self.lanes).emit

    def emit(self, e: KernelEmitter) -> None:
        """The whole kernel."""
        roles, axes = self.roles, self.roles.axes
        read, fill = self._staging(e)
        self._direct = DirectBlock(
            e, roles, self.rows, self.lanes, self.tile(e, read), self._parts, self._ahead
        )
        if self.stage is not None:
            self._staged = self._staged_block(e, self.stage)
        panels, blocks = self._panels(e), self.rows.blocks(e)
        columns = e.size(roles.columns)
        full = e.div(columns, roles.panel)
        groups = e.ceil_div(panels, self._streams)
        with e.loop("%lo", "%hi") as loop:
            first = e.mul(e.rem(loop.index, groups), self._streams)
            rest = e.div(loop.index, groups)
            block = e.rem(rest, blocks)
            rest = e.div(rest, blocks)
            at: dict[int, Index] = {axes.column: e.mul(first, roles.panel)}
            for number, axis in reversed(list(enumerate(self.rows.others))):
                extent = e.size(axes.extents[axis])
                at[axis] = e.rem(rest, extent) if number else rest
                rest = e.div(rest, extent)
            if fill is not None:
                fill(at, first)
            here = KernelTile(at, first, block, self.vectors)
            if self._streams == 1:
                self._one_panel(e, here, full, panels)
            else:
                self._panels_of(e, here, full, panels)

    def _panels_of(self, e: KernelEmitter, here: KernelTile, full: Index, panels: Index) -> None:
        """A tile of the kernel of several panels from that of `here` on; one by one when not all are there and
        whole."""
        end = e.add(here.panel, self._streams)
        with e.when(e.compare("sle", end, full)):
            self._rows(e, replace(here, vectors=self.vectors * self._streams))
            e.otherwise()
            with e.loop(here.panel, e.min(end, panels)) as loop:
                at = here.at | {self.roles.axes.column: e.mul(loop.index, self.roles.panel)}
                self._one_panel(e, replace(here, at=at, panel=loop.index), full, panels)

    def _one_panel(self, e: KernelEmitter, here: KernelTile, full: Index, panels: Index) -> None:
        """A tile of the kernel of one panel, of which the first `full` of `panels` are whole."""
        partial = replace(here, partial=True)
        if full == panels:
            self._rows(e, here)
        elif full == 0:
            self._rows(e, partial)
        else:
            with e.when(e.compare("slt", here.panel, full)):
                self._rows(e, here)
                e.otherwise()
                self._rows(e, partial)

    def _rows(self, e: KernelEmitter, here: KernelTile) -> None:
        """All register tiles of one tile of the kernel. Of rows that a run counts it decides whether they are enough
        for the scratch."""
        total = self.roles.rows_total()
        if self.stage is None:
            self._direct.emit(here)
        elif total.static is not None:
            self._staged.emit(here)
        else:
            with e.when(e.compare("sge", e.size(total), self.stage.rows)):
                self._staged.emit(here)
                e.otherwise()
                self._direct.emit(here)

    def _staged_block(self, e: KernelEmitter, stage: Stage) -> StagedBlock:
        """What fills the scratch, and register tiles that read it."""
        roles = self.roles
        scratch = e.reserve(stage.each * stage.numbers * roles.panel, "f32")
        tile = PartTile(e, inside(roles, stage, scratch), roles, self.lanes, self._config.ku, self.vectors)
        return StagedBlock(e, roles, self.rows, self.lanes, stage, self._fill(e, scratch), tile)


class WideningGrid(Grid):
    """A grid that makes f32 of weights of 16 bits once for many rows."""

    def _stage_of(self, target: Target) -> Stage | None:
        """Where B is packed."""
        return stage_of_halves(self.roles, target)

    def _fill(self, e: KernelEmitter, scratch: Buffer) -> PartFill:
        """What converts."""
        return WidenedPart(e, self.roles, scratch, self.lanes)
