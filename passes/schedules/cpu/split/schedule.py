"""The split schedule: contractions and convolutions of f32 on tile registers that multiply bf16 (Intel AMX).

before: a root `linalg.generic` `out += a * b` of f32, and elementwise stages that read its result
after:  both operands split into three terms of bf16 (`terms`), rows of A once for a block, a panel of B for each;
        six products of terms summed in f32 in tile registers; the stages computed on the sums, one store

As accurate as a sum of products in f32: what is left out is smaller than the rounding of a product. B is packed as for
`contraction`, and weights are stored once, as f32.
"""

from __future__ import annotations

from typing import Any

from aicc.knobs import knobs
from aicc.passes.schedules.cpu.amx.instructions import ROWS, SIDE
from aicc.passes.schedules.cpu.contraction.plan import TILE_FLOPS
from aicc.passes.schedules.cpu.contraction.roles import Roles, column_layout, find_roles
from aicc.passes.schedules.cpu.emit_kernel import KernelEmitter
from aicc.passes.schedules.cpu.emit_kernel import replace as replace_function
from aicc.passes.schedules.cpu.op_costs import stage_seconds
from aicc.passes.schedules.cpu.sizes import Size, guess_product
from aicc.passes.schedules.cpu.split.grid import SplitGrid
from aicc.passes.schedules.cpu.split.plan import Plan, SplitConfig
from aicc.passes.schedules.machine import machine
from aicc.passes.schedules.schedule import Config, NoMatch, PackLayout, Schedule
from aicc.target import Target

_NEEDS = frozenset({"amx-tile", "amx-bf16"})
# Cycles in which the sums of a row and 16 columns are stored, checked and loaded again.
_MOVE = 6.0
# The part of reading B from memory that splitting it waits for: a step is read in a burst.
_WAIT = 0.8
# Seconds to give registers their shapes and to give them back.
_CONFIGURE = 2.5e-7


class Split(Schedule):
    """See the module."""

    name = "split"
    config_type = SplitConfig

    def check(self, kernel: Any, target: Target) -> None:
        """Raises NoMatch."""
        if not knobs.tile_f32:
            raise NoMatch("AICC_TILE_F32 is off")
        roles = self._roles(kernel, target, SplitConfig(), before_packing=True)
        if roles.strided and self._layout(roles) is None:
            raise NoMatch("the second operand is neither contiguous along the columns nor can it be packed")

    def configs(self, kernel: Any, target: Target) -> list[Config]:
        """The recommended one, then other blocks and parts."""
        base = SplitConfig()
        plan = Plan(self._roles(kernel, target, base, before_packing=True), target, base)
        found = [base, SplitConfig(block=64), SplitConfig(block=256)]
        if plan.steps > 8:
            found += [SplitConfig(depth=256), SplitConfig(depth=512)]
        return list(found)

    def cost(self, kernel: Any, target: Target, config: Config) -> float:
        """Products of tiles at their rate and what they do not hide of splitting and of reading B, or the bytes of A, B
        and the output."""
        assert isinstance(config, SplitConfig)
        roles = self._roles(kernel, target, config, before_packing=True)
        plan, rates, axes = Plan(roles, target, config), machine(target), roles.axes
        outer = guess_product(axes.extents[axis] for axis in axes.outer)
        rows, depth = roles.rows_total().guess(), roles.depth().guess()
        columns = axes.extents[axes.column].guess()
        work = outer * plan.cycles() / (rates.clock * rates.split_share)
        work += outer * rows * -(-columns // ROWS) * _MOVE / rates.clock
        work += stage_seconds(roles.epilogue, target, ROWS)
        panels = rates.cold(4 * outer * columns * depth)
        rest = rates.stream(4 * outer * (rows * columns + rows * min(depth, 1024)), target)
        return max(work + _WAIT * panels, panels + rest) + rates.start + _CONFIGURE

    def layouts(self, kernel: Any, target: Target, config: Config) -> dict[int, PackLayout]:
        """B in panels."""
        assert isinstance(config, SplitConfig)
        roles = self._roles(kernel, target, config, before_packing=True)
        layout = None if roles.packed else self._layout(roles)
        return {} if layout is None else {roles.b.buffer.number: layout}

    def packs_itself(self, kernel: Any, target: Target, config: Config) -> bool:
        """Terms are made of B as it lies, when its columns are contiguous."""
        assert isinstance(config, SplitConfig)
        return not self._roles(kernel, target, config, before_packing=True).strided

    def lower(self, module: Any, func: Any, target: Target, config: Config) -> None:
        """Raises NoMatch."""
        assert isinstance(config, SplitConfig)
        roles = self._roles(func, target, config)
        if roles.strided:
            raise NoMatch("the second operand is neither packed nor contiguous along the columns")
        grid = SplitGrid(Plan(roles, target, config))
        e = KernelEmitter(roles.nest, target)
        grid.emit(e)
        grain = max(1, round(TILE_FLOPS / max(grid.tile_flops(), 1.0)))
        replace_function(module, func, e.finish(grid.tiles, grain))

    def _layout(self, roles: Roles) -> PackLayout | None:
        """How B is to be packed; None where it cannot be."""
        if any(size.static is None for size in roles.b.buffer.shape):
            return None
        return column_layout(roles, roles.panel)

    def _roles(self, kernel: Any, target: Target, config: SplitConfig, before_packing: bool = False) -> Roles:
        if not target.features >= _NEEDS or target.vector_bits != 512:
            raise NoMatch("the target has no tile registers for bf16")

        def panel_for(columns: Size, element: str) -> int:
            few = columns.static is not None and columns.static <= ROWS
            return (config.nv or (1 if few else SIDE)) * ROWS

        roles = find_roles(kernel, panel_for, before_packing)
        axes = roles.axes
        elements = {roles.a.buffer.element, roles.b.buffer.element, roles.root.inits[0].element}
        if elements != {"f32"}:
            raise NoMatch("a contraction of other elements than f32")
        if roles.panel not in (ROWS, SIDE * ROWS):
            raise NoMatch("the panels of the second operand do not fit two tiles")
        if not axes.rows:
            raise NoMatch("a product of one row")
        if not axes.sums or any(axes.extents[axis].static is None for axis in axes.sums):
            raise NoMatch("no sum of a known length")
        if roles.a.coefs[axes.sums[-1]].static != 1:
            raise NoMatch("the first operand is not contiguous along a sum")
        return roles


SCHEDULE = Split()
