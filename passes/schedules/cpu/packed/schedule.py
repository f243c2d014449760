"""The packed schedule: products of f32 with weights of 4, 8 or 16 bits, on the engine of `contraction`.

before: a root `linalg.generic` `out += x * ((unpack(w) - zero) * scale)`, and elementwise stages that read its result
after:  register tiles of `mr x nv` vectors; weights are read packed, become f32 in registers, and all is summed in f32

A product of few rows takes as long as its weights take from memory; one of many rows shares the unpacking among rows.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from aicc.passes.schedules.cpu.contraction.grid import Grid
from aicc.passes.schedules.cpu.contraction.parts import PartFill, Stage
from aicc.passes.schedules.cpu.contraction.plan import ContractionConfig, vectors_for
from aicc.passes.schedules.cpu.contraction.roles import Roles
from aicc.passes.schedules.cpu.contraction.schedule import Contraction
from aicc.passes.schedules.cpu.contraction.tile import TileEmitter
from aicc.passes.schedules.cpu.emit import element_bits
from aicc.passes.schedules.cpu.emit_kernel import KernelEmitter
from aicc.passes.schedules.cpu.nest import Buffer
from aicc.passes.schedules.cpu.op_costs import stage_seconds
from aicc.passes.schedules.cpu.packed.roles import PackedRoles, find_packed_roles
from aicc.passes.schedules.cpu.packed.stage import PanelUnpack, stage_of
from aicc.passes.schedules.cpu.packed.tile import PackedTile, sums_apart
from aicc.passes.schedules.cpu.sizes import Size
from aicc.passes.schedules.machine import machine
from aicc.passes.schedules.schedule import Config, NoMatch, PackLayout
from aicc.target import Target

# Vector operations that make one vector of f32 of stored numbers.
_UNPACKING = {"i32": 3.0, "i8": 2.0, "f16": 1.0, "bf16": 2.0}

Found = TypeVar("Found", bound=PackedRoles)


class PackedGrid(Grid):
    """The loops around register tiles with packed weights."""

    def __init__(self, roles: PackedRoles, target: Target, config: ContractionConfig) -> None:
        self._target = target
        super().__init__(roles, target, config)

    def _sum_parts(self, target: Target) -> int:
        """Packed panels are small: a sum is taken whole."""
        return 1

    def _wants_ahead(self, target: Target) -> bool:
        """What is unpacked is prefetched there, line by line."""
        return False

    def _panels_at_once(self, target: Target) -> int:
        """As many as leave room for the sums of a block. Words of 4 bits are read in one stream, beside that of their
        scales (Emerald Rapids: 12.4 GB/s, 11.8 in four), bytes in several (12.5 GB/s, 9.1 in one)."""
        if self.roles.b.buffer.element == "i32":
            return 1
        streams, rows = super()._panels_at_once(target), self.roles.rows_total().static or 1
        while streams > 1 and not sums_apart(streams * self.vectors * rows, target.registers):
            streams //= 2
        return streams

    def tile_flops(self) -> float:
        """Work of one tile."""
        assert isinstance(self.roles, PackedRoles)
        return super().tile_flops() * self.roles.numbers

    def tile(self, e: KernelEmitter, roles: Roles) -> TileEmitter:
        """What emits register tiles."""
        assert isinstance(roles, PackedRoles)
        vectors = self.vectors * self._streams
        return PackedTile(e, roles, self.lanes, self._config.ku, vectors, self._target)

    def _stage_of(self, target: Target) -> Stage | None:
        """Panels are unpacked for all rows of a block at once, where there are enough."""
        assert isinstance(self.roles, PackedRoles)
        return stage_of(self.roles, target)

    def _fill(self, e: KernelEmitter, scratch: Buffer) -> PartFill:
        """What unpacks."""
        assert isinstance(self.roles, PackedRoles) and self.stage is not None
        return PanelUnpack(e, self.roles, self.stage, scratch, self.lanes, self._target)


class PanelWeights(Contraction):
    """What products share whose weights are only read in panels."""

    def layouts(self, kernel: Any, target: Target, config: Config) -> dict[int, PackLayout]:
        """Weights, scales and zero points in panels of columns."""
        assert isinstance(config, ContractionConfig)
        roles = self._roles(kernel, target, config, before_packing=True)
        assert isinstance(roles, PackedRoles)
        return dict(roles.layouts)

    def packs_itself(self, kernel: Any, target: Target, config: Config) -> bool:
        """Weights are only read in panels."""
        return False

    def _in_panels(
        self,
        find: Callable[[Any, Callable[[Size], int], bool], Found],
        kernel: Any,
        target: Target,
        config: ContractionConfig,
        lanes: int,
        before_packing: bool,
    ) -> Found:
        """The roles that `find` finds, in panels of whole vectors. Raises NoMatch."""

        def panel_for(columns: Size) -> int:
            return (config.nv or vectors_for(columns, target, lanes)) * lanes

        roles = find(kernel, panel_for, before_packing)
        if roles.panel % lanes:
            raise NoMatch("the panels of the weights do not fit this target's vectors")
        return roles


class Packed(PanelWeights):
    """See the module."""

    name = "packed"

    def cost(self, kernel: Any, target: Target, config: Config) -> float:
        """Multiply-adds and unpacking, or the bytes of the weights."""
        assert isinstance(config, ContractionConfig)
        roles = self._roles(kernel, target, config, before_packing=True)
        grid = PackedGrid(roles, target, config)
        rates, element = machine(target), roles.b.buffer.element
        columns = roles.axes.extents[roles.axes.column].guess()
        rows, stored = roles.rows_total().guess(), roles.depth().guess() * columns
        numbers = stored * roles.numbers
        shared = 2 if grid.stage is not None else -(-rows // max(shape.rows for shape in grid.rows.shapes))
        operations = numbers * (rows / rates.fmas + shared * _UNPACKING[element] / (2 * rates.ops))
        work = operations / (grid.lanes * rates.clock * rates.share)
        work += stage_seconds(roles.epilogue, target, grid.lanes)
        memory = rates.cold(stored * element_bits(element) // 8)
        return max(work, memory) + rates.start

    def _grid(self, roles: Roles, target: Target, config: ContractionConfig) -> Grid:
        assert isinstance(roles, PackedRoles)
        return PackedGrid(roles, target, config)

    def _roles(
        self, kernel: Any, target: Target, config: ContractionConfig, before_packing: bool = False
    ) -> PackedRoles:
        return self._in_panels(find_packed_roles, kernel, target, config, target.lanes(32), before_packing)


SCHEDULE = Packed()
