"""Sizes of register tiles and blocks for kernels with reductions, and what they cost."""

from __future__ import annotations

from math import ceil, log2

from aicc.passes.schedules.cpu.access import Access
from aicc.passes.schedules.cpu.emit import element_bits
from aicc.passes.schedules.cpu.nest import Buffer
from aicc.passes.schedules.cpu.read import SHUFFLED
from aicc.passes.schedules.cpu.reduction_layout import Arrangement, directions
from aicc.passes.schedules.cpu.reduction_tree import Reductions
from aicc.passes.schedules.cpu.sizes import guess_product
from aicc.target import Target

# Of one core; only ratios matter for choosing.
_CLOCK = 3.0e9
_BANDWIDTH = 20.0e9
# Seconds: a tile shorter than this is not worth a thread.
_GRAIN = 5.0e-6


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


def arrange(tree: Reductions, target: Target) -> Arrangement:
    """The direction of vectors with the lower cost; one in which outputs can be stored as vectors first."""

    def badness(arrangement: Arrangement) -> tuple[bool, float]:
        return not arrangement.vectorizes, _cycles(arrangement, lanes_for(arrangement, target, 0), 4)

    return min(directions(tree), key=badness)


def operations(arrangement: Arrangement) -> float:
    """Vector operations at a point, all passes together."""
    return max(1.0, arrangement.tree.space.weight * 1.5)


def seconds(arrangement: Arrangement, lanes: int, pixels: int) -> float:
    """Predicted time of the whole kernel on one thread. `pixels` results share the loads that do not move along
    all kept axes."""
    time = max(_cycles(arrangement, lanes, pixels) / _CLOCK, _bytes(arrangement) / _BANDWIDTH)
    return time * (3.0 if reuses(arrangement) else 1.0)


def _cycles(arrangement: Arrangement, lanes: int, pixels: int) -> float:
    """Cycles with everything in the first cache."""
    levels = arrangement.tree.levels
    loads = _loads(arrangement, lanes, pixels) * levels
    cycles = max(operations(arrangement), loads) / 2
    vectors = 1.0
    for axis, extent in enumerate(arrangement.layout.extents):
        size = extent.guess()
        vectors *= ceil(size / lanes) if axis == arrangement.vector else size
    results = guess_product(arrangement.extent(axis) for axis in arrangement.kept)
    # Joining lanes and the start of a row, or the stage after the reduction.
    ends = results * levels * (6.0 + 2.0 * log2(lanes)) if arrangement.along else results * 2.0 / lanes
    return vectors * cycles + ends


def _loads(arrangement: Arrangement, lanes: int, pixels: int) -> float:
    """Loads of one vector of points."""
    total = 0.0
    for access in loads_of(arrangement) if arrangement.sums else ():
        if not any(access.moves(axis) for axis in arrangement.sums):
            continue
        coef = access.coef(arrangement.vector) if access.moves(arrangement.vector) else 0
        cost = 1.0 if coef in (0, 1) else 2.0 * coef if coef in SHUFFLED and lanes > 1 else 2.5 * lanes
        shared = any(not access.moves(axis) for axis in arrangement.kept)
        total += cost / pixels if shared else cost
    return total


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
