"""exp, exp2, expm1: x = n ln 2 + r, e^x = 2^n e^r (Cody and Waite 1980), e^r by a polynomial."""

from __future__ import annotations

import math
from collections.abc import Sequence

from aicc.passes.loops.math.body import Body, Value

# (e^r - 1 - r) / r^2 for |r| <= ln 2.
EXP = {
    "f32": (
        0.5000003576278687, 0.16666613519191742, 0.04166125878691673, 0.008336108177900314,
        0.001410468015819788, 0.00019611445895861834,
    ),
    "f64": (
        0.5, 0.16666666666666652, 0.04166666666666727, 0.008333333333337882, 0.0013888888888803825,
        0.00019841269835845196, 2.4801587354892884e-05, 2.7557322307903346e-06, 2.755730289650517e-07,
        2.5051202725414457e-08, 2.0879060490753164e-09, 1.6191657296421694e-10, 1.137812109384269e-11,
    ),
}  # fmt: skip
# The same for |r| <= ln 2 / 2.
EXP_FAST = {
    "f32": (
        0.4999999403953552,
        0.1666651964187622,
        0.04166839271783829,
        0.0083687799051404,
        0.0013814496342092752,
    )
}
# The same, the error relative to e^r - 1.
EXPM1 = {
    "f32": (0.4999999701976776, 0.1666654348373413, 0.04166720062494278, 0.008366581052541733, 0.0013882480561733246),
    "f64": (
        0.5, 0.16666666666666677, 0.041666666666666505, 0.008333333333321606, 0.0013888888888962882,
        0.00019841269886208715, 2.4801587171856118e-05, 2.7557244103396475e-06, 2.7557402939307684e-07,
        2.5109081680868528e-08, 2.0875327164187673e-09,
    ),
}  # fmt: skip
# ln 2 as a sum; the product of the first part and any exponent is exact.
LN2 = {
    "f32": (0.693145751953125, 1.428606765330187e-06),
    "f64": (0.6931471803691238, 1.9082149292705877e-10),
}
# Below, e^x is 0; above, infinite; to either side far enough for the exact bounds to be what arithmetic gives.
RANGE = {"f32": (-104.5, 90.5), "f64": (-746.0, 711.5)}
RANGE_EXPM1 = {"f32": (-20.0, 89.0), "f64": (-40.0, 710.0)}
RANGE_FAST = {"f32": (-88.0, 88.37)}


def exp(b: Body, x: Value) -> Value:
    """e^x; 1.3 ulp, results below the smallest normal number included."""
    return exp_scaled(b, x, 0)


def exp_scaled(b: Body, x: Value, bias: int) -> Value:
    """2^bias e^x, without overflow in between; bias is -1 or 0."""
    power, rest = split(b, b.clamp(x, *RANGE[x.element]))
    half = b.power_of_two(power)
    return b.fma(rest, half, half) * (half if bias == 0 else b.power_of_two(power, bias))


def split(b: Body, x: Value) -> tuple[Value, Value]:
    """(h, e^r - 1) with x = 2h ln 2 + r; h lies in the low bits of a float.

    The exponent is kept even, so that 2^h twice scales without leaving the format's range: wider r costs one
    term, two separate powers of two cost more.
    """
    f = x.format
    power = b.fma(x, 0.5 / math.log(2), f.magic)
    h = power - f.magic
    high, low = LN2[f.name]
    r = b.fma(h, -2 * low, b.fma(h, -2 * high, x))
    return power, expm1_polynomial(b, r, EXP[r.element])


def expm1_polynomial(b: Body, r: Value, coefficients: Sequence[float]) -> Value:
    """e^r - 1 for |r| as far as the coefficients go."""
    square = r * r
    return b.fma(square, b.split_polynomial(r, square, coefficients), r)


def exp_polynomial(b: Body, r: Value) -> Value:
    """e^r for |r| <= ln 2."""
    return b.polynomial(r, (1.0, 1.0, *EXP[r.element]))


def exp_fast(b: Body, x: Value) -> Value:
    """e^x for f32 with 1.1 ulp from -87.3 to 88.3; 0 below about -87.7, and what it is at 88.37 above that.

    For where results far from 1 do not matter (softmax): `math.exp` with the fast-math flag `afn`.
    """
    f = x.format
    # At the lower end n is -127, whose power of two by bits is 0.
    x = b.clamp(x, *RANGE_FAST[f.name])
    power = b.fma(x, 1 / math.log(2), f.magic)
    n = power - f.magic
    high, low = LN2[f.name]
    r = b.fma(n, -low, b.fma(n, -high, x))
    whole = b.power_of_two(power)
    return b.fma(expm1_polynomial(b, r, EXP_FAST[f.name]), whole, whole)


def exp2(b: Body, x: Value) -> Value:
    """2^x; 1.4 ulp."""
    f = x.format
    x = b.clamp(x, -(f.bias + f.mantissa + 3.0), f.bias + 2.0)
    power = b.fma(x, 0.5, f.magic)
    fraction = exp_polynomial(b, times_ln2(b, b.fma(power - f.magic, -2.0, x)))
    half = b.power_of_two(power)
    return (fraction * half) * half


def times_ln2(b: Body, r: Value) -> Value:
    """r ln 2 with one rounding."""
    high, low = LN2[r.element]
    return b.fma(r, high, r * low)


def expm1(b: Body, x: Value) -> Value:
    """e^x - 1; 1.7 ulp, exact zeros kept."""
    f = x.format
    bounded = b.clamp(x, *RANGE_EXPM1[f.name])
    power = b.fma(bounded, 1 / math.log(2), f.magic)
    n = power - f.magic
    high, low = LN2[f.name]
    r = b.fma(n, -low, b.fma(n, -high, bounded))
    small = b.fma(r * r, b.polynomial(r, EXPM1[f.name]), r)
    # 2 (2^(n-1) (e^r - 1) + 2^(n-1) - 1/2): n is up to 128, and 2^128 is no float.
    half = b.power_of_two(power, -1)
    large = b.fma(small, half, half - 0.5) * 2.0
    result = n.equals(0.0).select(small, large)
    return (x.abs() < 2.0 ** -(f.mantissa + 2)).select(x, result)
