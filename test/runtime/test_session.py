"""InferenceSession against onnxruntime's interface."""

from __future__ import annotations

import sys
import types
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from aicc.errors import RuntimeError_
from aicc.loader import load
from aicc.session import InferenceSession, SessionOptions

from .conftest import Fake

FEED = {"ids": np.ones((2, 5), np.int64), "mask": np.ones((2, 5), np.int64)}


def test_arguments(fake: Fake) -> None:
    session = InferenceSession(str(fake("pair")), providers=["CPUExecutionProvider"])
    ids, mask = session.get_inputs()
    assert (ids.name, ids.type, ids.shape) == ("ids", "tensor(int64)", ["batch", "seq"])
    assert mask.name == "mask"
    assert [(o.name, o.shape) for o in session.get_outputs()] == [("total", ["batch"]), ("count", [])]
    assert session.get_modelmeta().graph_name == "pair"
    assert InferenceSession(fake("affine", "BATCH=4")).get_inputs()[0].shape == [4, 8]
    assert InferenceSession(fake("affine")).get_inputs()[0].type == "tensor(float)"


def test_run(fake: Fake) -> None:
    session = InferenceSession(fake("pair"))
    total, count = session.run(None, FEED)
    assert (total.tolist(), count.tolist()) == ([5, 5], 10)
    assert session.run(["count"], FEED)[0] == 10
    assert [r.tolist() for r in session.run(["count", "total", "count"], FEED)] == [10, [5, 5], 10]


@pytest.mark.parametrize(
    ("outputs", "feed", "message"),
    [
        (["sum"], FEED, "The model has no output 'sum'"),
        (None, {"ids": FEED["ids"]}, "Input 'mask' is missing"),
        (None, {**FEED, "x": 1}, "The model has no input 'x'"),
        (None, {**FEED, "mask": np.ones((2, 4), np.int64)}, "'seq' is 5 in input 'ids'"),
    ],
)
def test_wrong_arguments(fake: Fake, outputs: list[str] | None, feed: dict[str, Any], message: str) -> None:
    with pytest.raises(RuntimeError_, match=f"AICC-5002.*{message}"):
        InferenceSession(fake("pair")).run(outputs, feed)


def test_options(fake: Fake) -> None:
    options = SessionOptions()
    options.intra_op_num_threads = 3
    options.add_session_config_entry("session.x", "1")
    session = InferenceSession(fake("affine"), options)
    assert session.executable.num_threads == 3
    assert session.get_session_options().get_session_config_entry("session.x") == "1"


def test_bytes_of_a_library(fake: Fake) -> None:
    session = InferenceSession(fake("pair").read_bytes())
    assert session.run(["count"], FEED)[0] == 10


def test_onnx_is_compiled(fake: Fake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[tuple[Any, dict[str, Any]]] = []

    def compile_model(model: Any, **options: Any) -> Any:
        calls.append((model, options))
        return load(fake("pair"))

    driver = types.ModuleType("aicc.driver")
    driver.compile = compile_model  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "aicc.driver", driver)
    path = tmp_path / "model.onnx"
    path.write_bytes(b"\x08\x09")
    assert (
        InferenceSession(path, SessionOptions(compile_options={"opt_level": 1})).run(["count"], FEED)[0] == 10
    )
    InferenceSession(b"\x08\x09")
    assert calls == [(path, {"opt_level": 1}), (b"\x08\x09", {})]
