"""Normalizations against the ONNX reference or float64 NumPy."""

from __future__ import annotations

from typing import Any

import ml_dtypes
import numpy as np
import pytest

from test.ops.rig import case, check, check_all

Array = np.ndarray[Any, np.dtype[Any]]
HALVES = [np.float16, ml_dtypes.bfloat16]


def _normal(rng: np.random.Generator, *shape: int) -> Array:
    return rng.standard_normal(shape).astype(np.float32)


def _standardized(x: Array, axes: tuple[int, ...], epsilon: float = 1e-5) -> Array:
    wide = x.astype(np.float64)
    centered = wide - wide.mean(axes, keepdims=True)
    return np.asarray(centered / np.sqrt((centered**2).mean(axes, keepdims=True) + epsilon))


@pytest.mark.parametrize("rank", [2, 3, 4])
def test_batch_norm(rank: int, rng: np.random.Generator) -> None:
    x = _normal(rng, *(2, 3, 4, 5)[:rank])
    parameters = [_normal(rng, 3), _normal(rng, 3), _normal(rng, 3), rng.random(3).astype(np.float32) + 0.1]
    check("BatchNormalization", x, *parameters, epsilon=1e-3)


def test_batch_norm_of_old_opsets(rng: np.random.Generator) -> None:
    x = _normal(rng, 2, 3, 4)
    scale, bias, mean, variance = (rng.random(3).astype(np.float32) + 0.1 for _ in range(4))
    y = (x - mean[:, None]) / np.sqrt(variance[:, None] + 1e-5) * scale[:, None] + bias[:, None]
    for opset in (7, 9, 14):
        check(
            "BatchNormalization", x, scale, bias, mean, variance, opset=opset, modes=("static",), expected=[y]
        )


def test_batch_norm_in_training(rng: np.random.Generator) -> None:
    x = _normal(rng, 2, 3, 4, 5)
    parameters = [_normal(rng, 3), _normal(rng, 3), _normal(rng, 3), rng.random(3).astype(np.float32)]
    check(
        "BatchNormalization",
        x,
        *parameters,
        training_mode=1,
        momentum=0.7,
        outputs=3,
        modes=("static", "dynamic"),
    )


@pytest.mark.parametrize("axis", [1, 2, -1, 0])
def test_layer_norm(axis: int, rng: np.random.Generator) -> None:
    x = _normal(rng, 3, 4, 5)
    shape = x.shape[axis:]
    scale, bias = _normal(rng, *shape), _normal(rng, *shape)
    axes = tuple(range(axis % 3, 3))
    y = (_standardized(x, axes) * scale + bias).astype(np.float32)
    without_bias = (_standardized(x, axes) * scale).astype(np.float32)
    cases = [case("LayerNormalization", x, scale, bias, axis=axis, expected=[y])]
    check_all([*cases, case("LayerNormalization", x, scale, axis=axis, expected=[without_bias])])


def test_layer_norm_with_statistics(rng: np.random.Generator) -> None:
    x = _normal(rng, 3, 4, 5)
    check("LayerNormalization", x, _normal(rng, 5), _normal(rng, 5), outputs=3, modes=("static", "dynamic"))


def test_layer_norm_far_from_zero(rng: np.random.Generator) -> None:
    x = (1000 + rng.standard_normal((2, 64))).astype(np.float32)
    one = np.ones(64, np.float32)
    check(
        "LayerNormalization",
        x,
        one,
        modes=("static",),
        expected=[_standardized(x, (1,)).astype(np.float32)],
        rtol=2e-3,
    )


@pytest.mark.parametrize("dtype", HALVES, ids=lambda d: np.dtype(d).name)
def test_halves_use_f32_statistics(dtype: Any, rng: np.random.Generator) -> None:
    x = (30 + rng.standard_normal((2, 6, 50))).astype(dtype)
    one, zero = np.ones(50, dtype), np.zeros(50, dtype)
    y = _standardized(x, (2,)).astype(dtype)
    rms = x.astype(np.float64) / np.sqrt((x.astype(np.float64) ** 2).mean(2, keepdims=True) + 1e-5)
    per_channel = np.ones(6, dtype), np.zeros(6, dtype)
    cases = [
        case("LayerNormalization", x, one, zero, expected=[y]),
        case("RMSNormalization", x, one, expected=[rms.astype(dtype)]),
        case("InstanceNormalization", x, *per_channel, expected=[y]),
        case(
            "GroupNormalization",
            x,
            *per_channel,
            num_groups=2,
            expected=[_standardized(x.reshape(2, 2, 150), (2,)).reshape(x.shape).astype(dtype)],
        ),
    ]
    check_all(cases, modes=("static",))


@pytest.mark.parametrize("axis", [-1, 1])
def test_rms_norm(axis: int, rng: np.random.Generator) -> None:
    x = _normal(rng, 3, 4, 5)
    check("RMSNormalization", x, _normal(rng, *x.shape[axis:]), axis=axis, epsilon=1e-3)


def test_instance_norm(rng: np.random.Generator) -> None:
    scale, bias = _normal(rng, 3), _normal(rng, 3)
    check_all(
        [case("InstanceNormalization", _normal(rng, *s), scale, bias) for s in ((2, 3, 4, 5), (2, 3, 7))]
    )


def test_group_norm(rng: np.random.Generator) -> None:
    x = _normal(rng, 2, 6, 4, 5)
    for groups in (1, 2, 6):
        y = _standardized(x.reshape(2, groups, -1), (2,)).reshape(x.shape)
        for opset, n in ((18, groups), (21, 6)):
            scale, bias = _normal(rng, n), _normal(rng, n)
            wide = [np.repeat(a, 6 // n)[:, None, None] for a in (scale, bias)]
            expected = [(y * wide[0] + wide[1]).astype(np.float32)]
            check("GroupNormalization", x, scale, bias, num_groups=groups, opset=opset, expected=expected)


def test_lp_norm(rng: np.random.Generator) -> None:
    x = _normal(rng, 3, 4)
    x[1] = 0
    cases = []
    for p in (1, 2):
        for axis in (0, -1):
            norm = np.linalg.norm(x, p, axis, keepdims=True)
            y = np.where(norm == 0, 0, x / np.where(norm == 0, 1, norm))
            cases.append(case("LpNormalization", x, p=p, axis=axis, expected=[y]))
    check_all(cases, modes=("static", "dynamic"))


def test_mean_variance_norm(rng: np.random.Generator) -> None:
    x = _normal(rng, 2, 3, 4, 5)
    cases = [case("MeanVarianceNormalization", x), case("MeanVarianceNormalization", x, axes=[0, 1])]
    check_all(cases, modes=("static", "dynamic"))


def test_skip_layer_norms_of_transformer_exports(rng: np.random.Generator) -> None:
    x, skip = _normal(rng, 2, 3, 8), _normal(rng, 2, 3, 8)
    scale, beta, bias = (_normal(rng, 8) for _ in range(3))
    total = x + skip + bias
    layer = (_standardized(total, (2,), 1e-12) * scale + beta).astype(np.float32)
    rms = total / np.sqrt((total**2).mean(-1, keepdims=True) + 1e-6) * scale
    cases = [
        case("SkipLayerNormalization", x, skip, scale, beta, bias, domain="com.microsoft", expected=[layer]),
        case(
            "SkipSimplifiedLayerNormalization",
            x,
            skip,
            scale,
            bias,
            domain="com.microsoft",
            epsilon=1e-6,
            outputs=["y", "", "", "sum"],
            expected=[rms, total],
        ),
    ]
    check_all(cases, modes=("static",))
