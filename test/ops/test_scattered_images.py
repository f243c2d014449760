"""Col2Im and MaxUnpool: static, and with sizes that only a run knows."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper
from onnx.reference import ReferenceEvaluator

import aicc
from aicc.errors import AiccError


def model(
    op: str, x: list[Any], more: dict[str, Any], constants: dict[str, Any], **attrs: Any
) -> onnx.ModelProto:
    """One node on `x`, other inputs by element type and shape, and initializers."""
    inputs = [helper.make_tensor_value_info("x", TensorProto.FLOAT, x)]
    inputs += [helper.make_tensor_value_info(name, *kind) for name, kind in more.items()]
    node = helper.make_node(op, ["x", *more, *constants], ["y"], name="here", **attrs)
    graph = helper.make_graph(
        [node],
        "g",
        inputs,
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
        [onnx.numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 22)], ir_version=10)


def agree(m: onnx.ModelProto, feeds: dict[str, Any], exe: Any) -> None:
    (want,) = ReferenceEvaluator(m).run(None, feeds)
    np.testing.assert_allclose(exe(**feeds), want, rtol=1e-6)


@pytest.mark.parametrize("named", [False, True])
def test_col2im(rng: np.random.Generator, named: bool) -> None:
    constants = {"image": np.array([5, 6]), "block": np.array([2, 3])}
    m = model("Col2Im", ["n", "c", "l"] if named else [2, 12, 16], {}, constants)
    exe = aicc.compile(m.SerializeToString())
    for batch, channels in [(2, 12), (1, 6), (3, 18)] if named else [(2, 12)]:
        agree(m, {"x": rng.standard_normal((batch, channels, 16)).astype(np.float32)}, exe)


def test_col2im_of_another_number_of_blocks(rng: np.random.Generator) -> None:
    constants = {"image": np.array([5, 6]), "block": np.array([2, 3])}
    with pytest.raises(AiccError, match="expected 16 blocks") as caught:
        aicc.compile(model("Col2Im", ["n", 12, 10], {}, constants).SerializeToString())
    assert "here" in str(caught.value.node)


def test_col2im_of_a_number_of_blocks_that_only_a_run_knows(rng: np.random.Generator) -> None:
    constants = {"image": np.array([5, 6]), "block": np.array([2, 3])}
    exe = aicc.compile(model("Col2Im", ["n", "c", "l"], {}, constants).SerializeToString())
    with pytest.raises(AiccError, match="ode 'here'"):
        exe(x=rng.standard_normal((2, 12, 8)).astype(np.float32))


@pytest.mark.parametrize("named", [False, True])
def test_max_unpool(rng: np.random.Generator, named: bool) -> None:
    shape = ["n", "c", "h", "w"] if named else [2, 3, 2, 3]
    m = model("MaxUnpool", shape, {"at": (TensorProto.INT64, shape)}, {}, kernel_shape=[2, 2], strides=[2, 2])
    exe = aicc.compile(m.SerializeToString())
    for sizes in [(2, 3, 2, 3), (1, 4, 5, 1)] if named else [(2, 3, 2, 3)]:
        x = rng.standard_normal(sizes).astype(np.float32)
        at = rng.permutation(x.size * 4)[: x.size].reshape(x.shape)
        agree(m, {"x": x, "at": at}, exe)


def test_max_unpool_to_a_shape_that_only_a_run_knows(rng: np.random.Generator) -> None:
    """More zeros at the ends: positions count through the smaller tensor."""
    shape = ["n", "c", "h", "w"]
    more = {"at": (TensorProto.INT64, shape), "shape": (TensorProto.INT64, [4])}
    m = model("MaxUnpool", shape, more, {}, kernel_shape=[2, 2], strides=[2, 2])
    x = rng.standard_normal((1, 1, 2, 2)).astype(np.float32)
    at = np.array([[[[5, 7], [13, 15]]]])
    agree(m, {"x": x, "at": at, "shape": np.array([1, 1, 5, 5])}, aicc.compile(m.SerializeToString()))
