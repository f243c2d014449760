"""Axes that only run time knows: arithmetic on vectors of one entry per dim.

Exporters write axes as constants; the rules below serve models that do not.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from aicc.dialects.indexing import Gather, ScatterElements
from aicc.dialects.movement import Concat, Slice
from aicc.dialects.scan import TopK
from aicc.dialects.shape import Reshape, Shape
from aicc.importer.node import Node


def per_dim(n: Node, axes: Any, values: Any, rank: int, default: int) -> Any:
    """A vector of `rank` entries: `values[j]` at `axes[j]`, `default` elsewhere."""
    base = n.const(np.full(rank, default), n.info(values).dtype)
    return n.build(ScatterElements, base, axes, values, axis=0)


def count(n: Node, axes: Any) -> int:
    """The number of axes. Raises ImportError_ AICC-1005 unless it is static."""
    t = n.info(axes)
    if t.rank != 1 or not isinstance(t.shape[0], int):
        raise n.error("AICC-1005", f"input 'axes' must have a static size, got {t}.")
    return t.shape[0]


def slice_along(n: Node, x: Any, starts: Any, ends: Any, axes: Any, steps: Any) -> Any:
    """`x[starts[j]:ends[j]:steps[j]]` along `axes[j]`: a slice along all axes."""
    rank, top = n.info(x).rank, int(np.iinfo(n.info(starts).dtype.numpy).max)
    whole = [per_dim(n, axes, starts, rank, 0), per_dim(n, axes, ends, rank, top)]
    strides = None if steps is None else per_dim(n, axes, steps, rank, 1)
    return n.build(Slice, x, *whole, strides, axes=list(range(rank)))


def pads_along(n: Node, x: Any, pads: Any, axes: Any) -> Any:
    """Pads of all dims, begins then ends."""
    rank, k = n.info(x).rank, count(n, axes)
    halves = [n.build(Slice, pads, n.ints([i * k]), n.ints([(i + 1) * k]), axes=[0]) for i in range(2)]
    return n.build(Concat, *(per_dim(n, axes, h, rank, 0) for h in halves), dim=0)


def squeeze_along(n: Node, x: Any, axes: Any) -> Any:
    """`x` without the dims `axes`: a reshape to the sizes of the others."""
    rank = n.info(x).rank
    others = _others(n, axes, rank, rank - count(n, axes))
    return n.build(Reshape, x, n.build(Gather, n.build(Shape, x), others, axis=0), allowzero=True)


def unsqueeze_along(n: Node, x: Any, axes: Any) -> Any:
    """`x` with dims of size 1 put in at `axes` of the result."""
    t = n.info(x)
    rank = t.rank + count(n, axes)
    others = _others(n, axes, rank, t.rank)
    sizes = n.build(ScatterElements, n.ints([1] * rank), others, n.build(Shape, x), axis=0)
    return n.build(Reshape, x, sizes, allowzero=True)


def _others(n: Node, axes: Any, rank: int, kept: int) -> Any:
    """The dims of `rank` that are not in `axes`, ascending: the first smallest entries of a mask."""
    if kept < 0:
        raise n.error("AICC-1005", f"input 'axes' has more entries than there are dims ({rank}).")
    mask = per_dim(n, axes, n.ints([1] * count(n, axes)), rank, 0)
    return n.build(TopK, mask, n.ints([kept]), axis=0, largest=False)[1]
