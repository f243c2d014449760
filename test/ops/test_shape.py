"""Shape arithmetic and ops that only change a shape."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import onnx.helper as oh

from test.ops.rig import case, check, check_all, check_model

Rng = np.random.Generator


def _data(rng: Rng, *shape: int) -> Any:
    return rng.standard_normal(shape).astype(np.float32)


def _ints(*values: int) -> Any:
    return np.asarray(values, np.int64)


def test_reshape(rng: Rng) -> None:
    shapes = [(6, 4), (2, -1), (0, 0, 4), (-1,), (3, 2, 2, 2), (2, 1, 3, 4), (0, -1)]
    check_all([case("Reshape", _data(rng, 2, 3, 4), _ints(*s)) for s in shapes])


def test_reshape_to_zero(rng: Rng) -> None:
    check("Reshape", _data(rng, 0, 3), _ints(3, 0), allowzero=1, modes=("static", "constant"))


def test_flatten(rng: Rng) -> None:
    x = _data(rng, 2, 3, 4)
    check_all([case("Flatten", x, axis=a) for a in (0, 1, 2, 3, -1)], modes=("static", "dynamic"))


def test_squeeze_unsqueeze(rng: Rng) -> None:
    x = _data(rng, 1, 3, 1, 2)
    check_all(
        [
            case("Squeeze", x, _ints(0), constant=(1,)),
            case("Squeeze", x, _ints(-2, 0), constant=(1,)),
            case("Squeeze", x),
            case("Unsqueeze", x, _ints(0, -1), constant=(1,)),
            case("Unsqueeze", np.float32(3.0), _ints(0), constant=(1,)),
        ]
    )
    check("Squeeze", x, opset=11, axes=[0, 2], expected=[x[0, :, 0]])
    check("Unsqueeze", x, opset=11, axes=[-1], expected=[x[..., None]])


def test_shape_and_size(rng: Rng) -> None:
    x = _data(rng, 2, 3, 4)
    check_all(
        [case("Shape", x), case("Shape", x, start=1), case("Shape", x, start=-2, end=-1), case("Size", x)]
    )


def test_constant_of_shape() -> None:
    cases = []
    for value in (np.float32([0]), np.int32([7]), np.bool_([True]), np.float64([0.5])):
        attrs = {"value": onnx.numpy_helper.from_array(value)}
        cases += [case("ConstantOfShape", _ints(2, 3), constant=c, **attrs) for c in ((), (0,))]
    check_all([*cases, case("ConstantOfShape", _ints(2, 3))], modes=("static",))


def test_range() -> None:
    cases = []
    for dtype in (np.int64, np.int32, np.float32):
        for bounds in ((0, 5, 1), (5, -1, -2), (3, 3, 1), (1, 8, 3)):
            cases.append(case("Range", *(np.asarray(v, dtype) for v in bounds)))
    check_all(cases, modes=("static", "constant"))


def test_eye_like(rng: Rng) -> None:
    x = _data(rng, 3, 5)
    cases = [case("EyeLike", x, k=k) for k in (0, 1, -2)]
    expected = [np.eye(3, 5, 1, dtype=bool)]
    cases.append(case("EyeLike", x, k=1, dtype=onnx.TensorProto.BOOL, expected=expected))
    check_all(cases, modes=("static", "dynamic"))


def test_trilu(rng: Rng) -> None:
    x = _data(rng, 2, 4, 5)
    cases = [case("Trilu", x, np.asarray(k, np.int64), upper=u) for k in (0, 2, -1, 9) for u in (0, 1)]
    check_all([*cases, case("Trilu", x > 0, upper=0)])


def test_constant_kinds() -> None:
    attributes = {
        "value_float": 1.5,
        "value_floats": [1.0, 2.0],
        "value_int": 3,
        "value_ints": [4, 5],
        "value": onnx.numpy_helper.from_array(np.arange(400, dtype=np.float32)),
    }
    names = list(attributes)
    nodes = [oh.make_node("Constant", [], [k], **{k: v}) for k, v in attributes.items()]
    graph = oh.make_graph(nodes, "g", [], [oh.make_tensor_value_info(k, 0, None) for k in names])
    check_model(oh.make_model(graph, opset_imports=[oh.make_opsetid("", 21)]), {})


def test_shape_arithmetic_of_an_exported_reshape(rng: Rng) -> None:
    """Shape, Gather, Unsqueeze, Concat, Reshape: what exporters write for `x.view(b, s, 2, -1)`."""
    nodes = [
        oh.make_node("Shape", ["x"], ["shape"]),
        oh.make_node("Gather", ["shape", "zero"], ["b"], axis=0),
        oh.make_node("Gather", ["shape", "one"], ["s"], axis=0),
        oh.make_node("Unsqueeze", ["b", "first"], ["b1"]),
        oh.make_node("Unsqueeze", ["s", "first"], ["s1"]),
        oh.make_node("Concat", ["b1", "s1", "rest"], ["target"], axis=0),
        oh.make_node("Reshape", ["x", "target"], ["heads"]),
        oh.make_node("Transpose", ["heads"], ["y"], perm=[0, 2, 1, 3]),
    ]
    constants = {"zero": np.int64(0), "one": np.int64(1), "first": _ints(0), "rest": _ints(2, -1)}
    graph = oh.make_graph(
        nodes,
        "g",
        [oh.make_tensor_value_info("x", 1, ["batch", "seq", 6])],
        [oh.make_tensor_value_info("y", 1, None)],
        [onnx.numpy_helper.from_array(np.asarray(v), k) for k, v in constants.items()],
    )
    check_model(oh.make_model(graph, opset_imports=[oh.make_opsetid("", 17)]), {"x": _data(rng, 2, 5, 6)})
