"""Ops that walk along an axis: running sums, the largest elements, reversals of variable length."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from aicc.dialects.attributes import Bool, Int
from aicc.dialects.numerics import Array, normalize_axis
from aicc.dialects.op import Attribute, Op, Operand, TypeRuleError
from aicc.dialects.sizes import elements
from aicc.dialects.symbolic import fresh_dim
from aicc.dialects.types import NUMERIC, DType, TensorType

I64 = frozenset({DType.I64})


class CumSum(Op, name="cumsum"):
    """Running sums along `axis`: without the element itself when `exclusive`, from the end when `reverse`."""

    operands = (Operand("x", NUMERIC),)
    attributes = (
        Attribute("axis", Int),
        Attribute("exclusive", Bool, default=False),
        Attribute("reverse", Bool, default=False),
    )

    @staticmethod
    def infer(x: TensorType, *, axis: int, exclusive: bool, reverse: bool) -> TensorType:
        normalize_axis(axis, x.rank)
        return x.plain()

    @staticmethod
    def fold(x: Array, *, axis: int, exclusive: bool, reverse: bool) -> Array:
        return _accumulate(np.cumsum, x, 0, axis, exclusive, reverse)


class CumProd(Op, name="cumprod"):
    """Running products along `axis`: without the element itself when `exclusive`, from the end when `reverse`."""

    operands = (Operand("x", NUMERIC),)
    attributes = CumSum.attributes

    infer = staticmethod(CumSum.infer)

    @staticmethod
    def fold(x: Array, *, axis: int, exclusive: bool, reverse: bool) -> Array:
        return _accumulate(np.cumprod, x, 1, axis, exclusive, reverse)


def _accumulate(
    function: Callable[..., Array], x: Array, neutral: int, axis: int, exclusive: bool, reverse: bool
) -> Array:
    """`np.cumsum` or `np.cumprod` along `axis`; `neutral` is what an exclusive one starts with."""
    turned = np.flip(x, axis) if reverse else x
    out = function(turned, axis=axis, dtype=x.dtype)
    if exclusive:
        out = np.roll(out, 1, axis)
        first = [slice(None)] * x.ndim
        first[axis] = slice(0, 1)
        out[tuple(first)] = neutral
    return np.asarray(np.flip(out, axis) if reverse else out)


class TopK(Op, name="topk"):
    """The `k` largest (or smallest) elements along `axis`, best first, and their positions (i64).

    Of equal elements the one at the lower position comes first.
    """

    operands = (Operand("x", NUMERIC), Operand("k", I64))
    attributes = (Attribute("axis", Int), Attribute("largest", Bool, default=True))
    results = ("values", "indices")

    @staticmethod
    def infer(x: TensorType, k: TensorType, *, axis: int, largest: bool) -> tuple[TensorType, TensorType]:
        normalize_axis(axis, x.rank)
        if k.shape not in ((), (1,)):
            raise TypeRuleError(f"operand 'k' must be a scalar, got {k}")
        known = elements(k)
        count = fresh_dim() if known is None else known[0]
        size = x.shape[axis]
        if isinstance(count, int) and isinstance(size, int) and not 0 <= count <= size:
            raise TypeRuleError(f"operand 'k' is {count}, but dim {axis} of {x} has {size} elements")
        values = x.with_shape(*x.shape[:axis], count, *x.shape[axis + 1 :])
        return values, values.with_dtype(DType.I64)

    @staticmethod
    def fold(x: Array, k: Array, *, axis: int, largest: bool) -> tuple[Array, Array]:
        # a stable sort of the reversed order keeps lower positions first
        if largest:
            flipped = np.argsort(np.flip(x, axis), axis=axis, kind="stable")
            order = x.shape[axis] - 1 - np.flip(flipped, axis)
        else:
            order = np.argsort(x, axis=axis, kind="stable")
        indices = np.take(order, np.arange(int(k.item())), axis=axis)
        return np.take_along_axis(x, indices, axis), indices.astype(np.int64)


class ReverseSequence(Op, name="reverse_sequence"):
    """Along `time_axis`, the first `lengths[i]` elements of batch entry `i` reversed, the rest as they are."""

    operands = (Operand("x"), Operand("lengths", I64))
    attributes = (Attribute("batch_axis", Int), Attribute("time_axis", Int))

    @staticmethod
    def infer(x: TensorType, lengths: TensorType, *, batch_axis: int, time_axis: int) -> TensorType:
        normalize_axis(batch_axis, x.rank)
        normalize_axis(time_axis, x.rank)
        if batch_axis == time_axis or lengths.rank != 1:
            raise TypeRuleError("expects two different axes and lengths of rank 1")
        return x.plain()

    @staticmethod
    def fold(x: Array, lengths: Array, *, batch_axis: int, time_axis: int) -> Array:
        out = np.array(x)
        for i, n in enumerate(lengths):
            at = [slice(None)] * x.ndim
            at[batch_axis] = slice(i, i + 1)
            at[time_axis] = slice(0, int(n))
            out[tuple(at)] = np.flip(x[tuple(at)], time_axis)
        return out
