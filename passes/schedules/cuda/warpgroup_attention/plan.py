"""How many rows and keys a block takes at once, and what fits where."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil

from aicc.passes.schedules.cpu.attention.roles import Attention
from aicc.passes.schedules.cpu.sizes import guess_product
from aicc.passes.schedules.cuda.asynchronous import GROUP
from aicc.passes.schedules.cuda.costs import LAUNCH
from aicc.passes.schedules.cuda.warpgroup_attention.products import ROWS
from aicc.passes.schedules.cuda.warpgroup_attention.tiles import Layout
from aicc.passes.schedules.schedule import Config, NoMatch
from aicc.target import Target

REGISTERS = {2: (40, 232), 3: (32, 160)}
"""Of a thread of the copying warpgroup, and of so many others, once these have some of its own."""

_MOST = 256
"""Elements of a head."""
_MANY = 128
"""Elements of a head from which on the sums leave registers for 64 scores only."""
_FEW = 64
"""Elements of a head up to which three warpgroups have registers enough."""
_MOST_STAGES = 4
_BARRIERS = 1024
"""Bytes for barriers, and for tiles to lie at a multiple of 1024."""
_PEAK = 9.9e14
"""Operations per second of the tensor cores in 16-bit: of an H100 SXM."""
_SHARES = {1: 0.3, 2: 0.55, 3: 0.55}
"""Of the peak, by warpgroups: each is idle while it has a softmax to compute, unless another multiplies."""
_FIRST = 2.0e-6
"""Seconds of a block until the first keys are there, and to give the results away."""


@dataclass(frozen=True)
class WarpgroupAttentionConfig(Config):
    """`groups`: warpgroups of a block, each with 64 rows; 0: chosen from the sizes."""

    groups: int = 0


@dataclass(frozen=True)
class Plan:
    """A block has 64 rows for each of its `groups`, and takes `keys` at once, from a ring of `stages` of them."""

    groups: int
    keys: int
    stages: int

    @property
    def rows(self) -> int:
        """Of a block."""
        return ROWS * self.groups

    @property
    def threads(self) -> int:
        """Of a block."""
        return GROUP * (1 + self.groups)


def group_counts(roles: Attention) -> tuple[int, ...]:
    """Warpgroups that a block may have."""
    return (1, 2, 3) if _widest(roles) <= _FEW else (1, 2)


def plan_for(roles: Attention, target: Target, config: WarpgroupAttentionConfig) -> Plan:
    """The fastest number of warpgroups, or the one asked for. Raises NoMatch."""
    if any(roles.static(dim) % 16 or roles.static(dim) > _MOST for dim in (roles.depth, roles.column)):
        raise NoMatch(f"heads of a size that is no multiple of 16, or above {_MOST}")
    plans = [_plan(roles, target, groups) for groups in group_counts(roles)]
    fitting = [plan for plan in plans if plan.stages >= 2 and config.groups in (0, plan.groups)]
    if not fitting:
        raise NoMatch("heads too large for shared memory")
    return min(fitting, key=lambda plan: seconds(roles, plan, target))


def _widest(roles: Attention) -> int:
    return max(roles.static(roles.depth), roles.static(roles.column))


def _plan(roles: Attention, target: Target, groups: int) -> Plan:
    keys = 64 if _widest(roles) > _MANY else 128
    one = Plan(groups, keys, 1)
    q, k, v = layouts(roles, one)
    return Plan(groups, keys, min(_MOST_STAGES, (target.l1 - _BARRIERS - q.bytes) // (k.bytes + v.bytes)))


def layouts(roles: Attention, plan: Plan) -> tuple[Layout, Layout, Layout]:
    """Tiles of q, k and v."""
    depth, columns = roles.static(roles.depth), roles.static(roles.column)
    return Layout(plan.rows, depth), Layout(plan.keys, depth), Layout(plan.keys, columns)


def seconds(roles: Attention, plan: Plan, target: Target) -> float:
    """Of all blocks, one at a time on each multiprocessor."""
    (row,) = roles.rows
    heads = guess_product(roles.extents[d] for d in roles.outer)
    blocks = heads * ceil(roles.extents[row].guess() / plan.rows)
    turns = ceil(roles.extents[roles.key].guess() / plan.keys)
    width = roles.static(roles.depth) + roles.static(roles.column)
    turn = 2.0 * plan.rows * plan.keys * width / (_PEAK * _SHARES[plan.groups] / target.cores)
    return ceil(blocks / target.cores) * (turns * turn + _FIRST) + LAUNCH
