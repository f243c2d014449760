"""The size two sizes broadcast to, and whether one can be 1."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from aicc.dialects.symbolic import Dim, dim_broadcast, element_dim, floordiv, may_be_one, substitute

A, B, C = map(Dim.symbol, "abc")


def test_broadcast_is_a_normal_form() -> None:
    made = {
        dim_broadcast(dim_broadcast(x, y), dim_broadcast(z, x))
        for x, y, z in itertools.permutations((A, B, C))
    }
    assert len(made) == 1 and str(*made) == "broadcast(a, b, c)"
    assert dim_broadcast(A, A) == A == dim_broadcast(A, 1) == dim_broadcast(1, A)


def test_what_cannot_be_one_decides() -> None:
    assert dim_broadcast(A, 4) == 4 == dim_broadcast(4, dim_broadcast(A, B))
    assert dim_broadcast(A, 2 * B) == 2 * B
    assert dim_broadcast(A, 0) == 0
    assert dim_broadcast(dim_broadcast(A, B), B + 2) == B + 2


@pytest.mark.parametrize(
    ("size", "expected"),
    [(1, True), (4, False), (A, True), (2 * A, False), (2 * A + 3, False), (2 * A - 1, True)]
    + [(A * B + 2, False), (A - B + 2, True), (A + 1, True), (floordiv(A, 2) + 2, True)],
    ids=str,
)
def test_may_be_one(size: Any, expected: bool) -> None:
    assert may_be_one(size) is expected


def test_elements_may_be_negative() -> None:
    assert may_be_one(element_dim() + 2)
    assert not may_be_one(2 * element_dim())


def test_substitution_evaluates() -> None:
    size = 2 * dim_broadcast(A, B)
    assert substitute(size, {"a": 1, "b": 5}) == 10
    assert substitute(size, {"a": 1}) == 2 * B
