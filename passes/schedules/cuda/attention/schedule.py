"""Matching, costs, lowering."""

from __future__ import annotations

from typing import Any

from aicc.passes.schedules.cpu.attention.roles import Attention, find_attention
from aicc.passes.schedules.cpu.emit_kernel import replace
from aicc.passes.schedules.cpu.pointwise.eval import NotVector
from aicc.passes.schedules.cpu.sizes import guess_product
from aicc.passes.schedules.cuda.attention.launch import ROWS, emit_attention
from aicc.passes.schedules.cuda.costs import LAUNCH, TENSOR_FLOPS
from aicc.passes.schedules.cuda.emitter import GpuEmitter
from aicc.passes.schedules.schedule import Config, NoMatch, Schedule
from aicc.target import Target

_SHARE = 0.3
"""Of the tensor cores' peak: exponentials and masks take their time, too."""


class FusedAttention(Schedule):
    """See the package."""

    name = "attention"

    def check(self, kernel: Any, target: Target) -> None:
        """Raises NoMatch."""
        _roles(kernel, target)

    def cost(self, kernel: Any, target: Target, config: Config) -> float:
        """Multiply-adds of the products."""
        roles = _roles(kernel, target)
        outer = guess_product(roles.extents[d] for d in roles.outer)
        rows = guess_product(roles.extents[d] for d in roles.rows)
        keys = roles.extents[roles.key].guess()
        blocks = -(-rows // ROWS) * ROWS
        work = 2.0 * outer * blocks * keys * (roles.static(roles.depth) + roles.static(roles.column))
        return work / (TENSOR_FLOPS * _SHARE) + LAUNCH

    def lower(self, module: Any, func: Any, target: Target, config: Config) -> None:
        """Raises NoMatch."""
        roles = _roles(func, target)
        e = GpuEmitter(roles.nest)
        try:
            emit_attention(e, roles)
        except NotVector:
            raise NoMatch("scores have no scalar form") from None
        replace(module, func, e.function())


def _roles(kernel: Any, target: Target) -> Attention:
    if target.compute_capability < 80:
        raise NoMatch("no tensor cores")
    roles = find_attention(kernel)
    element = roles.q.buffer.element
    if element not in ("f16", "bf16") or {roles.k.buffer.element, roles.v.buffer.element} != {element}:
        raise NoMatch(f"attention of {element}")
    for dim in (roles.depth, roles.column):
        if roles.static(dim) % 16 or roles.static(dim) > 128:
            raise NoMatch("heads of a size that is no multiple of 16, or above 128")
    return roles


SCHEDULE = FusedAttention()
