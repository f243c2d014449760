"""Ops that move elements."""

from __future__ import annotations

from typing import Any

import ml_dtypes
import numpy as np
import onnx.parser

from test.ops.rig import case, check, check_all, check_model

Rng = np.random.Generator
DTYPES = [np.float32, np.float16, ml_dtypes.bfloat16, np.float64, np.int8, np.uint8, np.int64, np.bool_]
INT_MAX, INT_MIN = 2**63 - 1, -(2**63)


def _data(rng: Rng, *shape: int, dtype: Any = np.float32) -> Any:
    if np.dtype(dtype) == np.bool_:
        return rng.integers(0, 2, shape).astype(bool)
    return (rng.standard_normal(shape) * 10).astype(dtype)


def _ints(*values: int) -> Any:
    return np.asarray(values, np.int64)


def test_transpose(rng: Rng) -> None:
    x = _data(rng, 2, 3, 4)
    check_all(
        [case("Transpose", x), case("Transpose", x, perm=[1, 0, 2]), case("Transpose", x, perm=[0, 1, 2])]
    )


def test_every_dtype_moves(rng: Rng) -> None:
    cases = []
    for dtype in DTYPES:
        x = _data(rng, 2, 3, dtype=dtype)
        cases += [
            case("Transpose", x),
            case("Concat", x, x, axis=1),
            case("Slice", x, _ints(1), _ints(INT_MIN), _ints(1), _ints(-1), constant=(1, 2, 3, 4)),
            case("Tile", x, _ints(2, 3), constant=(1,)),
            case("Gather", x, _ints(1, 0, -1), axis=1),
        ]
    check_all(cases, modes=("static", "dynamic"))


def test_expand(rng: Rng) -> None:
    x = _data(rng, 3, 1)
    check_all(
        [case("Expand", x, _ints(2, 3, 4)), case("Expand", x, _ints(1, 1)), case("Expand", x, _ints(3, 1, 6))]
    )


def test_tile(rng: Rng) -> None:
    x = _data(rng, 2, 3)
    check_all([case("Tile", x, _ints(2, 3)), case("Tile", x, _ints(1, 2)), case("Tile", x, _ints(1, 1))])


def test_concat(rng: Rng) -> None:
    a, b, c = _data(rng, 2, 3), _data(rng, 2, 1), _data(rng, 2, 4)
    check_all([case("Concat", a, b, c, axis=-1), case("Concat", a, a, axis=0), case("Concat", a, axis=0)])


def test_split(rng: Rng) -> None:
    x = _data(rng, 4, 7)
    check_all(
        [
            case("Split", x, _ints(3, 4), axis=1, outputs=2),
            case("Split", x, axis=0, outputs=2, num_outputs=2),
            case("Split", x, axis=1, outputs=3, num_outputs=3),
            case("Split", x, _ints(4), axis=0),
        ]
    )
    check("Split", x, axis=1, outputs=2, split=[2, 5], opset=11, expected=[x[:, :2], x[:, 2:]])


SLICES: list[tuple[Any, Any, Any, Any]] = [
    ([1, 0], [3, 4], None, None),
    ([0], [INT_MAX], [1], [2]),
    ([-1], [INT_MIN], [0], [-1]),
    ([-3, 1], [-1, 100], [1, 2], None),
    ([10, 3], [0, -100], [2, 1], [-3, -2]),
    ([2], [1], [0], None),
    ([1], [-1], [-1], [3]),
]


def test_slice(rng: Rng) -> None:
    x = _data(rng, 5, 6, 7)
    cases = []
    for bounds in SLICES:
        inputs = [x, *(None if v is None else _ints(*v) for v in bounds)]
        while inputs[-1] is None:
            inputs.pop()
        cases.append(case("Slice", *inputs, constant=(3,)))
    # axes that only run time knows
    cases.append(case("Slice", x, _ints(1, -1), _ints(9, 0), _ints(2, -3), _ints(2, -1)))
    check_all(cases)


def test_slice_attributes(rng: Rng) -> None:
    x = _data(rng, 5, 6)
    attrs = {"starts": [1, -3], "ends": [4, 100], "axes": [0, 1]}
    check("Slice", x, opset=9, **attrs, expected=[x[1:4, -3:]], modes=("static", "dynamic"))


def test_blocks(rng: Rng) -> None:
    x, y = _data(rng, 2, 12, 3, 4), _data(rng, 2, 3, 4, 6)
    cases = [case("DepthToSpace", x, blocksize=2, mode=mode) for mode in ("DCR", "CRD")]
    check_all([*cases, case("SpaceToDepth", y, blocksize=2)], modes=("static",))


def test_pad(rng: Rng) -> None:
    x = _data(rng, 4, 5)
    amounts = (_ints(1, 2, 3, 0), _ints(0, 3, 0, 1))
    modes = ("constant", "reflect", "edge", "wrap")
    check_all([case("Pad", x, p, mode=m) for p in amounts for m in modes], opset=19)


def test_pad_values_axes_and_crops(rng: Rng) -> None:
    x, value = _data(rng, 4, 5), np.float32(1.5)
    kept, around = x[1:, :-2], [(0, 2), (1, 0)]
    padded = np.pad(x[:, :-1], [(0, 0), (2, 0)], constant_values=1.5)
    long = np.pad(x[0], (8, 13), mode="reflect")
    check_all(
        [
            case("Pad", x, _ints(2, -1), value, _ints(1), constant=(3,), expected=[padded]),
            case("Pad", x, _ints(2, -1), value, _ints(-1), expected=[padded]),
            case("Pad", x, _ints(-1, 1, 2, -2), expected=[np.pad(kept, around)]),
            case("Pad", x, _ints(-1, 1, 2, -2), mode="edge", expected=[np.pad(kept, around, mode="edge")]),
            case("Pad", x[0], _ints(8, 13), mode="reflect", expected=[long]),
            case("Pad", x > 0, _ints(1, 0, 0, 1), expected=[np.pad(x > 0, [(1, 0), (0, 1)])]),
        ]
    )
    old = np.pad(x, [(0, 1), (1, 0)], constant_values=2)
    check("Pad", x, opset=10, pads=[0, 1, 1, 0], value=2.0, expected=[old], modes=("static",))


def test_what_is_written_flat_and_padded_at_the_end_is_not_written_over_itself() -> None:
    """The interior of a padded buffer that begins at its first element has gaps all the same."""
    text = """<ir_version: 9, opset_import: ["": 19]> g (float[4] x) => (float[5, 5] y) {
        zero = Constant<value = float[16] {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}>()
        at = Constant<value = int64[4] {5, 7, 13, 15}>()
        shape = Constant<value = int64[2] {4, 4}>()
        pads = Constant<value = int64[4] {0, 0, 1, 1}>()
        flat = ScatterElements<axis = 0>(zero, at, x)
        square = Reshape(flat, shape)
        y = Pad(square, pads)
    }"""
    check_model(onnx.parser.parse_model(text), {"x": np.arange(1, 5, dtype=np.float32)})
