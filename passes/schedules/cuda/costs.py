"""How fast a GPU is at what schedules count: only to rank them, and to say what takes long.

Rates of the device are its data sheet's (`aicc.devices`) times the share that good kernels reach.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from aicc.devices import device_of
from aicc.target import Target

LAUNCH = 2.5e-6
"""Seconds of a kernel that does nothing, among others of a graph."""

START = 1.0e-6
"""Seconds until a product's first operands are there, and from the last product to the end."""

TURN = 1.5e-7
"""Seconds until a block that waits for a stage, meets, and multiplies small matrices has done so, however small."""

LATENCY = 5.0e-7
"""Seconds until what is read from memory is there."""

_MEMORY_SHARE = 0.85


@dataclass(frozen=True)
class Rates:
    """`bandwidth` in bytes per second that kernels reach; `flops` and `tensor_flops` per second, the peaks of the plain
    cores in f32 and of the tensor cores in 16 bits; schedules know what share of these they reach."""

    bandwidth: float
    flops: float
    tensor_flops: float


@cache
def rates(target: Target) -> Rates:
    """Of the device that the target's architecture stands for."""
    device = device_of(target.cpu)
    return Rates(device.bandwidth * _MEMORY_SHARE, device.flops, device.tensor_flops)
