"""Gathers, scatters, one-hot, and walks along an axis."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from test.ops.ort import check_ort
from test.ops.rig import case, check, check_all

Rng = np.random.Generator


def _data(rng: Rng, *shape: int, dtype: Any = np.float32) -> Any:
    return (rng.standard_normal(shape) * 10).astype(dtype)


def test_gather(rng: Rng) -> None:
    x = _data(rng, 5, 4, 3)
    i = np.array([[0, -1, 2], [1, 3, -4]])
    check_all(
        [
            case("Gather", x, i),
            case("Gather", x, i.astype(np.int32), axis=1),
            case("Gather", x, np.int64(-1), axis=2),
            case("Gather", x, np.array([1, 2]), axis=1),
            case("Gather", x, np.array([[2]]), axis=0),
        ]
    )


def test_gather_elements(rng: Rng) -> None:
    x = _data(rng, 4, 5)
    rows, columns = rng.integers(-4, 4, (3, 5)), rng.integers(-5, 5, (4, 2))
    check_all([case("GatherElements", x, rows, axis=0), case("GatherElements", x, columns, axis=1)])


def test_gather_nd(rng: Rng) -> None:
    x = _data(rng, 2, 3, 4)
    check_all(
        [
            case("GatherND", x, np.array([[0, 1, 2], [-1, -1, 3]]), constant=(1,)),
            case("GatherND", x, np.array([[[0]], [[1]]]), constant=(1,)),
            case("GatherND", x, np.array([[1], [2]]), batch_dims=1, constant=(1,)),
        ],
        modes=("static",),
    )
    check("GatherND", x, np.array([[0, 1], [1, 2]]), modes=("static",))


@pytest.mark.parametrize("reduction", ["none", "add", "mul", "max", "min"])
@pytest.mark.parametrize("dtype", [np.float32, np.int32, np.float16])
def test_scatter_elements(rng: Rng, reduction: str, dtype: Any) -> None:
    x, u = _data(rng, 4, 5, dtype=dtype), _data(rng, 3, 5, dtype=dtype)
    i = np.array([[0, 1, 2, 3, -1], [1, 1, 0, 0, 2], [2, 3, 3, 2, 0]])
    if reduction == "none":
        i = np.argsort(rng.standard_normal((4, 5)), axis=0)[:3]
    check("ScatterElements", x, i, u, axis=0, reduction=reduction, modes=("static", "dynamic"))


@pytest.mark.parametrize("reduction", ["none", "add", "max"])
def test_scatter_nd(rng: Rng, reduction: str) -> None:
    x = _data(rng, 4, 3, 2)
    rows = np.array([[2], [0]])
    points = np.array([[[0, 1], [2, 2]], [[-1, 0], [1, 1]]])
    cases = [
        case("ScatterND", x, rows, _data(rng, 2, 3, 2), reduction=reduction),
        case("ScatterND", x, points, _data(rng, 2, 2, 2), reduction=reduction),
    ]
    check_all(cases, modes=("static",))


@pytest.mark.parametrize("axis", [-1, 0, 1])
def test_one_hot(axis: int) -> None:
    indices, depth, values = np.array([[1, -2], [3, 7]]), np.int64(5), np.array([2.0, 5.0], np.float32)
    check("OneHot", indices, depth, values, axis=axis, modes=("static", "dynamic", "constant"))
    check_ort("OneHot", indices, np.array([4]), np.array([0, 1]), axis=axis, modes=("constant",))


@pytest.mark.parametrize("exclusive", [0, 1])
@pytest.mark.parametrize("reverse", [0, 1])
def test_cumsum(rng: Rng, exclusive: int, reverse: int) -> None:
    attrs = {"exclusive": exclusive, "reverse": reverse}
    cases = [
        case("CumSum", _data(rng, 3, 4, 2), np.asarray(axis, np.int64), constant=(1,), **attrs)
        for axis in (0, 1, -1)
    ]
    check_all([*cases, case("CumSum", np.arange(5), np.asarray(0, np.int32), constant=(1,), **attrs)])


@pytest.mark.parametrize("largest", [0, 1])
@pytest.mark.parametrize("axis", [0, 1, -1])
def test_topk(rng: Rng, largest: int, axis: int) -> None:
    x = rng.integers(0, 6, (5, 6, 4)).astype(np.float32)
    check_ort("TopK", x, np.array([3]), axis=axis, largest=largest, outputs=2)


def test_topk_all(rng: Rng) -> None:
    x = np.array([[-np.inf, 1, -np.inf, 3]], np.float32)
    check_ort("TopK", x, np.array([4]), outputs=2)
    check_ort("TopK", rng.integers(-9, 9, (2, 7)), np.array([7]), outputs=2, largest=0)


def test_reverse_sequence(rng: Rng) -> None:
    x, lengths = _data(rng, 4, 3, 2), np.array([4, 1, 3])
    check("ReverseSequence", x, lengths, time_axis=0, batch_axis=1)
    check("ReverseSequence", x, np.array([1, 2, 0, 3]), time_axis=1, batch_axis=0)
