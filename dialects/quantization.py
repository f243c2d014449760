"""Quantized tensors: what integers stand for, and exact sums of products of 8-bit integers.

A scale and a zero point belong to the op that gives integers a meaning, `quantize` or `dequantize`: no other op
of a quantized graph computes with them until `fold-quantized` merges them into requantizing factors.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from aicc.dialects.attributes import Element, Int
from aicc.dialects.contraction import MatMul
from aicc.dialects.convolution import Conv
from aicc.dialects.numerics import Array
from aicc.dialects.op import Attribute, Op, Operand, TypeRuleError
from aicc.dialects.types import DType, TensorType

BYTES = frozenset({DType.I8, DType.U8})
QUANTIZED = frozenset({DType.I8, DType.U8, DType.I16, DType.U16})
F32 = frozenset({DType.F32})


class Quantize(Op, name="quantize"):
    """`saturate(round(x / scale) + zero)`: rounded half to even, saturated to the range of `to`; NaN gives its
    lowest number.

    `scale` and `zero` are scalars, or vectors with an entry for each index of dim `axis` of x. All is computed in
    f32, as ONNX defines QuantizeLinear.
    """

    operands = (
        Operand("x", F32),
        Operand("scale", F32),
        Operand("zero", QUANTIZED, optional=True),
    )
    attributes = (Attribute("to", Element), Attribute("axis", Int, default=0))

    @staticmethod
    def infer(
        x: TensorType, scale: TensorType, zero: TensorType | None, *, to: DType, axis: int
    ) -> TensorType:
        if to not in QUANTIZED:
            raise TypeRuleError(f"attribute 'to' is {to.mlir}; expected an integer of 8 or 16 bits")
        _check_parameters(x, scale, zero, axis)
        if zero is not None and zero.dtype is not to:
            raise TypeRuleError(f"operand 'zero' has dtype {zero.dtype.mlir}, expected {to.mlir}")
        return x.with_dtype(to)

    @staticmethod
    def fold(x: Array, scale: Array, zero: Array | None, *, to: DType, axis: int) -> Array:
        low, high = np.iinfo(to.numpy).min, np.iinfo(to.numpy).max
        y = np.rint(x / along(scale, x.ndim, axis))
        if zero is not None:
            y = y + along(zero, x.ndim, axis).astype(np.float32)
        return np.nan_to_num(np.clip(y, low, high), nan=low).astype(to.numpy)


class Dequantize(Op, name="dequantize"):
    """`(x - zero) · scale` in f32, of integers of up to 32 bits.

    `scale` and `zero` are scalars, or vectors with an entry for each index of dim `axis` of x.
    """

    operands = (
        Operand("x", QUANTIZED | {DType.I32}),
        Operand("scale", F32),
        Operand("zero", QUANTIZED | {DType.I32}, optional=True, like="x"),
    )
    attributes = (Attribute("axis", Int, default=0),)

    @staticmethod
    def infer(x: TensorType, scale: TensorType, zero: TensorType | None, *, axis: int) -> TensorType:
        _check_parameters(x, scale, zero, axis)
        return x.with_dtype(DType.F32)

    @staticmethod
    def fold(x: Array, scale: Array, zero: Array | None, *, axis: int) -> Array:
        wide = x.astype(np.int32)
        if zero is not None:
            wide = wide - along(zero, x.ndim, axis).astype(np.int32)
        out: Array = wide.astype(np.float32) * along(scale, x.ndim, axis)
        return out


class IntegerMatMul(Op, name="integer_matmul"):
    """`matmul` of 8-bit integers, summed in i32, which wraps: `Σ (a - a_zero) · (b - b_zero)`.

    Shapes are those of `matmul`. Zero points broadcast against the operands; the pass `split-zero-points` leaves
    none.
    """

    operands = (
        Operand("a", BYTES),
        Operand("b", BYTES),
        Operand("a_zero", BYTES, optional=True, like="a"),
        Operand("b_zero", BYTES, optional=True, like="b"),
    )

    @staticmethod
    def infer(
        a: TensorType, b: TensorType, a_zero: TensorType | None, b_zero: TensorType | None
    ) -> TensorType:
        return MatMul.infer(a, b, trans_a=False, trans_b=False).with_dtype(DType.I32)

    @staticmethod
    def fold(a: Array, b: Array, a_zero: Array | None, b_zero: Array | None) -> Array:
        out: Array = np.matmul(centered(a, a_zero), centered(b, b_zero))
        return out


class IntegerConv(Op, name="integer_conv"):
    """`conv` of 8-bit integers, summed in i32: `Σ (x - x_zero) · (w - w_zero)`.

    Shapes and attributes are those of `conv`, without bias. Pads, and what `input_dilations` put between elements, are
    `pad_value`, before the zero point is subtracted. `x_zero` is a scalar, `w_zero` broadcasts against the weights; the
    pass `split-zero-points` leaves none.
    """

    operands = (
        Operand("x", BYTES),
        Operand("w", BYTES),
        Operand("x_zero", BYTES, optional=True, like="x"),
        Operand("w_zero", BYTES, optional=True, like="w"),
    )
    attributes = (*Conv.attributes, Attribute("pad_value", Int, default=0))

    @staticmethod
    def infer(
        x: TensorType,
        w: TensorType,
        x_zero: TensorType | None,
        w_zero: TensorType | None,
        *,
        pad_value: int,
        **attrs: Any,
    ) -> TensorType:
        limits = np.iinfo(x.dtype.numpy)
        if not limits.min <= pad_value <= limits.max:
            raise TypeRuleError(f"attribute 'pad_value' is {pad_value}, which no {x.dtype.mlir} is")
        if x_zero is not None and x_zero.rank:
            raise TypeRuleError(f"operand 'x_zero' must be a scalar, got {x_zero}")
        return Conv.infer(x, w, None, **attrs).with_dtype(DType.I32)


def centered(x: Array, zero: Array | None) -> Array:
    """`x - zero` in i32."""
    wide = x.astype(np.int32)
    return wide if zero is None else wide - zero.astype(np.int32)


def along(parameter: Array, rank: int, axis: int) -> Array:
    """A scalar, or a vector shaped so that it broadcasts along `axis`."""
    return parameter if parameter.ndim == 0 else parameter.reshape([-1] + [1] * (rank - 1 - axis))


def _check_parameters(x: TensorType, scale: TensorType, zero: TensorType | None, axis: int) -> None:
    for name, t in (("scale", scale), ("zero", zero)):
        if t is None or t.rank == 0:
            continue
        if t.rank != 1 or not 0 <= axis < x.rank:
            raise TypeRuleError(f"operand '{name}' must be a scalar or fit dim {axis} of {x}, got {t}")
        size, count = x.shape[axis], t.shape[0]
        if isinstance(size, int) and isinstance(count, int) and size != count:
            raise TypeRuleError(f"operand '{name}' has {count} entries for {size} of dim {axis}")
