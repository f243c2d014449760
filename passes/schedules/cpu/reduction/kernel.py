"""Puts together the function of a kernel with reductions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from aicc.passes.schedules.cpu.emit_kernel import KernelEmitter
from aicc.passes.schedules.cpu.emit_kernel import replace as replace_function
from aicc.passes.schedules.cpu.pointwise.eval import NotVector
from aicc.passes.schedules.cpu.reduction.grid import Grid
from aicc.passes.schedules.cpu.reduction.layout import Arrangement
from aicc.passes.schedules.cpu.reduction.one_pass import Pass
from aicc.passes.schedules.cpu.reduction.plan import grain
from aicc.passes.schedules.cpu.reduction.save import Saved
from aicc.passes.schedules.cpu.reduction.shift import find_shifted
from aicc.passes.schedules.cpu.reduction.state import Column, TilePlan, TileState
from aicc.passes.schedules.schedule import NoMatch


@dataclass(frozen=True, eq=False)
class Kernel:
    """A kernel with its tiles decided; `seconds` is the predicted time of all of them."""

    arrangement: Arrangement
    grid: Grid
    plan: TilePlan
    saved: Saved
    seconds: float


def emit_kernel(
    module: Any, func: Any, arrangement: Arrangement, kernel_for: Callable[[int], Kernel]
) -> None:
    """Replaces `func`. `kernel_for(lanes)` decides the tiles, 0 lanes: as many as it likes; bodies that have no
    vector form get one lane. Raises NoMatch."""
    try:
        text = _text(kernel_for(0))
    except NotVector:
        try:
            text = _text(kernel_for(1))
        except NotVector:
            raise NoMatch("no scalar form") from None
    replace_function(module, func, text)


def _text(kernel: Kernel) -> str:
    arrangement, grid, plan = kernel.arrangement, kernel.grid, kernel.plan
    nest = arrangement.tree.nest
    e = KernelEmitter(nest)
    e.scratch = kernel.saved.scratch
    shifted = find_shifted(arrangement.tree)

    def tile_of(plan: TilePlan, columns: Sequence[Column]) -> None:
        tile = TileState(e, arrangement, kernel.saved, shifted, plan, columns)
        levels = arrangement.tree.levels
        for level in range(levels + 1):
            tile.store_rows(level)
            if level < levels:
                Pass(tile, level).emit()

    scalars = replace(plan, lanes=1, masked=False)
    grid.emit(e, lambda columns: tile_of(plan, columns), lambda columns: tile_of(scalars, columns))
    count = grid.tiles(KernelEmitter(nest))
    guess = count if isinstance(count, int) else 64
    return e.finish(grid.tiles, grain(kernel.seconds, guess))
