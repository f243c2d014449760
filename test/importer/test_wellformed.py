"""Graphs that are not as they should be: each gives an error that names the place, or is put right."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper

import aicc
from aicc.driver import Options, compile_model
from aicc.errors import ImportError_
from aicc.importer.wellformed import in_order

FLOAT = onnx.TensorProto.FLOAT
X = np.asarray([[-2, -1, 0], [1, 2, 3]], np.float32)
node = helper.make_node


def model(
    nodes: list[Any], inputs: dict[str, list[Any]] | None = None, weights: tuple[Any, ...] = ()
) -> onnx.ModelProto:
    """`x` of 2x3 (or `inputs`) to `y`."""
    shapes = {"x": [2, 3]} if inputs is None else inputs
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info(n, FLOAT, s) for n, s in shapes.items()],
        [helper.make_tensor_value_info("y", FLOAT, None)],
        list(weights),
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])


def refused(m: Any) -> ImportError_:
    with pytest.raises(ImportError_) as caught:
        compile_model(m, None, Options(stop_after="import"))
    return caught.value


NODES = {
    "cycle": (
        [
            node("Add", ["x", "b"], ["a"], name="p"),
            node("Relu", ["a"], ["b"], name="q"),
            node("Neg", ["b"], ["y"]),
        ],
        "AICC-1001",
        "a cycle",
    ),
    "itself": ([node("Relu", ["x"], ["x"]), node("Neg", ["x"], ["y"])], "AICC-1001", "cycle"),
    "twice": (
        [node("Relu", ["x"], ["a"]), node("Neg", ["x"], ["a"]), node("Abs", ["a"], ["y"])],
        "AICC-1001",
        "'a' is defined before",
    ),
    "nowhere": ([node("Relu", ["b"], ["y"])], "AICC-1001", "'b', which nothing defines"),
    "many inputs": (
        [node("Relu", ["x", "x"], ["y"], name="r")],
        "AICC-1005",
        "2 inputs; the operator takes 1",
    ),
    "few inputs": ([node("Add", ["x"], ["y"], name="r")], "AICC-1005", "1 input; the operator takes 2"),
    "many outputs": (
        [node("Relu", ["x"], ["y", "z"], name="r")],
        "AICC-1005",
        "2 outputs; the operator takes 1",
    ),
    "unknown attribute": (
        [node("Relu", ["x"], ["y"], name="r", slope=2.0)],
        "AICC-1006",
        "no attribute 'slope'",
    ),
    "text for a number": (
        [node("Softmax", ["x"], ["y"], name="r", axis="one")],
        "AICC-1006",
        "STRING; the operator takes INT",
    ),
    "fraction for a number": (
        [node("Softmax", ["x"], ["y"], name="r", axis=0.5)],
        "AICC-1006",
        "FLOAT; the operator takes INT",
    ),
    "number for numbers": (
        [node("Transpose", ["x"], ["y"], name="r", perm=1)],
        "AICC-1006",
        "INT; the operator takes INTS",
    ),
}


@pytest.mark.parametrize("case", NODES)
def test_nodes(case: str) -> None:
    nodes, code, message = NODES[case]
    error = refused(model(nodes))
    assert error.code == code and message in str(error)
    if nodes[0].name == "r":
        assert error.node is not None and '"r"' in error.node


def test_two_inputs_of_one_name() -> None:
    m = model([node("Relu", ["x"], ["y"])])
    m.graph.input.append(m.graph.input[0])
    assert "two inputs 'x'" in str(refused(m))


def test_nodes_in_any_order() -> None:
    """Each node before those that it reads from; a branch's reads count as its node's."""
    branch = helper.make_graph(
        [node("Neg", ["a"], ["r"])], "b", [], [helper.make_tensor_value_info("r", FLOAT, None)]
    )
    nodes = [
        node("Add", ["c", "a"], ["y"]),
        node("If", ["t"], ["c"], then_branch=branch, else_branch=branch),
        node("Relu", ["x"], ["a"]),
    ]
    truth = numpy_helper.from_array(np.asarray(True), "t")
    assert [n.op_type for n in in_order(nodes)] == ["Relu", "If", "Add"]
    exe = aicc.compile(model(nodes, weights=(truth,)), jobs=0, cache=False)
    np.testing.assert_array_equal(exe(X), np.zeros_like(X))


def test_an_order_that_is_one_stays() -> None:
    nodes = [node("Relu", ["x"], ["a"]), node("Neg", ["x"], ["b"]), node("Add", ["b", "a"], ["y"])]
    assert in_order(nodes) == nodes


def test_a_size_of_minus_one_is_unknown() -> None:
    exe = aicc.compile(model([node("Relu", ["x"], ["y"])], {"x": [-1, 3]}), jobs=0, cache=False)
    for rows in (1, 2):
        np.testing.assert_array_equal(exe(X[:rows]), np.maximum(X[:rows], 0))


def _short(t: onnx.TensorProto) -> None:
    t.raw_data = t.raw_data[:-4]


def _nothing(t: onnx.TensorProto) -> None:
    t.ClearField("raw_data")


def _negative(t: onnx.TensorProto) -> None:
    t.dims[0] = -2


def _few(t: onnx.TensorProto) -> None:
    t.ClearField("raw_data")
    t.float_data.extend([1, 2])


@pytest.mark.parametrize("size", [2, 200])
@pytest.mark.parametrize("spoil", [_short, _nothing, _negative, _few])
def test_elements_that_do_not_fit(spoil: Callable[[Any], None], size: int, tmp_path: Path) -> None:
    """Small ones, and those that are read when they are written."""
    w = numpy_helper.from_array(np.ones((size, 3), np.float32), "w")
    spoil(w)
    m = model([node("Neg", ["w"], ["y"])], {}, (w,))
    with pytest.raises(ImportError_, match="AICC-1001.*'w'"):
        aicc.compile(m, jobs=0, cache=False)


@pytest.mark.parametrize(
    "place",
    [
        {"location": "w.bin", "offset": "-4"},
        {"location": "w.bin", "offset": "four"},
        {"location": ""},
        {"location": "a\0b"},
        {"location": "w.bin", "length": "-24"},
        {},
    ],
)
def test_places_of_external_data(place: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "w.bin").write_bytes(np.ones(6, np.float32).tobytes())
    w = onnx.TensorProto(name="w", data_type=FLOAT, dims=[2, 3], data_location=onnx.TensorProto.EXTERNAL)
    for key, value in place.items():
        w.external_data.add(key=key, value=value)
    path = tmp_path / "m.onnx"
    path.write_bytes(model([node("Add", ["x", "w"], ["y"])], None, (w,)).SerializeToString())
    error = refused(path)
    assert error.code == "AICC-1001" and "'w'" in str(error)


def test_functions_that_call_themselves() -> None:
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("own", 1)]
    m = model([node("F", ["x"], ["y"], domain="own")])
    m.functions.append(
        helper.make_function("own", "F", ["a"], ["b"], [node("F", ["a"], ["b"], domain="own")], opsets)
    )
    m.opset_import.add(domain="own", version=1)
    assert refused(m).code == "AICC-1001"


def test_defaults_of_a_function() -> None:
    """A call without the attribute, and one with it, from within another function."""
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("own", 1)]
    inner = node("LeakyRelu", ["a"], ["b"])
    inner.attribute.append(
        onnx.AttributeProto(name="alpha", ref_attr_name="k", type=onnx.AttributeProto.FLOAT)
    )
    leaky = helper.make_function(
        "own", "Leaky", ["a"], ["b"], [inner], opsets, [], [helper.make_attribute("k", 0.5)]
    )
    both = helper.make_function(
        "own",
        "Both",
        ["a"],
        ["c"],
        [node("Leaky", ["a"], ["b"], domain="own"), node("Leaky", ["b"], ["c"], domain="own", k=0.25)],
        opsets,
    )
    m = model([node("Both", ["x"], ["y"], domain="own")])
    m.functions.extend([both, leaky])
    m.opset_import.add(domain="own", version=1)
    found = aicc.compile(m, jobs=0, cache=False)(X)
    np.testing.assert_allclose(found, np.where(X < 0, X * 0.125, X))


def test_a_long_chain() -> None:
    """More elementwise nodes in a row than one kernel takes."""
    names = ["x", *(f"t{k}" for k in range(299)), "y"]
    nodes = [
        node("Neg" if k % 2 else "Abs", [a], [b])
        for k, (a, b) in enumerate(zip(names, names[1:], strict=False))
    ]
    np.testing.assert_array_equal(aicc.compile(model(nodes), jobs=0, cache=False)(X), -np.abs(X))
    kernels = compile_model(model(nodes), None, Options(stop_after="kernels")).text
    assert kernels.count("func.func private @k") > 1
