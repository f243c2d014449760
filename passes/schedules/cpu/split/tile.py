"""The register tile: terms of A and B multiplied in tile registers, the epilogue row by row.

    before: a register tile of a contraction of f32
    after:  for every step of the sum the next one split, 24 products of tiles of this one; sums stored to the scratch;
            rows with a sum that is not finite computed again by vectors; the stages and the store for each row

Only then does a row have what f32 has where operands are infinite or not numbers, or products of terms overflow.
"""

from __future__ import annotations

from dataclasses import dataclass

from aicc.passes.schedules.cpu.amx.instructions import ROWS, SIDE, Tiles
from aicc.passes.schedules.cpu.contraction.tile import Place, TileEmitter
from aicc.passes.schedules.cpu.emit import Index, vector
from aicc.passes.schedules.cpu.emit_kernel import KernelEmitter
from aicc.passes.schedules.cpu.epilogue import Epilogue
from aicc.passes.schedules.cpu.nest import Buffer
from aicc.passes.schedules.cpu.split.plan import DEPTH, STEP, Plan, RowCounts
from aicc.passes.schedules.cpu.split.stage import Lines, Stage
from aicc.passes.schedules.cpu.split.terms import LANES, PRODUCTS, TERMS

# Rows of the epilogue that are computed together, when it is short and rows have one axis.
_TOGETHER = 4
_ALL_OF_A = SIDE * ROWS * ROWS
_TILE = ROWS * ROWS


@dataclass(frozen=True)
class Work:
    """A register tile, one part of its sum: `there` rows from row `first` of the block, which starts at row `block`,
    and panel `panel`; steps `begin` to `end` of the sum. It is number `number` of the `tiles` of the block; its sums
    wait in place `slot`. `fresh_a`, `fresh_b` (i1): whether terms are yet to be made."""

    outer: dict[int, Index]
    block: Index
    first: Index
    there: Index
    panel: Index
    number: Index
    tiles: Index
    begin: Index
    end: Index
    slot: Index
    fresh_a: str
    fresh_b: str


class SplitTile(TileEmitter):
    """Emits register tiles of a `plan`."""

    def __init__(self, e: KernelEmitter, plan: Plan, counts: RowCounts, tiles: Tiles) -> None:
        super().__init__(e, plan.roles, LANES, 1, plan.vectors)
        self._plan = plan
        self._counts = counts
        self._tiles = tiles
        self._long = self._saved is not None
        self._sums = self._saved or e.reserve(SIDE * ROWS * plan.roles.panel, "f32")
        self._left = e.reserve(plan.tiles * plan.part * STEP, "i32")
        self._right = e.reserve(plan.part * STEP, "i32")
        self._each = SIDE * ROWS * plan.roles.panel
        self._wait: Buffer | None = None
        if plan.parts > 1:
            self._wait = e.reserve(plan.group * plan.tiles * self._each, "f32")
        self.lines = Lines(e, plan.roles, plan.tiles * SIDE * ROWS)
        self._stage = Stage(e, plan, self.lines)

    def multiply(self, work: Work) -> None:
        """The products of one part of a register tile's sum, in tile registers afterwards."""
        e, plan = self._e, self._plan
        first = None if plan.parts == 1 else e.compare("eq", work.begin, 0)
        pairs = [(i, v) for i in range(SIDE) for v in range(plan.vectors)]
        if first is None:
            self._zeros(pairs)
        else:
            with e.when(first):
                self._zeros(pairs)
                e.otherwise()
                assert self._wait is not None
                for i, v in pairs:
                    self._tiles.resume(i, v, self._wait, self._sum_at(i, v, work.slot), plan.roles.panel)
        with e.when(work.fresh_a):
            with e.when(work.fresh_b):
                self._steps_of(work, True, True)
                e.otherwise()
                self._steps_of(work, True, False)
            e.otherwise()
            with e.when(work.fresh_b):
                self._steps_of(work, False, True)
                e.otherwise()
                self._steps_of(work, False, False)

    def wait(self, work: Work) -> None:
        """Stores sums for the next part."""
        assert self._wait is not None
        self._store(self._wait, work.slot)

    def finish(self, work: Work, columns: Index | None) -> None:
        """What follows the last part; `columns` there are when the panel is not whole."""
        self._store(self._sums, 0)
        e, plan, axes = self._e, self._plan, self._roles.axes
        vectors = plan.vectors
        if isinstance(columns, int):
            vectors = min(vectors, -(-(columns % plan.roles.panel) // LANES))
        at = {**work.outer, axes.column: e.mul(work.panel, plan.roles.panel)}
        start = e.add(work.block, work.first)
        self._again(at, start, work, vectors, columns)
        together = 1 if self._long or len(axes.rows) > 1 else _TOGETHER
        whole = e.mul(e.div(work.there, together), together)
        with e.loop(0, whole, together) as loop:
            self._stages(at, start, loop.index, together, work, vectors, columns)
        if together > 1 and not (isinstance(work.there, int) and work.there % together == 0):
            with e.loop(whole, work.there) as loop:
                self._stages(at, start, loop.index, 1, work, vectors, columns)

    # The sum ---------------------------------------------------------------------------------------

    def _zeros(self, pairs: list[tuple[int, int]]) -> None:
        for i, v in pairs:
            self._tiles.zero(i, v)

    def _store(self, target: Buffer, slot: Index) -> None:
        for i in range(SIDE):
            for v in range(self._plan.vectors):
                self._tiles.store(i, v, target, self._sum_at(i, v, slot), self._roles.panel)

    def _sum_at(self, i: int, v: int, slot: Index) -> Index:
        """Where a tile of sums is, in place `slot` of the scratch."""
        e, panel = self._e, self._roles.panel
        return e.add(e.mul(slot, self._each), e.mul(self._counts.half, i * panel), v * LANES)

    def _steps_of(self, work: Work, fresh_a: bool, fresh_b: bool) -> None:
        """All steps of the part: the next one is split while this one is multiplied."""
        e = self._e
        a_at, b_at = self._starts(work)

        def split(step: Index) -> None:
            local = e.sub(step, work.begin)
            if fresh_a:
                self._stage.rows(a_at, work.first, work.there, step, self._left, self._left_at(work, local))
            if fresh_b:
                column = e.mul(work.panel, self._roles.panel)
                columns = None if self._whole() else e.size(self._roles.columns)
                self._stage.panel(b_at, column, step, self._right, e.mul(local, STEP), columns)

        def multiply(step: Index) -> None:
            self._ahead(work, b_at, step)
            self._products(work, e.sub(step, work.begin))

        last = e.sub(work.end, 1)
        if not (fresh_a or fresh_b):
            with e.loop(work.begin, work.end) as loop:
                multiply(loop.index)
            return
        split(work.begin)
        with e.loop(work.begin, last) as loop:
            split(e.add(loop.index, 1))
            multiply(loop.index)
        multiply(last)

    def _ahead(self, work: Work, b_at: Index, step: Index) -> None:
        """Reads a step of the next panel ahead of its use, each register tile of the block its share."""
        e, roles = self._e, self._roles
        if not self._plan.ahead:
            return
        lines = DEPTH * self._plan.vectors
        start = e.add(b_at, e.size(roles.b.coefs[-2]), self._stage.of_panel(step))
        low, high = (e.div(e.mul(e.add(work.number, n), lines), work.tiles) for n in (0, 1))
        with e.loop(low, high) as loop:
            e.prefetch(e.base(roles.b.buffer), e.add(start, e.mul(loop.index, LANES)), "f32", 2)

    def _whole(self) -> bool:
        """Whether panels of B hold something, zeros at least, for all of their columns."""
        columns = self._roles.columns.static
        return self._roles.packed or (columns is not None and columns % self._roles.panel == 0)

    def _starts(self, work: Work) -> tuple[Index, Index]:
        """Where a batch starts in A, and its panel in B."""
        e, roles = self._e, self._roles
        a_at, b_at = e.size(roles.a.offset), e.size(roles.b.offset)
        b_at = e.add(b_at, e.mul(work.panel, e.size(roles.b.coefs[-2])))
        for axis, at in work.outer.items():
            a_at = e.add(a_at, e.mul(at, e.size(roles.a.coefs[axis])))
            b_at = e.add(b_at, e.mul(at, e.size(roles.b.coefs[axis])))
        return a_at, b_at

    def _left_at(self, work: Work, local: Index) -> Index:
        """Where the terms of a register tile's rows are, of step `local` of the part."""
        e = self._e
        return e.mul(e.add(e.mul(work.number, self._plan.part), local), STEP)

    def _products(self, work: Work, local: Index) -> None:
        """The products of one step."""
        e, tiles, vectors = self._e, self._tiles, self._plan.vectors
        left, right = self._left_at(work, local), e.mul(local, STEP)
        now: tuple[int, int] = (TERMS, TERMS)
        for a, b in PRODUCTS:
            if a != now[0]:
                for i in range(SIDE):
                    half = e.mul(self._counts.half, i * ROWS)
                    tiles.load_left(i, self._left, e.add(left, half, a * _ALL_OF_A), ROWS)
            if b != now[1]:
                for v in range(vectors):
                    tiles.load_right(v, self._right, e.add(right, b * _ALL_OF_A + v * _TILE), ROWS)
            now = (a, b)
            for i in range(SIDE):
                for v in range(vectors):
                    tiles.multiply(i, v)

    # What follows ----------------------------------------------------------------------------------

    def _again(
        self, at: dict[int, Index], start: Index, work: Work, vectors: int, columns: Index | None
    ) -> None:
        """Computes rows again, in f32, whose sums are not all finite."""
        e, panel, zero = self._e, self._roles.panel, self._zero()
        kind, base = vector("f32", LANES), e.base(self._sums)
        places = [e.mul(n, panel) for n in range(_TOGETHER)]
        # Rows past the last hold anything: then each row is looked at.
        totals = [zero] * (_TOGETHER * vectors)
        with e.loop(0, work.there, _TOGETHER, totals, [kind] * len(totals)) as loop:
            first = e.mul(loop.index, panel)
            values = [(e.add(first, place), v) for place in places for v in range(vectors)]
            loop.next = [
                self._tainted(base, e.add(place, v * LANES), total)
                for (place, v), total in zip(values, loop.args, strict=True)
            ]
        totals = loop.results
        while len(totals) > 1:
            half = len(totals) // 2
            totals = [self._added(x, y) for x, y in zip(totals[:half], totals[half:], strict=True)]
        with e.when(self._no_number(totals[0])), e.loop(0, work.there) as loop:
            total = zero
            for v in range(vectors):
                total = self._tainted(base, e.add(e.mul(loop.index, panel), v * LANES), total)
            with e.when(self._no_number(total)):
                self._row_again(at, start, loop.index, work, vectors, columns)

    def _tainted(self, base: str, at: Index, total: str) -> str:
        """`total`, or NaN where a sum is not finite: 0 times that is NaN."""
        value = self._e.load(base, at, "f32", LANES)
        return self._e.fma(value, self._zero(), total, "f32", LANES)

    def _no_number(self, total: str) -> str:
        """Whether a lane is NaN."""
        e = self._e
        bad = e.op(f"arith.cmpf uno, {total}, {total} : {vector('f32', LANES)}")
        return e.op(f"vector.reduction <or>, {bad} : vector<{LANES}xi1> into i1")

    def _row_again(
        self,
        at: dict[int, Index],
        start: Index,
        row: Index,
        work: Work,
        vectors: int,
        columns: Index | None,
    ) -> None:
        """The sums of row `row` of the register tile, by vectors."""
        e, roles = self._e, self._roles
        a_at, b_at = self._starts(work)
        there = {**at, **self.lines.axes(e.add(start, row))}
        self._place = Place(there, work.panel, ((0,) * len(roles.axes.rows),), vectors, columns)
        self._a, self._b = ((e.base(x.buffer), x.buffer.element) for x in (roles.a, roles.b))
        self._rows: list[Index] = [0]
        offset = self.lines.offset(e.add(work.first, row))
        sums = self._sum(0, [self._zero()] * vectors, e.add(a_at, offset), b_at, 0)
        for v, value in enumerate(sums):
            e.store(value, e.base(self._sums), e.add(e.mul(row, roles.panel), v * LANES), "f32", LANES)

    def _stages(
        self,
        at: dict[int, Index],
        start: Index,
        row: Index,
        count: int,
        work: Work,
        vectors: int,
        columns: Index | None,
    ) -> None:
        """The epilogue of `count` rows from row `row` of the register tile on."""
        e, axes, panel = self._e, self._roles.axes, self._roles.panel
        there = {**at, **self.lines.axes(e.add(start, row))}
        base = e.base(self._sums)
        values = [
            e.load(base, e.add(e.mul(e.add(row, n), panel), v * LANES), "f32", LANES)
            for n in range(count)
            for v in range(vectors)
        ]
        if (init := self._start()) != self._zero():
            values = [self._added(init, value) for value in values]
        rows = tuple((*(0,) * (len(axes.rows) - 1), n) for n in range(count))
        Epilogue(e, self._roles, LANES, "f32").emit(there, rows, vectors, columns, values)
