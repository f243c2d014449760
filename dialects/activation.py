"""Activation functions: elementwise, with parameters as attributes."""

from __future__ import annotations

from typing import Any

import numpy as np

from aicc.dialects.attributes import Float, Str
from aicc.dialects.elementwise import Binary, Unary, declare
from aicc.dialects.numerics import Array, Fold, erf, widened
from aicc.dialects.op import Attribute, Op, Operand, TypeRuleError
from aicc.dialects.types import FLOAT, NUMERIC, DType, TensorType

ACTIVATIONS: dict[str, type[Op]] = {}
"""The unary activations by name."""


def activation(
    name: str, doc: str, fold: Fold, dtypes: frozenset[DType] = FLOAT, **parameters: float
) -> type[Op]:
    """Declares a unary activation; `parameters` are float attributes with their defaults."""
    ACTIVATIONS[name] = declare(
        name,
        doc,
        Unary,
        operands=(Operand("x", dtypes),),
        attributes=tuple(Attribute(p, Float, default=v) for p, v in parameters.items()),
        fold=staticmethod(widened(fold)),
    )
    return ACTIVATIONS[name]


def sigmoid(x: Array) -> Array:
    """`1 / (1 + exp(-x))`."""
    out: Array = 1 / (1 + np.exp(-x))
    return out


def softplus(x: Array) -> Array:
    """`log(1 + exp(x))` without overflow."""
    out: Array = np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x)))
    return out


def _selu(x: Array, *, alpha: float, gamma: float) -> Array:
    out: Array = np.where(x > 0, gamma * x, gamma * alpha * np.expm1(x))
    return out.astype(x.dtype)


def _shrink(x: Array, *, bias: float, lambd: float) -> Array:
    out: Array = np.where(x < -lambd, x + bias, np.where(x > lambd, x - bias, 0))
    return out


SELU_ALPHA = 1.67326319217681884765625
SELU_GAMMA = 1.05070102214813232421875

Relu = activation("relu", "`max(x, 0)`; NaN stays.", lambda x: np.maximum(x, np.zeros((), x.dtype)), NUMERIC)
LeakyRelu = activation(
    "leaky_relu", "`x < 0 ? alpha * x : x`.", lambda x, alpha: np.where(x < 0, x * alpha, x), alpha=0.01
)
Sigmoid = activation("sigmoid", "`1 / (1 + exp(-x))`.", sigmoid)
HardSigmoid = activation(
    "hard_sigmoid",
    "`max(0, min(1, alpha * x + beta))`.",
    lambda x, alpha, beta: np.clip(alpha * x + beta, 0, 1),
    alpha=0.2,
    beta=0.5,
)
HardSwish = activation(
    "hard_swish", "`x * max(0, min(1, x / 6 + 1 / 2))`.", lambda x: x * np.clip(x / 6 + 0.5, 0, 1)
)
Silu = activation("silu", "`x * sigmoid(alpha * x)`.", lambda x, alpha: x * sigmoid(alpha * x), alpha=1.0)
Elu = activation(
    "elu",
    "`x < 0 ? alpha * (exp(x) - 1) : x`.",
    lambda x, alpha: np.where(x < 0, alpha * np.expm1(x), x),
    alpha=1.0,
)
Celu = activation(
    "celu",
    "`max(0, x) + min(0, alpha * (exp(x / alpha) - 1))`.",
    lambda x, alpha: np.maximum(0, x) + np.minimum(0, alpha * np.expm1(x / alpha)),
    alpha=1.0,
)
Selu = activation(
    "selu", "`gamma * (x > 0 ? x : alpha * (exp(x) - 1))`.", _selu, alpha=SELU_ALPHA, gamma=SELU_GAMMA
)
ThresholdedRelu = activation(
    "thresholded_relu", "`x > alpha ? x : 0`.", lambda x, alpha: np.where(x > alpha, x, 0), alpha=1.0
)
Softplus = activation("softplus", "`log(1 + exp(x))`.", softplus)
Softsign = activation("softsign", "`x / (1 + |x|)`.", lambda x: x / (1 + np.abs(x)))
Mish = activation("mish", "`x * tanh(softplus(x))`.", lambda x: x * np.tanh(softplus(x)))
Shrink = activation(
    "shrink",
    "`x < -lambd ? x + bias : x > lambd ? x - bias : 0`.",
    _shrink,
    NUMERIC,
    bias=0.0,
    lambd=0.5,
)


class Gelu(Unary, name="gelu"):
    """`x * Φ(x)`: `x/2 (1 + erf(x/√2))`, or with `approximate = "tanh"`
    `x/2 (1 + tanh(√(2/π) (x + 0.044715 x³)))`."""

    attributes = (Attribute("approximate", Str, default="none"),)

    @staticmethod
    def infer(x: TensorType, **attrs: Any) -> TensorType:
        if attrs["approximate"] not in ("none", "tanh"):
            raise TypeRuleError(
                f"attribute 'approximate' is '{attrs['approximate']}'; expected 'none' or 'tanh'"
            )
        return x.plain()

    @staticmethod
    def fold(x: Array, *, approximate: str) -> Array:
        return _gelu(x, approximate=approximate)


ACTIVATIONS["gelu"] = Gelu


@widened
def _gelu(x: Array, *, approximate: str) -> Array:
    if approximate == "tanh":
        out: Array = 0.5 * x * (1 + np.tanh(np.sqrt(2 / np.pi).astype(x.dtype) * (x + 0.044715 * x**3)))
        return out
    exact: Array = 0.5 * x * (1 + erf(x / np.sqrt(2)))
    return exact


class PRelu(Binary, name="prelu"):
    """`x < 0 ? slope * x : x`; the slope broadcasts to x."""

    operands = (Operand("x", NUMERIC), Operand("slope", NUMERIC, like="x"))

    @staticmethod
    def infer(a: TensorType, b: TensorType, **_: Any) -> TensorType:
        return Binary.infer(a, b)

    @staticmethod
    def fold(x: Array, slope: Array) -> Array:
        return _prelu(x, slope)


@widened
def _prelu(x: Array, slope: Array) -> Array:
    out: Array = np.where(x < 0, x * slope, x)
    return out
