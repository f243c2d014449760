"""rsqrt, cbrt; sqrt is an instruction everywhere."""

from __future__ import annotations

from aicc.passes.loops.math.body import INF, Body, Value


def rsqrt(b: Body, x: Value) -> Value:
    """1 / sqrt x; 1.5 ulp."""
    return 1.0 / b.op("math.sqrt", x)


def cbrt(b: Body, x: Value) -> Value:
    """1 ulp: a guess by dividing the exponent by 3, Halley's iteration, and one of Newton's at the end."""
    fmt = x.format
    a = x.abs()
    # Subnormal numbers have no bits to divide, and the sums below overflow for the largest.
    shift = 3 * (fmt.mantissa // 3 + 1)
    small, big = a < fmt.smallest, a > 2.0 ** (fmt.bias - 27)
    one = a.like(1.0)
    a = a * small.select(one.like(2.0**shift), big.select(one.like(2.0**-shift), one))
    t = _guess(a)
    for _ in range(1 if fmt.name == "f32" else 2):
        cube = (t * t) * t
        t = t * ((cube + a * 2.0) / (cube * 2.0 + a))
    t = t + (a / (t * t) - t) * (1 / 3)
    third = shift // 3
    t = (t * small.select(one.like(2.0**-third), big.select(one.like(2.0**third), one))).sign_of(x)
    usual = (a > 0.0) & (a < INF)
    return usual.select(t, x)


def _guess(a: Value) -> Value:
    """Within 5 %: the bits of a float are nearly its logarithm. Works on the upper 32 bits."""
    bits = a.bits()
    if bits.element == "i64":
        bits = a.body.op("arith.shrui", bits, bits.like(32)).cast("arith.trunci", "i32")
    third = bits.cast("arith.sitofp", "f32") * (1 / 3)
    offset = 709921077.0 if a.element == "f32" else 715094163.0
    guess = (third + offset).cast("arith.fptosi", "i32")
    if a.element == "f32":
        return guess.as_float()
    return (guess.cast("arith.extui", "i64") << 32).as_float()
