"""The arithmetic of resampling along one axis, over NumPy arrays or MLIR scalars alike.

`m` is the arithmetic: `Scalars(F64)` in the body of a generic, `NumPy` at compile time, so that tables of
static sizes are constants and those of dynamic ones are computed by the same formulas.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from aicc.passes.linalg.scalars import Scalars


class NumPy:
    """`Scalars(F64)` on arrays."""

    def const(self, v: float) -> Any:
        return np.float64(v)

    def add(self, a: Any, b: Any) -> Any:
        return a + b

    def sub(self, a: Any, b: Any) -> Any:
        return a - b

    def mul(self, a: Any, b: Any) -> Any:
        return a * b

    def div(self, a: Any, b: Any) -> Any:
        with np.errstate(all="ignore"):
            return np.divide(a, b)

    def abs(self, a: Any) -> Any:
        return np.abs(a)

    def min(self, a: Any, b: Any) -> Any:
        return np.minimum(a, b)

    def max(self, a: Any, b: Any) -> Any:
        return np.maximum(a, b)

    def cmp(self, predicate: str, a: Any, b: Any) -> Any:
        compare = {
            "lt": np.less,
            "le": np.less_equal,
            "gt": np.greater,
            "ge": np.greater_equal,
            "eq": np.equal,
        }
        return compare[predicate](a, b)

    def or_(self, a: Any, b: Any) -> Any:
        return np.logical_or(a, b)

    def select(self, c: Any, a: Any, b: Any) -> Any:
        return np.where(c, a, b)

    def math(self, name: str, a: Any) -> Any:
        return {"floor": np.floor, "ceil": np.ceil}[name](a)


Arithmetic = NumPy | Scalars


@dataclass(frozen=True)
class Axis:
    """One axis in the arithmetic at hand: sizes, scale and region of interest as its values."""

    source: Any
    target: Any
    scale: Any
    start: Any = None
    end: Any = None


def coordinate(m: Arithmetic, kind: str, o: Any, axis: Axis) -> Any:
    """The position in the source that element `o` of the result looks at.

    The length of the result is `source · scale` here, which may be fractional, as in ONNX's reference.
    """
    half, one = m.const(0.5), m.const(1)
    length = m.mul(axis.source, axis.scale)
    last = m.sub(axis.source, one)
    if kind == "asymmetric":
        return m.div(o, axis.scale)
    if kind == "tf_half_pixel_for_nn":
        return m.div(m.add(o, half), axis.scale)
    if kind == "align_corners":
        at = m.div(m.mul(o, last), m.sub(length, one))
        return m.select(m.cmp("eq", length, one), m.const(0), at)
    if kind == "tf_crop_and_resize":
        span = m.mul(m.sub(axis.end, axis.start), last)
        at = m.add(m.mul(axis.start, last), m.div(m.mul(o, span), m.sub(length, one)))
        middle = m.mul(m.mul(half, m.add(axis.start, axis.end)), last)
        return m.select(m.cmp("eq", length, one), middle, at)
    at = m.sub(m.div(m.add(o, half), axis.scale), half)
    if kind == "pytorch_half_pixel":
        return m.select(m.cmp("gt", length, one), at, m.const(0))
    if kind == "half_pixel_symmetric":
        adjustment = m.div(axis.target, length)
        offset = m.mul(m.mul(axis.source, half), m.sub(one, adjustment))
        return m.add(offset, at)
    return at


def nearest(m: Arithmetic, rounding: str, at: Any, axis: Axis) -> Any:
    """The element at position `at`, clamped to the source."""
    half = m.const(0.5)
    if rounding == "round_prefer_floor":
        index = m.math("ceil", m.sub(at, half))
    elif rounding == "round_prefer_ceil":
        index = m.math("floor", m.add(at, half))
    elif rounding == "simple":
        shrinks = m.cmp("lt", axis.scale, m.const(1))
        index = m.select(shrinks, m.math("ceil", at), m.math("floor", at))
    else:
        index = m.math(rounding, at)
    return _clamped(m, index, axis)


def _clamped(m: Arithmetic, index: Any, axis: Axis) -> Any:
    return m.max(m.min(index, m.sub(axis.source, m.const(1))), m.const(0))


def is_outside(m: Arithmetic, at: Any, axis: Axis) -> Any:
    """Whether a position lies outside of the source."""
    return m.or_(m.cmp("lt", at, m.const(0)), m.cmp("gt", at, m.sub(axis.source, m.const(1))))


def first_tap(mode: str, filter_scale: float) -> int:
    """The first neighbour that weighs, relative to the floor of the position."""
    return math.floor(-_radius(mode) / filter_scale) + 1


def run_time_first_tap(m: Arithmetic, mode: str, filter_scale: Any) -> Any:
    """`first_tap` of a scale that is a value."""
    return m.add(m.math("floor", m.div(m.const(-_radius(mode)), filter_scale)), m.const(1))


def _radius(mode: str) -> int:
    return 1 if mode == "linear" else 2


def tap(
    m: Arithmetic,
    at: Any,
    axis: Axis,
    mode: str,
    a: float,
    exclude_outside: bool,
    filter_scale: Any,
    offset: Any,
) -> tuple[Any, Any]:
    """The neighbour `offset` elements from the floor of position `at`, and its weight before normalization."""
    index = m.add(m.math("floor", at), offset)
    distance = m.mul(m.abs(m.sub(index, at)), filter_scale)
    weight = _linear(m, distance) if mode == "linear" else _cubic(m, distance, a)
    if exclude_outside:
        weight = m.select(is_outside(m, index, axis), m.const(0), weight)
    return _clamped(m, index, axis), weight


def taps(
    m: Arithmetic, at: Any, axis: Axis, mode: str, a: float, exclude_outside: bool, filter_scale: float
) -> tuple[list[Any], list[Any]]:
    """Neighbours of position `at` and their weights. `filter_scale` is below 1 where the filter is widened."""
    first = first_tap(mode, filter_scale)
    indices, weights = [], []
    for offset in range(first, 2 - first):
        index, weight = tap(m, at, axis, mode, a, exclude_outside, m.const(filter_scale), m.const(offset))
        indices.append(index)
        weights.append(weight)
    if exclude_outside or filter_scale != 1:
        weights = _normalized(m, weights)
    return indices, weights


def _normalized(m: Arithmetic, weights: Sequence[Any]) -> list[Any]:
    total = weights[0]
    for w in weights[1:]:
        total = m.add(total, w)
    return [m.div(w, total) for w in weights]


def _linear(m: Arithmetic, d: Any) -> Any:
    return m.max(m.sub(m.const(1), d), m.const(0))


def _cubic(m: Arithmetic, d: Any, a: float) -> Any:
    """Keys' kernel: `(a+2)d³ − (a+3)d² + 1` up to 1, `a·d³ − 5a·d² + 8a·d − 4a` up to 2."""

    def polynomial(*coefficients: float) -> Any:
        out = m.const(coefficients[0])
        for c in coefficients[1:]:
            out = m.add(m.mul(out, d), m.const(c))
        return out

    near = polynomial(a + 2, -(a + 3), 0, 1)
    far = m.select(m.cmp("lt", d, m.const(2)), polynomial(a, -5 * a, 8 * a, -4 * a), m.const(0))
    return m.select(m.cmp("le", d, m.const(1)), near, far)
