"""The passes of a kernel with reductions over a register tile: some rows, or some vectors of results."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from aicc.passes.schedules.cpu.emit import Index, Loop, vector
from aicc.passes.schedules.cpu.emit_kernel import KernelEmitter
from aicc.passes.schedules.cpu.inline import Lanes, uniform, varying, widened
from aicc.passes.schedules.cpu.pointwise_tree import Body, Node, Picked
from aicc.passes.schedules.cpu.read import read_scalar
from aicc.passes.schedules.cpu.reduction_combine import (
    across_lanes,
    combine,
    combine_all,
    neutral,
    neutral_text,
    same_constant,
)
from aicc.passes.schedules.cpu.reduction_layout import Arrangement
from aicc.passes.schedules.cpu.reduction_point import LoadKey, Row, RowPoint
from aicc.passes.schedules.cpu.reduction_save import Saved
from aicc.passes.schedules.cpu.reduction_shift import Shifted
from aicc.passes.schedules.cpu.reduction_tree import Output, Step, children


@dataclass(frozen=True)
class TilePlan:
    """Vectors of `lanes`; `chains` partial results of each reduction, so that one does not wait for the other;
    `unrolled`: sum axes (the innermost ones) whose loops are written out; `masked`: tails use masks, else
    scalars."""

    lanes: int
    chains: int
    unrolled: frozenset[int]
    masked: bool


@dataclass(eq=False)
class Column:
    """One place of the kept axes (a vector of places when vectors go across), and what is known there."""

    place: dict[int, Index]
    mask: str | None = None
    row: Row = field(default_factory=Row)


class TileEmitter:
    """Emits register tiles."""

    def __init__(
        self, e: KernelEmitter, arrangement: Arrangement, saved: Saved, shifted: Shifted, plan: TilePlan
    ) -> None:
        self._e = e
        self._a = arrangement
        self._saved = saved
        self._shifted = shifted
        self._plan = plan
        self._rank = len(arrangement.layout.extents)
        self._whole = set(arrangement.sums) <= plan.unrolled
        self._scratch: dict[str, str] = {}

    def emit(self, columns: Sequence[Column]) -> None:
        """All passes for a tile. Raises NotVector."""
        self._columns = columns
        self._points: dict[tuple[int, int, tuple[Index, ...]], RowPoint] = {}
        self._loaded: dict[LoadKey, Lanes] = {}
        tree = self._a.tree
        for level in range(tree.levels + 1):
            for output in tree.outputs:
                if not output.full and output.level == level:
                    for column in columns:
                        self._store_row(output, column)
            if level < tree.levels:
                Pass(self, level).emit()

    # Values that do not vary along a row -----------------------------------------------------------

    def _row_point(self, column: Column) -> RowPoint:
        lanes = 1 if self._a.along else self._plan.lanes
        return self._new_point(column, {}, lanes, column.mask)

    def _store_row(self, output: Output, column: Column) -> None:
        e, point = self._e, self._row_point(column)
        access = self._a.layout.accesses[output.access]
        element = access.buffer.element
        lanes = 1 if self._a.along else self._plan.lanes
        value = widened(e, point.value(output.node), element, lanes)
        place = self._place(column, {})
        e.store(
            value, e.base(access.buffer), e.address(access, lambda a: place[a]), element, lanes, column.mask
        )

    def learn(self, level: int) -> None:
        """Computes what the pass reads and what does not vary along a row, before its loop."""
        tree = self._a.tree
        wanted: dict[Body, Picked] = {}

        def walk(node: Node) -> None:
            if isinstance(node, Picked) and not tree.varies(node):
                wanted.setdefault(node.body, node)
                return
            for child in children(node):
                walk(child)

        for root in tree.roots(level):
            walk(root)
        for column in self._columns:
            point = self._row_point(column)
            for body, node in wanted.items():
                if body not in column.row.bodies:
                    column.row.bodies[body] = point.bodies(node)

    # Points ----------------------------------------------------------------------------------------

    def _place(self, column: Column, sums: dict[int, Index]) -> list[Index]:
        place: list[Index] = [0] * self._rank
        for axis, index in (*column.place.items(), *sums.items()):
            place[axis] = index
        return place

    def _new_point(self, column: Column, sums: dict[int, Index], lanes: int, mask: str | None) -> RowPoint:
        place = self._place(column, sums)
        return RowPoint(self._e, self._a, self._shifted, lanes, place, mask, column.row, self._loaded)

    def point(self, number: int, sums: dict[int, Index], lanes: int, mask: str | None) -> RowPoint:
        """The point of column `number`; the same one in every pass when nothing is in a loop."""
        column = self._columns[number]
        if not self._whole:
            return self._new_point(column, sums, lanes, mask)
        key = (number, lanes, tuple(sums[axis] for axis in self._a.sums))
        if key not in self._points:
            self._points[key] = self._new_point(column, sums, lanes, mask)
        self._points[key].refresh()
        return self._points[key]

    @contextmanager
    def fresh_loads(self) -> Iterator[None]:
        """Elements loaded inside are not known after."""
        outside = self._loaded
        self._loaded = dict(outside)
        yield
        self._loaded = outside

    def scratch(self, element: str, offset: int) -> str:
        """A view of the scratch from byte `offset` on."""
        key = f"{element} {offset}"
        if key not in self._scratch:
            with self._e.at_start():
                at, size = self._e.index(offset), self._e.index(1)
                self._scratch[key] = self._e.op(
                    f"memref.view %scratch[{at}][{size}] : memref<{self._saved.scratch}xi8> to memref<?x{element}>"
                )
        return self._scratch[key]

    @property
    def columns(self) -> Sequence[Column]:
        return self._columns


class Pass:
    """One pass over the sum axes of all columns of a tile."""

    def __init__(self, tile: TileEmitter, level: int) -> None:
        self._tile = tile
        self._e = tile._e
        self._a = tile._a
        self._plan = tile._plan
        self._level = level
        tree = self._a.tree
        self._steps = [step for step in tree.steps if step.level == level]
        self._outputs = [o for o in tree.outputs if o.full and o.level == level]
        self._reads = _read_here(tile, level)
        self._writes = [] if tile._whole else tile._saved.written.get(level, [])
        self._splits = all(step.splits for step in self._steps)
        self._chains = self._plan.chains if self._splits else 1
        self._results = [(s, n) for s in self._steps for n in range(len(s.combiners))]
        # Tails without masks have partial results of their own, in scalars.
        self._scalar_tail = self._a.along and self._plan.lanes > 1 and not self._plan.masked
        self._sums: dict[int, Index] = {}
        self._next_chain = 0

    def emit(self) -> None:
        """The loops, and the results as values of the rows."""
        if not self._steps and not self._outputs and not self._writes:
            return
        self._tile.learn(self._level)
        self._finish(self._nest(list(self._a.sums), self._start()))

    # Partial results -------------------------------------------------------------------------------

    def _element(self, step: Step, number: int) -> str:
        return step.stage.inits[number].element

    def _sequential(self) -> bool:
        """Whether there is just one partial result, which starts where the reduction does."""
        one_lane = not self._a.along or self._plan.lanes == 1
        return self._chains == 1 and one_lane

    def _chain_lanes(self) -> list[int]:
        return [self._plan.lanes] * self._chains + ([1] if self._scalar_tail else [])

    def _start(self) -> list[str]:
        """Partial results in the order chain, column, step."""
        values = []
        for lanes in self._chain_lanes():
            for _ in self._tile.columns:
                for step, number in self._results:
                    element, name = self._element(step, number), step.combiners[number]
                    if self._sequential() or name is None:
                        start = step.starts[number]
                        scalar = read_scalar(self._e, start.value, start.element)
                        values.append(self._e.broadcast(scalar, element, lanes))
                    else:
                        values.append(neutral(self._e, name, element, lanes))
        return values

    def _kinds(self) -> list[str]:
        return [
            vector(self._element(step, number), lanes)
            for lanes in self._chain_lanes()
            for _ in self._tile.columns
            for step, number in self._results
        ]

    def _finish(self, acc: list[str]) -> None:
        e, lanes = self._e, self._plan.lanes
        width = len(self._results)
        each = width * len(self._tile.columns)
        for c, column in enumerate(self._tile.columns):
            for r, (step, number) in enumerate(self._results):
                element, name = self._element(step, number), step.combiners[number]
                at = c * width + r
                parts = [acc[chain * each + at] for chain in range(self._chains)]
                value = parts[0]
                result_lanes = 1 if self._a.along else lanes
                if not self._sequential():
                    assert name is not None
                    ordered = step.stage in self._tile._shifted.maxima
                    value = combine_all(e, name, parts, element, lanes, ordered)
                    if self._a.along:
                        value = across_lanes(e, name, value, element, lanes, ordered)
                    if self._scalar_tail:
                        value = combine(e, name, value, acc[self._chains * each + at], element, 1, ordered)
                    start, text = step.starts[number], neutral_text(name, element)
                    if text is None or not same_constant(start.value, text, element):
                        first = e.broadcast(read_scalar(e, start.value, element), element, result_lanes)
                        value = combine(e, name, first, value, element, result_lanes, ordered)
                kind = varying(value) if result_lanes > 1 else uniform(value)
                column.row.given[step.stage, number] = kind

    # Loops -----------------------------------------------------------------------------------------

    def _nest(self, axes: list[int], acc: list[str]) -> list[str]:
        if not axes:
            return self._visit(acc, self._turn(), self._plan.lanes, None)
        axis, rest = axes[0], axes[1:]
        along = self._a.along and not rest
        if along:
            return self._row(axis, acc)
        extent = self._e.size(self._a.extent(axis))
        if axis in self._plan.unrolled:
            assert isinstance(extent, int)
            for i in range(extent):
                self._sums[axis] = i
                acc = self._nest(rest, acc)
            return acc
        steps = self._chains if not rest else 1

        def inside(index: Index, args: list[str]) -> list[str]:
            for turn in range(steps):
                self._next_chain = turn
                self._sums[axis] = self._e.add(index, turn)
                args = self._nest(rest, args)
            return args

        whole = self._e.mul(self._e.div(extent, steps), steps)
        acc = self._loop(0, whole, steps, acc, inside)
        if steps == 1:
            return acc
        steps = 1
        return self._loop(whole, extent, 1, acc, inside)

    def _turn(self) -> int:
        """The chain of the next points."""
        chain = self._next_chain % self._chains
        self._next_chain += 1
        return chain

    def _loop(
        self,
        low: Index,
        high: Index,
        step: int,
        acc: list[str],
        inside: Callable[[Index, list[str]], list[str]],
    ) -> list[str]:
        if isinstance(low, int) and isinstance(high, int) and low >= high:
            return acc
        with self._e.loop(low, high, step, acc, self._kinds()) as loop, self._tile.fresh_loads():
            loop.next = inside(loop.index, loop.args)
        return _results(loop)

    def _row(self, axis: int, acc: list[str]) -> list[str]:
        """Along the vector axis: several vectors, single ones, the tail."""
        e, lanes = self._e, self._plan.lanes
        extent = e.size(self._a.extent(axis))
        if axis in self._plan.unrolled:
            assert isinstance(extent, int)
            for start in range(0, extent, lanes):
                self._sums[axis] = start
                if extent - start >= lanes or self._plan.masked:
                    acc = self._visit(acc, self._turn(), lanes, e.mask(extent - start, lanes))
                    continue
                for last in range(start, extent):
                    self._sums[axis] = last
                    acc = self._visit(acc, self._chains, 1, None)
            return acc

        def vectors(count: int) -> Callable[[Index, list[str]], list[str]]:
            def inside(index: Index, args: list[str]) -> list[str]:
                for chain in range(count):
                    self._sums[axis] = e.add(index, chain * lanes)
                    args = self._visit(args, chain, lanes, None)
                return args

            return inside

        def masked(index: Index, args: list[str]) -> list[str]:
            self._sums[axis] = index
            return self._visit(args, 0, lanes, e.mask(e.sub(extent, index), lanes))

        def scalars(index: Index, args: list[str]) -> list[str]:
            self._sums[axis] = index
            return self._visit(args, self._chains if self._scalar_tail else 0, 1, None)

        step = lanes * self._chains
        at = e.mul(e.div(extent, step), step)
        acc = self._loop(0, at, step, acc, vectors(self._chains))
        if self._chains > 1:
            end = e.mul(e.div(extent, lanes), lanes)
            acc = self._loop(at, end, lanes, acc, vectors(1))
            at = end
        if lanes == 1:
            return acc
        if self._plan.masked:
            return self._loop(at, extent, lanes, acc, masked)
        return self._loop(at, extent, 1, acc, scalars)

    # Points ----------------------------------------------------------------------------------------

    def _visit(self, acc: list[str], chain: int, lanes: int, mask: str | None) -> list[str]:
        """One point (a vector of them) of every column; returns all partial results."""
        width, columns = len(self._results), self._tile.columns
        acc = list(acc)
        for number, column in enumerate(columns):
            point = self._tile.point(number, dict(self._sums), lanes, mask if self._a.along else column.mask)
            self._load_saved(point)
            at = (chain * len(columns) + number) * width
            for step in self._steps:
                count = len(step.combiners)
                acc[at : at + count] = point.reduce(step, acc[at : at + count])
                at += count
            for node in self._writes:
                place = self._tile._saved.places[node.body, node.number]
                base = "" if place.access is not None else self._tile.scratch(place.element, place.offset)
                point.write(node, self._tile._saved, base, self._offset())
            for output in self._outputs:
                self._store(point, output, column, lanes, mask if self._a.along else column.mask)
        return acc

    def _load_saved(self, point: RowPoint) -> None:
        for key in self._reads:
            place = self._tile._saved.places[key]
            base = "" if place.access is not None else self._tile.scratch(place.element, place.offset)
            point.read(key, place, base, self._offset())

    def _offset(self) -> Index:
        """The number of a point among those of its row."""
        e, total = self._e, 0
        offset: Index = total
        for axis in self._a.sums:
            offset = e.add(e.mul(offset, e.size(self._a.extent(axis))), self._sums[axis])
        return offset

    def _store(self, point: RowPoint, output: Output, column: Column, lanes: int, mask: str | None) -> None:
        e = self._e
        access = self._a.layout.accesses[output.access]
        element = access.buffer.element
        value = widened(e, point.value(output.node), element, lanes)
        place = self._tile._place(column, self._sums)
        e.store(value, e.base(access.buffer), e.address(access, lambda a: place[a]), element, lanes, mask)


def _read_here(tile: TileEmitter, level: int) -> list[tuple[Body, int]]:
    """Saved values that a pass reads, and that an earlier one wrote."""
    if tile._whole:
        return []
    earlier = {
        (node.body, node.number) for before in range(level) for node in tile._saved.written.get(before, [])
    }
    found: dict[tuple[Body, int], None] = {}
    seen: set[Body] = set()

    def walk(node: Node) -> None:
        if isinstance(node, Picked):
            if (node.body, node.number) in earlier:
                found[node.body, node.number] = None
                return
            if node.body in seen:
                return
            seen.add(node.body)
        for child in children(node):
            walk(child)

    for root in tile._a.tree.roots(level):
        walk(root)
    return list(found)


def _results(loop: Loop) -> list[str]:
    return loop.results
