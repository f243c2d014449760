"""com.microsoft: what ONNX Runtime's optimizers and quantizers leave in a model. Quantized arithmetic is done on the
numbers that stand for: dequantize, compute, quantize; products of integers stay integers.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from aicc.dialects.contraction import MatMul
from aicc.dialects.quantization import Dequantize, IntegerMatMul, Quantize
from aicc.dialects.types import FLOAT, DType
from aicc.importer.compose import Compose
from aicc.importer.movement import axis_of
from aicc.importer.node import Node
from aicc.importer.packed_weights import packed_nbits
from aicc.importer.quantization import per_row, scalar_or_vector
from aicc.importer.registry import onnx_op

DOMAIN = "com.microsoft"


def dequantized_input(n: Node, i: int) -> Any:
    """`(x - zero) · scale` of the inputs `i`, `i + 1` and `i + 2`, as f32."""
    scale = scalar_or_vector(n, Compose(n).cast(n.required(i + 1), DType.F32))
    zero = n.input(i + 2)
    return n.build(Dequantize, n.required(i), scale, None if zero is None else scalar_or_vector(n, zero))


def quantized_output(n: Node, y: Any, i: int, like: int = 0) -> Any:
    """`y` by the scale and zero point at the inputs `i` and `i + 1`, in the dtype of input `like`."""
    scale, zero = scalar_or_vector(n, Compose(n).cast(n.required(i), DType.F32)), n.input(i + 1)
    to = n.info(n.required(like) if zero is None else zero).dtype
    return n.build(Quantize, y, scale, None if zero is None else scalar_or_vector(n, zero), to=to)


@onnx_op("QLinearAdd", "QLinearMul", domain=DOMAIN)
def qlinear_binary(n: Node) -> Any:
    op = "add" if n.op_type == "QLinearAdd" else "mul"
    return quantized_output(n, Compose(n)(op, dequantized_input(n, 0), dequantized_input(n, 3)), 6)


_UNARY: dict[str, Callable[[Compose, Any], Any]] = {
    "QLinearSigmoid": lambda c, x: c("sigmoid", x),
    "QLinearLeakyRelu": lambda c, x: c("leaky_relu", x, alpha=c.n.attr("alpha", 0.01)),
    "QLinearGlobalAveragePool": lambda c, x: c("reduce_mean", x, axes=_spatial(c.n), keepdims=True),
    "QLinearReduceMean": lambda c, x: c(
        "reduce_mean",
        x,
        axes=sorted(a % c.n.info(x).rank for a in c.n.attr("axes", range(c.n.info(x).rank))),
        keepdims=bool(c.n.attr("keepdims", 1)),
    ),
}


def _spatial(n: Node) -> list[int]:
    rank = n.info(n.required(0)).rank
    return list(range(1, rank - 1)) if n.attr("channels_last", 0) else list(range(2, rank))


@onnx_op(*_UNARY, domain=DOMAIN)
def qlinear_unary(n: Node) -> Any:
    return quantized_output(n, _UNARY[n.op_type](Compose(n), dequantized_input(n, 0)), 3)


@onnx_op("QLinearConcat", domain=DOMAIN)
def qlinear_concat(n: Node) -> Any:
    parts = [dequantized_input(n, i) for i in range(2, len(n.inputs), 3)]
    axis = axis_of(n, n.required_attr("axis"), n.info(parts[0]).rank)
    return quantized_output(n, Compose(n).concat(parts, axis), 0, like=2)


@onnx_op("MatMulIntegerToFloat", domain=DOMAIN)
def matmul_integer_to_float(n: Node) -> Any:
    """Inputs A, B, scales of A and B, zero points of A and B, bias."""
    left, right = (n.required(0), per_row(n, n.input(4))), (n.required(1), n.input(5))
    return scaled_product(n, left, right, [per_row(n, n.required(2)), n.required(3)], n.input(6))


@onnx_op("DynamicQuantizeMatMul", domain=DOMAIN)
def dynamic_quantize_matmul(n: Node) -> Any:
    left, scale = dynamically_quantized(n, n.required(0))
    return scaled_product(n, left, (n.required(1), n.input(3)), [scale, n.required(2)], n.input(4))


def dynamically_quantized(n: Node, a: Any) -> tuple[tuple[Any, Any], Any]:
    """`a` quantized to 8 bits by its own range, which holds zero: the numbers and their zero point, and the scale."""
    c, axes = Compose(n), list(range(n.info(a).rank))
    low = c("min", c("reduce_min", a, axes=axes, keepdims=False), 0.0)
    high = c("max", c("reduce_max", a, axes=axes, keepdims=False), 0.0)
    extent = c("div", c("sub", high, low), 255.0)
    scale = c("where", c("equal", extent, n.const(0.0, DType.F32)), n.const(1.0, DType.F32), extent)
    zero = c("clip", c("round", c("neg", c("div", low, scale))), 0.0, 255.0)
    zero = c.cast(zero, DType.U8)
    return (n.build(Quantize, a, scale, zero, to=DType.U8), zero), scale


def scaled_product(
    n: Node, left: tuple[Any, Any], right: tuple[Any, Any], scales: list[Any], bias: Any
) -> Any:
    """The product of integers with their zero points, times the scales."""
    c = Compose(n)
    product = n.build(IntegerMatMul, left[0], right[0], left[1], right[1])
    y = c("mul", c.cast(product, DType.F32), c("mul", *scales))
    return y if bias is None else c("add", y, bias)


@onnx_op("MatMulNBits", domain=DOMAIN, limits="2, 4 or 8 bits")
def matmul_nbits(n: Node) -> Any:
    """Weights `[N, blocks, bytes]` hold 2 or 4 bits (the lowest first) or 8 of each number, a scale per block."""
    c, x = Compose(n), n.required(0)
    bits, block, k, rows = (n.required_attr(a) for a in ("bits", "block_size", "K", "N"))
    if bits not in (2, 4, 8):
        raise n.error("AICC-1006", f"weights of {bits} bits are not supported.")
    packed = packed_nbits(n)
    if packed is not None:
        return packed
    blocks = -(-k // block)
    dtype = n.info(x).dtype
    weights = c.reshape(unpacked(c, n.required(1), bits), rows, blocks * block)
    weights = c.cast(c.slice(weights, 1, 0, k), dtype)
    groups = n.input(4)
    if groups is None:
        groups = c.constant(np.arange(k, dtype=np.int32) // block)
    else:
        groups = c.slice(c.reshape(groups, -1), 0, 0, k)

    def each(values: Any) -> Any:
        """A block's entry for each of its numbers: `[rows, blocks] -> [rows, k]`."""
        return c("gather", c.cast(c.reshape(values, rows, blocks), dtype), groups, axis=1)

    zero = n.input(3)
    if zero is None:
        weights = c("sub", weights, float(1 << (bits - 1)))
    else:
        if n.info(zero).dtype not in FLOAT:
            zero = c.slice(c.reshape(unpacked(c, zero, bits), rows, -1), 1, 0, blocks)
        weights = c("sub", weights, each(zero))
    flat = c("mul", weights, each(n.required(2)))
    y = n.build(MatMul, x, flat, trans_b=True)
    return y if n.input(5) is None else c("add", y, n.input(5))


def unpacked(c: Compose, packed: Any, bits: int) -> Any:
    """Each byte's numbers, the lowest bits first, in a last dim of their own."""
    if bits == 8:
        return packed
    last = c.n.info(packed).rank
    numbers = []
    for shift in range(0, 8, bits):
        rest = c("bit_shift", packed, c.constant(np.uint8(shift)), direction="right") if shift else packed
        number = c("bitwise_and", rest, c.constant(np.uint8((1 << bits) - 1)))
        numbers.append(c.unsqueeze(number, last))
    return c.concat(numbers, last)
