"""com.microsoft: quantized operators that are those of ONNX between a dequantization and a quantization."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

from aicc.dialects.quantization import IntegerMatMul
from aicc.dialects.types import DType
from aicc.importer.compose import Compose
from aicc.importer.contrib import DOMAIN, dequantized_input, quantized_output, unpacked
from aicc.importer.contrib_attention import attention_of
from aicc.importer.contrib_fused import channels_first, channels_last
from aicc.importer.movement import axis_of
from aicc.importer.node import Node
from aicc.importer.pooling import average_pool, max_pool
from aicc.importer.quantization import qlinear_conv
from aicc.importer.registry import onnx_op
from aicc.importer.softmax import softmax


def standing_for(
    n: Node, op_type: str, inputs: Sequence[Any], opset: int | None = None, **attrs: Any
) -> Node:
    """The node as one of another operator with its own inputs; for that one's rule."""
    other = copy.copy(n)
    other._attrs = dict(n._attrs)
    other.op_type, other.inputs, other.opset = op_type, list(inputs), opset or n.importer.opsets.get("", 21)
    for name, value in attrs.items():
        other.replace_attr(name, value)
    return other


@onnx_op("QLinearSoftmax", domain=DOMAIN)
def qlinear_softmax(n: Node) -> Any:
    """Attribute `opset` says whose Softmax it is."""
    inner = standing_for(
        n, "Softmax", [dequantized_input(n, 0)], n.required_attr("opset"), axis=n.attr("axis", -1)
    )
    return quantized_output(n, softmax(inner), 3)


@onnx_op("QLinearAveragePool", domain=DOMAIN)
def qlinear_average_pool(n: Node) -> Any:
    c, x, last = Compose(n), dequantized_input(n, 0), bool(n.attr("channels_last", 0))
    y = average_pool(standing_for(n, "AveragePool", [channels_first(c, x) if last else x]))
    return quantized_output(n, channels_last(c, y) if last else y, 3)


@onnx_op("NhwcMaxPool", domain=DOMAIN)
def nhwc_max_pool(n: Node) -> Any:
    c = Compose(n)
    return channels_last(c, max_pool(standing_for(n, "MaxPool", [channels_first(c, n.required(0))])))


@onnx_op("QLinearConv", domain=DOMAIN)
def contrib_qlinear_conv(n: Node) -> Any:
    if not n.attr("channels_last", 0):
        return qlinear_conv(n)
    c = Compose(n)
    x = channels_first(c, n.required(0))
    return channels_last(c, qlinear_conv(standing_for(n, "QLinearConv", [x, *n.inputs[1:]])))


@onnx_op("QLinearWhere", domain=DOMAIN)
def qlinear_where(n: Node) -> Any:
    """Inputs condition, X with its parameters, Y with its own, parameters of the result."""
    return quantized_output(
        n, Compose(n)("where", n.required(0), dequantized_input(n, 1), dequantized_input(n, 4)), 7, like=1
    )


@onnx_op("QGemm", domain=DOMAIN)
def qgemm(n: Node) -> Any:
    """`alpha (A' B' + C)` in integers; f32 without parameters of a result."""
    c = Compose(n)
    a, b = (
        c.transpose(n.required(i), 1, 0) if n.attr(t, 0) else n.required(i)
        for i, t in ((0, "transA"), (3, "transB"))
    )
    product = n.build(IntegerMatMul, a, b, n.required(2), n.required(5))
    product = product if n.input(6) is None else c("add", product, n.input(6))
    scale = c("mul", c("mul", n.required(1), n.required(4)), n.attr("alpha", 1.0))
    y = c("mul", c.cast(product, DType.F32), scale)
    return y if n.input(7) is None else quantized_output(n, y, 7)


@onnx_op("QAttention", domain=DOMAIN, limits="no rotary embedding inside, no shared buffers")
def quantized_attention(n: Node) -> Any:
    """Attention whose projection is a product of integers. Inputs x, weights, bias, their scales, mask_index, zero
    points, past."""
    c = Compose(n)
    if n.attr("do_rotary", 0) or n.attr("past_present_share_buffer", 0):
        raise n.error("AICC-1006", "rotary embeddings and shared buffers of keys are not supported here.")
    product = n.build(IntegerMatMul, n.required(0), n.required(1), n.input(6), n.input(7))
    scale = c("mul", n.required(3), n.required(4))
    qkv = c("add", c("mul", c.cast(product, DType.F32), scale), n.required(2))
    return attention_of(n, qkv, 5, 8, len(n.inputs))


@onnx_op("GatherBlockQuantized", domain=DOMAIN, limits="integers")
def gather_block_quantized(n: Node) -> Any:
    """Entries of a table in blocks of few bits, dequantized: `(q - zero) · scale`, both for each `block_size` entries
    along `quantize_axis`. In bytes several numbers of 2 or 4 bits lie in one of the last dim, the lowest first, and
    the middle stands for zero. Indices out of range read zeros."""
    c, data = Compose(n), n.required(0)
    t, block, bits = n.info(data), n.attr("block_size", 128), n.attr("bits", 4)
    along, axis = (axis_of(n, n.attr(a, d), t.rank) for a, d in (("quantize_axis", 1), ("gather_axis", 0)))
    in_bytes = t.dtype is DType.U8
    if t.dtype.is_float or bits not in (2, 4, 8) or block < 1:
        raise n.error("AICC-1006", f"a table of {t.dtype.mlir} with {bits} bits, blocks of {block}.")
    if in_bytes and (axis or (bits < 8 and along == axis)):
        raise n.error(
            "AICC-1005", "of a table in bytes, entries of the first dim are gathered, not of the blocks'."
        )
    size = c("shape", data, start=axis, end=axis + 1)
    at = c.cast(n.required(1), DType.I64)
    at = c("where", c("less", at, n.const(0, DType.I64)), c("add", at, c.reshape(size)), at)
    inside = c("and", c("less_equal", n.const(0, DType.I64), at), c("less", at, c.reshape(size)))
    of_blocks = c("div", at, n.const(block, DType.I64)) if along == axis else at

    def entries(table: Any, places: Any) -> Any:
        found = c("gather", table, places, axis=axis)
        if not in_bytes or n.info(table).dtype is not DType.U8 or bits == 8:
            return found
        last = n.info(found).shape[-1]
        if not isinstance(last, int):
            raise n.error("AICC-1005", "the columns of the table must be static.")
        return c.reshape(unpacked(c, found, bits), *[0] * (n.info(found).rank - 1), 8 // bits * last)

    q, scale = c.cast(entries(data, at), DType.F32), c("gather", n.required(2), of_blocks, axis=axis)
    to, rank = n.info(scale).dtype, n.info(at).rank
    where = along + rank - 1 if along > axis else along
    width, blocks = n.info(q).shape[where], n.info(scale).shape[where]

    def spread(values: Any) -> Any:
        """Each block's entry for each of its own."""
        if along == axis:
            return values
        behind = [d for d in n.info(values).shape[where + 1 :] if isinstance(d, int)]
        r = n.info(values).rank
        if not isinstance(width, int) or not isinstance(blocks, int) or len(behind) != r - where - 1:
            raise n.error("AICC-1005", "the sizes of the table must be static.")
        sizes = n.ints([block if d == where + 1 else 1 for d in range(r + 1)])
        tiled = c("tile", c.unsqueeze(values, where + 1), sizes)
        wide = c.reshape(tiled, *[0] * where, blocks * block, *behind)
        return wide if blocks * block == width else c.slice(wide, where, 0, width)

    if n.input(3) is not None:
        zero = c.cast(entries(n.required(3), of_blocks), DType.F32)
        if in_bytes and bits < 8 and isinstance(blocks, int) and along == t.rank - 1:
            zero = c.slice(zero, where, 0, blocks)
        q = c("sub", q, spread(zero))
    elif in_bytes:
        q = c("sub", q, float(1 << (bits - 1)))
    y = c("mul", q, spread(c.cast(scale, DType.F32)))
    inside = c.unsqueeze(inside, *range(axis), *range(axis + rank, n.info(y).rank))
    return c.cast(c("where", inside, y, n.const(0.0, DType.F32)), to)
