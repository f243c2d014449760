"""floor, ceil, trunc, roundeven, round: single instructions, or arithmetic where the target has none."""

from __future__ import annotations

from aicc.passes.loops.math.body import Body, Value


def roundeven(b: Body, x: Value) -> Value:
    """To the nearest integer, halves to the even one."""
    if b.rounds:
        return b.op("math.roundeven", x)
    a = x.abs()
    # Adding 2^mantissa leaves no bits after the point; larger numbers have none.
    shift = 2.0**x.format.mantissa
    return (a < shift).select((a + shift) - shift, a).sign_of(x)


def trunc(b: Body, x: Value) -> Value:
    """Towards zero."""
    if b.rounds:
        return b.op("math.trunc", x)
    a = x.abs()
    nearest = roundeven(b, a)
    return (nearest - (nearest > a).select(a.like(1.0), 0.0)).sign_of(x)


def floor(b: Body, x: Value) -> Value:
    """Down."""
    if b.rounds:
        return b.op("math.floor", x)
    nearest = roundeven(b, x)
    return (nearest - (nearest > x).select(x.like(1.0), 0.0)).sign_of(x)


def ceil(b: Body, x: Value) -> Value:
    """Up."""
    if b.rounds:
        return b.op("math.ceil", x)
    nearest = roundeven(b, x)
    return (nearest + (nearest < x).select(x.like(1.0), 0.0)).sign_of(x)


def round(b: Body, x: Value) -> Value:
    """To the nearest integer, halves away from zero."""
    whole = trunc(b, x)
    rest = (x - whole).abs()
    up = (rest >= 0.5).select(x.like(1.0), 0.0)
    return (whole.abs() + up).sign_of(x)
