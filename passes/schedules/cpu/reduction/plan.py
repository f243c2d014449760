"""Sizes of register tiles and blocks for kernels with reductions, and what they cost."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil, log2

from aicc.passes.schedules.cpu.access import Access, touched_bytes
from aicc.passes.schedules.cpu.emit import element_bits
from aicc.passes.schedules.cpu.read import SHUFFLED, in_groups
from aicc.passes.schedules.cpu.reduction.layout import Arrangement, directions
from aicc.passes.schedules.cpu.reduction.tree import Reductions
from aicc.passes.schedules.cpu.sizes import Size, guess_product
from aicc.passes.schedules.machine import machine
from aicc.target import Target

# Matrix products and the like take this much longer without panels and tiles made for them (measured on 32
# kernels: between 0.9 and 3 times what `contraction` takes).
_REUSE = 1.5
# Seconds: a tile shorter than this is not worth a thread.
_GRAIN = 1.5e-6


def lanes_for(arrangement: Arrangement, target: Target, wanted: int) -> int:
    """Elements of a vector: of the widest type; no more than the axis needs. One where there is no axis at all."""
    if not arrangement.layout.extents:
        return 1
    if wanted:
        return wanted
    tree = arrangement.tree
    widest = max(element_bits(x) for x in tree.space.elements)
    lanes = min(target.lanes(widest), 64)
    if not arrangement.vectorizes:
        return 1
    if arrangement.along and not all(step.splits for step in tree.steps):
        return 1
    extent = arrangement.extent(arrangement.vector).guess(1024)
    while lanes > 1 and lanes // 2 >= extent:
        lanes //= 2
    return lanes


def can_mask(arrangement: Arrangement, target: Target, lanes: int) -> bool:
    """Whether loads and stores of all its types have masked forms; a single lane has no use for them."""
    if lanes == 1 or not target.triple.startswith("x86_64"):
        return False
    if "avx512bw" in target.features:
        return True
    accesses = arrangement.layout.accesses.values()
    return "avx2" in target.features and all(element_bits(a.buffer.element) >= 32 for a in accesses)


def arrange(tree: Reductions, target: Target) -> Arrangement:
    """The direction of vectors with the lower cost; one in which outputs can be stored as vectors first."""

    def badness(arrangement: Arrangement) -> tuple[bool, float]:
        return not arrangement.vectorizes, _cycles(arrangement, target, lanes_for(arrangement, target, 0), 4)

    return min(directions(tree), key=badness)


def operations(arrangement: Arrangement) -> float:
    """Vector operations at a point, all passes together."""
    return max(1.0, arrangement.tree.space.weight * 1.5)


def seconds(arrangement: Arrangement, target: Target, lanes: int, pixels: int) -> float:
    """Predicted time of the whole kernel on one thread. `pixels` results share the loads that do not move along
    all kept axes."""
    rates = machine(target)
    matrix, rest = _bytes(arrangement)
    memory = rates.cold(matrix) + rates.stream(rest, target)
    time = max(_cycles(arrangement, target, lanes, pixels) / rates.clock, memory) + rates.start
    return time * (_REUSE if reuses(arrangement) else 1.0)


def _bytes(arrangement: Arrangement) -> tuple[float, float]:
    """Bytes touched of weights, as far as one can tell, and of everything else.

    In a product they are the operand that results of other positions along the vector axis do not share, of which
    each element is at one place only: of a window's input, elements are at several.
    """
    extents, accesses = arrangement.layout.extents, arrangement.layout.accesses.values()
    total = touched_bytes(accesses, extents)
    loads = [a for a in loads_of(arrangement) if any(a.moves(axis) for axis in arrangement.sums)]
    if len(loads) < 2:
        return 0.0, total
    axes = (*arrangement.sums, arrangement.vector)
    weights = [
        touched_bytes([load], extents)
        for load in loads
        if all(load.moves(axis) for axis in axes)
        and guess_product(load.buffer.shape) >= guess_product(_moving(load, extents))
    ]
    largest = max(weights, default=0.0)
    return largest, total - largest


def _moving(access: Access, extents: Sequence[Size]) -> list[Size]:
    """The extents of the axes that an access moves along."""
    return [extent for axis, extent in enumerate(extents) if access.moves(axis)]


def _cycles(arrangement: Arrangement, target: Target, lanes: int, pixels: int) -> float:
    """Cycles with everything in the first cache."""
    levels = arrangement.tree.levels
    rates, space = machine(target), arrangement.tree.space
    loads = _loads(arrangement, lanes, pixels) * levels
    work = space.operations() / max(1, guess_product(space.extents))
    cycles = max(work / rates.ops, loads / rates.loads)
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
        if in_groups(access, arrangement.vector, lanes) is not None:
            coef = 1
        cost = 1.0 if coef in (0, 1) else 2.0 * coef if coef in SHUFFLED and lanes > 1 else 2.5 * lanes
        shared = any(not access.moves(axis) for axis in arrangement.kept)
        total += cost / pixels if shared else cost
    return total


def reuses(arrangement: Arrangement) -> bool:
    """Whether every operand is used for many results, as in a matrix product, for which there are better ways."""
    accesses = [a for a in arrangement.full_accesses if a.linear]
    kept = [axis for axis in arrangement.kept if arrangement.extent(axis).guess() > 1]
    return len(accesses) > 1 and all(any(not a.moves(axis) for axis in kept) for a in accesses)


def grain(total: float, tiles: float) -> int:
    """Fewest tiles worth a thread."""
    return max(1, round(_GRAIN / max(total / max(tiles, 1.0), 1.0e-10)))


def loads_of(arrangement: Arrangement) -> list[Access]:
    """Distinct loads over the axes."""
    return list(dict.fromkeys(arrangement.layout.accesses[a] for a in arrangement.tree.space.loads))
