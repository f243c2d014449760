"""One pass of a kernel with reductions: the loops over the axes that are reduced."""

from __future__ import annotations

from collections.abc import Callable

from aicc.passes.schedules.cpu.emit import Index
from aicc.passes.schedules.cpu.reduction.partials import Partials
from aicc.passes.schedules.cpu.reduction.state import TileState

# (index, values) -> values after the turns of a loop that starts there
Turn = Callable[[Index, list[str]], list[str]]


class Pass:
    """Pass `level` over all columns of a tile."""

    def __init__(self, tile: TileState, level: int) -> None:
        self._tile = tile
        self._e = tile.e
        self._a = tile.arrangement
        self._plan = tile.plan
        self._level = level
        self._partials = Partials(tile, [step for step in self._a.tree.steps if step.level == level])
        self._outputs = [o for o in self._a.tree.outputs if o.full and o.level == level]
        self._reads = tile.read(level)
        self._writes = tile.written(level)
        self._sums: dict[int, Index] = {}
        self._next_chain = 0

    def emit(self) -> None:
        """The loops, and the results as values of the rows."""
        if not self._partials.steps and not self._outputs and not self._writes:
            return
        self._tile.learn(self._level)
        self._partials.finish(self._nest(list(self._a.sums), self._partials.start()))

    # Loops -----------------------------------------------------------------------------------------

    def _nest(self, axes: list[int], values: list[str]) -> list[str]:
        """The loops over `axes`, outermost first."""
        if not axes:
            return self._visit(values, self._turn(), self._plan.lanes, None)
        axis, rest = axes[0], axes[1:]
        if self._a.along and not rest:
            return self._row(axis, values)
        extent = self._e.size(self._a.extent(axis))
        if axis in self._plan.unrolled:
            assert isinstance(extent, int)
            for i in range(extent):
                self._sums[axis] = i
                values = self._nest(rest, values)
            return values

        def turns(count: int) -> Turn:
            def inside(index: Index, values: list[str]) -> list[str]:
                for turn in range(count):
                    self._next_chain = turn
                    self._sums[axis] = self._e.add(index, turn)
                    values = self._nest(rest, values)
                return values

            return inside

        steps = 1 if rest else self._partials.chains
        whole = self._e.mul(self._e.div(extent, steps), steps)
        values = self._loop(0, whole, steps, values, turns(steps))
        return values if steps == 1 else self._loop(whole, extent, 1, values, turns(1))

    def _turn(self) -> int:
        """The chain of the next points."""
        chain = self._next_chain % self._partials.chains
        self._next_chain += 1
        return chain

    def _loop(self, low: Index, high: Index, step: int, values: list[str], inside: Turn) -> list[str]:
        if isinstance(low, int) and isinstance(high, int) and low >= high:
            return values
        with (
            self._e.loop(low, high, step, values, self._partials.kinds()) as loop,
            self._tile.fresh_loads(),
        ):
            loop.next = inside(loop.index, loop.args)
        return loop.results

    def _row(self, axis: int, values: list[str]) -> list[str]:
        """Along the vector axis: several vectors, single ones, the tail."""
        e, lanes, chains = self._e, self._plan.lanes, self._partials.chains
        extent = e.size(self._a.extent(axis))
        if axis in self._plan.unrolled:
            assert isinstance(extent, int)
            return self._unrolled_row(axis, extent, values)

        def vectors(count: int) -> Turn:
            def inside(index: Index, values: list[str]) -> list[str]:
                for chain in range(count):
                    self._sums[axis] = e.add(index, chain * lanes)
                    values = self._visit(values, chain, lanes, None)
                return values

            return inside

        def masked(index: Index, values: list[str]) -> list[str]:
            self._sums[axis] = index
            return self._visit(values, 0, lanes, e.mask(e.sub(extent, index), lanes))

        def scalars(index: Index, values: list[str]) -> list[str]:
            self._sums[axis] = index
            return self._visit(values, chains if self._partials.scalar_tail else 0, 1, None)

        step = lanes * chains
        at = e.mul(e.div(extent, step), step)
        values = self._loop(0, at, step, values, vectors(chains))
        if chains > 1:
            end = e.mul(e.div(extent, lanes), lanes)
            values = self._loop(at, end, lanes, values, vectors(1))
            at = end
        if lanes == 1:
            return values
        if self._plan.masked:
            return self._loop(at, extent, lanes, values, masked)
        return self._loop(at, extent, 1, values, scalars)

    def _unrolled_row(self, axis: int, extent: int, values: list[str]) -> list[str]:
        lanes = self._plan.lanes
        for start in range(0, extent, lanes):
            self._sums[axis] = start
            if extent - start >= lanes or self._plan.masked:
                values = self._visit(values, self._turn(), lanes, self._e.mask(extent - start, lanes))
                continue
            for last in range(start, extent):
                self._sums[axis] = last
                values = self._visit(values, self._partials.chains, 1, None)
        return values

    # Points ----------------------------------------------------------------------------------------

    def _visit(self, values: list[str], chain: int, lanes: int, mask: str | None) -> list[str]:
        """One point (a vector of them) of every column; returns all partial results."""
        tile = self._tile
        values = list(values)
        for number, column in enumerate(tile.columns):
            own = mask if self._a.along else column.mask
            point = tile.point(number, dict(self._sums), lanes, own)
            for key in self._reads:
                point.read(key, tile.saved.places[key], tile.memory(key), self._offset())
            at = self._partials.at(chain, number)
            for step in self._partials.steps:
                count = len(step.combiners)
                values[at : at + count] = point.reduce(step, values[at : at + count])
                at += count
            for node in self._writes:
                base = tile.memory((node.body, node.number))
                point.write(node, tile.saved.places[node.body, node.number], base, self._offset())
            tile.store_all(point, self._outputs, column, self._sums, lanes, own)
        return values

    def _offset(self) -> Index:
        """The number of a point among those of its row."""
        offset: Index = 0
        for axis in self._a.sums:
            offset = self._e.add(self._e.mul(offset, self._e.size(self._a.extent(axis))), self._sums[axis])
        return offset
