"""Rows of a product in tile registers: two of these beside each other, or two lines."""

from __future__ import annotations

from dataclasses import replace

from aicc.passes.schedules.cpu.amx.instructions import ROWS, SIDE
from aicc.passes.schedules.cpu.amx.plan import tile_rows, tile_shapes
from aicc.passes.schedules.cpu.contraction.plan import RowTile
from aicc.passes.schedules.cpu.contraction.row_tiles import Emit, RowTiles
from aicc.passes.schedules.cpu.emit import Index
from aicc.passes.schedules.cpu.emit_kernel import KernelEmitter


class AmxRows(RowTiles):
    """See the module."""

    def height(self, e: KernelEmitter) -> Index:
        """Rows of all tile registers: of rows whose number is known at run time as many as are there, 16 at most."""
        if self.width.static is None:
            return e.max(e.min(e.size(self.width), ROWS), 1)
        return tile_rows(self.shapes[0], self.width.static)

    def _shapes(self, most: int, vectors: int) -> list[RowTile]:
        return tile_shapes(self.blocked if self.lines else None, self.width, self._config.mr)

    def _dynamic(
        self, e: KernelEmitter, line: Index, shape: RowTile, first: Index, end: Index, one: Emit
    ) -> None:
        """Rows whose number is known at run time: the last register tile has those that are left."""
        shares = 1 if self.lines else -(-self.block // shape.wide)
        with e.loop(first, end, SIDE * ROWS) as loop:
            there = e.min(e.sub(end, loop.index), SIDE * ROWS)
            number = e.div(e.sub(loop.index, first), SIDE * ROWS)
            one(line, loop.index, replace(shape, there=there), number, shares)
