"""Conv and ConvTranspose: attributes, groups, paddings."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from test.ops.ort import OPSET, ort_case
from test.ops.rig import case, check_all

Rng = np.random.Generator

CONVOLUTIONS: list[tuple[Any, Any, dict[str, Any]]] = [
    ((2, 3, 9, 8), (5, 3, 3, 3), {}),
    ((2, 3, 9, 8), (5, 3, 3, 2), {"pads": [1, 0, 2, 1], "strides": [2, 1]}),
    ((1, 4, 7, 7), (6, 4, 1, 1), {"strides": [2, 2]}),
    ((1, 4, 10, 9), (6, 2, 3, 3), {"group": 2, "pads": [1, 1, 1, 1]}),
    ((1, 4, 10, 9), (4, 1, 3, 3), {"group": 4, "pads": [1, 1, 1, 1], "strides": [2, 2]}),
    ((1, 3, 6, 6), (6, 1, 3, 3), {"group": 3}),
    ((1, 2, 11, 11), (3, 2, 3, 3), {"dilations": [2, 3], "pads": [2, 3, 2, 3]}),
    ((2, 3, 12), (4, 3, 5), {"strides": [3], "pads": [2, 1]}),
    ((1, 2, 5, 6, 7), (3, 2, 2, 3, 2), {"pads": [1, 0, 1, 0, 1, 0]}),
]
TRANSPOSED: list[tuple[Any, Any, dict[str, Any]]] = [
    ((1, 2, 4, 5), (2, 3, 3, 3), {}),
    ((2, 2, 4, 5), (2, 3, 3, 3), {"strides": [2, 2], "pads": [1, 1, 1, 1], "output_padding": [1, 0]}),
    ((1, 2, 4, 5), (2, 3, 2, 2), {"strides": [2, 2]}),
    ((1, 4, 4, 5), (4, 3, 3, 3), {"group": 2, "strides": [2, 3], "pads": [1, 0, 2, 1]}),
    ((1, 4, 4, 4), (4, 1, 4, 4), {"group": 4, "strides": [2, 2], "pads": [1, 1, 1, 1]}),
    ((1, 2, 6), (2, 3, 4), {"strides": [2], "dilations": [2], "pads": [4, 3]}),
    ((1, 1, 3, 3), (1, 2, 1, 1), {"strides": [3, 3], "output_padding": [2, 1]}),
    ((1, 2, 4, 5), (2, 3, 3, 3), {"auto_pad": "SAME_UPPER", "strides": [2, 2]}),
    ((1, 2, 4, 5), (2, 3, 3, 3), {"auto_pad": "SAME_LOWER", "strides": [2, 2]}),
]


def _data(rng: Rng, *shape: int, dtype: Any = np.float32) -> Any:
    return rng.standard_normal(shape).astype(dtype)


def test_conv(rng: Rng) -> None:
    cases = [
        case("Conv", _data(rng, *x), _data(rng, *w), _data(rng, w[0]), constant=(1, 2), **attrs)
        for x, w, attrs in CONVOLUTIONS
    ]
    check_all(cases, modes=("static", "dynamic"))


def test_conv_with_weights_as_inputs(rng: Rng) -> None:
    cases = [
        case("Conv", _data(rng, *x), _data(rng, *w), _data(rng, w[0]), **attrs)
        for x, w, attrs in CONVOLUTIONS[2:6]
    ]
    check_all(cases, modes=("static",))


@pytest.mark.parametrize("auto_pad", ["VALID", "SAME_UPPER", "SAME_LOWER"])
def test_conv_auto_pad(rng: Rng, auto_pad: str) -> None:
    x, w = _data(rng, 1, 2, 7, 8), _data(rng, 3, 2, 3, 2)
    cases = [ort_case("Conv", x, w, constant=(1,), auto_pad=auto_pad, strides=[s, s]) for s in (1, 2, 3)]
    check_all(cases, opset=OPSET, modes=("static", "dynamic"))


def test_conv_dtypes(rng: Rng) -> None:
    cases = []
    for dtype in (np.float64, np.float16):
        x, w = _data(rng, 1, 3, 5, 5, dtype=dtype), _data(rng, 2, 3, 3, 3, dtype=dtype)
        view = np.lib.stride_tricks.sliding_window_view(x.astype(np.float64), (3, 3), (2, 3))
        expected = np.einsum("nchwij,ocij->nohw", view, w.astype(np.float64)).astype(dtype)
        cases.append(case("Conv", x, w, constant=(1,), expected=[expected]))
    check_all(cases, modes=("static",))


def test_conv_transpose(rng: Rng) -> None:
    cases = []
    for x, w, attrs in TRANSPOSED:
        bias = _data(rng, w[1] * attrs.get("group", 1))
        cases.append(
            ort_case("ConvTranspose", _data(rng, *x), _data(rng, *w), bias, constant=(1, 2), **attrs)
        )
    check_all(cases, opset=OPSET, modes=("static", "dynamic"))


def test_conv_transpose_output_shape(rng: Rng) -> None:
    x, w = _data(rng, 1, 2, 3, 3), _data(rng, 2, 3, 3, 3)
    wanted = ort_case("ConvTranspose", x, w, constant=(1,), output_shape=[10, 8], strides=[3, 2])
    check_all([wanted], opset=OPSET, modes=("static",))
