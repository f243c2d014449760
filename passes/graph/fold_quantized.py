"""Computes products of dequantized tensors in integers, and merges the scales around them.

    conv(dequantize(x, s, z), dequantize(w, t), bias)
        -->  cast(integer_conv(x, w, z) + bias / (s · t)) · (s · t)
    matmul(dequantize(a, s, z), dequantize(w, t))
        -->  cast(integer_matmul(a, w, z)) · (s · t)
    matmul(dequantize(a, s, z), dequantize(b, t, y))
        -->  cast(integer_matmul(a, b, z, y)) · (s · t)
    quantize(relu(y · c + dequantize(r, t)), s, z)
        -->  quantize(relu(y · (c / s) + dequantize(r, t / s)), 1, z)

for constant weights, whose scale may differ by output channel, and for two activations of one scale each. The sums
are exact in i32 where the float graph rounds each of them, and `y · (c / s)` is rounded once where the graph rounds
twice: results differ from the float graph's by at most one step of the output's grid, and only where the float graph's
result before rounding is within some units of its last place of the middle of two steps. QLinearConv and QLinearMatMul
are defined in integers, and bit-exact. What is not quantized on both sides stays in float, and so do sums so long that
they might leave i32.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from aicc.dialects.quantization import BYTES
from aicc.dialects.types import DType
from aicc.passes.base import Pass, PassContext
from aicc.passes.graph.facts import kind
from aicc.passes.graph.propagate_quantization import clip_bounds
from aicc.passes.graph.quantized_values import Array, Quantized, array_of, quantized, quantizes, shaped
from aicc.passes.graph.rewrite import Rewriter, apply, pattern

_LARGEST_BIAS = float(2**30)
_BYTE_TENSOR_CORES = 80
"""The first compute capability of NVIDIA whose tensor cores multiply bytes as the schedule `contraction` wants it."""
_LONGEST_SUM = (2**31 - 2**30) // 255**2
"""Products of differences of bytes that leave room for a bias."""


@dataclass(frozen=True)
class FoldQuantized(Pass):
    """See the module."""

    pass_name: ClassVar[str] = "fold-quantized"

    def run(self, module: Any, ctx: PassContext) -> None:
        apply(module, ctx, PRODUCTS)
        apply(module, ctx, SCALES)


def _weights_fit(rw: Rewriter, w: Quantized, channel: int) -> bool:
    """Whether sums over all dims but `channel` stay within i32, with room for a bias, whatever the activations are."""
    shape = rw.shape(w.x)
    if not all(isinstance(n, int) for n in shape):
        return False
    if math.prod(shape) // shape[channel] <= _LONGEST_SUM:
        return True
    known = array_of(rw, w.x)
    if known is None:
        return False
    centered = np.abs(known.astype(np.int64) - shaped(w.zero, len(shape), channel))
    sums = centered.sum(tuple(d for d in range(len(shape)) if d != channel))
    return bool(sums.max(initial=0) * 255 <= _LARGEST_BIAS)


def _activation(rw: Rewriter, value: Any) -> Quantized | None:
    q = quantized(rw, value)
    return q if q is not None and q.dtype in BYTES and q.per_tensor and not rw.is_constant(q.x) else None


def _weights(rw: Rewriter, value: Any, axis: int) -> Quantized | None:
    """Constant bytes with one scale, or one for each index of `axis`."""
    q = quantized(rw, value)
    if q is None or q.dtype not in BYTES or not rw.is_constant(q.x):
        return None
    return q if q.per_tensor or q.axis == axis else None


@pattern("conv")
def convolve_integers(rw: Rewriter, op: Any) -> bool:
    """`conv(dequantize(x), dequantize(w), b) --> cast(integer_conv(x, w) + b') · scale`"""
    attrs = rw.attrs(op)
    x, w = _activation(rw, op.operands[0]), _weights(rw, op.operands[1], 0)
    if x is None or w is None or attrs["layout"] != "NCHW" or attrs["kernel_layout"] != "OIHW":
        return False
    if not _weights_fit(rw, w, 0):
        return False
    bias = rw.operands(op)[2]
    rank = rw.rank(op.results[0])
    rw.at(op)
    y = rw.build(
        "integer_conv",
        x.x,
        w.x,
        rw.const(x.zero),
        rw.const(shaped(w.zero, rank, 0)),
        pad_value=int(x.zero),
        **attrs,
    )
    scale = (x.scale * w.scale).astype(np.float32)
    return rw.replace(op, _scaled(rw, y, scale, bias, rank - 2))


@pattern("matmul")
def multiply_integers(rw: Rewriter, op: Any) -> bool:
    """`matmul(dequantize(a), dequantize(w)) --> cast(integer_matmul(a, w)) · scale`"""
    attrs = rw.attrs(op)
    rank = rw.rank(op.operands[1])
    if attrs["trans_a"] or rank != 2 or rw.rank(op.operands[0]) < 2:
        return False
    channel = 0 if attrs["trans_b"] else 1
    a, w = _activation(rw, op.operands[0]), _weights(rw, op.operands[1], channel)
    if a is None or w is None or not _weights_fit(rw, w, channel):
        return False
    rw.at(op)
    b = rw.build("transpose", w.x, perm=(1, 0)) if attrs["trans_b"] else w.x
    y = rw.build("integer_matmul", a.x, b, rw.const(a.zero), rw.const(w.zero))
    return rw.replace(op, _scaled(rw, y, (a.scale * w.scale).astype(np.float32), None, 0))


@pattern("matmul")
def multiply_activations(rw: Rewriter, op: Any) -> bool:
    """`matmul(dequantize(a), dequantize(b)) --> cast(integer_matmul(a, b)) · scale`, as in attention

    Where the second operand's sizes are known: the CPU's dot products want its columns side by side, in panels. GPUs
    without products of bytes on tensor cores have no kernel for it that is better than the float one.
    """
    attrs, target = rw.attrs(op), rw.ctx.target
    a, b = (_activation(rw, v) for v in op.operands)
    if a is None or b is None or attrs["trans_a"]:
        return False
    if target.is_device and target.compute_capability < _BYTE_TENSOR_CORES:
        return False
    rank, shape = rw.rank(b.x), list(rw.shape(b.x))
    if rank < 2 or rw.rank(a.x) < 2 or not all(isinstance(n, int) for n in shape):
        return False
    if attrs["trans_b"]:
        shape[-1], shape[-2] = shape[-2], shape[-1]
    if shape[-2] > _LONGEST_SUM:
        return False
    rw.at(op)
    right = b.x
    if attrs["trans_b"]:
        right = rw.build("transpose", right, perm=(*range(rank - 2), rank - 1, rank - 2))
    y = rw.build("integer_matmul", a.x, right, rw.const(a.zero), rw.const(b.zero))
    return rw.replace(op, _scaled(rw, y, (a.scale * b.scale).astype(np.float32), None, 0))


def _scaled(rw: Rewriter, y: Any, scale: Array, bias: Any, following: int) -> Any:
    """`cast(y) · scale + bias`, both with an entry per channel, `following` dims from the end."""

    def along(v: Array) -> Array:
        return shaped(v, following + 1, 0)

    known = None if bias is None else _integer_bias(rw, bias, scale)
    if known is not None:
        y = rw.build("add", y, rw.const(along(known)))
    out = rw.build("mul", rw.build("cast", y, to=DType.F32), rw.const(along(scale)))
    if bias is None or known is not None:
        return out
    if following:
        bias = rw.build("unsqueeze", bias, axes=tuple(range(1, following + 1)))
    return rw.build("add", out, bias)


def _integer_bias(rw: Rewriter, bias: Any, scale: Array) -> Array | None:
    """A constant bias in units of the product's scale, when it is whole there: quantized biases are."""
    q = quantized(rw, bias)
    if q is None or q.dtype is not DType.I32 or q.zero.any():
        return None
    if not np.allclose(
        np.broadcast_to(q.scale, np.broadcast_shapes(q.scale.shape, scale.shape)), scale, 1e-6, 0
    ):
        return None
    known = array_of(rw, q.x)
    return None if known is None or np.abs(known.astype(np.int64)).max(initial=0) > _LARGEST_BIAS else known


@pattern("add")
def bias_of_product(rw: Rewriter, op: Any) -> bool:
    """`cast(y) · c + dequantize(b: i32, c) --> cast(y + b) · c`"""
    for product, other in ((0, 1), (1, 0)):
        mul = _product(rw, op.operands[product])
        factor = None if mul is None else array_of(rw, mul.operands[1])
        if mul is None or factor is None or rw.rank(op.operands[other]) > 1:
            continue
        if factor.ndim > 1:
            continue
        bias = _integer_bias(rw, op.operands[other], factor)
        if bias is not None:
            y = mul.operands[0].owner.operation.operands[0]
            rw.at(op, mul)
            total = rw.build("cast", rw.build("add", y, rw.const(bias)), to=DType.F32)
            return rw.replace(op, rw.build("mul", total, mul.operands[1]))
    return False


def _product(rw: Rewriter, value: Any) -> Any | None:
    """The op `cast(i32) · constant` that makes `value`, used once."""
    mul = rw.inner(value, "mul")
    cast = None if mul is None else rw.producer(mul.operands[0], "cast")
    if mul is None or cast is None or rw.dtype(cast.operands[0]) is not DType.I32:
        return None
    return mul if rw.is_weight(mul.operands[1]) else None


@pattern("quantize")
def merge_scales(rw: Rewriter, op: Any) -> bool:
    """`quantize(relu(cast(y) · c + b), s, z) --> quantize(relu(cast(y) · (c / s) + b / s), 1, z)`"""
    q = quantizes(rw, op)
    if q is None or not q.per_tensor or float(q.scale) == 1.0:
        return False
    rw.at(op)
    y = _divided(rw, op.operands[0], q.scale)
    if y is None:
        return False
    one = rw.const(np.ones((), np.float32))
    return rw.replace(op, rw.build("quantize", y, one, rw.operands(op)[2], to=q.dtype))


@pattern("dequantize")
def stay_in_float(rw: Rewriter, op: Any) -> bool:
    """`dequantize(quantize(x, 1, z), t, z) --> clip(round(x), low - z, high - z) · t`

    Exact: whole numbers of 16 bits are the same in f32 and in integers.
    """
    to = quantized(rw, op.results[0])
    move = rw.inner(op.operands[0], "reshape")
    made = rw.inner(op.operands[0] if move is None else move.operands[0], "quantize")
    source = None if made is None else quantizes(rw, made)
    if to is None or made is None or source is None or not (to.per_tensor and source.per_tensor):
        return False
    if float(source.scale) != 1.0 or to.zero != source.zero:
        return False
    limits, zero = np.iinfo(to.dtype.numpy), int(to.zero)
    low, high = (rw.const(np.float32(bound - zero)) for bound in (limits.min, limits.max))
    whole = rw.build("clip", rw.build("round", made.operands[0]), low, high)
    if move is not None:
        whole = rw.build("reshape", whole, *rw.operands(move)[1:], **rw.attrs(move))
        rw.remember_shape(whole, rw.shape(op.results[0]))
    return rw.replace(op, rw.build("mul", whole, rw.const(to.scale)))


def _divided(rw: Rewriter, value: Any, scale: Array) -> Any | None:
    """`value / scale`, the factor merged into those of products and dequantized tensors; None where there is none."""
    source = quantized(rw, value)
    if source is not None:
        x, _, zero = rw.operands(source.op)
        factor = rw.const((source.scale / scale).astype(np.float32))
        return rw.build("dequantize", x, factor, zero, axis=source.axis)
    mul = _product(rw, value) or _rounded(rw, value)
    if mul is not None:
        factor = array_of(rw, mul.operands[1])
        return None if factor is None else rw.build("mul", mul.operands[0], rw.const(factor / scale))
    op = rw.inner(value, "relu", "clip", "add")
    if op is None:
        return None
    if kind(op) == "add":
        parts = [_divided(rw, v, scale) or _constant_divided(rw, v, scale) for v in op.operands]
        return None if any(v is None for v in parts) else rw.build("add", *parts)
    inner = _divided(rw, op.operands[0], scale)
    bounds = clip_bounds(rw, op)
    if inner is None or bounds is None:
        return None
    if kind(op) == "relu":
        return rw.build("relu", inner)
    low, high = (rw.const(np.asarray(np.float32(b) / scale, np.float32)) for b in bounds)
    return rw.build("clip", inner, low, high)


def _rounded(rw: Rewriter, value: Any) -> Any | None:
    """The op `clip(round(x)) · constant` that makes `value`, used once: see `stay_in_float`."""
    mul = rw.inner(value, "mul")
    clip = None if mul is None else rw.producer(mul.operands[0], "clip")
    if mul is None or clip is None or rw.producer(clip.operands[0], "round") is None:
        return None
    return mul if rw.is_weight(mul.operands[1]) else None


def _constant_divided(rw: Rewriter, value: Any, scale: Array) -> Any | None:
    constant = array_of(rw, value)
    return None if constant is None else rw.const((constant / scale).astype(np.float32))


PRODUCTS = (convolve_integers, multiply_integers, multiply_activations, bias_of_product)
SCALES = (merge_scales, stay_in_float)
