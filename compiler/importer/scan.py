"""CumSum, TopK, ReverseSequence."""

from __future__ import annotations

from typing import Any

from aicc.dialects import OPS
from aicc.dialects.scan import CumProd, CumSum, ReverseSequence, TopK
from aicc.dialects.shape import Reshape
from aicc.importer.movement import axis_of
from aicc.importer.node import Node
from aicc.importer.registry import onnx_op


@onnx_op("CumSum", "CumProd")
def cumulate(n: Node) -> Any:
    """An axis that only run time knows picks among the results along each."""
    op = CumSum if n.op_type == "CumSum" else CumProd
    x, axis = n.required(0), n.constant(1)
    rank = n.info(x).rank
    attrs = {"exclusive": bool(n.attr("exclusive", 0)), "reverse": bool(n.attr("reverse", 0))}
    if axis is not None:
        return n.build(op, x, axis=axis_of(n, int(axis.item()), rank), **attrs)
    out = n.build(op, x, axis=0, **attrs)
    at = n.build(Reshape, n.required(1), n.ints([]))
    for k in range(1, rank):
        numbers = [n.const(v, n.info(at).dtype) for v in (k, k - rank)]
        hits = [n.build(OPS["equal"], at, v) for v in numbers]
        chosen = n.build(OPS["or"], *hits)
        out = n.build(OPS["where"], chosen, n.build(op, x, axis=k, **attrs), out)
    return out


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
