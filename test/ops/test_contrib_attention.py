"""Attention of com.microsoft against ONNX Runtime: every form of mask, a past, packed inputs."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from aicc.errors import AiccError
from test.ops.contrib import check

Array = np.ndarray[Any, np.dtype[Any]]
B, S, T, N, H, P = 2, 5, 7, 3, 8, 4
SYMBOLS = {S: "s", T: "t", B: "b"}


def normal(rng: np.random.Generator, *shape: int) -> Array:
    return rng.standard_normal(shape).astype(np.float32)


@pytest.fixture
def qkv(rng: np.random.Generator) -> tuple[Array, Array, Array]:
    return normal(rng, B, S, N * H), normal(rng, B, T, N * H), normal(rng, B, T, N * H)


def test_multi_head(qkv: tuple[Array, Array, Array], rng: np.random.Generator) -> None:
    check("MultiHeadAttention", *qkv, num_heads=N, symbols=SYMBOLS)
    check("MultiHeadAttention", *qkv, normal(rng, 3 * N * H), num_heads=N, scale=0.3, symbols=SYMBOLS)


def test_multi_head_with_wide_values(qkv: tuple[Array, Array, Array], rng: np.random.Generator) -> None:
    v = normal(rng, B, T, N * 6)
    check("MultiHeadAttention", *qkv[:2], v, normal(rng, N * (2 * H + 6)), num_heads=N)


MASKS = {
    "lengths": np.array([4, 7], np.int32),
    "lengths and offsets": np.array([4, 7, 0, 5, 10, 0, 4, 11], np.int32),
    "of keys": np.array([[1, 1, 0, 1, 1, 0, 0], [0, 1, 1, 1, 1, 1, 1]], np.int32),
    "of queries": (np.arange(B * S * T).reshape(B, S, T) % 3 > 0).astype(np.int32),
    "nothing counts": np.array([[0] * 7, [1] * 7], np.int32),
}


@pytest.mark.parametrize("mask", MASKS.values(), ids=MASKS)
def test_key_padding_masks(mask: Array, qkv: tuple[Array, Array, Array]) -> None:
    check("MultiHeadAttention", *qkv, None, mask, num_heads=N, symbols=SYMBOLS)


@pytest.mark.parametrize("shape", [(1, 1), (B, 1), (1, N), (B, N)])
def test_bias_of_scores(
    shape: tuple[int, int], qkv: tuple[Array, Array, Array], rng: np.random.Generator
) -> None:
    bias = normal(rng, *shape, S, T)
    check("MultiHeadAttention", *qkv, None, None, bias, num_heads=N, symbols={S: "s", T: "t"})
    if shape == (B, N):
        check("MultiHeadAttention", *qkv, None, MASKS["of keys"], bias, num_heads=N, mask_filter_value=-100.0)


def test_past_of_multi_head(rng: np.random.Generator) -> None:
    x = [normal(rng, B, S, N * H) for _ in range(3)]
    past = [normal(rng, B, N, P, H) for _ in range(2)]
    mask = np.ones((B, P + S), np.int32)
    mask[0, :2] = 0
    inputs = (*x, normal(rng, 3 * N * H), mask, None, *past)
    symbols = {S: "s", P: "p", P + S: "t"}
    for causal in (0, 1):
        check("MultiHeadAttention", *inputs, num_heads=N, unidirectional=causal, outputs=3, symbols=symbols)


def test_keys_of_a_past_alone(rng: np.random.Generator) -> None:
    q, k, v = normal(rng, B, S, N * H), normal(rng, B, N, T, H), normal(rng, B, N, T, H)
    check("MultiHeadAttention", q, k, v, num_heads=N, symbols=SYMBOLS)
    check("MultiHeadAttention", q, k, v, normal(rng, 3 * N * H), num_heads=N)


def test_causal_without_past(qkv: tuple[Array, Array, Array], rng: np.random.Generator) -> None:
    q = qkv[0]
    check("MultiHeadAttention", q, q[::-1].copy(), q, num_heads=N, unidirectional=1, symbols=SYMBOLS)


def test_packed_is_the_same(qkv: tuple[Array, Array, Array], rng: np.random.Generator) -> None:
    """ONNX Runtime has packed inputs on GPUs only."""
    q, k, v, bias = *qkv, normal(rng, 3 * N * H)
    heads = [x.reshape(B, -1, N, H) for x in (q, k, v)]
    plain = check("MultiHeadAttention", q, k, v, bias, num_heads=N)
    check(
        "MultiHeadAttention",
        q,
        np.stack(heads[1:], 3),
        None,
        bias,
        num_heads=N,
        expected=plain,
        symbols=SYMBOLS,
    )
    plain = check("MultiHeadAttention", q, q[:, ::-1].copy(), q, bias, num_heads=N)
    packed = np.stack([heads[0], heads[0][:, ::-1], heads[0]], 3)
    check("MultiHeadAttention", packed, None, None, bias, num_heads=N, expected=plain, symbols=SYMBOLS)


def test_what_is_missing_is_said(qkv: tuple[Array, Array, Array]) -> None:
    with pytest.raises(AiccError, match="must be packed"):
        check("MultiHeadAttention", qkv[0], num_heads=N, expected=[])


ATTENTION_MASKS = {
    "none": None,
    "ends": np.array([3, 5], np.int32),
    "ends and starts": np.array([4, 5, 1, 0], np.int32),
    "of keys": np.array([[1, 1, 1, 0, 0], [1, 1, 1, 1, 1]], np.int32),
    "of queries": (np.arange(B * S * S).reshape(B, S, S) % 4 > 0).astype(np.int32),
}


@pytest.mark.parametrize("mask", ATTENTION_MASKS.values(), ids=ATTENTION_MASKS)
@pytest.mark.parametrize("causal", [0, 1])
def test_attention_with_projection(mask: Array | None, causal: int, rng: np.random.Generator) -> None:
    x, w, b = normal(rng, B, S, 10), normal(rng, 10, 3 * N * H), normal(rng, 3 * N * H)
    check("Attention", x, w, b, mask, num_heads=N, unidirectional=causal, symbols={S: "s", B: "b"})


def test_attention_with_past(rng: np.random.Generator) -> None:
    x, w, b = normal(rng, B, S, 10), normal(rng, 10, 3 * N * H), normal(rng, 3 * N * H)
    past = normal(rng, 2, B, N, P, H)
    bias = normal(rng, B, N, S, P + S)
    symbols = {S: "s", P: "p", P + S: "t"}
    mask = np.ones((B, P + S), np.int32)
    mask[0, :2] = 0
    check("Attention", x, w, b, mask, past, num_heads=N, outputs=2, symbols=symbols)
    check("Attention", x, w, b, None, None, bias[..., P:].copy(), num_heads=N, symbols={S: "s"})
    check("Attention", x, w, b, None, past, num_heads=N, unidirectional=1, outputs=2, scale=0.2)


def test_attention_with_sizes(rng: np.random.Generator) -> None:
    x, w, b = normal(rng, B, S, 10), normal(rng, 10, N * 20), normal(rng, N * 20)
    check("Attention", x, w, b, num_heads=N, qkv_hidden_sizes=[N * 8, N * 8, N * 4])


def test_decoder_masked(rng: np.random.Generator) -> None:
    x = [normal(rng, B, 1, N * H) for _ in range(3)]
    past = [normal(rng, B, N, P, H) for _ in range(2)]
    length = np.array([P], np.int32)
    check(
        "DecoderMaskedMultiHeadAttention",
        *x,
        None,
        None,
        *past,
        length,
        num_heads=N,
        outputs=3,
        expected=check("MultiHeadAttention", *x, None, None, None, *past, num_heads=N, outputs=3),
    )


def test_decoder_masked_in_a_buffer(rng: np.random.Generator) -> None:
    x = [normal(rng, B, 1, N * H) for _ in range(3)]
    past = [normal(rng, B, N, P, H) for _ in range(2)]
    plain = check("MultiHeadAttention", *x, None, None, None, *past, num_heads=N, outputs=3)
    room = np.zeros((B, N, 6, H), np.float32)
    buffers = [np.concatenate([p, room], 2) for p in past]
    expected = [plain[0], *(np.concatenate([p, room[:, :, 1:]], 2) for p in plain[1:])]
    inputs = (*x, None, None, *buffers, np.array([P], np.int32))
    check(
        "DecoderMaskedMultiHeadAttention",
        *inputs,
        num_heads=N,
        past_present_share_buffer=1,
        outputs=3,
        expected=expected,
    )
