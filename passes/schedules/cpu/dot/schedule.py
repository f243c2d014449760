"""The dot schedule: contractions and convolutions of bytes, exact in i32, on the engine of `contraction`.

before: a root `linalg.generic` `out += extui(a) * extsi(b)` into i32, and elementwise stages that read its result
after:  register tiles of `mr x nv` vectors of i32, a step of the sum for every four (or two) neighbours of A; the
        stages (zero points, scales, rounding, saturation) computed on them, one store of bytes

The whole sum is accumulated in registers. B is packed, four bytes of each column together.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from aicc.passes.schedules.cpu.contraction.grid import Grid
from aicc.passes.schedules.cpu.contraction.plan import ContractionConfig, vectors_for
from aicc.passes.schedules.cpu.contraction.roles import Roles
from aicc.passes.schedules.cpu.contraction.schedule import Contraction
from aicc.passes.schedules.cpu.dot.instructions import instruction_for
from aicc.passes.schedules.cpu.dot.roles import DotRoles, find_dot_roles
from aicc.passes.schedules.cpu.dot.tile import DotTile
from aicc.passes.schedules.cpu.emit_kernel import KernelEmitter
from aicc.passes.schedules.cpu.sizes import Size
from aicc.passes.schedules.schedule import Config, NoMatch, PackLayout, narrow_arguments
from aicc.target import Target


class DotGrid(Grid):
    """The loops around register tiles of dot products."""

    def __init__(self, roles: DotRoles, target: Target, config: ContractionConfig) -> None:
        self._instruction = instruction_for(target, roles.narrow)
        super().__init__(roles, target, config)

    def _most_rows(self, target: Target) -> int:
        """Rows of a register tile where a step takes several instructions: B in halves, or B and the next one, take
        registers, and so do both halves of A, or A and ones, and a product."""
        rows = super()._most_rows(target)
        if not (self._instruction.widened or self._instruction.pairs):
            return rows
        room = (target.registers - 3 - 2 * self.vectors) // self.vectors
        return max(1, min(rows, room))

    def _sum_parts(self, target: Target) -> int:
        """A sum with a tail, or one that starts at the columns' sums, is taken whole."""
        assert isinstance(self.roles, DotRoles)
        return 1 if self.roles.tail or self._instruction.signed else super()._sum_parts(target)

    def tile(self, e: KernelEmitter, roles: Roles) -> DotTile:
        """What emits register tiles."""
        assert isinstance(roles, DotRoles)
        return DotTile(e, roles, self._config.ku, self.vectors * self._streams, self._instruction)


class Dot(Contraction):
    """See the module."""

    name = "dot"

    def layouts(self, kernel: Any, target: Target, config: Config) -> dict[int, PackLayout]:
        """B in panels of groups."""
        assert isinstance(config, ContractionConfig)
        roles = self._roles(kernel, target, config, before_packing=True)
        if roles.layout is None or not isinstance(roles.b_operand.source, type(roles.b.buffer)):
            return {}
        packed = roles.b_operand.source.layout is not None
        return {} if packed else {roles.b.buffer.number: roles.layout}

    def packs_itself(self, kernel: Any, target: Target, config: Config) -> bool:
        """B is only read packed."""
        return False

    def _grid(self, roles: Roles, target: Target, config: ContractionConfig) -> Grid:
        assert isinstance(roles, DotRoles)
        return DotGrid(roles, target, config)

    def _roles(
        self, kernel: Any, target: Target, config: ContractionConfig, before_packing: bool = False
    ) -> DotRoles:
        instruction = instruction_for(target)

        def panel_for(columns: Size) -> int:
            return (config.nv or vectors_for(columns, target, instruction.lanes)) * instruction.lanes

        roles = find_dot_roles(kernel, panel_for, instruction.group, before_packing)
        if roles.panel % instruction.lanes:
            raise NoMatch("the panels of the second operand do not fit this target's vectors")
        return replace(roles, narrow=roles.b.buffer.number in narrow_arguments(kernel))


SCHEDULE = Dot()
