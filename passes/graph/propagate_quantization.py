"""Moves `dequantize` down and drops what `quantize` undoes, so that integers flow between contractions.

    quantize(x, s, z: i8)                         -->  quantize(x, s, z + 128: ui8)   with what dequantizes it
    transpose(dequantize(q, s, z))                -->  dequantize(transpose(q), s, z)
    gather(dequantize(q, s, z), i)                -->  cast(gather(q, i) - gather(z, i)) · gather(s, i)
    quantize(transpose(x), s, z)                  -->  transpose(quantize(x, s, z))
    relu(dequantize(q, s, z))                     -->  dequantize(max(q, z), s, z)
    quantize(dequantize(q, s, z), s, z)           -->  q
    quantize(relu(x), s, lowest)                  -->  quantize(x, s, lowest)

All of them are exact: max pools, reshapes and concatenations of equal parameters only move numbers, and a number
that comes back to the grid it lies on is itself again.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from aicc.dialects.types import DType
from aicc.passes.base import Pass, PassContext
from aicc.passes.graph.facts import kind
from aicc.passes.graph.moved_channels import moved_channels
from aicc.passes.graph.quantized_values import MOVES, Array, Quantized, quantized, quantizes
from aicc.passes.graph.rewrite import Rewriter, apply, pattern

_REARRANGE = ("transpose", "reshape", "squeeze", "unsqueeze", "depth_to_space", "space_to_depth")
"""Moves that keep every element once."""
_SMALLEST = 1e-30
"""Scales below it might lose bits in f32 on the way from and to the grid."""


@dataclass(frozen=True)
class PropagateQuantization(Pass):
    """See the module."""

    pass_name: ClassVar[str] = "propagate-quantization"

    def run(self, module: Any, ctx: PassContext) -> None:
        apply(module, ctx, PATTERNS)


@pattern("quantize")
def unsigned_activations(rw: Rewriter, op: Any) -> bool:
    """`dequantize(quantize(x, s, z: i8)) --> dequantize(quantize(x, s, z + 128: ui8))`

    The instructions multiply unsigned by signed bytes: activations are unsigned, weights signed.
    """
    q = quantizes(rw, op)
    users = rw.users(op.results[0])
    if q is None or q.dtype is not DType.I8 or not users:
        return False
    readers = [quantized(rw, user.results[0]) if kind(user) == "dequantize" else None for user in users]
    if any(r is None or r.zero.shape != q.zero.shape for r in readers):
        return False
    x, scale, _ = rw.operands(op)
    moved = rw.build("quantize", x, scale, _unsigned(rw, q), to=DType.U8, axis=q.axis)
    for user, reader in zip(users, readers, strict=True):
        assert reader is not None
        rw.at(user)
        rw.replace(
            user, rw.build("dequantize", moved, user.operands[1], _unsigned(rw, reader), axis=reader.axis)
        )
    return True


def _unsigned(rw: Rewriter, q: Quantized) -> Any:
    return rw.const((q.zero.astype(np.int32) + 128).astype(np.uint8))


@pattern(*MOVES)
def move_integers(rw: Rewriter, op: Any) -> bool:
    """`move(dequantize(q)) --> dequantize(move(q))`"""
    q = quantized(rw, op.operands[0])
    if q is None or q.per_tensor:
        return q is not None and _below(rw, op, q, kind(op))
    channels = moved_channels(rw, op, q) if rw.is_constant(q.x) else None
    if channels is None:
        return False
    rw.at(op)
    moved = rw.build(kind(op), q.x, *rw.operands(op)[1:], **rw.attrs(op))
    rw.remember_shape(moved, rw.shape(op.results[0]))
    parameters = rw.const(channels.of(q.scale)), rw.const(channels.of(q.zero))
    return rw.replace(op, rw.build("dequantize", moved, *parameters, axis=channels.axis))


@pattern("gather")
def gather_integers(rw: Rewriter, op: Any) -> bool:
    """`gather(dequantize(q, s, z), i) --> cast(gather(q, i) - gather(z, i)) · gather(s, i)`, of a table, by its rows"""
    q, axis = quantized(rw, op.operands[0]), rw.attrs(op)["axis"]
    if q is None or q.per_tensor or q.axis != axis or q.dtype is DType.I32 or not rw.is_constant(q.x):
        return False
    indices, shape = op.operands[1], [1] * rw.rank(q.x)
    shape[axis] = -1

    def picked(parameter: Array) -> Any:
        if not parameter.ndim:
            return rw.const(parameter)
        return rw.build("gather", rw.const(parameter.reshape(shape)), indices, axis=axis)

    rw.at(op)
    real = rw.build("cast", rw.build("gather", q.x, indices, axis=axis), to=DType.F32)
    if q.zero.any():
        real = rw.build("sub", real, picked(q.zero.astype(np.float32)))
    return rw.replace(op, rw.build("mul", real, picked(q.scale)))


@pattern("quantize")
def move_bytes(rw: Rewriter, op: Any) -> bool:
    """`quantize(move(x), s, z) --> move(quantize(x, s, z))`: what computes x rounds it, and fewer bytes move"""
    q = quantizes(rw, op)
    move = rw.inner(op.operands[0], *_REARRANGE)
    if q is None or not q.per_tensor or move is None or quantized(rw, move.operands[0]) is not None:
        return False
    rw.at(op, move)
    rounded = rw.build("quantize", move.operands[0], *rw.operands(op)[1:], to=q.dtype, axis=0)
    moved = rw.build(kind(move), rounded, *rw.operands(move)[1:], **rw.attrs(move))
    rw.remember_shape(moved, rw.shape(op.results[0]))
    return rw.replace(op, moved)


@pattern("max_pool")
def pool_integers(rw: Rewriter, op: Any) -> bool:
    """`max_pool(dequantize(q)) --> dequantize(max_pool(q))`, when every window holds an element"""
    q = quantized(rw, op.operands[0])
    attrs = rw.attrs(op)
    sizes = attrs["kernel"]
    inside = all(p < k for p, k in zip(attrs["pads"], (*sizes, *sizes), strict=True))
    return q is not None and q.per_tensor and inside and _below(rw, op, q, "max_pool")


def _below(rw: Rewriter, op: Any, q: Quantized, name: str) -> bool:
    rw.at(op)
    moved = rw.build(name, q.x, *rw.operands(op)[1:], **rw.attrs(op))
    rw.remember_shape(moved, rw.shape(op.results[0]))
    return rw.replace(op, _dequantized(rw, moved, q))


def _dequantized(rw: Rewriter, x: Any, q: Quantized) -> Any:
    return rw.build("dequantize", x, *rw.operands(q.op)[1:], axis=0)


@pattern("concat")
def join_integers(rw: Rewriter, op: Any) -> bool:
    """`concat(dequantize(q, s, z), dequantize(r, s, z)) --> dequantize(concat(q, r), s, z)`"""
    parts = [quantized(rw, v) for v in op.operands]
    first = parts[0]
    if first is None or any(p is None or not p.same_parameters(first) for p in parts):
        return False
    joined = rw.build("concat", *(p.x for p in parts if p is not None), **rw.attrs(op))
    return rw.replace(op, _dequantized(rw, joined, first))


@pattern("relu")
def clamp_integers(rw: Rewriter, op: Any) -> bool:
    """`relu(dequantize(q, s, z)) --> dequantize(max(q, z), s, z)`"""
    q = quantized(rw, op.operands[0])
    if q is None or not q.per_tensor or q.dtype is DType.I32:
        return False
    return rw.replace(op, _dequantized(rw, rw.build("max", q.x, rw.const(q.zero)), q))


@pattern("quantize")
def back_on_the_grid(rw: Rewriter, op: Any) -> bool:
    """`quantize(dequantize(q, s, z), s, z) --> q`"""
    to, source = quantizes(rw, op), quantized(rw, op.operands[0])
    if to is None or source is None or not to.same_parameters(source) or to.scale < _SMALLEST:
        return False
    return rw.replace(op, source.x)


@pattern("quantize")
def saturation_is_a_clip(rw: Rewriter, op: Any) -> bool:
    """`quantize(relu(x), s, z) --> quantize(x, s, z)` where saturation does as much: likewise `clip`"""
    q = quantizes(rw, op)
    inner = rw.producer(op.operands[0], "relu", "clip")
    if q is None or inner is None or not q.per_tensor:
        return False
    bounds = clip_bounds(rw, inner)
    if bounds is None:
        return False
    limits = np.iinfo(q.dtype.numpy)
    # in the numbers that are rounded: where a bound lies outside of what can be represented, it does nothing
    low, high = (np.float32(b) / q.scale for b in bounds)
    zero = int(q.zero)
    if low > limits.min - zero or high < limits.max - zero:
        return False
    rw.set_operand(op, 0, inner.operands[0])
    return True


def clip_bounds(rw: Rewriter, op: Any) -> tuple[float, float] | None:
    """The bounds of a `relu` or `clip`, None when they are not constants."""
    if kind(op) == "relu":
        return 0.0, float("inf")
    _, low, high = rw.operands(op)
    found = [rw.scalar(v) if v is not None else d for v, d in ((low, float("-inf")), (high, float("inf")))]
    if found[0] is None or found[1] is None:
        return None
    return found[0], found[1]


PATTERNS = (
    unsigned_activations,
    move_integers,
    gather_integers,
    move_bytes,
    pool_integers,
    join_integers,
    clamp_integers,
    back_on_the_grid,
    saturation_is_a_clip,
)
