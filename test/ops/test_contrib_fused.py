"""Fused and quantized operators of com.microsoft, and MaxRoiPool, against ONNX Runtime (or NumPy: some have GPU
kernels only)."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from test.ops.contrib import check

Array = np.ndarray[Any, np.dtype[Any]]


def normal(rng: np.random.Generator, *shape: int) -> Array:
    return rng.standard_normal(shape).astype(np.float32)


def steps(rng: np.random.Generator, *shape: int, dtype: Any = np.uint8) -> Array:
    info = np.iinfo(dtype)
    return rng.integers(info.min, info.max, shape, dtype, endpoint=True)


def scalar(value: float, dtype: Any = np.float32) -> Array:
    return np.array(value, dtype)


def test_convolutions(rng: np.random.Generator) -> None:
    x, w, b, z = normal(rng, 1, 3, 6, 5), normal(rng, 4, 3, 3, 3), normal(rng, 4), normal(rng, 1, 4, 6, 5)
    pads = [1, 1, 1, 1]
    check("FusedConv", x, w, b, pads=pads, activation="LeakyRelu", activation_params=[0.2])
    check("FusedConv", x, w, b, pads=pads, activation="Clip", activation_params=[-0.5, 0.5])
    want = check("FusedConv", x, w, b, z, pads=pads, activation="Relu", symbols={6: "h"})[0]
    last = [np.ascontiguousarray(np.moveaxis(v, 1, -1)) for v in (x, z, want)]
    check("NhwcFusedConv", last[0], w, b, last[1], pads=pads, activation="Relu", expected=last[2:])


def test_products(rng: np.random.Generator) -> None:
    a, b, c = normal(rng, 4, 3), normal(rng, 4, 5), normal(rng, 5)
    for kind in ("Relu", "Tanh", "LeakyRelu"):
        check("FusedGemm", a, b, c, transA=1, alpha=0.5, beta=2.0, activation=kind, activation_alpha=0.3)
    batches = normal(rng, 4, 2, 3), normal(rng, 3, 2, 5)
    check("FusedMatMul", *batches, transBatchA=1, transBatchB=1, alpha=0.5)
    moved = normal(rng, 3, 2, 4), normal(rng, 5, 2, 3)
    check("FusedMatMul", *moved, transBatchA=1, transBatchB=1, transA=1, transB=1, symbols={4: "m"})
    check("FusedMatMul", normal(rng, 4, 3), normal(rng, 5, 4), transA=1, transB=1)


def test_group_norm(rng: np.random.Generator) -> None:
    x, scale, bias, skip, more = (
        normal(rng, 2, 3, 5, 8),
        normal(rng, 8),
        normal(rng, 8),
        normal(rng, 2, 3, 5, 8),
        normal(rng, 8),
    )
    total = x + skip + more
    groups = total.reshape(2, 15, 2, 4)
    mean, variance = groups.mean((1, 3), keepdims=True), groups.var((1, 3), keepdims=True)
    y = ((groups - mean) / np.sqrt(variance + 1e-5)).reshape(x.shape) * scale + bias
    y = y / (1 + np.exp(-y))
    inputs = (x, scale, bias, skip, more)
    check("SkipGroupNorm", *inputs, groups=2, activation=1, outputs=2, expected=[y, total])
    check("GroupNorm", total, scale, bias, groups=2, activation=1, expected=[y], symbols={5: "w"})


def test_bias_add_and_split_gelu(rng: np.random.Generator) -> None:
    from math import erf

    x, bias = normal(rng, 2, 3, 8), normal(rng, 8)
    check("BiasAdd", x, bias, x, expected=[x + bias + x])
    left, right = np.split(x + bias, 2, axis=-1)
    y = (left * right * 0.5 * (1 + np.vectorize(erf)(right / np.sqrt(2)))).astype(np.float32)
    check("BiasSplitGelu", x, bias, expected=[y], symbols={3: "s"})


def test_quantized_softmax_and_pool(rng: np.random.Generator) -> None:
    x = steps(rng, 2, 3, 4, 6)
    given = x, scalar(0.05), scalar(128, np.uint8), scalar(1 / 256), scalar(0, np.uint8)
    check("QLinearSoftmax", *given, opset=13, axis=-1, tolerance=1)
    check("QLinearSoftmax", *given, opset=12, axis=2, tolerance=1)
    given = x, scalar(0.05), scalar(128, np.uint8), scalar(0.04), scalar(120, np.uint8)
    check("QLinearAveragePool", *given, kernel_shape=[2, 2], strides=[2, 2], tolerance=1)
    check("QLinearAveragePool", *given, kernel_shape=[3, 3], pads=[1] * 4, channels_last=1, tolerance=1)


def test_quantized_where_and_gemm(rng: np.random.Generator) -> None:
    x, y = steps(rng, 3, 7), steps(rng, 3, 7)
    u8 = scalar(100, np.uint8)
    where = rng.random((3, 7)) > 0.5, x, scalar(0.02), u8, y, scalar(0.03), u8, scalar(0.04), u8
    check("QLinearWhere", *where, tolerance=1)
    a, b, bias = (
        steps(rng, 4, 9),
        steps(rng, 5, 9, dtype=np.int8),
        rng.integers(-500, 500, 5).astype(np.int32),
    )
    given = a, scalar(0.02), u8, b, scalar(0.01), scalar(0, np.int8), bias
    check("QGemm", *given, transB=1, alpha=1.0)
    check("QGemm", *given, scalar(0.2), u8, transB=1, tolerance=1)


@pytest.mark.parametrize("past", [False, True])
def test_quantized_attention(past: bool, rng: np.random.Generator) -> None:
    # halves of 8 bits: ONNX Runtime's sums of larger weights saturate on x86 without VNNI
    x, w, bias = steps(rng, 2, 5, 12), steps(rng, 12, 48, dtype=np.int8) // 2, normal(rng, 48)
    rest: list[Any] = [np.array([5, 3], np.int32), scalar(120, np.uint8), scalar(0, np.int8)]
    if past:
        rest[0] = None
        rest.append(normal(rng, 2, 2, 2, 4, 8))
    check("QAttention", x, w, bias, scalar(0.02), scalar(0.01), *rest, num_heads=2, outputs=1 + past)


def test_rows_of_quantized_tables(rng: np.random.Generator) -> None:
    data, scales, at = (
        steps(rng, 9, 32),
        rng.uniform(0.01, 0.1, (9, 4)).astype(np.float32),
        np.array([[3, 0], [8, 5]]),
    )
    attrs = {"block_size": 16, "bits": 4, "gather_axis": 0, "quantize_axis": 1}
    check("GatherBlockQuantized", data, at, scales, constant=(0, 2), **attrs)
    check("GatherBlockQuantized", data, at, scales, steps(rng, 9, 2), constant=(0, 2, 3), **attrs)


def test_max_roi_pool(rng: np.random.Generator) -> None:
    x = normal(rng, 2, 3, 9, 7)
    rois = np.array([[0, 1, 1, 5, 7], [1, 0, 0, 12, 17], [1, 4, 3, 2, 1], [0, 8, 8, 20, 20]], np.float32)
    for scale in (1.0, 0.5):
        check(
            "MaxRoiPool",
            x,
            rois,
            domain="",
            version=21,
            pooled_shape=[3, 2],
            spatial_scale=scale,
            symbols={9: "h"},
        )


def test_embeddings(rng: np.random.Generator) -> None:
    ids, segments = rng.integers(0, 9, (2, 5)).astype(np.int32), rng.integers(0, 2, (2, 5)).astype(np.int32)
    tables = normal(rng, 9, 8), normal(rng, 7, 8), normal(rng, 2, 8)
    scale, bias, mask = normal(rng, 8), normal(rng, 8), np.array([[1, 1, 1, 1, 0], [1] * 5], np.int32)
    inputs = (ids, segments, *tables, scale, bias, mask)
    check("EmbedLayerNormalization", *inputs, outputs=2, symbols={5: "s"}, epsilon=1e-6)
    x, skip = normal(rng, 2, 5, 8), normal(rng, 2, 5, 8)
    outputs = ["y", "", "", "sum"]
    check("SkipLayerNormalization", x, skip, scale, bias, normal(rng, 8), outputs=outputs, symbols={5: "s"})
    check("SkipSimplifiedLayerNormalization", x, skip, scale, bias, outputs=outputs)
