"""sinh, cosh, tanh and their inverses."""

from __future__ import annotations

from aicc.passes.loops.math.body import NAN, Body, Value
from aicc.passes.loops.math.exponential import exp_scaled, expm1
from aicc.passes.loops.math.logarithm import log1p

# (sinh x - x) / x^3 for |x| <= 1, over x^2.
SINH = {
    "f32": (0.1666671633720398, 0.008330283686518669, 0.00020372237486299127),
    "f64": (
        0.16666666666666669, 0.008333333333333148, 0.0001984126984143195, 2.7557319157045565e-06,
        2.505212314108109e-08, 1.6057259416542276e-10, 7.758759851786623e-13,
    ),
}  # fmt: skip
# tanh x = x TOP / BOTTOM for |x| <= 9.02, over x^2.
TANH_TOP = (1.0, 0.13379739224910736, 0.0034940592013299465, 2.0583827790687792e-05, 1.3319437108805232e-08)
TANH_BOTTOM = (1.0, 0.46713054180145264, 0.025871170684695244, 0.0003283130645286292, 7.762193945382023e-07)
LN2 = 0.6931471805599453


def tanh(b: Body, x: Value) -> Value:
    """3.7 ulp for f32, 2.2 for f64."""
    if x.element == "f32":
        bounded = b.clamp(x, -9.02, 9.02)
        z = bounded * bounded
        quotient = (bounded * b.polynomial(z, TANH_TOP)) / b.polynomial(z, TANH_BOTTOM)
        return b.clamp(quotient, -1.0, 1.0)
    e = expm1(b, b.at_most(x.abs(), 22.0) * 2.0)
    return (e / (e + 2.0)).sign_of(x)


def sinh(b: Body, x: Value) -> Value:
    """1.7 ulp."""
    a = x.abs()
    half = exp_scaled(b, a, -1)
    z = a * a
    near = b.fma(a * z, b.polynomial(z, SINH[x.element]), a)
    return (a < 1.0).select(near, half - 0.25 / half).sign_of(x)


def cosh(b: Body, x: Value) -> Value:
    """1.7 ulp."""
    half = exp_scaled(b, x.abs(), -1)
    return half + 0.25 / half


def asinh(b: Body, x: Value) -> Value:
    """1.5 ulp."""
    a = x.abs()
    square = a * a
    root = b.op("math.sqrt", square + 1.0)
    return _log_of_sum(b, a, a + square / (root + 1.0)).sign_of(x)


def acosh(b: Body, x: Value) -> Value:
    """1.5 ulp; NaN below 1."""
    t = x - 1.0
    result = _log_of_sum(b, x, t + b.op("math.sqrt", b.fma(t, t, t * 2.0)))
    return (x >= 1.0).select(result, NAN)


def _log_of_sum(b: Body, a: Value, argument: Value) -> Value:
    """log1p(argument), or ln 2a where a is so large that the argument is 2a, and may be infinite."""
    large = a > 2.0 ** (a.format.mantissa + 2)
    return log1p(b, large.select(a, argument)) + large.select(a.like(LN2), 0.0)


def atanh(b: Body, x: Value) -> Value:
    """2 ulp; infinite at -1 and 1, NaN beyond."""
    a = x.abs()
    return (log1p(b, (a * 2.0) / (1.0 - a)) * 0.5).sign_of(x)
