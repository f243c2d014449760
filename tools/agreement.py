"""Whether two runs of a model agree: `max|a - b| / max|b|` per output, against a tolerance by dtype."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

TOLERANCE = {"float64": 1e-9, "float32": 1e-4, "float16": 1e-2, "bfloat16": 5e-2}
"""For whole models, where errors add up over the layers; integers, booleans and strings must be equal."""


@dataclass(frozen=True)
class Agreement:
    """One output: `error` is max|a - b| / max|b| (infinite where shapes, infinities or NaNs differ)."""

    name: str
    error: float
    tolerance: float

    @property
    def good(self) -> bool:
        return self.error <= self.tolerance


def compare(ours: Mapping[str, Array], theirs: Mapping[str, Array]) -> list[Agreement]:
    """Output by output, in the order of `theirs`, which is the reference."""
    return [
        Agreement(name, relative_error(np.asarray(ours[name]), np.asarray(b)), tolerance(np.asarray(b).dtype))
        for name, b in theirs.items()
    ]


def tolerance(dtype: np.dtype[Any]) -> float:
    return TOLERANCE.get(dtype.name, 0.0)


def relative_error(a: Array, b: Array) -> float:
    """`max|a - b| / max|b|` over the finite elements."""
    if a.shape != b.shape or a.dtype != b.dtype:
        return float("inf")
    if a.dtype == object or a.dtype.kind in "US" or tolerance(b.dtype) == 0.0 and a.dtype.kind in "biu":
        return 0.0 if np.array_equal(a, b) else _distance(a, b)
    wide = np.complex128 if a.dtype.kind == "c" else np.float64
    x, y = a.astype(wide), b.astype(wide)
    finite = np.isfinite(y)
    if not np.array_equal(finite, np.isfinite(x)) or not np.array_equal(
        x[~finite], y[~finite], equal_nan=True
    ):
        return float("inf")
    if not finite.any():
        return 0.0
    scale = float(np.abs(y[finite]).max())
    return float(np.abs(x[finite] - y[finite]).max()) / (scale or 1.0)


def _distance(a: Array, b: Array) -> float:
    """For integers that differ, by how much; text is infinitely far apart."""
    if a.dtype.kind not in "biu":
        return float("inf")
    scale = float(np.abs(b.astype(np.float64)).max(initial=0.0))
    return float(np.abs(a.astype(np.float64) - b.astype(np.float64)).max()) / (scale or 1.0)
