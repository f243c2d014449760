"""The launch of a kernel with reductions."""

from __future__ import annotations

from collections.abc import Sequence

from aicc.passes.schedules.cpu.emit import Index, element_bits
from aicc.passes.schedules.cpu.emit_kernel import KernelEmitter, aliased_arguments
from aicc.passes.schedules.cpu.inline import uniform, widened
from aicc.passes.schedules.cpu.pointwise.tree import Constant
from aicc.passes.schedules.cpu.read import read_scalar
from aicc.passes.schedules.cpu.reduction.combine import across_lanes, combine, neutral
from aicc.passes.schedules.cpu.reduction.layout import Arrangement
from aicc.passes.schedules.cpu.reduction.point import Row, RowPoint
from aicc.passes.schedules.cpu.reduction.shift import Shifted, find_shifted
from aicc.passes.schedules.cpu.reduction.tree import Output, Step
from aicc.passes.schedules.cuda.emitter import ACCESS_BITS, WARP, GpuEmitter, Shared, decompose

MAX_GRID = 1 << 20


def row_lanes(arrangement: Arrangement, threads: int) -> int:
    """Points a thread takes at once along the row: 16 bytes of the widest type where everything lies so, else 1."""
    layout, space = arrangement.layout, arrangement.tree.space
    splits = all(step.splits for step in arrangement.tree.steps)
    if threads == 1 or not arrangement.along or space.guarded or space.extracts or space.fixed or not splits:
        return 1
    inner = arrangement.vector
    lanes = ACCESS_BITS // max(8, max(element_bits(x) for x in space.elements))
    extent = arrangement.extent(inner).static
    for access in dict.fromkeys(layout.accesses.values()):
        if not access.linear or access.coef(inner) not in (0, 1):
            return 1
        if access.coef(inner) == 0:
            continue
        steps = [access.offset.static, *(access.coef(a) for a in range(len(layout.extents)) if a != inner)]
        while lanes > 1 and any(step is None or step % lanes for step in steps):
            lanes //= 2
    # Each thread of a warp is to have something to do.
    while lanes > 1 and (extent is None or extent % lanes or extent < WARP * lanes):
        lanes //= 2
    return lanes


def emit_rows(e: GpuEmitter, arrangement: Arrangement, threads: int, block: int, lanes: int) -> None:
    """One launch: `threads` (a power of two, at most `block`) for each row, `lanes` points of it at once.

    for row = … {
      for each pass { acc = neutral; for point = thread to points step threads { acc = f(acc, point); outputs }
                      acc = joined over the row's threads }
      outputs of the row, by its first thread
    }
    """
    rows = _rows(e, arrangement)
    if threads > 1 and shares_columns(arrangement):
        _emit_columns(e, arrangement, rows, threads)
        return
    each = block // threads
    grid = e.max(e.min(e.ceil_div(rows, each), MAX_GRID), 1)
    warps = threads // WARP
    exchange = [e.shared((max(warps, 1),), t) for t in ("f32", "i32")] if warps > 1 else []
    with e.launch([grid], [block], exchange) as place:
        thread = e.rem(place.thread[0], threads) if threads > 1 else 0
        first = e.add(e.mul(place.block[0], each), e.div(place.thread[0], threads))

        def all_rows(at_once: int) -> None:
            with e.loop(first, rows, e.mul(grid, each)) as loop:
                _Row(e, arrangement, loop.index, thread, threads, at_once, exchange).emit()

        if lanes == 1:
            all_rows(1)
            return
        moving = [a.buffer for a in arrangement.layout.accesses.values() if a.moves(arrangement.vector)]
        e.when_aligned(moving, lambda: all_rows(lanes), lambda: all_rows(1))


def shares_columns(arrangement: Arrangement) -> bool:
    """Whether neighbouring results read neighbouring elements, so that a warp is to have one result a lane, and
    threads that share a result are to be of different warps."""
    aliased = aliased_arguments(arrangement.tree.nest.func)
    if arrangement.along or not arrangement.kept or aliased:
        return False
    last = arrangement.kept[-1]
    loads = [a for a in arrangement.full_accesses if a.linear and a.moves(last)]
    return bool(loads) and all(a.coef(last) == 1 for a in loads)


def _emit_columns(e: GpuEmitter, arrangement: Arrangement, rows: Index, slices: int) -> None:
    """A block has a warp of neighbouring results, and `slices` warps that share their points.

    Lanes after the last result compute it again, so that all threads meet at the barriers.
    """
    exchange = [e.shared((slices, WARP), t) for t in ("f32", "i32")]
    grid = e.max(e.min(e.ceil_div(rows, WARP), MAX_GRID), 1)
    with e.launch([grid], [WARP, slices], exchange) as place:
        first = e.mul(place.block[0], WARP)
        with e.loop(first, rows, e.mul(grid, WARP)) as loop:
            row = e.min(e.add(loop.index, place.thread[0]), e.sub(rows, 1))
            _Row(e, arrangement, row, place.thread[1], slices, 1, exchange, place.thread[0]).emit()


def _rows(e: KernelEmitter, arrangement: Arrangement) -> Index:
    total: Index = 1
    for axis in arrangement.kept:
        total = e.mul(total, e.size(arrangement.extent(axis)))
    return total


class _Row:
    """The passes over one row."""

    def __init__(
        self,
        e: GpuEmitter,
        arrangement: Arrangement,
        number: Index,
        thread: Index,
        threads: int,
        lanes: int,
        exchange: Sequence[Shared],
        column: Index | None = None,
    ) -> None:
        """`column`: the lane, when the threads of a row are one of each warp."""
        self.e, self.arrangement = e, arrangement
        self.thread, self.threads, self.lanes = thread, threads, lanes
        self.column = column
        self.exchange = {array.element: array for array in exchange}
        self.shifted: Shifted = find_shifted(arrangement.tree)
        self.row = Row()
        layout = arrangement.layout
        self.extents = [e.size(extent) for extent in layout.extents]
        self.place: list[Index] = [0] * len(layout.extents)
        decompose(e, number, arrangement.kept, self.extents, self.place)

    def emit(self) -> None:
        tree = self.arrangement.tree
        for level in range(tree.levels + 1):
            self._row_outputs([o for o in tree.outputs if not o.full and o.level == level])
            if level < tree.levels:
                self._pass(level)

    def _point(self, place: Sequence[Index], lanes: int) -> RowPoint:
        return RowPoint(self.e, self.arrangement, self.shifted, lanes, place, None, self.row, {})

    def _pass(self, level: int) -> None:
        tree = self.arrangement.tree
        steps = [step for step in tree.steps if step.level == level]
        outputs = [output for output in tree.outputs if output.full and output.level == level]
        starts: list[str] = []
        kinds: list[str] = []
        for step in steps:
            for init, combiner, start in zip(step.stage.inits, step.combiners, step.starts, strict=True):
                kinds.append(init.element)
                if self.threads == 1:
                    starts.append(self._start(start))
                else:
                    assert combiner is not None
                    starts.append(neutral(self.e, combiner, init.element, self.lanes))
        results = self._points(starts, kinds, steps, outputs)
        position = 0
        for step in steps:
            for number, combiner in enumerate(step.combiners):
                value, element = results[position], kinds[position]
                if self.threads > 1:
                    assert combiner is not None
                    value = self._joined(combiner, value, element)
                    value = combine(self.e, combiner, self._start(step.starts[number]), value, element, 1)
                self.row.given[step.stage, number] = uniform(value)
                position += 1

    def _start(self, constant: Constant) -> str:
        return read_scalar(self.e, constant.value, constant.element)

    def _points(
        self, starts: list[str], kinds: list[str], steps: Sequence[Step], outputs: Sequence[Output]
    ) -> list[str]:
        """The loop over this thread's points; returns its accumulators."""
        e, sums = self.e, self.arrangement.sums
        if self.threads == 1:
            return self._nested(list(sums), starts, kinds, steps, outputs)
        total: Index = 1
        for axis in sums:
            total = e.mul(total, self.extents[axis])
        carried = [f"vector<{self.lanes}x{kind}>" for kind in kinds] if self.lanes > 1 else kinds
        with e.loop(self.thread, e.div(total, self.lanes), self.threads, starts, carried) as loop:
            place = list(self.place)
            decompose(e, e.mul(loop.index, self.lanes), sums, self.extents, place)
            loop.next = self._at(place, loop.args, steps, outputs, self.lanes)
        return loop.results

    def _nested(
        self,
        rest: list[int],
        values: list[str],
        kinds: list[str],
        steps: Sequence[Step],
        outputs: Sequence[Output],
    ) -> list[str]:
        if not rest:
            return self._at(self.place, values, steps, outputs, 1)
        axis = rest[0]
        with self.e.loop(0, self.extents[axis], 1, values, kinds) as loop:
            self.place[axis] = loop.index
            loop.next = self._nested(rest[1:], loop.args, kinds, steps, outputs)
        return loop.results

    def _at(
        self,
        place: Sequence[Index],
        values: Sequence[str],
        steps: Sequence[Step],
        outputs: Sequence[Output],
        lanes: int,
    ) -> list[str]:
        point = self._point(place, lanes)
        results: list[str] = []
        position = 0
        for step in steps:
            count = len(step.combiners)
            results += point.reduce(step, values[position : position + count])
            position += count
        self._store(point, outputs, place, lanes)
        return results

    def _store(self, point: RowPoint, outputs: Sequence[Output], place: Sequence[Index], lanes: int) -> None:
        e = self.e
        pairs = [(self.arrangement.layout.accesses[o.access], point.value(o.node)) for o in outputs]
        for access, value in pairs:
            element = access.buffer.element
            at = e.address(access, lambda axis: place[axis])
            e.store(widened(e, value, element, lanes), e.base(access.buffer), at, element, lanes)

    def _row_outputs(self, outputs: Sequence[Output]) -> None:
        if not outputs:
            return
        if self.threads == 1:
            self._store(self._point(self.place, 1), outputs, self.place, 1)
            return
        with self.e.when(self.e.compare("eq", self.thread, 0)):
            self._store(self._point(self.place, 1), outputs, self.place, 1)

    def _joined(self, combiner: str, value: str, element: str) -> str:
        """Partial results of the row's threads, known to all of them."""
        e = self.e
        if self.column is not None:
            return self._joined_column(combiner, value, element, self.column)
        value = across_lanes(e, combiner, value, element, self.lanes)
        distance = min(self.threads, WARP) // 2
        while distance:
            value = combine(e, combiner, value, e.shuffle_xor(value, distance, element), element, 1)
            distance //= 2
        warps = self.threads // WARP
        if warps <= 1:
            return value
        array = self.exchange[element]
        lane, warp = e.rem(self.thread, WARP), e.div(self.thread, WARP)
        with e.when(e.compare("eq", lane, 0)):
            e.store_shared(value, array, [warp])
        e.barrier()
        total = e.load_shared(array, [0])
        for number in range(1, warps):
            total = combine(e, combiner, total, e.load_shared(array, [number]), element, 1)
        e.barrier()
        return total

    def _joined_column(self, combiner: str, value: str, element: str, column: Index) -> str:
        """Partial results of one lane of all warps."""
        e, array = self.e, self.exchange[element]
        e.store_shared(value, array, [self.thread, column])
        e.barrier()
        total = e.load_shared(array, [0, column])
        for number in range(1, self.threads):
            total = combine(e, combiner, total, e.load_shared(array, [number, column]), element, 1)
        e.barrier()
        return total
