"""Winograd's algorithm from a model to its numbers: the choice, transformed weights, and the choice made again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from aicc.driver import CompileResult, Options, compile_model
from aicc.knobs import knobs
from aicc.loader import load
from aicc.passes.schedules.cpu.winograd import Winograd
from aicc.passes.schedules.schedule import NoMatch
from aicc.target import Target

_CHANNELS, _FILTERS, _SIZE = 64, 96, 21
_RANDOM = np.random.default_rng(0)
X = _RANDOM.standard_normal((1, _CHANNELS, _SIZE, _SIZE)).astype(np.float32)
W = (_RANDOM.standard_normal((_FILTERS, _CHANNELS, 3, 3)) * (2 / (9 * _CHANNELS)) ** 0.5).astype(np.float32)
B = _RANDOM.standard_normal(_FILTERS).astype(np.float32)


def model(constant: bool = True) -> bytes:
    """Relu(Conv(x, w, b)) with padding; `constant`: the weights are known."""
    f32 = TensorProto.FLOAT
    inputs = [helper.make_tensor_value_info("x", f32, X.shape)]
    initializers = [numpy_helper.from_array(B, "b")]
    if constant:
        initializers.append(numpy_helper.from_array(W, "w"))
    else:
        inputs.append(helper.make_tensor_value_info("w", f32, W.shape))
    nodes = [
        helper.make_node("Conv", ["x", "w", "b"], ["c"], pads=[1, 1, 1, 1], kernel_shape=[3, 3]),
        helper.make_node("Relu", ["c"], ["y"]),
    ]
    output = helper.make_tensor_value_info("y", f32, (1, _FILTERS, _SIZE, _SIZE))
    graph = helper.make_graph(nodes, "g", inputs, [output], initializers)
    opset = [helper.make_opsetid("", 20)]
    proto: onnx.ModelProto = helper.make_model(graph, opset_imports=opset, ir_version=9)
    data: bytes = proto.SerializeToString()
    return data


def exact() -> Any:
    """In float64."""
    x = np.pad(X.astype(np.float64), ((0, 0), (0, 0), (1, 1), (1, 1)))
    out = sum(
        np.einsum("fc,bchw->bfhw", W[:, :, i, j].astype(np.float64), x[:, :, i : i + _SIZE, j : j + _SIZE])
        for i in range(3)
        for j in range(3)
    )
    return np.maximum(out + B[:, None, None], 0)


def compiled(path: Path, constant: bool = True, **options: Any) -> tuple[CompileResult, float]:
    """How it was compiled, and max|found - exact| / max|exact|."""
    out = path / "model.so"
    result = compile_model(model(constant), out, Options(target=Target.host(), check_ir=True, **options))
    executable = load(out)
    found = executable(x=X) if constant else executable(x=X, w=W)
    want = exact()
    return result, float(np.abs(found - want).max() / np.abs(want).max())


def convolutions(result: CompileResult) -> set[tuple[str, str]]:
    """The schedule and the configuration's first entry of the convolutions."""
    rows = result.stats["kernel_results"].items()
    return {(row["schedule"], row["config"].split(",")[0]) for name, row in rows if "conv" in name}


@pytest.mark.parametrize("m,bound", [("2", 2e-6), ("4", 2e-5)])
def test_a_model(tmp_path: Path, m: str, bound: float) -> None:
    with knobs.scope(winograd=m):
        result, error = compiled(tmp_path)
    assert convolutions(result) == {("winograd", f"m={m}")}
    assert error <= bound


def test_it_is_chosen_by_cost(tmp_path: Path) -> None:
    result, error = compiled(tmp_path)
    assert {schedule for schedule, _ in convolutions(result)} == {"winograd"}
    assert error <= 2e-5


def test_off(tmp_path: Path) -> None:
    with knobs.scope(winograd="off"):
        result, error = compiled(tmp_path)
    assert {schedule for schedule, _ in convolutions(result)} == {"contraction"}
    assert error <= 2e-6


def test_weights_that_are_an_input_stay_as_they_are(tmp_path: Path) -> None:
    result, error = compiled(tmp_path, constant=False)
    assert {schedule for schedule, _ in convolutions(result)} == {"contraction"}
    assert error <= 2e-6


def test_the_choice_is_made_again_when_it_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any) -> None:
        raise NoMatch("for the test")

    monkeypatch.setattr(Winograd, "lower", fail)
    with knobs.scope(jobs=0):
        result, error = compiled(tmp_path, cache=False, jobs=0)
    assert {schedule for schedule, _ in convolutions(result)} == {"contraction"}
    assert "for the test" in result.stats["excluded"]["winograd"]
    assert error <= 2e-6
