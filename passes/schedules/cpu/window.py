"""The window schedule: depthwise convolutions, pooling, reductions of outer dimensions.

before: one reduction, each lane of a vector a result of its own, and elementwise stages of its result
after:  for each tile: register tiles of `pixels x vectors` results; the window written out, or loops over it;
        elements that neighbouring results share are loaded once; stages and the store from registers
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, gcd
from typing import Any

from aicc.passes.schedules.cpu.access import Access
from aicc.passes.schedules.cpu.emit import element_bits
from aicc.passes.schedules.cpu.nest import analyze
from aicc.passes.schedules.cpu.read import in_groups
from aicc.passes.schedules.cpu.reduction.grid import Cut, Grid
from aicc.passes.schedules.cpu.reduction.kernel import Kernel, emit_kernel
from aicc.passes.schedules.cpu.reduction.layout import Arrangement
from aicc.passes.schedules.cpu.reduction.plan import arrange, can_mask, lanes_for, loads_of, seconds
from aicc.passes.schedules.cpu.reduction.save import Saved
from aicc.passes.schedules.cpu.reduction.state import TilePlan
from aicc.passes.schedules.cpu.reduction.tree import build
from aicc.passes.schedules.cpu.sizes import guess_product
from aicc.passes.schedules.schedule import Config, NoMatch, PackLayout, Schedule
from aicc.target import Target

# Points of a window that are written out, times the results of a register tile.
_UNROLL = 160
# Tiles for each core, so that a slow one does not hold up the others.
_TILES = 8
# A tile shorter than this is mostly loop overhead.
_TILE_SECONDS = 3.0e-7


@dataclass(frozen=True)
class WindowConfig(Config):
    """`pixels x vectors` results of a register tile, `lanes` of a vector; 0: chosen from the sizes."""

    pixels: int = 0
    vectors: int = 0
    lanes: int = 0
    pack: bool = True


class Window(Schedule):
    """See the module."""

    name = "window"
    config_type = WindowConfig

    def check(self, kernel: Any, target: Target) -> None:
        """Raises NoMatch."""
        _arranged(kernel, target)

    def configs(self, kernel: Any, target: Target) -> list[Config]:
        """The recommended register tile, then others."""
        return [
            WindowConfig(),
            *(WindowConfig(pixels, vectors) for pixels in (1, 2, 4, 6) for vectors in (1, 2)),
            WindowConfig(pack=False),
        ]

    def cost(self, kernel: Any, target: Target, config: Config) -> float:
        """Operations and loads, or the bytes."""
        assert isinstance(config, WindowConfig)
        arrangement = _arranged(kernel, target)
        lanes = lanes_for(arrangement, target, config.lanes)
        return seconds(arrangement, target, lanes, config.pixels or 4)

    def layouts(self, kernel: Any, target: Target, config: Config) -> dict[int, PackLayout]:
        """Weights of a window with the vector dimension innermost."""
        assert isinstance(config, WindowConfig)
        return _weight_layouts(_arranged(kernel, target)) if config.pack else {}

    def lower(self, module: Any, func: Any, target: Target, config: Config) -> None:
        """Raises NoMatch."""
        assert isinstance(config, WindowConfig)
        arrangement = _arranged(func, target)
        emit_kernel(module, func, arrangement, lambda lanes: _kernel(arrangement, target, config, lanes))


def _arranged(kernel: Any, target: Target) -> Arrangement:
    arrangement = arrange(build(analyze(kernel)), target)
    if arrangement.along or arrangement.tree.levels != 1:
        raise NoMatch("rows")
    return arrangement


def _kernel(arrangement: Arrangement, target: Target, config: WindowConfig, lanes: int) -> Kernel:
    lanes = lanes or lanes_for(arrangement, target, config.lanes)
    masked = can_mask(arrangement, target, lanes)
    kept = arrangement.kept
    rows, columns = (kept[-2] if len(kept) > 1 else None), (kept[-1] if kept else None)
    broadcasts = _broadcasts(arrangement, lanes)
    vectors = config.vectors or (1 if broadcasts else _vectors(arrangement, columns, lanes, rows, target))
    pixels = config.pixels or _pixels(arrangement, rows, vectors, target, broadcasts)
    results = pixels * vectors * len(arrangement.tree.steps[0].combiners)
    splits = all(step.splits for step in arrangement.tree.steps)
    chains = max(1, min(4, 8 // results)) if splits else 1
    plan = TilePlan(lanes, chains, _unrolled(arrangement, pixels * vectors), masked)
    if columns is None:
        grid = Grid(arrangement, (), None, None, lanes, masked)
    else:
        row_block, column_block = _blocks(arrangement, target, pixels, vectors * lanes)
        row_cut = None if rows is None else Cut(rows, row_block, pixels)
        grid = Grid(arrangement, kept[:-2], row_cut, Cut(columns, column_block, vectors), lanes, masked)
    return Kernel(arrangement, grid, plan, Saved(), seconds(arrangement, target, lanes, pixels))


def _vectors(arrangement: Arrangement, axis: int | None, lanes: int, rows: int | None, target: Target) -> int:
    """Vectors side by side. Without pixels they are the only sums, and lines far apart are read in pieces as long as
    there are registers for, as long as that leaves tiles for threads."""
    if axis is None:
        return 1
    needed = ceil(arrangement.extent(axis).guess(64) / lanes)
    if rows is not None:
        return max(1, min(2, needed))
    sums = len(arrangement.tree.steps[0].combiners)
    return max(1, min(needed, max(4, min(target.registers // 2 // sums, needed // (2 * target.cores)))))


def _broadcasts(arrangement: Arrangement, lanes: int) -> bool:
    """Whether an operand has one element for all lanes, another one for another vector: groups as large as vectors."""
    found = (in_groups(access, arrangement.vector, lanes) for access in loads_of(arrangement))
    return arrangement.vector >= 0 and any(group is not None and group[0] % lanes == 0 for group in found)


def _pixels(
    arrangement: Arrangement, rows: int | None, vectors: int, target: Target, broadcasts: bool = False
) -> int:
    """Results that fit the registers with what they read, more when windows overlap. With `broadcasts` it is a
    product of matrices: every weight that is loaded is used for as many results as there are registers."""
    if rows is None:
        return 1
    limit = max(1, (target.registers // 2) // vectors)
    overlap = any(_shares(arrangement, access, rows) for access in arrangement.full_accesses)
    wanted = limit if broadcasts else min(limit, 6 if overlap else 4)
    extent = arrangement.extent(rows).static
    if extent is None:
        return wanted
    return ceil(extent / ceil(extent / wanted))


def _shares(arrangement: Arrangement, access: Access, rows: int) -> bool:
    """Whether neighbouring results read the same elements: the axis moves no further than the window."""
    step = access.coef(rows)
    if step is None:
        return False
    reach = 0
    for axis in arrangement.sums:
        coef, extent = access.coef(axis), arrangement.extent(axis).static
        if (
            coef
            and step
            and coef % (step // gcd(step, coef)) == 0
            and extent is not None
            and coef * extent > step
        ):
            reach = max(reach, extent)
    return step == 0 or reach > 1


def _unrolled(arrangement: Arrangement, results: int) -> frozenset[int]:
    """The innermost axes of the window whose points are few."""
    found: set[int] = set()
    points = 1
    for axis in reversed(arrangement.sums):
        extent = arrangement.extent(axis).static
        if extent is None or points * extent * results > _UNROLL:
            break
        points *= extent
        found.add(axis)
    return frozenset(found)


def _blocks(arrangement: Arrangement, target: Target, pixels: int, width: int) -> tuple[int, int]:
    """Blocks of the row and vector axes: so that the lines a window covers stay in the first cache, and there
    are enough tiles for threads. 0: one block. Grouped convolutions use what they load so often that they had better
    go through memory in order."""
    kept = arrangement.kept
    columns = arrangement.extent(kept[-1]).guess(256)
    column_block = 0
    lanes = lanes_for(arrangement, target, 0)
    grouped = arrangement.vector >= 0 and any(
        in_groups(access, arrangement.vector, lanes) for access in loads_of(arrangement)
    )
    if len(kept) > 2 and not grouped:
        fitting = int(target.l1 / 2 / max(_line_bytes(arrangement, kept[-2]), 1.0)) // width * width
        column_block = _even(columns, max(fitting, width), width)
    outer = guess_product(arrangement.extent(axis) for axis in kept[:-2]) * ceil(
        columns / (column_block or columns)
    )
    worth = int(seconds(arrangement, target, lanes, pixels) / _TILE_SECONDS)
    wanted = max(1, min(_TILES * target.cores, worth)) if target.cores > 1 else 1
    row_block = 0
    if outer < wanted and len(kept) > 1:
        rows = arrangement.extent(kept[-2]).guess(64)
        row_block = _even(rows, ceil(rows / min(ceil(rows / pixels), ceil(wanted / outer))), pixels)
        outer *= ceil(rows / (row_block or rows))
    if outer < wanted and not column_block:
        parts = min(ceil(columns / width), ceil(wanted / outer))
        column_block = _even(columns, ceil(columns / parts), width)
    return row_block, column_block


def _even(extent: int, limit: int, step: int) -> int:
    """The size of equal blocks of at most `limit` (a little more for a multiple of `step`); 0 for a single one."""
    parts = ceil(extent / max(limit, 1))
    block = ceil(extent / parts / step) * step
    return block if block < extent else 0


def _line_bytes(arrangement: Arrangement, rows: int) -> float:
    """Bytes that the results of one line read, for each position of the vector axis."""
    total = 0.0
    for access in loads_of(arrangement):
        if not access.moves(arrangement.vector):
            continue
        step = access.coef(rows) or 0
        lines = (a for a in arrangement.sums if (access.coef(a) or 0) > step)
        count = guess_product(arrangement.extent(axis) for axis in lines)
        across = arrangement.extent(rows).guess(64) if step else 1
        total += count * across * element_bits(access.buffer.element) / 8
    return total


def _weight_layouts(arrangement: Arrangement) -> dict[int, PackLayout]:
    """Operands that are the same for all pixels and strided along the vector axis."""
    found: dict[int, PackLayout] = {}
    if arrangement.vector < 0:  # every dim has size 1
        return found
    tree = arrangement.tree
    for original in dict.fromkeys(tree.space.loads):
        access, buffer = arrangement.layout.accesses[original], original.buffer
        if buffer.layout is not None or not access.moves(arrangement.vector):
            continue
        others = [axis for axis in arrangement.kept if axis != arrangement.vector]
        if access.coef(arrangement.vector) == 1 or any(x.static is None for x in buffer.shape):
            continue
        if not others or any(access.moves(axis) for axis in others):
            continue
        stride = access.coef(arrangement.vector)
        position = next(
            (i for i, x in enumerate(buffer.strides) if x.static == stride and buffer.shape[i].static != 1),
            None,
        )
        if position is not None:
            size = buffer.shape[position].static
            assert size is not None
            found[buffer.number] = PackLayout(tuple(range(len(buffer.shape))), (position,), (size,))
    return found


SCHEDULE = Window()
