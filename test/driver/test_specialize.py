"""One model compiled for each combination of sizes it meets."""

from __future__ import annotations

import threading

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

import aicc
from aicc.errors import AiccError


def model(first: str = "b") -> onnx.ModelProto:
    """y[b, n] = x[b, 8] w[8, n] + z[b, 1]"""
    info = helper.make_tensor_value_info
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["x", "w"], ["p"]), helper.make_node("Add", ["p", "z"], ["y"])],
        "g",
        [
            info("x", TensorProto.FLOAT, [first, 8]),
            info("w", TensorProto.FLOAT, [8, "n"]),
            info("z", TensorProto.FLOAT, ["b", 1]),
        ],
        [info("y", TensorProto.FLOAT, ["b", "n"])],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def inputs(b: int, n: int) -> list[np.ndarray]:
    rng = np.random.default_rng(b * 100 + n)
    return [rng.standard_normal(s).astype(np.float32) for s in ((b, 8), (8, n), (b, 1))]


def check(run: aicc.Executable, b: int, n: int) -> None:
    x, w, z = inputs(b, n)
    np.testing.assert_allclose(run(x, w, z), x @ w + z, rtol=1e-5, atol=1e-5)


def test_each_size_gets_an_executable_and_the_oldest_goes():
    run = aicc.compile(model(), specialize=2)
    for b, n in ((1, 4), (2, 4), (1, 4), (3, 5)):
        check(run, b, n)
    assert run.specializations == ({"b": 1, "n": 4}, {"b": 3, "n": 5})
    assert [i.shape for i in run.specialized(b=3, n=5).inputs] == [(3, 8), (8, 5), (3, 1)]


def test_what_does_not_fit_is_told_as_ever():
    run = aicc.compile(model(), specialize=2, dims={"n": (1, 16)})
    x, w, z = inputs(2, 4)
    with pytest.raises(AiccError, match="'b'"):
        run(x, w, z[:1])
    with pytest.raises(AiccError, match="compiled for 1 to 16"):
        run(*inputs(2, 17))
    assert run.specializations == ()


def test_dims_without_a_name_have_one_made_of_the_input():
    run = aicc.compile(model(""), specialize=2)
    check(run, 2, 4)
    assert run.specializations == ({"b": 2, "n": 4, "x_dim0": 2},)
    assert aicc.compile(model(""), dims={"x_dim0": 3}).inputs[0].shape == (3, 8)


def test_threads_that_meet_a_size_together_compile_it_once(monkeypatch):
    run = aicc.compile(model(), specialize=4)
    made = []
    compile_for = run._compile_for
    monkeypatch.setattr(run, "_compile_for", lambda sizes: made.append(sizes) or compile_for(sizes))
    threads = [threading.Thread(target=check, args=(run, 2, 4)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert made == [{"b": 2, "n": 4}]
    run.num_threads = 1
    assert run.specialized(b=2, n=4).num_threads == 1
