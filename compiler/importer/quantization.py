"""Quantized tensors: what they stand for, and arithmetic on them in integers.

Products of 8-bit numbers are summed exactly, in i32.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from aicc.dialects.narrow import INTEGER_BITS
from aicc.dialects.packed_weights import NARROW_INTEGERS, DequantizeBlocks
from aicc.dialects.quantization import QUANTIZED, Dequantize, IntegerConv, IntegerMatMul, Quantize
from aicc.dialects.types import NARROW_FLOAT, DType
from aicc.importer.compose import Compose
from aicc.importer.convolution import convolution, weights_and_kernel
from aicc.importer.element_types import dtype_of
from aicc.importer.movement import axis_of
from aicc.importer.node import Node
from aicc.importer.registry import onnx_op
from aicc.importer.windows import window_attributes


@onnx_op("DequantizeLinear")
@onnx_op("DequantizeLinear", domain="com.microsoft")
def dequantize_linear(n: Node) -> Any:
    """`(x - zero_point) · scale`, computed in f32."""
    c = Compose(n)
    code = n.attr("output_dtype", 0)
    to = dtype_of(code, f"attribute 'output_dtype' of {n.title}") if code else n.info(n.required(1)).dtype
    x = n.required(0)
    parameters = _parameters(n)
    if parameters is not None and n.info(x).dtype in QUANTIZED | {DType.I32}:
        return c.cast(n.build(Dequantize, x, *parameters.values, axis=parameters.axis), to)
    if n.info(x).dtype in NARROW_INTEGERS and n.attr("block_size", 0):
        axis = axis_of(n, n.attr("axis", 1), n.info(x).rank)
        scale = c.cast(n.required(1), DType.F32)
        blocks = n.build(DequantizeBlocks, x, scale, n.input(2), axis=axis, block=n.attr("block_size"))
        return c.cast(blocks, to)
    x = centered(n, x, _over_blocks(n, n.input(2)))
    scale = c.cast(_over_blocks(n, n.required(1)), DType.F32)
    return c.cast(c("mul", c.cast(x, DType.F32), scale), to)


@onnx_op("QuantizeLinear")
@onnx_op("QuantizeLinear", domain="com.microsoft")
def quantize_linear(n: Node) -> Any:
    """`saturate(round(x / scale) + zero_point)`, computed in f32 but for the quotient (`_precision`)."""
    c = Compose(n)
    code = n.attr("output_dtype", 0)
    zero = n.input(2)
    if zero is not None:
        to = n.info(zero).dtype
    else:
        to = dtype_of(code, f"attribute 'output_dtype' of {n.title}") if code else DType.U8
    precision = _precision(n)
    if precision is not DType.F32:
        scale = c.cast(_over_blocks(n, n.required(1)), precision)
        y = c.cast(c("div", c.cast(n.required(0), precision), scale), DType.F32)
        return quantized(n, y, _over_blocks(n, zero), to)
    x = c.cast(n.required(0), DType.F32)
    parameters = _parameters(n)
    if parameters is not None and to in QUANTIZED:
        return n.build(Quantize, x, *parameters.values, to=to, axis=parameters.axis)
    y = c("div", x, c.cast(_over_blocks(n, n.required(1)), DType.F32))
    return quantized(n, y, _over_blocks(n, zero), to)


def _precision(n: Node) -> DType:
    """What the quotient of QuantizeLinear is rounded to: since opset 23 attribute 'precision', else the scale's dtype;
    before that f32. Scales that are no floats of 16 bits divide in f32."""
    if n.opset < 23:
        return DType.F32
    code = n.attr("precision", 0)
    found = dtype_of(code, f"attribute 'precision' of {n.title}") if code else n.info(n.required(1)).dtype
    return found if found in (DType.F16, DType.BF16) else DType.F32


class _Parameters(NamedTuple):
    """The scale in f32 and the zero point, scalars or vectors along `axis`."""

    values: tuple[Any, Any | None]
    axis: int


def _parameters(n: Node) -> _Parameters | None:
    """None for parameters of blocks."""
    c, rank = Compose(n), n.info(n.required(0)).rank
    scale, zero = c.cast(_one_without_axis(n, n.required(1)), DType.F32), _one_without_axis(n, n.input(2))
    found = [None if v is None else scalar_or_vector(n, v) for v in (scale, zero)]
    ranks = {n.info(v).rank for v in found if v is not None}
    if ranks == {0}:
        return _Parameters((found[0], found[1]), 0)
    if max(ranks) > 1 or rank == 0 or n.attr("block_size", 0):
        return None
    return _Parameters((found[0], found[1]), axis_of(n, n.attr("axis", 1), rank))


def _one_without_axis(n: Node, value: Any | None) -> Any | None:
    """A scale or zero point of an input that has no dim `axis` is one number; others as they are."""
    rank = n.info(n.required(0)).rank
    if value is None or n.info(value).rank != 1 or -rank <= n.attr("axis", 1) < rank:
        return value
    if n.info(value).shape[0] == 1 or n.attr("block_size", 0):
        return value
    c = Compose(n)
    return c.reshape(c.sized(value, 1))


def scalar_or_vector(n: Node, value: Any) -> Any:
    """A tensor of one element as a scalar; others as they are."""
    t = n.info(value)
    if t.rank == 0 or any(d != 1 for d in t.shape):
        return value
    known = n.importer.constant_of(value)
    return Compose(n).reshape(value) if known is None else n.const(known.reshape(()))


def quantized(n: Node, y: Any, zero: Any | None, to: DType) -> Any:
    """`saturate(round(y) + zero)` of an f32 tensor."""
    c = Compose(n)
    if to in NARROW_FLOAT:
        y = y if zero is None else c("add", y, c.cast(zero, DType.F32))
        return c.cast(y, to, saturate=None if n.attr("saturate", 1) else False)
    y = c("round", y)
    if zero is not None:
        y = c("add", y, c.cast(zero, DType.F32))
    low, high = _range(to)
    return c.cast(c("clip", y, float(low), float(high)), to)


def _range(dtype: DType) -> tuple[int, int]:
    if dtype not in INTEGER_BITS:
        info = np.iinfo(dtype.numpy)
        return int(info.min), int(info.max)
    bits = INTEGER_BITS[dtype]
    return (
        (0, (1 << bits) - 1) if dtype in (DType.U4, DType.U2) else (-(1 << (bits - 1)), (1 << (bits - 1)) - 1)
    )


def centered(n: Node, x: Any, zero: Any | None) -> Any:
    """`x - zero`: of integers as i32, of floats of 8 bits as f32."""
    c = Compose(n)
    wide = DType.F32 if n.info(x).dtype in NARROW_FLOAT else DType.I32
    x = c.cast(x, wide)
    return x if zero is None else c("sub", x, c.cast(zero, wide))


def _over_blocks(n: Node, value: Any | None) -> Any | None:
    """A scale or zero point so that it broadcasts over the input: one number, one per entry of `axis`, or one per
    block of `block_size` entries."""
    if value is None:
        return None
    value = _one_without_axis(n, value)
    c, x, t = Compose(n), n.info(n.required(0)), n.info(value)
    if t.rank == 0 or x.rank == 0:
        return value if t.rank == 0 else c.reshape(value)
    axis, block = n.attr("axis", 1), n.attr("block_size", 0)
    if t.rank == 1 and not block:
        if t.shape[0] == 1:
            return value
        following = x.rank - 1 - axis_of(n, axis, x.rank)
        return c.unsqueeze(value, *range(1, following + 1)) if following else value
    if t.rank != x.rank or not block:
        raise n.error("AICC-1005", f"a scale or zero point of {t} does not fit the input {x}.")
    axis = axis_of(n, axis, x.rank)
    repeats = [1] * (t.rank + 1)
    repeats[axis + 1] = block
    tiled = c("tile", c.unsqueeze(value, axis + 1), n.ints(repeats))
    merged_size = c("mul", c("shape", value, start=axis, end=axis + 1), block)
    sizes = [c("shape", value, start=0, end=axis), merged_size, c("shape", value, start=axis + 1, end=None)]
    sizes = [v for v in sizes if n.info(v).shape != (0,)]
    merged = c("reshape", tiled, c.concat(sizes, 0), allowzero=True)
    size, count = x.shape[axis], t.shape[axis]
    if isinstance(count, int) and size == count * block:
        return merged
    end = c("shape", n.required(0), start=axis, end=axis + 1)
    return c("slice", merged, n.ints([0]), end, None, axes=[axis])


@onnx_op("MatMulInteger")
def matmul_integer(n: Node) -> Any:
    return _integer_matmul(n, 0, 1, 2, 3)


def _integer_matmul(n: Node, a: int, b: int, a_zero: int, b_zero: int) -> Any:
    zeros = per_row(n, n.input(a_zero)), n.input(b_zero)
    return n.build(IntegerMatMul, n.required(a), n.required(b), *zeros)


def per_row(n: Node, value: Any | None) -> Any | None:
    """Parameters of a matmul's rows, one each, stand at the last dim but one."""
    if value is None or n.info(value).rank != 1 or n.info(value).shape[0] == 1:
        return value
    return Compose(n).unsqueeze(value, 1)


@onnx_op("QLinearMatMul")
def qlinear_matmul(n: Node) -> Any:
    """`saturate(round(Σ (a - a_zero)(b - b_zero) · (a_scale · b_scale / y_scale)) + y_zero)`, the factor in f32."""
    c = Compose(n)
    product = c.cast(_integer_matmul(n, 0, 3, 2, 5), DType.F32)
    scales = [c.cast(v, DType.F32) for v in (per_row(n, n.required(1)), n.required(4), n.required(6))]
    factor = c("div", c("mul", scales[0], scales[1]), scales[2])
    return _requantized(n, c("mul", product, factor), n.required(7))


def _requantized(n: Node, y: Any, zero: Any) -> Any:
    """`saturate(round(y) + zero)`; the factor of the scales is in y already."""
    zero, to = scalar_or_vector(n, zero), n.info(zero).dtype
    if to in QUANTIZED and n.info(zero).rank == 0:
        return n.build(Quantize, y, n.const(1.0, DType.F32), zero, to=to)
    return quantized(n, y, zero, to)


@onnx_op("ConvInteger")
def conv_integer(n: Node) -> Any:
    return _integer_conv(n, n.required(1), n.input(2), n.input(3), None)


@onnx_op("QLinearConv")
def qlinear_conv(n: Node) -> Any:
    """`saturate(round((Σ (x - x_zero)(w - w_zero) + bias) · (x_scale · w_scale / y_scale)) + y_zero)`, the factor
    in f32."""
    c = Compose(n)
    product = c.cast(_integer_conv(n, n.required(3), n.input(2), n.input(5), n.input(8)), DType.F32)
    rank = n.info(product).rank
    scale = c.cast(_per_channel(n, n.required(4), rank - 2), DType.F32)
    factor = c("mul", c.cast(scalar_or_vector(n, n.required(1)), DType.F32), scale)
    factor = c("div", factor, c.cast(scalar_or_vector(n, n.required(6)), DType.F32))
    return _requantized(n, c("mul", product, factor), n.required(7))


def _per_channel(n: Node, value: Any, following: int) -> Any:
    """One entry per channel, with `following` dims after the channels'."""
    t = n.info(value)
    if t.rank != 1 or t.shape[0] == 1:
        return value
    return Compose(n).unsqueeze(value, *range(1, following + 1))


def _integer_conv(n: Node, w: Any, x_zero: Any, w_zero: Any, bias: Any) -> Any:
    """The i32 convolution of what is left of the zero points."""
    c, x = Compose(n), n.required(0)
    w, kernel = weights_and_kernel(n, x, w)
    if w_zero is not None:
        w_zero = _per_channel(n, w_zero, n.info(w).rank - 1)
    if x_zero is not None:
        x_zero = scalar_or_vector(n, x_zero)
    known = None if x_zero is None else n.importer.constant_of(x_zero)
    if kernel is None or (x_zero is not None and (known is None or known.ndim)):
        return _convolved_in_f64(n, (x, x_zero), (w, w_zero), bias)
    attrs = window_attributes(n, kernel, n.info(x).shape[2:]) | {"group": n.attr("group", 1)}
    pad_value = 0 if known is None else int(known)
    y = n.build(IntegerConv, x, w, x_zero, w_zero, pad_value=pad_value, **attrs)
    return y if bias is None else c("add", y, _per_channel(n, bias, n.info(y).rank - 2))


def _convolved_in_f64(n: Node, x: tuple[Any, Any], w: tuple[Any, Any], bias: Any) -> Any:
    """With a zero point or kernel that is known at run time only: sums in f64 are exact."""
    c = Compose(n)
    left, right = (c.cast(centered(n, *p), DType.F64) for p in (x, w))
    bias = None if bias is None else c.cast(bias, DType.F64)
    return c.cast(convolution(n, left, right, bias), DType.I32)
