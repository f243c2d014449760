"""com.microsoft operators against ONNX Runtime, which defines them."""

from typing import Any

import numpy as np
import onnxruntime
import pytest

from test.ops import rig

RNG = np.random.default_rng(11)
U8 = np.uint8


def check(op: str, *inputs: Any, atol: float | None = None, outputs: int = 1, **attrs: Any) -> None:
    case = rig.Case(op, [np.asarray(x) for x in inputs], attrs, outputs, domain="com.microsoft")
    model, feeds = rig._model([case], 21, "static")
    for output in model.graph.output:
        output.ClearField("type")
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    expected = onnxruntime.InferenceSession(model.SerializeToString(), options).run(None, feeds)
    got = rig.execute(model, feeds)
    for have, want in zip(got, expected, strict=True):
        if atol is None:
            rig.assert_close(have, np.asarray(want), op)
        else:
            assert have.dtype == want.dtype and have.shape == want.shape
            np.testing.assert_allclose(have.astype(np.float64), want.astype(np.float64), rtol=0, atol=atol)


def normal(*shape: int) -> Any:
    return RNG.standard_normal(shape).astype(np.float32)


def test_fused_matmul():
    check("FusedMatMul", normal(4, 3), normal(5, 4), transA=1, transB=1, alpha=0.5)


@pytest.mark.parametrize("op", ["QLinearAdd", "QLinearMul"])
def test_quantized_binary(op: str):
    a, b = RNG.integers(0, 255, (3, 7), U8), RNG.integers(0, 255, (3, 7), U8)
    scales = [np.float32(0.02), np.float32(0.03), np.float32(0.05)]
    # ONNX Runtime rounds halves its own way: one step
    check(op, a, scales[0], U8(120), b, scales[1], U8(100), scales[2], U8(110), atol=1)


def test_quantized_unary():
    x = RNG.integers(0, 255, (1, 3, 4, 4), U8)
    given = [np.float32(0.05), U8(128), np.float32(1 / 256), U8(0)]
    check("QLinearSigmoid", x, *given, atol=1)
    check("QLinearLeakyRelu", x, np.float32(0.05), U8(128), np.float32(0.04), U8(60), alpha=0.2, atol=1)
    check("QLinearGlobalAveragePool", x, np.float32(0.05), U8(128), np.float32(0.02), U8(128), atol=1)


def test_matmul_integer_to_float():
    """Sums of larger weights saturate in ONNX Runtime on x86 CPUs without VNNI, here and in the next test."""
    a, b = RNG.integers(0, 255, (4, 9), U8), RNG.integers(-64, 64, (9, 5), np.int8)
    scale = np.float32([0.01])
    per_column = RNG.uniform(0.01, 0.02, 5).astype(np.float32)
    check("MatMulIntegerToFloat", a, b, scale, per_column, np.array([7], U8), np.zeros(5, np.int8), normal(5))


def test_dynamic_quantize_matmul():
    b = RNG.integers(-64, 64, (16, 5), np.int8)
    check(
        "DynamicQuantizeMatMul",
        normal(4, 16),
        b,
        np.float32([0.02]),
        np.array([3], np.int8),
        normal(5),
        atol=2e-3,
    )


@pytest.mark.parametrize("with_zeros", [False, True])
def test_matmul_of_four_bits(with_zeros: bool):
    k, n, block = 70, 6, 32
    blocks = -(-k // block)
    packed = RNG.integers(0, 255, (n, blocks, block // 2), U8)
    scales = RNG.uniform(0.01, 0.1, n * blocks).astype(np.float32)
    zeros = RNG.integers(0, 255, n * ((blocks + 1) // 2), U8) if with_zeros else None
    given = [normal(3, k), packed, scales] + ([zeros] if with_zeros else [])
    check("MatMulNBits", *given, K=k, N=n, bits=4, block_size=block, atol=1e-4)
