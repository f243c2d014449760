"""Determinants."""

from __future__ import annotations

import numpy as np

from aicc.dialects.numerics import Array, widened
from aicc.dialects.op import Op, Operand, TypeRuleError
from aicc.dialects.types import FLOAT, TensorType


class Determinant(Op, name="determinant"):
    """The determinant of each matrix in the last two dims, which are square; a run checks what has two names."""

    operands = (Operand("x", FLOAT),)

    @staticmethod
    def infer(x: TensorType) -> TensorType:
        sizes = {d for d in x.shape[-2:] if isinstance(d, int)}
        if x.rank < 2 or len(sizes) > 1:
            raise TypeRuleError(f"operand 'x' must hold square matrices, got {x}")
        return x.with_shape(*x.shape[:-2])

    @staticmethod
    @widened
    def fold(x: Array) -> Array:
        return np.asarray(np.linalg.det(x), x.dtype)
