"""QuantizeLinear and DequantizeLinear of every stored type, scale per tensor, axis and block, on extremes: exact."""

from __future__ import annotations

from typing import Any

import ml_dtypes
import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator

import aicc

Array = np.ndarray[Any, Any]
INTEGERS = {
    "uint8": (0, 255),
    "int8": (-128, 127),
    "uint16": (0, 65535),
    "int16": (-32768, 32767),
    "uint4": (0, 15),
    "int4": (-8, 7),
    "uint2": (0, 3),
    "int2": (-2, 1),
}
FLOATS = ("float8_e4m3fn", "float8_e4m3fnuz", "float8_e5m2", "float8_e5m2fnuz", "float4_e2m1fn")
SHAPE = (6, 4, 8)
WAYS: dict[str, tuple[tuple[int, ...], dict[str, int]]] = {
    "tensor": ((), {}),
    "axis": ((4,), {"axis": 1}),
    "last": ((8,), {"axis": -1}),
    "block": ((6, 4, 2), {"axis": 2, "block_size": 4}),
    "cut": ((2, 4, 8), {"axis": 0, "block_size": 3}),
}


def dtype_named(name: str) -> np.dtype[Any]:
    return np.dtype(getattr(ml_dtypes, name, name))


def opset_of(name: str) -> int:
    return 25 if name in ("int2", "uint2") else 23 if name == "float4_e2m1fn" else 21


def codes(name: str, rng: np.random.Generator, shape: tuple[int, ...], kind: str) -> Array:
    """Numbers of a type: any, its least, its greatest, or either."""
    if name in FLOATS:
        bits = 4 if name.startswith("float4") else 8
        return rng.integers(0, 1 << bits, shape).astype(np.uint8).view(dtype_named(name))
    low, high = INTEGERS[name]
    found = {
        "any": rng.integers(low, high + 1, shape),
        "low": np.full(shape, low),
        "high": np.full(shape, high),
    }
    return found.get(kind, rng.choice([low, high], shape)).astype(np.int32).astype(dtype_named(name))


def graph(name: str, nodes: list[Any], inputs: list[Any], outputs: list[Any], constants: list[Any]) -> Any:
    made = helper.make_graph(nodes, "g", inputs, outputs, constants)
    version = opset_of(name)
    return helper.make_model(
        made, opset_imports=[helper.make_opsetid("", version)], ir_version=13 if version == 25 else 11
    )


def compare(model: onnx.ModelProto, feeds: dict[str, Array]) -> None:
    with np.errstate(all="ignore"):  # infinite products are meant
        wanted = ReferenceEvaluator(model).run(None, feeds)
    for output, want, got in zip(model.graph.output, wanted, aicc.compile(model)(dict(feeds)), strict=True):
        a, b = (np.asarray(v).astype(np.float32) for v in (got, want))
        np.testing.assert_array_equal(a, b, err_msg=output.name)


@pytest.mark.parametrize("name", [*INTEGERS, *FLOATS])
def test_dequantized(name: str, rng: np.random.Generator) -> None:
    nodes, outputs, constants = [], [], []
    for way, (shape, attrs) in WAYS.items():
        for kind in ("any", "ends"):
            tag = f"{way}_{kind}"
            # a scale that is no normal number, and one whose products are infinite
            scale = rng.choice(np.float32([0.013, 0.37, 1e-40, 2.0**-9, 1e37]), shape)
            given = [codes(name, rng, SHAPE, kind), np.asarray(scale, np.float32)]
            if name in INTEGERS:
                given.append(codes(name, rng, shape, "any"))
            names = [f"{tag}_{part}" for part in ("x", "scale", "zero")][: len(given)]
            constants += [numpy_helper.from_array(a, n) for a, n in zip(given, names, strict=True)]
            nodes.append(helper.make_node("DequantizeLinear", names, [tag], **attrs))
            outputs.append(helper.make_tensor_value_info(tag, TensorProto.FLOAT, SHAPE))
    compare(graph(name, nodes, [], outputs, constants), {})


@pytest.mark.parametrize("name", [*INTEGERS, *FLOATS])
def test_quantized(name: str, rng: np.random.Generator) -> None:
    """Halves between steps, and numbers beyond the type's range on both sides."""
    nodes, outputs, constants = [], [], []
    reach = 2 * max(abs(v) for v in INTEGERS.get(name, (0, 400)))
    feeds = {
        "halves": (rng.integers(-reach, reach, SHAPE) + 0.5).astype(np.float32),
        "any": rng.uniform(-reach, reach, SHAPE).astype(np.float32),
    }
    code = helper.np_dtype_to_tensor_dtype(dtype_named(name))
    for way, (shape, attrs) in WAYS.items():
        for x in feeds:
            tag = f"{way}_{x}"
            scale = 2.0 ** rng.integers(-3, 3, shape) if x == "halves" else rng.uniform(0.3, 2, shape)
            given = [np.asarray(scale, np.float32)]
            if name in INTEGERS:
                given.append(codes(name, rng, shape, "any"))
            names = [f"{tag}_{part}" for part in ("scale", "zero")][: len(given)]
            constants += [numpy_helper.from_array(a, n) for a, n in zip(given, names, strict=True)]
            extra = {} if name in INTEGERS else {"output_dtype": code}
            nodes.append(helper.make_node("QuantizeLinear", [x, *names], [f"{tag}_q"], **attrs, **extra))
            nodes.append(helper.make_node("Cast", [f"{tag}_q"], [tag], to=TensorProto.FLOAT))
            outputs.append(helper.make_tensor_value_info(tag, TensorProto.FLOAT, SHAPE))
    inputs = [helper.make_tensor_value_info(n, TensorProto.FLOAT, SHAPE) for n in feeds]
    compare(graph(name, nodes, inputs, outputs, constants), feeds)


@pytest.mark.parametrize("way", ["tensor", "axis", "block"])
@pytest.mark.parametrize("precision", [None, "FLOAT16", "BFLOAT16", "FLOAT"])
def test_precision_of_the_quotient(precision: str | None, way: str, rng: np.random.Generator) -> None:
    """Since opset 23 the scale's type, or an attribute, says what the quotient is rounded to."""
    shape, attrs = WAYS[way]
    half = precision is None
    x, scale = (rng.standard_normal(SHAPE) * 9), rng.uniform(0.05, 0.2, shape)
    kind = np.float16 if half else np.float32
    given = {"x": x.astype(kind), "scale": np.asarray(scale, kind), "zero": codes("uint8", rng, shape, "any")}
    extra = {} if half else {"precision": getattr(TensorProto, precision)}
    made = helper.make_graph(
        [helper.make_node("QuantizeLinear", list(given), ["y"], **attrs, **extra)],
        "g",
        [helper.make_tensor_value_info("x", helper.np_dtype_to_tensor_dtype(np.dtype(kind)), SHAPE)],
        [helper.make_tensor_value_info("y", TensorProto.UINT8, SHAPE)],
        [numpy_helper.from_array(given[n], n) for n in ("scale", "zero")],
    )
    model = helper.make_model(made, opset_imports=[helper.make_opsetid("", 23)], ir_version=11)
    (want,) = ReferenceEvaluator(model).run(None, {"x": given["x"]})
    np.testing.assert_array_equal(aicc.compile(model)(given["x"]), want)
