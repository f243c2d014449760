"""Float8, float4, 4-bit and 2-bit integers: every code, and roundings, against ml_dtypes."""

import ml_dtypes
import numpy as np
import onnx
import onnx.helper
import pytest

from test.ops.rig import check, check_model

FLOATS = [
    "float8_e4m3fn",
    "float8_e4m3fnuz",
    "float8_e5m2",
    "float8_e5m2fnuz",
    "float4_e2m1fn",
    "float8_e8m0fnu",
]
INTEGERS = ["int4", "uint4", "int2", "uint2"]


def code(dtype: np.dtype) -> int:
    return onnx.helper.np_dtype_to_tensor_dtype(dtype)


@pytest.mark.parametrize("name", FLOATS + INTEGERS)
def test_every_code_becomes_its_number(name: str):
    dtype = np.dtype(getattr(ml_dtypes, name))
    bits = 8 if "8" in name else int(name[-1]) if name in INTEGERS else 4
    x = np.arange(1 << bits, dtype=np.uint8).view(dtype)
    check("Cast", x, to=onnx.TensorProto.FLOAT, expected=[x.astype(np.float32)], modes=("static",))


@pytest.mark.parametrize("saturate", [0, 1])
@pytest.mark.parametrize("name", FLOATS[:4])
def test_rounding_to_nearest_even(name: str, saturate: int):
    dtype = np.dtype(getattr(ml_dtypes, name))
    codes = np.arange(256, dtype=np.uint8).view(dtype).astype(np.float32)
    finite = np.unique(codes[np.isfinite(codes)])
    halves = (finite[1:] + finite[:-1]) / 2
    near = [np.nextafter(halves, np.float32(s)) for s in (np.inf, -np.inf)]
    beyond = finite[-1] * np.float32([1.02, 1.2, 2, 1e6])
    x = np.concatenate([finite, halves, *near, beyond, -beyond, np.float32([np.inf, -np.inf, np.nan])])
    want = np.clip(x, finite[0], finite[-1]) if saturate else x
    with np.errstate(all="ignore"):
        expected = want.astype(dtype)
    model = onnx.helper.make_model(
        onnx.helper.make_graph(
            [
                onnx.helper.make_node("Cast", ["x"], ["n"], to=code(dtype), saturate=saturate),
                onnx.helper.make_node("Cast", ["n"], ["y"], to=1),
            ],
            "g",
            [onnx.helper.make_tensor_value_info("x", 1, x.shape)],
            [onnx.helper.make_tensor_value_info("y", 1, x.shape)],
        ),
        opset_imports=[onnx.helper.make_opsetid("", 23)],
    )
    check_model(model, {"x": x}, expected=[expected.astype(np.float32)], rtol=0)


@pytest.mark.parametrize("name", INTEGERS)
def test_integers_keep_their_lowest_bits(name: str):
    dtype = np.dtype(getattr(ml_dtypes, name))
    x = np.arange(-20, 20, dtype=np.int32)
    bits = int(name[-1])
    expected = (x & ((1 << bits) - 1)).astype(np.uint8).view(dtype)
    check("Cast", x, to=code(dtype), expected=[expected], modes=("static",))


def test_a_cast_through_a_narrow_type_loses_digits():
    """No rewrite may skip it."""
    x = np.arange(250, dtype=np.uint8)
    for name in ("float8_e4m3fn", "uint4"):
        dtype = np.dtype(getattr(ml_dtypes, name))
        nodes = [
            onnx.helper.make_node("Cast", ["x"], ["n"], to=code(dtype)),
            onnx.helper.make_node("Cast", ["n"], ["y"], to=onnx.TensorProto.FLOAT),
        ]
        values = [onnx.helper.make_tensor_value_info(v, c, x.shape) for v, c in (("x", 2), ("y", 1))]
        graph = onnx.helper.make_graph(nodes, "g", values[:1], values[1:])
        model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 23)])
        low = x & 15 if name == "uint4" else x.astype(np.float32).astype(dtype)
        check_model(model, {"x": x}, expected=[low.astype(np.float32)], rtol=0)
