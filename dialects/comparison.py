"""Comparisons: results are bool. `greater` is `less` with its operands exchanged."""

from __future__ import annotations

from typing import Any

import numpy as np

from aicc.dialects.attributes import Bool
from aicc.dialects.elementwise import Binary, Unary
from aicc.dialects.numerics import Array, is_symbolic
from aicc.dialects.op import Attribute, Operand
from aicc.dialects.symbolic import Dim
from aicc.dialects.types import FLOAT, NUMERIC, WIDE, DType, TensorType


class Comparison(Binary):
    """Elementwise, broadcasting, two operands of one dtype."""

    operands = (Operand("a", NUMERIC), Operand("b", NUMERIC, like="a"))

    @staticmethod
    def infer(a: TensorType, b: TensorType, **_: Any) -> TensorType:
        return Binary.infer(a, b).with_dtype(DType.BOOL)


class Equal(Comparison, name="equal"):
    """`a == b`; false where one is NaN."""

    operands = (Operand("a", WIDE | {DType.STRING}), Operand("b", WIDE | {DType.STRING}, like="a"))
    symbolic = True

    @staticmethod
    def fold(a: Array, b: Array) -> Array:
        if is_symbolic(a, b):
            return np.asarray(np.frompyfunc(_same_size, 2, 1)(a, b), dtype=object)
        return np.asarray(a == b)


def _same_size(a: Any, b: Any) -> bool:
    """Whether two sizes are equal at run time. Raises TypeError when that depends on the run."""
    if type(a) is type(b) is Dim and a == b:
        return True
    if not isinstance(a, Dim) and not isinstance(b, Dim):
        return bool(a == b)
    size, other = (a, b) if isinstance(a, Dim) else (b, a)
    if not isinstance(other, Dim) and other < 0 and all(c > 0 for c in size.terms.values()):
        return False
    raise TypeError(f"whether {a} equals {b} is known at run time only")


class Less(Comparison, name="less"):
    """`a < b`; false where one is NaN."""

    @staticmethod
    def fold(a: Array, b: Array) -> Array:
        return np.asarray(np.less(a, b))


class LessEqual(Comparison, name="less_equal"):
    """`a <= b`; false where one is NaN."""

    @staticmethod
    def fold(a: Array, b: Array) -> Array:
        return np.asarray(np.less_equal(a, b))


class IsNan(Unary, name="is_nan"):
    """Whether x is NaN."""

    @staticmethod
    def infer(x: TensorType, **_: Any) -> TensorType:
        return x.with_dtype(DType.BOOL)

    @staticmethod
    def fold(x: Array) -> Array:
        return np.asarray(x != x)


class IsInf(Unary, name="is_inf"):
    """Whether x is an infinity of a sign that is looked for."""

    operands = (Operand("x", FLOAT),)
    attributes = (Attribute("negative", Bool, default=True), Attribute("positive", Bool, default=True))

    @staticmethod
    def infer(x: TensorType, **_: Any) -> TensorType:
        return x.with_dtype(DType.BOOL)

    @staticmethod
    def fold(x: Array, *, negative: bool, positive: bool) -> Array:
        return np.asarray((positive & (x == np.inf)) | (negative & (x == -np.inf)))
