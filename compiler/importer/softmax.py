"""Softmax, LogSoftmax and Hardmax. Before opset 13 the dims from `axis` on are one."""

from __future__ import annotations

from typing import Any

from aicc.dialects import OPS, Op
from aicc.dialects.elementwise import Div, Exp, Log, Sub
from aicc.dialects.numerics import normalize_axis
from aicc.dialects.reduction import ReduceMax, ReduceSum
from aicc.dialects.softmax import Hardmax, LogSoftmax, Softmax
from aicc.importer.node import Node
from aicc.importer.registry import onnx_op

_OPS: dict[str, type[Op]] = {"Softmax": Softmax, "LogSoftmax": LogSoftmax, "Hardmax": Hardmax}


@onnx_op(*_OPS)
def softmax(n: Node) -> Any:
    x = n.required(0)
    t = n.info(x)
    op = _OPS[n.op_type]
    axis = normalize_axis(n.attr("axis", n.by_opset({1: 1, 13: -1})), t.rank, allow_end=n.opset < 13)
    if n.opset >= 13:
        return n.build(op, x, axis=axis)
    wide = [i for i in range(axis, t.rank) if t.shape[i] != 1]
    if len(wide) <= 1 and axis < t.rank:
        return n.build(op, x, axis=wide[0] if wide else axis)
    return _flattened(n, x, op, axis)


def _flattened(n: Node, x: Any, op: type[Op], axis: int) -> Any:
    """Over several axes jointly."""
    t = n.info(x)
    if op is Hardmax:
        shape = [0] * axis + [-1]
        flat = n.build(OPS["reshape"], x, n.ints(shape), allowzero=False)
        return n.build(
            OPS["reshape"], n.build(op, flat, axis=axis), n.build(OPS["shape"], x), allowzero=False
        )
    axes = tuple(range(axis, t.rank))
    shifted = n.build(Sub, x, n.build(ReduceMax, x, axes=axes))
    e = n.build(Exp, shifted)
    total = n.build(ReduceSum, e, axes=axes)
    return n.build(Div, e, total) if op is Softmax else n.build(Sub, shifted, n.build(Log, total))
