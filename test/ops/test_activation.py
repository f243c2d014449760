"""Activation functions against the ONNX reference."""

from __future__ import annotations

import math
from typing import Any

import ml_dtypes
import numpy as np
import pytest

from test.ops.rig import Case, case, check, check_all

Array = np.ndarray[Any, np.dtype[Any]]
FLOATS = [np.float32, np.float64, np.float16, ml_dtypes.bfloat16]


def _cases(x: Array, **settings: Any) -> list[Case]:
    plain = [
        "Relu",
        "Sigmoid",
        "Tanh",
        "HardSwish",
        "Softplus",
        "Softsign",
        "Mish",
        "Gelu",
        "Elu",
        "Celu",
        "Selu",
        "LeakyRelu",
        "ThresholdedRelu",
    ]
    out = [case(op, x, **settings) for op in [*plain, "HardSigmoid", "Shrink"]]
    out += [case(op, x, alpha=0.3, **settings) for op in ("LeakyRelu", "Elu", "Celu", "ThresholdedRelu")]
    out += [
        case("HardSigmoid", x, alpha=0.4, beta=0.3, **settings),
        case("Selu", x, alpha=1.5, gamma=2.0, **settings),
    ]
    out += [
        case("Shrink", x, lambd=0.7, bias=0.2, **settings),
        case("Gelu", x, approximate="tanh", **settings),
    ]
    return out


@pytest.mark.parametrize("dtype", FLOATS, ids=lambda d: np.dtype(d).name)
def test_activations(dtype: type, rng: np.random.Generator) -> None:
    x = (rng.standard_normal((5, 9)) * 3).astype(dtype)
    # the reference keeps some of its constants in f32
    check_all(_cases(x, rtol=1e-6 if dtype is np.float64 else None), modes=("static", "dynamic"))


def test_extremes_stay_finite() -> None:
    x = np.array([-200, -90, 0, 90, 200], np.float32)
    cases = [case(op, x) for op in ("Sigmoid", "Tanh", "Gelu", "HardSwish", "Selu", "Softsign")]
    cases += [case("Softplus", x, expected=[np.maximum(x, 0) + np.log1p(np.exp(-abs(x)))])]
    cases += [case("Mish", x, expected=[np.where(x < -80, 0, np.maximum(x, 0)).astype(np.float32)])]
    check_all(cases, modes=("static",))


def test_not_a_number_stays() -> None:
    x = np.array([np.nan, 1], np.float32)
    check_all(
        [case(op, x) for op in ("Relu", "Sigmoid", "Gelu", "LeakyRelu", "HardSigmoid", "Softplus")],
        modes=("static",),
    )


def test_swish(rng: np.random.Generator) -> None:
    x = rng.standard_normal((3, 5)).astype(np.float32)
    cases = [case("Swish", x, alpha=a, expected=[x / (1 + np.exp(-np.float32(a) * x))]) for a in (1.0, 1.5)]
    check_all(cases, opset=24, modes=("static",))


def test_prelu_broadcasts_its_slope(rng: np.random.Generator) -> None:
    x = rng.standard_normal((2, 3, 4, 5)).astype(np.float32)
    slope = rng.random((3, 1, 1)).astype(np.float32)
    check("PRelu", x, slope)


def test_gelus_of_transformer_exports(rng: np.random.Generator) -> None:
    x = rng.standard_normal((3, 8)).astype(np.float32)
    bias = rng.standard_normal(8).astype(np.float32)
    erf = np.vectorize(math.erf)

    def exact(v: Array) -> Array:
        return np.asarray(0.5 * v * (1 + erf(v / np.sqrt(2))), np.float32)

    def tanh(v: Array) -> Array:
        return np.asarray(0.5 * v * (1 + np.tanh(np.sqrt(2 / np.pi) * (v + 0.044715 * v**3))), np.float32)

    cases = [
        case("Gelu", x, domain="com.microsoft", expected=[exact(x)]),
        case("BiasGelu", x, bias, domain="com.microsoft", expected=[exact(x + bias)]),
        case("FastGelu", x, bias, domain="com.microsoft", expected=[tanh(x + bias)]),
        case("QuickGelu", x, domain="com.microsoft", expected=[x / (1 + np.exp(-np.float32(1.702) * x))]),
    ]
    check_all(cases, modes=("static",))
