"""Matching and lowering."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from aicc.passes.schedules.cpu.access import touched_bytes
from aicc.passes.schedules.cpu.emit_kernel import replace
from aicc.passes.schedules.cpu.nest import analyze
from aicc.passes.schedules.cpu.pointwise.eval import Layout, NotVector, lay_out
from aicc.passes.schedules.cpu.pointwise.tree import build_spaces
from aicc.passes.schedules.cuda.costs import LAUNCH, rates
from aicc.passes.schedules.cuda.emitter import GpuEmitter
from aicc.passes.schedules.cuda.pointwise.points import emit_points, lanes_for
from aicc.passes.schedules.cuda.pointwise.tiles import across_axis, emit_tiles
from aicc.passes.schedules.schedule import Config, NoMatch, Schedule
from aicc.target import Target


@dataclass(frozen=True)
class PointwiseConfig(Config):
    """`vectors`: 16 bytes a thread where possible; `tiles`: transposed operands through shared memory."""

    vectors: bool = True
    tiles: bool = True


class Pointwise(Schedule):
    """See the package."""

    name = "pointwise"
    config_type = PointwiseConfig

    def check(self, kernel: Any, target: Target) -> None:
        """Raises NoMatch."""
        for space in build_spaces(analyze(kernel)):
            lay_out(space)

    def configs(self, kernel: Any, target: Target) -> list[Config]:
        """The recommended one, then simpler ones."""
        return [PointwiseConfig(), PointwiseConfig(vectors=False), PointwiseConfig(tiles=False)]

    def cost(self, kernel: Any, target: Target, config: Config) -> float:
        """The bytes moved."""
        layouts = [lay_out(space) for space in build_spaces(analyze(kernel))]
        moved = sum(touched_bytes(layout.accesses.values(), layout.extents) for layout in layouts)
        return moved / rates(target).bandwidth + LAUNCH * len(layouts)

    def lower(self, module: Any, func: Any, target: Target, config: Config) -> None:
        """Raises NoMatch."""
        assert isinstance(config, PointwiseConfig)
        replace(module, func, self._text(func, config))

    def _text(self, kernel: Any, config: PointwiseConfig) -> str:
        nest = analyze(kernel)
        e = GpuEmitter(nest)
        for layout in [lay_out(space) for space in build_spaces(nest)]:
            _emit(e, layout, config)
        return e.function()


def _emit(e: GpuEmitter, layout: Layout, config: PointwiseConfig) -> None:
    across = across_axis(layout) if config.tiles else None
    if across is not None:
        emit_tiles(e, layout, across)
        return
    try:
        with e.attempt():
            emit_points(e, layout, lanes_for(layout) if config.vectors else 1)
    except NotVector:
        try:
            emit_points(e, layout, 1)
        except NotVector:
            raise NoMatch("no scalar form") from None


SCHEDULE = Pointwise()
