"""How the rows of a contraction are cut, and the loops over what they are cut into.

Rows come in blocks, one for each tile of the kernel; a block in register tiles. Rows in one dimension are cut evenly.
Rows in two dimensions are lines: a block has some of these, and register tiles lie along a line, or along several.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from aicc.passes.schedules.cpu.contraction.plan import (
    ContractionConfig,
    RowTile,
    Traffic,
    block_rows,
    cycles,
    split_evenly,
    tile_shapes,
)
from aicc.passes.schedules.cpu.contraction.roles import Roles
from aicc.passes.schedules.cpu.emit import Index, element_bits
from aicc.passes.schedules.cpu.emit_kernel import KernelEmitter
from aicc.passes.schedules.cpu.sizes import Size, guess_product
from aicc.target import Target

# Rows of a block whose number is known at run time are a multiple of these.
STEP = 4

# (line, start, shape, number among shares, shares)
Emit: TypeAlias = Callable[[Index, Index, RowTile, Index, Index], None]


class RowTiles:
    """The cut: `shapes` of register tiles, the first of whole ones, and `block` rows of a tile of the kernel, or lines
    where there are several. Register tiles have at most `most` rows of `vectors` vectors; `share` rows, if not 0, share
    work that a block does once (`plan.block_rows`)."""

    def __init__(
        self, roles: Roles, target: Target, config: ContractionConfig, most: int, vectors: int, share: int = 0
    ) -> None:
        self._roles = roles
        self._config = config
        rows = roles.axes.rows
        self._width = rows[-1] if rows else None
        self._height = rows[-2] if len(rows) > 1 else None
        self.others = (*roles.axes.outer, *rows[:-2])
        self.shapes = self._shapes(most, vectors)
        self.block = self._block_size(target, 0 if self.lines else share)

    @property
    def lines(self) -> bool:
        """Whether rows have two dimensions."""
        return self._height is not None

    @property
    def one(self) -> bool:
        """Whether the product has no dimension of rows."""
        return self._width is None

    @property
    def width(self) -> Size:
        """Rows of a line."""
        return self._extent(self._width)

    @property
    def blocked(self) -> Size:
        """What is cut into blocks: lines, or rows."""
        return self._extent(self._height if self.lines else self._width)

    def _extent(self, axis: int | None) -> Size:
        return Size.of(1) if axis is None else self._roles.axes.extents[axis]

    def _shapes(self, most: int, vectors: int) -> list[RowTile]:
        if self.one:
            return [RowTile(1, 1)]
        return tile_shapes(self.blocked if self.lines else None, self.width, most, vectors)

    def _block_size(self, target: Target, share: int) -> int:
        if self._width is None:
            return 1
        roles, axes = self._roles, self._roles.axes
        panels = -(-axes.extents[axes.column].guess() // roles.panel)
        tiles = guess_product(axes.extents[axis] for axis in self.others) * panels
        along = self._height if self._height is not None else self._width
        step = self.shapes[0].high if self.lines else self.shapes[0].wide
        if self._config.block:
            return -(-self._config.block // step) * step
        # Neighbouring lines of a window share what they read: the distance between two is what a line costs.
        size = element_bits(roles.a.buffer.element)
        row = abs(roles.a.coefs[along].guess()) * size // 8
        if not self.lines:
            row = max(row, min(roles.depth().guess() * roles.group * size // 8, 4 * row))
        panel = roles.step * roles.depth().guess() * element_bits(roles.b.buffer.element) // 8
        traffic = Traffic(row, panel, panels)
        return block_rows(target, self.blocked, traffic, tiles, step, float(roles.flops), share)

    # Counting --------------------------------------------------------------------------------------

    def efficiency(self, vectors: int) -> float:
        """The share of the multiply-add peak that register tiles of these shapes, of `vectors` vectors, can reach."""
        rows, shape = self.width.static, self.shapes[0]
        if rows is None:
            return shape.rows * vectors / 2 / cycles(shape.rows, vectors) * 0.95
        ideal = rows * shape.high * vectors / 2
        pieces = split_evenly(rows, shape.wide).pieces
        return ideal / sum(count * cycles(size * shape.high, vectors) for _, count, size in pieces)

    def in_block(self) -> int:
        """Register tiles of a block of rows in one dimension, of a known number."""
        rows = self.width.static or 1
        blocks = -(-rows // self.block)
        return -(-split_evenly(rows, self.shapes[0].wide).count // blocks)

    def blocks(self, e: KernelEmitter) -> Index:
        """The number of blocks."""
        return e.ceil_div(e.size(self.blocked), self.each(e))

    def each(self, e: KernelEmitter) -> Index:
        """Rows, or lines, of a block: of a number known at run time, parts of about one size, so that no block
        streams B for a few rows that were left over."""
        if self.blocked.static is not None:
            return self.block
        with e.at_start():
            total = e.max(e.size(self.blocked), 1)
            even = e.ceil_div(total, e.ceil_div(total, self.block))
            step = self.shapes[0].high if self.lines else STEP
            return e.mul(e.ceil_div(even, step), step)

    def waiting(self, e: KernelEmitter) -> tuple[int, Index]:
        """For how many rows of a block there has to be room, and how many there are, when sums wait."""
        rows = self.each(e)
        if isinstance(rows, int):
            room = self.in_block() * self.shapes[0].wide
            return room, room
        return -(-self.block // STEP) * STEP, rows

    # Places ----------------------------------------------------------------------------------------

    def place(self, at: dict[int, Index], line: Index, start: Index) -> dict[int, Index]:
        """Where the first row of a register tile is."""
        where = dict(at)
        if self._height is not None:
            where[self._height] = line
        if self._width is not None:
            where[self._width] = start
        return where

    def offsets(self, shape: RowTile) -> tuple[tuple[int, ...], ...]:
        """The rows of a register tile: offsets on the row axes."""
        axes = self._roles.axes.rows
        unused = (0,) * (len(axes) - 2)
        if len(axes) < 2:
            return tuple((x,) * len(axes) for x in range(shape.wide))
        return tuple((*unused, y, x) for y in range(shape.high) for x in range(shape.wide))

    # Emission --------------------------------------------------------------------------------------

    def emit(self, e: KernelEmitter, block: Index, one: Emit) -> None:
        """The register tiles of a block."""
        if self.one:
            one(0, 0, RowTile(1, 1), 0, 1)
        elif self.lines:
            self._lines(e, block, one)
        else:
            self._rows(e, block, one)

    def _lines(self, e: KernelEmitter, block: Index, one: Emit) -> None:
        """Rows in two dimensions: the lines of the block, `shapes[0].high` at a time."""
        shape = self.shapes[0]
        height = e.size(self.blocked)
        block_lines = self.each(e)
        first = e.mul(block, block_lines)
        if isinstance(height, int) and height % self.block == 0:
            count: Index = self.block
        else:
            count = e.min(block_lines, e.sub(height, first))
        width = self.width.static
        each = split_evenly(width, shape.wide).count if width is not None else 1
        shares = self.block // shape.high * each
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
        if self.width.static is None:
            self._dynamic(e, line, shape, 0, e.size(self.width), one)
            return
        done = 0
        for start, count, size in split_evenly(self.width.static, shape.wide).pieces:
            with e.loop(0, count) as loop:
                place = e.add(e.mul(loop.index, size), start)
                one(line, place, RowTile(shape.high, size), e.add(number, loop.index, done), shares)
            done += count

    def _rows(self, e: KernelEmitter, block: Index, one: Emit) -> None:
        """Rows in one dimension: the register tiles of the block."""
        width, shape = self.width, self.shapes[0]
        if width.static is None:
            each = self.each(e)
            first = e.mul(block, each)
            end = e.min(e.size(width), e.add(first, each))
            self._dynamic(e, 0, shape, first, end, one)
            return
        each = self.in_block()
        before = 0
        for start, count, size in split_evenly(width.static, shape.wide).pieces:
            low = e.max(e.sub(e.mul(block, each), before), 0)
            high = e.min(e.sub(e.mul(e.add(block, 1), each), before), count)
            with e.loop(low, high) as loop:
                place = e.add(e.mul(loop.index, size), start)
                number = e.sub(e.add(loop.index, before), e.mul(block, each))
                one(0, place, RowTile(1, size), number, each)
            before += count

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
