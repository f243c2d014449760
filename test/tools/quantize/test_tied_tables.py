"""Tables that a Gather and products read, turned around by a Transpose or by transB: no f32 copy of them stays."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator

import aicc

Array = np.ndarray[Any, Any]
ROWS, WIDTH = 96, 64
IDS = np.array([[3, 95, 0, 41, 7]])


def tied_model(product: str) -> onnx.ModelProto:
    """Rows of a table, a layer that reads its weights through Identity and Transpose, and scores of all rows."""
    rng = np.random.default_rng(3)
    weights = {"table": (ROWS, WIDTH), "w": (WIDTH, WIDTH)}
    nodes = [
        helper.make_node("Gather", ["table", "ids"], ["rows"], "embedding"),
        helper.make_node("Identity", ["w"], ["w_again"]),
        helper.make_node("Transpose", ["w_again"], ["w_t"], perm=[1, 0]),
        helper.make_node("MatMul", ["rows", "w_t"], ["h"], "layer"),
        helper.make_node("Tanh", ["h"], ["t"]),
        helper.make_node("Squeeze", ["t", "zero"], ["s"]),
    ]
    if product == "MatMul":
        nodes.append(helper.make_node("Transpose", ["table"], ["turned"]))
        nodes.append(helper.make_node("MatMul", ["s", "turned"], ["y"], "head"))
    else:
        nodes.append(helper.make_node("Gemm", ["s", "table"], ["y"], "head", transB=1))
    arrays = {k: (rng.normal(size=s) / 8).astype(np.float32) for k, s in weights.items()}
    graph = helper.make_graph(
        nodes,
        "tied",
        [helper.make_tensor_value_info("ids", TensorProto.INT64, IDS.shape)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [IDS.size, ROWS])],
        [numpy_helper.from_array(a, k) for k, a in (arrays | {"zero": np.array([0])}).items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)


@pytest.mark.parametrize("product", ["MatMul", "Gemm"])
@pytest.mark.parametrize(
    ("options", "tables", "error"),
    [
        ({"mode": "weights"}, 2, 0.2),
        ({"mode": "weights", "bits": 8, "block": 0}, 1, 0.02),
        ({"mode": "static"}, 1, 0.02),
        ({"mode": "dynamic"}, 1, 0.02),
    ],
    ids=["4 bits", "8 bits", "static", "dynamic"],
)
def test_readers_share_the_quantized_table(product: str, options: dict[str, Any], tables: int, error: float):
    model = tied_model(product)
    data = [{"ids": IDS}] if options["mode"] == "static" else None
    made = aicc.quantize(model, data=data, errors=False, **options).model
    large = [t for t in made.graph.initializer if np.prod(t.dims) == ROWS * WIDTH]
    assert len(large) == tables
    floats = [t.name for t in made.graph.initializer if t.data_type == TensorProto.FLOAT and len(t.dims) > 1]
    assert all(helper.tensor_dtype_to_np_dtype(t.data_type).itemsize == 1 for t in large)
    assert not {"table", "w"} & set(floats)
    onnxruntime.InferenceSession(made.SerializeToString())
    (wanted,) = ReferenceEvaluator(made).run(None, {"ids": IDS})
    (got,) = aicc.compile(made).run([IDS])
    np.testing.assert_allclose(got, wanted, rtol=1e-4, atol=1e-4 * np.abs(wanted).max())
    (full,) = aicc.compile(model).run([IDS])
    assert np.abs(got - full).max() < error * np.abs(full).max()


def test_a_product_kept_in_f32_keeps_its_transpose():
    made = aicc.quantize(tied_model("MatMul"), errors=False, exclude=("head",), bits=8).model
    assert [n.op_type for n in made.graph.node].count("Transpose") == 2
    assert any(t.name == "table" for t in made.graph.initializer)
