"""Reductions along axes: one op per kind, and the positions of extrema.

Axes are distinct, ascending and counted from the front; none means that nothing is reduced (the
importer spells out "all axes"). Sums of f16 and bf16 accumulate in f32; those of integers wrap.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from aicc.dialects.attributes import Bool, Int, Ints, Str
from aicc.dialects.elementwise import declare
from aicc.dialects.numerics import Array, check_axes, is_symbolic, widened
from aicc.dialects.op import Attribute, Op, Operand, TypeRuleError
from aicc.dialects.symbolic import DimLike, fresh_dim
from aicc.dialects.types import FLOAT, INDEX, NUMERIC, WIDE, DType, TensorType

REDUCTIONS: dict[str, type[Op]] = {}
"""The reductions by name."""


class Reduction(Op):
    """`y = f(x over axes)`; reduced axes stay with size 1 when `keepdims`."""

    operands = (Operand("x", NUMERIC),)
    attributes = (Attribute("axes", Ints), Attribute("keepdims", Bool, default=True))

    @staticmethod
    def infer(x: TensorType, *, axes: tuple[int, ...], keepdims: bool) -> TensorType:
        check_axes(axes, x.rank)
        return TensorType(reduced_shape(x.shape, axes, keepdims), x.dtype)


def reduced_shape(shape: Sequence[DimLike], axes: Sequence[int], keepdims: bool) -> tuple[DimLike, ...]:
    """The shape after reducing `axes`."""
    return tuple(1 if i in axes else d for i, d in enumerate(shape) if keepdims or i not in axes)


def reduction(
    name: str,
    doc: str,
    fold: Callable[..., Any],
    dtypes: frozenset[DType] = NUMERIC,
    symbolic: bool = False,
) -> type[Op]:
    def run(x: Array, *, axes: tuple[int, ...], keepdims: bool) -> Array:
        return np.asarray(fold(x, axis=tuple(axes), keepdims=keepdims))

    REDUCTIONS[name] = declare(
        name,
        doc,
        Reduction,
        operands=(Operand("x", dtypes),),
        fold=staticmethod(widened(run)),
        symbolic=symbolic,
    )
    return REDUCTIONS[name]


def _sum(x: Array, **where: Any) -> Array:
    return np.asarray(np.sum(x, dtype=x.dtype, **where))


def _prod(x: Array, **where: Any) -> Array:
    if is_symbolic(x):
        return np.asarray(np.prod(x, **where), dtype=object)
    return np.asarray(np.prod(x, dtype=x.dtype, **where))


def _mean(x: Array, *, axis: tuple[int, ...], keepdims: bool) -> Array:
    total = np.sum(x, axis=axis, keepdims=keepdims, dtype=x.dtype)
    count = math.prod(x.shape[a] for a in axis)
    if np.issubdtype(x.dtype, np.integer):
        return np.asarray(np.trunc(total / max(count, 1))).astype(x.dtype)
    return np.asarray(total / x.dtype.type(count))


def _extremum(ufunc: Any, lowest: bool) -> Callable[..., Array]:
    def run(x: Array, **where: Any) -> Array:
        return np.asarray(ufunc.reduce(x, initial=extreme_value(x.dtype, lowest), **where))

    return run


def extreme_value(dtype: Any, lowest: bool) -> Any:
    """The neutral element of max (`lowest`) or min."""
    if dtype == np.bool_:
        return not lowest
    if np.issubdtype(dtype, np.integer):
        return np.iinfo(dtype).min if lowest else np.iinfo(dtype).max
    return -math.inf if lowest else math.inf


def _log_sum_exp(x: Array, *, axis: tuple[int, ...], keepdims: bool) -> Array:
    top = np.max(x, axis=axis, keepdims=True, initial=-math.inf)
    top = np.where(np.isinf(top), 0, top)
    total = np.log(np.sum(np.exp(x - top), axis=axis, keepdims=True)) + top
    return total if keepdims else np.squeeze(total, axis=axis)


ReduceSum = reduction("reduce_sum", "The sum.", _sum, symbolic=True)
ReduceMean = reduction("reduce_mean", "The mean; that of integers truncates.", _mean)
ReduceProd = reduction("reduce_prod", "The product.", _prod, symbolic=True)
ReduceMax = reduction("reduce_max", "The maximum; NaN wins.", _extremum(np.maximum, True), WIDE)
ReduceMin = reduction("reduce_min", "The minimum; NaN wins.", _extremum(np.minimum, False), WIDE)
ReduceL1 = reduction("reduce_l1", "The sum of absolute values.", lambda x, **w: _sum(np.abs(x), **w))
ReduceL2 = reduction(
    "reduce_l2",
    "The square root of the sum of squares.",
    lambda x, **w: np.sqrt(_sum(x * x, **w)).astype(x.dtype),
)
ReduceSumSquare = reduction("reduce_sum_square", "The sum of squares.", lambda x, **w: _sum(x * x, **w))
ReduceLogSum = reduction("reduce_log_sum", "`log(sum(x))`.", lambda x, **w: np.log(_sum(x, **w)), FLOAT)
ReduceLogSumExp = reduction("reduce_log_sum_exp", "`log(sum(exp(x)))` without overflow.", _log_sum_exp, FLOAT)


class ArgExtremum(Op):
    """The i64 position of an extremum along `axis`; a NaN counts as the extremum."""

    operands = (Operand("x", NUMERIC),)
    attributes = (
        Attribute("axis", Int),
        Attribute("keepdims", Bool, default=True),
        Attribute("select_last_index", Bool, default=False),
    )

    @staticmethod
    def infer(x: TensorType, *, axis: int, keepdims: bool, select_last_index: bool) -> TensorType:
        if not 0 <= axis < x.rank:
            raise TypeRuleError(f"attribute 'axis' is {axis}; expected 0 to {x.rank - 1}")
        return TensorType(reduced_shape(x.shape, (axis,), keepdims), DType.I64)


def _arg(find: Callable[..., Any]) -> Callable[..., Array]:
    def fold(x: Array, *, axis: int, keepdims: bool, select_last_index: bool) -> Array:
        if select_last_index:
            found = x.shape[axis] - 1 - find(np.flip(x, axis), axis=axis, keepdims=keepdims)
        else:
            found = find(x, axis=axis, keepdims=keepdims)
        return np.asarray(found, dtype=np.int64)

    return fold


class ArgMax(ArgExtremum, name="arg_max"):
    """The position of the first (or last) maximum along `axis`."""

    fold = staticmethod(_arg(np.argmax))


class ArgMin(ArgExtremum, name="arg_min"):
    """The position of the first (or last) minimum along `axis`."""

    fold = staticmethod(_arg(np.argmin))


class ReduceAt(Op, name="reduce_at"):
    """A reduction whose `axes` only run time knows; negative ones count from the end, none may repeat.

    `kind` is sum, prod, max, min or log_sum_exp. The rank of the result is static.
    """

    operands = (Operand("x", WIDE), Operand("axes", INDEX))
    attributes = (Attribute("kind", Str), Attribute("keepdims", Bool, default=True))

    @staticmethod
    def infer(x: TensorType, axes: TensorType, *, kind: str, keepdims: bool) -> TensorType:
        if kind not in KINDS:
            raise TypeRuleError(f"attribute 'kind' is '{kind}'; expected one of {', '.join(KINDS)}")
        if axes.rank != 1 or not isinstance(axes.shape[0], int) or axes.shape[0] > x.rank:
            raise TypeRuleError(
                f"operand 'axes' is {axes}; expected a static number of axes, at most {x.rank}"
            )
        if axes.value is not None and axes.value.dtype != object:
            found = [int(a) % x.rank for a in axes.value]
            return TensorType(reduced_shape(x.shape, found, keepdims), x.dtype)
        rank = x.rank if keepdims else x.rank - axes.shape[0]
        return TensorType(tuple(fresh_dim() for _ in range(rank)), x.dtype)

    @staticmethod
    def fold(x: Array, axes: Array, *, kind: str, keepdims: bool) -> Array:
        fold = REDUCTIONS[f"reduce_{kind}"].fold
        assert fold is not None
        found = tuple(sorted(int(a) % x.ndim for a in axes))
        return np.asarray(fold(x, axes=found, keepdims=keepdims))


KINDS = ("sum", "prod", "max", "min", "log_sum_exp")
