"""Matching, costs, lowering."""

from __future__ import annotations

from typing import Any

from aicc.passes.schedules.cpu.attention.roles import find_attention
from aicc.passes.schedules.cpu.emit_kernel import replace
from aicc.passes.schedules.cpu.pointwise.eval import NotVector
from aicc.passes.schedules.cpu.sizes import guess_product
from aicc.passes.schedules.cuda.attention.launch import emit_attention
from aicc.passes.schedules.cuda.attention.plan import ROWS, keys_for
from aicc.passes.schedules.cuda.costs import FLOPS, LAUNCH, TENSOR_FLOPS
from aicc.passes.schedules.cuda.emitter import GpuEmitter
from aicc.passes.schedules.schedule import Config, NoMatch, Schedule
from aicc.target import Target

_SHARE = 0.3
"""Of the peak: exponentials and masks take their time, too."""


class FusedAttention(Schedule):
    """See the package."""

    name = "attention"

    def check(self, kernel: Any, target: Target) -> None:
        """Raises NoMatch."""
        keys_for(find_attention(kernel), target)

    def cost(self, kernel: Any, target: Target, config: Config) -> float:
        """Multiply-adds of the products."""
        roles = find_attention(kernel)
        outer = guess_product(roles.extents[d] for d in roles.outer)
        rows = guess_product(roles.extents[d] for d in roles.rows)
        keys = roles.extents[roles.key].guess()
        blocks = -(-rows // ROWS) * ROWS
        work = 2.0 * outer * blocks * keys * (roles.static(roles.depth) + roles.static(roles.column))
        peak = FLOPS if roles.q.buffer.element == "f32" else TENSOR_FLOPS
        return work / (peak * _SHARE) + LAUNCH

    def lower(self, module: Any, func: Any, target: Target, config: Config) -> None:
        """Raises NoMatch."""
        roles = find_attention(func)
        keys = keys_for(roles, target)
        e = GpuEmitter(roles.nest)
        try:
            emit_attention(e, roles, keys)
        except NotVector:
            raise NoMatch("scores have no scalar form") from None
        replace(module, func, e.function())


SCHEDULE = FusedAttention()
