"""Poolings and local response normalization."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from test.ops.ort import OPSET, ort_case
from test.ops.rig import case, check_all

Rng = np.random.Generator
BOTH = ("static", "dynamic")
WINDOWS: list[dict[str, Any]] = [
    {"kernel_shape": [2, 3]},
    {"kernel_shape": [3, 3], "strides": [2, 2], "pads": [1, 1, 1, 1]},
    {"kernel_shape": [3, 2], "strides": [2, 3], "pads": [1, 0, 0, 1], "ceil_mode": 1},
    {"kernel_shape": [2, 2], "dilations": [2, 3]},
    {"kernel_shape": [3, 3], "strides": [2, 2], "auto_pad": "SAME_UPPER"},
    {"kernel_shape": [3, 2], "strides": [2, 2], "auto_pad": "SAME_LOWER"},
]


def _data(rng: Rng, *shape: int, dtype: Any = np.float32) -> Any:
    return rng.standard_normal(shape).astype(dtype)


@pytest.mark.parametrize("op", ["MaxPool", "AveragePool", "LpPool"])
def test_windows(rng: Rng, op: str) -> None:
    check_all([ort_case(op, _data(rng, 2, 3, 8, 9), **attrs) for attrs in WINDOWS], opset=OPSET, modes=BOTH)


def test_ranks(rng: Rng) -> None:
    cases = []
    for spatial in ((11,), (5, 6, 7)):
        n = len(spatial)
        attrs: dict[str, Any] = {"kernel_shape": [3] * n, "strides": [2] * n, "pads": [1] * (2 * n)}
        cases += [case(op, _data(rng, 1, 2, *spatial), **attrs) for op in ("MaxPool", "AveragePool")]
    check_all(cases, modes=BOTH)


def test_average_pool_counts_padding(rng: Rng) -> None:
    attrs: dict[str, Any] = {
        "kernel_shape": [3, 3],
        "strides": [2, 2],
        "pads": [1, 1, 1, 1],
        "count_include_pad": 1,
    }
    check_all([case("AveragePool", _data(rng, 1, 2, 7, 8), ceil_mode=c, **attrs) for c in (0, 1)], modes=BOTH)


def test_lp_pool_powers(rng: Rng) -> None:
    check_all([case("LpPool", _data(rng, 1, 2, 6, 6), kernel_shape=[2, 2], p=p) for p in (1, 3)], modes=BOTH)


def test_max_pool_indices(rng: Rng) -> None:
    x = _data(rng, 2, 3, 5, 7)
    attrs: dict[str, Any] = {"kernel_shape": [3, 2], "strides": [2, 2], "pads": [1, 0, 1, 0]}
    check_all([case("MaxPool", x, outputs=2, storage_order=order, **attrs) for order in (0, 1)], modes=BOTH)


def test_max_pool_indices_of_smallest_values() -> None:
    x = np.zeros((1, 1, 3, 3), np.uint8)
    where = np.array([[[[0, 0, 1], [0, 0, 1], [3, 3, 4]]]], np.int64)
    expected = [np.zeros((1, 1, 3, 3), np.uint8), where]
    check_all(
        [case("MaxPool", x, outputs=2, kernel_shape=[2, 2], pads=[1, 1, 0, 0], expected=expected)], modes=BOTH
    )


def test_max_pool_integers(rng: Rng) -> None:
    cases = []
    for dtype in (np.int8, np.uint8):
        info = np.iinfo(dtype)
        x = rng.integers(info.min, info.max, (1, 2, 5, 5), dtype=dtype)
        cases.append(ort_case("MaxPool", x, kernel_shape=[3, 3], pads=[1, 1, 1, 1]))
    check_all(cases, opset=OPSET, modes=("static",))


def test_global_pools(rng: Rng) -> None:
    x = _data(rng, 2, 3, 5, 4)
    cases = [case("GlobalAveragePool", x), case("GlobalMaxPool", x)]
    for p in (1, 2, 3):
        norm = (np.abs(x.astype(np.float64)) ** p).sum((2, 3), keepdims=True) ** (1 / p)
        cases.append(case("GlobalLpPool", x, p=p, expected=[norm.astype(np.float32)]))
    check_all(cases, modes=BOTH)


def test_lrn(rng: Rng) -> None:
    x = _data(rng, 2, 6, 4, 3)
    check_all(
        [ort_case("LRN", x, size=s, alpha=0.02, beta=0.6, bias=1.5) for s in (3, 5)], opset=OPSET, modes=BOTH
    )
