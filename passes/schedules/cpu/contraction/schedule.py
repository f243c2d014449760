"""The contraction schedule: one engine for matrix products, batched products and convolutions.

before: a root `linalg.generic` `out += a * b`, and elementwise stages that read its result
after:  for each tile (block of rows, panel of columns): register tiles of `mr x nv` vectors, accumulated
        over the whole sum in registers, the stages computed on them, one store

B is read in panels of columns, zero padded (`layouts`); A is read where it lies. A panel streams from L2
without loss, so sums are not blocked, unless a panel is too large for that (`plan.sum_parts`).
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from aicc.passes.schedules.cpu.contraction.grid import Grid, WideningGrid
from aicc.passes.schedules.cpu.contraction.plan import (
    TILE_FLOPS,
    ContractionConfig,
    max_rows,
    tile_rows,
    vectors_for,
)
from aicc.passes.schedules.cpu.contraction.roles import STAGE_LIMIT, Roles, column_layout, find_roles
from aicc.passes.schedules.cpu.emit import element_bits
from aicc.passes.schedules.cpu.emit_kernel import KernelEmitter
from aicc.passes.schedules.cpu.emit_kernel import replace as replace_function
from aicc.passes.schedules.cpu.op_costs import stage_seconds
from aicc.passes.schedules.cpu.sizes import Size, guess_product
from aicc.passes.schedules.machine import machine
from aicc.passes.schedules.schedule import Config, NoMatch, PackLayout, Schedule
from aicc.target import Target

_NARROW = ("f16", "bf16")
_ELEMENTS = ("f32", "f64", "f16", "bf16", "i32", "i64")


class Contraction(Schedule):
    """See the module."""

    name = "contraction"
    config_type = ContractionConfig

    def check(self, kernel: Any, target: Target) -> None:
        """Raises NoMatch."""
        self._roles(kernel, target, ContractionConfig(), before_packing=True)

    def configs(self, kernel: Any, target: Target) -> list[Config]:
        """The recommended tile, then the other widths of panels and shapes of tiles."""
        roles = self._roles(kernel, target, ContractionConfig(), before_packing=True)
        base = ContractionConfig()
        found: list[Config] = [base]
        lanes = _lanes(roles, target)
        for vectors in () if roles.packed else (1, 2, 3, 4):
            rows = tile_rows(target, vectors)
            if rows >= 2 and vectors * lanes != roles.panel:
                found.append(replace(base, nv=vectors))
        vectors = roles.panel // lanes
        rows, most = tile_rows(target, vectors), max_rows(target, vectors)
        found += [
            replace(base, mr=limit)
            for limit in (rows + 2, rows - 1, rows - 2, rows * 2 // 3)
            if 1 < limit <= most
        ]
        found += [replace(base, ku=8), replace(base, ahead=0), replace(base, ahead=1)]
        return found

    def cost(self, kernel: Any, target: Target, config: Config) -> float:
        """Multiply-adds at the rate of the register tile, or the bytes of A, B and the output."""
        assert isinstance(config, ContractionConfig)
        roles = self._roles(kernel, target, config, before_packing=True)
        grid = self._grid(roles, target, config)
        axes = roles.axes
        lanes, vectors = grid.lanes, grid.vectors
        columns = axes.extents[axes.column].guess()
        padded = -(-columns // lanes) * lanes / columns
        efficiency = grid.efficiency()
        rates = machine(target)
        peak = 2.0 * rates.fmas * lanes * rates.clock
        work = roles.flops * padded / (peak * rates.share * efficiency)
        work += stage_seconds(roles.epilogue, target, lanes)
        size = element_bits(roles.b.buffer.element) // 8 * roles.group
        outer = guess_product(axes.extents[axis] for axis in axes.outer)
        rows, depth = roles.rows_total().guess(), roles.depth().guess()
        panels = outer * columns * depth * size
        rest = outer * (rows * columns + rows * min(depth, 1024)) * size
        memory = rates.cold(panels) + rates.stream(rest, target)
        assert vectors
        return max(work, memory) + rates.start

    def layouts(self, kernel: Any, target: Target, config: Config) -> dict[int, PackLayout]:
        """B in panels."""
        assert isinstance(config, ContractionConfig)
        roles = self._roles(kernel, target, config, before_packing=True)
        if roles.packed or not config.pack:
            return {}
        layout = column_layout(roles, roles.panel)
        # The layout of a tensor whose sizes are known at run time cannot be written as a type.
        if any(size.static is None for size in roles.b.buffer.shape):
            layout = None
        return {} if layout is None else {roles.b.buffer.number: layout}

    def packs_itself(self, kernel: Any, target: Target, config: Config) -> bool:
        """Panels that fit the scratch are copied there, each when it is used."""
        assert isinstance(config, ContractionConfig)
        roles = self._roles(kernel, target, config, before_packing=True)
        elements = roles.panel_elements()
        return not roles.strided or (elements is not None and elements <= STAGE_LIMIT)

    def lower(self, module: Any, func: Any, target: Target, config: Config) -> None:
        """Raises NoMatch."""
        assert isinstance(config, ContractionConfig)
        roles = self._roles(func, target, config)
        grid = self._grid(roles, target, config)
        e = KernelEmitter(roles.nest, target)
        grid.emit(e)
        grain = max(1, round(TILE_FLOPS / max(grid.tile_flops(), 1.0)))
        replace_function(module, func, e.finish(grid.tiles, grain))

    def _grid(self, roles: Roles, target: Target, config: ContractionConfig) -> Grid:
        return WideningGrid(roles, target, config)

    def _roles(
        self, kernel: Any, target: Target, config: ContractionConfig, before_packing: bool = False
    ) -> Roles:
        def panel_for(columns: Size, element: str) -> int:
            lanes = target.lanes(max(32, element_bits(element)))
            return (config.nv or vectors_for(columns, target, lanes)) * lanes

        roles = find_roles(kernel, panel_for, before_packing)
        element = roles.root.inits[0].element
        if element not in _ELEMENTS:
            raise NoMatch(f"a contraction of {element}")
        elements = {roles.a.buffer.element, roles.b.buffer.element}
        if not elements <= {element, *(_NARROW if element == "f32" else ())}:
            raise NoMatch("a contraction of mixed types")
        lanes = _lanes(roles, target)
        if roles.panel % lanes:
            raise NoMatch("the panels of the second operand do not fit this target's vectors")
        return roles


def _lanes(roles: Roles, target: Target) -> int:
    bits = element_bits(roles.root.inits[0].element)
    return min(target.lanes(max(32, bits)), roles.panel)


SCHEDULE = Contraction()
