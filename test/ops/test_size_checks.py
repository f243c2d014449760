"""Sizes of which only a run knows whether they agree: a clear error, not a wrong answer or a read out of bounds."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

import aicc
from aicc.errors import ImportError_, RuntimeError_

FLOAT, INT64 = TensorProto.FLOAT, TensorProto.INT64


def compiled(
    nodes: list[Any],
    inputs: dict[str, list[Any]],
    initializers: dict[str, Any] | None = None,
    result: int = TensorProto.FLOAT,
) -> Any:
    """A model whose result is `y`."""
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info(name, FLOAT, shape) for name, shape in inputs.items()],
        [helper.make_tensor_value_info("y", result, None)],
        [onnx.numpy_helper.from_array(value, name) for name, value in (initializers or {}).items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)
    return aicc.compile(model.SerializeToString())


def floats(*shape: int) -> Any:
    return np.random.default_rng(0).standard_normal(shape).astype(np.float32)


@pytest.mark.parametrize("op", ["Add", "Mul"])
def test_broadcast(op: str) -> None:
    exe = compiled([helper.make_node(op, ["a", "b"], ["y"], "both")], {"a": ["n", 4], "b": ["m", 4]})
    a, b = floats(3, 4), floats(3, 4)
    np.testing.assert_array_equal(exe(a, b), a + b if op == "Add" else a * b)
    with pytest.raises(RuntimeError_, match=r"ode 'both'.*3 and 5"):
        exe(a, floats(5, 4))
    np.testing.assert_array_equal(exe(a, b), a + b if op == "Add" else a * b)


def test_product() -> None:
    exe = compiled([helper.make_node("MatMul", ["a", "b"], ["y"], "dot")], {"a": [2, "k"], "b": ["l", 3]})
    np.testing.assert_allclose(exe(floats(2, 9), floats(9, 3)), floats(2, 9) @ floats(9, 3), rtol=1e-5)
    with pytest.raises(RuntimeError_, match=r"ode 'dot'.*(9 and 8|8 and 9)"):
        exe(floats(2, 9), floats(8, 3))


def test_reshape() -> None:
    exe = compiled(
        [helper.make_node("Reshape", ["x", "s"], ["y"], "fold")],
        {"x": ["n", 6]},
        {"s": np.array([-1, 4], np.int64)},
    )
    assert exe(floats(2, 6)).shape == (3, 4)
    with pytest.raises(RuntimeError_, match="ode 'fold'.*elements"):
        exe(floats(3, 6))


@pytest.mark.parametrize("shape", [["n", 1, "m"], ["n", 1, 4]])
def test_squeeze_without_axes(shape: list[Any]) -> None:
    """The rank of the result is chosen at compile time: a dim that a run finds to be 1 would change it."""
    exe = compiled([helper.make_node("Squeeze", ["x"], ["y"], "drop")], {"x": shape})
    for rows in (3, 0, 2):
        np.testing.assert_array_equal(exe(floats(rows, 1, 4)), floats(rows, 1, 4)[:, 0])
    with pytest.raises(RuntimeError_, match=r"ode 'drop'.*dim 0 \(n\) is not 1.*--dim"):
        exe(floats(1, 1, 4))


def test_concatenation() -> None:
    exe = compiled(
        [helper.make_node("Concat", ["a", "b"], ["y"], "join", axis=1)], {"a": ["n", 2], "b": ["m", 3]}
    )
    assert exe(floats(4, 2), floats(4, 3)).shape == (4, 5)
    with pytest.raises(RuntimeError_, match="ode 'join'.*4 and 5|ode 'join'.*5 and 4"):
        exe(floats(4, 2), floats(5, 3))


def test_boxes_and_scores() -> None:
    """As many boxes as scores, of four numbers each."""
    node = helper.make_node("NonMaxSuppression", ["a", "b", "most"], ["y"], "nms")
    exe = compiled(
        [node], {"a": [1, "n", "four"], "b": [1, 1, "m"]}, {"most": np.array([3], np.int64)}, INT64
    )
    boxes = np.array([[[0, 0, 1, 1], [2, 2, 3, 3]]], np.float32)
    assert exe(boxes, np.array([[[1, 2]]], np.float32)).tolist() == [[0, 0, 1], [0, 0, 0]]
    with pytest.raises(RuntimeError_, match="ode 'nms'.*2 and 3"):
        exe(boxes, floats(1, 1, 3))
    with pytest.raises(RuntimeError_, match="ode 'nms'.*5 and 4"):
        exe(floats(1, 2, 5), floats(1, 1, 2))
    with pytest.raises(ImportError_, match=r"expects boxes \[b, n, 4\]"):
        compiled([node], {"a": [1, 2, 4], "b": [1, 1, 3]}, {"most": np.array([3], np.int64)}, INT64)


def test_determinants() -> None:
    """Of square matrices."""
    exe = compiled([helper.make_node("Det", ["a"], ["y"], "det")], {"a": ["b", "n", "m"]})
    x = floats(2, 4, 4)
    np.testing.assert_allclose(exe(x), np.linalg.det(x), rtol=1e-4)
    with pytest.raises(RuntimeError_, match="ode 'det'.*4 and 3"):
        exe(floats(2, 4, 3))
    with pytest.raises(ImportError_, match="square"):
        compiled([helper.make_node("Det", ["a"], ["y"], "det")], {"a": ["b", 4, 3]})


def test_equal_symbols_cost_nothing() -> None:
    """What is one expression is not checked."""
    model = helper.make_model(
        helper.make_graph(
            [helper.make_node("Add", ["a", "a"], ["y"])],
            "g",
            [helper.make_tensor_value_info("a", FLOAT, ["n", 4])],
            [helper.make_tensor_value_info("y", FLOAT, ["n", 4])],
        ),
        opset_imports=[helper.make_opsetid("", 21)],
        ir_version=10,
    )
    from aicc.driver import Options, compile_model

    text = compile_model(model.SerializeToString(), None, Options(stop_after="linalg")).text
    assert "aicc_require_equal" not in text
