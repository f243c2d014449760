"""MoE and QMoE against ONNX Runtime, and against NumPy where ONNX Runtime rounds activations or has no kernel."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

import aicc
from aicc.errors import AiccError
from test.ops.contrib import check, node_model

Array = np.ndarray[Any, Any]
H, W, E = 32, 48, 4
SWIGLU = {
    "activation_type": "swiglu",
    "swiglu_fusion": 1,
    "activation_alpha": 1.702,
    "activation_beta": 1.0,
    "swiglu_limit": 0.5,
    "normalize_routing_weights": 1,
}


def floats(rng: np.random.Generator, *shape: int) -> Array:
    return (rng.standard_normal(shape) / shape[-1] ** 0.5).astype(np.float32)


def tokens(rng: np.random.Generator, count: int) -> list[Array]:
    return [rng.standard_normal((count, n)).astype(np.float32) for n in (H, E)]


def constants(inputs: Sequence[Any]) -> range:
    return range(2, len(inputs))


@pytest.mark.parametrize("normalized", [0, 1])
def test_floats(normalized: int, rng: np.random.Generator) -> None:
    weights = [floats(rng, E, W, H), floats(rng, E, W), floats(rng, E, H, W), floats(rng, E, H)]
    inputs = (*tokens(rng, 7), *weights)
    attrs = {"k": 2, "activation_type": "silu", "normalize_routing_weights": normalized}
    check("MoE", *inputs, constant=constants(inputs), symbols={7: "t"}, **attrs)


@pytest.mark.parametrize("activation", ["relu", "gelu", "identity"])
def test_activations(activation: str, rng: np.random.Generator) -> None:
    inputs = (*tokens(rng, 5), floats(rng, E, W, H), None, floats(rng, E, H, W))
    check("MoE", *inputs, constant=constants(inputs), activation_type=activation)


def test_gates_in_turn(rng: np.random.Generator) -> None:
    inputs = (*tokens(rng, 5), floats(rng, E, 2 * W, H), floats(rng, E, 2 * W), floats(rng, E, H, W))
    check("MoE", *inputs, constant=constants(inputs), k=3, **SWIGLU)


def test_halves_in_three_dims(rng: np.random.Generator) -> None:
    x, scores = tokens(rng, 6)
    inputs = (x.reshape(2, 3, H), scores, floats(rng, E, W, H), None, floats(rng, E, H, W))
    half = [None if v is None else v.astype(np.float16) for v in inputs]
    check("MoE", *half, constant=constants(inputs), k=2, activation_type="silu")


# --- integers ---------------------------------------------------------------------------------
def packed(rng: np.random.Generator, bits: int, rows: int, depth: int, block: int, zeros: bool) -> list[Any]:
    """Bytes, scales and zero points of all experts; a column is a block of its own with `block` 0."""
    q = rng.integers(0, 256, (E, rows, depth * bits // 8), np.uint8)
    blocks = depth // block if block else 1
    shape = (E, rows, blocks) if block else (E, rows)
    scale = rng.uniform(0.5, 1.5, shape).astype(np.float32) / (2**bits / 3.5 * depth**0.5)
    lines = (E, rows, -(-blocks * bits // 8)) if block else (E, -(-rows * bits // 8))
    return [q, scale, rng.integers(0, 256, lines, np.uint8) if zeros else None]


def quantized(rng: np.random.Generator, bits: int, block: int, zeros: bool, count: int) -> tuple[Any, Any]:
    first, second = (packed(rng, bits, n, k, block, zeros) for n, k in ((2 * W, H), (H, W)))
    inputs = [*tokens(rng, count), *first[:2], floats(rng, E, 2 * W), *second[:2], floats(rng, E, H)]
    inputs += [None, None, None, first[2], second[2]]
    attrs = {"k": 2, "expert_weight_bits": bits, **SWIGLU, "swiglu_limit": 7.0}
    return inputs, {**attrs, "block_size": block} if block else attrs


@pytest.mark.parametrize(
    ("bits", "block", "zeros"), [(4, 16, False), (4, 16, True), (4, 0, False), (4, 0, True), (8, 0, False)]
)
@pytest.mark.parametrize("count", [1, 9])
def test_integers(bits: int, block: int, zeros: bool, count: int, rng: np.random.Generator) -> None:
    inputs, attrs = quantized(rng, bits, block, zeros, count)
    check("QMoE", *inputs, constant=constants(inputs), symbols={9: "t"}, **attrs)


def dequantized(q: Array, scale: Array, zero: Array | None, bits: int) -> Array:
    per = 8 // bits
    numbers = np.stack([(q >> (bits * i)) & (2**bits - 1) for i in range(per)], -1).reshape(*q.shape[:2], -1)
    z: Any = 2 ** (bits - 1)
    if zero is not None:
        z = np.stack([(zero >> (bits * i)) & (2**bits - 1) for i in range(per)], -1)
        z = z.reshape(E, zero.shape[1], -1)[:, :, : scale.shape[2]]
        z = np.repeat(z, numbers.shape[2] // scale.shape[2], 2)
    return (numbers.astype(np.float64) - z) * np.repeat(scale, numbers.shape[2] // scale.shape[2], 2)


def mixture(inputs: Sequence[Any], attrs: dict[str, Any], weights: Sequence[Array]) -> Array:
    """Routing by a softmax of the best, and SwiGLU with gates and values in turn, in float64."""
    x, scores = (v.astype(np.float64) for v in inputs[:2])
    out = np.zeros_like(x)
    for t in range(len(x)):
        best = np.argsort(-scores[t])[: attrs["k"]]
        gates = np.exp(scores[t][best] - scores[t].max())
        for e, gate in zip(best, gates / gates.sum(), strict=True):
            y = weights[0][e] @ x[t] + inputs[4][e]
            g, v = (
                np.minimum(y[0::2], attrs["swiglu_limit"]),
                np.clip(y[1::2], -attrs["swiglu_limit"], attrs["swiglu_limit"]),
            )
            a = g / (1 + np.exp(-attrs["activation_alpha"] * g)) * (v + attrs["activation_beta"])
            out[t] += gate * (weights[1][e] @ a + inputs[7][e])
    return out.astype(np.float32)


@pytest.mark.parametrize(
    ("bits", "block", "zeros"), [(8, 16, False), (8, 16, True), (2, 16, False), (2, 16, True)]
)
def test_exact_where_onnxruntime_is_not(bits: int, block: int, zeros: bool, rng: np.random.Generator) -> None:
    """ONNX Runtime rounds the activations of blocks of 8 and of 2 bits; here they stay f32."""
    inputs, attrs = quantized(rng, bits, block, zeros, 5)
    weights = [dequantized(inputs[q], inputs[q + 1], inputs[z], bits) for q, z in ((2, 11), (5, 12))]
    want = mixture(inputs, attrs, weights)
    check("QMoE", *inputs, constant=constants(inputs), expected=[want], **attrs)


def test_weights_of_a_router_of_their_own(rng: np.random.Generator) -> None:
    """Experts are chosen by the probabilities and weighed by `router_weights`."""
    inputs, attrs = quantized(rng, 4, 16, False, 5)
    own = rng.uniform(0.1, 1, (5, E)).astype(np.float32)
    for normalized in (0, 1):
        given = (*inputs, None, own)
        attrs["normalize_routing_weights"] = normalized
        check("QMoE", *given, constant=range(2, len(inputs)), symbols={5: "t"}, **attrs)


def test_third_product(rng: np.random.Generator) -> None:
    """`silu(x W1) * (x W3)`, as Mixtral has it; ONNX Runtime's CPU kernels have no third."""
    w = [floats(rng, E, W, H), floats(rng, E, H, W), floats(rng, E, W, H)]
    x, scores = tokens(rng, 5)
    inputs = (x, scores, w[0], None, w[1], None, w[2])
    best = scores.argmax(1)
    want = np.zeros_like(x)
    for t, e in enumerate(best):
        y = w[0][e] @ x[t]
        want[t] = w[1][e] @ (y / (1 + np.exp(-y)) * (w[2][e] @ x[t]))
    attrs = {"activation_type": "silu", "normalize_routing_weights": 1}
    check("MoE", *inputs, constant=constants(inputs), expected=[want], **attrs)


def test_experts_lie_where_a_run_finds_them(rng: np.random.Generator) -> None:
    """Weights are in the library once, packed: the run says where an expert's are, and copies nothing."""
    inputs, attrs = quantized(rng, 4, 16, False, 1)
    model, _ = node_model("QMoE", inputs, ["y"], attrs, "com.microsoft", constant=constants(inputs))
    result = aicc.compile(model, check_ir=True).kernels
    assert not [k for k in result if k.name.startswith("pack")]


@pytest.mark.parametrize(
    "attrs",
    [
        {"use_sparse_mixer": 1},
        {"activation_type": "relu2"},
        {"k": E + 1},
        {"activation_type": "swiglu", "swiglu_fusion": 0},
    ],
)
def test_refused(attrs: dict[str, Any], rng: np.random.Generator) -> None:
    inputs = (*tokens(rng, 2), floats(rng, E, W, H), None, floats(rng, E, H, W))
    model, _ = node_model("MoE", inputs, ["y"], attrs, "com.microsoft", constant=constants(inputs))
    with pytest.raises(AiccError, match=r"AICC-100[56].*MoE"):
        aicc.compile(model)


def test_weights_of_the_run_are_refused(rng: np.random.Generator) -> None:
    inputs = (*tokens(rng, 2), floats(rng, E, W, H), None, floats(rng, E, H, W))
    model, _ = node_model("MoE", inputs, ["y"], {}, "com.microsoft")
    with pytest.raises(AiccError, match=r"AICC-1005.*weights of experts, must be a constant"):
        aicc.compile(model)
