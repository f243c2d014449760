"""Poolings and local response normalization."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from test.ops.ort import check_ort
from test.ops.rig import check

Rng = np.random.Generator
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


@pytest.mark.parametrize("attrs", WINDOWS)
@pytest.mark.parametrize("op", ["MaxPool", "AveragePool", "LpPool"])
def test_pool(rng: Rng, op: str, attrs: Any) -> None:
    check_ort(op, _data(rng, 2, 3, 8, 9), **attrs)


@pytest.mark.parametrize("op", ["MaxPool", "AveragePool"])
@pytest.mark.parametrize("spatial", [(11,), (5, 6, 7)])
def test_pool_ranks(rng: Rng, op: str, spatial: Any) -> None:
    rank = len(spatial)
    check(op, _data(rng, 1, 2, *spatial), kernel_shape=[3] * rank, strides=[2] * rank, pads=[1] * (2 * rank))


@pytest.mark.parametrize("ceil_mode", [0, 1])
def test_average_pool_counts_padding(rng: Rng, ceil_mode: int) -> None:
    check(
        "AveragePool",
        _data(rng, 1, 2, 7, 8),
        kernel_shape=[3, 3],
        strides=[2, 2],
        pads=[1, 1, 1, 1],
        count_include_pad=1,
        ceil_mode=ceil_mode,
    )


@pytest.mark.parametrize("p", [1, 3])
def test_lp_pool_powers(rng: Rng, p: int) -> None:
    check("LpPool", _data(rng, 1, 2, 6, 6), kernel_shape=[2, 2], p=p)


@pytest.mark.parametrize("storage_order", [0, 1])
def test_max_pool_indices(rng: Rng, storage_order: int) -> None:
    x = _data(rng, 2, 3, 5, 7)
    attrs = {"kernel_shape": [3, 2], "strides": [2, 2], "pads": [1, 0, 1, 0], "storage_order": storage_order}
    check("MaxPool", x, outputs=2, **attrs)


@pytest.mark.parametrize("dtype", [np.int8, np.uint8])
def test_max_pool_integers(rng: Rng, dtype: Any) -> None:
    info = np.iinfo(dtype)
    x = rng.integers(info.min, info.max, (1, 2, 5, 5), dtype=dtype)
    check_ort("MaxPool", x, kernel_shape=[3, 3], pads=[1, 1, 1, 1])


def test_max_pool_indices_of_smallest_values() -> None:
    x = np.zeros((1, 1, 3, 3), np.uint8)
    where = np.array([[[[0, 0, 1], [0, 0, 1], [3, 3, 4]]]], np.int64)
    zeros = np.zeros((1, 1, 3, 3), np.uint8)
    check("MaxPool", x, outputs=2, kernel_shape=[2, 2], pads=[1, 1, 0, 0], expected=[zeros, where])


@pytest.mark.parametrize("op", ["GlobalAveragePool", "GlobalMaxPool"])
def test_global_pool(rng: Rng, op: str) -> None:
    check(op, _data(rng, 2, 3, 5, 4))


@pytest.mark.parametrize("p", [1, 2, 3])
def test_global_lp_pool(rng: Rng, p: int) -> None:
    x = _data(rng, 2, 3, 5, 4)
    norm = (np.abs(x.astype(np.float64)) ** p).sum((2, 3), keepdims=True) ** (1 / p)
    check("GlobalLpPool", x, p=p, expected=[norm.astype(np.float32)])


@pytest.mark.parametrize("size", [3, 5])
def test_lrn(rng: Rng, size: int) -> None:
    check_ort("LRN", _data(rng, 2, 6, 4, 3), size=size, alpha=0.02, beta=0.6, bias=1.5)
