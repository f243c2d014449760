"""Activation functions: bodies of elementwise generics."""

from __future__ import annotations

import math
from typing import Any

from aicc.passes.linalg.builder import Builder, Lowered, lowering
from aicc.passes.linalg.elementwise import Body, elementwise
from aicc.passes.linalg.scalars import Scalars


def relu(s: Scalars, _: Any, x: Any) -> Any:
    return s.max(x, s.const(0))


def sigmoid(s: Scalars, _: Any, x: Any) -> Any:
    return s.div(s.const(1), s.add(s.const(1), s.math("exp", s.neg(x))))


def _leaky_relu(s: Scalars, attrs: Any, x: Any) -> Any:
    return s.select(s.cmp("lt", x, s.const(0)), s.mul(x, s.const(attrs["alpha"])), x)


def _clamp01(s: Scalars, x: Any) -> Any:
    return s.max(s.const(0), s.min(s.const(1), x))


def _hard_sigmoid(s: Scalars, attrs: Any, x: Any) -> Any:
    return _clamp01(s, s.add(s.mul(x, s.const(attrs["alpha"])), s.const(attrs["beta"])))


def _hard_swish(s: Scalars, _: Any, x: Any) -> Any:
    return s.mul(x, _clamp01(s, s.add(s.mul(x, s.const(1 / 6)), s.const(0.5))))


def _silu(s: Scalars, attrs: Any, x: Any) -> Any:
    scaled = x if attrs["alpha"] == 1 else s.mul(x, s.const(attrs["alpha"]))
    return s.div(x, s.add(s.const(1), s.math("exp", s.neg(scaled))))


def _elu(s: Scalars, attrs: Any, x: Any) -> Any:
    return s.select(s.cmp("lt", x, s.const(0)), s.mul(s.const(attrs["alpha"]), _expm1(s, x)), x)


def _celu(s: Scalars, attrs: Any, x: Any) -> Any:
    alpha = s.const(attrs["alpha"])
    bent = s.mul(alpha, _expm1(s, s.div(x, alpha)))
    return s.add(s.max(s.const(0), x), s.min(s.const(0), bent))


def _selu(s: Scalars, attrs: Any, x: Any) -> Any:
    gamma = s.const(attrs["gamma"])
    bent = s.mul(s.const(attrs["gamma"] * attrs["alpha"]), _expm1(s, x))
    return s.select(s.cmp("gt", x, s.const(0)), s.mul(gamma, x), bent)


def _expm1(s: Scalars, x: Any) -> Any:
    return s.math("expm1", x)


def _thresholded_relu(s: Scalars, attrs: Any, x: Any) -> Any:
    return s.select(s.cmp("gt", x, s.const(attrs["alpha"])), x, s.const(0))


def softplus(s: Scalars, _: Any, x: Any) -> Any:
    # exp never overflows: its argument is not positive
    small = s.math("exp", s.neg(s.math("absf", x)))
    return s.add(s.max(x, s.const(0)), s.math("log1p", small))


def _softsign(s: Scalars, _: Any, x: Any) -> Any:
    return s.div(x, s.add(s.const(1), s.abs(x)))


def _mish(s: Scalars, attrs: Any, x: Any) -> Any:
    return s.mul(x, s.math("tanh", softplus(s, attrs, x)))


def _shrink(s: Scalars, attrs: Any, x: Any) -> Any:
    bias, lambd = s.const(attrs["bias"]), s.const(attrs["lambd"])
    upper = s.select(s.cmp("gt", x, lambd), s.sub(x, bias), s.const(0))
    if s.dtype.is_unsigned:
        return upper
    return s.select(s.cmp("lt", x, s.const(-attrs["lambd"])), s.add(x, bias), upper)


def gelu(s: Scalars, attrs: Any, x: Any) -> Any:
    half, one = s.const(0.5), s.const(1)
    if attrs["approximate"] == "tanh":
        cube = s.mul(s.mul(x, x), x)
        inner = s.mul(s.const(math.sqrt(2 / math.pi)), s.add(x, s.mul(s.const(0.044715), cube)))
        bell = s.math("tanh", inner)
    else:
        bell = s.math("erf", s.mul(x, s.const(math.sqrt(0.5))))
    return s.mul(s.mul(half, x), s.add(one, bell))


def _prelu(s: Scalars, _: Any, x: Any, slope: Any) -> Any:
    return s.select(s.cmp("lt", x, s.const(0)), s.mul(x, slope), x)


BODIES: dict[str, Body] = {
    "relu": relu,
    "sigmoid": sigmoid,
    "leaky_relu": _leaky_relu,
    "hard_sigmoid": _hard_sigmoid,
    "hard_swish": _hard_swish,
    "silu": _silu,
    "elu": _elu,
    "celu": _celu,
    "selu": _selu,
    "thresholded_relu": _thresholded_relu,
    "softplus": softplus,
    "softsign": _softsign,
    "mish": _mish,
    "shrink": _shrink,
    "gelu": gelu,
    "prelu": _prelu,
}


@lowering(*BODIES)
def from_table(b: Builder, n: Lowered) -> Any:
    return elementwise(b, n, BODIES[n.op.name])
