"""Sizes of tiles, and what lies where in shared memory."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import ceil, prod

from aicc.passes.schedules.cpu.emit import element_bits
from aicc.passes.schedules.cuda.asynchronous import ATOM, GROUP, LINE, depth_of
from aicc.passes.schedules.cuda.contraction.roles import Roles
from aicc.passes.schedules.schedule import Config
from aicc.target import Target

SLAB_ROWS, SLAB_COLUMNS = 64, 64
"""Of the sums that a warpgroup gives away at once."""


FEW_REGISTERS, MANY_REGISTERS = 40, 232
"""Of a thread of three warpgroups, which have 168 each, when those that multiply want more than that."""


@dataclass(frozen=True)
class WarpgroupConfig(Config):
    """`rows x columns` of a block's tile, 0: chosen from the sizes; `stages` of shared memory, 0: as many as fit."""

    rows: int = 0
    columns: int = 0
    stages: int = 0


@dataclass(frozen=True)
class Plan:
    """A tile of `rows x columns`: a warpgroup for each 64 rows, and one thread of another that copies."""

    rows: int
    columns: int
    stages: int
    patch: tuple[int, ...]
    """The rows are a patch of so many positions of each row axis; their product is `rows`."""

    @property
    def groups(self) -> int:
        """Warpgroups that multiply."""
        return self.rows // 64

    @property
    def threads(self) -> int:
        """Of a block."""
        return GROUP * (1 + self.groups)

    @property
    def stage_bytes(self) -> int:
        """Of both operands."""
        return (self.rows + self.columns) * LINE

    @property
    def slab_bytes(self) -> int:
        """Of a warpgroup."""
        return SLAB_ROWS * SLAB_COLUMNS * 4

    @property
    def shares_registers(self) -> bool:
        """Whether the copying warpgroup gives registers to the others: sums alone take 128 of a thread."""
        return self.groups == 2 and self.columns == 256


TILES = ((128, 256), (128, 128), (64, 256), (64, 128), (128, 64), (64, 64))
_MOST_STAGES = 6
# Of the tensor cores' peak, by columns: narrow tiles read shared memory faster than it is.
_SHARES = {256: 0.75, 128: 0.65, 64: 0.45}
_PEAK = 9.9e14
"""Operations per second of the tensor cores in 16-bit: of an H100 SXM."""
_EPILOGUE = 1.5e-6
"""Seconds of a tile of 128 x 256 in which its warpgroups do not multiply."""


def plan_of(roles: Roles, rows: int, columns: int, target: Target, stages: int = 0) -> Plan:
    """With as many stages as fit."""
    return Plan(
        rows,
        columns,
        stages or stages_for(rows, columns, target),
        patch_of(_extents(roles, roles.rows), rows),
    )


def stages_for(rows: int, columns: int, target: Target) -> int:
    """As many as fit."""
    one = Plan(rows, columns, 1, (rows,))
    room = target.l1 - one.groups * one.slab_bytes - ATOM // 2
    return min(_MOST_STAGES, room // one.stage_bytes)


def patch_of(extents: Sequence[int], rows: int) -> tuple[int, ...]:
    """Powers of two with product `rows`, one for each axis (outermost first), that cover the axes with the fewest
    patches; of equal ones the longest along the last axes."""

    def splits(axes: int, rest: int) -> Iterator[tuple[int, ...]]:
        if axes == 1:
            yield (rest,)
            return
        box = 1
        while box <= rest:
            yield from ((box, *others) for others in splits(axes - 1, rest // box))
            box *= 2

    return min(splits(len(extents), rows), key=lambda boxes: (patches(extents, boxes), boxes))


def patches(extents: Sequence[int], boxes: Sequence[int]) -> int:
    """How many cover the axes."""
    return prod(ceil(extent / box) for extent, box in zip(extents, boxes, strict=True))


def turns_of(extents: Sequence[int], depth: int) -> int:
    """Stages that a tile takes for sums over axes, of which the last is taken `depth` at a time."""
    return prod(extents[:-1]) * ceil(extents[-1] / depth)


def _extents(roles: Roles, axes: tuple[int, ...]) -> list[int]:
    return [size.guess() for size in roles.extent(axes)]


def seconds(roles: Roles, plan: Plan, target: Target) -> float:
    """Of whole tiles on all multiprocessors."""
    down, columns = patches(_extents(roles, roles.rows), plan.patch), roles.guess(roles.columns)
    tiles = down * ceil(columns / plan.columns) * roles.guess(roles.batch)
    element = roles.left.element
    turns = turns_of(_extents(roles, roles.sums), depth_of(element))
    rate = _PEAK * 16 / element_bits(element) * _SHARES[plan.columns] / target.cores
    products = 2.0 * plan.rows * plan.columns * turns * depth_of(element) / rate
    rest = _EPILOGUE * plan.rows * plan.columns / (128 * 256)
    return ceil(tiles / target.cores) * (products + rest)


def plan_for(roles: Roles, target: Target, config: WarpgroupConfig) -> Plan:
    """The fastest tile, or the one asked for."""
    if config.rows:
        return plan_of(roles, config.rows, config.columns, target, config.stages)
    plans = [plan_of(roles, *tile, target, config.stages) for tile in TILES]
    return min(plans, key=lambda plan: seconds(roles, plan, target))
