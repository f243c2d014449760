"""Matching, the number of threads for a row, costs."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil
from typing import Any

from aicc.passes.schedules.cpu.access import touched_bytes
from aicc.passes.schedules.cpu.emit_kernel import replace
from aicc.passes.schedules.cpu.nest import analyze
from aicc.passes.schedules.cpu.pointwise.eval import NotVector
from aicc.passes.schedules.cpu.reduction.layout import Arrangement, directions
from aicc.passes.schedules.cpu.reduction.tree import build
from aicc.passes.schedules.cpu.sizes import guess_product
from aicc.passes.schedules.cuda.costs import LATENCY, LAUNCH, rates
from aicc.passes.schedules.cuda.emitter import WARP, GpuEmitter
from aicc.passes.schedules.cuda.rows.launch import emit_rows, row_lanes, shares_columns
from aicc.passes.schedules.schedule import Config, NoMatch, Schedule
from aicc.target import Target

BLOCK = 256
_MANY = 1 << 16
"""Results that keep a device busy with one thread each."""
_WARPS = 1 << 11
"""Rows that keep it busy with one warp each."""
_SHARED = 16
"""Elements of a result that are worth several threads."""
_SLICES = (8, 32)
"""Warps that share a column of results."""
_RESIDENT = 2048
"""Threads of a multiprocessor."""
_AHEAD = 4
"""Loads that a loop, unrolled, asks for before it waits."""
_SHUFFLED = ("f32", "i32")
"""Types of partial results that lanes can give each other."""


@dataclass(frozen=True)
class RowsConfig(Config):
    """`threads` of a row: 1, a warp, or a block; 0: chosen from the sizes. `vectors`: 16 bytes a thread where
    possible."""

    threads: int = 0
    vectors: bool = True


class Rows(Schedule):
    """See the package."""

    name = "rows"
    config_type = RowsConfig

    def check(self, kernel: Any, target: Target) -> None:
        """Raises NoMatch."""
        _arranged(kernel, RowsConfig())

    def configs(self, kernel: Any, target: Target) -> list[Config]:
        """The recommended one, then other numbers of threads."""
        wide = [RowsConfig(threads=n) for n in (WARP, 4 * WARP, BLOCK, 4 * BLOCK)]
        own = _threads(_arranged(kernel, RowsConfig()), RowsConfig())
        return [RowsConfig(), *(c for c in wide if own > 1), RowsConfig(vectors=False)]

    def cost(self, kernel: Any, target: Target, config: Config) -> float:
        """The bytes, or operations and loads of results that share nothing."""
        arrangement = _arranged(kernel, RowsConfig())
        accesses = arrangement.layout.accesses.values()
        moved = touched_bytes(accesses, arrangement.layout.extents)
        points = guess_product(arrangement.layout.extents)
        loads = len(arrangement.full_accesses) * points * arrangement.tree.levels
        # A load that hits a cache takes as long as several operations, and many if a warp's do not lie together.
        each = 8.0 if _threads(arrangement, RowsConfig()) == 1 or _together(arrangement) else 32.0
        speed = rates(target)
        work = (loads * each + arrangement.tree.space.operations()) / speed.flops
        return max(moved / speed.bandwidth, work, _waits(arrangement, target)) + LAUNCH

    def lower(self, module: Any, func: Any, target: Target, config: Config) -> None:
        """Raises NoMatch."""
        assert isinstance(config, RowsConfig)
        arrangement = _arranged(func, config)
        threads = _threads(arrangement, config)
        lanes = row_lanes(arrangement, threads) if config.vectors else 1
        try:
            text = _text(arrangement, threads, lanes)
        except NotVector:
            try:
                text = _text(arrangement, threads, 1)
            except NotVector:
                raise NoMatch("no scalar form") from None
        replace(module, func, text)


def _waits(arrangement: Arrangement, target: Target) -> float:
    """Seconds that a thread waits for what it reads one after the other, some loads ahead."""
    threads = _threads(arrangement, RowsConfig())
    length = guess_product(arrangement.extent(axis) for axis in arrangement.sums)
    rows = guess_product(arrangement.extent(axis) for axis in arrangement.kept)
    loads = ceil(length / (threads * row_lanes(arrangement, threads)))
    waves = ceil(rows * threads / (target.cores * _RESIDENT))
    return waves * loads * arrangement.tree.levels * LATENCY / _AHEAD


def _text(arrangement: Arrangement, threads: int, lanes: int) -> str:
    e = GpuEmitter(arrangement.tree.nest)
    # A row for a block where several warps share it: few rows reach all multiprocessors.
    emit_rows(e, arrangement, threads, threads if threads > WARP else BLOCK, lanes)
    return e.function()


def _arranged(kernel: Any, config: RowsConfig) -> Arrangement:
    """Along the reduced axes where these are contiguous and long, else across them. Raises NoMatch."""
    tree = build(analyze(kernel))
    if not all(step.splits for step in tree.steps):
        # One thread takes elements in order: partial results need not be joined.
        found = [a for a in directions(tree) if not a.along] or directions(tree)
        return found[0]
    options = directions(tree)
    along = next((a for a in options if a.along), None)
    across = next((a for a in options if not a.along), None)
    if along is None or across is None:
        chosen = along or across
        assert chosen is not None
        return chosen
    lead = next((a for a in along.full_accesses), None)
    length = guess_product(along.extent(axis) for axis in along.sums)
    contiguous = lead is not None and lead.linear and lead.coef(along.vector) == 1
    return along if contiguous and length >= WARP else across


def _together(arrangement: Arrangement) -> bool:
    """Whether the loads of a warp whose threads share results are of neighbouring elements."""
    if not arrangement.along:
        return shares_columns(arrangement)
    return all(a.linear and a.coef(arrangement.vector) in (0, 1) for a in arrangement.full_accesses)


def _threads(arrangement: Arrangement, config: RowsConfig) -> int:
    """Threads of a row."""
    steps = arrangement.tree.steps
    elements = {init.element for step in steps for init in step.stage.inits}
    if not all(step.splits for step in steps) or not elements <= set(_SHUFFLED) or not arrangement.sums:
        return 1
    if config.threads:
        return config.threads
    length = guess_product(arrangement.extent(axis) for axis in arrangement.sums)
    rows = guess_product(arrangement.extent(axis) for axis in arrangement.kept)
    if arrangement.along:
        if length <= 256 or (length <= 1024 and rows >= _WARPS):
            return WARP
        return 4 * WARP if length <= 1024 else BLOCK if length <= 16384 else 4 * BLOCK
    # Few results of many elements each: threads share them.
    if length < _SHARED or rows >= _MANY:
        return 1
    if not shares_columns(arrangement):
        return WARP if length >= 2 * WARP and rows < _MANY // 16 else 1
    return _SLICES[1] if rows < _MANY // 16 and length >= 512 else _SLICES[0]


SCHEDULE = Rows()
