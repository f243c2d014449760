"""NonZero, Compress, Unique, NonMaxSuppression: results as large as the data says."""

from __future__ import annotations

from typing import Any

import numpy as np

from aicc.dialects.types import DType
from aicc.importer.compose import Compose
from aicc.importer.movement import axis_of
from aicc.importer.node import Node
from aicc.importer.registry import onnx_op


@onnx_op("NonZero")
def nonzero(n: Node) -> Any:
    """A scalar counts as one element: `[0, count]`, the positions have no coordinates."""
    x = n.required(0)
    if n.info(x).rank == 0:
        raise n.error("AICC-1005", "a scalar has no positions.")
    return Compose(n)("nonzero", x)


def _along_axis(n: Node, c: Compose) -> tuple[Any, int]:
    """The first input and the attribute `axis`; without one the input flat, and 0."""
    x, axis = n.required(0), n.attr("axis")
    return (c.reshape(x, -1), 0) if axis is None else (x, axis_of(n, axis, n.info(x).rank))


@onnx_op("Compress")
def compress(n: Node) -> Any:
    """The entries along `axis` (of the flat tensor without it) where the condition holds; it may be shorter."""
    c = Compose(n)
    x, axis = _along_axis(n, c)
    places = c.reshape(c("nonzero", n.required(1)), -1)
    return c("gather", x, places, axis=axis)


@onnx_op("Unique")
def unique(n: Node) -> Any:
    c = Compose(n)
    x, axis = _along_axis(n, c)
    rank = n.info(x).rank
    size = n.info(x).shape[axis]
    turned = c.transpose(x, axis, *(i for i in range(rank) if i != axis)) if axis else x
    if rank == 1:
        rows = c.unsqueeze(x, 1)
    elif isinstance(size, int):
        rows = c.reshape(turned, size, -1)
    else:
        rows = c.reshape(turned, 0, -1)
    first, inverse, counts = c("unique_rows", rows, sorted=bool(n.attr("sorted", 1)))
    return c("gather", x, first, axis=axis), first, inverse, counts


@onnx_op("NonMaxSuppression")
def non_max_suppression(n: Node) -> Any:
    """Without `max_output_boxes_per_class` nothing is put out."""
    c = Compose(n)

    def one(i: int, dtype: DType) -> Any:
        value = n.input(i)
        if value is None:
            return n.const(np.zeros(1), dtype)
        return c.reshape(c.cast(value, dtype), 1)

    score = None if n.input(4) is None else one(4, DType.F32)
    return c(
        "non_max_suppression",
        n.required(0),
        n.required(1),
        one(2, DType.I64),
        one(3, DType.F32),
        score,
        center=bool(n.attr("center_point_box", 0)),
    )
