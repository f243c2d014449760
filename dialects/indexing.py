"""Reads and writes at positions that are data: gathers, scatters, one-hot."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from aicc.dialects.attributes import Int, Str
from aicc.dialects.numerics import Array, normalize_axis
from aicc.dialects.op import Attribute, Op, Operand, TypeRuleError
from aicc.dialects.sizes import elements
from aicc.dialects.symbolic import DimLike, fresh_dim
from aicc.dialects.types import ANY, INDEX, NUMERIC, WIDE, DType, TensorType

REDUCTIONS = ("none", "add", "mul", "max", "min")


class Gather(Op, name="gather"):
    """`y = take(x, indices, axis)`: `axis` gives way to the dims of `indices`. Negative indices count from the end.

    Indices out of range read the nearest element, here and in the other gathers; scatters write it.
    """

    operands = (Operand("x"), Operand("indices", INDEX))
    attributes = (Attribute("axis", Int),)
    symbolic = True

    @staticmethod
    def infer(x: TensorType, indices: TensorType, *, axis: int) -> TensorType:
        normalize_axis(axis, x.rank)
        return x.with_shape(*x.shape[:axis], *indices.shape, *x.shape[axis + 1 :])

    @staticmethod
    def fold(x: Array, indices: Array, *, axis: int) -> Array:
        if indices.dtype == object:
            raise TypeError("the indices are symbolic")
        return np.asarray(np.take(x, wrapped(indices, x.shape[axis]), axis=axis))


class Part(Op, name="part"):
    """`y = x[index]`, of the first dim; no copy: the host program reads `index`, a scalar, and says where `y` is.

    What a run chooses of weights is one, an expert's. Out of range reads the nearest.
    """

    operands = (Operand("x"), Operand("index", INDEX))

    @staticmethod
    def infer(x: TensorType, index: TensorType) -> TensorType:
        if x.rank < 1 or index.rank:
            raise TypeRuleError(f"no part of {x} is at {index}; expected a dim to choose along, and a scalar")
        return x.with_shape(*x.shape[1:])

    @staticmethod
    def fold(x: Array, index: Array) -> Array:
        return np.asarray(x[wrapped(index, x.shape[0])])


class GatherElements(Op, name="gather_elements"):
    """`y[i…] = x[i… with indices[i…] at axis]`; `y` has the shape of `indices`."""

    operands = (Operand("x"), Operand("indices", INDEX))
    attributes = (Attribute("axis", Int),)

    @staticmethod
    def infer(x: TensorType, indices: TensorType, *, axis: int) -> TensorType:
        _check_elements(x, indices, axis)
        return x.with_shape(*indices.shape)

    @staticmethod
    def fold(x: Array, indices: Array, *, axis: int) -> Array:
        where: list[Array] = list(np.indices(indices.shape))
        where[axis] = wrapped(indices, x.shape[axis])
        return np.asarray(x[tuple(where)])


class GatherNd(Op, name="gather_nd"):
    """Slices of `x` at the index tuples in the last dim of `indices`; the first `batch_dims` dims are paired."""

    operands = (Operand("x"), Operand("indices", INDEX))
    attributes = (Attribute("batch_dims", Int, default=0),)

    @staticmethod
    def infer(x: TensorType, indices: TensorType, *, batch_dims: int) -> TensorType:
        depth = index_depth(x, indices, batch_dims)
        what = f"operands 'x' {x} and 'indices' {indices} differ in their {batch_dims} batch dims"
        _check_equal(x.shape[:batch_dims], indices.shape[:batch_dims], what)
        return x.with_shape(*indices.shape[:-1], *x.shape[batch_dims + depth :])

    @staticmethod
    def fold(x: Array, indices: Array, *, batch_dims: int) -> Array:
        depth = indices.shape[-1]
        batch = np.indices(indices.shape[:-1])[:batch_dims]
        at = [wrapped(indices[..., j], x.shape[batch_dims + j]) for j in range(depth)]
        return np.asarray(x[(*batch, *at)])


class ScatterElements(Op, name="scatter_elements"):
    """`x` with `updates[i…]` at `[i… with indices[i…] at axis]`, in row-major order of the updates.

    `reduction` "none" overwrites; the others combine with what is there.
    """

    operands = (Operand("x"), Operand("indices", INDEX), Operand("updates", ANY, like="x"))
    attributes = (Attribute("axis", Int), Attribute("reduction", Str, default="none"))

    @staticmethod
    def infer(
        x: TensorType, indices: TensorType, updates: TensorType, *, axis: int, reduction: str
    ) -> TensorType:
        _check_elements(x, indices, axis)
        _check_reduction(reduction, x.dtype)
        what = f"operands 'indices' {indices} and 'updates' {updates} differ in shape"
        if updates.rank != indices.rank:
            raise TypeRuleError(what)
        _check_equal(indices.shape, updates.shape, what)
        return x.plain()

    @staticmethod
    def fold(x: Array, indices: Array, updates: Array, *, axis: int, reduction: str) -> Array:
        where: list[Array] = list(np.indices(indices.shape))
        where[axis] = wrapped(indices, x.shape[axis])
        return _combined(x, tuple(where), updates, reduction)


class ScatterNd(Op, name="scatter_nd"):
    """`x` with slices `updates` at the index tuples in the last dim of `indices`, in row-major order."""

    operands = (Operand("x"), Operand("indices", INDEX), Operand("updates", ANY, like="x"))
    attributes = (Attribute("reduction", Str, default="none"),)

    @staticmethod
    def infer(x: TensorType, indices: TensorType, updates: TensorType, *, reduction: str) -> TensorType:
        depth = index_depth(x, indices, 0)
        _check_reduction(reduction, x.dtype)
        what = f"operand 'updates' {updates} does not fit indices {indices} into {x}"
        if updates.rank != indices.rank - 1 + x.rank - depth:
            raise TypeRuleError(what)
        _check_equal(updates.shape, (*indices.shape[:-1], *x.shape[depth:]), what)
        return x.plain()

    @staticmethod
    def fold(x: Array, indices: Array, updates: Array, *, reduction: str) -> Array:
        where = tuple(wrapped(indices[..., j], x.shape[j]) for j in range(indices.shape[-1]))
        return _combined(x, where, updates, reduction)


class OneHot(Op, name="one_hot"):
    """`values = [off, on]`: `on` where the position along the new dim `axis` of size `depth` is the index."""

    operands = (Operand("indices", NUMERIC), Operand("depth", INDEX), Operand("values"))
    attributes = (Attribute("axis", Int),)

    @staticmethod
    def infer(indices: TensorType, depth: TensorType, values: TensorType, *, axis: int) -> TensorType:
        normalize_axis(axis, indices.rank + 1)
        known = elements(depth)
        if depth.rank > 1 or (known is not None and len(known) != 1):
            raise TypeRuleError(f"operand 'depth' must be a scalar, got {depth}")
        size = fresh_dim() if known is None else known[0]
        return values.with_shape(*indices.shape[:axis], size, *indices.shape[axis:])

    @staticmethod
    def fold(indices: Array, depth: Array, values: Array, *, axis: int) -> Array:
        n = int(depth.item())
        position = np.arange(n).reshape([n] + [1] * (indices.ndim - axis))
        hit = np.expand_dims(np.where(indices < 0, indices + n, indices), axis) == position
        return np.asarray(np.where(hit, values[1], values[0]))


def wrapped(indices: Array, n: int) -> Array:
    """Indices counted from the front, clamped to `[0, n)`."""
    out: Array = np.clip(np.where(indices < 0, indices + n, indices), 0, max(n - 1, 0))
    return out


def index_depth(x: TensorType, indices: TensorType, batch_dims: int) -> int:
    """The length of the index tuples. Raises TypeRuleError."""
    depth = indices.shape[-1] if indices.rank else None
    if not isinstance(depth, int):
        raise TypeRuleError(f"operand 'indices' must have a last dim of static size, got {indices}")
    if not 0 <= batch_dims < indices.rank or batch_dims + depth > x.rank:
        raise TypeRuleError(f"index tuples of length {depth} after {batch_dims} batch dims do not fit {x}")
    return depth


def _check_elements(x: TensorType, indices: TensorType, axis: int) -> None:
    normalize_axis(axis, x.rank)
    if indices.rank != x.rank:
        raise TypeRuleError(f"operand 'indices' {indices} must have the rank of {x}")
    for d, (n, most) in enumerate(zip(indices.shape, x.shape, strict=True)):
        if d != axis and isinstance(n, int) and isinstance(most, int) and n > most:
            raise TypeRuleError(f"operand 'indices' {indices} must not be larger than {x} in dim {d}")


def _check_equal(a: Sequence[DimLike], b: Sequence[DimLike], what: str) -> None:
    """Raises TypeRuleError for sizes that are known to differ."""
    if any(isinstance(x, int) and isinstance(y, int) and x != y for x, y in zip(a, b, strict=True)):
        raise TypeRuleError(what)


def _check_reduction(reduction: str, dtype: DType) -> None:
    if reduction not in REDUCTIONS:
        raise TypeRuleError(
            f"attribute 'reduction' is '{reduction}', expected one of {', '.join(REDUCTIONS)}"
        )
    if reduction != "none" and dtype not in WIDE:
        raise TypeRuleError(f"elements of dtype {dtype.mlir} are moved, not combined by '{reduction}'")


def _combined(x: Array, where: Any, updates: Array, reduction: str) -> Array:
    out = np.array(x)
    if reduction == "none":
        out[where] = updates
        return out
    ufunc = {"add": np.add, "mul": np.multiply, "max": np.maximum, "min": np.minimum}[reduction]
    ufunc.at(out, where, updates)
    return out
