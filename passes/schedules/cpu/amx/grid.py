"""The loops around register tiles of AMX: as of other contractions; registers get their shapes before and are
given back after."""

from __future__ import annotations

from dataclasses import replace

from aicc.passes.schedules.cpu.amx.instructions import ROWS, SIDE, Tiles
from aicc.passes.schedules.cpu.amx.plan import shape_cycles, sum_cycles, tile_depth, tile_rows, tile_shapes
from aicc.passes.schedules.cpu.amx.tile import AmxTile
from aicc.passes.schedules.cpu.contraction.grid import Emit, Grid
from aicc.passes.schedules.cpu.contraction.plan import ContractionConfig, RowTile
from aicc.passes.schedules.cpu.contraction.roles import Roles
from aicc.passes.schedules.cpu.dot.instructions import Instruction
from aicc.passes.schedules.cpu.dot.roles import DotRoles
from aicc.passes.schedules.cpu.emit import Index
from aicc.passes.schedules.cpu.emit_kernel import KernelEmitter
from aicc.passes.schedules.cpu.sizes import guess_product
from aicc.passes.schedules.schedule import NoMatch
from aicc.target import Target


class AmxGrid(Grid):
    """The plan of one contraction on tile registers; `rest` sums what they leave."""

    def __init__(
        self, roles: DotRoles, target: Target, config: ContractionConfig, product: str, rest: Instruction
    ) -> None:
        steps = roles.axes.extents[roles.axes.sums[-1]].static if roles.axes.sums else None
        if not steps:
            raise NoMatch("no whole step of a sum of a known length")
        last = roles.axes.sums[-1]
        if roles.a.coefs[last].static != roles.group or roles.b.coefs[last].static != roles.step:
            raise NoMatch("the steps of a sum do not lie side by side")
        if not roles.axes.rows:
            raise NoMatch("a product of one row")
        self._depth = tile_depth(steps)
        self._product = product
        self._rest = rest
        super().__init__(roles, target, config)

    def cycles(self) -> float:
        """Predicted cycles of all sums."""
        roles, axes = self.roles, self.roles.axes
        shape, width = self.shapes[0], self._extent(self._width)
        rows = width.static
        if rows is None:
            rows = max(width.guess(), 1)
        tile = shape_cycles(shape, rows, self.vectors)
        columns = axes.extents[axes.column].guess()
        lines = guess_product(axes.extents[axis] for axis in (*axes.outer, *axes.rows[:-1]))
        steps = axes.extents[axes.sums[-1]].guess()
        outer = guess_product(axes.extents[axis] for axis in axes.sums[:-1])
        panels = lines * -(-columns // roles.panel)
        left = sum_cycles(steps % self._depth, 1, ROWS) if steps % self._depth else 0.0
        if isinstance(roles, DotRoles) and roles.tail:
            left += 2 * sum_cycles(1, 1, ROWS)
        return panels * outer * (steps // self._depth * tile + left * self.vectors * rows / ROWS)

    def tile(self, e: KernelEmitter, roles: Roles) -> AmxTile:
        """What emits register tiles."""
        assert isinstance(roles, DotRoles)
        return AmxTile(e, roles, self._tile_rows(e), self._depth, self._tiles, self._rest)

    def emit(self, e: KernelEmitter) -> None:
        """The whole kernel."""
        self._tiles = Tiles(e, self._product)
        self._tiles.configure(self._tile_rows(e), self._depth)
        super().emit(e)
        self._tiles.release()

    def _tile_rows(self, e: KernelEmitter) -> Index:
        """Rows of all tiles: of rows whose number is known at run time as many as are there, 16 at most."""
        width = self._extent(self._width)
        if width.static is None:
            return e.max(e.min(e.size(width), ROWS), 1)
        return tile_rows(self.shapes[0], width.static)

    def _shapes(self, rows: int) -> list[RowTile]:
        height = None if self._height is None else self._extent(self._height)
        return tile_shapes(height, self._extent(self._width), self._config.mr)

    def _sum_parts(self, target: Target) -> int:
        return 1

    def _panels_at_once(self, target: Target) -> int:
        return 1

    def _dynamic(
        self, e: KernelEmitter, line: Index, shape: RowTile, first: Index, end: Index, one: Emit
    ) -> None:
        """Rows whose number is known at run time: the last register tile has those that are left."""
        shares = -(-self._block // shape.wide) if self._height is None else 1
        with e.loop(first, end, SIDE * ROWS) as loop:
            there = e.min(e.sub(end, loop.index), SIDE * ROWS)
            number = e.div(e.sub(loop.index, first), SIDE * ROWS)
            one(line, loop.index, replace(shape, there=there), number, shares)
