"""Ranges of activations: what is seen of a tensor, and between which numbers it is rounded."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]
_BINS = 2048
_LEVELS = 256
_CUTS = np.linspace(1.0, 0.2, 81)
"""Parts of the range that the entropy method tries."""


@dataclass
class Observed:
    """Least and greatest of all that was seen, how often each of `_BINS` parts of that range, and whether any number
    was finite."""

    low: float = 0.0
    high: float = 0.0
    counts: Array = field(default_factory=lambda: np.zeros(_BINS))
    finite: bool = False

    def see(self, array: Array) -> None:
        """Numbers of one run; infinities and NaN are not counted."""
        values = np.asarray(array, np.float32).reshape(-1)
        values = values[np.isfinite(values)]
        if not values.size:
            return
        self.finite = True
        low, high = min(self.low, float(values.min())), max(self.high, float(values.max()))
        if (low, high) != (self.low, self.high):
            old = self.low + (np.arange(_BINS) + 0.5) * (self.high - self.low) / _BINS
            self.counts = np.histogram(old, _BINS, (low, high), weights=self.counts)[0].astype(np.float64)
            self.low, self.high = low, high
        if high > low:
            self.counts += np.histogram(values, _BINS, (low, high))[0]

    def range(self, method: str, percentile: float) -> tuple[float, float]:
        """The range to round within; it holds zero."""
        if method == "minmax" or self.high == self.low or not self.counts.any():
            return self.low, self.high
        return self._percentile(percentile) if method == "percentile" else self._entropy()

    def _edges(self) -> Array:
        return np.linspace(self.low, self.high, _BINS + 1)

    def _percentile(self, percentile: float) -> tuple[float, float]:
        """What leaves out as much at both ends, `100 - percentile` per cent in all."""
        part = np.cumsum(self.counts) / self.counts.sum()
        outside = (1 - percentile / 100) / 2
        edges = self._edges()
        low = edges[int(np.searchsorted(part, outside, side="right"))]
        high = edges[min(int(np.searchsorted(part, 1 - outside)), _BINS - 1) + 1]
        return min(float(low), 0.0), max(float(high), 0.0)

    def _entropy(self) -> tuple[float, float]:
        """The part of the range of least divergence of Kullback and Leibler between what was seen, clipped to it,
        and that rounded to 256 levels (Migacz, "8-bit Inference with TensorRT", 2017)."""
        edges = self._edges()
        centers = (edges[:-1] + edges[1:]) / 2
        best, least = (self.low, self.high), np.inf
        for cut in _CUTS:
            low, high = self.low * cut, self.high * cut
            inside = (centers >= low) & (centers <= high)
            if inside.sum() < _LEVELS // 2:
                break
            p = self.counts * inside
            first, last = np.flatnonzero(inside)[[0, -1]]
            p[first] += self.counts[:first].sum()
            p[last] += self.counts[last + 1 :].sum()
            level = np.clip(((centers - low) / (high - low) * _LEVELS).astype(int), 0, _LEVELS - 1)
            seen = (self.counts > 0) & inside
            total = np.bincount(level[inside], self.counts[inside], _LEVELS)
            each = np.bincount(level[seen], minlength=_LEVELS)
            q = np.where(seen, total[level] / np.maximum(each[level], 1), 0.0)
            divergence = _divergence(p, q)
            if divergence < least:
                best, least = (low, high), divergence
        return best


def _divergence(p: Array, q: Array) -> float:
    """Of two histograms, smoothed a little so that nothing is impossible."""
    p, q = p / p.sum(), q / max(q.sum(), 1e-30)
    p, q = p + 1e-10, q + 1e-10
    return float(np.sum(p * np.log(p / q)))


def parameters(low: float, high: float) -> tuple[Array, Array]:
    """Scale (f32) and zero point (u8) of unsigned bytes that span `low` to `high`, which holds zero."""
    scale = np.float32((high - low) / 255) if high > low else np.float32(1)
    if not np.isfinite(scale) or scale <= np.finfo(np.float32).tiny:
        scale = np.float32(1)
    return np.asarray(scale), np.asarray(np.clip(np.rint(-low / scale), 0, 255), np.uint8)
