"""GridSample, DeformConv and RoiAlign: coordinates computed, elements sampled there, the rest arithmetic."""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from aicc.dialects.convolution import Conv
from aicc.dialects.sampling import coordinate_dtype
from aicc.dialects.types import DType
from aicc.importer.compose import Compose, static_shape
from aicc.importer.kv_cache import positions
from aicc.importer.node import Node
from aicc.importer.registry import onnx_op
from aicc.importer.windows import ints

_MODES = {"bilinear": "linear", "bicubic": "cubic"}
"""Names before opset 20."""


@onnx_op("GridSample")
def grid_sample(n: Node) -> Any:
    """Coordinates are in [−1, 1], those of the last dim first."""
    c, x, grid = Compose(n), n.required(0), n.required(1)
    corners = bool(n.attr("align_corners", 0))
    wide = coordinate_dtype(n.info(x).dtype)
    parts = []
    rank = n.info(x).rank - 2
    last = n.info(grid).rank - 1
    for k in range(rank):
        g = c("add", c.cast(c("gather", grid, n.ints([rank - 1 - k]), axis=last), wide), 1.0)
        size = c.cast(c("shape", x, start=2 + k, end=3 + k), wide)
        if corners:
            at = c("mul", c("mul", g, 0.5), c("sub", size, 1.0))
        else:
            at = c("mul", c("sub", c("mul", g, size), 1.0), 0.5)
        parts.append(at)
    mode = n.attr("mode", "linear")
    attrs = {"mode": _MODES.get(mode, mode), "padding": n.attr("padding_mode", "zeros"), "corners": corners}
    return c("sample", x, c.concat(parts, last), **attrs)


@onnx_op("DeformConv", limits="the weights' sizes are static")
def deform_conv(n: Node) -> Any:
    """The elements under each entry of the kernel, then a convolution by one element.

    deform_conv(x, w[OC, IC/g, kh, kw], offset)  -->  conv(columns[N, IC·kh·kw, oh, ow], w[OC, IC/g·kh·kw, 1, 1])
    """
    c, w, offset = Compose(n), n.required(1), n.required(2)
    out_channels, in_group, *kernel = static_shape(n, w, "the weights")
    rank, entries, groups = len(kernel), math.prod(kernel), n.attr("offset_group", 1)
    channels = in_group * n.attr("group", 1)
    for value in (n.required(0), offset):
        if n.info(value).rank != rank + 2:
            raise n.error("AICC-1005", f"{n.info(value)} and weights {n.info(w)} differ in rank.")
    x = c.sized(n.required(0), None, channels, *[None] * rank)
    strides, dilations = ints(n, "strides", [1] * rank), ints(n, "dilations", [1] * rank)
    pads = ints(n, "pads", [0] * (2 * rank))
    wide = coordinate_dtype(n.info(x).dtype)
    batch, out = c("shape", offset, start=0, end=1), c("shape", offset, start=2, end=None)

    def split(value: Any, *sizes: int) -> Any:
        """`[N, channels, *out]` with the channels as `sizes`."""
        return c("reshape", value, c.concat([batch, n.ints(sizes), out], 0), allowzero=True)

    moved = split(offset, groups, entries, rank)
    parts = []
    for k in range(rank):
        # [entries, *out]: where the kernel lies without the offsets
        entry = np.indices(kernel)[k].reshape(entries, *[1] * rank) * dilations[k] - pads[k]
        place = c.reshape(positions(n, offset, 2 + k), *(-1 if i == k else 1 for i in range(rank)))
        base = c("add", c("mul", place, strides[k]), c.constant(entry))
        moved_k = c("squeeze", c.slice(moved, 3, k, k + 1), axes=[3])
        at_k = c("add", c.cast(moved_k, wide), c.cast(base, wide))
        parts.append(c.unsqueeze(at_k, 3 + rank))
    at = c.concat(parts, 3 + rank)  # [N, groups, entries, *out, rank]
    mask = None if n.input(4) is None else split(n.required(4), groups, entries)
    columns = []
    per_group = channels // groups
    for g in range(groups):
        part = x if groups == 1 else c.slice(x, 1, g * per_group, (g + 1) * per_group)
        where = c("squeeze", c.slice(at, 1, g, g + 1), axes=[1])
        found = c("sample", part, where, mode="linear", padding="zeros", corners=True)
        if mask is not None:
            found = c("mul", found, c.slice(mask, 1, g, g + 1))
        columns.append(found)
    flat = split(c.concat(columns, 1), channels * entries)
    ones = [1] * rank
    return n.build(
        Conv,
        flat,
        c.reshape(w, out_channels, in_group * entries, *ones),
        n.input(3),
        group=n.attr("group", 1),
        strides=ones,
        dilations=ones,
        pads=[0] * (2 * rank),
    )


@onnx_op("RoiAlign")
def roi_align(n: Node) -> Any:
    """Points in each bin of each region, averaged; or the largest weighted element around them."""
    c, x = Compose(n), n.required(0)
    ratio, scale, mode = n.attr("sampling_ratio", 0), n.attr("spatial_scale", 1.0), n.attr("mode", "avg")
    if ratio < 0:
        raise n.error("AICC-1006", f"attribute 'sampling_ratio' is {ratio}; it must not be negative.")
    modes = {10: "output_half_pixel", 16: "half_pixel"}
    half = n.attr("coordinate_transformation_mode", n.by_opset(modes)) == "half_pixel"
    rois = c("gather", n.required(1), n.ints([1, 0, 3, 2]), axis=1)  # y, x of both corners
    rois = c("mul", c.cast(rois, DType.F32), scale)
    rois = c("sub", rois, 0.5) if half else rois
    start, end = c.slice(rois, 1, 0, 2), c.slice(rois, 1, 2, 4)
    extent = c("sub", end, start)
    extent = extent if half else c("max", extent, 1.0)
    points = [
        _bin_points(c, c.slice(start, 1, k, k + 1), c.slice(extent, 1, k, k + 1), count, ratio)
        for k, count in enumerate((n.attr("output_height", 1), n.attr("output_width", 1)))
    ]
    # [R, ph, pw, s, s] of each axis; a region's feature map is that of its batch entry
    parts = [c.unsqueeze(points[0].at, 2, 4), c.unsqueeze(points[1].at, 1, 3)]
    value = _around(c, c("gather", x, n.required(2), axis=0), parts, mode)
    if not ratio:
        return _of_each_region(c, value, points, mode)
    return c("reduce_max" if mode == "max" else "reduce_mean", value, axes=[4, 5], keepdims=False)


@dataclass
class _Points:
    """Coordinates `[R, bins, points]` along one axis; each region has the first `number[r, 0]` (f32) of them."""

    at: Any
    number: Any
    index: Any


def _bin_points(c: Compose, start: Any, extent: Any, bins: int, ratio: int) -> _Points:
    """`ratio` points in each of `bins`; of ratio 0, about one per element: as many as the largest region has."""
    size = c("div", extent, float(bins))
    if ratio:
        number, index = (
            c.constant(np.full((1, 1), ratio, np.float32)),
            c.constant(np.arange(ratio, dtype="f4")),
        )
    else:
        number = c("max", c("ceil", size), 0.0)
        # the 0 is for the case that there is no region
        most = c("reduce_max", c.concat([number, c.constant(np.zeros((1, 1), np.float32))], 0), axes=[0, 1])
        zero, one = c.constant(np.int64(0)), c.constant(np.int64(1))
        index = c.cast(c("range", zero, c.cast(c.reshape(most), DType.I64), one), DType.F32)
    within = c("div", c("add", index, 0.5), c.unsqueeze(c("max", number, 1.0), 1))
    steps = c("add", c.constant(np.arange(bins, dtype=np.float32)[:, None]), within)
    at = c("add", c.unsqueeze(start, 1), c("mul", c.unsqueeze(size, 1), steps))
    return _Points(at, number, index)


def _of_each_region(c: Compose, value: Any, points: list[_Points], mode: str) -> Any:
    """The mean or the largest of `value[R, C, ph, pw, s, s]` over the points that each region has; 0 of none."""
    kept = [c("less", p.index, p.number) for p in points]
    mask = c("and", c.unsqueeze(kept[0], 1, 2, 3, 5), c.unsqueeze(kept[1], 1, 2, 3, 4))
    number = c("mul", *(p.number for p in points))
    dtype = c.n.info(value).dtype
    if mode != "max":
        total = c.sum(c("where", mask, value, c.constant_like(0, value)), 4, 5)
        return c("div", total, c.cast(c.unsqueeze(c("max", number, 1.0), 2, 3), dtype))
    # a point that is not there must not win
    lowest = c("where", mask, value, c.constant_like(-np.inf, value))
    found = c("reduce_max", lowest, axes=[4, 5], keepdims=False)
    return c("where", c.unsqueeze(c("less", number, 1.0), 2, 3), c.constant_like(0, value), found)


def _around(c: Compose, x: Any, parts: list[Any], mode: str) -> Any:
    """`[R, C, ph, pw, s, s]`: interpolated, or the largest of the four weighted elements; zero far outside."""
    inside: Any = None
    clamped, wholes = [], []
    for k, part in enumerate(parts):
        size = c.cast(c("shape", x, start=2 + k, end=3 + k), DType.F32)
        for test in (c("less_equal", c.constant(np.float32(-1)), part), c("less_equal", part, size)):
            inside = test if inside is None else c("and", inside, test)
        last = c("sub", size, 1.0)
        clamped.append(c("min", c("max", part, 0.0), last))
        wholes.append(c("floor", clamped[-1]))
    dtype = c.n.info(x).dtype
    mask = c.unsqueeze(c.cast(inside, dtype), 1)
    if mode != "max":
        found = c("sample", x, _stacked(c, clamped), mode="linear", padding="border", corners=True)
        return c("mul", found, mask)
    rests = [c("sub", v, w) for v, w in zip(clamped, wholes, strict=True)]
    corners = []
    for steps in ((0, 0), (0, 1), (1, 0), (1, 1)):
        at = [c("add", w, float(d)) if d else w for w, d in zip(wholes, steps, strict=True)]
        weights = [
            r if d else c("sub", c.constant(np.float32(1)), r) for r, d in zip(rests, steps, strict=True)
        ]
        found = c("sample", x, _stacked(c, at), mode="nearest", padding="border", corners=True)
        weight = c.unsqueeze(c.cast(c("mul", *weights), dtype), 1)
        corners.append(c("mul", c("mul", found, weight), mask))
    return functools.reduce(lambda a, b: c("max", a, b), corners)


def _stacked(c: Compose, parts: list[Any]) -> Any:
    """Coordinates `[R, ph, pw, s, s, 2]` of axes that still broadcast."""
    y, x = parts
    whole = [c("add", y, c("mul", x, 0.0)), c("add", x, c("mul", y, 0.0))]
    return c.concat([c.unsqueeze(v, 5) for v in whole], 5)
