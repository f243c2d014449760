"""Sizes of tiles."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil

from aicc.passes.schedules.cpu.emit import element_bits
from aicc.passes.schedules.cuda.contraction.roles import Roles, Side
from aicc.passes.schedules.schedule import Config
from aicc.target import Target

HALVES = ("f16", "bf16")
TENSOR_TYPES = (*HALVES, "i8")


@dataclass(frozen=True)
class ContractionConfig(Config):
    """`rows x columns` of a block's tile, 0: chosen from the sizes; `stages` of shared memory; `tensor`: whether
    tensor cores may be used."""

    rows: int = 0
    columns: int = 0
    stages: int = 0
    tensor: bool = True


@dataclass(frozen=True)
class Plan:
    """A block of `threads` computes `rows x columns` results, `depth` products at a time, with `stages` tiles of
    the operands in shared memory; `tensor`: by tensor cores, with warps in a grid of `warps`."""

    rows: int
    columns: int
    depth: int
    stages: int
    threads: int
    tensor: bool
    warps: tuple[int, int]


# rows, columns, warps along each; the largest first.
_TENSOR = ((128, 128, (2, 4)), (128, 64, (4, 2)), (64, 64, (2, 2)), (32, 64, (1, 4)))
_PLAIN = ((128, 128, (1, 8)), (64, 64, (1, 8)), (32, 64, (1, 4)))
_LINE_BITS = 512
"""Of the products of a row that a stage holds: four chunks of 16 bytes."""
_WAVES = 1.0
"""Blocks for each multiprocessor that a tile size should leave."""


def plan_for(roles: Roles, target: Target, config: ContractionConfig) -> Plan:
    """The largest tile that leaves enough blocks for the device."""
    tensor = uses_tensor_cores(roles, target, config)
    options = _TENSOR if tensor else _PLAIN
    rows, columns, batch = roles.guess(roles.rows), roles.guess(roles.columns), roles.guess(roles.batch)
    chosen = options[-1]
    for option in options:
        blocks = ceil(rows / option[0]) * ceil(columns / option[1]) * batch
        fits = option[0] <= 2 * rows and option[1] <= 2 * columns
        if config.rows and (option[0], option[1]) == (config.rows, config.columns):
            chosen = option
            break
        if not config.rows and fits and blocks >= _WAVES * target.cores:
            chosen = option
            break
    warps = chosen[2]
    stages = config.stages or (4 if tensor else 2)
    depth = _LINE_BITS // element_bits(roles.left.element)
    return Plan(chosen[0], chosen[1], depth, stages, warps[0] * warps[1] * 32, tensor, warps)


def uses_tensor_cores(roles: Roles, target: Target, config: ContractionConfig) -> bool:
    """Whether the operands' type and the architecture allow it."""
    allowed = roles.left.element in TENSOR_TYPES or (roles.left.element == "f32" and target.tf32)
    return config.tensor and allowed and target.compute_capability >= 80


def vector_of(side: Side, aligned: bool) -> int:
    """Elements a thread moves at once."""
    return side.vector if aligned else 1
