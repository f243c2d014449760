"""Conversion of element types."""

from __future__ import annotations

from typing import Any

import numpy as np

from aicc.dialects.attributes import Element
from aicc.dialects.numerics import Array, is_symbolic
from aicc.dialects.op import Attribute, Op, Operand
from aicc.dialects.types import DType, TensorType


class Cast(Op, name="cast"):
    """Each element converted to the dtype `to`.

    Floats to integers truncate toward zero, saturate, and NaN gives 0 (ONNX leaves both open); integers to
    narrower ones wrap; anything to bool is `x != 0`; floats to narrower ones round to nearest even.
    """

    operands = (Operand("x"),)
    attributes = (Attribute("to", Element),)
    symbolic = True

    @staticmethod
    def infer(x: TensorType, *, to: DType) -> TensorType:
        return x.with_dtype(to)

    @staticmethod
    def fold(x: Array, *, to: DType) -> Array:
        if is_symbolic(x):
            if to not in (DType.I64, DType.I32):
                raise TypeError("a symbolic size stays an integer")
            return x
        source = DType.from_numpy(x.dtype)
        with np.errstate(all="ignore"):
            if source.is_float and to.is_int:
                return _float_to_int(x, to.numpy)
            if to is DType.BOOL:
                return np.asarray(x != 0)
            return x.astype(to.numpy)


def _float_to_int(x: Array, dtype: np.dtype[Any]) -> Array:
    limits = np.iinfo(dtype)
    wide = np.trunc(x.astype(np.float64))
    inside = (wide >= float(limits.min)) & (wide < float(limits.max) + 1)
    low: Array = np.where(wide < 0, limits.min, 0).astype(dtype)
    outside = np.where(wide > 0, np.asarray(limits.max, dtype), low)
    out: Array = np.where(inside, np.where(inside, wide, 0).astype(dtype), outside)
    return out
