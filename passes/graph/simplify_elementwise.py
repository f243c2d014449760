"""Simplifications of elementwise ops. All keep NaNs and infinities; the sign of a zero may change."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from aicc.dialects.types import FLOAT, DType
from aicc.passes.graph.facts import Array, kind
from aicc.passes.graph.rewrite import Pattern, Rewriter, pattern

_COMMUTATIVE = (
    "add",
    "mul",
    "max",
    "min",
    "and",
    "or",
    "xor",
    "equal",
    "bitwise_and",
    "bitwise_or",
    "bitwise_xor",
)
_NEUTRAL = {"add": 0.0, "sub": 0.0, "mul": 1.0, "div": 1.0, "pow": 1.0}


def _same_shape(rw: Rewriter, op: Any, value: Any) -> bool:
    """Whether `value` can stand for the result of `op`."""
    return rw.shape(op.results[0]) == rw.shape(value)


@pattern(*_COMMUTATIVE)
def constant_second(rw: Rewriter, op: Any) -> bool:
    """`c + x --> x + c`, so that other patterns look for constants in one place."""
    a, b = rw.operands(op)
    if not rw.is_weight(a) or rw.is_weight(b):
        return False
    return rw.replace(op, rw.build(kind(op), b, a))


@pattern(*_NEUTRAL)
def neutral_element(rw: Rewriter, op: Any) -> bool:
    """`x + 0, x - 0, x * 1, x / 1, x ^ 1 --> x`"""
    a, b = rw.operands(op)
    return rw.scalar(b) == _NEUTRAL[kind(op)] and _same_shape(rw, op, a) and rw.replace(op, a)


@pattern("pow")
def power_by_products(rw: Rewriter, op: Any) -> bool:
    """`x^2 --> x*x`, `x^3 --> x*x*x`, `x^0.5 --> sqrt(x)`, `x^-1 --> 1/x`, `x^-0.5 --> 1/sqrt(x)`"""
    x, exponent = rw.operands(op)
    power = rw.scalar(exponent)
    if power not in (2.0, 3.0, 0.5, -1.0, -0.5) or not _same_shape(rw, op, x):
        return False
    if power in (2.0, 3.0):
        square = rw.build("mul", x, x)
        return rw.replace(op, square if power == 2.0 else rw.build("mul", square, x))
    if rw.dtype(x) not in FLOAT:
        return False
    root = x if power == -1.0 else rw.build("sqrt", x)
    return rw.replace(op, root if power == 0.5 else rw.build("reciprocal", root))


@pattern("div")
def divide_by_constant(rw: Rewriter, op: Any) -> bool:
    """`x / c --> x * (1/c)` where 1/c is exact, or at one more rounding: of f32 and f64, of more than one number"""
    x, divisor = rw.operands(op)
    known = rw.constant(divisor)
    dtype = rw.dtype(x)
    if known is None or known.size == 0 or dtype not in FLOAT or rw.is_weight(x):
        return False
    one = all(size == 1 for size in rw.shape(op.results[0]))  # a scale, which many numbers are rounded by
    inverse = _inverse(known, dtype, rounded=dtype in (DType.F32, DType.F64) and not one)
    return inverse is not None and rw.replace(op, rw.build("mul", x, rw.const(inverse)))


def _inverse(divisor: Array, dtype: DType, rounded: bool) -> Array | None:
    """`1 / divisor` when multiplying by it does as well as dividing: no overflow, no denormals, exact or `rounded`."""
    wide = np.abs(divisor.astype(np.float64))
    if not np.all(np.isfinite(wide)) or np.any(wide < 1e-30) or np.any(wide > 1e30):
        return None
    exact = bool(np.all(np.frexp(wide)[0] == 0.5))
    if not exact and not rounded:
        return None
    out: Array = (1.0 / divisor.astype(np.float64)).astype(dtype.numpy)
    return out if np.all(out != 0) and np.all(np.isfinite(out.astype(np.float64))) else None


@pattern("neg", "not", "reciprocal", "bitwise_not")
def involution(rw: Rewriter, op: Any) -> bool:
    """`-(-x) --> x`, `!!x --> x`; `1/(1/x)` only of a square root: `1/(1/sqrt(x)) --> sqrt(x)`"""
    (x,) = rw.operands(op)
    before = rw.producer(x, kind(op))
    if before is None or kind(op) == "reciprocal" and rw.producer(before.operands[0], "sqrt") is None:
        return False
    return rw.replace(op, before.operands[0])


@pattern("div")
def divide_by_root(rw: Rewriter, op: Any) -> bool:
    """`1 / x --> reciprocal(x)`"""
    one, x = rw.operands(op)
    if rw.scalar(one) != 1.0 or rw.dtype(x) not in FLOAT or not _same_shape(rw, op, x):
        return False
    return rw.replace(op, rw.build("reciprocal", x))


@pattern("max", "min")
def bound_by_constant(rw: Rewriter, op: Any) -> bool:
    """`max(x, c) --> clip(x, low = c)`, `min(x, c) --> clip(x, high = c)`"""
    x, bound = rw.operands(op)
    limit = rw.scalar(bound)
    if limit is None or math.isnan(limit) or rw.is_weight(x) or not _same_shape(rw, op, x):
        return False
    known = rw.constant(bound)
    assert known is not None
    c = rw.const(known.reshape(-1)[0])
    return rw.replace(op, rw.build("clip", x, c, None) if kind(op) == "max" else rw.build("clip", x, None, c))


@pattern("clip")
def clip_of_clip(rw: Rewriter, op: Any) -> bool:
    """`clip(clip(x, a, b), c, d) --> clip(x, max(a, c), min(b, d))`; `clip(relu(x), c, d)` likewise"""
    x, low, high = rw.operands(op)
    if low is None and high is None:
        return rw.replace(op, x)
    before = rw.inner(x, "clip", "relu")
    bounds = [rw.constant(v) for v in (low, high)]
    if before is None or _unknown((low, high), bounds):
        return False
    if kind(before) == "relu":
        first: list[Any] = [np.zeros((), rw.dtype(x).numpy), None]
    else:
        outer = rw.operands(before)[1:]
        first = [rw.constant(v) for v in outer]
        if _unknown(outer, first):
            return False
    merged = [_tighter(first[0], bounds[0], max), _tighter(first[1], bounds[1], min)]
    a, b = (None if m is None else float(m) for m in merged)
    if a is not None and b is not None and a > b:  # then the order of the clips matters
        return False
    values = [None if m is None else rw.const(m) for m in merged]
    return rw.replace(op, rw.build("clip", before.operands[0], *values))


def _unknown(values: Any, known: list[Any]) -> bool:
    """Whether a bound is given but not known, or NaN."""
    return any(
        v is not None and (k is None or k.size != 1 or k != k) for v, k in zip(values, known, strict=True)
    )


def _tighter(a: Any, b: Any, choose: Any) -> Any:
    found = [x.reshape(()) for x in (a, b) if x is not None]
    return choose(found, key=float) if found else None


@pattern("clip")
def clip_at_zero(rw: Rewriter, op: Any) -> bool:
    """`clip(x, low = 0) --> relu(x)`"""
    x, low, high = rw.operands(op)
    return high is None and rw.scalar(low) == 0 and rw.replace(op, rw.build("relu", x))


@pattern("relu")
def relu_of_relu(rw: Rewriter, op: Any) -> bool:
    """`relu(relu(x)) --> relu(x)`; `relu(clip(x, a, b)) --> clip(x, max(a, 0), b)` for `b >= 0`"""
    (x,) = rw.operands(op)
    if rw.producer(x, "relu", "sigmoid", "softplus", "hard_sigmoid") is not None:
        return rw.replace(op, x)
    before = rw.inner(x, "clip")
    if before is None:
        return False
    source, low, high = rw.operands(before)
    a, b = rw.scalar(low) if low is not None else -math.inf, rw.scalar(high) if high is not None else math.inf
    if a is None or b is None or not b >= 0 or a != a:
        return False
    bound = low if a > 0 else rw.const(np.zeros((), rw.dtype(x).numpy))
    return rw.replace(op, rw.build("clip", source, bound, high))


@pattern("where")
def where_known(rw: Rewriter, op: Any) -> bool:
    """`true ? a : b --> a`, `c ? a : a --> a`, `!c ? a : b --> c ? b : a`"""
    condition, a, b = rw.operands(op)
    if a == b and _same_shape(rw, op, a):
        return rw.replace(op, a)
    truth = rw.scalar(condition)
    if truth is not None:
        chosen = a if truth else b
        return _same_shape(rw, op, chosen) and rw.replace(op, chosen)
    negated = rw.producer(condition, "not")
    if negated is None:
        return False
    return rw.replace(op, rw.build("where", negated.operands[0], b, a))


@pattern("and", "or")
def logic_with_constant(rw: Rewriter, op: Any) -> bool:
    """`x && true, x || false --> x`, `x && x --> x`"""
    a, b = rw.operands(op)
    neutral = 1.0 if kind(op) == "and" else 0.0
    return (rw.scalar(b) == neutral or a == b) and _same_shape(rw, op, a) and rw.replace(op, a)


_EXACT_INTEGER_BITS = {DType.F64: 53, DType.F32: 24, DType.F16: 11, DType.BF16: 8}
_WIDER_FLOAT = {DType.F16: {DType.F32, DType.F64}, DType.BF16: {DType.F32, DType.F64}, DType.F32: {DType.F64}}


def holds_all(inner: DType, outer: DType) -> bool:
    """Whether every value of `inner` is a value of `outer`."""
    if inner is outer or inner is DType.BOOL:
        return True
    if inner.is_narrow or outer.is_narrow:
        return inner.is_narrow and outer in (DType.F32, DType.F64)
    if outer is DType.BOOL or inner.is_float:
        return outer in _WIDER_FLOAT.get(inner, set())
    value_bits = inner.bits - inner.is_signed
    if outer.is_float:
        return value_bits <= _EXACT_INTEGER_BITS[outer]
    return value_bits <= outer.bits - outer.is_signed and (outer.is_signed or not inner.is_signed)


@pattern("cast")
def cast_of_cast(rw: Rewriter, op: Any) -> bool:
    """`cast(x, its dtype) --> x`; `cast(cast(x, wider), d) --> cast(x, d)`"""
    (x,) = rw.operands(op)
    to: DType = rw.attrs(op)["to"]
    if rw.dtype(x) is to:
        return rw.replace(op, x)
    before = rw.producer(x, "cast")
    if before is None:
        return False
    source = before.operands[0]
    if not holds_all(rw.dtype(source), rw.dtype(x)):
        return False
    return rw.replace(op, source if rw.dtype(source) is to else rw.build("cast", source, **rw.attrs(op)))


PATTERNS: tuple[Pattern, ...] = (
    constant_second,
    neutral_element,
    power_by_products,
    divide_by_root,
    divide_by_constant,
    involution,
    bound_by_constant,
    clip_of_clip,
    clip_at_zero,
    relu_of_relu,
    where_known,
    logic_with_constant,
    cast_of_cast,
)
