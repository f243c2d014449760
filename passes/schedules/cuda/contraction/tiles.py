"""Tiles of an operand: from global memory to a stage of shared memory.

A tile has `lines` of `width` elements, the contiguous direction of the operand; chunks of 16 bytes are exchanged
within a line so that the eight chunks that `ldmatrix` reads of eight lines lie in different banks.
"""

from __future__ import annotations

from dataclasses import dataclass

from aicc.passes.schedules.cpu.emit import Index, element_bits, vector
from aicc.passes.schedules.cuda.contraction.plan import Plan
from aicc.passes.schedules.cuda.contraction.roles import Roles, Side
from aicc.passes.schedules.cuda.emitter import ACCESS_BITS, GpuEmitter, Shared, decompose


@dataclass(frozen=True, eq=False)
class Tile:
    """The tiles of one operand. `by_sums`: lines are free positions, and go along the sums; else the reverse.

    `swizzled`: chunks are exchanged (operands of 8 and 16 bits for tensor cores); else a plain array.
    """

    side: Side
    array: Shared
    by_sums: bool
    lines: int
    width: int
    vector: int
    swizzled: bool


def tile_of(e: GpuEmitter, side: Side, plan: Plan, free: int, vector_: int) -> Tile:
    """The tile of `free` positions by `plan.depth` products."""
    if plan.tensor:
        # Bytes reach fragments only along the sums: `ldmatrix` turns elements of 16 bits.
        by_sums = side.along != "free" or side.element == "i8"
        lines, width = (free, plan.depth) if by_sums else (plan.depth, free)
        # Of f32 single elements are read, of 8 positions and 4 products: they lie in different banks.
        pad = 0 if side.element != "f32" else 4 if by_sums else 8
        array = e.shared((plan.stages, lines, width + pad), side.element)
        return Tile(side, array, by_sums, lines, width, vector_, side.element != "f32")
    # CUDA cores read lines of free positions, whatever way they come.
    array = e.shared((plan.stages, plan.depth, free + 4), side.element)
    return Tile(side, array, False, plan.depth, free, vector_, False)


def chunk_place(e: GpuEmitter, tile: Tile, line: Index, column: Index) -> Index:
    """Where element `column` (the first of a chunk, or any) of a line lies in it."""
    if not tile.swizzled:
        return column
    chunk = ACCESS_BITS // element_bits(tile.side.element)
    count = tile.width // chunk
    turn = e.rem(e.div(line, 2), 4) if count == 4 else e.rem(line, min(count, 8))
    number, rest = e.div(column, chunk), e.rem(column, chunk)
    other = e.op(f"arith.xori {e.index(number)}, {e.index(turn)} : index")
    return e.add(e.mul(other, chunk), rest)


class Loader:
    """Moves tiles of one operand: each thread the same few vectors of every tile.

    `start` is the first free position of the block, `base` the offset of its batch.
    """

    def __init__(
        self, e: GpuEmitter, roles: Roles, plan: Plan, tile: Tile, thread: Index, start: Index, base: Index
    ) -> None:
        self.e, self.roles, self.tile, self.plan = e, roles, tile, plan
        layout = roles.arrangement.layout
        self.extents = [e.size(extent) for extent in layout.extents]
        self.depth = self._product(tile.side.sums)
        self.base = base
        free_first = tile.side.along == "free"
        wide = tile.vector
        # Positions of this thread's vectors: (free position, sum position), one of them the vector's first.
        span = (plan.depth if not free_first else self._free_width()) // wide
        total = self._free_width() * plan.depth // wide
        self.slots: list[tuple[Index, Index]] = []
        limit = self._product(tile.side.free)
        for number in range(-(-total // plan.threads)):
            at = e.add(thread, number * plan.threads)
            outer, inner = e.div(at, span), e.mul(e.rem(at, span), wide)
            free, summed = (inner, outer) if free_first else (outer, inner)
            self.slots.append((free, summed))
        self.total = total
        self.thread = thread
        self.parts: list[Index] = []
        for free, _ in self.slots:
            position = e.add(start, free)
            inside = e.max(e.min(position, e.add(limit, -wide if free_first else -1)), 0)
            self.parts.append(e.add(base, self._linear(inside, tile.side.free)))

    def _free_width(self) -> int:
        tile = self.tile
        return tile.lines if tile.by_sums else tile.width

    def _product(self, axes: tuple[int, ...]) -> Index:
        total: Index = 1
        for axis in axes:
            total = self.e.mul(total, self.extents[axis])
        return total

    def _linear(self, number: Index, axes: tuple[int, ...]) -> Index:
        """The part of an address for position `number` of some axes."""
        e, place = self.e, [0] * len(self.extents)
        positions: list[Index] = list(place)
        decompose(e, number, axes, self.extents, positions)
        total: Index = 0
        for axis in axes:
            coef = self.tile.side.access.coefs[axis]
            if coef.terms:
                total = e.add(total, e.mul(positions[axis], e.size(coef)))
        return total

    def _whole(self) -> bool:
        """Whether the sums end with a tile."""
        return isinstance(self.depth, int) and self.depth % self.plan.depth == 0

    def addresses(self, first: Index) -> list[tuple[Index, Index | None]]:
        """For each vector of the tile that starts at sum `first`: its address, and how many of its elements there
        are (None: all)."""
        e, wide = self.e, self.tile.vector
        if self._whole():
            # Tiles ahead of the last one are read, though not used: it is that one again.
            first = e.min(first, e.sub(self.depth, self.plan.depth))
        found: list[tuple[Index, Index | None]] = []
        for (_, summed), part in zip(self.slots, self.parts, strict=True):
            position = e.add(first, summed)
            count: Index | None = None
            if not self._whole():
                step = 1 if self.tile.side.along == "free" else wide
                left = e.max(e.min(e.sub(self.depth, position), step), 0)
                count = e.mul(left, wide) if step == 1 else left
                position = e.max(e.min(position, e.add(self.depth, -step)), 0)
            found.append((e.add(part, self._linear(position, self.tile.side.sums)), count))
        return found

    def _guarded(self, number: int) -> str | None:
        """Whether this thread has a vector of that number at all; None: surely."""
        if (number + 1) * self.plan.threads <= self.total:
            return None
        return self.e.compare("ult", self.e.add(self.thread, number * self.plan.threads), self.total)

    # Through registers -----------------------------------------------------------------------------

    def read(self, first: Index) -> list[str]:
        """The vectors of a tile, zeros after the end of the sums."""
        e, wide = self.e, self.tile.vector
        element = self.tile.side.element
        kind = vector(element, wide)
        values = []
        base = e.base(self.tile.side.access.buffer)
        for at, count in self.addresses(first):
            value = e.load(base, at, element, wide)
            if count is not None:
                zero = e.splat("0" if element == "i8" else "0.0", element, wide)
                some = e.compare("sgt", count, 0)
                value = e.op(f"arith.select {some}, {value}, {zero} : {kind}")
            values.append(value)
        return values

    def write(self, values: list[str], stage: Index) -> None:
        """Vectors to a stage of shared memory."""
        e, tile = self.e, self.tile
        for number, ((free, summed), value) in enumerate(zip(self.slots, values, strict=True)):
            guard = self._guarded(number)
            if guard is None:
                self._put(value, free, summed, stage)
            else:
                with e.when(guard):
                    self._put(value, free, summed, stage)
        assert tile.vector >= 1

    @property
    def _along_lines(self) -> bool:
        """Whether neighbours in memory are neighbours in a line of the tile."""
        return self.tile.by_sums == (self.tile.side.along != "free")

    def _put(self, value: str, free: Index, summed: Index, stage: Index) -> None:
        e, tile, wide = self.e, self.tile, self.tile.vector
        line, column = (free, summed) if tile.by_sums else (summed, free)
        if wide == 1 or self._along_lines:
            e.store_shared(value, tile.array, [stage, line, chunk_place(e, tile, line, column)], wide)
            return
        kind = vector(tile.side.element, wide)
        for i in range(wide):
            one = e.op(f"vector.extract {value}[{i}] : {tile.side.element} from {kind}")
            place = chunk_place(e, tile, e.add(line, i), column)
            e.store_shared(one, tile.array, [stage, e.add(line, i), place])

    # Asynchronously --------------------------------------------------------------------------------

    def copy(self, first: Index, stage: Index) -> list[str]:
        """Starts copies of 16 bytes to a stage; returns their tokens."""
        e, tile = self.e, self.tile
        element, wide = tile.side.element, tile.vector
        base = e.base(tile.side.access.buffer)
        tokens = []
        for (free, summed), (at, count) in zip(self.slots, self.addresses(first), strict=True):
            line, column = (free, summed) if tile.by_sums else (summed, free)
            place = ", ".join(e.index(i) for i in (stage, line, chunk_place(e, tile, line, column)))
            some = "" if count is None else f", {e.index(count)}"
            tokens.append(
                e.op(
                    f"nvgpu.device_async_copy {base}[{e.index(at)}], {tile.array.name}[{place}], {wide}{some} "
                    f"{{bypassL1}} : memref<?x{element}> to {tile.array.kind}"
                )
            )
        return tokens

    @property
    def asynchronous(self) -> bool:
        """Whether every thread moves whole chunks of 16 bytes that a copy engine can take."""
        tile = self.tile
        chunk = ACCESS_BITS // element_bits(tile.side.element)
        whole = tile.vector == chunk and self.total % self.plan.threads == 0
        return self.plan.tensor and whole and self._along_lines
