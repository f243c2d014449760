"""Sparse initializers and constants, against the dense ones that they stand for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

import aicc
from aicc.driver import Options, compile_model
from aicc.errors import AiccError

RNG = np.random.default_rng(2)
X = RNG.standard_normal((3, 50)).astype(np.float32)
W = np.where(RNG.random((50, 20)) < 0.1, RNG.standard_normal((50, 20)), 0).astype(np.float32)


def sparse(name: str, array: Any, coordinates: bool) -> onnx.SparseTensorProto:
    """`array` in one of the two formats of indices."""
    where = np.argwhere(array) if coordinates else np.flatnonzero(array)
    values = array[np.nonzero(array)]
    tensors = numpy_helper.from_array(values, name), numpy_helper.from_array(where.astype(np.int64), "i")
    return helper.make_sparse_tensor(*tensors, array.shape)


def product(**fields: Any) -> onnx.ModelProto:
    """x @ w of a graph with these fields."""
    info = helper.make_tensor_value_info
    inputs = [info("x", TensorProto.FLOAT, ["n", 50]), *fields.pop("inputs", [])]
    nodes = [*fields.pop("nodes", []), helper.make_node("MatMul", ["x", "w"], ["y"])]
    graph = helper.make_graph(nodes, "g", inputs, [info("y", TensorProto.FLOAT, ["n", 20])], **fields)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)


@pytest.mark.parametrize("coordinates", [True, False])
def test_initializers(coordinates: bool, tmp_path: Path) -> None:
    model = product(sparse_initializer=[sparse("w", W, coordinates)])
    onnx.save(model, tmp_path / "m.onnx")
    compile_model(tmp_path / "m.onnx", tmp_path / "a.so", Options(dump=tmp_path / "ir", check_ir=True))
    assert "dense" not in (tmp_path / "ir" / "01-import.mlir").read_text()
    np.testing.assert_allclose(aicc.load(tmp_path / "a.so")(X), X @ W, rtol=1e-4, atol=1e-5)
    compile_model(tmp_path / "ir" / "02-graph.mlir", tmp_path / "b.so", Options(start_from="linalg"))
    np.testing.assert_allclose(aicc.load(tmp_path / "b.so")(X), X @ W, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("coordinates", [True, False])
def test_constants(coordinates: bool) -> None:
    node = helper.make_node("Constant", [], ["w"], sparse_value=sparse("w", W, coordinates))
    np.testing.assert_allclose(aicc.compile(product(nodes=[node]))(X), X @ W, rtol=1e-4, atol=1e-5)


def test_one_that_may_be_overridden() -> None:
    listed = [helper.make_tensor_value_info("w", TensorProto.FLOAT, [50, 20])]
    model = product(sparse_initializer=[sparse("w", W, True)], inputs=listed)
    assert [i.name for i in aicc.compile(model).inputs] == ["x"]
    exe = aicc.compile(model, overridable=["w"])
    np.testing.assert_allclose(exe(X), X @ W, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(exe(X, W + 1), X @ (W + 1), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    ("values", "indices", "shape", "message"),
    [
        ([1, 2], [0, 1000], [50, 20], "index out of range"),
        ([1, 2], [0, -1], [50, 20], "index out of range"),
        ([1, 2], [[0, 0], [0, 20]], [50, 20], "index out of range"),
        ([1, 2], [0, 1, 2], [50, 20], r"values \[2\] at int64 indices \[3\]"),
        ([1, 2], [[0], [1]], [50, 20], r"expected were values \[n\] and int64 indices \[n\] or \[n, 2\]"),
        ([1, 2], [0, 1], [50, -20], "sizes go from 0"),
    ],
)
def test_malformed_ones(values: Any, indices: Any, shape: Any, message: str) -> None:
    tensors = (
        numpy_helper.from_array(np.asarray(values, np.float32), "w"),
        numpy_helper.from_array(np.asarray(indices, np.int64), "i"),
    )
    bad = onnx.SparseTensorProto(values=tensors[0], indices=tensors[1], dims=shape)
    with pytest.raises(AiccError, match=message) as caught:
        aicc.compile(product(sparse_initializer=[bad]))
    assert caught.value.code in ("AICC-1001", "AICC-1005") and "'w'" in str(caught.value)
