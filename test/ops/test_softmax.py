"""Softmax, LogSoftmax and Hardmax: both semantics of the axis, extremes, dtypes."""

from __future__ import annotations

from typing import Any

import ml_dtypes
import numpy as np
import pytest

from test.ops.rig import case, check_all

Array = np.ndarray[Any, np.dtype[Any]]
OPS = ("Softmax", "LogSoftmax", "Hardmax")


@pytest.mark.parametrize(
    "dtype", [np.float32, np.float64, np.float16, ml_dtypes.bfloat16], ids=lambda d: np.dtype(d).name
)
def test_along_each_axis(dtype: Any, rng: np.random.Generator) -> None:
    x = rng.standard_normal((3, 4, 5)).astype(dtype)
    exact = x.astype(np.float64)
    cases = []
    for axis in (0, 1, -1):
        z = exact - exact.max(axis, keepdims=True)
        total = np.exp(z).sum(axis, keepdims=True)
        cases.append(case("Softmax", x, axis=axis, expected=[(np.exp(z) / total).astype(dtype)]))
        cases.append(case("LogSoftmax", x, axis=axis, expected=[(z - np.log(total)).astype(dtype)]))
        cases.append(case("Hardmax", x, axis=axis, expected=[_hardmax(x, axis)]))
    check_all(cases, modes=("static", "dynamic"))


def _hardmax(x: Array, axis: int) -> Array:
    out = np.zeros_like(x)
    np.put_along_axis(out, np.expand_dims(x.argmax(axis), axis), 1, axis)
    return out


def test_large_and_infinite_scores() -> None:
    x = np.array([[1e4, -1e4, 0, 1e4], [-np.inf, 0, 1, -np.inf], [88, 89, 90, 3e38]], np.float32)
    check_all([case("Softmax", x), case("Hardmax", x)], modes=("static",))


def test_hardmax_takes_the_first_of_equals() -> None:
    x = np.array([[1, 3, 3, 2]], np.float32)
    check_all([case("Hardmax", x)], modes=("static",))


@pytest.mark.parametrize("axis", [0, 1, 2, -1])
def test_before_opset_13_trailing_dims_are_one(axis: int, rng: np.random.Generator) -> None:
    x = rng.standard_normal((2, 3, 4)).astype(np.float32)
    at = axis % 3
    flat = x.reshape(int(np.prod(x.shape[:at])), -1)
    e = np.exp(flat - flat.max(1, keepdims=True))
    y = e / e.sum(1, keepdims=True)
    expected = {"Softmax": y, "LogSoftmax": np.log(y), "Hardmax": _hardmax(flat, 1)}
    cases = [case(op, x, axis=axis, expected=[expected[op].reshape(x.shape)]) for op in OPS]
    check_all(cases, opset=11, modes=("static", "dynamic"))


def test_before_opset_13_the_axis_is_1(rng: np.random.Generator) -> None:
    x = rng.standard_normal((2, 5, 1, 1)).astype(np.float32)
    e = np.exp(x - x.max(1, keepdims=True))
    check_all([case("Softmax", x, expected=[e / e.sum(1, keepdims=True)])], opset=9)
