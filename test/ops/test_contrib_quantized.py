"""What ONNX Runtime's quantizers write beside products and convolutions, against ONNX Runtime."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from test.ops.contrib import by_ort, check, node_model

Array = np.ndarray[Any, np.dtype[Any]]


def normal(rng: np.random.Generator, *shape: int) -> Array:
    return rng.standard_normal(shape).astype(np.float32)


def steps(rng: np.random.Generator, *shape: int, dtype: Any = np.uint8) -> Array:
    info = np.iinfo(dtype)
    return rng.integers(info.min, info.max, shape, dtype, endpoint=True)


@pytest.mark.parametrize("with_zeros", [False, True])
@pytest.mark.parametrize(("depth", "block"), [(64, 16), (70, 32)])
@pytest.mark.parametrize("constant", [(1, 2, 3), ()], ids=["constant", "input"])
def test_products_of_two_bits(
    constant: tuple[int, ...], depth: int, block: int, with_zeros: bool, rng: np.random.Generator
) -> None:
    """Packed by kernels (constant, in whole blocks), and unpacked by the graph."""
    columns, blocks = 6, -(-depth // block)
    packed = steps(rng, columns, blocks, block // 4)
    scales = rng.uniform(0.01, 0.1, columns * blocks).astype(np.float32)
    zeros = [steps(rng, columns * -(-blocks // 4))] if with_zeros else []
    attrs = {"K": depth, "N": columns, "bits": 2, "block_size": block}
    given = normal(rng, 3, depth), packed, scales, *zeros
    fixed = [i for i in constant if i < len(given)]
    check("MatMulNBits", *given, constant=fixed, symbols={3: "rows"}, tolerance=1e-5, **attrs)


@pytest.mark.parametrize("kind", [0, 1], ids=["fp4", "nf4"])
@pytest.mark.parametrize(("depth", "columns", "block"), [(32, 12, 64), (21, 5, 16)])
def test_products_of_four_bit_floats(
    depth: int, columns: int, block: int, kind: int, rng: np.random.Generator
) -> None:
    count = depth * columns
    packed = steps(rng, (count + 1) // 2)
    largest = rng.uniform(0.1, 2, -(-count // block)).astype(np.float32)
    attrs = {"K": depth, "N": columns, "block_size": block, "quant_type": kind}
    x = normal(rng, 3, depth)
    check("MatMulBnb4", x, packed, largest, constant=(1, 2), symbols={3: "rows"}, tolerance=2e-5, **attrs)


@pytest.mark.parametrize("dtype", [np.uint8, np.int8])
@pytest.mark.parametrize("segments", [False, True])
def test_quantized_embeddings(segments: bool, dtype: Any, rng: np.random.Generator) -> None:
    ids = rng.integers(0, 9, (2, 5)).astype(np.int32)
    kinds = rng.integers(0, 2, (2, 5)).astype(np.int32) if segments else None
    tables: list[Array | None] = [steps(rng, rows, 8, dtype=dtype) for rows in (9, 7, 2)]
    norm = [steps(rng, 8, dtype=dtype) for _ in range(2)]
    scales: list[Array | None] = [np.array(s, np.float32) for s in rng.uniform(0.005, 0.02, 5)]
    zeros: list[Array | None] = [np.array(steps(rng, dtype=dtype)) for _ in range(5)]
    if not segments:
        tables[2] = scales[2] = zeros[2] = None
    mask = np.array([[1, 1, 1, 1, 0], [1] * 5], np.int32)
    inputs = ids, kinds, *tables, *norm, mask, *scales, *zeros
    check("QEmbedLayerNormalization", *inputs, outputs=2, symbols={5: "s"}, epsilon=1e-6)


@pytest.mark.parametrize("direction", ["forward", "reverse", "bidirectional"])
@pytest.mark.parametrize("per_channel", [False, True])
def test_lstm_of_bytes(per_channel: bool, direction: str, rng: np.random.Generator) -> None:
    """A single step from no state is ONNX Runtime's own; more steps are an LSTM's whose input is rounded."""
    hidden, width, dirs = 6, 9, 2 if direction == "bidirectional" else 1
    size = (dirs, 4 * hidden) if per_channel else (dirs,)
    # sums of larger weights saturate in ONNX Runtime on x86 CPUs without VNNI
    w, r = (rng.integers(-64, 64, (dirs, rows, 4 * hidden)).astype(np.int8) for rows in (width, hidden))
    w_scale, r_scale = (rng.uniform(0.001, 0.004, size).astype(np.float32) for _ in range(2))
    most = 1 if per_channel else 9  # what ONNX Runtime takes
    w_zero, r_zero = (rng.integers(0, most, size).astype(np.int8) for _ in range(2))
    bias, peepholes = normal(rng, dirs, 8 * hidden), normal(rng, dirs, 3 * hidden)
    rest = [w_scale, w_zero, r_scale, r_zero]
    attrs = {"direction": direction, "hidden_size": hidden}

    def inputs(x: Array) -> list[Array | None]:
        return [x, w, r, bias, None, None, None, peepholes, *rest]

    one = normal(rng, 1, 3, width)
    constant = (1, 2, 3, 7, 8, 9, 10, 11)
    names = ["y", "h", "c"]
    check(
        "DynamicQuantizeLSTM",
        *inputs(one),
        outputs=names,
        constant=constant,
        symbols={3: "n"},
        tolerance=1e-6,
        **attrs,
    )

    x = normal(rng, 7, 3, width)
    low, high = min(float(x.min()), 0.0), max(float(x.max()), 0.0)
    scale = np.float32((high - low) / 255)
    zero = np.rint(-low / scale)
    rounded = ((np.clip(np.rint(x / scale) + zero, 0, 255) - zero) * scale).astype(np.float32)

    def real(q: Array, s: Array, z: Array) -> Array:
        at = (slice(None), None, slice(None)) if per_channel else (slice(None), None, None)
        return np.ascontiguousarray(((q - z.astype(np.float32)[at]) * s[at]).transpose(0, 2, 1)).astype(
            np.float32
        )

    plain = [rounded, real(w, w_scale, w_zero), real(r, r_scale, r_zero), bias, None, None, None, peepholes]
    model, feeds = node_model("LSTM", plain, names, attrs, "")
    want = by_ort(model, feeds)
    got = check(
        "DynamicQuantizeLSTM",
        *inputs(x),
        outputs=names,
        constant=constant,
        expected=want,
        tolerance=2e-5,
        **attrs,
    )
    model, feeds = node_model("DynamicQuantizeLSTM", inputs(x), names, attrs, "com.microsoft")
    for have, theirs in zip(got, by_ort(model, feeds), strict=True):
        np.testing.assert_allclose(have, theirs, rtol=0, atol=0.05)  # which rounds the states to 8 bits


def test_pool_of_channels_last(rng: np.random.Generator) -> None:
    for dtype in (np.uint8, np.int8):
        x = steps(rng, 2, 7, 6, 5, dtype=dtype)
        check("NhwcMaxPool", x, kernel_shape=[3, 2], strides=[2, 1], pads=[1, 0, 0, 1], symbols={7: "h"})
