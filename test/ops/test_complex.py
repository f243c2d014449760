"""Complex numbers: moved by every operator that ONNX lets move them, and refused by the others."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import helper

import aicc
from aicc.errors import AiccError
from aicc.tools.docs import NO_COMPLEX
from test.ops.rig import Case, case, check_all

DTYPES = [np.complex64, np.complex128]
UNTENSORED = {"If", "Loop", "Scan", "Constant", "ConcatFromSequence", "SplitToSequence"}
"""Take complex numbers as they take any tensor: their own tests are of these."""


def numbers(dtype: Any, *shape: int) -> Any:
    random = np.random.default_rng(5)
    return (random.standard_normal(shape) + 1j * random.standard_normal(shape)).astype(dtype)


def ints(*values: int) -> Any:
    return np.array(values, np.int64)


def cases(dtype: Any) -> Iterator[Case]:
    x = numbers(dtype, 3, 4, 5)
    yield case("Identity", x)
    yield case("Transpose", x, perm=[2, 0, 1])
    yield case("Reshape", x, ints(4, 15))
    yield case("Flatten", x)
    yield case("Squeeze", numbers(dtype, 3, 1, 2), ints(1), constant=(1,))
    yield case("Unsqueeze", x, ints(1), constant=(1,))
    yield case("Concat", x, numbers(dtype, 2, 4, 5), axis=0)
    yield case("Slice", x, ints(1, 4), ints(3, 0), ints(0, 2), ints(1, -1), constant=(3,))
    yield case("Split", x, axis=1, num_outputs=2, outputs=2)
    yield case("Gather", x, ints(2, 0), axis=1)
    yield case("GatherElements", x, np.zeros((1, 4, 5), np.int64))
    yield case("GatherND", x, ints(0, 1, 2, -1).reshape(2, 2), constant=(1,))
    yield case("ScatterElements", x, np.ones((1, 4, 5), np.int64), numbers(dtype, 1, 4, 5))
    yield case("ScatterND", x, ints(0, 1, 2, -1).reshape(2, 2), numbers(dtype, 2, 5), constant=(1,))
    yield case("Expand", numbers(dtype, 3, 1, 5), ints(2, 3, 4, 5))
    yield case("Tile", x, ints(2, 1, 3))
    yield case("Pad", x, ints(1, 0, 2, 0, 1, 0))
    yield case("Pad", x, ints(1, 0, 2, 0, 1, 0), numbers(dtype))
    yield case("Pad", x, ints(1, 0, 2, 0, 1, 0), mode="reflect")
    yield case("Where", np.array([True, False, True, True, False]), x, numbers(dtype, 5))
    yield case("Shape", x)
    yield case("Size", x)
    yield case("NonZero", np.array([[0, 1j, -0.0], [1, 0, complex(-0.0, -0.0)]], dtype))
    yield case("Compress", x, np.array([True, False, True]), axis=0)
    on = numbers(dtype, 2)
    yield case("OneHot", ints(1, 0), ints(3), on, expected=[np.where(np.eye(3)[[1, 0]] > 0, on[1], on[0])])
    yield case("DepthToSpace", numbers(dtype, 1, 8, 2, 3), blocksize=2)
    yield case("SpaceToDepth", numbers(dtype, 1, 2, 4, 6), blocksize=2)
    yield case("Trilu", x)
    yield case("ReverseSequence", numbers(dtype, 4, 3), ints(4, 2, 1), time_axis=0, batch_axis=1)
    yield case("CenterCropPad", x, ints(5, 2), axes=[0, 1], constant=(1,))


@pytest.mark.parametrize("dtype", DTYPES)
def test_moved(dtype: Any) -> None:
    check_all(list(cases(dtype)))


@pytest.mark.parametrize("dtype", DTYPES)
def test_special_values_and_ends(dtype: Any) -> None:
    """NaN, infinities and the sign of 0 stay; large constants too, and what is read in place."""
    x = np.array([complex(np.nan, -0.0), complex(-np.inf, 1e-40), 1.5 - 2j], dtype)
    big = numbers(dtype, 100, 7)
    model = one_node("Concat", [x.reshape(3, 1).repeat(7, 1), big], constant=True, axis=0)
    y = aicc.compile(model)(x.reshape(3, 1).repeat(7, 1))
    assert y.dtype == dtype
    assert y[3:].tobytes() == big.tobytes() and y[:3, 0].tobytes() == x.tobytes()


def test_bits() -> None:
    """complex64 as 64-bit integers."""
    x = numbers(np.complex64, 6)
    exe = aicc.compile(one_node("BitCast", [x], opset=26, to=onnx.TensorProto.INT64))
    assert exe(x).tobytes() == x.tobytes()


@pytest.mark.parametrize(
    "op", ["Add", "Relu", "Equal", "MatMul", "ReduceSum", *sorted(set(NO_COMPLEX) - {"Upsample"})]
)
def test_not_computed_with(op: str) -> None:
    x = numbers(np.complex64, 1, 1, 4, 4)
    more: dict[str, list[Any]] = {
        "Resize": [None, np.full(4, 2, np.float32)],
        "GridSample": [np.zeros((1, 2, 2, 2), np.float32)],
        "Col2Im": [ints(2, 2), ints(1, 1)],
    }
    inputs = [x.reshape(1, 4, 4) if op == "Col2Im" else x]
    inputs += [x] if op in ("Add", "Equal", "MatMul") else more.get(op, [])
    with pytest.raises(AiccError, match="complex") as caught:
        aicc.compile(one_node(op, inputs, constant=True))
    assert caught.value.code == "AICC-1004" and "here" in str(caught.value.node)


def test_every_operator_of_complex_numbers_is_tested_or_refused() -> None:
    listed = {
        s.name
        for s in onnx.defs.get_all_schemas_with_history()
        if s.domain == "" and any("complex" in t for p in [*s.inputs, *s.outputs] for t in p.types)
    }
    tested = {c.op for c in cases(np.complex64)} | {"BitCast"}
    left = listed - tested - set(NO_COMPLEX) - UNTENSORED
    assert {op for op in left if not op.startswith(("Sequence", "Optional"))} == {
        "RandomNormalLike",  # only the shape counts
        "RandomUniformLike",
        "Scatter",  # ScatterElements by its old name
        "TensorScatter",  # made of those above
    }


def one_node(op: str, inputs: list[Any], opset: int = 22, constant: bool = False, **attrs: Any) -> bytes:
    """A model of one node; with `constant`, inputs but the first are initializers."""
    names = ["" if x is None else f"x{i}" for i, x in enumerate(inputs)]
    graph = onnx.GraphProto(name="g")
    graph.node.append(helper.make_node(op, names, ["y"], "here", **attrs))
    for i, (name, x) in enumerate(zip(names, inputs, strict=True)):
        if constant and i and x is not None:
            graph.initializer.append(onnx.numpy_helper.from_array(x, name))
        elif x is not None:
            code = helper.np_dtype_to_tensor_dtype(x.dtype)
            graph.input.append(helper.make_tensor_value_info(name, code, x.shape))
    graph.output.append(helper.make_tensor_value_info("y", 0, None))
    return helper.make_model(
        graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=11
    ).SerializeToString()
