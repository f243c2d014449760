"""Sizes of register tiles and blocks for kernels with reductions, and what they cost."""

from __future__ import annotations

from dataclasses import dataclass

from aicc.passes.schedules.cpu.access import Access
from aicc.passes.schedules.cpu.emit import element_bits
from aicc.passes.schedules.cpu.nest import Buffer
from aicc.passes.schedules.cpu.reduction_layout import Arrangement
from aicc.passes.schedules.cpu.sizes import guess_product
from aicc.target import Target

# Of one core; only ratios matter for choosing.
_CLOCK = 3.0e9
_BANDWIDTH = 20.0e9
# Seconds: a tile shorter than this is not worth a thread.
_GRAIN = 5.0e-6


@dataclass(frozen=True)
class Work:
    """Vector operations and loads at one vector of points; `shared` of the loads are the same for all results of
    a register tile."""

    operations: float
    loads: float
    shared: float


def lanes_for(arrangement: Arrangement, target: Target, wanted: int) -> int:
    """Elements of a vector: of the widest type; no more than the axis needs."""
    if wanted:
        return wanted
    tree = arrangement.tree
    widest = max(element_bits(x) for x in tree.space.elements)
    lanes = min(target.lanes(widest), 64)
    if not arrangement.vectorizes or not arrangement.layout.extents:
        return 1
    if arrangement.along and not all(step.splits for step in tree.steps):
        return 1
    extent = arrangement.extent(arrangement.vector).guess(1024)
    while lanes > 1 and lanes // 2 >= extent:
        lanes //= 2
    return lanes


def can_mask(arrangement: Arrangement, target: Target) -> bool:
    """Whether loads and stores of all its types have masked forms."""
    if not target.triple.startswith("x86_64"):
        return False
    if "avx512bw" in target.features:
        return True
    accesses = arrangement.layout.accesses.values()
    return "avx2" in target.features and all(element_bits(a.buffer.element) >= 32 for a in accesses)


def work(arrangement: Arrangement) -> Work:
    """What a vector of points costs, all passes together."""
    tree = arrangement.tree
    loads = 0.0
    shared = 0.0
    for access in dict.fromkeys(arrangement.layout.accesses[a] for a in tree.space.loads):
        if not any(access.moves(axis) for axis in arrangement.sums):
            continue
        strided = access.moves(arrangement.vector) and access.coef(arrangement.vector) != 1
        cost = 8.0 if strided else 1.0
        loads += cost
        if any(not access.moves(axis) for axis in arrangement.kept):
            shared += cost
    return Work(max(1.0, tree.space.weight * 1.5), loads * tree.levels, shared * tree.levels)


def seconds(arrangement: Arrangement, lanes: int, pixels: int) -> float:
    """Predicted time of the whole kernel on one thread."""
    each = work(arrangement)
    extents = arrangement.layout.extents
    points = guess_product(extents) or 1
    loads = each.loads - each.shared + each.shared / max(pixels, 1)
    cycles = max(each.operations, loads) / 2 / lanes
    if not arrangement.along:
        kept = guess_product(arrangement.extent(axis) for axis in arrangement.kept)
        points_cycles = points * cycles + kept * 2 / lanes
    else:
        rows = guess_product(arrangement.extent(axis) for axis in arrangement.kept)
        points_cycles = points * cycles + rows * 30.0 * arrangement.tree.levels
    return max(points_cycles / _CLOCK, _bytes(arrangement) / _BANDWIDTH) * (
        3.0 if reuses(arrangement) else 1.0
    )


def reuses(arrangement: Arrangement) -> bool:
    """Whether every operand is used for many results, as in a matrix product, for which there are better ways."""
    accesses = [a for a in arrangement.full_accesses if a.linear]
    kept = [axis for axis in arrangement.kept if arrangement.extent(axis).guess() > 1]
    return len(accesses) > 1 and all(any(not a.moves(axis) for axis in kept) for a in accesses)


def _bytes(arrangement: Arrangement) -> float:
    """Memory touched, each element once."""
    sizes: dict[Buffer, float] = {}
    for access in arrangement.layout.accesses.values():
        count = guess_product(
            extent for axis, extent in enumerate(arrangement.layout.extents) if access.moves(axis)
        )
        whole = guess_product(access.buffer.shape)
        sizes[access.buffer] = min(count, whole) * element_bits(access.buffer.element) / 8
    return sum(sizes.values())


def grain(total: float, tiles: float) -> int:
    """Fewest tiles worth a thread."""
    return max(1, round(_GRAIN / max(total / max(tiles, 1.0), 1.0e-10)))


def loads_of(arrangement: Arrangement) -> list[Access]:
    """Distinct loads over the axes."""
    return list(dict.fromkeys(arrangement.layout.accesses[a] for a in arrangement.tree.space.loads))
