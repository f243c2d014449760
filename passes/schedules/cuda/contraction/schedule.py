"""Matching, costs, lowering."""

from __future__ import annotations

from math import ceil
from typing import Any

from aicc.passes.schedules.cpu.access import touched_bytes
from aicc.passes.schedules.cpu.emit import element_bits
from aicc.passes.schedules.cpu.emit_kernel import replace
from aicc.passes.schedules.cpu.pointwise.eval import NotVector
from aicc.passes.schedules.cuda.contraction.launch import emit_contraction
from aicc.passes.schedules.cuda.contraction.plan import ContractionConfig, plan_for
from aicc.passes.schedules.cuda.contraction.roles import find_roles, layout_by_sums
from aicc.passes.schedules.cuda.costs import BANDWIDTH, FLOPS, LAUNCH, TENSOR_FLOPS
from aicc.passes.schedules.cuda.emitter import GpuEmitter
from aicc.passes.schedules.schedule import Config, NoMatch, PackLayout, Schedule
from aicc.target import Target

_SHARE = 0.6
"""Of the peak that tiles reach."""


class Contraction(Schedule):
    """See the package."""

    name = "contraction"
    config_type = ContractionConfig

    def check(self, kernel: Any, target: Target) -> None:
        """Raises NoMatch."""
        roles = find_roles(kernel)
        if roles.left.element != "f32" and not plan_for(roles, target, ContractionConfig()).tensor:
            raise NoMatch(f"products of {roles.left.element} without tensor cores")

    def configs(self, kernel: Any, target: Target) -> list[Config]:
        """The recommended tile, then the others."""
        sizes = ((128, 128), (128, 64), (64, 64), (32, 64))
        return [ContractionConfig(), *(ContractionConfig(rows, columns) for rows, columns in sizes)]

    def cost(self, kernel: Any, target: Target, config: Config) -> float:
        """Multiply-adds of whole tiles on all multiprocessors, or the bytes."""
        assert isinstance(config, ContractionConfig)
        roles = find_roles(kernel)
        plan = plan_for(roles, target, config)
        rows, columns = roles.guess(roles.rows), roles.guess(roles.columns)
        tiles = ceil(rows / plan.rows) * ceil(columns / plan.columns) * roles.guess(roles.batch)
        waves = ceil(tiles / target.cores)
        depth = ceil(roles.guess(roles.sums) / plan.depth) * plan.depth
        # A line holds as many bytes of any type, and products of a line take as long.
        peak = TENSOR_FLOPS * 16 / element_bits(roles.left.element) if plan.tensor else FLOPS
        rate = peak * _SHARE / target.cores
        work = 2.0 * plan.rows * plan.columns * depth * waves / rate
        accesses = roles.arrangement.layout.accesses.values()
        moved = touched_bytes(accesses, roles.arrangement.layout.extents)
        return max(work, moved / BANDWIDTH) + LAUNCH

    def layouts(self, kernel: Any, target: Target, config: Config) -> dict[int, PackLayout]:
        """Weights of bytes along the sums, which tensor cores read."""
        roles = find_roles(kernel)
        layout = layout_by_sums(roles) if roles.left.element == "i8" else None
        return {} if layout is None else {roles.right.access.buffer.number: layout}

    def packs_itself(self, kernel: Any, target: Target, config: Config) -> bool:
        """Others are turned on their way to shared memory."""
        return True

    def lower(self, module: Any, func: Any, target: Target, config: Config) -> None:
        """Raises NoMatch."""
        assert isinstance(config, ContractionConfig)
        roles = find_roles(func)
        e = GpuEmitter(roles.arrangement.tree.nest)
        try:
            emit_contraction(e, roles, plan_for(roles, target, config))
        except NotVector:
            raise NoMatch("stages after the products have no vector form") from None
        replace(module, func, e.function())


SCHEDULE = Contraction()
