"""Scan of opset 8, whose sequences may be shorter than the others of their batch, against ONNX Runtime."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

import aicc
from aicc.errors import AiccError

RNG = np.random.default_rng(0)
FEED = {
    "s": RNG.standard_normal((2, 3)).astype(np.float32),
    "x": RNG.standard_normal((2, 5, 3)).astype(np.float32),
}


def model(length: int | str, constant: list[int] | None, reverse: bool = False) -> onnx.ModelProto:
    """States and rows of a scan over `length` entries."""
    body = onnx.parser.parse_graph(
        "b (float[3] s, float[3] u) => (float[3] t, float[3] o) { t = Add(s, u)  o = Mul(t, u) }"
    )
    directions = {"directions": [1]} if reverse else {}
    node = helper.make_node(
        "Scan", ["n", "s", "x"], ["z", "y"], "n1", body=body, num_scan_inputs=1, **directions
    )
    info = helper.make_tensor_value_info
    inputs = [info("s", TensorProto.FLOAT, [2, 3]), info("x", TensorProto.FLOAT, [2, length, 3])]
    weights = [] if constant is None else [numpy_helper.from_array(np.array(constant), "n")]
    if constant is None:
        inputs.append(info("n", TensorProto.INT64, [2]))
    outputs = [info("z", TensorProto.FLOAT, [2, 3]), info("y", TensorProto.FLOAT, [2, length, 3])]
    graph = helper.make_graph([node], "g", inputs, outputs, weights)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 8)], ir_version=8)


@pytest.mark.parametrize("length", [5, "t"])
@pytest.mark.parametrize("constant", [None, [3, 5], [5, 1]], ids=str)
@pytest.mark.parametrize("reverse", [False, True])
def test_against_onnx_runtime(length: Any, constant: Any, reverse: bool) -> None:
    made = model(length, constant, reverse)
    exe, session = aicc.compile(made, check_ir=True), onnxruntime.InferenceSession(made.SerializeToString())
    for lengths in ([3, 5], [1, 2]) if constant is None else (constant,):
        feed = FEED if constant else {**FEED, "n": np.array(lengths)}
        for got, want in zip(exe(feed), session.run(None, feed), strict=True):
            np.testing.assert_allclose(got, want, rtol=1e-5, atol=1e-6)


def test_no_entry_and_too_many() -> None:
    state, rows = aicc.compile(model("t", [0, 2]))(FEED)
    np.testing.assert_array_equal(state[0], FEED["s"][0])
    np.testing.assert_array_equal(rows[0], np.zeros((5, 3)))
    with pytest.raises(AiccError, match="6 entries is impossible: there are 5") as caught:
        aicc.compile(model(5, [3, 6]))
    assert caught.value.code == "AICC-1005" and "n1" in str(caught.value.node)
    exe = aicc.compile(model("t", None))
    for lengths in ([6, 2], [2, -1]):
        with pytest.raises(AiccError, match="n1"):
            exe({**FEED, "n": np.array(lengths)})
