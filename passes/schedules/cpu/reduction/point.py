"""Evaluates the trees of a kernel with reductions at one vector of points."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from aicc.passes.schedules.cpu.access import Access
from aicc.passes.schedules.cpu.emit import Index, vector
from aicc.passes.schedules.cpu.emit_kernel import KernelEmitter
from aicc.passes.schedules.cpu.indexing import Expr
from aicc.passes.schedules.cpu.inline import Inliner, Lanes, uniform, varying, widened
from aicc.passes.schedules.cpu.nest import Generic
from aicc.passes.schedules.cpu.pointwise.eval import PointEmitter
from aicc.passes.schedules.cpu.pointwise.tree import Body, Constant, Given, Node, Picked
from aicc.passes.schedules.cpu.reduction.layout import Arrangement
from aicc.passes.schedules.cpu.reduction.save import Place
from aicc.passes.schedules.cpu.reduction.shift import Shifted
from aicc.passes.schedules.cpu.reduction.tree import Step

LoadKey = tuple[int, Index, bool, "str | None"]


@dataclass(eq=False)
class Row:
    """What is known at one place of the kept axes: results of reductions, values that do not vary along them."""

    given: dict[tuple[Generic, int], Lanes] = field(default_factory=dict)
    bodies: dict[Body, list[Lanes]] = field(default_factory=dict)


class RowPoint(PointEmitter):
    """One vector of points of a row. `loaded` is shared by points that may read the same elements; lanes off in
    `mask` are neither read nor stored."""

    def __init__(
        self,
        e: KernelEmitter,
        arrangement: Arrangement,
        shifted: Shifted,
        lanes: int,
        place: Sequence[Index],
        mask: str | None,
        row: Row,
        loaded: dict[LoadKey, Lanes],
    ) -> None:
        super().__init__(e, arrangement.tree.nest, arrangement.layout, lanes, place, mask)
        self._row = row
        self._shifted = shifted
        self._loaded = loaded
        self._bodies = row.bodies.copy()
        self._along = arrangement.along
        self._saved: dict[tuple[Body, int], Lanes] = {}

    def refresh(self) -> None:
        """Takes over what has become known of the row since this point was made."""
        self._bodies.update(self._row.bodies)

    def value(self, node: Node) -> Lanes:
        """The value of a node. Raises NotVector."""
        return self._value(node)

    def reduce(self, step: Step, accumulators: Sequence[str]) -> list[str]:
        """The accumulators after these points."""
        stage = step.stage
        args: list[Lanes | None] = [
            None if arg is None else self._value(arg) for arg in step.body.args[: stage.inputs]
        ]
        args += [varying(acc) if self._lanes > 1 else uniform(acc) for acc in accumulators]
        results = self._inliner_of(step.body).inline(stage.block, args)
        elements = [init.element for init in stage.inits]
        found = [widened(self._e, r, t, self._lanes) for r, t in zip(results, elements, strict=True)]
        if self._mask is None or self._lanes == 1 or not self._along:
            return found
        bits = vector("i1", self._lanes)
        return [
            self._e.op(f"arith.select {self._mask}, {new}, {old} : {bits}, {vector(t, self._lanes)}")
            for new, old, t in zip(found, accumulators, elements, strict=True)
        ]

    def bodies(self, node: Picked) -> list[Lanes]:
        """All results of the stage of a node, for `Row.bodies`."""
        self._value(node)
        return self._bodies[node.body]

    # Values between passes -------------------------------------------------------------------------

    def write(self, node: Picked, place: Place, base: str, offset: Index) -> None:
        """Saves a value. `base` is the scratch as memory of its type, `offset` the position in the row."""
        e = self._e
        value = widened(e, self._value(node), place.element, self._lanes)
        base, at = self._memory(place, base, offset)
        e.store(value, base, at, place.element, self._lanes, self._mask)

    def read(self, key: tuple[Body, int], place: Place, base: str, offset: Index) -> None:
        """Reads a saved value instead of computing it."""
        base, at = self._memory(place, base, offset)
        loaded = self._e.load(base, at, place.element, self._lanes, self._mask)
        self._saved[key] = varying(loaded) if self._lanes > 1 else uniform(loaded)

    def _memory(self, place: Place, base: str, offset: Index) -> tuple[str, Index]:
        if place.access is None:
            return base, offset
        return self._e.base(place.access.buffer), self._e.address(place.access, self._at)

    # Nodes -----------------------------------------------------------------------------------------

    def _value(self, node: Node) -> Lanes:
        if isinstance(node, Picked) and (node.body, node.number) in self._saved:
            return self._saved[node.body, node.number]
        return super()._value(node)

    def _given(self, node: Given) -> Lanes:
        return self._row.given[node.stage, node.number]

    def _body(self, body: Body) -> list[Lanes]:
        args = [None if arg is None else self._value(arg) for arg in body.args]
        return self._inliner_of(body).inline(body.stage.block, args)

    def _inliner_of(self, body: Body) -> Inliner:
        return RowInliner(
            self._shifted,
            body.stage,
            self._e,
            self._lanes,
            self._positions(body.dims),
            self._e.scalar,
            self._extract,
        )

    def _positions(self, dims: Sequence[Expr]) -> Any:
        return lambda d: self._expr(dims[d])

    def _load(self, access: Access, rest: Constant | None = None) -> Lanes:
        if self._guard != (None, None) or access.buffer.number in self._e.aliased:
            return super()._load(access, rest)
        moves = self._lanes > 1 and access.moves(self._layout.inner)
        key = (access.buffer.number, self._e.address(access, self._at), moves, self._mask)
        if key not in self._loaded:
            self._loaded[key] = super()._load(access, rest)
        return self._loaded[key]


class RowInliner(Inliner):
    """Inlines a stage of a row; exponentials that softmax takes need no care for values out of range."""

    def __init__(self, shifted: Shifted, stage: Generic, *args: Any) -> None:
        super().__init__(*args)
        self._shifted = shifted
        self._stage = stage

    def _emit(self, op: Any, args: list[str], lanes: int) -> str:
        if op.name == "math.exp" and (self._stage, op) in self._shifted.exponentials:
            kind = vector(str(op.operands[0].type), lanes)
            return self._e.op(f"math.exp {args[0]} fastmath<afn> : {kind}")
        return super()._emit(op, args, lanes)

    def _extremum(self, op: Any, args: list[str], lanes: int) -> str:
        if self._stage not in self._shifted.maxima:
            return super()._extremum(op, args, lanes)
        kind, bits = vector(str(op.results[0].type), lanes), vector("i1", lanes)
        better = self._e.op(f"arith.cmpf ogt, {args[0]}, {args[1]} : {kind}")
        return self._e.op(f"arith.select {better}, {args[0]}, {args[1]} : {bits}, {kind}")
