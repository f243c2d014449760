"""asin, acos, atan, atan2: odd polynomials after folding the argument into a small range (Cody and Waite 1980)."""

from __future__ import annotations

import math

from aicc.passes.loops.math.body import Body, Value
from aicc.passes.loops.math.reduction import HALF_PI

# (asin x - x) / x^3 for |x| <= 1/2 and (atan x - x) / x^3 for |x| <= tan(pi/8), over x^2.
ASIN = {
    "f32": (0.16666752099990845, 0.07495297491550446, 0.04547037556767464, 0.024179501459002495, 0.0421663373708725),
    "f64": (
        0.16666666666665408, 0.07500000000336965, 0.04464285682836556, 0.030381959135545103, 0.022371758082349927,
        0.017359704307933464, 0.013885239768341048, 0.012169184378465444, 0.006528089740209243, 0.0195279599606276,
        -0.016223784944273227, 0.03191195603877054,
    ),
}  # fmt: skip
ATAN = {
    "f32": (-0.3333294987678528, 0.19977706670761108, -0.13877642154693604, 0.08053606748580933),
    "f64": (
        -0.333333333333332, 0.19999999999953236, -0.14285714280165437, 0.11111110782099928, -0.09090897723666651,
        0.07692059688969592, -0.06663098876252639, 0.058478568591369746, -0.05039179408075158,
        0.03806185648157269, -0.017904725400383025,
    ),
}  # fmt: skip


def asin(b: Body, x: Value) -> Value:
    """1.5 ulp; NaN outside [-1, 1]."""
    far, t, rest = _fold(b, x)
    near = t + rest
    high, low, _ = HALF_PI[x.element]
    # pi/2 - 2 asin(sqrt((1 - |x|) / 2)), as pi/4 + (pi/4 - …) to keep the sum exact at its end
    folded = high - ((t * 2.0) - (low - rest * 2.0))
    return far.select(folded, near).sign_of(x)


def acos(b: Body, x: Value) -> Value:
    """1.5 ulp; NaN outside [-1, 1]."""
    far, t, rest = _fold(b, x)
    high, low, _ = HALF_PI[x.element]
    signed, signed_rest = t.sign_of(x), rest.sign_of(x)
    near = high - (signed - (low - signed_rest))
    twice = (t + rest) * 2.0
    behind = 2.0 * high - (t * 2.0 - (2.0 * low - rest * 2.0))
    return far.select((x < 0.0).select(behind, twice), near)


def _fold(b: Body, x: Value) -> tuple[Value, Value, Value]:
    """(whether |x| > 1/2, t, rest) with asin(|x|) = t + rest, or pi/2 - 2 (t + rest) where folded."""
    a = x.abs()
    far = a > 0.5
    square = (1.0 - a) * 0.5
    z = far.select(square, a * a)
    t = far.select(b.op("math.sqrt", square), a)
    return far, t, (t * z) * b.polynomial(z, ASIN[x.element])


def atan(b: Body, x: Value) -> Value:
    """1.8 ulp."""
    return _atan(b, x.abs()).sign_of(x)


def _atan(b: Body, a: Value) -> Value:
    """atan of a >= 0: -1/a beyond tan(3 pi/8), (a - 1)/(a + 1) beyond tan(pi/8), with one division."""
    far, middle = a > math.tan(3 * math.pi / 8), a > math.tan(math.pi / 8)
    top = far.select(a.like(-1.0), middle.select(a - 1.0, a))
    bottom = far.select(a, middle.select(a + 1.0, 1.0))
    t = top / bottom
    high, low, _ = HALF_PI[a.element]
    base = far.select(a.like(high), middle.select(a.like(high / 2), 0.0))
    rest = far.select(a.like(low), middle.select(a.like(low / 2), 0.0))
    z = t * t
    return base + (t + b.fma(t * z, b.polynomial(z, ATAN[a.element]), rest))


def atan2(b: Body, y: Value, x: Value) -> Value:
    """The angle of the point (x, y); 2.3 ulp."""
    ay, ax = y.abs(), x.abs()
    quotient = ay / ax
    quotient = ay.equals(ax).select(ax.equals(0.0).select(ax, 1.0), quotient)  # 0/0, inf/inf
    angle = _atan(b, quotient)
    high, low, _ = HALF_PI[x.element]
    negative = x.bits() < 0
    angle = negative.select((2.0 * high - angle) + 2.0 * low, angle)
    unordered = b.op("arith.cmpf uno,", x, y, result="i1")
    return unordered.select(x + y, angle).sign_of(y)
