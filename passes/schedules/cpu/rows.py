"""The rows schedule: softmax, normalizations, reductions of the last dimensions.

before: reductions over the same rows, and elementwise stages of rows and of values per row
after:  for each tile (some rows): one row after the other; for each pass over it, a loop of vectors with
        several partial results, joined across lanes at the end

A row that fits registers stays there from the first load to the last store; of longer ones, values that are dear
to compute are kept in the output or in scratch between passes. Reductions of several passes over dimensions
that are not innermost go across vectors, a row in each lane.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from aicc.passes.schedules.cpu.emit_kernel import aliased_arguments
from aicc.passes.schedules.cpu.nest import analyze
from aicc.passes.schedules.cpu.reduction.grid import Cut, Grid
from aicc.passes.schedules.cpu.reduction.kernel import Kernel, emit_kernel
from aicc.passes.schedules.cpu.reduction.layout import Arrangement
from aicc.passes.schedules.cpu.reduction.plan import arrange, can_mask, lanes_for, operations, seconds
from aicc.passes.schedules.cpu.reduction.save import plan_saved
from aicc.passes.schedules.cpu.reduction.state import TilePlan
from aicc.passes.schedules.cpu.reduction.tree import build
from aicc.passes.schedules.cpu.sizes import guess_product
from aicc.passes.schedules.schedule import Config, NoMatch, Schedule
from aicc.target import Target

# Points of one tile when the work at a point is small: 32 KiB of f32.
_POINTS = 8192


@dataclass(frozen=True)
class RowsConfig(Config):
    """`lanes` of a vector (0: by the widest type), `chains` partial results (0: 4), `points` of a tile (0: about
    32 KiB), `registers`: vectors of a row that stays in registers (-1: as many as there are)."""

    lanes: int = 0
    chains: int = 0
    points: int = 0
    registers: int = -1


class Rows(Schedule):
    """See the module."""

    name = "rows"
    config_type = RowsConfig

    def check(self, kernel: Any, target: Target) -> None:
        """Raises NoMatch."""
        _arranged(kernel, target)

    def configs(self, kernel: Any, target: Target) -> list[Config]:
        """The recommended one, then other numbers of partial results and tile sizes."""
        return [
            RowsConfig(),
            RowsConfig(chains=2),
            RowsConfig(chains=8),
            RowsConfig(registers=0),
            RowsConfig(points=2048),
            RowsConfig(points=32768),
        ]

    def cost(self, kernel: Any, target: Target, config: Config) -> float:
        """Operations and loads of all passes, or the bytes."""
        assert isinstance(config, RowsConfig)
        arrangement = _arranged(kernel, target)
        return seconds(arrangement, target, lanes_for(arrangement, target, config.lanes), 1)

    def lower(self, module: Any, func: Any, target: Target, config: Config) -> None:
        """Raises NoMatch."""
        assert isinstance(config, RowsConfig)
        arrangement = _arranged(func, target)
        emit_kernel(module, func, arrangement, lambda lanes: _kernel(arrangement, target, config, lanes))


def _arranged(kernel: Any, target: Target) -> Arrangement:
    arrangement = arrange(build(analyze(kernel)), target)
    if not arrangement.along and arrangement.tree.levels == 1:
        raise NoMatch("a single pass across vectors")
    return arrangement


def _kernel(arrangement: Arrangement, target: Target, config: RowsConfig, lanes: int) -> Kernel:
    lanes = lanes or lanes_for(arrangement, target, config.lanes)
    masked = can_mask(arrangement, target, lanes)
    unrolled = _unrolled(arrangement, target, config, lanes)
    splits = all(step.splits for step in arrangement.tree.steps)
    chains = (config.chains or 4) if splits else 1
    plan = TilePlan(lanes, chains, unrolled, masked)
    kept = arrangement.kept
    grid = Grid(arrangement, kept, None, None, lanes, masked)
    if kept and not arrangement.along:
        points = guess_product(arrangement.extent(axis) for axis in arrangement.sums)
        block = _block(arrangement, kept[-1], max(1, _points(arrangement, config) // max(points, 1)), lanes)
        grid = Grid(arrangement, kept[:-1], None, Cut(kept[-1], block, 1), lanes, masked)
    elif kept:
        points = guess_product(arrangement.extent(axis) for axis in arrangement.sums)
        block = max(1, _points(arrangement, config) // max(points, 1))
        grid = Grid(arrangement, kept[:-1], Cut(kept[-1], block, 1), None, lanes, masked)
    saved = plan_saved(arrangement, aliased_arguments(arrangement.tree.nest.func))
    return Kernel(arrangement, grid, plan, saved, seconds(arrangement, target, lanes, 1))


def _points(arrangement: Arrangement, config: RowsConfig) -> int:
    return config.points or max(512, int(_POINTS * 4 / (operations(arrangement) + 3.0)))


def _block(arrangement: Arrangement, axis: int, wanted: int, lanes: int) -> int:
    """A multiple of the lanes, 0 for the whole axis."""
    block = max(1, wanted // lanes) * lanes
    extent = arrangement.extent(axis).static
    return 0 if extent is not None and extent <= block else block


def _unrolled(arrangement: Arrangement, target: Target, config: RowsConfig, lanes: int) -> frozenset[int]:
    """All axes of a row when it fits half of the registers."""
    vectors = 1
    for axis in arrangement.sums:
        extent = arrangement.extent(axis).static
        if extent is None:
            return frozenset()
        vectors *= -(-extent // lanes) if arrangement.along and axis == arrangement.vector else extent
    limit = config.registers if config.registers >= 0 else target.registers // 2
    return frozenset(arrangement.sums) if vectors <= limit else frozenset()


SCHEDULE = Rows()
