"""Emits a step of a recurrent layer for a range of column tiles.

A tile is `width` columns of the states, with all their gates: for each group of rows the sums of all gates are
computed in registers, then the elementwise stages on them, and what they yield is stored. The states that
contractions read whole lie in two buffers that take turns, so that a tile of the next state can be written while
others still read the old one; those read column by column are replaced in place.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from aicc.passes.schedules.cpu.access import Access, access_of
from aicc.passes.schedules.cpu.contraction.plan import split_evenly
from aicc.passes.schedules.cpu.emit import Index, vector
from aicc.passes.schedules.cpu.emit_kernel import KernelEmitter
from aicc.passes.schedules.cpu.indexing import Expr
from aicc.passes.schedules.cpu.inline import Inliner, Lanes, uniform, varying, widened
from aicc.passes.schedules.cpu.nest import Buffer, Fill, Generic, Operand, Result
from aicc.passes.schedules.cpu.read import read_scalar, read_vector
from aicc.passes.schedules.cpu.recurrent.reader import (
    Carried,
    Contraction,
    Phase,
    Recurrence,
    State,
    resolve,
)
from aicc.passes.schedules.cpu.sizes import Size

# Terms of a sum per round of the loop; a multiple of the number of partial sums.
_UNROLL = 4
# Independent sums that keep the multiply-adds busy.
_CHAINS = 8


@dataclass(frozen=True)
class Shape:
    """`lanes` of a vector, `vectors` of them in a tile, `rows` at once; `masked`: the last tile is not full."""

    lanes: int
    vectors: int
    rows: int
    masked: bool

    @property
    def width(self) -> int:
        """Columns of a tile."""
        return self.lanes * self.vectors


@dataclass(frozen=True)
class Place:
    """A matrix in memory: element (b, j) is at `start + b * row + j * column` of `base`."""

    base: str
    row: Index
    column: Index
    start: Index = 0

    def line(self, e: KernelEmitter, row: Index) -> Index:
        """Where row `row` starts."""
        return e.add(self.start, e.mul(row, self.row))


class StepEmitter:
    """Emits the body of the kernel into `e`."""

    def __init__(self, e: KernelEmitter, r: Recurrence, shape: Shape) -> None:
        self.e, self.r, self.shape = e, r, shape
        self._extents = (Size.of(r.batch), Size.of(r.hidden))
        self.tiles = -(-r.hidden // shape.width)
        self._kind = vector(r.element, shape.lanes)
        self._old: dict[int, Place] = {}
        self._new: dict[int, Place] = {}
        self._kept: dict[tuple[Generic, int], Place] = {}
        self._first_and_last: list[tuple[Place, Place]] = []

    def emit(self) -> None:
        """The whole function: which step, which phase, the tiles from both ends in turn."""
        e, r = self.e, self.r
        # Scalars of the old function are computed at the start, some from the time.
        with e.at_start():
            step = e.div("%lo", self.tiles)
            time = e.index(e.div(step, len(r.phases)))
        first = e.sub("%lo", e.mul(step, self.tiles))
        last = e.sub("%hi", e.mul(step, self.tiles))
        phase = e.rem(step, len(r.phases))
        self._time = time
        e.bind(r.counter, time)
        self._limit = e.size(Size.of(r.hidden))
        self._places()
        for value in self._times():
            e.scalar(value)
        with e.loop(0, e.sub(last, first)) as loop:
            # From the other end in every other step: what was read last is in the cache still.
            forward = e.add(first, loop.index)
            backward = e.sub(e.sub(last, 1), loop.index)
            odd = e.compare("eq", e.rem(time, 2), 1)
            tile = e.op(f"arith.select {odd}, {e.index(backward)}, {e.index(forward)} : index")
            if r.steps.static is None:
                empty = e.compare("eq", e.size(r.steps), 0)
                with e.when(empty):
                    self._nothing(tile)
                    e.otherwise()
                    self._phase_of(phase, tile, 0)
            else:
                self._phase_of(phase, tile, 0)

    def _times(self) -> list[Any]:
        """The indices of rows, which are computed once, outside of all loops."""
        found = [c.time for c in self.r.carried if c.rows]
        for phase in self.r.phases:
            for stage in phase.pointwise:
                for operand in stage.operands[: stage.inputs]:
                    if not isinstance(operand.source, (Fill, State, Result)):
                        found.append(resolve(operand.source, operand.indices, self._extents)[2])
        return [value for value in found if value is not None]

    def _mask(self, column: Index) -> str | None:
        """The lanes at `column` that are columns of the state."""
        if not self.shape.masked:
            return None
        return self.e.mask(self.e.sub(self._limit, column), self.shape.lanes)

    def _phase_of(self, phase: Index, tile: str, number: int) -> None:
        e = self.e
        if number == len(self.r.phases) - 1:
            self._tile(self.r.phases[number], tile)
            return
        with e.when(e.compare("eq", phase, number)):
            self._tile(self.r.phases[number], tile)
            e.otherwise()
            self._phase_of(phase, tile, number + 1)

    # Memory ----------------------------------------------------------------------------------------

    def _places(self) -> None:
        """Where each state is read and written in this step, and what phases hand over."""
        e, r = self.e, self.r
        start = e.compare("eq", self._time, 0)
        left = e.index(e.sub(e.sub(e.size(r.steps), 1), self._time))
        even = e.compare("eq", e.rem(left, 2), 0)
        for c in r.carried:
            output = r.outputs.get(c.number)
            if c.rows:
                continue
            assert c.init is not None
            init = self._matrix(c.init)
            final = self._matrix(output) if output is not None else self._reserve()
            other = self._reserve() if c.whole else final
            self._new[c.number] = self._select(even, final, other)
            self._old[c.number] = self._select(start, init, self._select(even, other, final))
            if output is not None:
                self._first_and_last.append((init, final))
        for stage, number, columns in self._handed_over():
            buffer = e.reserve(r.batch * columns, r.element)
            self._kept[stage, number] = Place(e.base(buffer), columns, 1)

    def _handed_over(self) -> list[tuple[Generic, int, int]]:
        """Results of a phase that later ones read: stage, number, columns of a row."""
        r = self.r
        found: dict[tuple[Generic, int], int] = {}

        def read(source: Any, phase: int) -> None:
            if isinstance(source, Result) and r.phase_of(source.stage) < phase:
                gates = next((c.gates for c in r.contractions if c.stage is source.stage), 1)
                found[source.stage, source.number] = gates * r.hidden

        for number, phase in enumerate(r.phases):
            for contraction in phase.contractions:
                read(contraction.lhs, number)
            for stage in phase.pointwise:
                for operand in stage.operands[: stage.inputs]:
                    read(operand.source, number)
        return [(stage, number, columns) for (stage, number), columns in found.items()]

    def _matrix(self, buffer: Buffer) -> Place:
        row, column = buffer.strides
        return Place(self.e.base(buffer), self.e.size(row), self.e.size(column))

    def _reserve(self) -> Place:
        buffer = self.e.reserve(self.r.batch * self.r.hidden, self.r.element)
        return Place(self.e.base(buffer), self.r.hidden, 1)

    def _select(self, condition: str, yes: Place, no: Place) -> Place:
        e = self.e
        if yes == no:
            return yes

        def index(a: Index, b: Index) -> Index:
            return a if a == b else e.op(f"arith.select {condition}, {e.index(a)}, {e.index(b)} : index")

        kind = f"memref<?x{self.r.element}>"
        base = yes.base
        if base != no.base:
            base = e.op(f"arith.select {condition}, {yes.base}, {no.base} : {kind}")
        return Place(base, index(yes.row, no.row), index(yes.column, no.column))

    def _load(self, place: Place, row: Index, column: Index, mask: str | None) -> str:
        """A vector of a row."""
        e, lanes = self.e, self.shape.lanes
        start = place.line(e, row)
        if place.column == 1:
            return e.load(place.base, e.add(start, column), self.r.element, lanes, mask)
        values = []
        for lane in range(lanes):
            at = e.add(column, lane)
            at = at if mask is None else e.min(at, e.add(self._limit, -1))
            values.append(e.load(place.base, e.add(start, e.mul(at, place.column)), self.r.element))
        return e.from_elements(values, self.r.element)

    def _store(self, value: str, place: Place, row: Index, column: Index, mask: str | None) -> None:
        e, lanes = self.e, self.shape.lanes
        start = place.line(e, row)
        if place.column == 1:
            e.store(value, place.base, e.add(start, column), self.r.element, lanes, mask)
            return
        for lane in range(lanes):
            at = e.add(column, lane)
            single = value
            if lanes > 1:
                single = e.op(f"vector.extract {value}[{lane}] : {self.r.element} from {self._kind}")
            with e.when(e.compare("slt", at, self._limit)):
                e.store(single, place.base, e.add(start, e.mul(at, place.column)), self.r.element)

    # A tile ----------------------------------------------------------------------------------------

    def _tile(self, phase: Phase, tile: str) -> None:
        for start, count, rows in split_evenly(self.r.batch, self.shape.rows).pieces:
            with self.e.loop(0, count) as loop:
                first = self.e.add(self.e.mul(loop.index, rows), start)
                self._block(phase, tile, first, rows)

    def _block(self, phase: Phase, tile: str, first: Index, rows: int) -> None:
        e = self.e
        column = e.mul(tile, self.shape.width)
        sums: dict[Generic, list[str]] = {}
        for contraction in phase.contractions:
            sums[contraction.stage] = self._sum(contraction, tile, column, first, rows)
        for v in range(self.shape.vectors):
            at = e.add(column, v * self.shape.lanes)
            mask = self._mask(at)
            for row in range(rows):
                self._elementwise(phase, sums, e.add(first, row), row, v, at, mask)

    def _sum(self, c: Contraction, tile: str, column: Index, first: Index, rows: int) -> list[str]:
        """Accumulators, by row, gate and vector."""
        e, shape, r = self.e, self.shape, self.r
        count = rows * c.gates * shape.vectors
        chains = max(1, min(_UNROLL, _CHAINS // count))
        place = self._old[c.lhs.number] if isinstance(c.lhs, State) else self._kept[c.lhs.stage, c.lhs.number]
        starts = [place.line(e, e.add(first, row)) for row in range(rows)]
        zero = e.splat("0.0", r.element, shape.lanes)

        def terms(k: Index, unroll: int, sums: Sequence[str]) -> list[str]:
            sums = list(sums)
            for u in range(unroll):
                at = e.add(k, u)
                values = [
                    e.broadcast(
                        e.load(place.base, e.add(start, e.mul(at, place.column)), r.element),
                        r.element,
                        shape.lanes,
                    )
                    for start in starts
                ]
                for g in range(c.gates):
                    for v in range(shape.vectors):
                        weight = self._weight(c, tile, column, at, g, v)
                        for row, value in enumerate(values):
                            slot = (u % chains) * count + (row * c.gates + g) * shape.vectors + v
                            sums[slot] = e.fma(value, weight, sums[slot], r.element, shape.lanes)
            return sums

        whole = r.hidden // _UNROLL * _UNROLL
        sums = [zero] * (count * chains)
        if whole:
            with e.loop(0, whole, _UNROLL, sums, [self._kind] * len(sums)) as loop:
                loop.next = terms(loop.index, _UNROLL, loop.args)
            sums = loop.results
        sums = terms(whole, r.hidden - whole, sums)
        while len(sums) > count:
            half = len(sums) // 2
            pairs = zip(sums[:half], sums[half:], strict=True)
            sums = [e.op(f"arith.addf {a}, {b} : {self._kind}") for a, b in pairs]
        return sums

    def _weight(self, c: Contraction, tile: str, column: Index, k: Index, gate: int, v: int) -> str:
        e, shape = self.e, self.shape
        if c.rhs.layout is not None:
            outer, depth, gates, inner = c.rhs.strides
            at = e.add(e.mul(tile, e.size(outer)), e.mul(k, e.size(depth)), e.mul(gate, e.size(gates)))
            at = e.add(at, e.mul(v * shape.lanes, e.size(inner)))
            return self._number(c, e.load(e.base(c.rhs), at, c.rhs.element, shape.lanes))
        extents = [Size.of(c.gates), Size.of(self.r.hidden), Size.of(self.r.hidden)]
        access = access_of(c.rhs, [Expr.dim(d) for d in range(3)], extents)
        position = {0: gate, 1: e.add(column, v * shape.lanes), 2: k}
        mask = self._mask(position[1])
        value = read_vector(e, access, lambda d: position[d], 1, shape.lanes, mask, self._limit)
        return self._number(c, widened(e, value, c.rhs.element, shape.lanes))

    def _number(self, c: Contraction, weight: str) -> str:
        """Weights as they are multiplied: bytes become floats."""
        if c.rhs.element != "i8":
            return weight
        wide = vector("i32", self.shape.lanes)
        weight = self.e.op(f"arith.extsi {weight} : {vector('i8', self.shape.lanes)} to {wide}")
        return self.e.op(f"arith.sitofp {weight} : {wide} to {self._kind}")

    # The elementwise stages ------------------------------------------------------------------------

    def _elementwise(
        self,
        phase: Phase,
        sums: dict[Generic, list[str]],
        row: Index,
        number: int,
        v: int,
        column: Index,
        mask: str | None,
    ) -> None:
        """One vector of one row: `number` of the block, vector `v` of the tile."""
        e, shape = self.e, self.shape
        values: dict[tuple[Generic, int, int], Lanes] = {}
        for c in phase.contractions:
            for g in range(c.gates):
                accumulator = sums[c.stage][(number * c.gates + g) * shape.vectors + v]
                values[c.stage, 0, g] = varying(accumulator)
                if (c.stage, 0) in self._kept:
                    place = self._kept[c.stage, 0]
                    self._store(accumulator, place, row, e.add(column, g * self.r.hidden), mask)
        for stage in phase.pointwise:
            args = [
                self._operand(operand, values, row, column, mask) if i < stage.inputs else None
                for i, operand in enumerate(stage.operands)
            ]
            inliner = Inliner(e, shape.lanes, lambda _: (0, False), e.scalar)
            for i, value in enumerate(inliner.inline(stage.block, args)):
                values[stage, i, 0] = value
                if (stage, i) in self._kept:
                    wide = widened(e, value, self.r.element, shape.lanes)
                    self._store(wide, self._kept[stage, i], row, column, mask)
        for carried in self.r.carried:
            key = (carried.value.stage, carried.value.number, 0)
            if carried.value.stage in phase.pointwise:
                wide = widened(e, values[key], self.r.element, shape.lanes)
                self._save(carried, wide, row, column, mask)

    def _operand(
        self,
        operand: Operand,
        values: dict[tuple[Generic, int, int], Lanes],
        row: Index,
        column: Index,
        mask: str | None,
    ) -> Lanes:
        e = self.e
        source: Any = operand.source
        if isinstance(source, Fill):
            return uniform(read_scalar(e, source.value, source.element))
        if isinstance(source, State):
            return varying(self._load(self._old[source.number], row, column, mask))
        if isinstance(source, Result):
            gate = operand.indices[1].const if len(operand.indices) == 3 else 0
            key = (source.stage, source.number, gate)
            if key not in values:
                place = self._kept[source.stage, source.number]
                return varying(self._load(place, row, e.add(column, gate * self.r.hidden), mask))
            return values[key]
        buffer, indices, time = resolve(source, operand.indices, self._extents)
        access = access_of(buffer, indices, self._extents)
        places: list[Index] = [row, column]
        if time is not None:
            access = Access(buffer, access.offset, (*access.coefs, buffer.strides[0]), access.quotients)
            places.append(e.scalar(time))
        return read_vector(e, access, lambda d: places[d], 1, self.shape.lanes, mask, self._limit)

    def _save(self, carried: Carried, value: str, row: Index, column: Index, mask: str | None) -> None:
        if not carried.rows:
            self._store(value, self._new[carried.number], row, column, mask)
        elif carried.number in self.r.outputs:
            target = self.r.outputs[carried.number]
            time, line, step = (self.e.size(x) for x in target.strides)
            start = self.e.mul(self.e.scalar(carried.time), time)
            self._store(value, Place(self.e.base(target), line, step, start), row, column, mask)

    def _nothing(self, tile: str) -> None:
        """No steps at all: the states are what they were at first."""
        e, shape = self.e, self.shape
        column = e.mul(tile, shape.width)
        with e.loop(0, self.r.batch) as loop:
            for init, final in self._first_and_last:
                for v in range(shape.vectors):
                    at = e.add(column, v * shape.lanes)
                    mask = self._mask(at)
                    self._store(self._load(init, loop.index, at, mask), final, loop.index, at, mask)
