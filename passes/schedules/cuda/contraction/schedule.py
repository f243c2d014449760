"""Matching, costs, lowering."""

from __future__ import annotations

from typing import Any

from aicc.passes.schedules.cpu.access import touched_bytes
from aicc.passes.schedules.cpu.emit_kernel import replace
from aicc.passes.schedules.cpu.pointwise.eval import NotVector
from aicc.passes.schedules.cuda.contraction.launch import emit_contraction
from aicc.passes.schedules.cuda.contraction.plan import ContractionConfig, plan_for, seconds
from aicc.passes.schedules.cuda.contraction.roles import find_roles, layout_by_sums
from aicc.passes.schedules.cuda.costs import LAUNCH, rates
from aicc.passes.schedules.cuda.emitter import GpuEmitter
from aicc.passes.schedules.schedule import Config, NoMatch, PackLayout, Schedule
from aicc.target import Target


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
        """The recommended plan, then other tiles, whole and in parts."""
        sizes = ((128, 128), (128, 64), (64, 64), (32, 64))
        others = [ContractionConfig(*size, parts=parts) for size in sizes for parts in (1, 4)]
        return [ContractionConfig(), *others]

    def cost(self, kernel: Any, target: Target, config: Config) -> float:
        """Multiply-adds of whole tiles on all multiprocessors, or the bytes."""
        assert isinstance(config, ContractionConfig)
        roles = find_roles(kernel)
        accesses = roles.arrangement.layout.accesses.values()
        moved = touched_bytes(accesses, roles.arrangement.layout.extents)
        work = seconds(roles, plan_for(roles, target, config), target)
        return max(work, moved / rates(target).bandwidth) + LAUNCH

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
