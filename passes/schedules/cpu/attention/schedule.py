"""The attention schedule: both products and the softmax between them, in one pass over the keys.

before: generics `q * k`, scale and mask, softmax along the keys, `p * v` (`roles`)
after:  for each tile (a head of k and v, a block of rows): keys and values are packed; for register tiles of
        rows the scores of a block of keys, in L1, become weights and then sums of values in registers

Scores never reach memory beyond the L1 cache; keys that positions rule out are skipped.
"""

from __future__ import annotations

from typing import Any

from aicc.passes.schedules.cpu.attention.grid import Grid
from aicc.passes.schedules.cpu.attention.plan import (
    AttentionConfig,
    Plan,
    flops_of,
    make_plan,
    plan_of_few,
    seconds,
)
from aicc.passes.schedules.cpu.attention.roles import Attention, find_attention
from aicc.passes.schedules.cpu.contraction.plan import TILE_FLOPS
from aicc.passes.schedules.cpu.emit_kernel import KernelEmitter
from aicc.passes.schedules.cpu.emit_kernel import replace as replace_function
from aicc.passes.schedules.schedule import Config, Schedule
from aicc.target import Target


class FusedAttention(Schedule):
    """See the module."""

    name = "attention"
    config_type = AttentionConfig

    def check(self, kernel: Any, target: Target) -> None:
        """Raises NoMatch."""
        self._plan(kernel, target, AttentionConfig())

    def configs(self, kernel: Any, target: Target) -> list[Config]:
        """The recommended sizes, then other blocks of keys and register tiles."""
        _, plan = self._plan(kernel, target, AttentionConfig())
        other = [AttentionConfig(keys=plan.panel * n) for n in (4, 8, 16) if plan.panel * n != plan.keys]
        return [AttentionConfig(), AttentionConfig(mr=max(1, plan.rows * 2 // 3)), *other]

    def cost(self, kernel: Any, target: Target, config: Config) -> float:
        """Multiply-adds of the products, and the exponentials."""
        assert isinstance(config, AttentionConfig)
        return seconds(*self._plan(kernel, target, config))

    def lower(self, module: Any, func: Any, target: Target, config: Config) -> None:
        """Raises NoMatch."""
        assert isinstance(config, AttentionConfig)
        roles, plan = self._plan(func, target, config)
        e = KernelEmitter(roles.nest, target)
        grid = Grid(e, roles, plan)
        few = plan_of_few(roles, plan)
        if few is None:
            grid.emit()
        else:
            grid.emit_or(Grid(e, roles, few), few.rows)
        counter = KernelEmitter(roles.nest)
        count = grid.tiles(counter)
        tiles = max(1, count if isinstance(count, int) else 1)
        grain = max(1, round(TILE_FLOPS / max(flops_of(roles) / tiles, 1.0))) if isinstance(count, int) else 1
        replace_function(module, func, e.finish(grid.tiles, grain))

    def _plan(self, kernel: Any, target: Target, config: AttentionConfig) -> tuple[Attention, Plan]:
        roles = find_attention(kernel)
        return roles, make_plan(roles, target, config)


SCHEDULE = FusedAttention()
