"""Normalizations. Statistics of f16 and bf16 inputs are computed in f32."""

from __future__ import annotations

import numpy as np

from aicc.dialects.attributes import Bool, Float, Int
from aicc.dialects.broadcast import check_broadcasts_to
from aicc.dialects.numerics import Array, widened
from aicc.dialects.op import Attribute, Op, Operand, TypeRuleError
from aicc.dialects.types import FLOAT, TensorType

_EPSILON = Attribute("epsilon", Float, default=1e-5)


class BatchNorm(Op, name="batch_norm"):
    """`(x - mean) / sqrt(variance + epsilon) * scale + bias` per channel, the dimension 1 of x (inference)."""

    operands = (
        Operand("x", FLOAT),
        Operand("scale", FLOAT),
        Operand("bias", FLOAT),
        Operand("mean", FLOAT),
        Operand("variance", FLOAT),
    )
    attributes = (_EPSILON,)

    @staticmethod
    def infer(x: TensorType, *parameters: TensorType, epsilon: float) -> TensorType:
        for name, t in zip(("scale", "bias", "mean", "variance"), parameters, strict=True):
            _check_channels(x, t, name)
        return x.plain()

    @staticmethod
    def fold(x: Array, scale: Array, bias: Array, mean: Array, variance: Array, *, epsilon: float) -> Array:
        return _batch_norm(x, scale, bias, mean, variance, epsilon=epsilon)


def _check_channels(x: TensorType, t: TensorType, name: str) -> None:
    if x.rank < 2 or t.rank != 1:
        raise TypeRuleError(f"expects x of rank 2 or more and '{name}' of rank 1, got {x} and {t}")
    have, want = t.shape[0], x.shape[1]
    if isinstance(have, int) and isinstance(want, int) and have != want:
        raise TypeRuleError(f"operand '{name}' has {have} channels, x has {want}")


def _per_channel(a: Array, x: Array) -> Array:
    return a.reshape(-1, *[1] * (x.ndim - 2))


@widened
def _batch_norm(
    x: Array, scale: Array, bias: Array, mean: Array, variance: Array, *, epsilon: float
) -> Array:
    factor = scale / np.sqrt(variance + epsilon)
    out: Array = x * _per_channel(factor, x) + _per_channel(bias - mean * factor, x)
    return out


class LayerNorm(Op, name="layer_norm"):
    """`(x - mean) / sqrt(variance + epsilon) * scale + bias` over the dims from `axis` on.

    Scale and bias are optional and broadcast to x.
    """

    operands = (
        Operand("x", FLOAT),
        Operand("scale", FLOAT, optional=True),
        Operand("bias", FLOAT, optional=True),
    )
    attributes = (Attribute("axis", Int), _EPSILON)

    @staticmethod
    def infer(
        x: TensorType, scale: TensorType | None, bias: TensorType | None, *, axis: int, epsilon: float
    ) -> TensorType:
        _check_axis(axis, x)
        for name, t in (("scale", scale), ("bias", bias)):
            if t is not None:
                check_broadcasts_to(t.shape, x.shape, f"operand '{name}'")
        return x.plain()

    @staticmethod
    def fold(x: Array, scale: Array | None, bias: Array | None, *, axis: int, epsilon: float) -> Array:
        return _layer_norm(x, scale, bias, axis=axis, epsilon=epsilon)


def _check_axis(axis: int, x: TensorType) -> None:
    if not 0 <= axis < x.rank:
        raise TypeRuleError(f"attribute 'axis' is {axis}; expected 0 to {x.rank - 1}")


def _standardized(x: Array, axes: tuple[int, ...], epsilon: float) -> Array:
    centered = x - np.mean(x, axis=axes, keepdims=True)
    variance = np.mean(centered * centered, axis=axes, keepdims=True)
    out: Array = centered / np.sqrt(variance + epsilon)
    return out


@widened
def _layer_norm(x: Array, scale: Array | None, bias: Array | None, *, axis: int, epsilon: float) -> Array:
    y = _standardized(x, tuple(range(axis, x.ndim)), epsilon)
    y = y if scale is None else y * scale
    return y if bias is None else y + bias


class RmsNorm(Op, name="rms_norm"):
    """`x / sqrt(mean(x²) + epsilon) * scale` over the dims from `axis` on; scale is optional and broadcasts."""

    operands = (Operand("x", FLOAT), Operand("scale", FLOAT, optional=True))
    attributes = (Attribute("axis", Int), _EPSILON)

    @staticmethod
    def infer(x: TensorType, scale: TensorType | None, *, axis: int, epsilon: float) -> TensorType:
        _check_axis(axis, x)
        if scale is not None:
            check_broadcasts_to(scale.shape, x.shape, "operand 'scale'")
        return x.plain()

    @staticmethod
    def fold(x: Array, scale: Array | None, *, axis: int, epsilon: float) -> Array:
        return _rms_norm(x, scale, axis=axis, epsilon=epsilon)


@widened
def _rms_norm(x: Array, scale: Array | None, *, axis: int, epsilon: float) -> Array:
    y = x / np.sqrt(np.mean(x * x, axis=tuple(range(axis, x.ndim)), keepdims=True) + epsilon)
    out: Array = y if scale is None else y * scale
    return out


class GroupNorm(Op, name="group_norm"):
    """Each of `num_groups` groups of channels (dimension 1 of x) of each sample to mean 0 and variance 1.

    `y = (x - mean) / sqrt(variance + epsilon) * scale + bias` with scale and bias per channel, or `per_group`.
    """

    operands = (Operand("x", FLOAT), Operand("scale", FLOAT), Operand("bias", FLOAT))
    attributes = (Attribute("num_groups", Int), _EPSILON, Attribute("per_group", Bool, default=False))

    @staticmethod
    def infer(
        x: TensorType,
        scale: TensorType,
        bias: TensorType,
        *,
        num_groups: int,
        epsilon: float,
        per_group: bool,
    ) -> TensorType:
        for name, t in (("scale", scale), ("bias", bias)):
            if not per_group:
                _check_channels(x, t, name)
            elif t.rank != 1 or t.shape[0] != num_groups and isinstance(t.shape[0], int):
                raise TypeRuleError(f"operand '{name}' is {t}; expected one element per group")
        if num_groups < 1 or (isinstance(x.shape[1], int) and x.shape[1] % num_groups):
            raise TypeRuleError(
                f"attribute 'num_groups' is {num_groups}, which does not divide {x.shape[1]} channels"
            )
        return x.plain()

    @staticmethod
    def fold(
        x: Array, scale: Array, bias: Array, *, num_groups: int, epsilon: float, per_group: bool
    ) -> Array:
        return _group_norm(x, scale, bias, num_groups=num_groups, epsilon=epsilon, per_group=per_group)


@widened
def _group_norm(
    x: Array, scale: Array, bias: Array, *, num_groups: int, epsilon: float, per_group: bool
) -> Array:
    grouped = x.reshape(x.shape[0], num_groups, -1)
    y = _standardized(grouped, (2,), epsilon).reshape(x.shape)
    if per_group:
        scale, bias = (np.repeat(a, x.shape[1] // num_groups) for a in (scale, bias))
    out: Array = y * _per_channel(scale, x) + _per_channel(bias, x)
    return out


class InstanceNorm(Op, name="instance_norm"):
    """`group_norm` with one channel per group."""

    operands = (Operand("x", FLOAT), Operand("scale", FLOAT), Operand("bias", FLOAT))
    attributes = (_EPSILON,)

    @staticmethod
    def infer(x: TensorType, scale: TensorType, bias: TensorType, *, epsilon: float) -> TensorType:
        _check_channels(x, scale, "scale")
        _check_channels(x, bias, "bias")
        if x.rank < 3:
            raise TypeRuleError(f"expects x of rank 3 or more, got {x}")
        return x.plain()

    @staticmethod
    def fold(x: Array, scale: Array, bias: Array, *, epsilon: float) -> Array:
        return _group_norm(x, scale, bias, num_groups=x.shape[1], epsilon=epsilon, per_group=False)
