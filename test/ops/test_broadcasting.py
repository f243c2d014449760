"""Sizes with names that are 1 in a run broadcast, as ONNX Runtime has it; at -O1 too, and in a GPU's code."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper
from onnx.reference import ReferenceEvaluator

import aicc
from aicc.driver import Options, compile_model
from aicc.errors import RuntimeError_

FLOAT, BOOL, INT64 = TensorProto.FLOAT, TensorProto.BOOL, TensorProto.INT64
Shapes = Sequence[Any]
"""A shape per input, or the input itself."""

VARIANTS = [{"opt_level": 2}, {"opt_level": 1}, {"target": "simt"}]


def model_of(nodes: Sequence[Any], inputs: Mapping[str, Any], opset: int = 21) -> bytes:
    """`inputs`: shapes of floats, or pairs of an element type and a shape. The result is `y`."""
    typed = {name: s if isinstance(s, tuple) else (FLOAT, s) for name, s in inputs.items()}
    graph = helper.make_graph(
        list(nodes),
        "g",
        [helper.make_tensor_value_info(name, t, shape) for name, (t, shape) in typed.items()],
        [helper.make_tensor_value_info("y", FLOAT, None)],
    )
    return helper.make_model(
        graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=10
    ).SerializeToString()


def feeds_of(model: bytes, shapes: Shapes) -> dict[str, Any]:
    random = np.random.default_rng(7)
    feeds = {}
    for info, shape in zip(onnx.load_from_string(model).graph.input, shapes, strict=True):
        dtype = helper.tensor_dtype_to_np_dtype(info.type.tensor_type.elem_type)
        made = shape if isinstance(shape, np.ndarray) else random.standard_normal(shape) * 2
        feeds[info.name] = made > 0 if dtype == np.dtype(bool) else made.astype(dtype)
    return feeds


def agree(nodes: Sequence[Any], inputs: Mapping[str, Any], runs: Sequence[Shapes], **options: Any) -> None:
    """One compile, several sizes."""
    model = model_of(nodes, inputs)
    exe = aicc.compile(model, **options)
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    for shapes in runs:
        feeds = feeds_of(model, shapes)
        (want,) = session.run(None, feeds)
        got = exe(**feeds)
        assert got.shape == want.shape, shapes
        np.testing.assert_allclose(got, want, rtol=2e-5, atol=1e-6, err_msg=str(shapes))


@pytest.mark.parametrize("options", VARIANTS, ids=str)
def test_two_operands(options: dict[str, Any]) -> None:
    agree(
        [helper.make_node("Sub", ["a", "b"], ["y"])],
        {"a": ["n", "k"], "b": ["m", "l"]},
        [
            [(3, 4), (3, 4)],
            [(3, 4), (1, 4)],
            [(1, 4), (3, 1)],
            [(1, 1), (3, 4)],
            [(1, 1), (1, 1)],
            [(0, 4), (1, 4)],
            [(1, 4), (0, 1)],
        ],
        **options,
    )


@pytest.mark.parametrize("options", VARIANTS, ids=str)
def test_many_operands(options: dict[str, Any]) -> None:
    agree(
        [helper.make_node("Where", ["c", "a", "b"], ["y"])],
        {"c": (BOOL, ["k", 1]), "a": ["n", 5], "b": ["m", "r"]},
        [
            [(3, 1), (1, 5), (3, 1)],
            [(1, 1), (3, 5), (1, 5)],
            [(1, 1), (1, 5), (2, 5)],
            [(4, 1), (4, 5), (4, 5)],
        ],
        **options,
    )
    agree(
        [helper.make_node("Max", ["a", "b", "c"], ["y"])],
        {"a": ["n"], "b": ["m"], "c": ["k"]},
        [[(3,), (3,), (3,)], [(1,), (3,), (1,)], [(1,), (1,), (4,)]],
        **options,
    )


@pytest.mark.parametrize("options", VARIANTS, ids=str)
def test_products(options: dict[str, Any]) -> None:
    agree(
        [helper.make_node("MatMul", ["a", "b"], ["y"])],
        {"a": ["n", 3, "k"], "b": ["m", "l", 20]},
        [[(3, 3, 5), (3, 5, 20)], [(3, 3, 5), (1, 5, 20)], [(1, 3, 5), (3, 5, 20)], [(1, 3, 5), (1, 5, 20)]],
        **options,
    )
    agree(
        [helper.make_node("Gemm", ["a", "b", "c"], ["y"])],
        {"a": ["n", "k"], "b": ["k", "m"], "c": ["r", "s"]},
        [[(3, 4), (4, 18), c] for c in ((3, 18), (1, 18), (3, 1), (1, 1))],
        **options,
    )


@pytest.mark.parametrize("options", VARIANTS, ids=str)
def test_shapes_of_the_run(options: dict[str, Any]) -> None:
    agree(
        [helper.make_node("Expand", ["x", "s"], ["y"])],
        {"x": ["n", "p"], "s": (INT64, [3])},
        [
            [x, np.array(s)]
            for x, s in [
                ((3, 4), (2, 1, 1)),
                ((3, 1), (1, 3, 4)),
                ((1, 1), (2, 3, 4)),
                ((3, 4), (2, 3, 4)),
                ((0, 4), (2, 1, 4)),
            ]
        ],
        **options,
    )


@pytest.mark.parametrize("options", VARIANTS, ids=str)
def test_between_kernels(options: dict[str, Any]) -> None:
    """What is read over a bigger shape is a result, part of a result, used twice, and returned to."""
    agree(
        [
            helper.make_node("Relu", ["a"], ["r"]),
            helper.make_node("Split", ["b"], ["b0", "b1"], axis=0, num_outputs=2),
            helper.make_node("Add", ["r", "b1"], ["t"]),
            helper.make_node("Softmax", ["t"], ["u"], axis=-1),
            helper.make_node("Mul", ["u", "r"], ["v"]),
            helper.make_node("Sub", ["v", "b0"], ["y"]),
        ],
        {"a": ["n", "k"], "b": [6, "l"]},
        [[(3, 4), (6, 4)], [(1, 4), (6, 4)], [(3, 1), (6, 4)], [(3, 4), (6, 1)], [(1, 1), (6, 4)]],
        **options,
    )


def test_parameters_of_rows() -> None:
    agree(
        [helper.make_node("LayerNormalization", ["a", "b"], ["y"], axis=-1)],
        {"a": ["n", "k"], "b": ["l"]},
        [[(3, 4), (4,)], [(3, 4), (1,)]],
    )


ATTENTION = [
    helper.make_node("Transpose", ["k"], ["t"], perm=[0, 1, 3, 2]),
    helper.make_node("MatMul", ["q", "t"], ["s"]),
    helper.make_node("Add", ["s", "mask"], ["m"]),
    helper.make_node("Softmax", ["m"], ["p"], axis=-1),
    helper.make_node("MatMul", ["p", "v"], ["y"]),
]
HEADS = {name: ["b", 2, rows, 8] for name, rows in (("q", "n"), ("k", "s"), ("v", "s"))}


@pytest.mark.parametrize("masks", [["b", 1, "n", "keys"], ["other", 1, "n", "s"]], ids=str)
def test_masks_of_attention(masks: list[Any]) -> None:
    """The number of keys has another name in the mask; or the batch, and then the mask may be the bigger one."""
    runs: list[Shapes] = [[(2, 2, 5, 8), (2, 2, 7, 8), (2, 2, 7, 8), (2, 1, 5, 7)]]
    one = [(1, 2, 5, 8), (1, 2, 7, 8), (1, 2, 7, 8)]
    runs.append([*one, (1, 1, 5, 1)] if "keys" in masks else [*one, (3, 1, 5, 7)])
    agree(ATTENTION, {**HEADS, "mask": masks}, runs)


def test_attention_with_another_name_for_keys_is_one_kernel() -> None:
    model = model_of(ATTENTION, {**HEADS, "mask": ["b", 1, "n", "keys"]})
    assert "aicc.attention" in compile_model(model, None, Options(stop_after="graph")).text


@pytest.mark.parametrize("heads", [6, 1])
def test_mask_of_heads_in_groups(heads: int) -> None:
    """Every size has a name, and query heads share keys: a mask for all heads, or for each."""
    shapes = {"q": (2, 6, 4, 8), "k": (2, 3, 5, 8), "v": (2, 3, 5, 8), "mask": (heads, 4, 5)}
    named = {name: [f"{name}{i}" for i in range(len(shape))] for name, shape in shapes.items()}
    model = model_of([helper.make_node("Attention", list(named), ["y"])], named, opset=23)
    feeds = feeds_of(model, list(shapes.values()))
    (want,) = ReferenceEvaluator(onnx.load_from_string(model)).run(None, feeds)
    np.testing.assert_allclose(aicc.compile(model)(**feeds), want, rtol=2e-5, atol=1e-6)


def test_sizes_that_do_not_fit() -> None:
    exe = aicc.compile(
        model_of([helper.make_node("Add", ["a", "b"], ["y"], "sum")], {"a": ["n"], "b": ["m"]})
    )
    with pytest.raises(RuntimeError_, match="ode 'sum'.*equal or one is 1; here they are 2 and 3"):
        exe(np.zeros(2, np.float32), np.zeros(3, np.float32))
    assert exe(np.ones(2, np.float32), np.ones(1, np.float32)).tolist() == [2, 2]


def test_a_product_of_sums_does_not_stretch() -> None:
    """The summed dims of a product are equal, or it fails."""
    exe = aicc.compile(
        model_of([helper.make_node("MatMul", ["a", "b"], ["y"])], {"a": [2, "k"], "b": ["l", 3]})
    )
    with pytest.raises(RuntimeError_, match="equal; here they are"):
        exe(np.zeros((2, 1), np.float32), np.zeros((5, 3), np.float32))


def test_one_name_costs_nothing() -> None:
    model = model_of([helper.make_node("Add", ["a", "b"], ["y"])], {"a": ["n", 4], "b": ["n", 4]})
    text = compile_model(model, None, Options(stop_after="linalg")).text
    assert "aicc_either" not in text and "aicc_require" not in text
