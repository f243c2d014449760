"""Gathers, scatters, one-hot."""

from __future__ import annotations

from typing import Any

import numpy as np

from aicc.dialects import OPS, Op
from aicc.dialects.indexing import Gather, GatherElements, GatherNd, OneHot, ScatterElements, ScatterNd
from aicc.dialects.types import INDEX, DType
from aicc.importer.movement import axis_of
from aicc.importer.node import Node
from aicc.importer.registry import onnx_op

_CLAMPED = "indices out of range that only a run knows mean the nearest element"


@onnx_op("Gather", "GatherElements", limits=_CLAMPED)
def gather(n: Node) -> Any:
    x = n.required(0)
    _check_indices(n, x, axis_of(n, n.attr("axis", 0), n.info(x).rank))
    op: type[Op] = Gather if n.op_type == "Gather" else GatherElements
    return n.build(op, x, n.required(1), axis=axis_of(n, n.attr("axis", 0), n.info(x).rank))


def _check_indices(n: Node, x: Any, first: int, tuples: bool = False) -> None:
    """Raises ImportError_ AICC-1005 for constant indices (input 1) that are out of range: along dim `first` of `x`, or,
    of tuples, along as many dims from there as they are long. What a run may never compute is not looked at."""
    known = None if n.importer.undecided else n.constant(1)
    if known is None or known.dtype == object or not known.size:
        return
    columns = np.moveaxis(known, -1, 0) if tuples else known[None]
    for axis, (found, size) in enumerate(zip(columns, n.info(x).shape[first:], strict=False), first):
        if isinstance(size, int) and ((found < -size) | (found >= size)).any():
            wrong = found[(found < -size) | (found >= size)].flat[0]
            raise n.error("AICC-1005", f"index {wrong} is out of range for dim {axis}, of {size} elements.")


@onnx_op("GatherND", limits=_CLAMPED)
def gather_nd(n: Node) -> Any:
    if n.info(n.required(1)).rank:
        _check_indices(n, n.required(0), n.attr("batch_dims", 0), tuples=True)
    return n.build(GatherNd, n.required(0), n.required(1), batch_dims=n.attr("batch_dims", 0))


@onnx_op("Scatter", "ScatterElements", limits=_CLAMPED)
def scatter_elements(n: Node) -> Any:
    x = n.required(0)
    _check_indices(n, x, axis_of(n, n.attr("axis", 0), n.info(x).rank))
    return n.build(
        ScatterElements,
        x,
        n.required(1),
        n.required(2),
        axis=axis_of(n, n.attr("axis", 0), n.info(x).rank),
        reduction=n.attr("reduction", "none"),
    )


@onnx_op("ScatterND", limits=_CLAMPED)
def scatter_nd(n: Node) -> Any:
    if n.info(n.required(1)).rank:
        _check_indices(n, n.required(0), 0, tuples=True)
    return n.build(
        ScatterNd, n.required(0), n.required(1), n.required(2), reduction=n.attr("reduction", "none")
    )


@onnx_op("OneHot")
def one_hot(n: Node) -> Any:
    """A depth of another dtype than i32 and i64 is cast."""
    depth = n.required(1)
    if n.info(depth).dtype not in INDEX:
        depth = n.build(OPS["cast"], depth, to=DType.I64)
    rank = n.info(n.required(0)).rank + 1
    axis = axis_of(n, n.attr("axis", -1), rank)
    return n.build(OneHot, n.required(0), depth, n.required(2), axis=axis)
