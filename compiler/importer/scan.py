"""CumSum, TopK, ReverseSequence."""

from __future__ import annotations

from typing import Any

from aicc.dialects.scan import CumSum, ReverseSequence, TopK
from aicc.importer.movement import axis_of
from aicc.importer.node import Node
from aicc.importer.registry import onnx_op


@onnx_op("CumSum")
def cumsum(n: Node) -> Any:
    x, axis = n.required(0), n.constant(1)
    if axis is None:
        raise n.error("AICC-1005", "input 'axis' must be a constant.")
    return n.build(
        CumSum,
        x,
        axis=axis_of(n, int(axis.item()), n.info(x).rank),
        exclusive=bool(n.attr("exclusive", 0)),
        reverse=bool(n.attr("reverse", 0)),
    )


@onnx_op("TopK")
def topk(n: Node) -> Any:
    """`sorted = 0` allows any order: sorted is one. k is an attribute before opset 10."""
    x = n.required(0)
    k = n.ints([n.required_attr("k")]) if n.opset < 10 else n.required(1)
    axis = axis_of(n, n.attr("axis", -1), n.info(x).rank)
    return n.build(TopK, x, k, axis=axis, largest=bool(n.attr("largest", 1)))


@onnx_op("ReverseSequence")
def reverse_sequence(n: Node) -> Any:
    return n.build(
        ReverseSequence,
        n.required(0),
        n.required(1),
        batch_axis=n.attr("batch_axis", 1),
        time_axis=n.attr("time_axis", 0),
    )
