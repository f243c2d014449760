"""Casts, and Dropout: the identity at inference."""

from __future__ import annotations

from typing import Any

import numpy as np

from aicc.dialects.cast import BitCast, Cast
from aicc.dialects.comparison import Equal
from aicc.dialects.strings import StringFormat, StringParse
from aicc.dialects.types import DType
from aicc.importer.element_types import dtype_of
from aicc.importer.node import Node
from aicc.importer.random import dropped
from aicc.importer.registry import onnx_op


def cast(n: Node, value: Any, to: DType, **attrs: Any) -> Any:
    """`value` as `to`; itself when it has that dtype already."""
    source = n.info(value).dtype
    if source is to:
        return value
    if DType.STRING in (source, to):
        return _spelled(n, value, source, to)
    return n.build(Cast, value, to=to, **attrs)


def _spelled(n: Node, value: Any, source: DType, to: DType) -> Any:
    """Between strings and numbers, through the widest ones."""
    number = to if source is DType.STRING else source
    if not (number.is_float or number.is_int) or number is DType.U64:
        raise n.error("AICC-1004", f"casts between strings and {number.mlir} are not supported.")
    wide = DType.I64 if number.is_int else DType.F32 if to is DType.STRING and number.bits < 64 else DType.F64
    if source is DType.STRING:
        return cast(n, n.build(StringParse, value, to=wide), to)
    return n.build(StringFormat, cast(n, value, wide))


def _narrowing(n: Node) -> dict[str, Any]:
    """What the node says of floats of 8 bits: saturation from opset 19 on, rounding from 24 on."""
    saturate, rounding = n.attr("saturate", 1), n.attr("round_mode", "up")
    return {"saturate": None if saturate else False, "rounding": None if rounding == "up" else rounding}


@onnx_op("Cast", limits="not between strings and bool, uint64 or types below 16 bits")
def cast_rule(n: Node) -> Any:
    return cast(
        n, n.required(0), dtype_of(n.required_attr("to"), f"attribute 'to' of {n.title}"), **_narrowing(n)
    )


@onnx_op("CastLike")
def cast_like(n: Node) -> Any:
    return cast(n, n.required(0), n.info(n.required(1)).dtype, **_narrowing(n))


@onnx_op("BitCast")
def bitcast(n: Node) -> Any:
    to = dtype_of(n.required_attr("to"), f"attribute 'to' of {n.title}")
    return n.build(BitCast, n.required(0), to=to)


@onnx_op("Dropout")
def dropout(n: Node) -> Any:
    x = n.required(0)
    training = n.constant(2) if n.opset >= 12 else None
    if n.input(2) is not None and (training is None or bool(training.any())):
        ratio = n.constant(1)
        if ratio is None or float(ratio) != 0:
            return dropped(n, x, n.input(1), n.required(2))
    if not n.has_output(1):
        return x
    # all true; `x == x` would be false on NaN, so compare a cast to bool with itself
    b = n.build(Cast, x, to=DType.BOOL)
    mask = n.build(Equal, b, b)
    if n.opset < 10:
        mask = n.build(Cast, mask, to=n.info(x).dtype)
    return x, mask


def scalar(n: Node, value: float, dtype: DType) -> Any:
    """A constant of rank 0."""
    return n.const(np.asarray(value), dtype)
