"""How many keys a block takes at once, and whether its matrices fit into shared memory."""

from __future__ import annotations

from aicc.passes.schedules.cpu.attention.roles import Attention
from aicc.passes.schedules.cpu.emit import element_bits
from aicc.passes.schedules.schedule import NoMatch
from aicc.target import Target

ROWS, THREADS = 64, 128
"""Of a block; each of its four warps has 16 rows."""

PAD = 4
"""Elements between rows of weights in shared memory, so that rows lie in different banks."""

_MOST = 256
"""Elements of a head."""
_MANY = 128
"""Elements of a head from which on the sums leave no registers for many scores."""
_AHEAD = 64
"""Registers of a thread that may hold keys and values of the next turn."""


def keys_for(roles: Attention, target: Target) -> int:
    """The most that fit. Raises NoMatch."""
    element = roles.q.buffer.element
    if {roles.k.buffer.element, roles.v.buffer.element} != {element} or element not in ("f32", "f16", "bf16"):
        raise NoMatch(f"attention of {element}")
    if element != "f32" and target.compute_capability < 80:
        raise NoMatch("no tensor cores")
    for dim in (roles.depth, roles.column):
        if roles.static(dim) % 16 or roles.static(dim) > _MOST:
            raise NoMatch(f"heads of a size that is no multiple of 16, or above {_MOST}")
    wide = max(roles.static(dim) for dim in (roles.depth, roles.column)) > _MANY
    for keys in (32,) if wide else (64, 32):
        if shared_bytes(roles, keys) <= target.l1:
            return keys
    raise NoMatch("heads too large for shared memory")


def shared_bytes(roles: Attention, keys: int) -> int:
    """Of a block."""
    element = roles.q.buffer.element
    depth, columns = roles.static(roles.depth), roles.static(roles.column)
    matrices = (ROWS * depth + keys * (depth + columns)) * element_bits(element) // 8
    return matrices + (ROWS * (keys + PAD) * 4 if element == "f32" else 0)


def reads_ahead(roles: Attention, keys: int) -> bool:
    """Whether the keys and values of the next turn fit into registers while products are computed."""
    bits = element_bits(roles.q.buffer.element)
    held = keys * (roles.static(roles.depth) + roles.static(roles.column)) * bits // 32 // THREADS
    return held <= _AHEAD
