"""Splits operands into the scratch, one step of the sum at a time, in the order tile registers read them.

| operand | a step in the scratch, in pairs of bf16 |
|---|---|
| A | `[term][32 rows of the register tile][16]` |
| B | `[term][2 tiles of columns][16][16 columns]` |

Pair p of a step holds numbers p and p + 16 of it, of either operand: what of a sum meets in a pair does not matter, and
so whole vectors are joined. Numbers past the end of a sum are zero.
"""

from __future__ import annotations

from aicc.passes.schedules.cpu.amx.instructions import ROWS, SIDE
from aicc.passes.schedules.cpu.contraction.roles import Roles
from aicc.passes.schedules.cpu.emit import Index
from aicc.passes.schedules.cpu.emit_kernel import KernelEmitter
from aicc.passes.schedules.cpu.nest import Buffer
from aicc.passes.schedules.cpu.split.plan import DEPTH, Plan
from aicc.passes.schedules.cpu.split.terms import LANES, split

_TERM = SIDE * ROWS * ROWS
_TILE = ROWS * ROWS


class Stage:
    """Emits the splitting of A and B."""

    def __init__(self, e: KernelEmitter, plan: Plan, lines: Lines) -> None:
        self._e = e
        self._plan = plan
        self._roles = plan.roles
        self._lines = lines

    def rows(self, at: Index, first: Index, there: Index, step: Index, target: Buffer, place: Index) -> None:
        """Step `step` of the sum of `there` rows of A from row `first` of the block on; `at` is where the batch starts.
        To element `place` of the scratch."""
        e, a = self._e, self._roles.a
        base, scratch = e.base(a.buffer), e.base(target)
        offset, done = self._position(step, self._roles.a.coefs)
        at = e.add(at, offset)
        masks: list[str | None] = [None, None]
        if self._plan.rest:
            left = e.sub(self._inner(), done)
            masks = [e.mask(left, LANES), e.mask(e.sub(left, LANES), LANES)]
        with e.loop(0, there) as loop:
            start = e.add(at, self._lines.offset(e.add(first, loop.index)))
            pair = [e.load(base, e.add(start, n * LANES), "f32", LANES, mask) for n, mask in enumerate(masks)]
            for number, term in enumerate(split(e, *pair)):
                line = e.add(place, e.mul(loop.index, ROWS), number * _TERM)
                e.store(term, scratch, line, "i32", LANES)

    def panel(
        self, at: Index, column: Index, step: Index, target: Buffer, place: Index, columns: Index | None
    ) -> None:
        """Step `step` of the sum of the panel that starts at element `at` of B, and at column `column` of those that
        are there, `columns`, when B is not packed."""
        e, roles = self._e, self._roles
        base, scratch = e.base(roles.b.buffer), e.base(target)
        offset, done = self._position(step, roles.b.coefs)
        at = e.add(at, offset)
        apart = e.size(roles.b.coefs[roles.axes.sums[-1]])
        ends = [
            None if columns is None else e.mask(e.sub(columns, e.add(column, v * LANES)), LANES)
            for v in range(self._plan.vectors)
        ]
        left = e.sub(self._inner(), done)
        with e.loop(0, ROWS) as loop:
            numbers = [loop.index, e.add(loop.index, ROWS)]
            there = [self._there(number, left) for number in numbers]
            for v, end in enumerate(ends):
                pair = [
                    e.load(
                        base,
                        e.add(at, e.mul(number, apart), v * LANES),
                        "f32",
                        LANES,
                        self._both(end, inside),
                    )
                    for number, inside in zip(numbers, there, strict=True)
                ]
                for number, term in enumerate(split(e, *pair)):
                    line = e.add(place, e.mul(loop.index, ROWS), number * _TERM + v * _TILE)
                    e.store(term, scratch, line, "i32", LANES)

    def of_panel(self, step: Index) -> Index:
        """Where step `step` of the sum starts in a panel."""
        return self._position(step, self._roles.b.coefs)[0]

    def _inner(self) -> int:
        """Numbers of the innermost sum."""
        return self._roles.axes.extents[self._roles.axes.sums[-1]].static or 1

    def _position(self, step: Index, coefs: tuple[object, ...]) -> tuple[Index, Index]:
        """Where a step starts in an operand, from the start of the sum on, and numbers of the innermost sum before."""
        e, axes = self._e, self._roles.axes
        done = e.mul(e.rem(step, self._plan.inner), DEPTH)
        total = e.mul(done, e.size(coefs[axes.sums[-1]]))  # type: ignore[arg-type]
        rest = e.div(step, self._plan.inner)
        for axis in reversed(axes.sums[:-1]):
            extent = e.size(axes.extents[axis])
            total = e.add(total, e.mul(e.rem(rest, extent), e.size(coefs[axis])))  # type: ignore[arg-type]
            rest = e.div(rest, extent)
        return total, done

    def _there(self, number: Index, left: Index) -> str | None:
        """Whether a number of a step is one of the sum, in all lanes; None: it is, always."""
        if not self._plan.rest:
            return None
        inside = self._e.compare("slt", number, left)
        return self._e.pure(f"vector.broadcast {inside} : i1 to vector<{LANES}xi1>")

    def _both(self, first: str | None, second: str | None) -> str | None:
        if first is None or second is None:
            return first or second
        return self._e.pure(f"arith.andi {first}, {second} : vector<{LANES}xi1>")


class Lines:
    """Where rows start in A, from the batch on: a multiple of the row, or from a table when rows have several axes."""

    def __init__(self, e: KernelEmitter, roles: Roles, rows: int) -> None:
        self._e = e
        self._roles = roles
        self._table = e.reserve(rows, "i64") if len(roles.axes.rows) > 1 else None
        self._first: Index = 0

    def start(self, first: Index, count: Index) -> None:
        """A block of `count` rows from row `first` on."""
        e = self._e
        self._first = first
        if self._table is None:
            return
        with e.loop(0, count) as loop:
            total: Index = 0
            for axis, at in self.axes(e.add(first, loop.index)).items():
                total = e.add(total, e.mul(at, e.size(self._roles.a.coefs[axis])))
            value = e.op(f"arith.index_cast {e.index(total)} : index to i64")
            e.store(value, e.base(self._table), loop.index, "i64")

    def axes(self, row: Index) -> dict[int, Index]:
        """The place on each axis of rows."""
        e, axes = self._e, self._roles.axes
        found: dict[int, Index] = {}
        for axis in reversed(axes.rows[1:]):
            extent = e.size(axes.extents[axis])
            found[axis] = e.rem(row, extent)
            row = e.div(row, extent)
        return {axes.rows[0]: row, **found}

    def offset(self, row: Index) -> Index:
        """Where row `row` of the block starts."""
        e = self._e
        if self._table is None:
            axis = self._roles.axes.rows[0]
            return e.mul(e.add(self._first, row), e.size(self._roles.a.coefs[axis]))
        value = e.load(e.base(self._table), row, "i64")
        return e.op(f"arith.index_cast {value} : i64 to index")
