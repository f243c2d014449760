"""Register tiles of integer blocks on AMX: up to 32 rows by 32 columns of a block's sums, then scaled and added.

    for each chunk of some blocks
      of the next: numbers of 4 bits less 8, as bytes, to the scratch: a vector of words is two rows of a tile
      products of tiles, a block's sums in tile registers, then in the scratch
      of the chunk before: acc += scale · (weight_scale · (Σ q w - block · c · mean))

Tiles and vectors do not pass each other what is still being stored: everything that goes through the scratch is read a
chunk later than it is written, and the scratch has two places for it (Emerald Rapids, blocks of 32: a block took 230
cycles one by one). Weights of 8 bits are read where they lie, unsigned. Sums of all blocks stay in registers where the
rows are few, else in the scratch.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from aicc.passes.schedules.cpu.access import Access
from aicc.passes.schedules.cpu.amx.instructions import ROWS, SIDE, Tiles
from aicc.passes.schedules.cpu.contraction.prefetch import Ahead
from aicc.passes.schedules.cpu.contraction.tile import Part, Place
from aicc.passes.schedules.cpu.emit import Index, vector
from aicc.passes.schedules.cpu.emit_kernel import KernelEmitter
from aicc.passes.schedules.cpu.epilogue import Epilogue
from aicc.passes.schedules.cpu.integer_blocks.instructions import GROUP, Dot, products_for
from aicc.passes.schedules.cpu.integer_blocks.roles import BlockRoles
from aicc.passes.schedules.cpu.integer_blocks.tile import BlockTile
from aicc.passes.schedules.cpu.nest import Buffer
from aicc.target import Target

FEW_ROWS = 16
"""Rows of which vectors compute a product sooner, at most: weights of 16 come from memory at 3.9 GB/s, with tiles at
3.3 to 3.6, those of 32 with tiles at 4.4 (Emerald Rapids, blocks of 32)."""

FEW_AT_ONCE = (8, 6, 4, 3, 2, 1)
"""Rows of their register tiles."""

# Blocks of a chunk, and its numbers at most; longer blocks are unpacked tile by tile.
_BLOCKS = 4
_NUMBERS = 128
_AHEAD = 256
# Sums of all blocks that stay in registers, and rows that are scaled together else.
_IN_REGISTERS = 16
_TOGETHER = 4
# Bytes of a row of a tile register.
_BYTES = 64


@dataclass(frozen=True)
class _Left:
    """A tile of A: where it starts, in elements from the register tile's first row on, and the row its sums go to."""

    offset: Index
    row: Index


def blocks_of_chunk(roles: BlockRoles, rows: int) -> int:
    """Blocks that are unpacked, multiplied and scaled at once."""
    return max(1, min(_NUMBERS // roles.block, _BLOCKS if rows <= ROWS else _BLOCKS // 2))


class IntegerTile(BlockTile):
    """Emits register tiles of tiles of `height` rows and `depth` groups of the sum, at most `rows` rows in all."""

    def __init__(
        self,
        e: KernelEmitter,
        roles: BlockRoles,
        height: Index,
        rows: int,
        depth: int,
        tiles: Tiles,
        target: Target,
    ) -> None:
        vectors = roles.panel // ROWS
        super().__init__(e, roles, Dot(ROWS, "", signed=True), vectors, target, 1)
        self._height = height
        self._depth = depth
        self._tiles = tiles
        self._row = roles.axes.rows[-1]
        self._counted = roles.axes.extents[self._row].static is None
        products = products_for(target, roles.bits)
        # of rows that a run counts there may be few
        self._few = BlockTile(e, roles, products, vectors, target, FEW_AT_ONCE[0]) if self._counted else None
        self._slots = rows * roles.panel
        self._chunk = blocks_of_chunk(roles, rows)
        self._sums = e.reserve(2 * self._chunk * self._slots, "i32")
        self._totals = self._saved or e.reserve(self._slots, "f32")
        self._long = self._saved is not None
        self._unpacked: Buffer | None = None
        self._ahead = roles.bits == 4 and roles.block <= _AHEAD
        # bytes of a vector's weights: of a block, or of a tile
        self._room = _BYTES * (roles.block // GROUP if self._ahead else depth)
        if roles.bits == 4:
            self._unpacked = e.reserve(2 * (self._chunk if self._ahead else 1) * vectors * self._room, "i8")

    def emit(self, place: Place, ahead: Ahead | None, part: Part | None = None) -> None:
        """One register tile; of a few rows, where a run counts them, by vectors."""
        if self._few is not None and place.there is None:
            self._few.emit(place, ahead, part)
            return
        e, roles = self._e, self._blocks
        a_at, b_at = self._start_at(place)
        lefts = self._lefts(place)
        self._prefetch.epilogue(place.at, place.rows, place.vectors)
        slot = lefts[0].row if place.there is None else self._first_slot(place)
        values = self._start_totals(place)
        axis = roles.blocks
        assert axis is not None
        blocks = roles.axes.extents[axis].static
        assert blocks is not None
        each = self._chunk
        chunks, kinds = blocks // each, [self._kind] * len(values)

        def unpack(chunk: Index, count: int) -> None:
            for j in range(count) if self._ahead else ():
                block = e.add(e.mul(chunk, each), j)
                at = e.add(b_at, e.mul(block, e.size(roles.b.coefs[axis])))
                self._unpack(at, self._place_of(chunk, j), roles.block // roles.numbers)

        def multiply(chunk: Index, count: int) -> None:
            for j in range(count):
                block = e.add(e.mul(chunk, each), j)
                a_in = e.add(a_at, e.mul(block, e.size(roles.a.coefs[axis])))
                b_in = e.add(b_at, e.mul(block, e.size(roles.b.coefs[axis])))
                self._multiply(lefts, a_in, b_in, self._place_of(chunk, j), j % SIDE)

        def add(chunk: Index, count: int, values: list[str]) -> list[str]:
            return self._add_chunk(place, slot, chunk, count, values)

        if chunks:
            unpack(0, each)
            unpack(min(1, chunks - 1), each)
            multiply(0, each)
            with e.loop(1, chunks, 1, values, kinds) as loop:
                unpack(e.min(e.add(loop.index, 1), chunks - 1), each)
                multiply(loop.index, each)
                loop.next = add(e.sub(loop.index, 1), each, loop.args)
            values = add(chunks - 1, each, loop.results if chunks > 1 else values)
        if left := blocks % each:
            unpack(chunks, left)
            multiply(chunks, left)
            values = add(chunks, left, values)
        self._finish(place, values)

    def _place_of(self, chunk: Index, number: int) -> Index:
        """The place in the scratch that block `number` of a chunk has."""
        return self._e.add(self._e.mul(self._e.rem(chunk, 2), self._chunk), number)

    # Where rows are --------------------------------------------------------------------------------

    def _lefts(self, place: Place) -> list[_Left]:
        """The tiles of A: rows that do not fill the second are read twice, it ends where they end."""
        e, axes = self._e, self._roles.axes
        step = e.size(self._roles.a.coefs[self._row])
        if place.there is not None:
            start = place.at[self._row]
            last = e.sub(e.size(axes.extents[self._row]), self._height)
            first, second = e.min(start, last), e.min(e.add(start, ROWS), last)
            return [_Left(e.mul(e.sub(at, start), step), e.sub(at, first)) for at in (first, second)]
        assert isinstance(self._height, int)
        wide = len(place.rows)
        starts = [0] if wide <= self._height else [0, wide - self._height]
        return [_Left(e.mul(step, start), start) for start in starts]

    def _first_slot(self, place: Place) -> Index:
        """The row of the sums that the first row of the register tile has."""
        e = self._e
        last = e.sub(e.size(self._roles.axes.extents[self._row]), self._height)
        return e.max(e.sub(place.at[self._row], last), 0)

    def _in_registers(self, place: Place) -> bool:
        return place.there is None and len(place.rows) * place.vectors <= _IN_REGISTERS

    # Products of a block ---------------------------------------------------------------------------

    def _multiply(self, lefts: list[_Left], a_at: Index, b_at: Index, where: Index, turn: int) -> None:
        """The sums of a block, to place `where` of the scratch. Blocks take turns in tiles where those of A are few."""
        e, roles, tiles, vectors = self._e, self._blocks, self._tiles, self._place.vectors
        used = [turn] if len(lefts) == 1 else list(range(len(lefts)))
        pairs = [(i, v) for i in used for v in range(vectors)]
        for i, v in pairs:
            tiles.zero(i, v)
        words = self._depth * GROUP // roles.numbers
        apart = e.size(roles.a.coefs[self._row])
        with e.loop(0, roles.block // GROUP // self._depth) as loop:
            self._load_right(e.add(b_at, e.mul(loop.index, words * roles.panel)), where, loop.index, words)
            for i, left in zip(used, lefts, strict=True):
                a_in = e.add(a_at, left.offset, e.mul(loop.index, self._depth * GROUP))
                tiles.load_left(i, roles.a.buffer, a_in, apart)
            for i, v in pairs:
                tiles.multiply(i, v)
        stride = vectors * ROWS
        for i, left in zip(used, lefts, strict=True):
            for v in range(vectors):
                at = e.add(e.mul(where, self._slots), e.mul(left.row, stride), v * ROWS)
                tiles.store(i, v, self._sums, at, stride)

    def _load_right(self, b_at: Index, where: Index, tile: Index, words: int) -> None:
        """The weights of a tile's depth, for all vectors of columns."""
        e, roles, vectors = self._e, self._blocks, self._place.vectors
        if self._unpacked is None:
            self._prefetch_words(b_at, words)
            for v in range(vectors):
                self._tiles.load_right(v, roles.b.buffer, e.add(b_at, self._in_panels(v)), roles.panel)
            return
        if self._ahead:
            start = e.add(e.mul(where, vectors * self._room), e.mul(tile, self._depth * _BYTES))
        else:
            start = e.mul(e.rem(tile, 2), vectors * self._room)
            self._unpack(b_at, e.rem(tile, 2), words)
        for v in range(vectors):
            self._tiles.load_right(v, self._unpacked, e.add(start, v * self._room), _BYTES)

    def _unpack(self, b_at: Index, where: Index, words: int) -> None:
        """Numbers of 4 bits, less 8, to place `where` of the scratch."""
        e, roles, vectors = self._e, self._blocks, self._place.vectors
        assert self._unpacked is not None
        base, element = self._b
        self._prefetch_words(b_at, words)
        kind, few = vector("i8", _BYTES), e.splat("8", "i8", _BYTES)
        for v in range(vectors):
            at = e.add(e.mul(where, vectors * self._room), v * self._room)
            for step in range(words):
                stored = e.load(base, e.add(b_at, step * roles.panel, self._in_panels(v)), element, ROWS)
                for n, (group,) in enumerate(self._products.groups(e, stored, roles.bits)):
                    signed = e.op(f"arith.subi {group}, {few} : {kind}")
                    e.store(signed, e.base(self._unpacked), e.add(at, (2 * step + n) * _BYTES), "i8", _BYTES)

    def _prefetch_words(self, b_at: Index, words: int) -> None:
        for step in range(words):
            self._prefetch_panels(self._roles.b, self._e.add(b_at, step * self._roles.panel), step)

    # Sums of all blocks ----------------------------------------------------------------------------

    def _start_totals(self, place: Place) -> list[str]:
        """The sums before the first block: in registers, or in the scratch and none."""
        e, vectors = self._e, place.vectors
        start = self._start()
        if self._in_registers(place):
            return [start] * (len(place.rows) * vectors)
        rows = len(place.rows) if place.there is None else place.there
        with e.loop(0, e.mul(rows, vectors * ROWS), ROWS) as loop:
            e.store(start, e.base(self._totals), loop.index, "f32", ROWS)
        return []

    def _add_chunk(self, place: Place, slot: Index, chunk: Index, count: int, values: list[str]) -> list[str]:
        """The sums with those of `count` blocks of a chunk added."""
        e, vectors = self._e, place.vectors
        blocks = [e.add(e.mul(chunk, self._chunk), j) for j in range(count)]
        parameters = [self._parameters(block) for block in blocks]
        middles = [[self._middle(zero) for _, zero in of_block] for of_block in parameters]

        def add(j: int, row: Index, before: list[str]) -> list[str]:
            scale = self._of_row_at(self._blocks.row_scale, row, blocks[j])
            mean = None if middles[j][0] is None else self._of_row_at(self._blocks.row_mean, row, blocks[j])
            first = e.add(e.mul(self._place_of(chunk, j), self._slots), e.mul(slot, vectors * ROWS))
            result = []
            for v in range(vectors):
                at = e.add(first, e.mul(row, vectors * ROWS), v * ROWS)
                found = e.load(e.base(self._sums), at, "i32", ROWS)
                value = e.op(f"arith.sitofp {found} : {vector('i32', ROWS)} to {self._kind}")
                middle, of_weights = middles[j][v], parameters[j][v][0]
                if middle is not None and mean is not None:
                    value = e.fma(middle, mean, value, "f32", ROWS)
                value = e.op(f"arith.mulf {value}, {of_weights} : {self._kind}")
                result.append(e.fma(value, scale, before[v], "f32", ROWS))
            return result

        if values:
            for j in range(count):
                rows = range(len(place.rows))
                values = [x for r in rows for x in add(j, r, values[r * vectors : (r + 1) * vectors])]
            return values

        def saved(row: Index) -> None:
            base, at = e.base(self._totals), e.mul(row, vectors * ROWS)
            totals = [e.load(base, e.add(at, v * ROWS), "f32", ROWS) for v in range(vectors)]
            for j in range(count):
                totals = add(j, row, totals)
            for v, value in enumerate(totals):
                e.store(value, base, e.add(at, v * ROWS), "f32", ROWS)

        def some_rows(first: Index, some: int) -> None:
            for i in range(some):
                saved(e.add(first, i))

        self._each_row(place, some_rows)
        return []

    def _offset(self) -> int:
        """What is to be subtracted from a weight as it is multiplied, without its zero point."""
        return 0 if self._unpacked is not None else 128

    def _of_row_at(self, access: Access | None, row: Index, block: Index) -> str:
        """What belongs to a block of the row `row` rows after the first."""
        assert access is not None and self._blocks.blocks is not None
        e, axes = self._e, self._roles.axes
        at = e.add(e.size(access.offset), e.mul(block, e.size(access.coefs[self._blocks.blocks])))
        for axis in axes.rows:
            at = e.add(at, e.mul(self._place.at[axis], e.size(access.coefs[axis])))
        at = e.add(at, e.mul(row, e.size(access.coefs[self._row])))
        return e.broadcast(e.load(e.base(access.buffer), at, "f32"), "f32", self._lanes)

    def _each_row(self, place: Place, some: Callable[[Index, int], None]) -> None:
        """Calls `some(first row, how many)` for all rows of a register tile, some at a time."""
        e = self._e
        rows = len(place.rows) if place.there is None else place.there
        together = 1 if self._long else _TOGETHER
        whole = e.mul(e.div(rows, together), together)
        with e.loop(0, whole, together) as loop:
            some(loop.index, together)
        if isinstance(rows, int) and isinstance(whole, int):
            if whole < rows:
                some(whole, rows - whole)
            return
        with e.loop(whole, rows) as loop:
            some(loop.index, 1)

    def _finish(self, place: Place, values: list[str]) -> None:
        """The stages after the sum, and the store."""
        if values:
            self._epilogue(place, values)
            return
        e, vectors, axes = self._e, place.vectors, self._roles.axes.rows

        def some(first: Index, count: int) -> None:
            base = e.base(self._totals)
            there = place.at | {self._row: e.add(place.at[self._row], first)}
            at = e.mul(first, vectors * ROWS)
            found = [e.load(base, e.add(at, i * ROWS), "f32", ROWS) for i in range(count * vectors)]
            rows = tuple((*(0,) * (len(axes) - 1), row) for row in range(count))
            epilogue = Epilogue(e, self._roles, ROWS, "f32")
            epilogue.emit(there, rows, vectors, place.columns, found)

        self._each_row(place, some)
