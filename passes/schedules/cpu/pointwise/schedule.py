"""The pointwise schedule: kernels without reductions.

before: a chain of parallel `linalg.generic`s, a `tensor.pad`, a `linalg.pack`, a copy
after:  for each tile (about 32 KiB of output): rows of vectors along the innermost output dimension,
        everything computed in registers between one load of each input and one store of each output

Takes every kernel of parallel stages: what has no vector form is evaluated point by point.
"""

from __future__ import annotations

from math import ceil
from typing import Any

from aicc.passes.schedules.cpu.access import Access, touched_bytes
from aicc.passes.schedules.cpu.emit import Index
from aicc.passes.schedules.cpu.emit_kernel import KernelEmitter
from aicc.passes.schedules.cpu.emit_kernel import replace as replace_function
from aicc.passes.schedules.cpu.nest import Nest, analyze
from aicc.passes.schedules.cpu.pointwise.eval import Layout, NotVector, lay_out
from aicc.passes.schedules.cpu.pointwise.loops import SpaceLoops
from aicc.passes.schedules.cpu.pointwise.plan import PointwiseConfig, plan_for
from aicc.passes.schedules.cpu.pointwise.tree import build_spaces
from aicc.passes.schedules.cpu.sizes import guess_product
from aicc.passes.schedules.machine import machine
from aicc.passes.schedules.schedule import Config, NoMatch, Schedule
from aicc.target import Target

# Seconds, of one core: a tile shorter than this is not worth a thread.
_GRAIN = 1.5e-6


class Pointwise(Schedule):
    """See the module."""

    name = "pointwise"
    config_type = PointwiseConfig

    def check(self, kernel: Any, target: Target) -> None:
        """Raises NoMatch."""
        _layouts(analyze(kernel))

    def configs(self, kernel: Any, target: Target) -> list[Config]:
        """The recommended one, then other tile sizes and unrolls."""
        return [
            PointwiseConfig(),
            PointwiseConfig(points=2048),
            PointwiseConfig(points=32768),
            PointwiseConfig(unroll=1),
            PointwiseConfig(unroll=4),
            PointwiseConfig(transpose=False),
        ]

    def cost(self, kernel: Any, target: Target, config: Config) -> float:
        """The bytes moved, or the operations at each point."""
        assert isinstance(config, PointwiseConfig)
        total = 0.0
        for layout in _layouts(analyze(kernel)):
            plan = plan_for(layout, target, config)
            total += _seconds(layout, target, plan.lanes)
        return total + machine(target).start

    def lower(self, module: Any, func: Any, target: Target, config: Config) -> None:
        """Raises NoMatch."""
        assert isinstance(config, PointwiseConfig)
        nest = analyze(func)
        layouts = _layouts(nest)
        plans = [plan_for(layout, target, config) for layout in layouts]
        while True:
            loops = [SpaceLoops(nest, layout, plan) for layout, plan in zip(layouts, plans, strict=True)]
            e = KernelEmitter(nest, target)
            try:
                _emit(e, loops)
                break
            except NotVector:
                if all(plan.lanes == 1 for plan in plans):
                    raise NoMatch("no scalar form") from None
                scalar = PointwiseConfig(lanes=1, points=config.points, transpose=False)
                plans = [plan_for(layout, target, scalar) for layout in layouts]
        seconds = max(
            _seconds(layout, target, plan.lanes) * min(1.0, 8192 / max(1, guess_product(layout.extents)))
            for layout, plan in zip(layouts, plans, strict=True)
        )
        grain = max(1, round(_GRAIN / max(seconds, 1.0e-9)))
        replace_function(module, func, e.finish(lambda counter: _tiles(counter, loops), grain))


def _layouts(nest: Nest) -> list[Layout]:
    return [lay_out(space) for space in build_spaces(nest)]


def _seconds(layout: Layout, target: Target, lanes: int) -> float:
    """Predicted time of a space: its bytes, or the operations at each point."""
    rates = machine(target)
    moved = touched_bytes(layout.accesses.values(), layout.extents)
    inner = layout.extents[-1].guess() if layout.extents else 1
    vectors = guess_product(layout.extents[:-1]) * ceil(inner / lanes)
    work = layout.space.operations() / max(1, guess_product(layout.extents)) / rates.ops
    loads = sum(_load_cycles(layout, access, lanes) for access in dict.fromkeys(layout.accesses.values()))
    return max(rates.stream(moved, target), vectors * max(work, loads / rates.loads) / rates.clock)


def _load_cycles(layout: Layout, access: Access, lanes: int) -> float:
    """Loads that one vector of an operand is worth: element by element, through registers in squares, or one."""
    if not layout.extents or not access.moves(layout.inner) or access.coef(layout.inner) == 1:
        return 1.0
    square = any(access.coef(axis) == 1 for axis in range(layout.inner))
    return 4.0 if square and layout.extents[-1].guess() >= lanes else 1.5 * lanes


def _tiles(e: KernelEmitter, loops: list[SpaceLoops]) -> Index:
    return e.add(*(each.tiles(e) for each in loops))


def _emit(e: KernelEmitter, loops: list[SpaceLoops]) -> None:
    """The spaces one after the other in the tile number."""
    if len(loops) == 1:
        loops[0].emit(e, "%lo", "%hi")
        return
    first: Index = 0
    for each in loops:
        count = each.tiles(e)
        low = e.min(e.max(e.sub("%lo", first), 0), count)
        high = e.min(e.max(e.sub("%hi", first), 0), count)
        each.emit(e, low, high)
        first = e.add(first, count)


SCHEDULE = Pointwise()
