"""Loops over the points of a pointwise space: tiles, rows, vectors and tails."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext

from aicc.passes.schedules.cpu.access import Access
from aicc.passes.schedules.cpu.emit import Index
from aicc.passes.schedules.cpu.emit_kernel import KernelEmitter
from aicc.passes.schedules.cpu.inline import Lanes, varying
from aicc.passes.schedules.cpu.nest import Nest
from aicc.passes.schedules.cpu.pointwise.eval import Layout, NotVector, PointEmitter
from aicc.passes.schedules.cpu.pointwise.plan import Plan
from aicc.passes.schedules.cpu.transpose import transpose


class SpaceLoops:
    """Emits one space. Its tiles are numbered from 0; the caller says which of them to run."""

    def __init__(self, nest: Nest, layout: Layout, plan: Plan) -> None:
        self._nest = nest
        self._layout = layout
        self._plan = plan
        rank = len(layout.extents)
        if plan.across is not None:
            self._outer = tuple(a for a in range(rank - 1) if a != plan.across)
            self._loops: tuple[int, ...] = ()
        else:
            self._outer = tuple(range(plan.split))
            self._loops = tuple(range(plan.split, max(rank - 1, 0)))

    def tiles(self, e: KernelEmitter) -> Index:
        """How many tiles there are."""
        plan, extents = self._plan, self._layout.extents
        total: Index = 1
        for axis in self._outer:
            total = e.mul(total, e.size(extents[axis]))
        if plan.across is not None:
            return e.mul(total, e.ceil_div(e.size(extents[plan.across]), self._strip()))
        if plan.chunk:
            return e.mul(total, e.ceil_div(e.size(extents[-1]), plan.chunk))
        return e.ceil_div(total, plan.rows)

    def _strip(self) -> int:
        """Extent of a tile along the axis that transposed operands are contiguous on."""
        return self._plan.rows * self._plan.lanes

    def emit(self, e: KernelEmitter, low: Index, high: Index) -> None:
        """The tiles from `low` to `high`."""
        plan, extents = self._plan, self._layout.extents
        if not extents:
            with e.loop(low, high):
                self._points(e, 1, [], None)
            return
        inner = e.size(extents[-1])
        place: list[Index] = [0] * len(extents)
        with e.loop(low, high) as tile:
            if plan.across is not None:
                strips = e.ceil_div(e.size(extents[plan.across]), self._strip())
                self._decompose(e, e.div(tile.index, strips), place)
                start = e.mul(e.rem(tile.index, strips), self._strip())
                self._squares(e, place, start)
            elif plan.chunk:
                chunks = e.ceil_div(inner, plan.chunk)
                self._decompose(e, e.div(tile.index, chunks), place)
                start = e.mul(e.rem(tile.index, chunks), plan.chunk)
                self._row(e, place, start, e.min(inner, e.add(start, plan.chunk)))
            else:
                total: Index = 1
                for axis in self._outer:
                    total = e.mul(total, e.size(extents[axis]))
                first = e.mul(tile.index, plan.rows)
                with e.loop(first, e.min(total, e.add(first, plan.rows))) as row:
                    self._decompose(e, row.index, place)
                    self._nested(e, place, self._loops)

    def _decompose(self, e: KernelEmitter, number: Index, place: list[Index]) -> None:
        for axis in reversed(self._outer):
            extent = e.size(self._layout.extents[axis])
            last = axis == self._outer[0]
            place[axis] = number if last else e.rem(number, extent)
            number = number if last else e.div(number, extent)

    def _nested(self, e: KernelEmitter, place: list[Index], axes: Sequence[int]) -> None:
        if not axes:
            self._row(e, place, 0, e.size(self._layout.extents[-1]))
            return
        with e.loop(0, e.size(self._layout.extents[axes[0]])) as loop:
            place[axes[0]] = loop.index
            self._nested(e, place, axes[1:])

    # One row ---------------------------------------------------------------------------------------

    def _row(self, e: KernelEmitter, place: list[Index], low: Index, high: Index) -> None:
        """Points `low` to `high` of the inner axis: several vectors, single vectors, the tail."""
        plan = self._plan
        lanes = plan.lanes
        if lanes == 1:
            self._steps(e, place, low, high, 1, 1)
            return
        count = e.sub(high, low)
        at = low
        for unroll in sorted({plan.unroll, 1}, reverse=True):
            step = lanes * unroll
            end = e.add(at, e.mul(e.div(e.sub(high, at), step), step))
            if not (isinstance(end, int) and isinstance(at, int) and end <= at):
                self._steps(e, place, at, end, lanes, unroll)
            at = end
        if isinstance(count, int) and count % lanes == 0:
            return
        if plan.masked:
            rest = e.sub(high, at)
            try:
                with e.attempt(), _unless_empty(e, rest):
                    place[-1] = at
                    self._points(e, lanes, place, e.mask(rest, lanes))
                return
            except NotVector:
                pass
        self._steps(e, place, at, high, 1, 1)

    def _steps(
        self, e: KernelEmitter, place: list[Index], low: Index, high: Index, lanes: int, unroll: int
    ) -> None:
        with e.loop(low, high, lanes * unroll) as loop:
            for number in range(unroll):
                place[-1] = e.add(loop.index, number * lanes)
                self._points(e, lanes, place, None)

    def _points(
        self,
        e: KernelEmitter,
        lanes: int,
        place: Sequence[Index],
        mask: str | None,
        preset: dict[Access, Lanes] | None = None,
    ) -> None:
        PointEmitter(e, self._nest, self._layout, lanes, place, mask, preset).store_all()

    # Transposed operands ---------------------------------------------------------------------------

    def _squares(self, e: KernelEmitter, place: list[Index], start: Index) -> None:
        """A strip of squares: `lanes` points along `across`, all of the inner axis."""
        plan, extents = self._plan, self._layout.extents
        assert plan.across is not None
        lanes = plan.lanes
        across, inner = e.size(extents[plan.across]), e.size(extents[-1])
        stop = e.min(across, e.add(start, self._strip()))
        whole = e.add(start, e.mul(e.div(e.sub(stop, start), lanes), lanes))
        with e.loop(start, whole, lanes) as line:
            full = e.mul(e.div(inner, lanes), lanes)
            if full != 0:
                with e.loop(0, full, lanes) as loop:
                    self._square(e, place, line.index, loop.index, None)
            rest = e.sub(inner, full)
            if rest != 0 and plan.masked:
                with _unless_empty(e, rest):
                    self._square(e, place, line.index, full, rest)
            elif rest != 0:
                with e.loop(line.index, e.add(line.index, lanes)) as single:
                    place[plan.across] = single.index
                    self._steps(e, place, full, inner, 1, 1)
        if not (isinstance(across, int) and across % lanes == 0):
            with e.loop(whole, stop) as single:
                place[plan.across] = single.index
                self._row(e, place, 0, inner)

    def _square(
        self, e: KernelEmitter, place: list[Index], line: Index, column: Index, rest: Index | None
    ) -> None:
        """`lanes x lanes` points; of the inner axis only `rest`, when that is set."""
        plan, lanes = self._plan, self._plan.lanes
        assert plan.across is not None
        columns: dict[Access, list[str]] = {}
        for access in plan.transposed:
            base, element = e.base(access.buffer), access.buffer.element
            rows = []
            for lane in range(lanes):
                step: Index = lane if rest is None else e.min(lane, e.sub(rest, 1))
                at = [*place[:-1], e.add(column, step)]
                at[plan.across] = line
                rows.append(e.load(base, e.address(access, at.__getitem__), element, lanes))
            columns[access] = transpose(e, rows, element)
        mask = None if rest is None else e.mask(rest, lanes)
        for lane in range(lanes):
            place[plan.across] = e.add(line, lane)
            place[-1] = column
            preset = {access: varying(values[lane]) for access, values in columns.items()}
            self._points(e, lanes, place, mask, preset)


def _unless_empty(e: KernelEmitter, rest: Index) -> AbstractContextManager[None]:
    """A branch unless `rest` is known, and then known not to be 0."""
    return nullcontext() if isinstance(rest, int) else e.when(e.compare("sgt", rest, 0))
