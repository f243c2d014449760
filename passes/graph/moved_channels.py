"""Where scales and zero points of channels are after their tensor has been moved.

    transpose(dequantize(q, s, z) {axis = 1}) {perm = [1, 0]}   -->  dequantize(transpose(q), s, z) {axis = 0}
    slice(dequantize(q, s, z) {axis = 0}, 0, 8) {axes = [0]}    -->  dequantize(slice(q), s[0:8], z[0:8]) {axis = 0}
    reshape(dequantize(q, s, z) {axis = 1}, [2 · 3, …])         -->  dequantize(reshape(q), [s, s], [z, z]) {axis = 0}

Weights are moved so by the importer (ConvTranspose, recurrent layers) and by exporters; every rule is exact.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from aicc.dialects.movement import Slice
from aicc.passes.graph.facts import kind
from aicc.passes.graph.quantized_values import Array, Quantized
from aicc.passes.graph.rewrite import Rewriter


@dataclass(frozen=True, eq=False)
class Channels:
    """Entries of the old vector that the new one has, in order, and the dim they lie along."""

    axis: int
    entries: Array

    def of(self, parameter: Array) -> Array:
        """A scale or zero point, moved; scalars stay."""
        return parameter[self.entries] if parameter.ndim else parameter


def moved_channels(rw: Rewriter, op: Any, q: Quantized) -> Channels | None:
    """What `op`, a move of `dequantize(q)`, makes of its channels; None where no vector can say it."""
    shape, out = rw.shape(q.x), rw.shape(op.results[0])
    if not all(isinstance(n, int) for n in shape):
        return None
    every, name, attrs = np.arange(shape[q.axis]), kind(op), rw.attrs(op)
    if name == "transpose":
        return Channels(attrs["perm"].index(q.axis), every)
    if name == "slice":
        if q.axis not in attrs["axes"]:
            return Channels(q.axis, every)
        j = attrs["axes"].index(q.axis)
        bounds = [rw.ints(v) for v in rw.operands(op)[1:] if v is not None]
        if any(b is None for b in bounds):
            return None
        starts, ends, *steps = (np.asarray([b[j]]) for b in bounds if b is not None)
        return Channels(q.axis, Slice.fold(every, starts, ends, steps[0] if steps else None, axes=(0,)))
    if name == "gather":
        if attrs["axis"] == q.axis:
            return None
        indices = rw.rank(op.operands[1])
        return Channels(q.axis if q.axis < attrs["axis"] else q.axis + indices - 1, every)
    if name in ("reshape", "squeeze", "unsqueeze"):
        return _reshaped(shape, out, q.axis)
    return None


def _reshaped(shape: Sequence[int], out: Sequence[Any], axis: int) -> Channels | None:
    """Element `i` in memory order is of channel `i / below % count`: one dim of the result decides that, or none."""
    if not all(isinstance(n, int) for n in out) or 0 in shape:
        return None
    below, count = math.prod(shape[axis + 1 :]), shape[axis]
    stride = math.prod(out)
    for d, size in enumerate(out):
        stride //= size
        if stride <= below and below % stride == 0 and stride * size >= below * count:
            if (stride * size) % (below * count) == 0:
                return Channels(d, np.arange(size) // (below // stride) % count)
            return None
    return None
