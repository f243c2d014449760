"""A register tile of a kernel with reductions: its columns and what is known while its passes are emitted."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from aicc.passes.schedules.cpu.emit import Index
from aicc.passes.schedules.cpu.emit_kernel import KernelEmitter
from aicc.passes.schedules.cpu.inline import Lanes, widened
from aicc.passes.schedules.cpu.pointwise.tree import Body, Node, Picked
from aicc.passes.schedules.cpu.reduction.layout import Arrangement
from aicc.passes.schedules.cpu.reduction.point import LoadKey, Row, RowPoint
from aicc.passes.schedules.cpu.reduction.save import Saved
from aicc.passes.schedules.cpu.reduction.shift import Shifted
from aicc.passes.schedules.cpu.reduction.tree import Output, children


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


class TileState:
    """What the passes over a tile share. When all loops over sums are written out (`whole`), so are the values of
    every point: a later pass computes nothing again."""

    def __init__(
        self,
        e: KernelEmitter,
        arrangement: Arrangement,
        saved: Saved,
        shifted: Shifted,
        plan: TilePlan,
        columns: Sequence[Column],
    ) -> None:
        self.e = e
        self.arrangement = arrangement
        self.saved = saved
        self.shifted = shifted
        self.plan = plan
        self.columns = columns
        self.whole = set(arrangement.sums) <= plan.unrolled
        self._points: dict[tuple[int, int, tuple[Index, ...]], RowPoint] = {}
        self._loaded: dict[LoadKey, Lanes] = {}
        self._scratch: dict[tuple[str, int], str] = {}

    @property
    def row_lanes(self) -> int:
        """Lanes of a value that does not vary along a row."""
        return 1 if self.arrangement.along else self.plan.lanes

    def place(self, column: Column, sums: dict[int, Index]) -> list[Index]:
        """An index for each axis."""
        place: list[Index] = [0] * len(self.arrangement.layout.extents)
        for axis, index in (*column.place.items(), *sums.items()):
            place[axis] = index
        return place

    def point(self, number: int, sums: dict[int, Index], lanes: int, mask: str | None) -> RowPoint:
        """The point of column `number`; the same one in every pass when nothing is in a loop."""
        column = self.columns[number]
        if not self.whole:
            return self._new_point(column, sums, lanes, mask, self._loaded)
        key = (number, lanes, tuple(sums[axis] for axis in self.arrangement.sums))
        if key not in self._points:
            self._points[key] = self._new_point(column, sums, lanes, mask, self._loaded)
        self._points[key].refresh()
        return self._points[key]

    def _new_point(
        self,
        column: Column,
        sums: dict[int, Index],
        lanes: int,
        mask: str | None,
        loaded: dict[LoadKey, Lanes],
    ) -> RowPoint:
        place = self.place(column, sums)
        return RowPoint(self.e, self.arrangement, self.shifted, lanes, place, mask, column.row, loaded)

    @contextmanager
    def fresh_loads(self) -> Iterator[None]:
        """Elements loaded inside are not known after."""
        outside = self._loaded
        self._loaded = dict(outside)
        yield
        self._loaded = outside

    def store_all(
        self,
        point: RowPoint,
        outputs: Sequence[Output],
        column: Column,
        sums: dict[int, Index],
        lanes: int,
        mask: str | None,
    ) -> None:
        """Stores outputs at a point; all are computed first, since one may lie where another is read from."""
        e, place = self.e, self.place(column, sums)
        pairs = [
            (self.arrangement.layout.accesses[output.access], point.value(output.node)) for output in outputs
        ]
        for access, value in pairs:
            element = access.buffer.element
            base, at = e.base(access.buffer), e.address(access, lambda axis: place[axis])
            e.store(widened(e, value, element, lanes), base, at, element, lanes, mask)

    # Values that do not vary along a row -----------------------------------------------------------

    def store_rows(self, level: int) -> None:
        """Outputs for which the passes before `level` are enough."""
        outputs = [o for o in self.arrangement.tree.outputs if not o.full and o.level == level]
        loaded: dict[LoadKey, Lanes] = {}
        for column in self.columns if outputs else ():
            point = self._new_point(column, {}, self.row_lanes, column.mask, loaded)
            self.store_all(point, outputs, column, {}, self.row_lanes, column.mask)

    def learn(self, level: int) -> None:
        """Computes what the pass reads and what does not vary along a row, before its loop."""
        wanted: dict[Body, Picked] = {}

        def walk(node: Node) -> None:
            if isinstance(node, Picked) and not self.arrangement.tree.varies(node):
                wanted.setdefault(node.body, node)
                return
            for child in children(node):
                walk(child)

        for root in self.arrangement.tree.roots(level):
            walk(root)
        loaded: dict[LoadKey, Lanes] = {}
        for column in self.columns:
            point = self._new_point(column, {}, self.row_lanes, column.mask, loaded)
            for body, node in wanted.items():
                if body not in column.row.bodies:
                    column.row.bodies[body] = point.bodies(node)

    # Values between passes -------------------------------------------------------------------------

    def written(self, level: int) -> list[Picked]:
        """What pass `level` saves."""
        return [] if self.whole else self.saved.written.get(level, [])

    def read(self, level: int) -> list[tuple[Body, int]]:
        """Saved values that pass `level` reads and an earlier one wrote."""
        earlier = {(node.body, node.number) for before in range(level) for node in self.written(before)}
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

        for root in self.arrangement.tree.roots(level):
            walk(root)
        return list(found)

    def memory(self, key: tuple[Body, int]) -> str:
        """The scratch where a value is saved; empty when that is an output."""
        place = self.saved.places[key]
        if place.access is not None:
            return ""
        at = (place.element, place.offset)
        if at not in self._scratch:
            with self.e.at_start():
                self._scratch[at] = self.e.pure(
                    f"memref.view %scratch[{self.e.index(place.offset)}][{self.e.index(1)}] : "
                    f"memref<{self.saved.scratch}xi8> to memref<?x{place.element}>"
                )
        return self._scratch[at]
