"""Matching, costs, lowering."""

from __future__ import annotations

from typing import Any

from aicc.passes.schedules.cpu.access import touched_bytes
from aicc.passes.schedules.cpu.emit_kernel import replace
from aicc.passes.schedules.cpu.pointwise.eval import NotVector
from aicc.passes.schedules.cuda.contraction.plan import HALVES
from aicc.passes.schedules.cuda.contraction.roles import Roles, find_roles
from aicc.passes.schedules.cuda.costs import BANDWIDTH, LAUNCH
from aicc.passes.schedules.cuda.emitter import GpuEmitter
from aicc.passes.schedules.cuda.warpgroup.boxes import dims_of
from aicc.passes.schedules.cuda.warpgroup.launch import emit_warpgroup
from aicc.passes.schedules.cuda.warpgroup.plan import TILES, WarpgroupConfig, plan_for, seconds
from aicc.passes.schedules.schedule import Config, NoMatch, Schedule
from aicc.target import Target

_FEW = 32
"""Rows or columns that are not worth a tile of 64."""


class Warpgroup(Schedule):
    """See the package."""

    name = "warpgroup"
    config_type = WarpgroupConfig

    def check(self, kernel: Any, target: Target) -> None:
        """Raises NoMatch."""
        _roles(kernel, target)

    def configs(self, kernel: Any, target: Target) -> list[Config]:
        """The recommended tile, then the others."""
        return [WarpgroupConfig(), *(WarpgroupConfig(*tile) for tile in TILES)]

    def cost(self, kernel: Any, target: Target, config: Config) -> float:
        """Multiply-adds of whole tiles on all multiprocessors, or the bytes."""
        assert isinstance(config, WarpgroupConfig)
        roles = _roles(kernel, target)
        accesses = roles.arrangement.layout.accesses.values()
        moved = touched_bytes(accesses, roles.arrangement.layout.extents) / BANDWIDTH
        return max(seconds(roles, plan_for(roles, target, config), target), moved) + LAUNCH

    def lower(self, module: Any, func: Any, target: Target, config: Config) -> None:
        """Raises NoMatch."""
        assert isinstance(config, WarpgroupConfig)
        roles = _roles(func, target)
        e = GpuEmitter(roles.arrangement.tree.nest)
        try:
            emit_warpgroup(e, roles, plan_for(roles, target, config), target)
        except NotVector:
            raise NoMatch("stages after the products have no vector form") from None
        replace(module, func, e.function())


def _roles(kernel: Any, target: Target) -> Roles:
    if target.cpu != "sm_90a":
        raise NoMatch("no products of warpgroups")
    roles = find_roles(kernel)
    if roles.left.element not in HALVES:
        raise NoMatch(f"products of {roles.left.element}")
    if len(roles.columns) != 1 or not roles.rows:
        raise NoMatch("several axes of columns, or none of rows")
    if not all(size.static for size in roles.extent(roles.sums)):
        raise NoMatch("a number of sums that only the run knows")
    for side in (roles.left, roles.right):
        if side.vector != 8:
            raise NoMatch("an operand whose rows are no multiples of 16 bytes apart")
        dims_of(roles, side, {})
    if roles.guess(roles.rows) <= _FEW or roles.guess(roles.columns) <= _FEW:
        raise NoMatch("few rows or columns")
    return roles


SCHEDULE = Warpgroup()
