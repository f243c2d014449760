"""Angles modulo pi/2: Cody and Waite's subtraction for usual ones, Payne and Hanek's product for huge ones.

Payne, Hanek, "Radian reduction for trigonometric functions", SIGNUM 1983: only a window of the bits of 2/pi
matters for x = m 2^e: those before give multiples of 4 quadrants, those after are below the precision.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from aicc.passes.loops.math.body import Body, Value

# pi/2 as a sum of three numbers of the format.
HALF_PI = {
    "f32": (1.5707963705062866, -4.371138828673793e-08, -1.7151245100058819e-15),
    "f64": (1.5707963267948966, 6.123233995736766e-17, -1.4973849048591833e-33),
}
TWO_OVER_PI = 0.6366197723675814
# Above, rounding x * 2/pi to the nearest integer is off by too much.
LIMIT = {"f32": 1.0e5, "f64": 1.0e9}
_WORD = 64


@dataclass(frozen=True)
class Reduced:
    """x = quadrant * pi/2 + r + rest, |r| <= pi/4 and a little; `rest` (f64 only) is below half an ulp of r.

    `quadrant` is an integer of the float's width; its two lowest bits count.
    """

    r: Value
    quadrant: Value
    rest: Value | None = None


def reduce_angle(b: Body, x: Value) -> Reduced:
    """Reduces x >= 0; NaN for infinity and NaN."""
    fmt = x.format
    power = b.fma(x, TWO_OVER_PI, fmt.magic)
    n = power - fmt.magic
    first, second, third = HALF_PI[fmt.name]
    r = b.minus_product(x, n, first)
    if fmt.name == "f32":
        r = b.minus_product(b.minus_product(r, n, second), n, third)
        values = [r, power.bits()]
    else:
        product, lost = b.two_product(n, second)
        total, error = b.two_sum(r, -product)
        low = b.fma(n, -third, error - lost)
        r, rest = b.two_sum(total, low)
        values = [r, power.bits(), rest]
    values = b.replace_lanes(x > LIMIT[fmt.name], values, x, _huge)
    return Reduced(values[0], values[1], values[2] if len(values) == 3 else None)


def _huge(b: Body, x: Value) -> list[Value]:
    """`Reduced` of one number above the limit, as a list."""
    name = x.element
    wide = x.cast("arith.extf", "f64") if name == "f32" else x
    bits = wide.bits()
    exponent = _shift_right(bits, 52)
    mantissa = (bits & ((1 << 52) - 1)) | (1 << 52)
    # x = mantissa * 2^e; bit number k of 2/pi after the point weighs 2^-k, so bits k < e - 1 count multiples
    # of 4 quadrants. The window of three words starts at k = e - 1; a word of zeros stands before the point.
    e = exponent - 1075
    largest = 127 - 52 if name == "f32" else 1023 - 52
    start = e + (_WORD - 2)
    top = largest + _WORD - 2
    words = _select_words(b, start, top)
    shift = start & (_WORD - 1)
    window = [_funnel(words[i], words[i + 1], shift) for i in range(3)]
    # The product modulo 2^192, its upper 128 bits: quadrants are the upper two.
    high0 = mantissa * window[0]
    low1, high1 = _multiply(b, mantissa, window[1])
    _, high2 = _multiply(b, mantissa, window[2])
    second = low1 + high2
    carry = _unsigned_less(second, low1).cast("arith.extui", "i64")
    first = high0 + high1 + carry
    quadrant = _shift_right(first + (1 << 61), 62)
    fraction = first - (quadrant << 62)
    head = fraction.cast("arith.sitofp", "f64")
    lost = (fraction - head.cast("arith.fptosi", "i64")).cast("arith.sitofp", "f64")
    tail = lost + _shift_right(second, 1).cast("arith.sitofp", "f64") * 2.0**-63
    # (head + tail) 2^-62 quadrants, times pi/2.
    head, tail = b.fast_two_sum(head * 2.0**-62, tail * 2.0**-62)
    high, low, _ = HALF_PI["f64"]
    product, error = b.two_product(head, high)
    r, rest = b.fast_two_sum(product, error + (tail * high + head * low))
    r = r + (wide - wide)  # NaN for infinity and NaN
    if name == "f64":
        return [r, quadrant, rest]
    return [r.cast("arith.truncf", "f32"), quadrant.cast("arith.trunci", "i32")]


def _select_words(b: Body, start: Value, top: int) -> list[Value]:
    """Four consecutive words of 2/pi, the first one holding bit `start` <= top.

    By halving: each bit of the word number drops half of the words that are left.
    """
    number = _shift_right(start, 6)
    count = top // _WORD + 1
    words: list[Value] = [b.constant(w, "i64") for w in two_over_pi(count + 3)]
    step = 1
    while step < count:
        step *= 2
    while step > 1:
        step //= 2
        taken = (number & step).differs(0)
        kept = min(len(words), step + 3)
        words = [taken.select(words[min(i + step, len(words) - 1)], words[i]) for i in range(kept)]
    return words[:4]


@cache
def two_over_pi(words: int) -> tuple[int, ...]:
    """A word of zeros, then the bits of 2/pi after the point: `words` words of 64 bits."""
    bits = _WORD * words + 64
    value = (2 << (2 * bits)) // _pi(bits)
    return (0, *(value >> (bits - _WORD * (i + 1)) & ((1 << _WORD) - 1) for i in range(words - 1)))


def _pi(bits: int) -> int:
    """pi * 2^bits, by Machin's formula."""
    guard = 32

    def arctan(inverse: int) -> int:
        total, term, k = 0, (1 << (bits + guard)) // inverse, 1
        while term:
            total += term // k if k % 4 == 1 else -(term // k)
            term //= inverse * inverse
            k += 2
        return total

    return (16 * arctan(5) - 4 * arctan(239)) >> guard


def _shift_right(x: Value, by: int | Value) -> Value:
    """Without the sign."""
    return x.body.op("arith.shrui", x, x.like(by))


def _funnel(high: Value, low: Value, shift: Value) -> Value:
    """64 bits from bit `shift` (counted from the top, below 64) of high:low."""
    # low >> (64 - shift) in two steps: shifting by 64 is not defined.
    return (high << shift) | _shift_right(_shift_right(low, 1), shift ^ (_WORD - 1))


def _multiply(b: Body, left: Value, right: Value) -> tuple[Value, Value]:
    """The low and high words of the unsigned product."""
    name = b.name()
    b.lines.append(f"{name}:2 = arith.mului_extended {left.name}, {right.name} : i64")
    return Value(b, f"{name}#0", "i64"), Value(b, f"{name}#1", "i64")


def _unsigned_less(left: Value, right: Value) -> Value:
    return left.body.op("arith.cmpi ult,", left, right, result="i1")
