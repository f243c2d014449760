"""Recognizes normalizations that exporters write out in primitive ops.

With `d = x - mean(x)` and the means over the same trailing axes:

    d / sqrt(mean(d²) + ε)                                  -->  layer_norm(x)
    x / sqrt(mean(x²) + ε)                                  -->  rms_norm(x)
    x * i + (b - mean(x) * i),  i = g / sqrt(mean(d²) + ε)  -->  layer_norm(x, g, b)     (TensorFlow)
    norm(x) * g + b                                         -->  norm(x, g, b)
    either over the channels of [N, C, …]                   -->  transpose(norm(transpose(x)))
    cast(norm(cast(x)))                                     -->  norm(x)                 (half precision)
    reshape(instance_norm(reshape(x, [N, G, …]), 1, 0))     -->  group_norm(x, 1, 0)
    group_norm(x, g, b) * g' + b'                           -->  group_norm(x, g*g', b*g' + b')

The square root may be `sqrt`, `pow`, `reciprocal` or a mix, the square `x*x` or `pow` (see `algebra`).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from aicc.dialects.types import DType
from aicc.passes.base import Pass, PassContext
from aicc.passes.graph.algebra import Monomial, close, linear, monomial
from aicc.passes.graph.facts import kind
from aicc.passes.graph.layout_rules import to_last, to_second
from aicc.passes.graph.rewrite import Pattern, Rewriter, apply, pattern

_NORMS = ("layer_norm", "rms_norm")


@dataclass(frozen=True)
class RecognizeNorms(Pass):
    """See the module."""

    pass_name: ClassVar[str] = "recognize-norms"

    def run(self, module: Any, ctx: PassContext) -> None:
        apply(module, ctx, PATTERNS)


@dataclass(frozen=True)
class _Mean:
    """The mean of `of` over `axes`, which are kept."""

    of: Any
    axes: tuple[int, ...]
    ops: tuple[Any, ...]


def _mean(rw: Rewriter, value: Any) -> _Mean | None:
    """`reduce_mean(v)`, or `reduce_sum(v) / n`, over axes that are kept."""
    m = monomial(rw, value)
    inner = next(iter(m.factors), None)
    op = rw.producer(inner, "reduce_mean", "reduce_sum")
    if op is None or m.factors != {inner: 1.0}:
        return None
    a = rw.attrs(op)
    of = op.operands[0]
    axes = a["axes"]
    if not axes or not a["keepdims"]:
        return None
    count = 1.0
    if kind(op) == "reduce_sum":
        sizes = [rw.shape(of)[i] for i in axes]
        if not all(isinstance(d, int) for d in sizes):
            return None
        count = math.prod(sizes)
    if not close(m.coefficient * count, 1.0, rw.dtype(value)):
        return None
    return _Mean(of, axes, (*m.ops, op))


def _mean_square(rw: Rewriter, value: Any) -> tuple[_Mean, Any] | None:
    """The mean and `v` when `value` is `mean(v²)`."""
    mean = _mean(rw, value)
    if mean is None:
        return None
    square = monomial(rw, mean.of)
    v = next(iter(square.factors), None)
    if square.coefficient != 1.0 or square.factors != {v: 2.0}:
        return None
    return _Mean(v, mean.axes, (*mean.ops, *square.ops)), v


@dataclass(frozen=True)
class _Variance:
    """`1 / sqrt(mean(v²) + epsilon)` as a factor: of which v."""

    of: Any
    axes: tuple[int, ...]
    epsilon: float
    ops: tuple[Any, ...]


def _variance(rw: Rewriter, value: Any) -> _Variance | None:
    """`value` as `mean(v²) + epsilon`."""
    s = linear(rw, value)
    if len(s.terms) != 1 or s.terms[0][1] != 1.0 or s.constant < 0:
        return None
    found = _mean_square(rw, s.terms[0][0])
    if found is None:
        return None
    mean, v = found
    return _Variance(v, mean.axes, s.constant, (*s.ops, *mean.ops))


def _centered(rw: Rewriter, value: Any, axes: tuple[int, ...]) -> tuple[Any, Any] | None:
    """`(x, mean)` when `value` is `x - mean(x)` over `axes`."""
    op = rw.producer(value, "sub")
    if op is None:
        return None
    x, mean = op.operands
    found = _mean(rw, mean)
    return (x, mean) if found is not None and found.of == x and found.axes == axes else None


def _inverse_root(m: Monomial) -> tuple[Any, dict[Any, float]] | None:
    """The factor with exponent -1/2, and the others."""
    roots = [v for v, e in m.factors.items() if e == -0.5]
    return (roots[0], m.others(roots[0])) if len(roots) == 1 else None


@pattern("mul", "div")
def norm(rw: Rewriter, op: Any) -> bool:
    """`d / sqrt(mean(d²) + ε) --> layer_norm(x)` for `d = x - mean(x)`, else `rms_norm(d)`"""
    result = op.results[0]
    if not rw.dtype(result).is_float:
        return False
    m = monomial(rw, result)
    found = _inverse_root(m)
    if found is None or m.coefficient != 1.0:
        return False
    d = next((v for v, e in found[1].items() if e == 1.0), None)
    variance = None if len(found[1]) != 1 or d is None else _variance(rw, found[0])
    if variance is None or variance.of != d or rw.shape(d) != rw.shape(result):
        return False
    rank = rw.rank(d)
    trailing = _is_trailing(variance.axes, rank)
    if not trailing and variance.axes != (1,):
        return False
    centered = _centered(rw, d, variance.axes)
    rw.at(op, *m.ops, *variance.ops)
    x = d if centered is None else centered[0]
    if not trailing:
        x = rw.build("transpose", x, perm=to_last(rank))
    attrs = {"axis": variance.axes[0] if trailing else rank - 1, "epsilon": variance.epsilon}
    parameters = (None,) if centered is None else (None, None)
    y = rw.build("rms_norm" if centered is None else "layer_norm", x, *parameters, **attrs)
    return rw.replace(op, y if trailing else rw.build("transpose", y, perm=to_second(rank)))


def _is_trailing(axes: tuple[int, ...], rank: int) -> bool:
    return axes == tuple(range(axes[0], rank))


@pattern("add")
def norm_by_factor(rw: Rewriter, op: Any) -> bool:
    """`x * i + (b - mean(x) * i) --> layer_norm(x, g, b)` for `i = g / sqrt(variance(x) + ε)`"""
    result = op.results[0]
    s = linear(rw, result)
    positive = [t for t, sign in s.terms if sign == 1.0]
    negative = [rw.producer(t, "mul") for t, sign in s.terms if sign == -1.0]
    if s.constant != 0 or len(positive) > 2 or len(negative) != 1 or negative[0] is None:
        return False
    shifts = list(negative[0].operands)
    for product in positive:
        scaled = rw.producer(product, "mul")
        if scaled is None:
            continue
        common = [v for v in scaled.operands if v in shifts]
        if len(common) != 1:
            continue
        factor = common[0]
        x = next(v for v in scaled.operands if v != factor)
        mean = next(v for v in shifts if v != factor)
        found = _inverse_root(monomial(rw, factor))
        variance = None if found is None else _variance(rw, found[0])
        if variance is None or found is None:
            continue
        scales = [v for v, e in found[1].items() if e == 1.0]
        m = monomial(rw, factor)
        axis = variance.axes[0]
        if (
            not _is_trailing(variance.axes, rw.rank(x))
            or m.coefficient != 1.0
            or len(scales) != len(found[1])
            or len(scales) > 1
        ):
            continue
        if _centered(rw, variance.of, variance.axes) != (x, mean) or rw.shape(x) != rw.shape(result):
            continue
        bias = next((t for t in positive if t != product), None)
        if not all(_fits(rw, v, x, axis) for v in (*scales, bias) if v is not None):
            continue
        rw.at(op, *s.ops, scaled, *m.ops, *variance.ops)
        scale = scales[0] if scales else None
        return rw.replace(op, rw.build("layer_norm", x, scale, bias, axis=axis, epsilon=variance.epsilon))
    return False


def _fits(rw: Rewriter, parameter: Any, x: Any, axis: int) -> bool:
    """Whether a scale or bias varies over the normalized axes only and broadcasts to x."""
    shape, full = rw.shape(parameter), rw.shape(x)
    if len(shape) > len(full):
        return False
    padded = (1,) * (len(full) - len(shape)) + tuple(shape)
    return all(d == 1 for d in padded[:axis]) and all(d in (1, f) for d, f in zip(padded, full, strict=True))


def _other(op: Any, value: Any) -> Any:
    a, b = op.operands
    return b if a == value else a


@pattern(*_NORMS)
def norm_scale_and_bias(rw: Rewriter, op: Any) -> bool:
    """`norm(x) * g --> norm(x, g)`, `layer_norm(x, g) + b --> layer_norm(x, g, b)`"""
    y = op.results[0]
    if not rw.has_one_use(y):
        return False
    user = rw.users(y)[0]
    x, scale, *rest = rw.operands(op)
    bias = rest[0] if rest else None
    if kind(user) not in ("mul", "add") or bias is not None:
        return False
    parameter = _other(user, y)
    axis = rw.attrs(op)["axis"]
    if parameter == y or not _fits(rw, parameter, x, axis) or rw.shape(user.results[0]) != rw.shape(x):
        return False
    if kind(user) == "mul":
        if scale is not None:
            return False
        operands = [x, parameter, *rest]
    elif kind(op) == "layer_norm":
        operands = [x, scale, parameter]
    else:
        return False
    rw.at(user, op)
    return rw.replace(user, rw.build(kind(op), *operands, **rw.attrs(op)))


@pattern("transpose")
def scale_and_bias_after_transpose(rw: Rewriter, op: Any) -> bool:
    """`transpose(norm(x)) * g --> transpose(norm(x) * g')` for channels last in x, g per channel; likewise `+ b`"""
    inner = rw.inner(op.operands[0], *_NORMS)
    y = op.results[0]
    rank = rw.rank(y)
    if inner is None or rank < 3 or rw.attrs(op)["perm"] != to_second(rank) or not rw.has_one_use(y):
        return False
    user = rw.users(y)[0]
    if kind(user) not in ("mul", "add"):
        return False
    parameter = _other(user, y)
    channels = rw.shape(y)[1]
    per_channel = (channels, *[1] * (rank - 2))
    if not rw.is_constant(parameter) or rw.shape(parameter) not in (per_channel, (1, *per_channel)):
        return False
    rw.at(user, op)
    flat = rw.build("reshape", parameter, rw.const(np.asarray([channels]), DType.I64))
    moved = rw.build(kind(user), op.operands[0], flat)
    return rw.replace(user, rw.build("transpose", moved, perm=to_second(rank)))


@pattern("cast")
def norm_between_casts(rw: Rewriter, op: Any) -> bool:
    """`cast(norm(cast(x, f32)), f16) --> norm(x)`: statistics are in f32 anyway"""
    to: DType = rw.attrs(op)["to"]
    inner = rw.inner(op.operands[0], *_NORMS)
    widened = None if inner is None else rw.producer(inner.operands[0], "cast")
    if inner is None or widened is None or to not in (DType.F16, DType.BF16):
        return False
    x, *parameters = rw.operands(inner)
    source = widened.operands[0]
    if rw.dtype(source) is not to or rw.dtype(x) is not DType.F32 or any(p is not None for p in parameters):
        return False
    rw.at(op, inner, widened)
    return rw.replace(op, rw.build(kind(inner), source, *parameters, **rw.attrs(inner)))


@pattern("reshape")
def group_norm(rw: Rewriter, op: Any) -> bool:
    """`reshape(instance_norm(reshape(x, [N, G, …]), scale, bias)) --> group_norm(x)`, scale and bias constant"""
    x_shape = rw.shape(op.results[0])
    inner = rw.inner(op.operands[0], "instance_norm")
    grouped = None if inner is None else rw.producer(inner.operands[0], "reshape")
    if inner is None or grouped is None or len(x_shape) < 3:
        return False
    x = grouped.operands[0]
    folded = rw.shape(grouped.results[0])
    channels = x_shape[1]
    if rw.shape(x) != x_shape or folded[0] != x_shape[0]:
        return False
    groups = folded[1]
    if not isinstance(groups, int) or not isinstance(channels, int) or channels % groups:
        return False
    scale, bias = (rw.scalar(v) for v in inner.operands[1:3])
    if scale is None or bias is None:
        return False
    rw.at(op, inner, grouped)
    dtype = rw.dtype(x)
    s, b = (
        rw.const(np.full(channels, v), dtype, hint=f"group_norm.{n}")
        for v, n in ((scale, "scale"), (bias, "bias"))
    )
    attrs = {"num_groups": groups, "epsilon": rw.attrs(inner)["epsilon"]}
    return rw.replace(op, rw.build("group_norm", x, s, b, **attrs))


@pattern("group_norm", "instance_norm")
def group_norm_scale_and_bias(rw: Rewriter, op: Any) -> bool:
    """`group_norm(x, g, b) * g' --> group_norm(x, g*g', b*g')`, `… + b' --> group_norm(x, g, b + b')`"""
    y = op.results[0]
    if not rw.has_one_use(y) or rw.attrs(op).get("per_group", False):
        return False
    user = rw.users(y)[0]
    if kind(user) not in ("mul", "add"):
        return False
    parameter = _other(user, y)
    x, scale, bias = op.operands
    per_channel = (rw.shape(x)[1], *[1] * (rw.rank(x) - 2))
    if not rw.is_constant(parameter) or rw.shape(parameter) not in (per_channel, (1, *per_channel)):
        return False
    rw.at(user, op)
    flat = rw.build("reshape", parameter, rw.const(np.asarray([per_channel[0]]), DType.I64))
    if kind(user) == "mul":
        operands = [x, rw.build("mul", scale, flat), rw.build("mul", bias, flat)]
    else:
        operands = [x, scale, rw.build("add", bias, flat)]
    return rw.replace(user, rw.build(kind(op), *operands, **rw.attrs(op)))


PATTERNS: tuple[Pattern, ...] = (
    norm,
    norm_by_factor,
    norm_scale_and_bias,
    scale_and_bias_after_transpose,
    norm_between_casts,
    group_norm,
    group_norm_scale_and_bias,
)
