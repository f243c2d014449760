"""Conv and ConvTranspose: attributes, layouts of groups, paddings."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from test.ops.ort import check_ort
from test.ops.rig import check

Rng = np.random.Generator


def _data(rng: Rng, *shape: int, dtype: Any = np.float32) -> Any:
    return rng.standard_normal(shape).astype(dtype)


@pytest.mark.parametrize(
    ("x", "w", "attrs"),
    [
        ((2, 3, 9, 8), (5, 3, 3, 3), {}),
        ((2, 3, 9, 8), (5, 3, 3, 2), {"pads": [1, 0, 2, 1], "strides": [2, 1]}),
        ((1, 4, 7, 7), (6, 4, 1, 1), {"strides": [2, 2]}),
        ((1, 4, 10, 9), (6, 2, 3, 3), {"group": 2, "pads": [1, 1, 1, 1]}),
        ((1, 4, 10, 9), (4, 1, 3, 3), {"group": 4, "pads": [1, 1, 1, 1], "strides": [2, 2]}),
        ((1, 3, 6, 6), (6, 1, 3, 3), {"group": 3}),
        ((1, 2, 11, 11), (3, 2, 3, 3), {"dilations": [2, 3], "pads": [2, 3, 2, 3]}),
        ((2, 3, 12), (4, 3, 5), {"strides": [3], "pads": [2, 1]}),
        ((1, 2, 5, 6, 7), (3, 2, 2, 3, 2), {"pads": [1, 0, 1, 0, 1, 0]}),
    ],
)
def test_conv(rng: Rng, x: Any, w: Any, attrs: Any) -> None:
    check("Conv", _data(rng, *x), _data(rng, *w), _data(rng, w[0]), constant=(1, 2), **attrs)


def test_conv_with_weights_as_inputs(rng: Rng) -> None:
    check("Conv", _data(rng, 1, 4, 6, 6), _data(rng, 6, 2, 3, 3), _data(rng, 6), group=2, modes=("static",))


@pytest.mark.parametrize("auto_pad", ["VALID", "SAME_UPPER", "SAME_LOWER"])
@pytest.mark.parametrize("stride", [1, 2, 3])
def test_conv_auto_pad(rng: Rng, auto_pad: str, stride: int) -> None:
    strides = [stride, stride]
    x, w = _data(rng, 1, 2, 7, 8), _data(rng, 3, 2, 3, 2)
    check(
        "Conv",
        x,
        w,
        constant=(1,),
        auto_pad=auto_pad,
        strides=strides,
        expected=[_padded_conv(x, w, auto_pad, stride)],
    )


def _padded_conv(x: Any, w: Any, auto_pad: str, stride: int) -> Any:
    pads = [(0, 0), (0, 0)]
    for i in range(2):
        n, k = x.shape[2 + i], w.shape[2 + i]
        total = 0 if auto_pad == "VALID" else max((-(-n // stride) - 1) * stride + k - n, 0)
        low = total // 2 if auto_pad == "SAME_UPPER" else total - total // 2
        pads.append((low, total - low))
    x = np.pad(x.astype(np.float64), pads)
    view = np.lib.stride_tricks.sliding_window_view(x, w.shape[2:], (2, 3))[:, :, ::stride, ::stride]
    return np.einsum("nchwij,ocij->nohw", view, w).astype(np.float32)


@pytest.mark.parametrize("dtype", [np.float64, np.float16])
def test_conv_dtypes(rng: Rng, dtype: Any) -> None:
    x, w = _data(rng, 1, 3, 5, 5, dtype=dtype), _data(rng, 2, 3, 3, 3, dtype=dtype)
    view = np.lib.stride_tricks.sliding_window_view(x.astype(np.float64), (3, 3), (2, 3))
    expected = np.einsum("nchwij,ocij->nohw", view, w.astype(np.float64)).astype(dtype)
    check("Conv", x, w, constant=(1,), expected=[expected])


@pytest.mark.parametrize(
    ("x", "w", "attrs"),
    [
        ((1, 2, 4, 5), (2, 3, 3, 3), {}),
        ((2, 2, 4, 5), (2, 3, 3, 3), {"strides": [2, 2], "pads": [1, 1, 1, 1], "output_padding": [1, 0]}),
        ((1, 2, 4, 5), (2, 3, 2, 2), {"strides": [2, 2]}),
        ((1, 4, 4, 5), (4, 3, 3, 3), {"group": 2, "strides": [2, 3], "pads": [1, 0, 2, 1]}),
        ((1, 4, 4, 4), (4, 1, 4, 4), {"group": 4, "strides": [2, 2], "pads": [1, 1, 1, 1]}),
        ((1, 2, 6), (2, 3, 4), {"strides": [2], "dilations": [2], "pads": [4, 3]}),
        ((1, 1, 3, 3), (1, 2, 1, 1), {"strides": [3, 3], "output_padding": [2, 1]}),
    ],
)
def test_conv_transpose(rng: Rng, x: Any, w: Any, attrs: Any) -> None:
    bias = _data(rng, w[1] * attrs.get("group", 1))
    check_ort("ConvTranspose", _data(rng, *x), _data(rng, *w), bias, constant=(1, 2), **attrs)


@pytest.mark.parametrize("auto_pad", ["SAME_UPPER", "SAME_LOWER"])
def test_conv_transpose_auto_pad(rng: Rng, auto_pad: str) -> None:
    x, w = _data(rng, 1, 2, 4, 5), _data(rng, 2, 3, 3, 3)
    check_ort("ConvTranspose", x, w, constant=(1,), auto_pad=auto_pad, strides=[2, 2])


def test_conv_transpose_output_shape(rng: Rng) -> None:
    x, w = _data(rng, 1, 2, 3, 3), _data(rng, 2, 3, 3, 3)
    check_ort("ConvTranspose", x, w, constant=(1,), output_shape=[10, 8], strides=[3, 2], modes=("static",))
