"""The register tile: accumulators through the whole sum, the epilogue on them, and the only store."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from aicc.passes.schedules.cpu.access import Access
from aicc.passes.schedules.cpu.contraction.plan import unroll
from aicc.passes.schedules.cpu.contraction.prefetch import Ahead, Prefetch
from aicc.passes.schedules.cpu.contraction.roles import Roles
from aicc.passes.schedules.cpu.emit import Index, element_bits, vector
from aicc.passes.schedules.cpu.emit_kernel import KernelEmitter
from aicc.passes.schedules.cpu.epilogue import Epilogue
from aicc.passes.schedules.cpu.inline import literal
from aicc.passes.schedules.cpu.nest import Buffer

# Enough accumulators to hide the latency of a multiply-add on two ports.
_ENOUGH = 8
# Math that is an instruction, not a polynomial.
_INSTRUCTIONS = frozenset({"math.roundeven", "math.absf", "math.fma", "math.sqrt"})
# No register tile has more accumulators.
_MOST_VECTORS = 64


@dataclass(frozen=True)
class Place:
    """Where a register tile is: `at[axis]` for outer, row and column axes; `panel` the panel of B.

    `rows` are the tile's rows, offsets on the row axes; `vectors` of the panel, or of it and the next, are
    computed, and of the last `columns - column` elements are stored when `columns` is set. `there` is the number
    of rows that are there where that is known at run time.
    """

    at: dict[int, Index]
    panel: Index
    rows: tuple[tuple[int, ...], ...]
    vectors: int
    columns: Index | None = None
    there: Index | None = None


@dataclass(frozen=True)
class Part:
    """A part of a sum: `steps` steps, from `first` on in A and from `first_b` on in B. The accumulators come from the
    scratch, where those of this register tile lie from `waiting` on, and go back there unless `last` (an i1) holds:
    then they are the result."""

    first: Index
    first_b: Index
    steps: Index
    last: str
    waiting: Index = 0


def _is_long(roles: Roles) -> bool:
    """Whether the epilogue holds functions that become polynomials."""
    bodies = [stage.block.operations for stage in roles.epilogue]
    names = (op.operation.name for body in bodies for op in body)
    return any(name.startswith("math.") and name not in _INSTRUCTIONS for name in names)


class TileEmitter:
    """Emits register tiles of one contraction, of at most `vectors` vectors a row."""

    def __init__(self, e: KernelEmitter, roles: Roles, lanes: int, ku: int, vectors: int) -> None:
        self._e = e
        self._roles = roles
        self._lanes = lanes
        self._ku = ku
        self._vectors = vectors
        self._prefetch = Prefetch(e, roles, lanes)
        self._part: Part | None = None
        self._copies = 1
        self._enough = _ENOUGH
        element = roles.root.inits[0].element
        self._narrow = element in ("f16", "bf16")
        self._acc = "f32" if self._narrow else element
        self._kind = vector(self._acc, lanes)
        self._saved: Buffer | None = None
        if _is_long(roles):
            self._saved = e.reserve(_MOST_VECTORS * lanes, self._acc)
        self._parts: Buffer | None = None

    def start_parts(self, room: int, rows: Index) -> None:
        """Reserves room for the accumulators of `room` rows; the sums of `rows` of them start anew."""
        e, panel = self._e, self._roles.panel
        if self._parts is None:
            self._parts = e.reserve(room * panel, self._acc)
        start = self._start()
        with e.loop(0, e.mul(rows, panel), self._lanes) as loop:
            e.store(start, e.base(self._parts), loop.index, self._acc, self._lanes)

    def emit(self, place: Place, ahead: Ahead | None, part: Part | None = None) -> None:
        """One register tile."""
        e, roles, axes = self._e, self._roles, self._roles.axes
        a_at, b_at = self._start_at(place)
        count = len(place.rows) * place.vectors
        static = axes.sums and all(axes.extents[axis].static is not None for axis in axes.sums)
        last = axes.extents[axes.sums[-1]].static if axes.sums else 1
        if part is not None:
            last = part.steps if isinstance(part.steps, int) else None
            a_at = e.add(a_at, e.mul(part.first, e.size(roles.a.coefs[axes.sums[-1]])))
            b_at = e.add(b_at, e.mul(part.first_b, e.size(roles.b.coefs[axes.sums[-1]])))
        self._part, self._b_at = part, b_at
        self._rows = [self._row_offset(roles.a, row) for row in place.rows]
        steps = unroll(last, self._ku) if last != 0 else 1
        copies = 1
        # As many as in a whole tile: every column is summed in one order, so that equal columns stay equal.
        whole = len(place.rows) * self._vectors
        while static and copies * whole < self._enough and copies * 2 <= steps:
            copies *= 2
        self._copies = copies
        accumulators = self._first(count) + [self._zero()] * (count * (copies - 1))
        self._prefetch.panel(ahead, self._in_memory(b_at), steps)
        self._prefetch.epilogue(place.at, place.rows, place.vectors)
        result = self._sum(0, accumulators, a_at, b_at, 0)
        while len(result) > count:
            half = len(result) // 2
            result = [self._added(x, y) for x, y in zip(result[:half], result[half:], strict=True)]
        if part is None:
            self._epilogue(place, result)
            return
        result = self._so_far(part, result)
        with e.when(part.last):
            self._epilogue(place, result)
            e.otherwise()
            for number, value in enumerate(result):
                e.store(value, *self._waiting(part, number), self._acc, self._lanes)

    def _start_at(self, place: Place) -> tuple[Index, Index]:
        """Where the sums of a register tile start in A, at its first row, and in B."""
        e, roles, axes = self._e, self._roles, self._roles.axes
        self._a = (e.base(roles.a.buffer), roles.a.buffer.element)
        self._b = (e.base(roles.b.buffer), roles.b.buffer.element)
        self._place = place
        a_at = e.size(roles.a.offset)
        for axis in (*axes.outer, *axes.rows):
            a_at = e.add(a_at, e.mul(place.at[axis], e.size(roles.a.coefs[axis])))
        b_at = e.add(e.size(roles.b.offset), e.mul(place.panel, e.size(roles.b.coefs[-2])))
        for axis in axes.outer:
            b_at = e.add(b_at, e.mul(place.at[axis], e.size(roles.b.coefs[axis])))
        return a_at, b_at

    def _in_memory(self, b_at: Index) -> Index:
        """Where what a tile reads from `b_at` on has come from: what follows is read next."""
        return b_at

    def _zero(self) -> str:
        text = "0" if self._acc[0] == "i" else f"0x{0:0{element_bits(self._acc) // 4}X}"
        return self._e.splat(text, self._acc, self._lanes)

    def _added(self, x: str, y: str) -> str:
        return self._e.op(f"arith.add{'i' if self._acc[0] == 'i' else 'f'} {x}, {y} : {self._kind}")

    def _waiting(self, part: Part, number: int) -> tuple[str, Index]:
        """Where accumulator `number` waits for the next part of the sum."""
        assert self._parts is not None
        e = self._e
        return e.base(self._parts), e.add(part.waiting, number * self._lanes)

    def _first(self, count: int) -> list[str]:
        """The accumulators before the sum."""
        part = self._part
        if part is None:
            return [self._start()] * count
        return [self._e.load(*self._waiting(part, n), self._acc, self._lanes) for n in range(count)]

    def _so_far(self, part: Part, sums: list[str]) -> list[str]:
        """The sums up to the end of a part, of what `_first` and the part's steps have made."""
        return sums

    def _epilogue(self, place: Place, accumulators: list[str]) -> None:
        """The stages after the sum, and the store."""
        if self._saved is None:
            epilogue = Epilogue(self._e, self._roles, self._lanes, self._acc)
            epilogue.emit(place.at, place.rows, place.vectors, place.columns, accumulators)
        else:
            self._epilogue_loop(place, accumulators, self._saved)

    def _epilogue_loop(self, place: Place, accumulators: list[str], saved: Buffer) -> None:
        """A long epilogue is emitted once for a row, and the accumulators go through memory: the code of
        dozens of vectors' worth of polynomials costs more than the stores."""
        e, axes = self._e, self._roles.axes.rows
        base, vectors, lanes = e.base(saved), place.vectors, self._lanes
        for number, value in enumerate(accumulators):
            e.store(value, base, number * lanes, self._acc, lanes)
        counts = [max(row[i] for row in place.rows) + 1 for i in range(len(axes))]
        high = counts[-2] if len(counts) > 1 else 1
        wide = counts[-1] if counts else 1
        with e.loop(0, high) as y, e.loop(0, wide) as x:
            at = dict(place.at)
            if len(axes) > 1:
                at[axes[-2]] = e.add(at[axes[-2]], y.index)
            if axes:
                at[axes[-1]] = e.add(at[axes[-1]], x.index)
            first = e.mul(e.add(e.mul(y.index, wide), x.index), vectors * lanes)
            row = [e.load(base, e.add(first, v * lanes), self._acc, lanes) for v in range(vectors)]
            epilogue = Epilogue(e, self._roles, lanes, self._acc)
            epilogue.emit(at, ((0,) * len(axes),), vectors, place.columns, row)

    def _start(self) -> str:
        value = self._roles.init.value
        if hasattr(value, "owner"):
            owner = value.owner
            if hasattr(owner, "operation") and owner.operation.name == "arith.constant":
                value = owner.operation.attributes["value"]
            else:
                scalar = self._widen(self._e.scalar(value), self._roles.init.element, 1)
                return self._e.broadcast(scalar, self._acc, self._lanes)
        text = literal(value)
        if self._narrow:
            narrow = self._e.splat(text, self._roles.init.element, self._lanes)
            return self._widen(narrow, self._roles.init.element, self._lanes)
        return self._e.splat(text, self._acc, self._lanes)

    def _widen(self, value: str, element: str, lanes: int) -> str:
        if element == self._acc:
            return value
        return self._e.op(f"arith.extf {value} : {vector(element, lanes)} to {vector(self._acc, lanes)}")

    def _row_offset(self, access: Access, row: Sequence[int]) -> Index:
        total: Index = 0
        for axis, step in zip(self._roles.axes.rows, row, strict=True):
            if step:
                total = self._e.add(total, self._e.mul(step, self._e.size(access.coefs[axis])))
        return total

    def _sum(self, level: int, acc: list[str], a_at: Index, b_at: Index, done: Index) -> list[str]:
        """The loops over the sum axes from `level` on; `done` counts the steps before, for prefetching."""
        e, roles, axes = self._e, self._roles, self._roles.axes
        if not axes.sums:
            return self._step(acc, a_at, b_at, 0)
        axis = axes.sums[level]
        extent = e.size(axes.extents[axis]) if self._part is None else self._part.steps
        a_coef, b_coef = e.size(roles.a.coefs[axis]), e.size(roles.b.coefs[axis])
        kinds = [self._kind] * len(acc)

        def inside(k: Index) -> tuple[Index, Index]:
            return e.add(a_at, e.mul(k, a_coef)), e.add(b_at, e.mul(k, b_coef))

        if level + 1 < len(axes.sums):
            inner: Index = 1
            for deeper in axes.sums[level + 1 :]:
                inner = e.mul(inner, e.size(axes.extents[deeper]))
            with e.loop(0, extent, 1, acc, kinds) as loop:
                a_in, b_in = inside(loop.index)
                loop.next = self._sum(level + 1, loop.args, a_in, b_in, e.add(done, e.mul(loop.index, inner)))
            return loop.results
        return self._end(self._steps(acc, a_at, b_at, done), *inside(extent))

    def _end(self, acc: list[str], a_at: Index, b_at: Index) -> list[str]:
        """What is left of the innermost sum after the last whole step, at the addresses of the next."""
        return acc

    def _steps(self, acc: list[str], a_at: Index, b_at: Index, done: Index) -> list[str]:
        """The loop over the innermost axis of the sum."""
        e, roles = self._e, self._roles
        axis = roles.axes.sums[-1]
        extent = e.size(roles.axes.extents[axis]) if self._part is None else self._part.steps
        a_coef, b_coef = e.size(roles.a.coefs[axis]), e.size(roles.b.coefs[axis])
        kinds = [self._kind] * len(acc)
        if extent == 0:
            return acc

        def inside(k: Index) -> tuple[Index, Index]:
            return e.add(a_at, e.mul(k, a_coef)), e.add(b_at, e.mul(k, b_coef))

        steps = unroll(extent if isinstance(extent, int) else None, self._ku)
        whole = e.mul(e.div(extent, steps), steps)
        result = acc
        if whole != 0:
            with e.loop(0, whole, steps, acc, kinds) as loop:
                a_in, b_in = inside(loop.index)
                self._prefetch.turn(e.add(done, loop.index), steps)
                values = loop.args
                for step in range(steps):
                    values = self._step(
                        values, e.add(a_in, e.mul(step, a_coef)), e.add(b_in, e.mul(step, b_coef)), step
                    )
                loop.next = values
            result = loop.results
        if isinstance(extent, int) and isinstance(whole, int):
            for k in range(whole, extent):
                result = self._step(result, *inside(k), k)
            return result
        with e.loop(whole, extent, 1, result, kinds) as loop:
            loop.next = self._step(loop.args, *inside(loop.index), 0)
        return loop.results

    def _step(self, acc: list[str], a_at: Index, b_at: Index, step: int) -> list[str]:
        """One step of the sum: a row of B times a column of A."""
        e, vectors = self._e, self._place.vectors
        base, element = self._b
        columns = [
            self._widen(
                e.load(base, e.add(b_at, self._in_panels(v)), element, self._lanes, self._b_mask(v)),
                element,
                self._lanes,
            )
            for v in range(vectors)
        ]
        base, element = self._a
        count = len(self._rows) * vectors
        first = (step % self._copies) * count
        result = list(acc)
        for number, row in enumerate(self._rows):
            scalar = self._widen(e.load(base, e.add(a_at, row), element), element, 1)
            left = e.broadcast(scalar, self._acc, self._lanes)
            for v in range(vectors):
                at = first + number * vectors + v
                result[at] = e.fma(left, columns[v], acc[at], self._acc, self._lanes)
        return result

    def _in_panels(self, v: int) -> Index:
        """Where vector `v` of a row of B is: in this panel or one of the next."""
        per_panel = self._roles.panel // self._lanes
        if v < per_panel:
            return v * self._lanes
        stride = self._e.size(self._roles.b.coefs[-2])
        return self._e.add(self._e.mul(v // per_panel, stride), v % per_panel * self._lanes)

    def _b_mask(self, v: int) -> str | None:
        """Panels are padded; columns of a B that is not packed end where they end."""
        if self._roles.packed or self._place.columns is None:
            return None
        column = self._place.at[self._roles.axes.column]
        left = self._e.sub(self._place.columns, self._e.add(column, v * self._lanes))
        return self._e.mask(left, self._lanes)
