"""Matching, costs, lowering."""

from __future__ import annotations

from typing import Any

from aicc.passes.schedules.cpu.access import touched_bytes
from aicc.passes.schedules.cpu.emit import element_bits
from aicc.passes.schedules.cpu.emit_kernel import replace
from aicc.passes.schedules.cpu.pointwise.eval import NotVector
from aicc.passes.schedules.cuda.contraction.plan import TENSOR_TYPES
from aicc.passes.schedules.cuda.contraction.roles import Roles, Side, find_roles, layout_by_sums
from aicc.passes.schedules.cuda.costs import LAUNCH, rates
from aicc.passes.schedules.cuda.emitter import ACCESS_BITS, GpuEmitter
from aicc.passes.schedules.cuda.warpgroup.boxes import MOST_DIMS, boxes_of, dims_of, operand_of
from aicc.passes.schedules.cuda.warpgroup.launch import emit_warpgroup
from aicc.passes.schedules.cuda.warpgroup.plan import TILES, Plan, WarpgroupConfig, plan_for, seconds
from aicc.passes.schedules.schedule import Config, NoMatch, PackLayout, Schedule
from aicc.target import Target

_FEW = 32
"""Rows or columns that are not worth a tile of 64."""


class Warpgroup(Schedule):
    """See the package."""

    name = "warpgroup"
    config_type = WarpgroupConfig

    def check(self, kernel: Any, target: Target) -> None:
        """Raises NoMatch."""
        roles = _roles(kernel, target)
        _check_boxes(roles, plan_for(roles, target, WarpgroupConfig()))

    def configs(self, kernel: Any, target: Target) -> list[Config]:
        """The recommended tile, then the others."""
        return [WarpgroupConfig(), *(WarpgroupConfig(*tile) for tile in TILES)]

    def cost(self, kernel: Any, target: Target, config: Config) -> float:
        """Multiply-adds of whole tiles on all multiprocessors, or the bytes."""
        assert isinstance(config, WarpgroupConfig)
        roles = _roles(kernel, target)
        accesses = roles.arrangement.layout.accesses.values()
        bandwidth = rates(target).bandwidth
        moved = touched_bytes(accesses, roles.arrangement.layout.extents) / bandwidth
        turned = 0.0
        if _is_activation(roles) and layout_by_sums(roles) is not None:
            right = [roles.right.access]
            turned = 2.0 * touched_bytes(right, roles.arrangement.layout.extents) / bandwidth + LAUNCH
        return max(seconds(roles, plan_for(roles, target, config), target), moved) + turned + LAUNCH

    def layouts(self, kernel: Any, target: Target, config: Config) -> dict[int, PackLayout]:
        """Bytes along the sums: there are no products of others."""
        roles = _roles(kernel, target)
        layout = layout_by_sums(roles) if roles.left.element == "i8" else None
        return {} if layout is None else {roles.right.access.buffer.number: layout}

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
    roles = find_roles(kernel, windows=False)
    if roles.left.element not in TENSOR_TYPES:
        raise NoMatch(f"products of {roles.left.element}")
    if len(roles.columns) != 1 or not roles.rows:
        raise NoMatch("several axes of columns, or none of rows")
    if not all(size.static for size in roles.extent(roles.sums)):
        raise NoMatch("a number of sums that only the run knows")
    for side in (roles.left, roles.right):
        _check_steps(roles, side)
    if roles.guess(roles.rows) <= _FEW or roles.guess(roles.columns) <= _FEW:
        raise NoMatch("few rows or columns")
    return roles


def _check_steps(roles: Roles, side: Side) -> None:
    """What copies and products want of an operand in memory; of bytes after it has the layout they want. Raises
    NoMatch."""
    if side.element == "i8" and side.along != "sums":
        shared = roles.left.access.buffer is roles.right.access.buffer
        if side is roles.left or shared or layout_by_sums(roles) is None:
            raise NoMatch("bytes that are not contiguous along the sums")
    elif side.vector != ACCESS_BITS // element_bits(side.element):
        raise NoMatch("an operand whose rows are no multiples of 16 bytes apart")


def _check_boxes(roles: Roles, plan: Plan) -> None:
    """Whether copies have enough dims. Raises NoMatch."""
    columns = plan.columns // plan.cluster
    for side, patch in ((roles.left, plan.patch), (roles.right, (columns,))):
        if side.element != "i8" or side.along == "sums":
            dims_of(roles, side, boxes_of(side, operand_of(side, plan.rows), patch))
        elif (
            len([axis for axis in (*side.sums, *side.free, *roles.batch) if side.access.moves(axis)])
            > MOST_DIMS
        ):
            raise NoMatch("a tensor of too many dims")


def _is_activation(roles: Roles) -> bool:
    """Whether the right operand is surely no weight: it differs between batches."""
    return any(roles.right.access.moves(axis) for axis in roles.batch)


SCHEDULE = Warpgroup()
