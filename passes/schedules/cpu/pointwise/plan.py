"""How the points of a pointwise space are cut into tiles and vectors."""

from __future__ import annotations

from dataclasses import dataclass

from aicc.passes.schedules.cpu.access import Access
from aicc.passes.schedules.cpu.emit import element_bits
from aicc.passes.schedules.cpu.pointwise.eval import Layout
from aicc.passes.schedules.cpu.sizes import guess_product
from aicc.passes.schedules.schedule import Config
from aicc.target import Target

# Points of one tile when the work at a point is a load and a store: 32 KiB of f32.
_POINTS = 8192


@dataclass(frozen=True)
class PointwiseConfig(Config):
    """`lanes` of a vector (0: by the widest type), `unroll` vectors in one turn (0: by the work at a point),
    `points` of a tile (0: about 32 KiB of output); `transpose`: transposed operands go through registers."""

    lanes: int = 0
    unroll: int = 0
    points: int = 0
    transpose: bool = True


@dataclass(frozen=True)
class Plan:
    """Vectors of `lanes`, `unroll` in a turn; masked: tails use masks, else scalars; `split`: axes before it
    make up the tile number, those after are loops in a tile, of which each takes `rows` of the former;
    `chunk`: the inner axis is itself cut into pieces of that many points (0: it is not).

    `across` is the axis along which some operands are contiguous while the output is along the inner
    one: those go through registers in squares.
    """

    lanes: int
    unroll: int
    masked: bool
    split: int
    rows: int
    chunk: int
    across: int | None = None
    transposed: tuple[Access, ...] = ()


def can_mask(layout: Layout, target: Target) -> bool:
    """Whether loads and stores of all its types have masked forms."""
    if target.triple.startswith("x86_64"):
        if "avx512bw" in target.features:
            return True
        if "avx2" in target.features:
            memory = [access.buffer.element for access in (*layout.accesses.values(),)]
            return all(element_bits(element) >= 32 for element in memory)
    return False


def plan_for(layout: Layout, target: Target, config: PointwiseConfig) -> Plan:
    """The plan for a space."""
    space = layout.space
    widest = max(element_bits(x) for x in space.elements)
    lanes = config.lanes or min(target.lanes(widest), 64)
    masked = can_mask(layout, target)
    weight = 1.0 + space.weight
    points = config.points or max(512, int(_POINTS * 4 / (weight + 3.0)))
    extents = layout.extents
    if not extents:
        return Plan(1, 1, False, 0, 1, 0)
    inner = extents[-1].guess(1024)
    if not layout.vectorizable or (not masked and space.guarded):
        lanes = 1
    while lanes > 1 and lanes // 2 >= inner:
        lanes //= 2
    unroll = config.unroll or (4 if weight <= 3.0 else 2 if weight <= 8.0 else 1)
    across, transposed = _transposed(layout, lanes) if config.transpose else (None, ())
    if across is not None:
        # One square at least, the whole inner axis.
        return Plan(lanes, 1, masked, 0, max(1, points // max(1, inner * lanes)), 0, across, transposed)
    if inner > 2 * points:
        chunk = -(-points // (lanes * unroll)) * lanes * unroll
        return Plan(lanes, unroll, masked, len(extents) - 1, 1, chunk)
    split = len(extents) - 1
    while split > 0 and guess_product(extents[split - 1 :]) <= points:
        split -= 1
    rows = max(1, points // max(1, guess_product(extents[split:])))
    return Plan(lanes, unroll, masked, split, rows, 0)


def _transposed(layout: Layout, lanes: int) -> tuple[int | None, tuple[Access, ...]]:
    """The axis along which strided operands are contiguous, and those operands."""
    inner = layout.inner
    if lanes < 4 or layout.space.guarded or layout.space.extracts:
        return None, ()
    found: dict[int, list[Access]] = {}
    for access in dict.fromkeys(layout.accesses.values()):
        if (
            not access.linear
            or access.coef(inner) in (0, 1)
            or element_bits(access.buffer.element) not in (32, 64)
        ):
            continue
        for axis in range(inner):
            extent = layout.extents[axis].static
            if access.coef(axis) == 1 and (extent is None or extent >= lanes):
                found.setdefault(axis, []).append(access)
    if not found:
        return None, ()
    axis = max(found, key=lambda a: len(found[a]))
    return axis, tuple(found[axis])
