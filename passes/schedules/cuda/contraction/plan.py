"""Sizes of tiles, and among how many blocks the sums of one are shared."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from math import ceil

from aicc.passes.gpu.temporaries import MOST_COUNTERS
from aicc.passes.schedules.cpu.emit import element_bits
from aicc.passes.schedules.cuda.contraction.roles import Roles, Side
from aicc.passes.schedules.cuda.costs import LATENCY, START, TURN, rates
from aicc.passes.schedules.schedule import Config
from aicc.target import Target

HALVES = ("f16", "bf16")
TENSOR_TYPES = (*HALVES, "i8")


@dataclass(frozen=True)
class ContractionConfig(Config):
    """`rows x columns` of a block's tile, 0: chosen from the sizes; `stages` of shared memory; `tensor`: whether
    tensor cores may be used; `parts` that the sums are added up in, each by a block of its own, 0: chosen."""

    rows: int = 0
    columns: int = 0
    stages: int = 0
    tensor: bool = True
    parts: int = 0


@dataclass(frozen=True)
class Plan:
    """A block of `threads` computes `rows x columns` results, `depth` products at a time, with `stages` tiles of
    the operands in shared memory; `tensor`: by tensor cores, with warps in a grid of `warps`; `parts` blocks share a
    tile's sums."""

    rows: int
    columns: int
    depth: int
    stages: int
    threads: int
    tensor: bool
    warps: tuple[int, int]
    parts: int = 1

    def shared_bytes(self, bits: int) -> int:
        """Of a block, operands having `bits`."""
        return self.stages * (self.rows + self.columns) * self.depth * bits // 8


# rows, columns, warps along each; the largest first.
_Options = tuple[tuple[int, int, tuple[int, int]], ...]
_TENSOR: _Options = ((128, 128, (2, 4)), (128, 64, (4, 2)), (64, 64, (2, 2)), (32, 64, (1, 4)))
_PLAIN: _Options = ((128, 128, (1, 8)), (64, 64, (1, 8)), (32, 64, (1, 4)))
_LINE_BITS = 512
"""Of the products of a row that a stage holds: four chunks of 16 bytes."""
_PARTS = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32)
_LEAST_TURNS = 2
"""Of a part."""
_SHARE = 0.6
"""Of the peak that tiles reach."""
_SYNCHRONOUS = {90: 0.6, 100: 0.3}
"""Of the tensor cores' peak that products which a warp waits for can have, where others are the fast ones."""
_REGISTERS, _THREADS = 128, 2048
"""Registers of a thread; threads that a multiprocessor has."""
_JOIN = 1.0e-6
"""Seconds until a block knows that the others are done."""
_CACHE = 2.0
"""Of the memory's bandwidth: the L2 cache's."""


def plan_for(roles: Roles, target: Target, config: ContractionConfig) -> Plan:
    """The fastest tile and number of parts, or those asked for."""
    return min(_plans(roles, target, config), key=lambda plan: seconds(roles, plan, target))


def _plans(roles: Roles, target: Target, config: ContractionConfig) -> Iterator[Plan]:
    tensor = uses_tensor_cores(roles, target, config)
    options = _TENSOR if tensor else _PLAIN
    if config.rows:
        asked = (config.rows, config.columns)
        options = tuple(o for o in options if o[:2] == asked) or options[-1:]
    else:
        rows, columns = roles.guess(roles.rows), roles.guess(roles.columns)
        options = tuple(o for o in options if o[0] <= 2 * rows and o[1] <= 2 * columns) or options[-1:]
    stages = config.stages or (4 if tensor else 2)
    depth = _LINE_BITS // element_bits(roles.left.element)
    for down, across, warps in options:
        one = Plan(down, across, depth, stages, warps[0] * warps[1] * 32, tensor, warps)
        for parts in _parts(roles, one, target, config):
            yield replace(one, parts=parts)


def _parts(roles: Roles, plan: Plan, target: Target, config: ContractionConfig) -> list[int]:
    """Into how many the sums may be cut: blocks count parts that are done, and the host knows how many there are."""
    sizes = roles.extent((*roles.batch, *roles.rows, *roles.columns, *roles.sums))
    if any(size.static is None for size in sizes):
        return [1]
    turns = turns_of(roles, plan)
    if config.parts:
        return [min(config.parts, turns)]
    tiles = tiles_of(roles, plan)
    if tiles > min(2 * target.cores, MOST_COUNTERS):
        return [1]
    # Of as many turns each: no part has none.
    found = {ceil(turns / ceil(turns / parts)) for parts in _PARTS if parts * _LEAST_TURNS <= turns}
    return sorted({1, *found})


def turns_of(roles: Roles, plan: Plan) -> int:
    """Stages that a tile takes."""
    return ceil(roles.guess(roles.sums) / plan.depth)


def tiles_of(roles: Roles, plan: Plan) -> int:
    """Of all batches."""
    rows, columns = roles.guess(roles.rows), roles.guess(roles.columns)
    return ceil(rows / plan.rows) * ceil(columns / plan.columns) * roles.guess(roles.batch)


def seconds(roles: Roles, plan: Plan, target: Target) -> float:
    """Of all blocks' turns, as many at once as multiprocessors hold, and of joining the parts."""
    speed, bits = rates(target), element_bits(roles.left.element)
    blocks = tiles_of(roles, plan) * plan.parts
    room = min(
        target.l1 // plan.shared_bytes(bits), 65536 // (_REGISTERS * plan.threads), _THREADS // plan.threads
    )
    beside = max(1, min(room, ceil(blocks / target.cores)))
    # A line holds as many bytes of any type, and products of a line take as long.
    peak = speed.tensor_flops * 16 / bits if plan.tensor else speed.flops
    peak *= _SYNCHRONOUS.get(target.compute_capability, 1.0) if plan.tensor else 1.0
    products = 2.0 * plan.rows * plan.columns * plan.depth / (peak * _SHARE / target.cores)
    near = speed.bandwidth * _CACHE / target.cores
    read = plan.shared_bytes(bits) / plan.stages / near
    turn = max(TURN, LATENCY / (plan.stages - 1), beside * max(products, read))
    turns = ceil(turns_of(roles, plan) / plan.parts)
    total = ceil(blocks / (target.cores * beside)) * (turns * turn + START)
    if plan.parts > 1:
        rows = min(plan.rows, roles.guess(roles.rows))
        total += _JOIN + plan.parts * rows * plan.columns * 4 / near
    return total


def uses_tensor_cores(roles: Roles, target: Target, config: ContractionConfig) -> bool:
    """Whether the operands' type and the architecture allow it."""
    allowed = roles.left.element in TENSOR_TYPES or (roles.left.element == "f32" and target.tf32)
    return config.tensor and allowed and target.compute_capability >= 80


def vector_of(side: Side, aligned: bool) -> int:
    """Elements a thread moves at once."""
    return side.vector if aligned else 1
