"""How many vector operations an op of a scalar body takes, for cost models."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from aicc.passes.schedules.cpu.nest import Generic
from aicc.passes.schedules.cpu.sizes import guess_product
from aicc.passes.schedules.machine import machine
from aicc.target import Target

# Ops of `arith` take one unless they are listed. Divisions and roots count as what they hold up; functions as
# the length of their polynomials (passes/loops/math), on f32.
_OPERATIONS: dict[str, float] = {
    "linalg.yield": 0.0,
    "linalg.index": 0.0,
    "arith.constant": 0.0,
    "arith.index_cast": 0.0,
    "arith.extf": 1.0,
    "arith.truncf": 1.0,
    # With the comparison and the choice that hand on a NaN.
    "arith.maximumf": 2.5,
    "arith.minimumf": 2.5,
    "arith.divf": 5.0,
    "arith.divsi": 20.0,
    "arith.divui": 20.0,
    "arith.remsi": 20.0,
    "arith.remui": 20.0,
    "tensor.extract": 16.0,
    "math.absf": 1.0,
    "math.floor": 1.0,
    "math.ceil": 1.0,
    "math.roundeven": 1.0,
    "math.fma": 1.0,
    "math.sqrt": 6.0,
    "math.rsqrt": 10.0,
    "math.exp": 14.0,
    "math.tanh": 20.0,
    "math.erf": 24.0,
    "math.powf": 100.0,
}
_FUNCTION = 20.0


def operations(op: Any) -> float:
    """Vector operations of an op; a product that is only added to something is part of that addition."""
    if op.name == "arith.mulf":
        uses = [use.owner.operation.name for use in op.results[0].uses]
        return 0.0 if uses in (["arith.addf"], ["arith.subf"]) else 1.0
    return _OPERATIONS.get(op.name, _FUNCTION if op.name.startswith("math.") else 1.0)


def stage_seconds(stages: Iterable[Generic], target: Target, lanes: int) -> float:
    """Predicted time of elementwise stages on vectors that are in registers already."""
    total = sum(
        guess_product(stage.extents) * sum(operations(op.operation) for op in stage.block.operations)
        for stage in stages
    )
    rates = machine(target)
    return total / lanes / (rates.ops * rates.clock)
