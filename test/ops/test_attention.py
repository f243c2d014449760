"""Attention and RotaryEmbedding against the ONNX reference."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from test.ops.rig import case, check, check_all

Array = np.ndarray[Any, np.dtype[Any]]


@pytest.fixture
def qkv(rng: np.random.Generator) -> tuple[Array, Array, Array]:
    """Queries [2, 4, 5, 8], keys [2, 4, 6, 8], values [2, 4, 6, 7]."""
    q, k, v = (rng.standard_normal(s).astype(np.float32) for s in ((2, 4, 5, 8), (2, 4, 6, 8), (2, 4, 6, 7)))
    return q, k, v


def test_plain_and_causal(qkv: tuple[Array, Array, Array]) -> None:
    check_all(
        [case("Attention", *qkv), case("Attention", *qkv, is_causal=1), case("Attention", *qkv, scale=0.3)]
    )


@pytest.mark.parametrize("shape", [(5, 6), (4, 5, 6), (2, 1, 5, 6), (2, 4, 5, 6), (1, 6)])
def test_masks(shape: tuple[int, ...], qkv: tuple[Array, Array, Array], rng: np.random.Generator) -> None:
    additive = rng.standard_normal(shape).astype(np.float32)
    allowed = rng.random(shape) > 0.4
    cases = [case("Attention", *qkv, additive), case("Attention", *qkv, allowed)]
    if shape[-2] == 5:  # the reference takes the number of queries from the mask when causal
        cases.append(case("Attention", *qkv, allowed, is_causal=1, softcap=2.0))
    check_all(cases, modes=("static", "dynamic"))


def test_rows_with_nothing_allowed_are_zero(qkv: tuple[Array, Array, Array]) -> None:
    allowed = np.ones((5, 6), bool)
    allowed[2] = False
    check("Attention", *qkv, allowed, modes=("static",))


def test_grouped_heads(qkv: tuple[Array, Array, Array], rng: np.random.Generator) -> None:
    q, k, v = qkv
    mask = rng.standard_normal((2, 4, 5, 6)).astype(np.float32)
    cases = [case("Attention", q, k[:, :n], v[:, :n]) for n in (1, 2)]
    check_all([*cases, case("Attention", q, k[:, :2], v[:, :2], mask)], modes=("static", "dynamic"))


def test_heads_side_by_side(rng: np.random.Generator) -> None:
    q, k, v = (rng.standard_normal(s).astype(np.float32) for s in ((2, 5, 32), (2, 6, 16), (2, 6, 14)))
    check("Attention", q, k, v, q_num_heads=4, kv_num_heads=2, modes=("static", "dynamic"))


def test_past_keys_and_values(qkv: tuple[Array, Array, Array], rng: np.random.Generator) -> None:
    q, k, v = qkv
    past_k, past_v = (rng.standard_normal(s).astype(np.float32) for s in ((2, 4, 3, 8), (2, 4, 3, 7)))
    inputs = (q, k[:, :, :5], v[:, :, :5], None, past_k, past_v)
    cases = [case("Attention", *inputs, outputs=3, is_causal=causal) for causal in (0, 1)]
    check_all(cases, modes=("static", "dynamic"))


@pytest.mark.parametrize("new_keys", [2, 6])
def test_more_or_fewer_new_keys_than_queries(
    new_keys: int, qkv: tuple[Array, Array, Array], rng: np.random.Generator
) -> None:
    q, k, v = qkv
    past_k, past_v = (rng.standard_normal(s).astype(np.float32) for s in ((2, 4, 3, 8), (2, 4, 3, 7)))
    new, past = (q, k[:, :, :new_keys], v[:, :, :new_keys]), (past_k, past_v)
    mask = rng.standard_normal((5, 3 + new_keys)).astype(np.float32)
    cases = [
        case("Attention", *new, None, *past),
        case("Attention", *new, None, *past, is_causal=1),
        case("Attention", *new, mask, *past, left_window_size=1),
        case("Attention", *new, mask > -1, *past, left_window_size=3, right_window_size=0),
    ]
    check_all(cases, opset=25, modes=("static", "dynamic"))


@pytest.mark.parametrize("mode", [0, 1, 2, 3])
def test_scores_as_output(mode: int, qkv: tuple[Array, Array, Array], rng: np.random.Generator) -> None:
    mask = rng.standard_normal((5, 6)).astype(np.float32)
    softcap = 2.0 if mode else 0.0  # the reference gives capped scores in mode 0, against the specification
    check(
        "Attention",
        *qkv,
        mask,
        outputs=["y", "", "", "qk"],
        qk_matmul_output_mode=mode,
        softcap=softcap,
        modes=("static",),
    )


def test_lengths_of_a_static_cache(qkv: tuple[Array, Array, Array]) -> None:
    lengths = np.array([3, 6])
    cases = [case("Attention", *qkv, None, None, None, lengths, is_causal=causal) for causal in (0, 1)]
    check_all(cases, opset=24, modes=("static", "dynamic"))


def test_masks_shorter_than_the_keys(qkv: tuple[Array, Array, Array], rng: np.random.Generator) -> None:
    mask = rng.standard_normal((5, 4)).astype(np.float32)
    check_all([case("Attention", *qkv, m) for m in (mask, mask > 0)], opset=24, modes=("static", "dynamic"))


def test_windows(qkv: tuple[Array, Array, Array]) -> None:
    windows = [(1, 2), (-1, 1), (2, -1), (0, 0)]
    cases = [case("Attention", *qkv, left_window_size=a, right_window_size=b) for a, b in windows]
    check_all(
        [*cases, case("Attention", *qkv, left_window_size=2, is_causal=1)],
        opset=25,
        modes=("static", "dynamic"),
    )


@pytest.mark.parametrize("dtype", [np.float16, np.float64], ids=lambda d: d.__name__)
def test_dtypes(dtype: Any, qkv: tuple[Array, Array, Array]) -> None:
    check("Attention", *(x.astype(dtype) for x in qkv), modes=("static",))


@pytest.mark.parametrize("interleaved", [0, 1])
def test_rotary_embedding(interleaved: int, rng: np.random.Generator) -> None:
    x = rng.standard_normal((2, 3, 4, 8)).astype(np.float32)
    flat = rng.standard_normal((2, 4, 24)).astype(np.float32)
    cos, sin = (rng.standard_normal((50, 4)).astype(np.float32) for _ in range(2))
    positions = rng.integers(0, 50, (2, 4))
    cases = [
        case("RotaryEmbedding", x, cos, sin, positions, interleaved=interleaved),
        case("RotaryEmbedding", flat, cos, sin, positions, interleaved=interleaved, num_heads=3),
        case(
            "RotaryEmbedding", x, cos[:8].reshape(2, 4, 4), sin[:8].reshape(2, 4, 4), interleaved=interleaved
        ),
        case(
            "RotaryEmbedding",
            x,
            cos[:, :2],
            sin[:, :2],
            positions,
            interleaved=interleaved,
            rotary_embedding_dim=4,
        ),
    ]
    check_all(cases, modes=("static", "dynamic"))
