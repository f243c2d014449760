"""Convolutions whose kernel or pads only a run knows: windows gathered, and one product.

conv(x, w)  -->  columns = transpose(gather(pad(x), positions of each window)) : [N, g, IC/g·K, O]
                 reshape(matmul(w : [g, OC/g, IC/g·K], columns)) : [N, OC, *o]

Models have weights of known sizes, and those are `aicc.conv`; this serves weights that are computed or given.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from aicc.importer.compose import Compose
from aicc.importer.node import Node

Number = Any
"""`[1]`, i64: a size, a pad."""


@dataclass
class Windows:
    """Windows of a kernel along each spatial dim of an input; `pads` are begins and ends that a run knows."""

    strides: Sequence[int]
    dilations: Sequence[int]
    input_dilations: Sequence[int]
    begin: Sequence[Number]
    end: Sequence[Number]


def size_of(c: Compose, value: Any, axis: int) -> Number:
    return c("shape", value, start=axis, end=axis + 1)


def reach_of(c: Compose, w: Any, i: int, dilation: int) -> Number:
    """From the first to the last element of the window along spatial dim `i`: `dilation·(k − 1)`."""
    return c("mul", c("sub", size_of(c, w, 2 + i), 1), dilation)


def same_pads(c: Compose, total: Number, upper: bool) -> tuple[Number, Number]:
    """`total` elements at both ends, the odd one at the end if `upper`; a negative total crops the end alone."""
    some = c("max", total, 0)
    half = c("div", some, 2)
    begin = half if upper else c("sub", some, half)
    return begin, c("sub", total, begin)


def window_pads(n: Node, x: Any, w: Any, strides: Sequence[int], dilations: Sequence[int]) -> Any:
    """Begins and ends of a Conv's padding. Raises ImportError_ AICC-1006."""
    c, rank, auto_pad = Compose(n), len(strides), n.attr("auto_pad", "NOTSET")
    given = n.attr("pads") if auto_pad == "NOTSET" else None
    given = given or [0] * (2 * rank)
    if auto_pad not in ("NOTSET", "VALID", "SAME_UPPER", "SAME_LOWER") or len(given) != 2 * rank:
        raise n.error("AICC-1006", f"attributes 'auto_pad' and 'pads' are '{auto_pad}' and {given}.")
    if not auto_pad.startswith("SAME"):
        numbers = [n.ints([v]) for v in given]
        return numbers[:rank], numbers[rank:]
    begin, end = [], []
    for i, (stride, dilation) in enumerate(zip(strides, dilations, strict=True)):
        size = size_of(c, x, 2 + i)
        last = c("mul", c("div", c("sub", size, 1), stride), stride)  # where the last window starts
        total = c("sub", c("add", last, c("add", reach_of(c, w, i, dilation), 1)), size)
        both = same_pads(c, c("max", total, 0), auto_pad == "SAME_UPPER")
        begin.append(both[0])
        end.append(both[1])
    return begin, end


def convolved(n: Node, x: Any, w: Any, bias: Any | None, group: int, windows: Windows) -> Any:
    """`[N, C, *spatial]` and `[OC, C/group, *k]` to `[N, OC, *o]`."""
    c = Compose(n)
    rank = n.info(x).rank - 2
    if n.info(w).rank != rank + 2:
        raise n.error("AICC-1005", f"input {n.info(x)} and weights {n.info(w)} differ in rank.")
    spatial = list(range(2, 2 + rank))
    for axis, step in zip(spatial, windows.input_dilations, strict=True):
        x = _spread(c, x, axis, step)
    x = c("pad", x, c.concat([*windows.begin, *windows.end], 0), None, axes=spatial)
    counts: list[Number] = []
    for i in reversed(range(rank)):
        where = places(c, x, w, i, windows)
        if not n.attr("auto_pad", "NOTSET").startswith("SAME"):
            what = f"the window fits into the padded input (results in dim {2 + i})"
            where = c.at_least(where, 0, 1, what)
        counts.insert(0, size_of(c, where, 0))
        x = c("gather", x, where, axis=2 + i)
    # [N, C, o, k, o, k…]
    x = c.transpose(x, 0, 1, *(3 + 2 * i for i in range(rank)), *(2 + 2 * i for i in range(rank)))
    batch, out_channels = size_of(c, x, 0), size_of(c, w, 0)
    entries = c("reduce_prod", c("shape", w, start=1, end=None), axes=[0], keepdims=True)
    places_count = c("reduce_prod", c.concat(counts, 0), axes=[0], keepdims=True)
    groups = n.ints([group])
    columns = c("reshape", x, c.concat([batch, groups, entries, places_count], 0), allowzero=True)
    rows = c.concat([groups, c("div", out_channels, group), entries], 0)
    y = c("matmul", c("reshape", w, rows, allowzero=True), columns)
    y = c("reshape", y, c.concat([batch, out_channels, *counts], 0), allowzero=True)
    return y if bias is None else c("add", y, c.unsqueeze(bias, *range(1, rank + 1)))


def _spread(c: Compose, x: Any, axis: int, step: int) -> Any:
    """`x` with `step − 1` zeros between its elements along `axis`."""
    if step == 1:
        return x
    wide = c("pad", c.unsqueeze(x, axis + 1), c.n.ints([0, step - 1]), None, axes=[axis + 1])
    total = c("mul", size_of(c, x, axis), step)
    sizes = [c("shape", x, start=0, end=axis), total, c("shape", x, start=axis + 1, end=None)]
    kept = [v for v in sizes if c.n.info(v).shape != (0,)]
    flat = c("reshape", wide, c.concat(kept, 0), allowzero=True)
    return c("slice", flat, c.n.ints([0]), c("sub", total, step - 1), None, axes=[axis])


def places(c: Compose, x: Any, w: Any, i: int, windows: Windows) -> Any:
    """`[o, k]`: where the elements of each window lie along spatial dim `i` of the padded input."""
    stride, dilation = windows.strides[i], windows.dilations[i]
    room = c("sub", size_of(c, x, 2 + i), reach_of(c, w, i, dilation))
    count = c("div", c("max", c("add", room, stride - 1), 0), stride)
    starts, entries = _counted(c, count), _counted(c, size_of(c, w, 2 + i))
    return c("add", c.unsqueeze(c("mul", starts, stride), 1), c("mul", entries, dilation))


def _counted(c: Compose, count: Number) -> Any:
    return c("range", c.constant(np.int64(0)), c.reshape(count), c.constant(np.int64(1)))
