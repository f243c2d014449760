"""Decoders of language models, one library for every size: prompts, then tokens with the cache fed back, against ONNX
Runtime."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import onnxruntime
import pytest
from numpy.typing import NDArray

import aicc
from aicc.executable import Executable
from test.models.decoders import FAMILIES, Decoder, build

Array = NDArray[Any]
PROMPTS = [(1, 7), (1, 1), (2, 5), (1, 23)]
"""Samples and tokens."""
STEPS = 5


@cache
def compiled(d: Decoder) -> tuple[Executable, onnxruntime.InferenceSession]:
    model = build(d)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(model.SerializeToString(), options)
    return aicc.compile(model, check_ir=True), session


def feeds(d: Decoder, ids: Array, past: Sequence[Array], total: int | None = None) -> dict[str, Array]:
    """`total` tokens with the new ones, of which `past` may have room for more."""
    batch, tokens = ids.shape
    before = past[0].shape[2] if total is None else total - tokens
    found = {"input_ids": ids, "attention_mask": np.ones((batch, before + tokens), np.int64)}
    names = [f"past_key_values.{i}.{kind}" for i in range(d.layers) for kind in ("key", "value")]
    found.update(zip(names, past, strict=True))
    if d.multi_head:
        found["position_ids"] = np.tile(np.arange(before, before + tokens), (batch, 1))
    if d.crossed:
        rng = np.random.default_rng(batch)
        for i in range(d.layers):
            for kind in ("key", "value"):
                found[f"encoder.{i}.{kind}"] = rng.standard_normal((batch, d.heads, 11, d.head)).astype(
                    d.dtype
                )
    return found


def empty(d: Decoder, batch: int, room: int = 0) -> list[Array]:
    return [np.full((batch, d.groups, room, d.head), 3, d.dtype)] * (2 * d.layers)


def assert_agree(got: Sequence[Array], want: Sequence[Array], tolerance: float, what: str) -> None:
    """Errors in parts of the greatest number."""
    assert len(got) == len(want)
    for i, (have, expected) in enumerate(zip(got, want, strict=True)):
        assert have.shape == expected.shape and have.dtype == expected.dtype, (what, i)
        most = np.abs(expected.astype(np.float64)).max()
        error = np.abs(have.astype(np.float64) - expected.astype(np.float64)).max() / most
        assert error <= tolerance, f"{what}, output {i}: {error:.1e}"


def check(d: Decoder, tolerance: float) -> None:
    exe, session = compiled(d)
    rng = np.random.default_rng(1)
    for batch, tokens in PROMPTS:
        past = mine = empty(d, batch)
        ids = rng.integers(0, d.vocabulary, (batch, tokens))
        for step in range(1 + STEPS):
            want: list[Any] = list(session.run(None, feeds(d, ids, past)))
            got = [np.asarray(x) for x in exe(**feeds(d, ids, mine))]
            assert_agree(got, want, tolerance, f"{batch}x{tokens}, step {step}")
            past, mine = want[1:], got[1:]
            ids = want[0][:, -1:].argmax(-1)


@pytest.mark.parametrize("name", FAMILIES)
def test_family(name: str) -> None:
    check(FAMILIES[name], 2e-5)


@pytest.mark.parametrize("name", ["llama3", "phi3"])
def test_halves(name: str) -> None:
    check(replace(FAMILIES[name], dtype=np.float16), 4e-3)


def test_floats() -> None:
    check(replace(FAMILIES["llama3"], bits=0), 2e-5)


@pytest.mark.parametrize("name", ["llama3", "phi3", "gemma2"])
def test_cache_with_room(name: str) -> None:
    """Past and present of the greatest length; what is beyond the tokens so far says nothing. In one buffer they
    are the same, bit for bit."""
    d = FAMILIES[name]
    exe, session = compiled(d)
    rng = np.random.default_rng(2)
    for batch in (1, 2):
        past, buffers = empty(d, batch), empty(d, batch, 32)
        ids, total = rng.integers(0, d.vocabulary, (batch, 5)), 0
        for step in range(4):
            total += ids.shape[1]
            want: list[Any] = list(session.run(None, feeds(d, ids, past)))
            got = [np.asarray(x) for x in exe(**feeds(d, ids, buffers, total))]
            given = feeds(d, ids, [x.copy() for x in buffers], total)
            shared = exe(**given, out={o.name: given[o.alias] for o in exe.outputs[1:]})
            assert all(np.array_equal(a, b) for a, b in zip(shared, got, strict=True))
            assert all(x.shape[2] == 32 for x in got[1:])
            used = [got[0], *(x[:, :, :total] for x in got[1:])]
            assert_agree(used, want, 2e-5, f"{batch} samples, step {step}")
            past, buffers = want[1:], got[1:]
            ids = want[0][:, -1:].argmax(-1)
