"""powf: |x|^y = 2^(y log2 |x|), the logarithm with enough extra digits for y up to the format's range."""

from __future__ import annotations

from aicc.passes.loops.math.body import INF, NAN, Body, Value
from aicc.passes.loops.math.exponential import LN2, exp_polynomial
from aicc.passes.loops.math.logarithm import LOG2_E, log_parts
from aicc.passes.loops.math.rounding import trunc

# (2 atanh(s) - 2s) / s^3 over s^2, relative error 2^-37; (2^r - 1) / r for |r| <= 1/2, relative error 2^-29.
LOG_F32 = (0.6666666564872631, 0.40000334514697783, 0.2853734827132232, 0.23581447835668257)
EXP2_F32 = (
    0.6931472028785518, 0.24022647910347003, 0.05550332412037917, 0.00961843758432358, 0.0013398899707107814,
    0.00015353349474041557,
)  # fmt: skip
# (2 atanh(s) - 2s) / s^3 over s^2, relative error 2^-80; the first coefficient as a sum.
LOG_F64 = (
    0.4, 0.2857142857142821, 0.22222222222324692, 0.18181818165205063, 0.15384617048530394, 0.13333226991235403,
    0.11769046159090314, 0.10417163330785192, 0.11051095305065976,
)  # fmt: skip
TWO_THIRDS = (0.6666666666666666, 3.700743415417188e-17)


def powf(b: Body, x: Value, y: Value) -> Value:
    """x^y with all special cases of C's pow; 0.6 ulp for f32 (computed in f64), 1.2 for f64."""
    if x.element == "f32":
        magnitude = _power_f32(b, x.abs(), y.cast("arith.extf", "f64"))
    else:
        magnitude = _power_f64(b, x.abs(), y)
    return _signed(b, x, y, magnitude)


def fpowi(b: Body, x: Value, n: Value) -> Value:
    """x^n for a signed integer n; as accurate as `powf` (for |n| < 2^53)."""
    y = n.cast("arith.sitofp", "f64")
    magnitude = (_power_f32 if x.element == "f32" else _power_f64)(b, x.abs(), y)
    odd = (n & 1).differs(0)
    result = (odd & (x.bits() < 0)).select(-magnitude, magnitude)
    result = x.differs(x).select(x, result)
    return (x.equals(1.0) | n.equals(0)).select(x.like(1.0), result)


def _signed(b: Body, x: Value, y: Value, magnitude: Value) -> Value:
    half = y * 0.5
    whole = trunc(b, y).equals(y)
    odd = whole & trunc(b, half).differs(half)
    negative = x.bits() < 0
    result = (odd & negative).select(-magnitude, magnitude)
    result = ((x < 0.0) & (x > -INF) & (whole ^ 1)).select(x.like(NAN), result)
    unordered = b.op("arith.cmpf uno,", x, y, result="i1")
    result = unordered.select(x.like(NAN), result)
    return (x.equals(1.0) | y.equals(0.0)).select(x.like(1.0), result)


def _power_f32(b: Body, a: Value, y: Value) -> Value:
    """a^y for a >= 0 in f32 and y in f64."""
    wide = a.cast("arith.extf", "f64")
    k, f = log_parts(b, wide)
    s = f / (f + 2.0)
    z = s * s
    logarithm = b.fma(b.fma(s * z, b.polynomial(z, LOG_F32), s * 2.0), LOG2_E["f64"][0], k)
    logarithm = _limits(wide, logarithm)
    p = b.clamp(_product(logarithm, y), -200.0, 200.0)
    magic = wide.format.magic
    power = p + magic
    r = p - (power - magic)
    return (b.polynomial(r, (1.0, *EXP2_F32)) * b.power_of_two(power)).cast("arith.truncf", "f32")


def _limits(a: Value, logarithm: Value) -> Value:
    """The logarithms of 0 and infinity."""
    finite = (a < INF).select(logarithm, a)
    return a.equals(0.0).select(a.like(-INF), finite)


def _product(logarithm: Value, y: Value) -> Value:
    """y log2 |x|, where 1^inf is 1."""
    return logarithm.equals(0.0).select(logarithm.like(0.0), logarithm * y)


def _power_f64(b: Body, a: Value, y: Value) -> Value:
    """a^y for a >= 0; the logarithm to 2^-64 as an unevaluated sum."""
    small = a < a.format.smallest
    k, f = log_parts(b, small.select(a * 2.0**54, a))
    k = k + small.select(a.like(-54.0), 0.0)
    s, s_low = _ratio(b, f)
    z, z_low = b.two_product(s, s)
    z_low = b.fma(s * 2.0, s_low, z_low)
    # log(1 + f) = 2s + s z c, c = 2/3 + z (…)
    series = z * b.polynomial(z, LOG_F64)
    c, c_low = b.fast_two_sum(a.like(TWO_THIRDS[0]), series)
    c_low = c_low + TWO_THIRDS[1]
    cube, cube_low = _times(b, s, s_low, z, z_low)
    cubic, cubic_low = _times(b, cube, cube_low, c, c_low)
    head, head_low = b.fast_two_sum(s * 2.0, cubic)
    head_low = head_low + b.fma(s_low, 2.0, cubic_low)
    high, low = LOG2_E["f64"]
    base2, base2_low = b.two_product(head, high)
    base2_low = base2_low + b.fma(head, low, head_low * high)
    total, total_low = b.fast_two_sum(k, base2)
    # where k is 0 the sum is exact whatever the sizes
    logarithm, rest = b.fast_two_sum(total, total_low + base2_low)
    _, p_low = b.two_product(logarithm, y)
    p_low = logarithm.equals(0.0).select(logarithm.like(0.0), b.fma(rest, y, p_low))
    return _exp2_of_sum(b, _product(_limits(a, logarithm), y), p_low)


def _ratio(b: Body, f: Value) -> tuple[Value, Value]:
    """f / (2 + f) as a sum."""
    bottom = f + 2.0
    bottom_low = f - (bottom - 2.0)
    s = f / bottom
    product, lost = b.two_product(s, bottom)
    rest = ((f - product) - lost) - s * bottom_low
    return s, rest / bottom


def _times(b: Body, x: Value, x_low: Value, y: Value, y_low: Value) -> tuple[Value, Value]:
    """The product of two sums."""
    product, rest = b.two_product(x, y)
    return product, rest + b.fma(x, y_low, x_low * y)


def _exp2_of_sum(b: Body, p: Value, p_low: Value) -> Value:
    """2^(p + p_low); p_low counts only where p is in range."""
    bounded = b.clamp(p, -1100.0, 1100.0)
    tail = (bounded.abs() < 1100.0).select(p_low, 0.0)
    magic = p.format.magic
    power = bounded + magic
    n = power - magic
    r = bounded - n
    high, low = LN2["f64"]
    t = b.fma(r, high, r * low)
    t_low = b.fma(r, high, -t) + b.fma(r, low, tail * high)
    fraction = exp_polynomial(b, t)
    fraction = b.fma(fraction, t_low, fraction)
    half = bounded * 0.5 + magic
    other = n - (half - magic) + magic
    return (fraction * b.power_of_two(half)) * b.power_of_two(other)
