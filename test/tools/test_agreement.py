"""Agreement: the largest difference relative to the largest value, and never by accident."""

from __future__ import annotations

import ml_dtypes
import numpy as np
import pytest

from aicc.tools.agreement import compare, relative_error


def test_relative_to_the_largest_value() -> None:
    b = np.array([0.0, 100.0, -1.0], np.float32)
    a = b + np.array([0.5, 0.0, 0.0], np.float32)
    assert relative_error(a, b) == pytest.approx(0.005)
    check = compare({"y": a}, {"y": b})[0]
    assert not check.good and check.tolerance == 1e-4


@pytest.mark.parametrize(
    "dtype", [np.float32, np.float16, ml_dtypes.bfloat16, np.int8, np.bool_, np.complex64]
)
def test_equal_is_zero(dtype: type) -> None:
    x = np.array([0, 1, 1]).astype(dtype)
    assert relative_error(x, x.copy()) == 0.0


def test_infinities_and_nans_must_be_in_the_same_places() -> None:
    x = np.array([1.0, np.inf, np.nan])
    assert relative_error(x, x.copy()) == 0.0
    assert relative_error(np.array([1.0, -np.inf, np.nan]), x) == np.inf
    assert relative_error(np.array([1.0, np.inf, 0.0]), x) == np.inf
    assert relative_error(np.array([np.nan]), np.array([1.0])) == np.inf


def test_shapes_and_dtypes_must_match() -> None:
    assert relative_error(np.zeros(3), np.zeros((1, 3))) == np.inf
    assert relative_error(np.zeros(3, np.float32), np.zeros(3)) == np.inf


def test_integers_are_exact() -> None:
    a, b = np.array([1, 2, 200]), np.array([1, 2, 201])
    assert not compare({"y": a}, {"y": b})[0].good


def test_text() -> None:
    a, b = np.array(["x"], object), np.array(["y"], object)
    assert relative_error(a, a.copy()) == 0.0 and relative_error(a, b) == np.inf


def test_empty() -> None:
    assert relative_error(np.zeros((0, 3)), np.zeros((0, 3))) == 0.0
