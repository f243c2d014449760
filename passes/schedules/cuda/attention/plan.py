"""How many rows and keys a block takes at once, into how many parts the keys are split, and what fits where."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil

from aicc.passes.schedules.cpu.attention.roles import Attention
from aicc.passes.schedules.cpu.emit import element_bits
from aicc.passes.schedules.cpu.sizes import guess_product
from aicc.passes.schedules.cuda.costs import LAUNCH, rates
from aicc.passes.schedules.cuda.emitter import WARP
from aicc.passes.schedules.schedule import Config, NoMatch
from aicc.target import Target

WARP_ROWS = 16
"""Of a warp."""

PAD = 4
"""Elements between rows of weights in shared memory, so that rows lie in different banks."""

PARTS = (1, 2, 4, 8, 16, 32, 64)

_ROWS = 64
"""Of a block, unless a head has few."""
_MOST = 256
"""Elements of a head."""
_MANY = 128
"""Elements of a head from which on the sums leave no registers for many scores."""
_AHEAD = 64
"""Registers of a thread that may hold keys and values of the next turn."""
_LONG = 4096
"""Keys to plan for when only the run knows how many there are."""
_LEAST_TURNS = 4
"""Of a part, when only the run knows how many keys there are."""
_SHARE = 0.3
"""Of the peak: exponentials and masks take their time, too."""
_TURN = 1.0e-6
"""Seconds from asking for keys to having their weights, however few they are."""
_REGISTERS = 65536 // 255
"""Threads of a multiprocessor that may use as many registers as there are."""


@dataclass(frozen=True)
class AttentionConfig(Config):
    """`parts` of the keys, each computed by blocks of its own; 0: chosen from the sizes."""

    parts: int = 0


@dataclass(frozen=True)
class Plan:
    """A block has `rows` of a head, and takes `keys` at once; `parts`: of all keys, at most."""

    rows: int
    keys: int
    parts: int

    @property
    def threads(self) -> int:
        """Of a block."""
        return self.rows // WARP_ROWS * WARP


def plan_for(roles: Attention, target: Target, config: AttentionConfig) -> Plan:
    """The fastest number of parts, or the one asked for. Raises NoMatch."""
    rows, keys = _block(roles, target)
    if config.parts:
        return Plan(rows, keys, config.parts)
    plans = [Plan(rows, keys, parts) for parts in parts_of(roles, rows, keys)]
    return min(plans, key=lambda plan: seconds(roles, plan, target))


def parts_of(roles: Attention, rows: int, keys: int) -> tuple[int, ...]:
    """Numbers of parts worth a thought for blocks of so many rows and keys: none without a turn.

    Where neither rows nor keys are known the model is no step of decoding, and its sequences may be short. Many rows
    of wide heads leave no registers for what parts need."""
    if roles.extents[roles.key].static is None and any(roles.extents[d].static is None for d in roles.rows):
        return (1,)
    if rows == _ROWS and _is_wide(roles):
        return (1,)
    return tuple(parts for parts in PARTS if parts == 1 or parts * keys <= _guess_keys(roles))


def _guess_keys(roles: Attention) -> int:
    static = roles.extents[roles.key].static
    return _LONG if static is None else static


def fewest_keys(plan: Plan) -> int:
    """Of a part, when only the run knows how many there are."""
    return _LEAST_TURNS * plan.keys


def _block(roles: Attention, target: Target) -> tuple[int, int]:
    """Rows, few when a head has no more, and the most keys that fit. Raises NoMatch."""
    element = roles.q.buffer.element
    if {roles.k.buffer.element, roles.v.buffer.element} != {element} or element not in ("f32", "f16", "bf16"):
        raise NoMatch(f"attention of {element}")
    if element != "f32" and target.compute_capability < 80:
        raise NoMatch("no tensor cores")
    for dim in (roles.depth, roles.column):
        if roles.static(dim) % 16 or roles.static(dim) > _MOST:
            raise NoMatch(f"heads of a size that is no multiple of 16, or above {_MOST}")
    count = guess_product(roles.extents[d] for d in roles.rows)
    few = [rows for rows in (WARP_ROWS, 2 * WARP_ROWS) if count <= rows]
    if few:
        # The keys come from memory once: as many as can be asked for while others are being computed.
        for keys in (64, 32, 16):
            plan = Plan(few[0], keys, 1)
            if keys == 16 or (reads_ahead(roles, plan) and shared_bytes(roles, plan) <= target.l1):
                return few[0], keys
    for keys in (32,) if _is_wide(roles) else (64, 32):
        if shared_bytes(roles, Plan(_ROWS, keys, 1)) <= target.l1:
            return _ROWS, keys
    raise NoMatch("heads too large for shared memory")


def _is_wide(roles: Attention) -> bool:
    return max(roles.static(dim) for dim in (roles.depth, roles.column)) > _MANY


def shared_bytes(roles: Attention, plan: Plan) -> int:
    """Of a block."""
    element = roles.q.buffer.element
    depth, columns = roles.static(roles.depth), roles.static(roles.column)
    matrices = (plan.rows * depth + plan.keys * (depth + columns)) * element_bits(element) // 8
    return matrices + (plan.rows * (plan.keys + PAD) * 4 if element == "f32" else 0)


def reads_ahead(roles: Attention, plan: Plan) -> bool:
    """Whether the keys and values of the next turn fit into registers while products are computed."""
    bits = element_bits(roles.q.buffer.element)
    held = plan.keys * (roles.static(roles.depth) + roles.static(roles.column)) * bits // 32 // plan.threads
    return held <= _AHEAD


def seconds(roles: Attention, plan: Plan, target: Target) -> float:
    """Of all blocks' turns, as many at once as multiprocessors hold, and of joining the parts."""
    element = roles.q.buffer.element
    width = roles.static(roles.depth) + roles.static(roles.column)
    heads = guess_product(roles.extents[d] for d in roles.outer)
    rows = guess_product(roles.extents[d] for d in roles.rows)
    blocks = heads * ceil(rows / plan.rows) * plan.parts
    room = min(target.l1 // shared_bytes(roles, plan), _REGISTERS // plan.threads)
    beside = max(1, min(room, ceil(blocks / target.cores)))
    speed = rates(target)
    peak = (speed.flops if element == "f32" else speed.tensor_flops) * _SHARE / target.cores
    products = 2.0 * plan.rows * plan.keys * width / peak
    moved = plan.keys * width * element_bits(element) / 8 / (speed.bandwidth / target.cores)
    turn = max(_TURN, beside * max(products, moved))
    # One more, until the first keys are there.
    turns = ceil(ceil(_guess_keys(roles) / plan.keys) / plan.parts) + 1
    total = ceil(blocks / (target.cores * beside)) * turns * turn + LAUNCH
    if plan.parts > 1:
        partial = 4 * plan.parts * heads * rows * (roles.static(roles.column) + 2)
        total += LAUNCH + 2 * partial / speed.bandwidth
    return total
