"""Matching, costs, lowering."""

from __future__ import annotations

from typing import Any

from aicc.passes.schedules.cpu.attention.roles import find_attention
from aicc.passes.schedules.cpu.emit_kernel import replace
from aicc.passes.schedules.cpu.pointwise.eval import NotVector
from aicc.passes.schedules.cuda.attention.launch import emit_attention
from aicc.passes.schedules.cuda.attention.plan import AttentionConfig, parts_of, plan_for, seconds
from aicc.passes.schedules.cuda.emitter import GpuEmitter
from aicc.passes.schedules.schedule import Config, NoMatch, Schedule
from aicc.target import Target


class FusedAttention(Schedule):
    """See the package."""

    name = "attention"
    config_type = AttentionConfig

    def check(self, kernel: Any, target: Target) -> None:
        """Raises NoMatch."""
        plan_for(find_attention(kernel), target, AttentionConfig())

    def configs(self, kernel: Any, target: Target) -> list[Config]:
        """The recommended number of parts, then the others."""
        roles = find_attention(kernel)
        plan = plan_for(roles, target, AttentionConfig())
        return [
            AttentionConfig(),
            *(AttentionConfig(parts) for parts in parts_of(roles, plan.rows, plan.keys)),
        ]

    def cost(self, kernel: Any, target: Target, config: Config) -> float:
        """Turns of blocks, each its multiply-adds, its bytes, or the time it has to wait for these."""
        assert isinstance(config, AttentionConfig)
        roles = find_attention(kernel)
        return seconds(roles, plan_for(roles, target, config), target)

    def lower(self, module: Any, func: Any, target: Target, config: Config) -> None:
        """Raises NoMatch."""
        assert isinstance(config, AttentionConfig)
        roles = find_attention(func)
        plan = plan_for(roles, target, config)
        e = GpuEmitter(roles.nest)
        try:
            emit_attention(e, roles, plan)
        except NotVector:
            raise NoMatch("scores have no scalar form") from None
        replace(module, func, e.function())


SCHEDULE = FusedAttention()
