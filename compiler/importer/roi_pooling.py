"""MaxRoiPool: the largest element in each bin of each region, whose borders are whole rows and columns."""

from __future__ import annotations

from typing import Any

import numpy as np

from aicc.dialects.types import DType
from aicc.importer.compose import Compose
from aicc.importer.kv_cache import positions
from aicc.importer.node import Node
from aicc.importer.registry import onnx_op


@onnx_op("MaxRoiPool")
def max_roi_pool(n: Node) -> Any:
    """Regions are `[R, 5]`: the batch entry, then x and y of the first and the last corner. An empty bin is 0.

    One axis after the other: the largest elements of each bin's columns, and of those each bin's rows.
    """
    c, x, rois = Compose(n), n.required(0), n.required(1)
    dtype, scale = n.info(x).dtype, n.attr("spatial_scale", 1.0)
    counts = n.required_attr("pooled_shape")
    entry = c.reshape(c.cast(c.slice(rois, 1, 0, 1), DType.I64), -1)
    features = c("gather", x, entry, axis=0)
    corners = c("mul", c.cast(rois, DType.F32), scale)
    columns = _bins(c, x, corners, 1, 3, counts[1])  # [R, pw, W]
    rows = _bins(c, x, corners, 2, 2, counts[0])  # [R, ph, H]
    lowest = n.const(-np.inf, dtype)
    # [R, C, H, 1, W] -> [R, C, H, pw]
    y = c("where", c.unsqueeze(columns, 1, 2), c.unsqueeze(features, 3), lowest)
    y = c("reduce_max", y, axes=[4], keepdims=False)
    # [R, C, 1, pw, H] -> [R, C, ph, pw]
    y = c("where", c.unsqueeze(rows, 1, 3), c.unsqueeze(c.transpose(y, 0, 1, 3, 2), 2), lowest)
    y = c("reduce_max", y, axes=[4], keepdims=False)
    full = [c("reduce_max", m, axes=[2], keepdims=False) for m in (rows, columns)]
    holds = c("and", c.unsqueeze(full[0], 1, 3), c.unsqueeze(full[1], 1, 2))
    return c("where", holds, y, n.const(0.0, dtype))


def _bins(c: Compose, x: Any, corners: Any, first: int, axis: int, count: int) -> Any:
    """Which of the entries along `axis` lie in which bin: `[R, count, size]`; bins may overlap."""
    start = _rounded(c, c.slice(corners, 1, first, first + 1))
    end = _rounded(c, c.slice(corners, 1, first + 2, first + 3))
    size = c("max", c("add", c("sub", end, start), 1), 1)
    at = np.arange(count)
    low = c("add", c("div", c("mul", size, c.constant(at)), count), start)
    high = c("add", c("div", c("add", c("mul", size, c.constant(at + 1)), count - 1), count), start)
    place = positions(c.n, x, axis)
    return c("and", c("less_equal", c.unsqueeze(low, 2), place), c("less", place, c.unsqueeze(high, 2)))


def _rounded(c: Compose, x: Any) -> Any:
    """To the nearest whole number, halves away from zero, as i64: sizes of bins are exact so."""
    return c.cast(c("mul", c("sign", x), c("floor", c("add", c("abs", x), 0.5))), DType.I64)
