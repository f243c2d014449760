"""Conversion of element types."""

from __future__ import annotations

from typing import Any

import numpy as np

from aicc.dialects.attributes import Bool, Element, Str
from aicc.dialects.narrow import ROUNDINGS, narrowed
from aicc.dialects.numerics import Array, is_symbolic
from aicc.dialects.op import Attribute, Op, Operand, TypeRuleError
from aicc.dialects.types import COMPLEX, NARROW_INT, DType, TensorType


class Cast(Op, name="cast"):
    """Each element converted to the dtype `to`.

    Floats to integers truncate toward zero, saturate, and NaN gives 0 (ONNX leaves both open); integers to
    narrower ones wrap; anything to bool is `x != 0`; floats to narrower ones round to nearest even. What is too
    large for a float of 8 bits becomes its largest number, or its infinity or NaN where `saturate` is false;
    `rounding` (up, where absent; down, nearest) is to powers of two (f8E8M0FNU).
    """

    operands = (Operand("x"),)
    attributes = (
        Attribute("to", Element),
        Attribute("saturate", Bool, optional=True),
        Attribute("rounding", Str, optional=True),
    )
    symbolic = True

    @staticmethod
    def infer(x: TensorType, *, to: DType, saturate: bool | None, rounding: str | None) -> TensorType:
        for dtype in (x.dtype, to):
            if dtype in COMPLEX or dtype is DType.STRING:
                name = "string" if dtype is DType.STRING else dtype.mlir
                raise TypeRuleError(f"dtype {name} is not converted to other ones")
        if rounding is not None and rounding not in ROUNDINGS:
            raise TypeRuleError(f"attribute 'rounding' is '{rounding}', expected {', '.join(ROUNDINGS)}")
        return x.with_dtype(to)

    @staticmethod
    def fold(x: Array, *, to: DType, saturate: bool | None, rounding: str | None) -> Array:
        if is_symbolic(x):
            if to not in (DType.I64, DType.I32):
                raise TypeError("a symbolic size stays an integer")
            return x
        source = DType.from_numpy(x.dtype)
        if source.is_narrow:
            x = x.astype(np.int32 if source in NARROW_INT else np.float32)
            source = DType.from_numpy(x.dtype)
        if to.is_narrow:
            return narrowed(x, to, saturate is not False, rounding or "up")
        with np.errstate(all="ignore"):
            if source.is_float and to.is_int:
                return _float_to_int(x, to.numpy)
            if to is DType.BOOL:
                return np.asarray(x != 0)
            return x.astype(to.numpy)


class BitCast(Op, name="bitcast"):
    """The bits of each element read as an element of `to`, which has as many."""

    operands = (Operand("x"),)
    attributes = (Attribute("to", Element),)

    @staticmethod
    def infer(x: TensorType, *, to: DType) -> TensorType:
        if x.dtype.bits != to.bits or x.dtype.is_narrow != to.is_narrow:
            raise TypeRuleError(f"operand 'x' has dtype {x.dtype.mlir}, which has other bits than {to.mlir}")
        return x.with_dtype(to)

    @staticmethod
    def fold(x: Array, *, to: DType) -> Array:
        return np.ascontiguousarray(x).view(to.numpy).reshape(x.shape)


def _float_to_int(x: Array, dtype: np.dtype[Any]) -> Array:
    limits = np.iinfo(dtype)
    wide = np.trunc(x.astype(np.float64))
    inside = (wide >= float(limits.min)) & (wide < float(limits.max) + 1)
    low: Array = np.where(wide < 0, limits.min, 0).astype(dtype)
    outside = np.where(wide > 0, np.asarray(limits.max, dtype), low)
    out: Array = np.where(inside, np.where(inside, wide, 0).astype(dtype), outside)
    return out
