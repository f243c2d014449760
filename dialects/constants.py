"""Constants and weights."""

from __future__ import annotations

from typing import Any

import numpy as np

from aicc.bindings import ir
from aicc.dialects.attributes import Dense, Element, Ints, Str
from aicc.dialects.op import Attribute, Op, TypeRuleError
from aicc.dialects.types import COMPLEX, DType, TensorType

CONSTANT_BYTES = 1024
"""Larger constants live in the weight store."""


def is_inline(dtype: DType, nbytes: int) -> bool:
    """Whether a constant stands in the IR: it is small, and the bindings can read an attribute of its type."""
    return nbytes <= CONSTANT_BYTES and dtype not in COMPLEX


class None_(Op, name="none"):
    """The absent optional operand; its result has type `none`."""

    @staticmethod
    def infer() -> TensorType:
        raise TypeRuleError("has no tensor type")


class Constant(Op, name="constant"):
    """A small constant (at most 1 KiB)."""

    attributes = (Attribute("value", Dense),)

    @staticmethod
    def infer(*, value: np.ndarray[Any, Any]) -> TensorType:
        if value.nbytes > CONSTANT_BYTES:
            raise TypeRuleError(
                f"holds {value.nbytes} bytes; more than {CONSTANT_BYTES} belong in the weight store"
            )
        return TensorType(value.shape, DType.from_numpy(value.dtype), value)


class Weight(Op, name="weight"):
    """A tensor of the weight store, by symbol."""

    attributes = (Attribute("sym", Str), Attribute("shape", Ints), Attribute("dtype", Element))

    @staticmethod
    def infer(*, sym: str, shape: tuple[int, ...], dtype: DType) -> TensorType:
        return TensorType(shape, dtype)


def constant_value(value: Any) -> np.ndarray[Any, Any] | None:
    """The array behind a value made by `aicc.constant`, else None."""
    owner = value.owner
    if isinstance(owner, ir.Block) or owner.name != "aicc.constant":
        return None
    array: np.ndarray[Any, Any] = Dense.decode(owner.attributes["value"])
    return array
