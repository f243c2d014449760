"""The functions by the name of their op in the math dialect."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache

from aicc.passes.loops.math.body import Body, Value
from aicc.passes.loops.math.error_function import erf, erfc
from aicc.passes.loops.math.exponential import exp, exp2, exp_fast, expm1
from aicc.passes.loops.math.hyperbolic import acosh, asinh, atanh, cosh, sinh, tanh
from aicc.passes.loops.math.integer_power import ipowi
from aicc.passes.loops.math.inverse_trigonometric import acos, asin, atan, atan2
from aicc.passes.loops.math.logarithm import log, log1p, log2, log10
from aicc.passes.loops.math.power import fpowi, powf
from aicc.passes.loops.math.roots import cbrt, rsqrt
from aicc.passes.loops.math.rounding import ceil, floor, round, roundeven, trunc
from aicc.passes.loops.math.trigonometric import cos, sin, sincos, tan

Function = Callable[..., "Value | tuple[Value, ...]"]

FUNCTIONS: dict[str, Function] = {
    "math.acos": acos,
    "math.acosh": acosh,
    "math.asin": asin,
    "math.asinh": asinh,
    "math.atan": atan,
    "math.atan2": atan2,
    "math.atanh": atanh,
    "math.cbrt": cbrt,
    "math.cos": cos,
    "math.cosh": cosh,
    "math.erf": erf,
    "math.erfc": erfc,
    "math.exp": exp,
    "math.exp2": exp2,
    "math.expm1": expm1,
    "math.fpowi": fpowi,
    "math.ipowi": ipowi,
    "math.log": log,
    "math.log10": log10,
    "math.log1p": log1p,
    "math.log2": log2,
    "math.powf": powf,
    "math.round": round,
    "math.rsqrt": rsqrt,
    "math.sin": sin,
    "math.sincos": sincos,
    "math.sinh": sinh,
    "math.tan": tan,
    "math.tanh": tanh,
}

# Instructions, where the target has them.
ROUNDING: dict[str, Function] = {
    "math.ceil": ceil,
    "math.floor": floor,
    "math.roundeven": roundeven,
    "math.trunc": trunc,
}

# With the fast-math flag `afn`, for f32.
APPROXIMATE: dict[str, Function] = {"math.exp": exp_fast}


@cache
def function_text(
    name: str, op: str, elements: Sequence[str], lanes: int, approximate: bool, fma: bool, rounds: bool
) -> str:
    """The function `@name` that computes `op` on arguments of these element types (f32, f64, integers)."""
    function = {**FUNCTIONS, **ROUNDING}[op]
    if approximate and op in APPROXIMATE and elements[0] == "f32":
        function = APPROXIMATE[op]
    body = Body(lanes, fma, rounds)
    result = function(body, *(body.argument(element) for element in elements))
    return body.function(name, result if isinstance(result, tuple) else (result,))
