"""The loops around the register tiles: tiles of the kernel, lines, register tiles along a line.

A tile of the kernel is one block of rows and one panel of columns. Panels are innermost in the tile
number, so that a thread that takes neighbouring tiles keeps its rows of A in the L2 cache while B
streams by.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TypeAlias

from aicc.passes.schedules.cpu.contraction.parts import (
    PartFill,
    PartTile,
    Stage,
    WidenedPart,
    inside,
    stage_of_halves,
)
from aicc.passes.schedules.cpu.contraction.plan import (
    ContractionConfig,
    RowTile,
    Traffic,
    block_rows,
    cycles,
    split_evenly,
    sum_parts,
    tile_rows,
    tile_shapes,
)
from aicc.passes.schedules.cpu.contraction.prefetch import Ahead
from aicc.passes.schedules.cpu.contraction.roles import Roles
from aicc.passes.schedules.cpu.contraction.stage_b import PanelCopy, staged, wants_stage
from aicc.passes.schedules.cpu.contraction.tile import Part, Place, TileEmitter
from aicc.passes.schedules.cpu.emit import Index, element_bits
from aicc.passes.schedules.cpu.emit_kernel import KernelEmitter
from aicc.passes.schedules.cpu.nest import Buffer
from aicc.passes.schedules.cpu.sizes import Size, guess_product
from aicc.target import Target

# Rows up to which the multiply-adds take less than half of the time B takes from memory.
_STREAMED_ROWS = 3
# Panels such a tile reads side by side, the most that leave this many tiles for each core. Two threads of Zen 5
# read 47 GB/s in streams of their own each, 44 in one; one thread 40 either way.
_STREAMS = (4, 2)
_TILES_PER_CORE = 4
# Rows of a block whose number is known at run time are a multiple of these.
_STEP = 4

# (line, start, shape, number among shares, shares)
Emit: TypeAlias = Callable[[Index, Index, RowTile, Index, Index], None]
# (where, panel)
Fill: TypeAlias = Callable[[dict[int, Index], Index], None]


class Grid:
    """The plan of one contraction, and its emission."""

    def __init__(self, roles: Roles, target: Target, config: ContractionConfig) -> None:
        self._stage = wants_stage(roles, target)
        self.roles = roles
        self._config = config
        element = roles.root.inits[0].element
        bits = max(32, element_bits(element))
        self.lanes = min(target.lanes(bits), roles.panel)
        self.vectors = roles.panel // self.lanes
        axes = roles.axes
        self._width = axes.rows[-1] if axes.rows else None
        self._height = axes.rows[-2] if len(axes.rows) > 1 else None
        self._others = (*axes.outer, *axes.rows[:-2])
        self.shapes = self._shapes(config.mr or self._most_rows(target))
        stage = self._stage_of(target)
        self.stage = stage if stage is not None and stage.for_rows(roles.rows_total()) else None
        self._block = self._block_size(target)
        self._ahead = self._wants_ahead(target)
        self._parts = self._sum_parts(target)
        self._streams = self._panels_at_once(target)

    def _most_rows(self, target: Target) -> int:
        """Rows of a register tile."""
        return tile_rows(target, self.vectors)

    def _extent(self, axis: int | None) -> Size:
        return Size.of(1) if axis is None else self.roles.axes.extents[axis]

    def _shapes(self, rows: int) -> list[RowTile]:
        if self._width is None:
            return [RowTile(1, 1)]
        height = None if self._height is None else self._extent(self._height)
        return tile_shapes(height, self._extent(self._width), rows, self.vectors)

    def _block_size(self, target: Target) -> int:
        """Rows, or lines when there are several, of one tile of the kernel."""
        if self._width is None:
            return 1
        roles, axes = self.roles, self.roles.axes
        count = guess_product(axes.extents[axis] for axis in self._others)
        tiles = count * -(-axes.extents[axes.column].guess() // roles.panel)
        along = self._height if self._height is not None else self._width
        step = self.shapes[0].high if self._height is not None else self.shapes[0].wide
        if self._config.block:
            return -(-self._config.block // step) * step
        # Neighbouring lines of a window share what they read: the distance between two is what a line costs.
        row = abs(roles.a.coefs[along].guess()) * element_bits(roles.a.buffer.element) // 8
        depth = roles.depth().guess() * roles.group * element_bits(roles.a.buffer.element) // 8
        if self._height is None:
            row = max(row, min(depth, 4 * row))
        panel = roles.step * roles.depth().guess() * element_bits(roles.b.buffer.element) // 8
        traffic = Traffic(row, panel, -(-axes.extents[axes.column].guess() // roles.panel))
        share = 0 if self.stage is None or self._height is not None else self.stage.share
        return block_rows(target, self._extent(along), traffic, tiles, step, float(roles.flops), share)

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
        roles, depth = self.roles, self.roles.depth().static
        lines = self._height is not None or self._width is None or self._extent(self._width).static is None
        if (
            depth is None
            or len(roles.axes.sums) != 1
            or lines
            or not roles.packed
            or self._tiles_of_block() < 3
        ):
            return 1
        size = element_bits(roles.b.buffer.element) // 8
        waiting = self._tiles_of_block() * self.shapes[0].wide * roles.panel * size
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
        others = guess_product(roles.axes.extents[axis] for axis in self._others)
        for streams in _STREAMS:
            accumulators = streams * self.vectors * rows
            tiles = others * columns // (roles.panel * streams)
            if accumulators <= target.registers // 2 and tiles >= _TILES_PER_CORE * target.cores:
                return streams
        return 1

    # Counting --------------------------------------------------------------------------------------

    def tiles(self, e: KernelEmitter) -> Index:
        """The number of tiles of the kernel."""
        total = e.mul(e.ceil_div(self._panels(e), self._streams), self._blocks(e))
        for axis in self._others:
            total = e.mul(total, e.size(self._extent(axis)))
        return total

    def static_tiles(self) -> bool:
        """Whether that is known."""
        axes = (*self._others, self.roles.axes.column, self._blocked())
        return all(self._extent(axis).static is not None for axis in axes)

    def tile_flops(self) -> float:
        """Work of one tile."""
        rows = min(self._block, self._extent(self._blocked()).guess())
        if self._height is not None:
            rows *= self._extent(self._width).guess()
        return 2.0 * rows * self.roles.panel * self._streams * self.roles.depth().guess()

    def efficiency(self) -> float:
        """The share of the multiply-add peak that register tiles of these shapes can reach."""
        rows = self._extent(self._width).static
        shape = self.shapes[0]
        if rows is None:
            return shape.rows * self.vectors / 2 / cycles(shape.rows, self.vectors) * 0.95
        ideal = rows * shape.high * self.vectors / 2
        pieces = split_evenly(rows, shape.wide).pieces
        return ideal / sum(count * cycles(size * shape.high, self.vectors) for _, count, size in pieces)

    def _blocked(self) -> int | None:
        return self._height if self._height is not None else self._width

    def _panels(self, e: KernelEmitter) -> Index:
        return e.ceil_div(e.size(self._extent(self.roles.axes.column)), self.roles.panel)

    def _blocks(self, e: KernelEmitter) -> Index:
        return e.ceil_div(e.size(self._extent(self._blocked())), self._rows_each(e))

    def _rows_each(self, e: KernelEmitter) -> Index:
        """Rows, or lines, of a block: of a number known at run time, parts of about one size, so that no block
        streams B for a few rows that were left over."""
        extent = self._extent(self._blocked())
        if extent.static is not None:
            return self._block
        with e.at_start():
            total = e.max(e.size(extent), 1)
            even = e.ceil_div(total, e.ceil_div(total, self._block))
            step = _STEP if self._height is None else self.shapes[0].high
            return e.mul(e.ceil_div(even, step), step)

    # Emission --------------------------------------------------------------------------------------

    def tile(self, e: KernelEmitter, roles: Roles) -> TileEmitter:
        """What emits register tiles."""
        return TileEmitter(e, roles, self.lanes, self._config.ku, self.vectors * self._streams)

    def _staging(self, e: KernelEmitter) -> tuple[Roles, Fill | None]:
        """The roles that register tiles have, and what fills a panel of the scratch for them."""
        roles = self.roles
        if not self._stage:
            return roles, None
        copied = staged(roles, e.reserve(roles.panel_elements() or 0, roles.b.buffer.element))
        return copied, PanelCopy(e, roles, copied, self.lanes).emit

    def emit(self, e: KernelEmitter) -> None:
        """The whole kernel."""
        roles, axes = self.roles, self.roles.axes
        read, fill = self._staging(e)
        tile = self.tile(e, read)
        if self.stage is not None:
            self._staged = self._staged_tile(e, self.stage)
        panels, blocks = self._panels(e), self._blocks(e)
        columns = e.size(self._extent(axes.column))
        full = e.div(columns, roles.panel)
        groups = e.ceil_div(panels, self._streams)
        with e.loop("%lo", "%hi") as loop:
            first = e.mul(e.rem(loop.index, groups), self._streams)
            rest = e.div(loop.index, groups)
            block = e.rem(rest, blocks)
            rest = e.div(rest, blocks)
            at: dict[int, Index] = {axes.column: e.mul(first, roles.panel)}
            for number, axis in reversed(list(enumerate(self._others))):
                extent = e.size(self._extent(axis))
                at[axis] = e.rem(rest, extent) if number else rest
                rest = e.div(rest, extent)
            if fill is not None:
                fill(at, first)
            if self._streams == 1:
                self._one_panel(e, tile, at, first, block, full, panels)
            else:
                self._panels_of(e, tile, at, first, block, full, panels)

    def _panels_of(
        self,
        e: KernelEmitter,
        tile: TileEmitter,
        at: dict[int, Index],
        first: Index,
        block: Index,
        full: Index,
        panels: Index,
    ) -> None:
        """A tile of the kernel of several panels from `first` on; one by one when not all are there and whole."""
        end = e.add(first, self._streams)
        with e.when(e.compare("sle", end, full)):
            self._rows(e, tile, at, first, block, False, self.vectors * self._streams)
            e.otherwise()
            with e.loop(first, e.min(end, panels)) as loop:
                there = at | {self.roles.axes.column: e.mul(loop.index, self.roles.panel)}
                self._one_panel(e, tile, there, loop.index, block, full, panels)

    def _one_panel(
        self,
        e: KernelEmitter,
        tile: TileEmitter,
        at: dict[int, Index],
        panel: Index,
        block: Index,
        full: Index,
        panels: Index,
    ) -> None:
        """A tile of the kernel of one panel, of which the first `full` of `panels` are whole."""
        if full == panels:
            self._rows(e, tile, at, panel, block, False)
        elif full == 0:
            self._rows(e, tile, at, panel, block, True)
        else:
            with e.when(e.compare("slt", panel, full)):
                self._rows(e, tile, at, panel, block, False)
                e.otherwise()
                self._rows(e, tile, at, panel, block, True)

    def _rows(
        self,
        e: KernelEmitter,
        tile: TileEmitter,
        at: dict[int, Index],
        panel: Index,
        block: Index,
        partial: bool,
        vectors: int = 0,
    ) -> None:
        """All register tiles of one tile of the kernel; `vectors` of several panels, or those of one. Of rows that a
        run counts it decides whether they are enough for the scratch."""
        if self.stage is None:
            self._direct_rows(e, tile, at, panel, block, partial, vectors)
        elif self.roles.rows_total().static is not None:
            self._staged_rows(e, self.stage, at, panel, block, partial)
        else:
            with e.when(e.compare("sge", e.size(self.roles.rows_total()), self.stage.rows)):
                self._staged_rows(e, self.stage, at, panel, block, partial)
                e.otherwise()
                self._direct_rows(e, tile, at, panel, block, partial, vectors)

    def _staged_tile(self, e: KernelEmitter, stage: Stage) -> tuple[PartFill, PartTile]:
        """What fills the scratch, and register tiles that read it."""
        roles = self.roles
        scratch = e.reserve(stage.each * stage.numbers * roles.panel, "f32")
        tile = PartTile(e, inside(roles, stage, scratch), roles, self.lanes, self._config.ku, self.vectors)
        return self._fill(e, scratch), tile

    def _staged_rows(
        self, e: KernelEmitter, stage: Stage, at: dict[int, Index], panel: Index, block: Index, partial: bool
    ) -> None:
        """Part by part of the sum: what the scratch holds is used by all register tiles."""
        fill, tile = self._staged
        size = stage.each * self.roles.step if stage.ahead else None

        def one(part: Part | None) -> Emit:
            return self._register_tile(e, tile, at, panel, block, partial, 0, size, part)

        if stage.parts == 1:
            tile.source = fill.emit_part(at, panel, 0, stage.units)
            self._all_rows(e, block, one(None))
            return
        room, rows = self._tiles_of_block() * self.shapes[0].wide, self._rows_each(e)
        if isinstance(rows, int):
            tile.start_parts(room, room)
        else:
            tile.start_parts(-(-self._block // _STEP) * _STEP, rows)
        with e.loop(0, stage.parts) as loop:
            unit = e.mul(loop.index, stage.each)
            count: Index = stage.each
            if stage.units % stage.each:
                count = e.min(stage.each, e.sub(stage.units, unit))
            tile.source = fill.emit_part(at, panel, unit, count)
            last = e.compare("eq", loop.index, stage.parts - 1)
            part = Part(e.mul(unit, stage.numbers), 0, e.mul(count, stage.numbers), last)
            self._all_rows(e, block, one(part))

    def _direct_rows(
        self,
        e: KernelEmitter,
        tile: TileEmitter,
        at: dict[int, Index],
        panel: Index,
        block: Index,
        partial: bool,
        vectors: int,
    ) -> None:
        """Rows that read B where it lies, or where `_staging` has put a panel of it."""
        size = e.mul(e.size(self.roles.depth()), self.roles.step)
        if self._parts > 1:
            size = e.div(size, self._parts)

        def one(part: Part | None) -> Emit:
            ahead = size if self._ahead else None
            return self._register_tile(e, tile, at, panel, block, partial, vectors, ahead, part)

        if self._width is None:
            one(None)(0, 0, RowTile(1, 1), 0, 1)
        elif self._parts > 1:
            steps = (self.roles.depth().static or 0) // self._parts
            room = self._tiles_of_block() * self.shapes[0].wide
            tile.start_parts(room, room)
            with e.loop(0, self._parts) as loop:
                last = e.compare("eq", loop.index, self._parts - 1)
                first = e.mul(loop.index, steps)
                self._one_line(e, block, one(Part(first, first, steps, last)))
        else:
            self._all_rows(e, block, one(None))

    def _all_rows(self, e: KernelEmitter, block: Index, one: Emit) -> None:
        """The register tiles of a block of rows."""
        if self._height is None:
            self._one_line(e, block, one)
        else:
            self._lines(e, block, one)

    def _register_tile(
        self,
        e: KernelEmitter,
        tile: TileEmitter,
        at: dict[int, Index],
        panel: Index,
        block: Index,
        partial: bool,
        vectors: int,
        size: Index | None,
        part: Part | None,
    ) -> Emit:
        """What emits one register tile, of a `part` of its sum; `size` elements of the panel are used before the
        next, which are prefetched if that is set."""
        roles = self.roles
        vectors, columns = vectors or self.vectors, None
        if partial:
            columns = e.size(self._extent(roles.axes.column))
            if isinstance(columns, int):
                vectors = -(-(columns % roles.panel) // self.lanes)

        def one(line: Index, start: Index, shape: RowTile, number: Index, shares: Index) -> None:
            where = dict(at)
            if self._height is not None:
                where[self._height] = line
            if self._width is not None:
                where[self._width] = start
            ahead = None if size is None else Ahead(number, shares, size)
            now = part
            if part is not None:
                row = e.mul(number, self.shapes[0].wide)
                if self._extent(self._width).static is None:
                    row = e.sub(start, e.mul(block, self._rows_each(e)))
                now = replace(part, waiting=e.mul(row, roles.panel))
            place = Place(where, panel, self._offsets(shape), vectors, columns, shape.there)
            tile.emit(place, ahead, now)

        return one

    def _offsets(self, shape: RowTile) -> tuple[tuple[int, ...], ...]:
        """The rows of a register tile: offsets on the row axes."""
        axes = self.roles.axes.rows
        unused = (0,) * (len(axes) - 2)
        if len(axes) < 2:
            return tuple((x,) * len(axes) for x in range(shape.wide))
        return tuple((*unused, y, x) for y in range(shape.high) for x in range(shape.wide))

    def _lines(self, e: KernelEmitter, block: Index, one: Emit) -> None:
        """Rows in two dimensions: the lines of the block, `shapes[0].high` at a time."""
        shape = self.shapes[0]
        height = e.size(self._extent(self._height))
        block_lines = self._rows_each(e)
        first = e.mul(block, block_lines)
        if isinstance(height, int) and height % self._block == 0:
            count: Index = self._block
        else:
            count = e.min(block_lines, e.sub(height, first))
        width = self._extent(self._width).static
        each = split_evenly(width, shape.wide).count if width is not None else 1
        shares = self._block // shape.high * each
        whole = e.mul(e.div(count, shape.high), shape.high)
        with e.loop(first, e.add(first, whole), shape.high) as loop:
            number = e.mul(e.div(e.sub(loop.index, first), shape.high), each)
            self._along(e, loop.index, shape, one, number, shares)
        if whole != count:
            single = RowTile(1, min(width or shape.rows, shape.rows))
            with e.loop(e.add(first, whole), e.add(first, count)) as loop:
                self._along(e, loop.index, single, one, 0, shares)

    def _along(
        self, e: KernelEmitter, line: Index, shape: RowTile, one: Emit, number: Index, shares: int
    ) -> None:
        """The register tiles of one line."""
        width = self._extent(self._width)
        if width.static is None:
            self._dynamic(e, line, shape, 0, e.size(width), one)
            return
        done = 0
        for start, count, size in split_evenly(width.static, shape.wide).pieces:
            with e.loop(0, count) as loop:
                place = e.add(e.mul(loop.index, size), start)
                one(line, place, RowTile(shape.high, size), e.add(number, loop.index, done), shares)
            done += count

    def _one_line(self, e: KernelEmitter, block: Index, one: Emit) -> None:
        """Rows in one dimension: the register tiles of the block."""
        width, shape = self._extent(self._width), self.shapes[0]
        if width.static is None:
            each = self._rows_each(e)
            first = e.mul(block, each)
            end = e.min(e.size(width), e.add(first, each))
            self._dynamic(e, 0, shape, first, end, one)
            return
        parts = split_evenly(width.static, shape.wide)
        each = self._tiles_of_block()
        before = 0
        for start, count, size in parts.pieces:
            low = e.max(e.sub(e.mul(block, each), before), 0)
            high = e.min(e.sub(e.mul(e.add(block, 1), each), before), count)
            with e.loop(low, high) as loop:
                place = e.add(e.mul(loop.index, size), start)
                number = e.sub(e.add(loop.index, before), e.mul(block, each))
                one(0, place, RowTile(1, size), number, each)
            before += count

    def _tiles_of_block(self) -> int:
        """Register tiles of a block of rows in one dimension, of a known number."""
        rows = self._extent(self._width).static or 1
        blocks = -(-rows // self._block)
        return -(-split_evenly(rows, self.shapes[0].wide).count // blocks)

    def _dynamic(
        self, e: KernelEmitter, line: Index, shape: RowTile, first: Index, end: Index, one: Emit
    ) -> None:
        """Rows whose number is known at run time: whole tiles, then of four rows, of two, of one."""
        shares = e.ceil_div(e.sub(end, first), shape.wide)
        low = first
        for size in sorted({shape.wide, min(4, shape.wide), min(2, shape.wide), 1}, reverse=True):
            whole = e.add(low, e.mul(e.div(e.sub(end, low), size), size))
            with e.loop(low, whole, size) as loop:
                number = e.div(e.sub(loop.index, first), shape.wide)
                one(line, loop.index, RowTile(shape.high, size), number, shares)
            low = whole


class WideningGrid(Grid):
    """A grid that makes f32 of weights of 16 bits once for many rows."""

    def _stage_of(self, target: Target) -> Stage | None:
        """Where B is packed."""
        return stage_of_halves(self.roles, target)

    def _fill(self, e: KernelEmitter, scratch: Buffer) -> PartFill:
        """What converts."""
        return WidenedPart(e, self.roles, scratch, self.lanes)
