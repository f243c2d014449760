"""Matching, costs, lowering."""

from __future__ import annotations

from dataclasses import replace as changed
from typing import Any

from aicc.passes.schedules.cpu.attention.roles import Attention, find_attention
from aicc.passes.schedules.cpu.emit_kernel import replace
from aicc.passes.schedules.cpu.pointwise.eval import NotVector
from aicc.passes.schedules.cuda.contraction.plan import TENSOR_TYPES
from aicc.passes.schedules.cuda.emitter import GpuEmitter
from aicc.passes.schedules.cuda.warpgroup_attention.launch import emit_warpgroup_attention
from aicc.passes.schedules.cuda.warpgroup_attention.plan import (
    WarpgroupAttentionConfig,
    group_counts,
    plan_for,
    seconds,
)
from aicc.passes.schedules.cuda.warpgroup_attention.tiles import axes_of
from aicc.passes.schedules.schedule import Config, NoMatch, Schedule
from aicc.target import Target

_FEW = 32
"""Rows that are not worth a tile of 64."""


class WarpgroupAttention(Schedule):
    """See the package."""

    name = "warpgroup_attention"
    config_type = WarpgroupAttentionConfig

    def check(self, kernel: Any, target: Target) -> None:
        """Raises NoMatch."""
        plan_for(_roles(kernel, target), target, WarpgroupAttentionConfig())

    def configs(self, kernel: Any, target: Target) -> list[Config]:
        """The recommended number of warpgroups, then all."""
        counts = group_counts(_roles(kernel, target))
        return [WarpgroupAttentionConfig(), *(WarpgroupAttentionConfig(groups) for groups in counts)]

    def cost(self, kernel: Any, target: Target, config: Config) -> float:
        """Of the blocks' products."""
        assert isinstance(config, WarpgroupAttentionConfig)
        roles = _roles(kernel, target)
        return seconds(roles, plan_for(roles, target, config), target)

    def lower(self, module: Any, func: Any, target: Target, config: Config) -> None:
        """Raises NoMatch."""
        assert isinstance(config, WarpgroupAttentionConfig)
        found = find_attention(func)
        roles = by_position(found)
        _check(roles, target)
        e = GpuEmitter(roles.nest)
        try:
            emit_warpgroup_attention(e, roles, plan_for(roles, target, config), found, target)
        except NotVector:
            raise NoMatch("scores have no scalar form") from None
        replace(module, func, e.function())


def _roles(kernel: Any, target: Target) -> Attention:
    roles = by_position(find_attention(kernel))
    _check(roles, target)
    return roles


def by_position(roles: Attention) -> Attention:
    """With one dimension of rows, that of positions: heads that share keys have blocks of their own."""
    if not roles.rows:
        raise NoMatch("one row")

    def length(dim: int) -> tuple[bool, int]:
        static = roles.extents[dim].static
        return static is None, static or 0

    position = max(roles.rows, key=length)
    others = tuple(dim for dim in roles.rows if dim != position)
    return changed(roles, outer=(*roles.outer, *others), rows=(position,))


def _check(roles: Attention, target: Target) -> None:
    if target.cpu != "sm_90a":
        raise NoMatch("no products of warpgroups")
    elements = {access.buffer.element for access in (roles.q, roles.k, roles.v)}
    if len(elements) != 1 or not elements <= set(TENSOR_TYPES) - {"i8"}:
        raise NoMatch(f"attention of {', '.join(sorted(elements))}")
    static = roles.extents[roles.rows[0]].static
    if static is not None and static <= _FEW:
        raise NoMatch("few rows")
    axes_of(roles, roles.q, roles.depth, roles.rows[0])
    axes_of(roles, roles.k, roles.depth, roles.key)
    axes_of(roles, roles.v, roles.column, roles.key)


SCHEDULE = WarpgroupAttention()
