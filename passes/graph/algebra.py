"""Expressions read modulo commutativity, associativity and the spelling of powers.

Exporters write the same formula in many ways: `0.5*x*(1+erf(x/√2))`, `x*0.5*(…)`, `x/2*(…)`. A
recognizer asks for the *monomial* or the *sum* behind a value instead, and compares that:

    x * 0.5 * s          --> coefficient 0.5, factors {x: 1, s: 1}
    d / sqrt(v)          --> coefficient 1,   factors {d: 1, v: -0.5}
    1 + erf(e)           --> constant 1,      terms [(erf(e), 1)]

Only intermediates without another use are looked through, so that nothing is computed twice when the
formula is replaced. All of it is for floating point; dtypes do not change inside one expression.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from aicc.dialects.types import DType
from aicc.passes.graph.facts import kind
from aicc.passes.graph.rewrite import Rewriter

_TOLERANCE = {DType.F64: 1e-7, DType.F32: 1e-6, DType.F16: 4e-3, DType.BF16: 3e-2}
"""Relative: constants were rounded to the dtype when the model was written, or computed in f32."""


def close(found: float | None, wanted: float, dtype: DType) -> bool:
    """Whether a constant of the model is `wanted` but for rounding."""
    return found is not None and abs(found - wanted) <= _TOLERANCE[dtype] * abs(wanted)


@dataclass(frozen=True)
class Monomial:
    """`coefficient * Π value^exponent`; `ops` are the ops it was read from, the root first."""

    coefficient: float
    factors: dict[Any, float]
    ops: tuple[Any, ...]

    def is_product_of(self, *values: Any) -> bool:
        """Whether the factors are exactly these values, each to the first power (repeats add up)."""
        wanted: dict[Any, float] = {}
        for v in values:
            wanted[v] = wanted.get(v, 0) + 1
        return self.factors == wanted

    def others(self, value: Any) -> dict[Any, float]:
        """The factors without `value`."""
        return {v: e for v, e in self.factors.items() if v != value}


@dataclass(frozen=True)
class Sum:
    """`constant + Σ sign * value`."""

    constant: float
    terms: tuple[tuple[Any, float], ...]
    ops: tuple[Any, ...]


@dataclass
class _Reader:
    rw: Rewriter
    coefficient: float = 1.0
    factors: dict[Any, float] = field(default_factory=dict)
    ops: list[Any] = field(default_factory=list)

    def leaf(self, value: Any, exponent: float) -> None:
        total = self.factors.get(value, 0.0) + exponent
        if total:
            self.factors[value] = total
        else:
            self.factors.pop(value, None)

    def read(self, value: Any, exponent: float, root: bool) -> None:
        rw = self.rw
        number = rw.scalar(value)
        if number is not None:
            if number > 0 or (number < 0 and exponent == int(exponent)):
                self.coefficient *= number**exponent
            else:
                self.leaf(value, exponent)
            return
        op = rw.producer(value, "mul", "div", "sqrt", "reciprocal", "pow", "neg") if exponent else None
        if op is None or not (root or rw.has_one_use(value) or _square_of_one(rw, value)):
            self.leaf(value, exponent)
            return
        whole = exponent == int(exponent)
        name = kind(op)
        a, b = (*rw.operands(op), None)[:2]
        if name in ("mul", "div") and whole:
            self.ops.append(op)
            self.read(a, exponent, False)
            self.read(b, exponent if name == "mul" else -exponent, False)
        elif name == "reciprocal":
            self.ops.append(op)
            self.read(a, -exponent, False)
        elif name == "neg" and whole:
            self.ops.append(op)
            self.coefficient *= -1.0 if exponent % 2 else 1.0
            self.read(a, exponent, False)
        elif name == "sqrt":
            # sqrt(a * b) is not sqrt(a) * sqrt(b) when both are negative: its operand stays whole
            self.ops.append(op)
            self.leaf(a, exponent / 2)
        elif name == "pow" and (power := rw.scalar(b)) is not None and rw.rank(b) <= rw.rank(a):
            self.ops.append(op)
            if power == int(power) and whole:
                self.read(a, exponent * power, False)
            else:
                self.leaf(a, exponent * power)
        else:
            self.leaf(value, exponent)


def _square_of_one(rw: Rewriter, value: Any) -> bool:
    """Whether all uses of `value` are one op (`mul(v, v)`)."""
    users = rw.users(value)
    return len(users) == 2 and users[0] == users[1]


def monomial(rw: Rewriter, value: Any) -> Monomial:
    """`value` as a product of powers."""
    reader = _Reader(rw)
    reader.read(value, 1.0, True)
    return Monomial(reader.coefficient, reader.factors, tuple(reader.ops))


def linear(rw: Rewriter, value: Any) -> Sum:
    """`value` as a sum of a constant and signed terms."""
    constant = 0.0
    terms: list[tuple[Any, float]] = []
    ops: list[Any] = []

    def read(v: Any, sign: float, root: bool) -> None:
        nonlocal constant
        number = rw.scalar(v)
        if number is not None:
            constant += sign * number
            return
        op = rw.producer(v, "add", "sub", "neg")
        if op is None or not (root or rw.has_one_use(v)):
            terms.append((v, sign))
            return
        ops.append(op)
        name = kind(op)
        if name == "neg":
            read(op.operands[0], -sign, False)
            return
        read(op.operands[0], sign, False)
        read(op.operands[1], sign if name == "add" else -sign, False)

    read(value, 1.0, True)
    return Sum(constant, tuple(terms), tuple(ops))


def single(values: Iterable[Any]) -> Any | None:
    """The only element, None when there is none or more than one."""
    found = list(values)
    return found[0] if len(found) == 1 else None
