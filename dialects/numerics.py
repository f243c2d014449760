"""What folds compute with: NumPy in ONNX semantics, matching the lowering's precision."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from typing import Any

import ml_dtypes
import numpy as np

from aicc.dialects.op import TypeRuleError

Array = np.ndarray[Any, Any]
Fold = Callable[..., Any]

_HALF = (np.dtype(np.float16), np.dtype(ml_dtypes.bfloat16))


def is_half(a: Array) -> bool:
    """Whether `a` is f16 or bf16."""
    return a.dtype in _HALF


def is_symbolic(*arrays: Array) -> bool:
    """Whether an array holds symbolic sizes."""
    return any(a.dtype == object for a in arrays)


def widened(fn: Fold) -> Fold:
    """`fn` on arrays, computing in f32 where they are f16 or bf16, with the first array's dtype as result.

    Floating-point exceptions are silent: a fold gives the infinity or NaN that running the op would.
    """

    @functools.wraps(fn)
    def fold(*arrays: Array | None, **attrs: Any) -> Array:
        first = arrays[0]
        assert first is not None
        wide = [a if a is None or not is_half(a) else a.astype(np.float32) for a in arrays]
        with np.errstate(all="ignore"):
            out = np.asarray(fn(*wide, **attrs))
        return out if out.dtype == first.dtype or out.dtype == object else out.astype(first.dtype)

    return fold


erf: Callable[[Array], Array] = np.vectorize(math.erf, otypes=[np.float64])
"""The error function, elementwise, in double precision."""


def normalize_axis(axis: int, rank: int, allow_end: bool = False) -> int:
    """`axis` counted from the front. Raises TypeRuleError when out of range."""
    if not -rank <= axis < rank + allow_end:
        raise TypeRuleError(f"attribute 'axis' is {axis}, out of range for rank {rank}")
    return axis + rank if axis < 0 else axis


def check_axes(axes: Sequence[int], rank: int) -> None:
    """Axes counted from the front, in range, sorted and unique. Raises TypeRuleError."""
    if any(not 0 <= a < rank for a in axes) or list(axes) != sorted(set(axes)):
        raise TypeRuleError(
            f"attribute 'axes' is {list(axes)}; expected distinct ascending axes of rank {rank}"
        )
