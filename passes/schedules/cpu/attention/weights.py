"""exp(score - maximum) on several vectors at once.

    e^x = 2^n e^r, x = n ln 2 + r, |r| <= ln 2 / 2: a polynomial of degree 5, 1.3 ulp near 0, 3 ulp at -87

Less than `math.exp` asks for: x is not positive, so that one fused step reduces it (the error of ln 2 as one
number, 2e-9 n, only shows where the result is tiny), and the vectors' chains are emitted in step, which is what
keeps the multipliers busy. Below -87.7 the result is 0; NaN stays.
"""

from __future__ import annotations

from collections.abc import Sequence

from aicc.passes.schedules.cpu.emit import Emitter, vector

_LOWEST = "-8.800000e+01"
_LOG2_E = "1.44269502"
_MINUS_LN2 = "-0.693147182"
# 1.5 * 2^23: adding it rounds to an integer, which is then in the low bits.
_MAGIC = "12582912.0"
_POLYNOMIAL = (
    "1.0",
    "0.9999997019767761",
    "0.4999914765357971",
    "0.1666763871908188",
    "0.04189816489815712",
    "0.008290267549455166",
)


def exp_not_positive(e: Emitter, values: Sequence[str], lanes: int) -> list[str]:
    """e^x of vectors of f32 whose elements are at most 0, -inf included."""
    kind, ints, bits = vector("f32", lanes), vector("i32", lanes), vector("i1", lanes)

    def number(text: str) -> str:
        return e.splat(text, "f32", lanes)

    def all_of(text: str, *operands: Sequence[str]) -> list[str]:
        return [e.op(text.format(*one)) for one in zip(*operands, strict=True)]

    lowest, magic = number(_LOWEST), number(_MAGIC)
    below = all_of(f"arith.cmpf ogt, {lowest}, {{0}} : {kind}", values)
    xs = all_of(f"arith.select {{0}}, {lowest}, {{1}} : {bits}, {kind}", below, values)
    powers = [e.fma(x, number(_LOG2_E), magic, "f32", lanes) for x in xs]
    ns = all_of(f"arith.subf {{0}}, {magic} : {kind}", powers)
    rs = [e.fma(n, number(_MINUS_LN2), x, "f32", lanes) for n, x in zip(ns, xs, strict=True)]
    *rest, last = _POLYNOMIAL
    sums = [number(last)] * len(rs)
    for coefficient in reversed(rest):
        sums = [e.fma(s, r, number(coefficient), "f32", lanes) for s, r in zip(sums, rs, strict=True)]
    whole = all_of(f"arith.bitcast {{0}} : {kind} to {ints}", powers)
    shift, bias = e.splat("23", "i32", lanes), e.splat(str(127 << 23), "i32", lanes)
    whole = all_of(f"arith.shli {{0}}, {shift} : {ints}", whole)
    whole = all_of(f"arith.addi {{0}}, {bias} : {ints}", whole)
    scales = all_of(f"arith.bitcast {{0}} : {ints} to {kind}", whole)
    return all_of(f"arith.mulf {{0}}, {{1}} : {kind}", sums, scales)
