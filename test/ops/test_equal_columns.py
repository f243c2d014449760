"""Columns of a product that are equal stay equal, in whole panels and in the last one: a softmax over them is flat."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

import aicc


@pytest.mark.parametrize("rows", [1, 3, 9])
def test_equal_columns_have_equal_sums(rows: int) -> None:
    rng = np.random.default_rng(rows)
    column = (rng.standard_normal((192, 1)) * 1e4).astype(np.float32)
    info = helper.make_tensor_value_info
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["x", "w"], ["y"])],
        "g",
        [info("x", TensorProto.FLOAT, [rows, 192])],
        [info("y", TensorProto.FLOAT, [rows, 104])],
        [numpy_helper.from_array(np.repeat(column, 104, 1), "w")],
    )
    model: onnx.ModelProto = helper.make_model(
        graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8
    )
    x = rng.standard_normal((rows, 192)).astype(np.float32)
    y = aicc.compile(model)(x)
    np.testing.assert_allclose(y[:, :1], x.astype(np.float64) @ column, rtol=1e-3, atol=1.0)
    np.testing.assert_array_equal(y, np.repeat(y[:, :1], 104, 1))
