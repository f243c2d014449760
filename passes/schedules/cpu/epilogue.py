"""Fused stages on accumulators: bias, residual, activation … are computed in registers before the store."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from aicc.passes.schedules.cpu.access import Access
from aicc.passes.schedules.cpu.contraction.roles import Roles
from aicc.passes.schedules.cpu.emit import Index, vector
from aicc.passes.schedules.cpu.emit_kernel import KernelEmitter
from aicc.passes.schedules.cpu.inline import Inliner, Lanes, uniform, varying, widened
from aicc.passes.schedules.cpu.nest import Fill, Generic, Result
from aicc.passes.schedules.cpu.read import read_scalar, read_vector
from aicc.passes.schedules.schedule import NoMatch


class Epilogue:
    """Emits the stages after the root, and the stores, for one register tile."""

    def __init__(self, e: KernelEmitter, roles: Roles, lanes: int, element: str) -> None:
        self._e = e
        self._roles = roles
        self._lanes = lanes
        self._element = element
        self._loaded: dict[Any, Lanes] = {}

    def emit(
        self,
        at: dict[int, Index],
        rows: tuple[tuple[int, ...], ...],
        vectors: int,
        columns: Index | None,
        accumulators: list[str],
    ) -> None:
        """`accumulators` row by row; lanes at column `columns` and after are neither read nor stored."""
        e, axes = self._e, self._roles.axes
        for number, row in enumerate(rows):
            for v in range(vectors):
                place = dict(at)
                for axis, step in zip(axes.rows, row, strict=True):
                    place[axis] = e.add(at[axis], step)
                column = e.add(at[axes.column], v * self._lanes)
                place[axes.column] = column
                mask = None
                if columns is not None:
                    mask = e.mask(e.sub(columns, column), self._lanes)
                self._vector(place, (row, v), accumulators[number * vectors + v], mask)

    def _vector(self, place: dict[int, Index], key: Any, accumulator: str, mask: str | None) -> None:
        e, roles = self._e, self._roles
        wanted = roles.root.inits[0].element
        if wanted != self._element:
            source, target = vector(self._element, self._lanes), vector(wanted, self._lanes)
            accumulator = e.op(f"arith.truncf {accumulator} : {source} to {target}")
        values: dict[tuple[Generic, int], Lanes] = {(roles.root, 0): varying(accumulator)}
        for stage in roles.epilogue:
            args = [self._operand(stage, i, values, place, key, mask) for i in range(len(stage.operands))]
            inliner = Inliner(e, self._lanes, self._positions(stage, place), e.scalar)
            for number, value in enumerate(inliner.inline(stage.block, args)):
                values[stage, number] = value
        for store in roles.nest.stores:
            assert isinstance(store.source, Result)
            access = roles.accesses[store]
            lanes = values[store.source.stage, store.source.number]
            stored = widened(e, lanes, store.target.element, self._lanes)
            address = e.address(access, lambda axis: place[axis])
            e.store(stored, e.base(store.target), address, store.target.element, self._lanes, mask)

    def _operand(
        self,
        stage: Generic,
        number: int,
        values: dict[tuple[Generic, int], Lanes],
        place: dict[int, Index],
        key: Any,
        mask: str | None,
    ) -> Lanes | None:
        operand = stage.operands[number]
        source = operand.source
        if isinstance(source, Result):
            return values[source.stage, source.number]
        if isinstance(source, Fill):
            return uniform(read_scalar(self._e, source.value, source.element))
        access = self._roles.accesses.get((stage, number))
        return None if access is None else self._load(access, place, key, mask)

    def _load(self, access: Access, place: dict[int, Index], key: Any, mask: str | None) -> Lanes:
        """Loaded once for all rows that share it."""
        axes = self._roles.axes
        row, v = key
        moved = tuple(step for axis, step in zip(axes.rows, row, strict=True) if access.moves(axis))
        slot = (id(access), moved, v if access.moves(axes.column) else None)
        if slot not in self._loaded:
            limit = self._e.size(axes.extents[axes.column])
            self._loaded[slot] = read_vector(
                self._e, access, lambda axis: place[axis], axes.column, self._lanes, mask, limit
            )
        return self._loaded[slot]

    def _root_axis(self, stage: Generic, dim: int) -> int | None:
        """The axis that a dimension of a stage is; None for one of extent 1."""
        root_dim = self._roles.dimensions[stage][dim]
        for axis, group in enumerate(self._roles.groups):
            if root_dim in group:
                if len(group) > 1:
                    raise NoMatch("the index of a merged dimension")
                return axis
        return None

    def _positions(self, stage: Generic, place: dict[int, Index]) -> Callable[[int], tuple[Index, bool]]:
        """The index of a dimension of a stage, and whether it is the column."""

        def position(dim: int) -> tuple[Index, bool]:
            axis = self._root_axis(stage, dim)
            return (0, False) if axis is None else (place[axis], axis == self._roles.axes.column)

        return position
