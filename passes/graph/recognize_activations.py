"""Recognizes activation functions that exporters write out in primitive ops.

    0.5 * x * (1 + erf(x / √2))                            -->  gelu(x)
    0.5 * x * (1 + tanh(√(2/π) * (x + 0.044715 * x³)))     -->  gelu(x, approximate = "tanh")
    1 / (1 + exp(-x))                                      -->  sigmoid(x)
    x * sigmoid(a * x)                                     -->  silu(x, alpha = a)
    clip(x + 3, 0, 6) / 6                                  -->  hard_sigmoid(x, 1/6, 1/2)
    x * hard_sigmoid(x, 1/6, 1/2)                          -->  hard_swish(x)
    x * tanh(softplus(x)), x * tanh(log(1 + exp(x)))       -->  mish(x)
    x / (1 + |x|)                                          -->  softsign(x)

in every order of operands and factors (see `algebra`). A constant must equal the formula's but for
rounding to the dtype.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

from aicc.dialects.types import FLOAT, DType
from aicc.passes.base import Pass, PassContext
from aicc.passes.graph.algebra import Monomial, close, linear, monomial
from aicc.passes.graph.facts import kind
from aicc.passes.graph.rewrite import Pattern, Rewriter, apply, pattern


@dataclass(frozen=True)
class RecognizeActivations(Pass):
    """See the module."""

    pass_name: ClassVar[str] = "recognize-activations"

    def run(self, module: Any, ctx: PassContext) -> None:
        apply(module, ctx, PATTERNS)


def _pairs(rw: Rewriter, op: Any) -> Iterator[tuple[float, Any, Any, Monomial]]:
    """`op` as `c * x * f`, both ways round, when it is a product of two values and has the shape of x."""
    result = op.results[0]
    if rw.dtype(result) not in FLOAT:
        return
    m = monomial(rw, result)
    if len(m.factors) != 2 or set(m.factors.values()) != {1.0}:
        return
    a, b = m.factors
    for x, f in ((a, b), (b, a)):
        if rw.shape(x) == rw.shape(result):
            yield m.coefficient, x, f, m


def _scaled(rw: Rewriter, value: Any, x: Any) -> float | None:
    """`a` when `value` is `a * x`."""
    m = monomial(rw, value)
    return m.coefficient if m.is_product_of(x) else None


def _one_plus(rw: Rewriter, value: Any) -> tuple[float, Any] | None:
    """`(k, f)` when `value` is `k * (1 + f)`, written so or as `k + k * f`."""
    s = linear(rw, value)
    if len(s.terms) != 1 or s.constant == 0:
        return None
    (term, sign), k = s.terms[0], s.constant
    if sign == k == 1.0:
        return 1.0, term
    m = monomial(rw, term)
    f = next(iter(m.factors), None)
    if f is None or not m.is_product_of(f) or not close(sign * m.coefficient, k, rw.dtype(value)):
        return None
    return k, f


def _tanh_argument(rw: Rewriter, value: Any, x: Any) -> bool:
    """Whether `value` is `√(2/π) * (x + 0.044715 x³)`, or `√(2/π) * x * (1 + 0.044715 x²)`."""
    dtype = rw.dtype(value)
    m = monomial(rw, value)
    if not close(m.coefficient, math.sqrt(2 / math.pi), dtype):
        return False
    rest = m.others(x)
    inner = next(iter(rest), None)
    if len(rest) != 1 or rest[inner] != 1.0 or m.factors.get(x, 0.0) not in (0.0, 1.0):
        return False
    factored = x in m.factors
    s = linear(rw, inner)
    cubes = [(sign, monomial(rw, t)) for t, sign in s.terms if t != x]
    plain = [sign for t, sign in s.terms if t == x]
    if len(cubes) != 1 or plain != ([] if factored else [1.0]) or s.constant != (1.0 if factored else 0.0):
        return False
    sign, cube = cubes[0]
    return close(sign * cube.coefficient, 0.044715, dtype) and cube.is_product_of(
        *[x] * (2 if factored else 3)
    )


@pattern("mul", "div")
def gelu(rw: Rewriter, op: Any) -> bool:
    """`0.5 * x * (1 + erf(x / √2)) --> gelu(x)`, and its approximation by tanh."""
    for c, x, f, m in _pairs(rw, op):
        found = _one_plus(rw, f)
        if found is None or not close(c * found[0], 0.5, rw.dtype(x)):
            continue
        bend = rw.producer(found[1], "erf", "tanh")
        if bend is None:
            continue
        argument = bend.operands[0]
        if kind(bend) == "erf":
            matches = close(_scaled(rw, argument, x), math.sqrt(0.5), rw.dtype(x))
            approximate = "none"
        else:
            matches = _tanh_argument(rw, argument, x)
            approximate = "tanh"
        if matches:
            rw.at(op, *m.ops, bend)
            return rw.replace(op, rw.build("gelu", x, approximate=approximate))
    return False


@pattern("mul", "div")
def silu(rw: Rewriter, op: Any) -> bool:
    """`x * sigmoid(a * x) --> silu(x, alpha = a)`"""
    for c, x, f, m in _pairs(rw, op):
        gate = rw.producer(f, "sigmoid")
        alpha = None if gate is None or c != 1.0 else _scaled(rw, gate.operands[0], x)
        if alpha is not None:
            rw.at(op, *m.ops, gate)
            return rw.replace(op, rw.build("silu", x, alpha=alpha))
    return False


@pattern("mul", "div")
def mish(rw: Rewriter, op: Any) -> bool:
    """`x * tanh(softplus(x)) --> mish(x)`, softplus also written as `log(1 + exp(x))`"""
    for c, x, f, m in _pairs(rw, op):
        bend = rw.producer(f, "tanh")
        if bend is None or c != 1.0 or not _is_softplus(rw, bend.operands[0], x):
            continue
        rw.at(op, *m.ops, bend)
        return rw.replace(op, rw.build("mish", x))
    return False


def _is_softplus(rw: Rewriter, value: Any, x: Any) -> bool:
    plain = rw.producer(value, "softplus")
    if plain is not None:
        return bool(plain.operands[0] == x)
    log = rw.producer(value, "log")
    found = None if log is None else _one_plus(rw, log.operands[0])
    power = None if found is None or found[0] != 1.0 else rw.producer(found[1], "exp")
    return power is not None and bool(power.operands[0] == x)


@pattern("mul", "div")
def hard_swish(rw: Rewriter, op: Any) -> bool:
    """`x * hard_sigmoid(x, 1/6, 1/2) --> hard_swish(x)`, also from `x * clip(x + 3, 0, 6) / 6`"""
    for c, x, f, m in _pairs(rw, op):
        dtype = rw.dtype(x)
        gate = rw.producer(f, "hard_sigmoid", "clip")
        if gate is None or gate.operands[0] != x and kind(gate) == "hard_sigmoid":
            continue
        if kind(gate) == "hard_sigmoid":
            a = rw.attrs(gate)
            matches = c == 1.0 and close(a["alpha"], 1 / 6, dtype) and close(a["beta"], 0.5, dtype)
        else:
            matches = _is_relu6_of(rw, gate, x) and close(c, 1 / 6, dtype)
        if matches:
            rw.at(op, *m.ops, gate)
            return rw.replace(op, rw.build("hard_swish", x))
    return False


def _is_relu6_of(rw: Rewriter, clip: Any, x: Any) -> bool:
    """Whether `clip` is `clip(x + 3, 0, 6)`."""
    argument, low, high = rw.operands(clip)
    s = linear(rw, argument)
    return rw.scalar(low) == 0 and rw.scalar(high) == 6 and s.constant == 3 and s.terms == ((x, 1.0),)


@pattern("mul", "div")
def hard_sigmoid(rw: Rewriter, op: Any) -> bool:
    """`clip(x + 3, 0, 6) / 6 --> hard_sigmoid(x, 1/6, 1/2)`, when it is not part of a hard_swish"""
    result = op.results[0]
    if rw.dtype(result) not in FLOAT:
        return False
    m = monomial(rw, result)
    clip = rw.producer(next(iter(m.factors), None), "clip")
    if clip is None or len(m.factors) != 1 or not m.is_product_of(clip.results[0]):
        return False
    terms = linear(rw, clip.operands[0]).terms
    if len(terms) != 1 or not close(m.coefficient, 1 / 6, rw.dtype(result)):
        return False
    x = terms[0][0]
    if not _is_relu6_of(rw, clip, x) or rw.shape(x) != rw.shape(result):
        return False
    rw.at(op, *m.ops, clip)
    return rw.replace(op, rw.build("hard_sigmoid", x, alpha=1 / 6, beta=0.5))


@pattern("reciprocal", "div")
def sigmoid(rw: Rewriter, op: Any) -> bool:
    """`1 / (1 + exp(-x)) --> sigmoid(x)`"""
    result = op.results[0]
    if rw.dtype(result) not in (DType.F32, DType.F64):
        return False
    m = monomial(rw, result)
    base = next(iter(m.factors), None)
    if base is None or m.factors != {base: -1.0} or m.coefficient != 1.0:
        return False
    found = _one_plus(rw, base)
    power = None if found is None or found[0] != 1.0 else rw.producer(found[1], "exp")
    negated = None if power is None else rw.producer(power.operands[0], "neg")
    if negated is None or rw.shape(negated.operands[0]) != rw.shape(result):
        return False
    rw.at(op, *m.ops, power, negated)
    return rw.replace(op, rw.build("sigmoid", negated.operands[0]))


@pattern("div", "mul")
def softsign(rw: Rewriter, op: Any) -> bool:
    """`x / (1 + |x|) --> softsign(x)`"""
    result = op.results[0]
    if rw.dtype(result) not in FLOAT:
        return False
    m = monomial(rw, result)
    below = [v for v, e in m.factors.items() if e == -1.0]
    above = [v for v, e in m.factors.items() if e == 1.0]
    if len(below) != 1 or len(above) != 1 or len(m.factors) != 2 or m.coefficient != 1.0:
        return False
    found = _one_plus(rw, below[0])
    size = None if found is None or found[0] != 1.0 else rw.producer(found[1], "abs")
    if size is None or size.operands[0] != above[0]:
        return False
    rw.at(op, *m.ops, size)
    return rw.replace(op, rw.build("softsign", above[0]))


PATTERNS: tuple[Pattern, ...] = (gelu, silu, mish, hard_swish, hard_sigmoid, sigmoid, softsign)
