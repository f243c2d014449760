"""Gathers, scatters, one-hot."""

from __future__ import annotations

from typing import Any

from aicc.dialects import OPS, Op
from aicc.dialects.indexing import Gather, GatherElements, GatherNd, OneHot, ScatterElements, ScatterNd
from aicc.dialects.types import INDEX, DType
from aicc.importer.movement import axis_of
from aicc.importer.node import Node
from aicc.importer.registry import onnx_op


@onnx_op("Gather", "GatherElements")
def gather(n: Node) -> Any:
    x = n.required(0)
    op: type[Op] = Gather if n.op_type == "Gather" else GatherElements
    return n.build(op, x, n.required(1), axis=axis_of(n, n.attr("axis", 0), n.info(x).rank))


@onnx_op("GatherND")
def gather_nd(n: Node) -> Any:
    return n.build(GatherNd, n.required(0), n.required(1), batch_dims=n.attr("batch_dims", 0))


@onnx_op("Scatter", "ScatterElements")
def scatter_elements(n: Node) -> Any:
    x = n.required(0)
    return n.build(
        ScatterElements,
        x,
        n.required(1),
        n.required(2),
        axis=axis_of(n, n.attr("axis", 0), n.info(x).rank),
        reduction=n.attr("reduction", "none"),
    )


@onnx_op("ScatterND")
def scatter_nd(n: Node) -> Any:
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
