"""Ops about the diagonal of matrices."""

from __future__ import annotations

from typing import Any

import numpy as np

from aicc.dialects.attributes import Bool, Element, Int
from aicc.dialects.numerics import Array
from aicc.dialects.op import Attribute, Op, Operand, TypeRuleError
from aicc.dialects.sizes import length, sizes
from aicc.dialects.types import DType, TensorType

I64 = frozenset({DType.I64})


class Eye(Op, name="eye"):
    """A matrix of sizes `shape` with ones on diagonal `k` (above the main one where positive), else zeros."""

    operands = (Operand("shape", I64),)
    attributes = (Attribute("k", Int, default=0), Attribute("dtype", Element))
    fold_limit = 1024

    @staticmethod
    def infer(shape: TensorType, *, k: int, dtype: DType) -> TensorType:
        if length(shape, "shape") != 2:
            raise TypeRuleError(f"makes a matrix, but operand 'shape' has {shape.shape[0]} elements")
        return TensorType(sizes(shape, "shape"), dtype)

    @staticmethod
    def fold(shape: Array, *, k: int, dtype: DType) -> Array:
        return np.eye(int(shape[0]), int(shape[1]), k).astype(dtype.numpy)


class Trilu(Op, name="trilu"):
    """The upper or lower triangle of each matrix in the last two dims, diagonal `k` included; zeros elsewhere."""

    operands = (Operand("x"), Operand("k", I64, optional=True))
    attributes = (Attribute("upper", Bool, default=True),)

    @staticmethod
    def infer(x: TensorType, k: TensorType | None, *, upper: bool) -> TensorType:
        if x.rank < 2:
            raise TypeRuleError(f"operand 'x' must hold matrices, got {x}")
        if k is not None and (k.rank > 1 or k.shape not in ((), (1,))):
            raise TypeRuleError(f"operand 'k' must be a scalar, got {k}")
        return x.plain()

    @staticmethod
    def fold(x: Array, k: Array | None, *, upper: bool) -> Array:
        diagonal = 0 if k is None else int(k.item())
        out: Any = np.triu(x, diagonal) if upper else np.tril(x, diagonal)
        return np.asarray(out)
