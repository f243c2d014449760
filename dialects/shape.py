"""Shapes as values, and ops that only change or read a shape."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import numpy as np

from aicc.dialects.attributes import Bool, Dense, Int, Ints, Str
from aicc.dialects.numerics import Array, check_axes
from aicc.dialects.op import Attribute, Op, Operand, TypeRuleError
from aicc.dialects.sizes import as_array, elements, length, quotient, sizes
from aicc.dialects.symbolic import Dim, DimLike, dim_max, fresh_dim, has_elements, product
from aicc.dialects.types import INDEX, NUMERIC, DType, TensorType

I64 = frozenset({DType.I64})


class Shape(Op, name="shape"):
    """The sizes of `x` from dim `start` (included) to `end` (excluded), as i64."""

    operands = (Operand("x"),)
    attributes = (Attribute("start", Int, default=0), Attribute("end", Int, optional=True))

    @staticmethod
    def infer(x: TensorType, *, start: int, end: int | None) -> TensorType:
        dims = x.shape[slice(start, end)]
        return TensorType((len(dims),), DType.I64, as_array(dims))

    @staticmethod
    def fold(x: Array, *, start: int, end: int | None) -> Array:
        return np.asarray(x.shape[slice(start, end)], dtype=np.int64)


class Size(Op, name="size"):
    """The number of elements of `x`, an i64 scalar."""

    operands = (Operand("x"),)

    @staticmethod
    def infer(x: TensorType) -> TensorType:
        return TensorType((), DType.I64, as_array([product(x.shape)]).reshape(()))

    @staticmethod
    def fold(x: Array) -> Array:
        return np.asarray(x.size, dtype=np.int64)


class Reshape(Op, name="reshape"):
    """The elements of `x` in row-major order under another shape.

    One element of `shape` may be -1: what remains. 0 keeps the size of `x` at that place, unless
    `allowzero`.
    """

    operands = (Operand("x"), Operand("shape", I64))
    attributes = (Attribute("allowzero", Bool, default=False),)
    symbolic = True

    @staticmethod
    def infer(x: TensorType, shape: TensorType, *, allowzero: bool) -> TensorType:
        n = length(shape, "shape")
        wanted = elements(shape)
        if wanted is None:
            return x.with_shape(*(fresh_dim() for _ in range(n)))
        out = [_reshaped_dim(x, i, d, allowzero) for i, d in enumerate(wanted)]
        if out.count(-1) > 1:
            raise TypeRuleError(f"operand 'shape' is {wanted}; at most one element may be -1")
        if -1 in out:
            out[out.index(-1)] = _remaining(x, [d for d in out if d != -1], wanted)
        opaque = [i for i, d in enumerate(wanted) if isinstance(d, Dim) and has_elements(d)]
        if len(opaque) == 1 and -1 not in wanted and product(out[: opaque[0]] + out[opaque[0] + 1 :]) != 0:
            # whatever it says, one unknown size is what the others leave
            out[opaque[0]] = quotient(x.shape, out[: opaque[0]] + out[opaque[0] + 1 :])
        total = product(out)
        if x.is_static and isinstance(total, int) and total != x.size:
            raise TypeRuleError(f"{x.size} elements of {x} do not fill shape {out}")
        return x.with_shape(*out)

    @staticmethod
    def fold(x: Array, shape: Array, *, allowzero: bool) -> Array:
        if shape.dtype == object:
            raise TypeError("the shape is symbolic")
        target = [x.shape[i] if d == 0 and not allowzero else int(d) for i, d in enumerate(shape)]
        return x.reshape(target)


def _reshaped_dim(x: TensorType, i: int, d: DimLike, allowzero: bool) -> DimLike:
    if isinstance(d, Dim):
        # an element may turn out to be 0 or -1
        return fresh_dim() if has_elements(d) else d
    if d == 0 and not allowzero:
        if i >= x.rank:
            raise TypeRuleError(f"operand 'shape' has a 0 at {i}, but x has shape {x}")
        return x.shape[i]
    if d < -1:
        raise TypeRuleError(f"operand 'shape' has an element {d}")
    return d


def _remaining(x: TensorType, others: list[DimLike], wanted: list[DimLike]) -> Any:
    rest = product(others)
    if any(isinstance(w, Dim) and has_elements(w) for w in wanted):
        return fresh_dim()
    if isinstance(rest, int) and rest == 0:
        return 0
    if x.is_static and isinstance(rest, int) and x.size % rest:
        raise TypeRuleError(f"{x.size} elements of {x} do not divide by {rest}")
    return quotient(x.shape, others)


class Sized(Op, name="sized"):
    """`x`, whose dims have these `sizes` (-1: any): a run fails where a dim has another."""

    operands = (Operand("x"),)
    attributes = (Attribute("sizes", Ints),)

    @staticmethod
    def infer(x: TensorType, *, sizes: tuple[int, ...]) -> TensorType:
        if len(sizes) != x.rank or any(s < -1 for s in sizes):
            raise TypeRuleError(f"attribute 'sizes' is {list(sizes)}; expected a size or -1 per dim of {x}")
        for d, s in zip(x.shape, sizes, strict=True):
            if isinstance(d, int) and s not in (-1, d):
                raise TypeRuleError(f"operand 'x' is {x}; expected sizes {list(sizes)}")
        return x.with_shape(*(d if s == -1 else s for d, s in zip(x.shape, sizes, strict=True)))

    @staticmethod
    def fold(x: Array, *, sizes: tuple[int, ...]) -> Array:
        return x


class Required(Op, name="required"):
    """`x`; a run fails, and says `what` has to be, where a dim is not in `relation` to its entry of `sizes` (-1: any).

    `relation` is "at_least" or "unequal".
    """

    operands = (Operand("x"),)
    attributes = (Attribute("relation", Str), Attribute("sizes", Ints), Attribute("what", Str))

    @staticmethod
    def infer(x: TensorType, *, relation: str, sizes: tuple[int, ...], what: str) -> TensorType:
        if relation not in _RELATIONS:
            raise TypeRuleError(f"attribute 'relation' is '{relation}'; expected {' or '.join(_RELATIONS)}")
        if len(sizes) != x.rank or any(s < -1 for s in sizes):
            raise TypeRuleError(f"attribute 'sizes' is {list(sizes)}; expected a size or -1 per dim of {x}")
        for d, s in zip(x.shape, sizes, strict=True):
            if isinstance(d, int) and s != -1 and not _RELATIONS[relation](d, s):
                raise TypeRuleError(f"operand 'x' is {x}; {what}")
        return x

    @staticmethod
    def fold(x: Array, *, relation: str, sizes: tuple[int, ...], what: str) -> Array:
        return x


_RELATIONS: dict[str, Callable[[int, int], bool]] = {"at_least": operator.ge, "unequal": operator.ne}


class Squeeze(Op, name="squeeze"):
    """`x` without the dims `axes`, each of size 1."""

    operands = (Operand("x"),)
    attributes = (Attribute("axes", Ints),)
    symbolic = True

    @staticmethod
    def infer(x: TensorType, *, axes: tuple[int, ...]) -> TensorType:
        check_axes(axes, x.rank)
        for a in axes:
            if isinstance(x.shape[a], int) and x.shape[a] != 1:
                raise TypeRuleError(f"dim {a} of {x} is not 1")
        return x.with_shape(*(d for i, d in enumerate(x.shape) if i not in axes))

    @staticmethod
    def fold(x: Array, *, axes: tuple[int, ...]) -> Array:
        return np.squeeze(x, axis=tuple(axes))


class Unsqueeze(Op, name="unsqueeze"):
    """`x` with dims of size 1 put in; `axes` count in the result."""

    operands = (Operand("x"),)
    attributes = (Attribute("axes", Ints),)
    symbolic = True

    @staticmethod
    def infer(x: TensorType, *, axes: tuple[int, ...]) -> TensorType:
        rank = x.rank + len(axes)
        check_axes(axes, rank)
        rest = iter(x.shape)
        return x.with_shape(*(1 if i in axes else next(rest) for i in range(rank)))

    @staticmethod
    def fold(x: Array, *, axes: tuple[int, ...]) -> Array:
        return np.expand_dims(x, tuple(axes))


class ConstantOfShape(Op, name="constant_of_shape"):
    """A tensor of shape `shape` with every element `value` (a tensor of one element)."""

    operands = (Operand("shape", I64),)
    attributes = (Attribute("value", Dense),)
    symbolic = True
    fold_limit = 1024

    @staticmethod
    def infer(shape: TensorType, *, value: Array) -> TensorType:
        if value.size != 1:
            raise TypeRuleError(f"attribute 'value' has {value.size} elements, expected one")
        return TensorType(sizes(shape, "shape"), DType.from_numpy(value.dtype))

    @staticmethod
    def fold(shape: Array, *, value: Array) -> Array:
        if shape.dtype == object:
            raise TypeError("the shape is symbolic")
        return np.full([int(d) for d in shape], value.reshape(()), dtype=value.dtype)


class Range(Op, name="range"):
    """`start, start + delta, …` up to `limit` (excluded); scalars of one dtype."""

    operands = (
        Operand("start", NUMERIC),
        Operand("limit", NUMERIC, like="start"),
        Operand("delta", NUMERIC, like="start"),
    )
    symbolic = True
    fold_limit = 1024

    @staticmethod
    def infer(start: TensorType, limit: TensorType, delta: TensorType) -> TensorType:
        for t, what in ((start, "start"), (limit, "limit"), (delta, "delta")):
            if t.rank:
                raise TypeRuleError(f"operand '{what}' must be a scalar, got {t}")
        known = [elements(t) if t.dtype in INDEX else None for t in (start, limit, delta)]
        if any(k is None for k in known):
            return start.with_shape(fresh_dim())
        (first,), (last,), (step,) = (k for k in known if k is not None)
        if isinstance(step, Dim) or step == 0:
            return start.with_shape(fresh_dim())
        count = -((first - last) // step)
        if isinstance(count, int):
            return start.with_shape(max(count, 0))
        return start.with_shape(dim_max(count, 0) if has_elements(count) else count)

    @staticmethod
    def fold(start: Array, limit: Array, delta: Array) -> Array:
        if any(a.dtype == object for a in (start, limit, delta)):
            count = -((start.item() - limit.item()) // delta.item())
            return np.asarray([start.item() + i * delta.item() for i in range(count)], dtype=object)
        return np.arange(start.item(), limit.item(), delta.item(), dtype=start.dtype)
