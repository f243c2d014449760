"""Reductions: axes are an attribute in old opsets and an input in new ones."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from aicc.dialects import OPS
from aicc.dialects.numerics import normalize_axis
from aicc.dialects.reduction import ArgMax, ArgMin, ReduceAt
from aicc.importer.node import Node
from aicc.importer.registry import onnx_op

REDUCTIONS = {
    "ReduceSum": "reduce_sum",
    "ReduceMean": "reduce_mean",
    "ReduceMax": "reduce_max",
    "ReduceMin": "reduce_min",
    "ReduceProd": "reduce_prod",
    "ReduceL1": "reduce_l1",
    "ReduceL2": "reduce_l2",
    "ReduceLogSum": "reduce_log_sum",
    "ReduceLogSumExp": "reduce_log_sum_exp",
    "ReduceSumSquare": "reduce_sum_square",
}


@onnx_op(*REDUCTIONS)
def reduce(n: Node) -> Any:
    x = n.required(0)
    rank = n.info(x).rank
    axes = _axes(n)
    if axes is None:
        return _at_run_time(n, x, n.required(1))
    if not axes:
        if n.attr("noop_with_empty_axes", 0):
            return _elementwise(n, x)
        axes = range(rank)
    found = tuple(sorted({normalize_axis(int(a), rank) for a in axes}))
    return n.build(OPS[REDUCTIONS[n.op_type]], x, axes=found, keepdims=bool(n.attr("keepdims", 1)))


def _axes(n: Node) -> Sequence[int] | None:
    """The axes, () when there are none, None when only run time knows them."""
    if n.attr("axes") is not None:
        axes: list[int] = n.attr("axes")
        return axes
    if n.input(1) is None or n.info(n.required(1)).shape == (0,):
        return ()
    known = n.constant(1)
    return None if known is None else [int(a) for a in known.reshape(-1)]


def _at_run_time(n: Node, x: Any, axes: Any) -> Any:
    def over(value: Any, kind: str) -> Any:
        return n.build(ReduceAt, value, axes, kind=kind, keepdims=bool(n.attr("keepdims", 1)))

    if n.op_type in ("ReduceSum", "ReduceProd", "ReduceMax", "ReduceMin", "ReduceLogSumExp"):
        return over(x, REDUCTIONS[n.op_type].removeprefix("reduce_"))
    if n.op_type == "ReduceL1":
        return over(n.build(OPS["abs"], x), "sum")
    if n.op_type in ("ReduceL2", "ReduceSumSquare"):
        total = over(n.build(OPS["mul"], x, x), "sum")
        return total if n.op_type == "ReduceSumSquare" else n.build(OPS["sqrt"], total)
    total = over(x, "sum")
    if n.op_type == "ReduceLogSum":
        return n.build(OPS["log"], total)
    count = n.build(OPS["div"], n.build(OPS["size"], x), n.build(OPS["size"], total))
    return n.build(OPS["div"], total, n.build(OPS["cast"], count, to=n.info(total).dtype))


def _elementwise(n: Node, x: Any) -> Any:
    """A reduction over no axes: what it does to each element."""
    steps = {
        "ReduceL1": ("abs",),
        "ReduceL2": ("abs",),
        "ReduceLogSum": ("log",),
        "ReduceLogSumExp": (),
        "ReduceSumSquare": ("square",),
    }
    for step in steps.get(n.op_type, ()):
        x = n.build(OPS["mul"], x, x) if step == "square" else n.build(OPS[step], x)
    return x


@onnx_op("ArgMax", "ArgMin")
def arg(n: Node) -> Any:
    x = n.required(0)
    return n.build(
        ArgMax if n.op_type == "ArgMax" else ArgMin,
        x,
        axis=normalize_axis(n.attr("axis", 0), n.info(x).rank),
        keepdims=bool(n.attr("keepdims", 1)),
        select_last_index=bool(n.attr("select_last_index", 0)),
    )
