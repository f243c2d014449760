"""Softmax and its kin."""

from __future__ import annotations

import numpy as np

from aicc.dialects.attributes import Int
from aicc.dialects.numerics import Array, widened
from aicc.dialects.op import Attribute, Op, Operand, TypeRuleError
from aicc.dialects.types import FLOAT, TensorType


class _AlongAxis(Op):
    """Ops along one axis, counted from the front."""

    operands = (Operand("x", FLOAT),)
    attributes = (Attribute("axis", Int),)

    @staticmethod
    def infer(x: TensorType, *, axis: int) -> TensorType:
        if not 0 <= axis < x.rank:
            raise TypeRuleError(f"attribute 'axis' is {axis}; expected 0 to {x.rank - 1}")
        return x.plain()


class Softmax(_AlongAxis, name="softmax"):
    """`exp(x - max(x)) / sum(exp(x - max(x)))` along `axis`."""

    @staticmethod
    def fold(x: Array, *, axis: int) -> Array:
        return softmax(x, axis=axis)


class LogSoftmax(_AlongAxis, name="log_softmax"):
    """`(x - max(x)) - log(sum(exp(x - max(x))))` along `axis`."""

    @staticmethod
    def fold(x: Array, *, axis: int) -> Array:
        return _log_softmax(x, axis=axis)


class Hardmax(_AlongAxis, name="hardmax"):
    """1 at the first maximum along `axis`, 0 elsewhere."""

    @staticmethod
    def fold(x: Array, *, axis: int) -> Array:
        first = np.expand_dims(np.argmax(x, axis=axis), axis)
        out = np.zeros_like(x)
        np.put_along_axis(out, first, 1, axis)
        return out


@widened
def softmax(x: Array, *, axis: int) -> Array:
    """Softmax along an axis."""
    e = np.exp(x - np.max(x, axis=axis, keepdims=True))
    out: Array = e / np.sum(e, axis=axis, keepdims=True)
    return out


@widened
def _log_softmax(x: Array, *, axis: int) -> Array:
    z = x - np.max(x, axis=axis, keepdims=True)
    out: Array = z - np.log(np.sum(np.exp(z), axis=axis, keepdims=True))
    return out
