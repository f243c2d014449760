"""Ops that move elements without computing: transposes, repeats, joins, slices, blocks."""

from __future__ import annotations

from typing import Any

import numpy as np

from aicc.dialects.attributes import Int, Ints, Str
from aicc.dialects.broadcast import broadcast
from aicc.dialects.numerics import Array, normalize_axis
from aicc.dialects.op import Attribute, Op, Operand, TypeRuleError
from aicc.dialects.sizes import elements, length, slice_bounds
from aicc.dialects.symbolic import DimLike, fresh_dim
from aicc.dialects.types import ANY, INDEX, DType, TensorType

I64 = frozenset({DType.I64})


class Transpose(Op, name="transpose"):
    """`y.shape[i] = x.shape[perm[i]]`."""

    operands = (Operand("x"),)
    attributes = (Attribute("perm", Ints),)
    symbolic = True

    @staticmethod
    def infer(x: TensorType, *, perm: tuple[int, ...]) -> TensorType:
        if sorted(perm) != list(range(x.rank)):
            raise TypeRuleError(f"attribute 'perm' is {list(perm)}, no permutation of rank {x.rank}")
        return x.with_shape(*(x.shape[p] for p in perm))

    @staticmethod
    def fold(x: Array, *, perm: tuple[int, ...]) -> Array:
        return np.transpose(x, perm)


class Expand(Op, name="expand"):
    """`x` broadcast with a tensor of shape `shape`: sizes of 1 in either give way to the other's."""

    operands = (Operand("x"), Operand("shape", I64))
    symbolic = True
    fold_limit = 1024

    @staticmethod
    def infer(x: TensorType, shape: TensorType) -> TensorType:
        n = length(shape, "shape")
        wanted = elements(shape)
        target = wanted if wanted is not None else [fresh_dim() for _ in range(n)]
        return x.with_shape(*broadcast(x.shape, target))

    @staticmethod
    def fold(x: Array, shape: Array) -> Array:
        if shape.dtype == object:
            raise TypeError("the shape is symbolic")
        return np.broadcast_to(x, np.broadcast_shapes(x.shape, tuple(int(d) for d in shape)))


class Tile(Op, name="tile"):
    """`x` repeated `repeats[i]` times along dim `i`."""

    operands = (Operand("x"), Operand("repeats", I64))
    symbolic = True
    fold_limit = 1024

    @staticmethod
    def infer(x: TensorType, repeats: TensorType) -> TensorType:
        if length(repeats, "repeats") != x.rank:
            raise TypeRuleError(f"operand 'repeats' has {repeats.shape[0]} elements for rank {x.rank}")
        counts = elements(repeats)
        if counts is None:
            return x.with_shape(*(fresh_dim() for _ in x.shape))
        return x.with_shape(*(d * r for d, r in zip(x.shape, counts, strict=True)))

    @staticmethod
    def fold(x: Array, repeats: Array) -> Array:
        if repeats.dtype == object:
            raise TypeError("the repeats are symbolic")
        return np.tile(x, [int(r) for r in repeats])


class Concat(Op, name="concat", upstream="tensor.concat"):
    """The operands, one after the other along `dim`."""

    operands = (Operand("inputs", ANY, variadic=True),)
    attributes = (Attribute("dim", Int),)
    symbolic = True

    @staticmethod
    def infer(*inputs: TensorType, dim: int) -> TensorType:
        if not inputs:
            raise TypeRuleError("operands are missing")
        first = inputs[0]
        normalize_axis(dim, first.rank)
        shape: list[DimLike] = list(first.shape)
        for t in inputs[1:]:
            if t.rank != first.rank:
                raise TypeRuleError(f"operands have ranks {first.rank} and {t.rank}")
            for i, d in enumerate(t.shape):
                if i == dim:
                    shape[i] = shape[i] + d
                elif isinstance(d, int) and isinstance(shape[i], int) and d != shape[i]:
                    raise TypeRuleError(f"operands {first} and {t} differ in dim {i}")
                elif isinstance(d, int):
                    shape[i] = d
        return first.with_shape(*shape)

    @staticmethod
    def fold(*inputs: Array, dim: int) -> Array:
        return np.concatenate(inputs, axis=dim)


class Slice(Op, name="slice"):
    """`x[starts[j] : ends[j] : steps[j]]` along `axes[j]`, other dims whole; NumPy's rules for bounds."""

    operands = (
        Operand("x"),
        Operand("starts", INDEX),
        Operand("ends", INDEX, like="starts"),
        Operand("steps", INDEX, optional=True, like="starts"),
    )
    attributes = (Attribute("axes", Ints),)
    symbolic = True

    @staticmethod
    def infer(
        x: TensorType,
        starts: TensorType,
        ends: TensorType,
        steps: TensorType | None,
        *,
        axes: tuple[int, ...],
    ) -> TensorType:
        if len(set(axes)) != len(axes) or any(not 0 <= a < x.rank for a in axes):
            raise TypeRuleError(f"attribute 'axes' is {list(axes)}; expected distinct axes of rank {x.rank}")
        for t, what in ((starts, "starts"), (ends, "ends"), (steps, "steps")):
            if t is not None and length(t, what) != len(axes):
                raise TypeRuleError(f"operand '{what}' has {t.shape[0]} elements for {len(axes)} axes")
        shape = list(x.shape)
        for axis, bounds in zip(axes, known_bounds(x, starts, ends, steps, axes), strict=True):
            shape[axis] = fresh_dim() if bounds is None else bounds[1]
        return x.with_shape(*shape)

    @staticmethod
    def fold(x: Array, starts: Array, ends: Array, steps: Array | None, *, axes: tuple[int, ...]) -> Array:
        if any(a is not None and a.dtype == object for a in (starts, ends, steps)):
            raise TypeError("the bounds are symbolic")
        index = [slice(None)] * x.ndim
        for j, axis in enumerate(axes):
            step = 1 if steps is None else int(steps[j])
            first, count = slice_bounds(int(starts[j]), int(ends[j]), step, x.shape[axis]) or (0, 0)
            stop = first + count * step
            index[axis] = slice(first, stop if stop >= 0 else None, step)
        return x[tuple(index)]


def known_bounds(
    x: TensorType, starts: TensorType, ends: TensorType, steps: TensorType | None, axes: tuple[int, ...]
) -> list[tuple[Any, Any] | None]:
    """First index and count along each axis, None where only run time knows. Raises TypeRuleError."""
    first, last = elements(starts), elements(ends)
    step = [1] * len(axes) if steps is None else elements(steps)
    if step is not None and 0 in step:
        raise TypeRuleError("operand 'steps' has a 0")
    if first is None or last is None or step is None:
        return [None] * len(axes)
    return [slice_bounds(first[j], last[j], step[j], x.shape[axis]) for j, axis in enumerate(axes)]


class DepthToSpace(Op, name="depth_to_space"):
    """Blocks of channels become `block`×`block` pixels; the block is outermost ("DCR") or innermost ("CRD") of C·b².

    `x[n, C·b², h, w] --> y[n, C, h·b, w·b]`, in `layout`.
    """

    operands = (Operand("x"),)
    attributes = (
        Attribute("block", Int),
        Attribute("mode", Str, default="DCR"),
        Attribute("layout", Str, default="NCHW"),
    )

    @staticmethod
    def infer(x: TensorType, *, block: int, mode: str, layout: str) -> TensorType:
        _check_block(x, block, mode, layout)
        n, c, h, w = _nchw(x.shape, layout)
        if isinstance(c, int) and c % (block * block):
            raise TypeRuleError(f"{c} channels are no multiple of {block * block}")
        return x.with_shape(*_in_layout((n, c // (block * block), h * block, w * block), layout))


class SpaceToDepth(Op, name="space_to_depth"):
    """Blocks of `block`×`block` pixels become channels; the block is outermost ("DCR") or innermost ("CRD") of C·b².

    `x[n, C, h, w] --> y[n, C·b², h/b, w/b]`, in `layout`.
    """

    operands = (Operand("x"),)
    attributes = (
        Attribute("block", Int),
        Attribute("mode", Str, default="DCR"),
        Attribute("layout", Str, default="NCHW"),
    )

    @staticmethod
    def infer(x: TensorType, *, block: int, mode: str, layout: str) -> TensorType:
        _check_block(x, block, mode, layout)
        n, c, h, w = _nchw(x.shape, layout)
        if any(isinstance(d, int) and d % block for d in (h, w)):
            raise TypeRuleError(f"spatial sizes of {x} are no multiples of {block}")
        return x.with_shape(*_in_layout((n, c * (block * block), h // block, w // block), layout))


def _check_block(x: TensorType, block: int, mode: str, layout: str) -> None:
    if mode not in ("DCR", "CRD"):
        raise TypeRuleError(f"attribute 'mode' is '{mode}', expected DCR or CRD")
    if x.rank != 4 or block < 1 or layout not in ("NCHW", "NHWC"):
        raise TypeRuleError(
            f"expects a tensor of rank 4, a positive block and a layout; got {x}, {block}, {layout}"
        )


def _nchw(shape: tuple[DimLike, ...], layout: str) -> tuple[Any, ...]:
    return shape if layout == "NCHW" else (shape[0], shape[3], shape[1], shape[2])


def _in_layout(nchw: tuple[Any, ...], layout: str) -> tuple[Any, ...]:
    return nchw if layout == "NCHW" else (nchw[0], nchw[2], nchw[3], nchw[1])
