"""Sizes of tiles, and what lies where in shared memory."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import ceil, log2, prod, sqrt

from aicc.passes.schedules.cpu.emit import element_bits
from aicc.passes.schedules.cuda.asynchronous import ATOM, GROUP, LINE, depth_of
from aicc.passes.schedules.cuda.contraction.roles import Roles
from aicc.passes.schedules.cuda.costs import rates
from aicc.passes.schedules.schedule import Config
from aicc.target import Target

SLAB_ROWS, SLAB_COLUMNS = 64, 64
"""Of the sums that a warpgroup gives away at once."""


FEW_REGISTERS, MANY_REGISTERS = 40, 232
"""Of a thread of three warpgroups, which have 168 each, when those that multiply want more than that."""


@dataclass(frozen=True)
class WarpgroupConfig(Config):
    """`rows x columns` of a block's tile, 0: chosen from the sizes; `stages` of shared memory, 0: as many as fit;
    `cluster` blocks that share columns, 0: chosen from the sizes."""

    rows: int = 0
    columns: int = 0
    stages: int = 0
    cluster: int = 0


@dataclass(frozen=True)
class Plan:
    """A tile of `rows x columns`: a warpgroup for each 64 rows, and one thread of another that copies."""

    rows: int
    columns: int
    stages: int
    patch: tuple[int, ...]
    """The rows are a patch of so many positions of each row axis; their product is `rows`."""
    cluster: int = 1
    """Blocks with rows one below the other and the same columns, of which each copies a share for all."""
    band: int = 8
    """Clusters one below the other that come before those of the next columns."""

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


_LEAST_SHARED = 128
"""Columns that two blocks can share: a box may have 64."""

TILES = ((128, 256), (128, 128), (64, 256), (64, 128), (128, 64), (64, 64))
_MOST_STAGES = 6
# Of the tensor cores' peak, by columns: narrow tiles read shared memory faster than it is.
_SHARES = {256: 0.75, 128: 0.65, 64: 0.45}
_CACHE = 8.0e12
"""Bytes per second from the L2 cache to all multiprocessors: what products on an H100 are seen to get."""
_EPILOGUE = 1.5e-6
"""Seconds of a tile of 128 x 256 in which its warpgroups do not multiply."""


def plan_of(roles: Roles, rows: int, columns: int, target: Target, stages: int = 0, cluster: int = 1) -> Plan:
    """With as many stages as fit."""
    return Plan(
        rows,
        columns,
        stages or stages_for(rows, columns, target),
        patch_of(_extents(roles, roles.rows), rows),
        cluster,
        band_of(rows, columns, cluster, target),
    )


def band_of(rows: int, columns: int, cluster: int, target: Target) -> int:
    """So many that all blocks that run at once have about as many rows as columns, and so read the least."""
    return int(2 ** max(0, round(log2(sqrt(target.cores * columns / rows) / cluster))))


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
    tiles = ceil(down / plan.cluster) * ceil(columns / plan.columns) * roles.guess(roles.batch)
    element = roles.left.element
    turns = turns_of(_extents(roles, roles.sums), depth_of(element))
    rate = rates(target).tensor_flops * 16 / element_bits(element) * _SHARES[plan.columns] / target.cores
    products = 2.0 * plan.rows * plan.columns * depth_of(element) / rate
    copies = (plan.rows + plan.columns / plan.cluster) * LINE / (_CACHE / target.cores)
    rest = _EPILOGUE * plan.rows * plan.columns / (128 * 256)
    return ceil(tiles / (target.cores // plan.cluster)) * (turns * max(products, copies) + rest)


def plan_for(roles: Roles, target: Target, config: WarpgroupConfig) -> Plan:
    """The fastest tile, or the one asked for."""
    tiles = ((config.rows, config.columns),) if config.rows else TILES
    plans = [
        plan_of(roles, rows, columns, target, config.stages, cluster)
        for rows, columns in tiles
        for cluster in ((config.cluster,) if config.cluster else _clusters(roles, rows, columns))
    ]
    return min(plans, key=lambda plan: seconds(roles, plan, target))


def _clusters(roles: Roles, rows: int, columns: int) -> tuple[int, ...]:
    """Sizes of clusters worth a look, the one that reads less first."""
    down = patches(extents := _extents(roles, roles.rows), patch_of(extents, rows))
    return (2, 1) if down > 1 and columns >= _LEAST_SHARED else (1,)
