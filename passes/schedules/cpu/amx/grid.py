"""The loops around register tiles of AMX: as of other contractions; registers get their shapes before and are
given back after."""

from __future__ import annotations

from aicc.passes.schedules.cpu.amx.instructions import ROWS, Tiles
from aicc.passes.schedules.cpu.amx.plan import shape_cycles, sum_cycles, tile_depth
from aicc.passes.schedules.cpu.amx.rows import AmxRows
from aicc.passes.schedules.cpu.amx.tile import AmxTile
from aicc.passes.schedules.cpu.contraction.grid import Grid
from aicc.passes.schedules.cpu.contraction.plan import ContractionConfig
from aicc.passes.schedules.cpu.contraction.roles import Roles
from aicc.passes.schedules.cpu.dot.instructions import Instruction
from aicc.passes.schedules.cpu.dot.roles import DotRoles
from aicc.passes.schedules.cpu.emit_kernel import KernelEmitter
from aicc.passes.schedules.cpu.sizes import guess_product
from aicc.passes.schedules.schedule import NoMatch
from aicc.target import Target


class AmxGrid(Grid):
    """The plan of one contraction on tile registers; `rest` sums what they leave."""

    rows_type = AmxRows
    rows: AmxRows

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
        shape, width = self.rows.shapes[0], self.rows.width
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
        return AmxTile(e, roles, self.rows.height(e), self._depth, self._tiles, self._rest)

    def emit(self, e: KernelEmitter) -> None:
        """The whole kernel."""
        self._tiles = Tiles(e, self._product)
        self._tiles.configure(self.rows.height(e), self._depth)
        super().emit(e)
        self._tiles.release()

    def _sum_parts(self, target: Target) -> int:
        return 1

    def _panels_at_once(self, target: Target) -> int:
        return 1
