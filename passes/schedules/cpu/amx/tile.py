"""Register tiles on AMX: up to 32 rows by 32 columns of sums, then the epilogue row by row.

    before: a register tile of a contraction
    after:  sums in tile registers through the whole of the sum, stored to the scratch; for each row vectors of them,
            what tiles left of the sum added, the stages computed, one store

Rows that do not fill the second tile of A are read twice: it ends where the rows end.
"""

from __future__ import annotations

from dataclasses import dataclass

from aicc.passes.schedules.cpu.amx.instructions import ROWS, Tiles
from aicc.passes.schedules.cpu.contraction.prefetch import Ahead
from aicc.passes.schedules.cpu.contraction.tile import Part, Place
from aicc.passes.schedules.cpu.dot.instructions import Instruction
from aicc.passes.schedules.cpu.dot.roles import DotRoles
from aicc.passes.schedules.cpu.dot.tile import DotTile
from aicc.passes.schedules.cpu.emit import Index
from aicc.passes.schedules.cpu.emit_kernel import KernelEmitter
from aicc.passes.schedules.cpu.epilogue import Epilogue

# Rows of the epilogue that are computed together, when it is short.
_TOGETHER = 4


@dataclass(frozen=True)
class _Left:
    """A tile of A: where it starts, from the first row of the register tile on in elements, and the row of the
    scratch its sums go to."""

    offset: Index
    row: Index


class AmxTile(DotTile):
    """Emits register tiles of tiles of `rows` rows and `depth` steps of the sum."""

    def __init__(
        self, e: KernelEmitter, roles: DotRoles, rows: Index, depth: int, tiles: Tiles, rest: Instruction
    ) -> None:
        super().__init__(e, roles, 1, roles.panel // rest.lanes, rest)
        self._long = self._saved is not None
        self._sums = self._saved or e.reserve(2 * ROWS * roles.panel, self._acc)
        self._tiles = tiles
        self._height = rows
        self._depth = depth

    def emit(self, place: Place, ahead: Ahead | None, part: Part | None = None) -> None:
        """One register tile."""
        vectors, tiles = place.vectors, self._tiles
        a_at, b_at = self._start_at(place)
        lefts = self._lefts(place)
        self._prefetch.panel(ahead, b_at, self._depth)
        self._prefetch.epilogue(place.at, place.rows, vectors)
        pairs = [(i, v) for i in range(len(lefts)) for v in range(vectors)]
        for i, v in pairs:
            tiles.zero(i, v)
        self._tile_sum(0, lefts, a_at, b_at, 0)
        e, stride = self._e, vectors * self._lanes
        for i, v in pairs:
            at = e.add(e.mul(lefts[i].row, stride), v * self._lanes)
            tiles.store(i, v, self._sums, at, stride)
        self._finish(place, a_at, b_at)

    def _lefts(self, place: Place) -> list[_Left]:
        """The tiles of A of a register tile."""
        e, axes = self._e, self._roles.axes
        step = e.size(self._roles.a.coefs[axes.rows[-1]])
        if place.there is not None:
            start = place.at[axes.rows[-1]]
            last = e.sub(e.size(axes.extents[axes.rows[-1]]), self._height)
            first, second = e.min(start, last), e.min(e.add(start, ROWS), last)
            return [_Left(e.mul(e.sub(at, start), step), e.sub(at, first)) for at in (first, second)]
        high, wide = self._shape(place)
        assert isinstance(self._height, int)
        if high > 1:
            line = e.size(self._roles.a.coefs[axes.rows[-2]])
            return [_Left(e.mul(line, y), y * wide) for y in range(high)]
        starts = [0] if wide <= self._height else [0, wide - self._height]
        return [_Left(e.mul(step, start), start) for start in starts]

    def _shape(self, place: Place) -> tuple[int, int]:
        """Lines and rows of each line."""
        wide = max(row[-1] for row in place.rows) + 1
        return len(place.rows) // wide, wide

    def _tile_sum(self, level: int, lefts: list[_Left], a_at: Index, b_at: Index, done: Index) -> None:
        """The loops over the sum axes from `level` on, as far as tiles take them."""
        e, roles, axes = self._e, self._roles, self._roles.axes
        axis = axes.sums[level]
        extent = e.size(axes.extents[axis])
        a_coef, b_coef = e.size(roles.a.coefs[axis]), e.size(roles.b.coefs[axis])
        inner: Index = 1
        for deeper in axes.sums[level + 1 :]:
            inner = e.mul(inner, e.size(axes.extents[deeper]))
        innermost = level + 1 == len(axes.sums)
        step = self._depth if innermost else 1
        with e.loop(0, e.mul(e.div(extent, step), step), step) as loop:
            a_in, b_in = e.add(a_at, e.mul(loop.index, a_coef)), e.add(b_at, e.mul(loop.index, b_coef))
            done_here = e.add(done, e.mul(loop.index, inner))
            if innermost:
                self._prefetch.turn(done_here, step)
                self._multiply(lefts, a_in, b_in)
            else:
                self._tile_sum(level + 1, lefts, a_in, b_in, done_here)

    def _multiply(self, lefts: list[_Left], a_at: Index, b_at: Index) -> None:
        """The products of one tile's depth of the sum."""
        e, roles, tiles, vectors = self._e, self._roles, self._tiles, self._place.vectors
        apart = e.size(roles.a.coefs[roles.axes.rows[-1]])
        for v in range(vectors):
            tiles.load_right(v, roles.b.buffer, e.add(b_at, self._in_panels(v)), roles.step)
        for i, left in enumerate(lefts):
            tiles.load_left(i, roles.a.buffer, e.add(a_at, left.offset), apart)
        for i in range(len(lefts)):
            for v in range(vectors):
                tiles.multiply(i, v)

    def _finish(self, place: Place, a_at: Index, b_at: Index) -> None:
        """The epilogue of all rows."""
        e = self._e
        if place.there is not None:
            axis = self._roles.axes.rows[-1]
            last = e.sub(e.size(self._roles.axes.extents[axis]), self._height)
            first = e.max(e.sub(place.at[axis], last), 0)
            with e.loop(0, place.there) as loop:
                self._finish_rows(place, (0, loop.index), e.add(first, loop.index), 1, a_at, b_at)
            return
        high, wide = self._shape(place)
        together = 1 if self._long else min(_TOGETHER, wide)
        whole = wide // together * together
        with e.loop(0, high) as line:
            slot = e.mul(line.index, wide)
            with e.loop(0, whole, together) as loop:
                at = (line.index, loop.index)
                self._finish_rows(place, at, e.add(slot, loop.index), together, a_at, b_at)
            if whole < wide:
                at = (line.index, whole)
                self._finish_rows(place, at, e.add(slot, whole), wide - whole, a_at, b_at)

    def _finish_rows(
        self, place: Place, at: tuple[Index, Index], slot: Index, count: int, a_at: Index, b_at: Index
    ) -> None:
        """What is left of the sum, and the epilogue, of `count` rows: their sums lie in the scratch from row `slot`."""
        e, roles, axes, vectors = self._e, self._roles, self._roles.axes.rows, place.vectors
        there = dict(place.at)
        for axis, step in zip(reversed(axes), reversed(at), strict=False):
            there[axis] = e.add(there[axis], step)
            a_at = e.add(a_at, e.mul(step, e.size(roles.a.coefs[axis])))
        base, lanes = e.base(self._sums), self._lanes
        values = [
            e.load(base, e.add(e.mul(e.add(slot, row), vectors * lanes), v * lanes), self._acc, lanes)
            for row in range(count)
            for v in range(vectors)
        ]
        if (start := self._start()) != self._zero():
            values = [self._added(start, value) for value in values]
        rows = tuple((*(0,) * (len(axes) - 1), row) for row in range(count))
        if self._rest():
            self._rows = [self._row_offset(roles.a, row) for row in rows]
            values = self._sum(0, values, a_at, b_at, 0)
        Epilogue(e, roles, lanes, self._acc).emit(there, rows, vectors, place.columns, values)

    def _rest(self) -> bool:
        """Whether tiles leave something of the sum."""
        return bool(
            self._tail or (self._roles.axes.extents[self._roles.axes.sums[-1]].static or 0) % self._depth
        )

    def _steps(self, acc: list[str], a_at: Index, b_at: Index, done: Index) -> list[str]:
        """The steps of the innermost sum that tiles have left."""
        e, roles = self._e, self._roles
        axis = roles.axes.sums[-1]
        extent = roles.axes.extents[axis].static
        assert extent is not None
        a_coef, b_coef = e.size(roles.a.coefs[axis]), e.size(roles.b.coefs[axis])
        for k in range(extent // self._depth * self._depth, extent):
            acc = self._step(acc, e.add(a_at, e.mul(k, a_coef)), e.add(b_at, e.mul(k, b_coef)), k)
        return acc
