"""An f32 as the sum of three bf16: `x = x1 + x2 + x3`, exactly, 8 bits of it in each.

    x1 = x rounded to bf16      x2 = (x - x1) rounded to bf16      x3 = x - x1 - x2

Each difference is exact, and the last has 8 bits left. Of the nine products of `(a1 + a2 + a3) (b1 + b2 + b3)` the
three smallest are left out: a2 b3, a3 b2 and a3 b3, together less than 2**-24 of the product, and of either sign
because terms are rounded, not cut off.

The second and third term of a number below 2**-110 may be below 2**-126, where tile registers count it as zero. An
infinity, a NaN, or a number that rounds to infinity has a term that is infinite or NaN and one that is NaN, so that
the sums it is in are no finite numbers: those are computed again in f32 (see `tile`).
"""

from __future__ import annotations

from aicc.passes.schedules.cpu.emit import vector
from aicc.passes.schedules.cpu.emit_kernel import KernelEmitter

TERMS = 3
PRODUCTS = ((2, 0), (1, 0), (1, 1), (0, 1), (0, 2), (0, 0))
"""The terms of A and of B that are multiplied, in this order: small products first, one operand stays from each to the
next."""
LANES = 16
"""Numbers that are split at once, twice."""
_HALF, _HIGH = "32768", "-65536"


def split(e: KernelEmitter, low: str, high: str) -> list[str]:
    """The terms of two `vector<16xf32>`: of each a `vector<16xi32>` that holds in every lane two bf16, that of `low`
    below that of `high`."""
    floats, words = vector("f32", LANES), vector("i32", LANES)
    half, mask, shift = (e.splat(text, "i32", LANES) for text in (_HALF, _HIGH, "16"))
    terms, values = [], [low, high]
    for number in range(TERMS):
        bits = [e.op(f"arith.bitcast {value} : {floats} to {words}") for value in values]
        if number < TERMS - 1:
            # Half a unit of the last place that stays is added to the size, whatever the sign.
            bits = [e.op(f"arith.addi {value}, {half} : {words}") for value in bits]
        bits = [e.op(f"arith.andi {value}, {mask} : {words}") for value in bits]
        below = e.op(f"arith.shrui {bits[0]}, {shift} : {words}")
        terms.append(e.op(f"arith.ori {below}, {bits[1]} : {words}"))
        if number < TERMS - 1:
            rounded = [e.op(f"arith.bitcast {value} : {words} to {floats}") for value in bits]
            values = [
                e.op(f"arith.subf {value}, {term} : {floats}")
                for value, term in zip(values, rounded, strict=True)
            ]
    return terms
