"""The winograd schedule: 3x3 convolutions of stride one in 2.25 or 4 times fewer multiplications.

before: a root `linalg.generic` that is a 3x3 convolution over NHWC, and elementwise stages of its result
after:  for each block of tiles: inputs transformed to the scratch; for each place in a tile a product with
        the register tiles of contractions; results transformed, the stages computed on them, one store

Vectors run over channels. The weights are transformed when the model is compiled (`transforms`), so the
schedule takes only weights, and a kernel it has been chosen for can be compiled by no other one.
What it costs in accuracy: `math`.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from aicc.knobs import knobs
from aicc.passes.schedules.cpu.contraction.plan import TILE_FLOPS
from aicc.passes.schedules.cpu.emit import Index
from aicc.passes.schedules.cpu.emit_kernel import KernelEmitter
from aicc.passes.schedules.cpu.emit_kernel import replace as replace_function
from aicc.passes.schedules.cpu.op_costs import stage_seconds
from aicc.passes.schedules.cpu.winograd.conv import Convolution, find_convolution
from aicc.passes.schedules.cpu.winograd.emit import WinogradEmitter
from aicc.passes.schedules.cpu.winograd.plan import Plan, Problem, WinogradConfig, complete, plans
from aicc.passes.schedules.schedule import Config, NoMatch, Schedule, Transform
from aicc.target import Target

# Which m may be used, for each value of AICC_WINOGRAD.
_SIZES = {"auto": (2, 4), "off": (), "2": (2,), "4": (4,)}


class Winograd(Schedule):
    """See the module."""

    name = "winograd"
    config_type = WinogradConfig

    def check(self, kernel: Any, target: Target) -> None:
        """Raises NoMatch."""
        conv = find_convolution(kernel)
        if conv.transform is not None:
            raise NoMatch("the weights are transformed already")
        if not plans(_problem(conv), target, _SIZES[knobs.winograd]):
            raise NoMatch("the image is smaller than a tile, or AICC_WINOGRAD says no")

    def configs(self, kernel: Any, target: Target) -> list[Config]:
        """The tile sizes that knobs allow, the one predicted to be faster first."""
        problem = _problem(find_convolution(kernel))
        found = [plan.config for plan in plans(problem, target, _SIZES[knobs.winograd])]
        for best in found[:1]:
            total = Plan(problem, best, target.lanes(32)).total
            for tiles in (best.tiles // 2, min(total, best.tiles * 2)):
                if tiles and tiles != best.tiles:
                    found.append(complete(WinogradConfig(best.m, tiles), problem, target).config)
        return list(found)

    def cost(self, kernel: Any, target: Target, config: Config) -> float:
        """Products and transforms, or the bytes of the transformed weights."""
        conv = find_convolution(kernel)
        plan = _plan(conv, target, config)
        return plan.seconds(target) + stage_seconds(conv.roles.epilogue, target, plan.lanes)

    def transforms(self, kernel: Any, target: Target, config: Config) -> dict[int, Transform]:
        """`G w G^T`, in panels."""
        conv = find_convolution(kernel)
        plan = _plan(conv, target, config)
        return {conv.weights.number: _transform(conv, plan)}

    def lower(self, module: Any, func: Any, target: Target, config: Config) -> None:
        """Raises NoMatch."""
        conv = find_convolution(func)
        plan = _plan(conv, target, config)
        if conv.transform != str(_transform(conv, plan)):
            raise NoMatch("the weights are not transformed for this configuration")
        e = KernelEmitter(conv.roles.nest, target)
        WinogradEmitter(e, conv, plan, target).emit()
        flops = 2.0 * plan.size**2 * plan.config.tiles * conv.channels * plan.group * plan.panel
        tiles = plan.total_of(conv.images)

        def count(counter: KernelEmitter) -> Index:
            return counter.mul(counter.ceil_div(counter.size(tiles), plan.config.tiles), plan.config.groups)

        replace_function(module, func, e.finish(count, max(1, round(TILE_FLOPS / flops))))


def _problem(conv: Convolution) -> Problem:
    return Problem(conv.images.guess(1), conv.height, conv.width, conv.channels, conv.filters)


def _plan(conv: Convolution, target: Target, config: Config) -> Plan:
    assert isinstance(config, WinogradConfig)
    problem = _problem(conv)
    if not config.m:
        config = replace(config, m=plans(problem, target)[0].config.m)
    return complete(config, problem, target)


def _transform(conv: Convolution, plan: Plan) -> Transform:
    attributes = (("m", plan.config.m), ("perm", conv.perm), ("panel", plan.panel))
    shape = (plan.size**2, plan.panels, conv.channels, plan.panel)
    return Transform("winograd_weights", attributes, shape)


SCHEDULE = Winograd()
