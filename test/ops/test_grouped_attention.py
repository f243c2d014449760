"""GroupQueryAttention and RotaryEmbedding of com.microsoft against ONNX Runtime."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import pytest

import aicc
from test.ops import rig
from test.ops.contrib import by_ort, check, node_model

Array = np.ndarray[Any, np.dtype[Any]]
OP = "GroupQueryAttention"
B, N, G, H = 2, 4, 2, 16
HEADS: dict[str, Any] = {"num_heads": N, "kv_num_heads": G}


def normal(rng: np.random.Generator, *shape: int) -> Array:
    return rng.standard_normal(shape).astype(np.float32)


def new(rng: np.random.Generator, tokens: int, batch: int = B) -> list[Array]:
    return [normal(rng, batch, tokens, heads * H) for heads in (N, G, G)]


def sizes(lengths: list[int], total: int) -> list[Array]:
    """The inputs seqlens_k and total_sequence_length."""
    return [np.array(lengths, np.int32) - 1, np.array(total, np.int32)]


def tables(rng: np.random.Generator, width: int = H // 2) -> list[Array]:
    angles = np.arange(32)[:, None] * 0.3 ** np.arange(width)
    return [np.cos(angles).astype(np.float32), np.sin(angles).astype(np.float32)]


def past(rng: np.random.Generator, length: int, batch: int = B) -> list[Array]:
    return [normal(rng, batch, G, length, H) for _ in range(2)]


EMPTY = np.zeros((B, G, 0, H), np.float32)


def test_prompt(rng: np.random.Generator) -> None:
    inputs = (*new(rng, 5), None, None, *sizes([5, 5], 5))
    for attrs in ({}, {"scale": 0.2, "softcap": 3.0}, {"local_window_size": 2}):
        check(
            OP, *inputs, outputs=3, symbols={5: "s"} if not attrs else None, constant=(6,), **HEADS, **attrs
        )


def test_prompt_with_an_empty_past(rng: np.random.Generator) -> None:
    inputs = (*new(rng, 5), EMPTY, EMPTY, *sizes([5, 5], 5))
    check(OP, *inputs, outputs=3, constant=(6,), **HEADS)


def test_packed_prompt_with_rotary(rng: np.random.Generator) -> None:
    packed = normal(rng, B, 5, (N + 2 * G) * H)
    for interleaved in (0, 1):
        attrs = {**HEADS, "do_rotary": 1, "rotary_interleaved": interleaved}
        inputs = (packed, None, None, EMPTY, EMPTY, *sizes([5, 5], 5), *tables(rng))
        check(OP, *inputs, outputs=3, constant=(6,), symbols={5: "s"}, **attrs)


@pytest.mark.parametrize(("tokens", "batch"), [(1, 1), (3, 1), (1, 2)])
def test_cache_that_grows(tokens: int, batch: int, rng: np.random.Generator) -> None:
    attrs = {**HEADS, "do_rotary": 1}
    total = sizes([4 + tokens] * batch, 4 + tokens)
    inputs = (*new(rng, tokens, batch), *past(rng, 4, batch), *total, *tables(rng))
    check(OP, *inputs, outputs=3, constant=(6,), symbols={4: "p"}, **attrs)
    check(OP, *inputs, outputs=3, symbols={4: "p"}, **attrs, local_window_size=3)


def test_buffer_with_samples_of_their_own_length(rng: np.random.Generator) -> None:
    inputs = (*new(rng, 1), *past(rng, 10), *sizes([5, 7], 7), *tables(rng))
    for attrs in (HEADS, {**HEADS, "do_rotary": 1}):
        want = by_ort(*node_model(OP, inputs, ["y", "k", "v"], attrs, "com.microsoft"))
        symbols = {10: "room"}
        got = check(OP, *inputs, constant=(6,), symbols=symbols, expected=want[:1], **attrs)
        assert got[0].shape == (B, 1, N * H)
    room = [x.copy() for x in inputs[3:5]]
    for buffer, x in zip(room, inputs[1:3], strict=True):
        for b, length in enumerate((5, 7)):
            buffer[b, :, length - 1] = x[b, 0].reshape(G, H)
    outputs = ["", "k", "v"]  # ONNX Runtime leaves what is not used undefined
    check(OP, *inputs[:7], outputs=outputs, symbols={10: "room"}, expected=room, **HEADS)


def test_positions_are_given(rng: np.random.Generator) -> None:
    """ONNX Runtime takes no position but the first where there is no past."""
    at = np.array([[7], [1]])
    inputs = (*new(rng, 1), *past(rng, 4), *sizes([5, 5], 5), *tables(rng), at)
    check(OP, *inputs, outputs=3, constant=(6,), do_rotary=1, **HEADS)


def test_bias_and_sinks(rng: np.random.Generator) -> None:
    inputs = (*new(rng, 3, 1), *past(rng, 4, 1), *sizes([7], 7), None, None, None)
    bias = normal(rng, 1, N, 3, 7)
    check(OP, *inputs, bias, outputs=3, constant=(6,), **HEADS)
    check(OP, *inputs, bias, outputs=3, constant=(6,), softcap=2.0, **HEADS)
    check(OP, *inputs, None, normal(rng, N), outputs=3, constant=(6,), symbols={4: "p"}, **HEADS)
    check(OP, *inputs, outputs=3, constant=(6,), smooth_softmax=1, **HEADS)


def test_every_key_is_seen(rng: np.random.Generator) -> None:
    """`causal` 0; of a prompt that is padded at its end, the keys that there are."""
    for lengths in ([5, 5], [3, 5]):
        inputs = (*new(rng, 5), EMPTY, EMPTY, *sizes(lengths, 5))
        check(OP, *inputs, outputs=3, constant=(6,), causal=0, **HEADS)


def test_padded_chunk(rng: np.random.Generator) -> None:
    """`query_seqlens`: what is behind them of the queries and of the cache says nothing."""
    counts, lengths = np.array([2, 3], np.int32), [5, 7]
    rest = (None, None, None, None, None, None, None, counts)
    inputs = (*new(rng, 3), *past(rng, 10), *sizes(lengths, 7), *tables(rng), *rest)
    model, feeds = node_model(
        OP, inputs, ["y", "k", "v"], {"do_rotary": 1, **HEADS}, "com.microsoft", constant=(6,)
    )
    want = by_ort(model, feeds)
    for output in model.graph.output:
        output.CopyFrom(onnx.helper.make_tensor_value_info(output.name, 0, None))
    got = rig.execute(model, feeds)
    for b, (count, length) in enumerate(zip(counts, lengths, strict=True)):
        rig.assert_close(got[0][b, :count], want[0][b, :count], f"sample {b}")
        for i in (1, 2):
            rig.assert_close(got[i][b, :, :length], want[i][b, :, :length], f"cache {i} of sample {b}")


def test_norms_of_heads(rng: np.random.Generator) -> None:
    """ONNX Runtime's CPU kernel has none: it gets what is normalized."""
    q, k, v = new(rng, 3, 1)
    weights = [normal(rng, H) for _ in range(2)]
    rest = (*past(rng, 4, 1), *sizes([7], 7), *tables(rng), None, None, None)
    attrs = {**HEADS, "do_rotary": 1}

    def normed(x: Array, gamma: Array, epsilon: float) -> Array:
        heads = x.reshape(1, 3, -1, H)
        return (heads / np.sqrt((heads**2).mean(-1, keepdims=True) + epsilon) * gamma).reshape(x.shape)

    alike = (normed(q, weights[0], 1e-6), normed(k, weights[1], 1e-2), v, *rest)
    want = by_ort(*node_model(OP, alike, ["y", "k", "v"], attrs, "com.microsoft", constant=(6,)))
    inputs = (q, k, v, *rest, None, None, *weights)
    check(OP, *inputs, outputs=3, constant=(6,), expected=want, k_norm_epsilon=1e-2, **attrs)


@pytest.mark.parametrize("attrs", [{"sliding_window_cache": 1}, {"k_quant_type": "PER_TENSOR"}])
def test_refused(attrs: dict[str, Any], rng: np.random.Generator) -> None:
    inputs = (*new(rng, 5), EMPTY, EMPTY, *sizes([5, 5], 5))
    model, _ = node_model(OP, inputs, ["y"], {**HEADS, **attrs}, "com.microsoft")
    with pytest.raises(aicc.AiccError, match=r"AICC-1006.*GroupQueryAttention"):
        aicc.compile(model)


@pytest.mark.parametrize("mode", [1, 2])
def test_scores(mode: int, rng: np.random.Generator) -> None:
    """ONNX Runtime leaves what is not allowed undefined before the softmax."""
    inputs = (*new(rng, 5), EMPTY, EMPTY, *sizes([5, 5], 5))
    outputs = ["", "", "", "qk"]
    want = by_ort(
        *node_model(OP, inputs, ["y", "k", "v", "qk"], {**HEADS, "qk_output": mode}, "com.microsoft")
    )
    lower = np.tril(np.ones((5, 5), bool))
    allowed = np.where(lower, want[3], -np.inf if mode == 1 else 0).astype(np.float32)
    check(OP, *inputs, outputs=outputs, qk_output=mode, expected=[allowed], **HEADS)


@pytest.mark.parametrize("interleaved", [0, 1])
def test_rotary(interleaved: int, rng: np.random.Generator) -> None:
    at = np.array([[0, 2, 5, 6, 31], [1, 4, 3, 0, 9]])
    flat, split = normal(rng, B, 5, N * H), normal(rng, B, N, 5, H)
    for x in (flat, split):
        check("RotaryEmbedding", x, at, *tables(rng), interleaved=interleaved, symbols={5: "s", B: "b"})
        check("RotaryEmbedding", x, np.array([3]), *tables(rng), interleaved=interleaved, symbols={5: "s"})
    check(
        "RotaryEmbedding",
        flat,
        at,
        *tables(rng, 2),
        num_heads=N,
        rotary_embedding_dim=4,
        interleaved=interleaved,
    )
