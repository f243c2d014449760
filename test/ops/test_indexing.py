"""Gathers, scatters, one-hot, and walks along an axis."""

from __future__ import annotations

from typing import Any

import numpy as np

from test.ops.ort import OPSET, check_ort, ort_case
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


def test_scatter_elements(rng: Rng) -> None:
    rows = np.array([[0, 1, 2, 3, -1], [1, 1, 0, 0, 2], [2, 3, 3, 2, 0]])
    once = np.argsort(rng.standard_normal((4, 5)), axis=0)[:3]
    cases = []
    for dtype in (np.float32, np.int32, np.float16):
        x, u = _data(rng, 4, 5, dtype=dtype), _data(rng, 3, 5, dtype=dtype)
        for reduction in ("none", "add", "mul", "max", "min"):
            i = once if reduction == "none" else rows
            cases.append(case("ScatterElements", x, i, u, axis=0, reduction=reduction))
    check_all(cases, modes=("static", "dynamic"))


def test_scatter_nd(rng: Rng) -> None:
    x = _data(rng, 4, 3, 2)
    rows = np.array([[2], [0]])
    points = np.array([[[0, 1], [2, 2]], [[-1, 0], [1, 1]]])
    cases = []
    for reduction in ("none", "add", "max"):
        cases += [
            case("ScatterND", x, rows, _data(rng, 2, 3, 2), reduction=reduction),
            case("ScatterND", x, points, _data(rng, 2, 2, 2), reduction=reduction),
        ]
    check_all(cases, modes=("static",))


def test_one_hot() -> None:
    indices, depth, values = np.array([[1, -2], [3, 7]]), np.int64(5), np.array([2.0, 5.0], np.float32)
    check_all([case("OneHot", indices, depth, values, axis=a) for a in (-1, 0, 1)])
    check_ort("OneHot", indices, np.array([4]), np.array([0, 1]), axis=1, modes=("constant",))


def test_cumsum(rng: Rng) -> None:
    x, cases = _data(rng, 3, 4, 2), []
    for exclusive, reverse in ((0, 0), (0, 1), (1, 0), (1, 1)):
        attrs = {"exclusive": exclusive, "reverse": reverse}
        cases += [case("CumSum", x, np.asarray(a, np.int64), constant=(1,), **attrs) for a in (0, 1, -1)]
        cases.append(case("CumSum", np.arange(5), np.asarray(0, np.int32), constant=(1,), **attrs))
    check_all(cases, modes=("static", "dynamic"))
    check_all([case("CumSum", x, np.asarray(a, np.int64)) for a in (0, -2, 2)], modes=("static",))


def test_topk(rng: Rng) -> None:
    x = rng.integers(0, 6, (5, 6, 4)).astype(np.float32)
    cases = [
        ort_case("TopK", x, np.array([3]), axis=axis, largest=largest, outputs=2)
        for axis in (0, 1, -1)
        for largest in (0, 1)
    ]
    lowest = np.array([[-np.inf, 1, -np.inf, 3]], np.float32)
    cases.append(ort_case("TopK", lowest, np.array([4]), outputs=2))
    cases.append(ort_case("TopK", rng.integers(-9, 9, (2, 7)), np.array([7]), outputs=2, largest=0))
    check_all(cases, opset=OPSET)


def test_reverse_sequence(rng: Rng) -> None:
    x, lengths = _data(rng, 4, 3, 2), np.array([4, 1, 3])
    check_all(
        [
            case("ReverseSequence", x, lengths, time_axis=0, batch_axis=1),
            case("ReverseSequence", x, np.array([1, 2, 0, 3]), time_axis=1, batch_axis=0),
        ],
        modes=("static", "dynamic"),
    )
