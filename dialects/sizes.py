"""Sizes read from operands that hold shapes, repeats, bounds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from aicc.dialects.op import TypeRuleError
from aicc.dialects.symbolic import (
    Dim,
    DimLike,
    ceildiv,
    dim_max,
    dim_min,
    fresh_dim,
    has_elements,
    product,
    static,
)
from aicc.dialects.types import TensorType

_FAR = 2**31 - 1
"""Bounds at least this large mean "to the end": exporters write INT_MAX of some width."""


def length(t: TensorType, what: str) -> int:
    """The number of elements of a 1-D operand. Raises TypeRuleError unless it is static."""
    if t.rank != 1 or not isinstance(t.shape[0], int):
        raise TypeRuleError(f"operand '{what}' must be 1-D of static size, got {t}")
    return t.shape[0]


def elements(t: TensorType) -> list[DimLike] | None:
    """Known or symbolic elements of an integer operand, None when nothing is known of them."""
    if t.value is None:
        return None
    return [e if isinstance(e, Dim) else int(e) for e in t.value.flat]


def sizes(t: TensorType, what: str) -> tuple[DimLike, ...]:
    """The elements of a 1-D operand as sizes, new symbols where unknown. Raises TypeRuleError."""
    n = length(t, what)
    out = elements(t)
    if out is None:
        return tuple(fresh_dim() for _ in range(n))
    if any(isinstance(d, int) and d < 0 for d in out):
        raise TypeRuleError(f"operand '{what}' is {out}; sizes are not negative")
    return tuple(out)


def quotient(shape: Sequence[DimLike], divisors: Sequence[DimLike]) -> Any:
    """`∏ shape / ∏ divisors`, equal factors cancelled first so that symbolic sizes divide."""
    numerator, denominator = list(shape), []
    for d in divisors:
        if d in numerator:
            numerator.remove(d)
        else:
            denominator.append(d)
    return product(numerator) // product(denominator) if denominator else product(numerator)


def is_at_most(a: DimLike, b: DimLike) -> bool:
    """Whether `a <= b` for all sizes; False when that is not evident."""
    difference = b - a
    if isinstance(difference, int):
        return difference >= 0
    return not has_elements(difference) and all(c > 0 for c in difference.terms.values())


def slice_bounds(start: DimLike, end: DimLike, step: DimLike, n: DimLike) -> tuple[Any, Any] | None:
    """The first index and the number of indices of `start:end:step` over `n`, None when only run time knows.

    ONNX's rules: negative bounds count from the end, and bounds are clamped (the start to an element, also
    for a negative step: there NumPy, which has none of `x[-9::-1]`, differs). A symbolic bound is taken to
    lie within a static `n`, and 1 and −1 within a symbolic one: models that slice so rely on it.
    """
    if isinstance(step, Dim) or any(map(has_elements, (start, end, n))):
        return None
    if all(isinstance(v, int) for v in (start, end, n)):
        return _static_bounds(static(start), static(end), step, static(n))
    # one bound counted from the front and one from the end: which comes first depends on n
    opposite = isinstance(start, int) and isinstance(end, int) and (start < 0) != (end < 0)
    if step > 0:
        first, stop = _bound(start, n, n), _bound(end, n, n)
        count = 0 if _in_order(end, start) else stop - first
        unsure = isinstance(start, int) and (start > 1 or (opposite and not _is_usual(start, end)))
    else:
        first = _bound(start, n, n - 1)
        if isinstance(end, int) and end <= -_FAR:
            return first, ceildiv(first + 1, -step)
        count = 0 if _in_order(start, end) else first - _bound(end, n, n - 1, -1)
        unsure = opposite
    if isinstance(count, int):
        count = max(count, 0)
    elif unsure and not is_at_most(0, count):
        count = dim_max(count, 0)
    return first, ceildiv(count, abs(step))


def _in_order(a: DimLike, b: DimLike) -> bool:
    """Whether `a` is known not to come after `b`: both counted from the same end."""
    return isinstance(a, int) and isinstance(b, int) and (a < 0) == (b < 0) and a <= b


def _is_usual(start: int, end: DimLike) -> bool:
    """`x[-3:]`, `x[:-1]`, `x[1:-1]`: slices that models take of sizes for which they are in order."""
    return isinstance(end, int) and (end >= _FAR or (end == -1 and 0 <= start <= 1))


def _static_bounds(start: int, end: int, step: int, n: int) -> tuple[int, int]:
    first, stop = (v + n if v < 0 else v for v in (start, end))
    if step > 0:
        first, stop = max(0, min(first, n)), max(0, min(stop, n))
    else:
        first, stop = max(0, min(first, n - 1)), max(-1, min(stop, n - 1))
    return first, len(range(first, stop, step)) if n else 0


def _bound(v: DimLike, n: DimLike, top: DimLike, low: int = 0) -> Any:
    """`v` counted from the front and clamped to `[low, top]`."""
    if isinstance(v, Dim):
        from_end = all(c < 0 for c in v.terms.values())
        v = v + n if from_end else v
        return v if isinstance(v, Dim) and (isinstance(top, int) or is_at_most(v, top)) else dim_min(v, top)
    if v >= _FAR:
        return top
    if v >= 0:
        # the first and second element of a symbolic size are taken to exist, like the last
        return v if (v <= 1 and isinstance(top, Dim)) or is_at_most(v, top) else dim_min(v, top)
    if v <= -_FAR:
        return low
    shifted = n + v
    if isinstance(shifted, int):
        return min(max(shifted, low), static(top))
    return shifted if v == -1 else dim_max(shifted, low)


def as_array(shape: Sequence[DimLike]) -> np.ndarray[Any, Any]:
    """Sizes as the value of an i64 tensor: of dtype object where symbolic."""
    if all(isinstance(d, int) for d in shape):
        return np.asarray(shape, dtype=np.int64)
    out = np.empty(len(shape), dtype=object)
    out[:] = list(shape)
    return out
