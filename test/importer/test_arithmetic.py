"""Import rules of the arithmetic families: what a node becomes, by opset, and what a bad one says."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from aicc.bindings import ir
from aicc.dialects import context
from aicc.errors import ImportError_
from aicc.importer.model import import_model

Size = int | str
FLOAT = TensorProto.FLOAT


def model(
    op: str,
    *shapes: Sequence[Size] | np.ndarray[Any, Any] | None,
    opset: int = 21,
    dtypes: Sequence[int] = (),
    outputs: int = 1,
    **attrs: Any,
) -> onnx.ModelProto:
    """One node; inputs are given by shape, or as arrays, which become initializers; None is absent."""
    names = [f"x{i}" if s is not None else "" for i, s in enumerate(shapes)]
    node = helper.make_node(op, names, [f"y{i}" for i in range(outputs)], name="the_node", **attrs)
    graph = onnx.GraphProto(name="g", node=[node])
    for i, s in enumerate(shapes):
        if isinstance(s, np.ndarray):
            graph.initializer.append(numpy_helper.from_array(s, names[i]))
        elif s is not None:
            code = dtypes[i] if i < len(dtypes) else FLOAT
            graph.input.append(helper.make_tensor_value_info(names[i], code, s))
    graph.output.extend(helper.make_tensor_value_info(o, 0, None) for o in node.output)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)])


def imported(op: str, *shapes: Any, **settings: Any) -> list[str]:
    """The ops of `main` as text, without constants and the return."""
    with context(), ir.Location.unknown():
        module, _ = import_model(model(op, *shapes, **settings))
        module.operation.verify()
        main = next(iter(module.body.operations))
        texts = [str(o) for o in main.regions[0].blocks[0].operations]
    hidden = ("aicc.constant", "aicc.none", "return", "aicc.weight")
    return [t for t in texts if not any(h in t for h in hidden)]


def names(op: str, *shapes: Any, **settings: Any) -> list[str]:
    return [t.split('"')[1].removeprefix("aicc.") for t in imported(op, *shapes, **settings)]


def test_shapes_broadcast_symbolically() -> None:
    (text,) = imported("Add", ["n", 1, 4], [3, 1])
    assert "-> tensor<?x3x4xf32>" in text


def test_the_known_of_two_sizes_wins() -> None:
    (text,) = imported("Mul", ["n", "m"], [2, "m"])
    assert "-> tensor<2x?xf32>" in text


@pytest.mark.parametrize(
    ("op", "count", "want"),
    [
        ("Greater", 2, ["less"]),
        ("GreaterOrEqual", 2, ["less_equal"]),
        ("Sum", 3, ["add", "add"]),
        ("Max", 1, []),
        ("Mean", 2, ["add", "div"]),
        ("Identity", 1, []),
        ("Dropout", 1, []),
        ("Gelu", 1, ["gelu"]),
        ("HardSwish", 1, ["hard_swish"]),
        ("Mish", 1, ["mish"]),
    ],
)
def test_one_op_or_a_combination(op: str, count: int, want: list[str]) -> None:
    assert names(op, *[[2, 3]] * count) == want


def test_a_cast_to_the_same_dtype_vanishes() -> None:
    assert names("Cast", [2], to=FLOAT) == []


def test_clip_bounds_were_attributes() -> None:
    old = imported("Clip", [2], opset=7, min=0.0)
    new = imported("Clip", [2], np.array(0, np.float32), opset=13)
    assert [t.split(" = ", 1)[1].split("(")[0] for t in old] == [
        t.split(" = ", 1)[1].split("(")[0] for t in new
    ]


def test_gemm_keeps_transposes_as_attributes() -> None:
    assert names("Gemm", [4, 3], [5, 4], [5], transA=1, transB=1) == ["matmul", "add"]
    assert names("Gemm", [3, 4], [4, 5], [5], alpha=0.5, beta=0.5) == ["matmul", "mul", "mul", "add"]
    assert names("Gemm", [3, 4], [4, 5], None) == ["matmul"]
    assert "trans_a = true, trans_b = false" in imported("Gemm", [4, 3], [4, 5], transA=1)[0]


@pytest.mark.parametrize(
    ("shape", "opset", "attrs", "axis"),
    [
        ([2, 3, 4], 13, {}, 2),
        ([2, 3, 4], 13, {"axis": 1}, 1),
        ([2, 3, 4], 11, {"axis": -1}, 2),
        ([2, 3], 11, {}, 1),
        ([2, 3, 1, 1], 11, {}, 1),
    ],
)
def test_softmax_stays_whole(shape: list[int], opset: int, attrs: dict[str, Any], axis: int) -> None:
    (text,) = imported("Softmax", shape, opset=opset, **attrs)
    assert f"axis = {axis} : i64" in text


def test_softmax_over_joined_dims() -> None:
    assert names("Softmax", [2, 3, 4], opset=11) == ["reduce_max", "sub", "exp", "reduce_sum", "div"]


@pytest.mark.parametrize(
    ("inputs", "settings", "axes"),
    [
        (([2, 3, 4],), {"opset": 11, "axes": [-1]}, "2"),
        (([2, 3, 4], np.array([0, -1])), {"opset": 18}, "0, 2"),
        (([2, 3, 4],), {"opset": 18}, "0, 1, 2"),
        (([2, 3, 4], np.zeros(0, np.int64)), {"opset": 18}, "0, 1, 2"),
    ],
)
def test_reduction_axes(inputs: tuple[Any, ...], settings: dict[str, Any], axes: str) -> None:
    (text,) = imported("ReduceMean", *inputs, **settings)
    assert f"axes = array<i64: {axes}>" in text


def test_a_reduction_over_nothing() -> None:
    nothing = np.zeros(0, np.int64)
    assert names("ReduceSum", [2, 3], nothing, noop_with_empty_axes=1) == []
    assert names("ReduceSumSquare", [2, 3], nothing, noop_with_empty_axes=1) == ["mul"]


def test_einsum_of_three_contracts_pairwise() -> None:
    found = imported("Einsum", [2, 3], [3, 4], [4, 5], equation="ij,jk,kl")
    assert ["ij,jk->ik" in found[0], "ik,kl->il" in found[1], len(found)] == [True, True, 2]


def test_einsum_sums_what_nobody_needs_at_once() -> None:
    found = imported("Einsum", [2, 3], [4, 5], equation="ij,kl->ik")
    assert ["ij->i" in found[0], "kl->k" in found[1], "i,k->ik" in found[2]] == [True] * 3


def test_attention_splits_heads_and_appends_the_past() -> None:
    flat = names(
        "Attention", ["b", 5, 32], ["b", 6, 32], ["b", 6, 32], opset=23, q_num_heads=4, kv_num_heads=4
    )
    assert flat == [*["reshape", "transpose"] * 3, "attention", "transpose", "reshape"]
    cached = [["b", 4, 1, 8]] * 3 + [None] + [["b", 4, "past", 8]] * 2  # type: ignore[list-item]
    texts = imported("Attention", *cached, opset=23, outputs=3)
    assert 'align = "bottom_right"' in texts[-1]
    assert "tensor.concat" in texts[0]


def test_locations_are_node_names() -> None:
    with context(), ir.Location.unknown():
        module, _ = import_model(model("Relu", [2]))
        text = module.operation.get_asm(enable_debug_info=True)
    assert 'loc("the_node")' in text


@pytest.mark.parametrize(
    ("code", "words", "arguments", "settings"),
    [
        ("AICC-1005", "sizes 3 and 4 differ", ("Add", [2, 3], [2, 4]), {}),
        ("AICC-1005", "inner sizes differ: 3 of a, 4 of b", ("MatMul", [2, 3], [4, 2]), {}),
        ("AICC-1005", "it has 1 input; the operator takes 2", ("Add", [2, 3]), {}),
        ("AICC-1004", "operand 'x' has dtype i32", ("Exp", [2]), {"dtypes": [TensorProto.INT32]}),
        ("AICC-1004", "expected f32", ("Add", [2], [2]), {"dtypes": [FLOAT, TensorProto.INT64]}),
        ("AICC-1006", "attribute 'to' is missing", ("Cast", [2]), {}),
        (
            "AICC-1005",
            "expected a static number of axes",
            ("ReduceSum", [2, 3], ["n"]),
            {"dtypes": [FLOAT, TensorProto.INT64]},
        ),
        ("AICC-1006", "attribute 'approximate' is 'sigmoid'", ("Gelu", [2]), {"approximate": "sigmoid"}),
        ("AICC-1006", "terms for", ("Einsum", [2, 3]), {"equation": "ij,jk->ik"}),
        ("AICC-1006", "attribute 'p' is 3", ("LpNormalization", [2, 3]), {"p": 3}),
        ("AICC-1006", "does not divide 6", ("GroupNormalization", [1, 6, 2], [6], [6]), {"num_groups": 4}),
    ],
)
def test_errors_name_the_node_and_the_cause(
    code: str, words: str, arguments: tuple[Any, ...], settings: dict[str, Any]
) -> None:
    with pytest.raises(ImportError_) as caught:
        imported(*arguments, **settings)
    assert caught.value.code == code
    assert words in str(caught.value)
    assert "the_node" in str(caught.value)


def test_an_axis_out_of_range_names_the_node() -> None:
    with pytest.raises(ImportError_, match="attribute 'axis' is 5, out of range for rank 2") as caught:
        imported("Softmax", [2, 3], axis=5)
    assert "the_node" in str(caught.value)
