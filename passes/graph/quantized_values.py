"""What patterns on quantized graphs ask of a `quantize` or `dequantize`: its parameters, where they are constants."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from aicc.bindings import ir
from aicc.dialects.op import OPS
from aicc.dialects.types import DType
from aicc.passes.graph.facts import kind
from aicc.passes.graph.rewrite import Rewriter

Array = np.ndarray[Any, Any]
MOVES = (
    "transpose",
    "reshape",
    "squeeze",
    "unsqueeze",
    "slice",
    "gather",
    "depth_to_space",
    "space_to_depth",
)
"""Ops that only move elements."""


@dataclass(frozen=True, eq=False)
class Quantized:
    """Integers `x` that stand for `(x - zero) · scale`; both are scalars, or vectors along `axis` of x."""

    x: Any
    dtype: DType
    scale: Array
    zero: Array
    axis: int
    op: Any

    @property
    def per_tensor(self) -> bool:
        """Whether there is one scale and one zero point."""
        return self.scale.ndim == 0 and self.zero.ndim == 0

    def same_parameters(self, other: Quantized) -> bool:
        """Whether equal integers stand for equal numbers in both."""
        return (
            self.dtype is other.dtype
            and self.per_tensor
            and other.per_tensor
            and bool(self.scale == other.scale)
            and bool(self.zero == other.zero)
        )


def quantized(rw: Rewriter, value: Any) -> Quantized | None:
    """What the `dequantize` that makes `value` reads, when its scale and zero point are constants."""
    op = rw.producer(value, "dequantize")
    return None if op is None else _parameters(rw, op, op.operands[0], rw.dtype(op.operands[0]))


def quantizes(rw: Rewriter, op: Any) -> Quantized | None:
    """The result of a `quantize` with constant parameters."""
    if kind(op) != "quantize":
        return None
    return _parameters(rw, op, op.results[0], rw.dtype(op.results[0]))


def _parameters(rw: Rewriter, op: Any, x: Any, dtype: DType) -> Quantized | None:
    _, scale_value, zero_value = rw.operands(op)
    scale = array_of(rw, scale_value)
    zero = np.zeros((), dtype.numpy) if zero_value is None else array_of(rw, zero_value)
    if scale is None or zero is None or not np.isfinite(scale).all() or not (scale > 0).all():
        return None
    return Quantized(x, dtype, scale, zero, rw.attrs(op)["axis"], op)


def array_of(rw: Rewriter, value: Any) -> Array | None:
    """The elements of a constant or a weight, also one that was moved; weights are loaded."""
    known = rw.constant(value)
    if known is not None:
        return None if known.dtype == object else known
    move = rw.producer(value, *MOVES)
    if move is not None:
        arrays = [None if v is None else array_of(rw, v) for v in rw.operands(move)]
        if any(v is not None and a is None for v, a in zip(rw.operands(move), arrays, strict=True)):
            return None
        fold = OPS[kind(move)].fold
        assert fold is not None
        moved: Array = fold(*arrays, **rw.attrs(move))
        return moved
    op = rw.producer(value, "weight")
    if op is None:
        return None
    sym = str(ir.StringAttr(op.attributes["sym"]).value)
    return rw.weights.load(sym) if sym in rw.weights else None


def shaped(array: Array, rank: int, axis: int) -> Array:
    """A vector with dims of size 1 after it, so that it lies along `axis` of a tensor of `rank`."""
    return array if array.ndim == 0 else array.reshape([-1] + [1] * (rank - 1 - axis))
