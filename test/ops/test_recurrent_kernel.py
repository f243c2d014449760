"""The recurrent schedule: sizes that fill no tile, several threads, other targets, step counts known at run time."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

from aicc.driver import Options, compile_model
from aicc.loader import load
from aicc.target import Target

GATES = {"LSTM": 4, "GRU": 3, "RNN": 1}
X = 3


def _model(op: str, batch: int, hidden: int, steps: Any = "steps", states: bool = True, **attrs: Any) -> Any:
    rng = np.random.default_rng(hidden)
    directions = 2 if attrs.get("direction") == "bidirectional" else 1
    g = GATES[op] * hidden

    def weight(name: str, *shape: int) -> Any:
        return numpy_helper.from_array(
            (rng.standard_normal(shape) / np.sqrt(shape[-1])).astype(np.float32), name
        )

    weights = [
        weight("w", directions, g, X),
        weight("r", directions, g, hidden),
        weight("b", directions, 2 * g),
    ]
    outs = ["y", "h", "c"][: 3 if op == "LSTM" else 2]
    start = ["h0", "c0"][: len(outs) - 1] if states else []
    node = helper.make_node(op, ["x", "w", "r", "b", "", *start], outs, hidden_size=hidden, **attrs)
    value = helper.make_tensor_value_info
    state = [directions, batch, hidden]
    inputs = [
        value("x", TensorProto.FLOAT, [steps, batch, X]),
        *(value(s, TensorProto.FLOAT, state) for s in start),
    ]
    shapes = [[steps, directions, batch, hidden], state, state]
    graph = helper.make_graph(
        [node],
        "g",
        inputs,
        [value(n, TensorProto.FLOAT, s) for n, s in zip(outs, shapes, strict=False)],
        weights,
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def _feeds(model: Any, steps: int) -> dict[str, Any]:
    rng = np.random.default_rng(1)
    return {
        i.name: rng.standard_normal([d.dim_value or steps for d in i.type.tensor_type.shape.dim]).astype(
            np.float32
        )
        for i in model.graph.input
    }


def _expected(model: Any, feeds: dict[str, Any]) -> list[Any]:
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return session.run(None, feeds)


def _compiled(model: Any, tmp_path: Path, **options: Any) -> tuple[Any, list[str]]:
    result = compile_model(model, tmp_path / "m.so", Options(**options))
    chosen = [k["schedule"] for k in result.stats["kernel_results"].values()]
    return load(tmp_path / "m.so"), chosen


def _compare(run: Any, model: Any, steps: int) -> None:
    feeds = _feeds(model, steps)
    for got, want in zip(run(**feeds), _expected(model, feeds), strict=True):
        np.testing.assert_allclose(got, want, rtol=2e-5, atol=2e-6)


@pytest.mark.parametrize("op", ["LSTM", "GRU", "RNN"])
@pytest.mark.parametrize(("batch", "hidden"), [(1, 37), (7, 96), (13, 16)])
def test_sizes(op: str, batch: int, hidden: int, tmp_path: Path) -> None:
    model = _model(op, batch, hidden, direction="bidirectional")
    run, chosen = _compiled(model, tmp_path)
    assert chosen.count("recurrent") == 2
    for threads in (1, 2, 3):
        run.num_threads = threads
        for steps in (1, 2, 9):
            _compare(run, model, steps)


@pytest.mark.parametrize("op", ["LSTM", "GRU", "RNN"])
def test_many_threads_on_few_cores(op: str, tmp_path: Path) -> None:
    """Parts of a step are taken over from threads that do not run."""
    model = _model(op, 2, 256, steps=40)
    run, _ = _compiled(model, tmp_path)
    run.num_threads = 8
    for _ in range(10):
        _compare(run, model, 40)


def test_no_step_at_all(tmp_path: Path) -> None:
    model = _model("LSTM", 3, 37)
    run, chosen = _compiled(model, tmp_path)
    assert "recurrent" in chosen
    feeds = _feeds(model, 0)
    feeds["x"] = np.zeros((0, 3, X), np.float32)
    y, h, c = run(**feeds)
    assert y.shape[0] == 0
    np.testing.assert_array_equal(h, feeds["h0"])
    np.testing.assert_array_equal(c, feeds["c0"])


@pytest.mark.parametrize("cpu", ["x86-64", "x86-64-v3"])
def test_targets(cpu: str, tmp_path: Path) -> None:
    """Without masked loads, and with fewer registers."""
    model = _model("LSTM", 5, 50, states=False)
    run, chosen = _compiled(model, tmp_path, target=Target.cpu_named(cpu))
    assert "recurrent" in chosen
    _compare(run, model, 6)


@pytest.mark.parametrize("level", [1, 3])
def test_levels(level: int, tmp_path: Path) -> None:
    model = _model("GRU", 2, 20, linear_before_reset=1)
    run, chosen = _compiled(model, tmp_path, opt_level=level)
    assert "recurrent" in chosen
    _compare(run, model, 4)


def test_run_time_batch_is_host_control_flow(tmp_path: Path) -> None:
    model = _model("LSTM", 2, 32, steps=5, states=False)
    for value in [*model.graph.input, *model.graph.output]:
        dims = value.type.tensor_type.shape.dim
        dims[1 if value.name == "x" else len(dims) - 2].dim_param = "batch"
    onnx.checker.check_model(model)
    run, chosen = _compiled(model, tmp_path)
    assert "recurrent" not in chosen
    feeds = {"x": np.random.default_rng(0).standard_normal((5, 3, X)).astype(np.float32)}
    for got, want in zip(run(**feeds), _expected(model, feeds), strict=True):
        np.testing.assert_allclose(got, want, rtol=2e-5, atol=2e-6)
