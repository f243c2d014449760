"""ipowi: integer powers, modulo 2^bits."""

from __future__ import annotations

from aicc.passes.loops.math.body import Body, Value


def ipowi(b: Body, x: Value, n: Value) -> Value:
    """x^n by squaring; for negative n, 1/x^n rounded towards zero (0 for x = 0)."""
    bits = int(x.element[1:])
    exponent = (n < 0).select(n.like(0), n)
    kinds = ", ".join([b.kind(x.element)] * 3)
    low, high, step, i, loop = (b.name() for _ in range(5))
    for name, number in ((low, 0), (high, bits - 1), (step, 1)):
        b.lines.append(f"{name} = arith.constant {number} : index")
    power, base, left = (Value(b, b.name(), x.element) for _ in range(3))
    one = x.like(1)
    b.lines.append(
        f"{loop}:3 = scf.for {i} = {low} to {high} step {step} iter_args({power.name} = {one.name}, "
        f"{base.name} = {x.name}, {left.name} = {exponent.name}) -> ({kinds}) {{"
    )
    next_power = (left & 1).differs(0).select(power * base, power)
    next_base = base * base
    next_left = left >> one
    b.lines.append(f"scf.yield {next_power.name}, {next_base.name}, {next_left.name} : {kinds}")
    b.lines.append("}")
    result = Value(b, f"{loop}#0", x.element)
    minus = (n & 1).differs(0).select(x, 1)
    inverse = x.equals(1).select(x, x.equals(-1).select(minus, 0))
    return (n < 0).select(inverse, result)
