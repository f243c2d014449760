"""Where the rows of a tile are: neighbours in the numbering of all rows, or a patch of several axes."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

from aicc.passes.schedules.cpu.emit import Index
from aicc.passes.schedules.cuda.contraction.roles import Roles
from aicc.passes.schedules.cuda.emitter import GpuEmitter, decompose


class TileRows(ABC):
    """Of one tile."""

    @abstractmethod
    def locate(self, e: GpuEmitter, roles: Roles, row: Index, place: list[Index]) -> str:
        """Sets `place` for the row axes at row `row` of the tile; returns whether there is such a row, an `i1`."""


@dataclass(frozen=True)
class Run(TileRows):
    """Rows from `first` on."""

    first: Index

    def locate(self, e: GpuEmitter, roles: Roles, row: Index, place: list[Index]) -> str:
        extents = [e.size(extent) for extent in roles.arrangement.layout.extents]
        number, total = e.add(self.first, row), product_of(e, roles.rows, extents)
        decompose(e, number, roles.rows, extents, place)
        return e.compare("slt", number, total)


@dataclass(frozen=True)
class Patch(TileRows):
    """`boxes[i]` positions of the i-th row axis from `starts[i]` on."""

    starts: tuple[Index, ...]
    boxes: tuple[int, ...]

    def locate(self, e: GpuEmitter, roles: Roles, row: Index, place: list[Index]) -> str:
        inside: str | None = None
        rest = row
        for axis, start, box in reversed(list(zip(roles.rows, self.starts, self.boxes, strict=True))):
            place[axis] = e.add(start, e.rem(rest, box))
            rest = e.div(rest, box)
            here = e.compare("slt", place[axis], e.size(roles.arrangement.extent(axis)))
            inside = here if inside is None else e.op(f"arith.andi {inside}, {here} : i1")
        assert inside is not None, "a product has rows"
        return inside


def product_of(e: GpuEmitter, axes: tuple[int, ...], extents: list[Index]) -> Index:
    """The number of positions that axes have together."""
    total: Index = 1
    for axis in axes:
        total = e.mul(total, extents[axis])
    return total
