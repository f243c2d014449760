"""log, log2, log10, log1p: x = 2^k (1 + f) with 1 + f between sqrt(1/2) and sqrt 2."""

from __future__ import annotations

import math
import struct

from aicc.passes.loops.math.body import INF, NAN, Body, Value
from aicc.passes.loops.math.exponential import LN2

# (log(1 + f) - f + f^2 / 2) / f^3.
LOG_F32 = (
    0.3333333134651184, -0.250008225440979, 0.20001228153705597, -0.1662335842847824, 0.14201730489730835,
    -0.1316015124320984, 0.12761735916137695, -0.07634765654802322,
)  # fmt: skip
# (2 atanh(s) - 2s) / s^3 over s^2, s = f / (2 + f).
LOG_F64 = (
    0.6666666666666666, 0.40000000000006225, 0.2857142856909297, 0.22222222645793288, 0.1818177574150862,
    0.15387087594889326, 0.13250186322438637, 0.13250733815905688,
)  # fmt: skip
# 1 / ln 2 and 1 / ln 10, each as a sum of two parts; log10(2) likewise, its first part short.
LOG2_E = {
    "f32": (1.4426950216293335, 1.925963033500011e-08),
    "f64": (1.4426950408889634, 2.0355273740931033e-17),
}
LOG10_E = {
    "f32": (0.4342944920063019, -1.0103049952192578e-08),
    "f64": (0.4342944819032518, 1.098319650216765e-17),
}
LOG10_2 = {"f32": (0.301025390625, 4.605039066518657e-06), "f64": (0.30102999566383914, 1.42050232272661e-13)}


def log(b: Body, x: Value) -> Value:
    """ln x; 1 ulp."""
    k, f = _reduce(b, x)
    return _special(b, x, _assemble(b, k, f))


def log2(b: Body, x: Value) -> Value:
    """1.2 ulp."""
    k, f = _reduce(b, x)
    high, low = LOG2_E[x.element]
    tail = b.fma(f, low, _tail(b, f) * high)
    return _special(b, x, _sum(b, k, f, high, tail))


def log10(b: Body, x: Value) -> Value:
    """1.2 ulp."""
    k, f = _reduce(b, x)
    high, low = LOG10_E[x.element]
    first, second = LOG10_2[x.element]
    tail = b.fma(k, second, b.fma(f, low, _tail(b, f) * high))
    return _special(b, x, _sum(b, k * first, f, high, tail))


def _sum(b: Body, whole: Value, f: Value, factor: float, tail: Value) -> Value:
    """whole + f * factor + tail, with the rounding errors of the first two terms in the third."""
    product, rest = b.two_product(f, factor)
    # |whole| is 0 or at least log(2) in the base: more than |product|, or exact.
    total, error = b.fast_two_sum(whole, product)
    return total + (error + (rest + tail))


def log1p(b: Body, x: Value) -> Value:
    """ln(1 + x); 1.4 ulp, exact zeros kept."""
    fmt = x.format
    # 1 + x = 2^k (1 + f): f = 2^-k x + (2^-k - 1) is exact up to one rounding. Huge x are scaled, for 2^-k to exist.
    big = x > 2.0**64
    scaled, one = big.select(x * 2.0**-64, x), big.select(x.like(0.0), 1.0)
    exponent = _exponent(b, scaled + one)
    down = (_one_bits(fmt.name) - exponent_bits(b, exponent)).as_float()
    f = b.fma(scaled, down, one * down - 1.0)
    k = exponent.cast("arith.sitofp", fmt.name) + big.select(x.like(64.0), 0.0)
    result = _special(b, x + 1.0, _assemble(b, k, f))
    return (x.abs() < 2.0 ** -(fmt.mantissa + 2)).select(x, result)


def log_parts(b: Body, x: Value) -> tuple[Value, Value]:
    """(k, f) of a positive normal number."""
    exponent = _exponent(b, x)
    f = (x.bits() - exponent_bits(b, exponent)).as_float() - 1.0
    return exponent.cast("arith.sitofp", x.element), f


def _reduce(b: Body, x: Value) -> tuple[Value, Value]:
    """(k, f) of a positive number; subnormal numbers are scaled first."""
    fmt = x.format
    small = x < fmt.smallest
    k, f = log_parts(b, small.select(x * 2.0 ** (fmt.mantissa + 1), x))
    return k + small.select(x.like(-(fmt.mantissa + 1.0)), 0.0), f


def _exponent(b: Body, x: Value) -> Value:
    """k, as an integer."""
    return (x.bits() - sqrt_half_bits(x.element)) >> x.format.mantissa


def exponent_bits(b: Body, exponent: Value) -> Value:
    return exponent << (23 if exponent.element == "i32" else 52)


def sqrt_half_bits(name: str) -> int:
    code = {"f32": ("<f", "<I"), "f64": ("<d", "<Q")}[name]
    return int(struct.unpack(code[1], struct.pack(code[0], math.sqrt(0.5)))[0])


def _one_bits(name: str) -> int:
    return 127 << 23 if name == "f32" else 1023 << 52


def _tail(b: Body, f: Value) -> Value:
    """log(1 + f) - f."""
    square = f * f
    if f.element == "f32":
        return b.fma(-0.5, square, (f * square) * b.polynomial(f, LOG_F32))
    half = square * 0.5
    s = f / (f + 2.0)
    z = s * s
    return b.fma(s, b.fma(z, b.polynomial(z, LOG_F64), half), -half)


def _assemble(b: Body, k: Value, f: Value) -> Value:
    """k ln 2 + log(1 + f)."""
    high, low = LN2[f.element]
    return b.fma(k, high, f + b.fma(k, low, _tail(b, f)))


def _special(b: Body, x: Value, result: Value) -> Value:
    """`result` for positive finite x, and what C says for the rest."""
    finite = (x < INF).select(result, x)
    return (x > 0.0).select(finite, x.equals(0.0).select(x.like(-INF), NAN))
