"""Channels last against channels first: the same numbers, transposed."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from test.ops.rig import assert_close
from test.ops.upstream import run_ops

Array = np.ndarray[Any, np.dtype[Any]]
Rng = np.random.Generator


def _data(rng: Rng, *shape: int) -> Array:
    return rng.standard_normal(shape).astype(np.float32)


def _last(x: Array) -> Array:
    return np.ascontiguousarray(np.moveaxis(x, 1, -1))


def _agree(name: str, first: list[Array | None], last: list[Array | None], attrs: Any, changed: Any) -> None:
    a, b = run_ops([(name, first, attrs), (name, last, attrs | changed)])
    assert_close(np.moveaxis(b, -1, 1), a, name)


@pytest.mark.parametrize(
    ("ic", "oc", "group", "kernel"),
    [
        (4, 6, 1, (3, 3)),
        (4, 6, 2, (3, 2)),
        (4, 4, 4, (3, 3)),
        (3, 6, 3, (3, 3)),
        (5, 6, 1, (1, 1)),
        (4, 6, 1, (1, 3)),
        (3, 4, 1, (3,)),
        (2, 3, 1, (2, 3, 2)),
    ],
)
@pytest.mark.parametrize("kernel_layout", ["OIHW", "HWIO"])
def test_conv(rng: Rng, ic: int, oc: int, group: int, kernel: Any, kernel_layout: str) -> None:
    n = len(kernel)
    x, w, bias = _data(rng, 2, ic, *[7, 8, 5][:n]), _data(rng, oc, ic // group, *kernel), _data(rng, oc)
    attrs = {
        "strides": [2, 1, 1][:n],
        "pads": [1, 0, 1][:n] + [2, 1, 0][:n],
        "dilations": [1, 2, 1][:n],
        "group": group,
        "layout": "NCHW",
        "kernel_layout": "OIHW",
    }
    w_last = w if kernel_layout == "OIHW" else np.ascontiguousarray(np.moveaxis(w, (0, 1), (-1, -2)))
    changed = {"layout": "NHWC", "kernel_layout": kernel_layout}
    _agree("conv", [x, w, bias], [_last(x), w_last, bias], attrs, changed)


def test_conv_with_input_dilations(rng: Rng) -> None:
    x, w = _data(rng, 1, 2, 4, 3), _data(rng, 3, 2, 3, 3)
    attrs = {
        "strides": [1, 1],
        "pads": [1, 2, -1, 2],
        "dilations": [1, 1],
        "input_dilations": [2, 3],
        "layout": "NCHW",
    }
    _agree("conv", [x, w, None], [_last(x), w, None], attrs, {"layout": "NHWC"})


@pytest.mark.parametrize("name", ["max_pool", "average_pool", "lp_pool", "max_pool_indices"])
def test_pool(rng: Rng, name: str) -> None:
    x = _data(rng, 2, 3, 7, 8)
    attrs = {"kernel": [3, 2], "strides": [2, 2], "pads": [1, 0, 1, 1], "dilations": [1, 2], "layout": "NCHW"}
    _agree(name, [x], [_last(x)], attrs | {"ceil_mode": True}, {"layout": "NHWC"})


@pytest.mark.parametrize("mode", ["DCR", "CRD"])
def test_depth_to_space(rng: Rng, mode: str) -> None:
    x = _data(rng, 2, 8, 3, 4)
    _agree(
        "depth_to_space", [x], [_last(x)], {"block": 2, "mode": mode, "layout": "NCHW"}, {"layout": "NHWC"}
    )


def test_space_to_depth(rng: Rng) -> None:
    x = _data(rng, 2, 3, 4, 6)
    _agree("space_to_depth", [x], [_last(x)], {"block": 2, "layout": "NCHW"}, {"layout": "NHWC"})


def test_axes(rng: Rng) -> None:
    x, scales = _data(rng, 1, 4, 3, 5), np.array([2, 1.5], np.float32)
    _agree("lrn", [x], [_last(x)], {"size": 3, "alpha": 0.1, "axis": 1}, {"axis": 3})
    inputs: list[Array | None] = [x, None, scales, None]
    changed: list[Array | None] = [_last(x), None, scales, None]
    _agree("resize", inputs, changed, {"axes": [2, 3], "mode": "linear"}, {"axes": [1, 2]})
