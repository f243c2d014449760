"""How the kept axes of a kernel with reductions are cut: tiles for threads, register tiles inside them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from aicc.passes.schedules.cpu.emit import Index
from aicc.passes.schedules.cpu.emit_kernel import KernelEmitter
from aicc.passes.schedules.cpu.reduction.layout import Arrangement
from aicc.passes.schedules.cpu.reduction.state import Column

# Emits one register tile.
Tile = Callable[[Sequence[Column]], None]
Range = tuple[Index, Index]


@dataclass(frozen=True)
class Cut:
    """An axis cut into blocks of `block` (0: one block) for threads, and these into register tiles of `size`."""

    axis: int
    block: int
    size: int


@dataclass(frozen=True)
class Grid:
    """`outer` axes are tiles of their own; `rows` (None: there is no such axis) is cut; across vectors, `vectors`
    is too, its sizes being multiples of `lanes`; `masked`: its tail uses masks, else scalars."""

    arrangement: Arrangement
    outer: tuple[int, ...]
    rows: Cut | None
    vectors: Cut | None
    lanes: int
    masked: bool

    def tiles(self, e: KernelEmitter) -> Index:
        """How many tiles there are."""
        total: Index = 1
        for axis in self.outer:
            total = e.mul(total, self._extent(e, axis))
        for cut in (self.rows, self.vectors):
            total = e.mul(total, self._blocks(e, cut))
        return total

    def _extent(self, e: KernelEmitter, axis: int) -> Index:
        return e.size(self.arrangement.extent(axis))

    def _blocks(self, e: KernelEmitter, cut: Cut | None) -> Index:
        if cut is None or not cut.block:
            return 1
        return e.ceil_div(self._extent(e, cut.axis), cut.block)

    def emit(self, e: KernelEmitter, tile: Tile, scalar_tile: Tile) -> None:
        """The tiles from %lo to %hi. `scalar_tile` emits columns of one lane, for tails without masks."""
        with e.loop("%lo", "%hi") as loop:
            place, rows, vectors = self._decode(e, loop.index)
            if self.rows is None:
                self._across(e, [place], vectors, tile, scalar_tile)
                return
            for low, high, size in pieces(e, *rows, self.rows.size):
                with e.loop(low, high, size) as row:
                    places = [{**place, self.rows.axis: e.add(row.index, i)} for i in range(size)]
                    self._across(e, places, vectors, tile, scalar_tile)

    def _decode(self, e: KernelEmitter, number: Index) -> tuple[dict[int, Index], Range, Range]:
        """The outer axes' indices and the ranges of the others of a tile. Vector blocks are outside the last outer
        axis: tiles one after the other are lines of one channel block, and share what their windows overlap."""
        parts: list[tuple[int | Cut | None, Index]] = [(self.rows, self._blocks(e, self.rows))]
        axes: list[tuple[int | Cut | None, Index]] = [
            (axis, self._extent(e, axis)) for axis in reversed(self.outer)
        ]
        parts += [*axes[:1], (self.vectors, self._blocks(e, self.vectors)), *axes[1:]]
        last = max((i for i, (_, count) in enumerate(parts) if count != 1), default=0)
        place: dict[int, Index] = {}
        ranges: dict[int, Range] = {}
        for i, (part, count) in enumerate(parts):
            own: Index = 0
            if count != 1:
                own = number if i == last else e.rem(number, count)
                number = number if i == last else e.div(number, count)
            if isinstance(part, Cut):
                ranges[part.axis] = self._range(e, part, own)
            elif part is not None:
                place[part] = own
        rows, vectors = ((0, 0) if cut is None else ranges[cut.axis] for cut in (self.rows, self.vectors))
        return place, rows, vectors

    def _range(self, e: KernelEmitter, cut: Cut, number: Index) -> Range:
        """Block `number` of an axis."""
        extent = self._extent(e, cut.axis)
        if not cut.block:
            return 0, extent
        start = e.mul(number, cut.block)
        even = isinstance(extent, int) and extent % cut.block == 0
        return start, e.add(start, cut.block) if even else e.min(extent, e.add(start, cut.block))

    def _across(
        self,
        e: KernelEmitter,
        places: Sequence[dict[int, Index]],
        bounds: Range,
        tile: Tile,
        scalar_tile: Tile,
    ) -> None:
        """Along: a column for each place. Across: a column for each place and vector."""
        cut, lanes = self.vectors, self.lanes
        if cut is None:
            tile([Column(place) for place in places])
            return
        low, high = bounds

        def columns(start: Index, count: int, rest: Index | None = None) -> list[Column]:
            found = []
            for place in places:
                for v in range(count):
                    at = e.add(start, v * lanes)
                    mask = None if rest is None else e.mask(e.sub(rest, v * lanes), lanes)
                    found.append(Column({**place, cut.axis: at}, mask))
            return found

        span = _span(e, low, high)
        step = cut.size * lanes
        at = e.add(low, e.mul(e.div(span, step), step))
        with _maybe_loop(e, low, at, step) as index:
            if index is not None:
                tile(columns(index, cut.size))
        if isinstance(span, int):
            self._static_tail(e, at, span % step, columns, tile, scalar_tile)
        elif self.masked:
            with e.loop(at, high, lanes) as loop:
                tile(columns(loop.index, 1, e.sub(high, loop.index)))
        else:
            end = e.add(low, e.mul(e.div(span, lanes), lanes))
            if cut.size > 1:
                with e.loop(at, end, lanes) as loop:
                    tile(columns(loop.index, 1))
            with e.loop(end, high) as loop:
                scalar_tile([Column({**place, cut.axis: loop.index}) for place in places])

    def _static_tail(
        self,
        e: KernelEmitter,
        at: Index,
        rest: int,
        columns: Callable[..., list[Column]],
        tile: Tile,
        scalar_tile: Tile,
    ) -> None:
        lanes = self.lanes
        if not rest:
            return
        if self.masked:
            tile(columns(at, -(-rest // lanes), rest))
            return
        if rest >= lanes:
            tile(columns(at, rest // lanes))
        assert self.vectors is not None
        for i in range(rest // lanes * lanes, rest):
            axis = self.vectors.axis
            scalar_tile(
                [Column({**column.place, axis: e.add(column.place[axis], i)}) for column in columns(at, 1)]
            )


@contextmanager
def _maybe_loop(e: KernelEmitter, low: Index, high: Index, step: int) -> Iterator[Index | None]:
    """A loop, unless it is known to be empty: then None."""
    if low == high:
        yield None
        return
    with e.loop(low, high, step) as loop:
        yield loop.index


def _span(e: KernelEmitter, low: Index, high: Index) -> Index:
    """high - low, known when they have the same base."""
    if isinstance(low, int) or isinstance(high, int):
        return e.sub(high, low)
    base, const = (low, 0) if isinstance(low, str) else low
    other, more = (high, 0) if isinstance(high, str) else high
    return more - const if base == other else e.sub(high, low)


def pieces(e: KernelEmitter, low: Index, high: Index, size: int) -> list[tuple[Index, Index, int]]:
    """`(low, high, size)` of the loops that cover a range in register tiles of at most `size`, of nearly one
    size when the range is known."""
    if size == 1:
        return [(low, high, 1)]
    if isinstance(low, int) and isinstance(high, int):
        extent = high - low
        parts = -(-extent // size)
        if not parts:
            return []
        small, large = extent // parts, extent % parts
        middle = low + large * (small + 1)
        found: list[tuple[Index, Index, int]] = [(low, middle, small + 1)] if large else []
        return [*found, (middle, high, small)]
    span = _span(e, low, high)
    if isinstance(span, int) and span % size == 0:
        return [(low, high, size)]
    middle_at = e.add(low, e.mul(e.div(span, size), size))
    return [(low, middle_at, size), (middle_at, high, 1)]
