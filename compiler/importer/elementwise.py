"""Elementwise arithmetic, clip, where; variadic operators become chains."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from aicc.dialects import OPS
from aicc.dialects.elementwise import Add, BitShift, Clip, Div, Max, Min, Mod, Pow, Where
from aicc.importer.node import Node
from aicc.importer.registry import onnx_op

SAME = {
    "Add": "add",
    "Sub": "sub",
    "Mul": "mul",
    "Div": "div",
    "Neg": "neg",
    "Abs": "abs",
    "Sign": "sign",
    "Reciprocal": "reciprocal",
    "Floor": "floor",
    "Ceil": "ceil",
    "Round": "round",
    "Sqrt": "sqrt",
    "Exp": "exp",
    "Log": "log",
    "Erf": "erf",
    "Sin": "sin",
    "Cos": "cos",
    "Tan": "tan",
    "Asin": "asin",
    "Acos": "acos",
    "Atan": "atan",
    "Sinh": "sinh",
    "Cosh": "cosh",
    "Tanh": "tanh",
    "Asinh": "asinh",
    "Acosh": "acosh",
    "Atanh": "atanh",
    "And": "and",
    "Or": "or",
    "Xor": "xor",
    "Not": "not",
    "BitwiseAnd": "bitwise_and",
    "BitwiseOr": "bitwise_or",
    "BitwiseXor": "bitwise_xor",
    "BitwiseNot": "bitwise_not",
    "Equal": "equal",
    "Less": "less",
    "LessOrEqual": "less_equal",
    "IsNaN": "is_nan",
    "Relu": "relu",
    "Sigmoid": "sigmoid",
    "HardSwish": "hard_swish",
    "Softplus": "softplus",
    "Softsign": "softsign",
    "Mish": "mish",
    "PRelu": "prelu",
}
"""Operators that are one aicc op with the same operands and no attributes."""


@onnx_op(*SAME)
def same(n: Node) -> Any:
    op = OPS[SAME[n.op_type]]
    return n.build(op, *(n.required(i) for i in range(len(op.operands))))


@onnx_op("Greater", "GreaterOrEqual")
def greater(n: Node) -> Any:
    op = OPS["less" if n.op_type == "Greater" else "less_equal"]
    return n.build(op, n.required(1), n.required(0))


@onnx_op("IsInf")
def is_inf(n: Node) -> Any:
    return n.build(
        OPS["is_inf"],
        n.required(0),
        negative=bool(n.attr("detect_negative", 1)),
        positive=bool(n.attr("detect_positive", 1)),
    )


@onnx_op("Mod")
def mod(n: Node) -> Any:
    return n.build(Mod, n.required(0), n.required(1), fmod=bool(n.attr("fmod", 0)))


@onnx_op("Pow")
def power(n: Node) -> Any:
    return n.build(Pow, n.required(0), n.required(1))


@onnx_op("BitShift")
def bit_shift(n: Node) -> Any:
    return n.build(BitShift, n.required(0), n.required(1), direction=n.required_attr("direction").lower())


def _chain(n: Node, combine: Callable[[Any, Any], Any]) -> Any:
    return functools.reduce(combine, [n.required(i) for i in range(max(1, len(n.inputs)))])


@onnx_op("Sum", "Max", "Min")
def variadic(n: Node) -> Any:
    op = {"Sum": Add, "Max": Max, "Min": Min}[n.op_type]
    return _chain(n, lambda a, b: n.build(op, a, b))


@onnx_op("Mean")
def mean(n: Node) -> Any:
    total = _chain(n, lambda a, b: n.build(Add, a, b))
    return n.build(Div, total, n.const(len(n.inputs), n.info(total).dtype))


@onnx_op("Clip")
def clip(n: Node) -> Any:
    x = n.required(0)
    if n.opset >= 11:
        return n.build(Clip, x, n.input(1), n.input(2))
    dtype = n.info(x).dtype
    bounds = [n.attr("min"), n.attr("max")]
    return n.build(Clip, x, *(None if v is None else n.const(np.asarray(v), dtype) for v in bounds))


@onnx_op("Where")
def where(n: Node) -> Any:
    return n.build(Where, n.required(0), n.required(1), n.required(2))


@onnx_op("Identity")
def identity(n: Node) -> Any:
    """Of sequences and optionals too."""
    return n.required(0) if n.anything(0) is None else n.anything(0)
