"""Normalizations. Outputs that only training uses are computed where a model asks for them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from aicc.dialects.comparison import Equal
from aicc.dialects.elementwise import Add, Div, Mul, Pow, Reciprocal, Sqrt, Sub, Where
from aicc.dialects.normalization import BatchNorm, GroupNorm, InstanceNorm, LayerNorm, RmsNorm
from aicc.dialects.numerics import normalize_axis
from aicc.dialects.reduction import ReduceL1, ReduceL2, ReduceMean
from aicc.importer.cast import cast
from aicc.importer.element_types import dtype_of
from aicc.importer.node import Node
from aicc.importer.registry import onnx_op


@onnx_op("BatchNormalization", limits="not `spatial = 0` (opset < 9)")
def batch_norm(n: Node) -> Any:
    x, scale, bias, mean, variance = (n.required(i) for i in range(5))
    epsilon = n.attr("epsilon", 1e-5)
    if not n.attr("training_mode", 0):
        if n.attr("spatial", 1) == 0 and n.info(x).rank > 2:
            raise n.error("AICC-1006", "attribute 'spatial' is 0, which is not supported.")
        return n.build(BatchNorm, x, scale, bias, mean, variance, epsilon=epsilon)
    axes = tuple(i for i in range(n.info(x).rank) if i != 1)
    batch_mean, batch_variance = _moments(n, x, axes)
    momentum = n.attr("momentum", 0.9)

    def running(old: Any, new: Any) -> Any:
        dtype = n.info(old).dtype
        kept = n.build(Mul, old, n.const(momentum, dtype))
        return n.build(Add, kept, n.build(Mul, cast(n, new, dtype), n.const(1 - momentum, dtype)))

    y = n.build(BatchNorm, x, scale, bias, batch_mean, batch_variance, epsilon=epsilon)
    return y, running(mean, batch_mean), running(variance, batch_variance)


def _moments(n: Node, x: Any, axes: Sequence[int]) -> tuple[Any, Any]:
    """Mean and variance over `axes`, which are dropped."""
    centered = n.build(Sub, x, n.build(ReduceMean, x, axes=axes))
    variance = n.build(ReduceMean, n.build(Mul, centered, centered), axes=axes, keepdims=False)
    return n.build(ReduceMean, x, axes=axes, keepdims=False), variance


@onnx_op("LayerNormalization")
def layer_norm(n: Node) -> Any:
    x = n.required(0)
    axis = normalize_axis(n.attr("axis", -1), n.info(x).rank)
    epsilon = n.attr("epsilon", 1e-5)
    y = n.build(LayerNorm, x, n.required(1), n.input(2), axis=axis, epsilon=epsilon)
    if not (n.has_output(1) or n.has_output(2)):
        return y
    wide = cast(n, x, dtype_of(n.attr("stash_type", 1), f"attribute 'stash_type' of {n.title}"))
    axes = tuple(range(axis, n.info(x).rank))
    mean = n.build(ReduceMean, wide, axes=axes)
    centered = n.build(Sub, wide, mean)
    variance = n.build(ReduceMean, n.build(Mul, centered, centered), axes=axes)
    root = n.build(Sqrt, n.build(Add, variance, n.const(epsilon, n.info(variance).dtype)))
    return y, mean, n.build(Reciprocal, root)


@onnx_op("RMSNormalization")
def rms_norm(n: Node) -> Any:
    x = n.required(0)
    axis = normalize_axis(n.attr("axis", -1), n.info(x).rank)
    return n.build(RmsNorm, x, n.required(1), axis=axis, epsilon=n.attr("epsilon", 1e-5))


@onnx_op("SimplifiedLayerNormalization")
@onnx_op("SimplifiedLayerNormalization", domain="com.microsoft")
def simplified_layer_norm(n: Node) -> Any:
    return rms_norm(n)


@onnx_op("SkipLayerNormalization", "SkipSimplifiedLayerNormalization", domain="com.microsoft")
def skip_layer_norm(n: Node) -> Any:
    """Normalizes `x + skip + bias`; that sum is the fourth output."""
    simplified = n.op_type == "SkipSimplifiedLayerNormalization"
    total = n.build(Add, n.required(0), n.required(1))
    bias = n.input(3 if simplified else 4)
    if bias is not None:
        total = n.build(Add, total, bias)
    axis = n.info(total).rank - 1
    epsilon = n.attr("epsilon", 1e-5 if simplified else 1e-12)
    if simplified:
        y = n.build(RmsNorm, total, n.required(2), axis=axis, epsilon=epsilon)
    else:
        y = n.build(LayerNorm, total, n.required(2), n.input(3), axis=axis, epsilon=epsilon)
    return y, None, None, total


@onnx_op("GroupNormalization")
def group_norm(n: Node) -> Any:
    return n.build(
        GroupNorm,
        n.required(0),
        n.required(1),
        n.required(2),
        num_groups=n.required_attr("num_groups"),
        per_group=n.by_opset({1: True, 21: False}),
        epsilon=n.attr("epsilon", 1e-5),
    )


@onnx_op("InstanceNormalization")
def instance_norm(n: Node) -> Any:
    return n.build(InstanceNorm, n.required(0), n.required(1), n.required(2), epsilon=n.attr("epsilon", 1e-5))


@onnx_op("LpNormalization")
def lp_norm(n: Node) -> Any:
    """`x / norm(x)`; zero where the norm is zero."""
    x = n.required(0)
    t = n.info(x)
    axes = (normalize_axis(n.attr("axis", -1), t.rank),)
    p = n.attr("p", 2)
    if p not in (1, 2):
        raise n.error("AICC-1006", f"attribute 'p' is {p}; expected 1 or 2.")
    norm = n.build(ReduceL1 if p == 1 else ReduceL2, x, axes=axes)
    is_zero = n.build(Equal, norm, n.const(0, t.dtype))
    return n.build(Div, x, n.build(Where, is_zero, n.const(1, t.dtype), norm))


@onnx_op("MeanVarianceNormalization")
def mean_variance_norm(n: Node) -> Any:
    """`(x - mean) / (sqrt(mean(x²) - mean²) + 1e-9)`."""
    x = n.required(0)
    t = n.info(x)
    axes = tuple(sorted(normalize_axis(a, t.rank) for a in n.attr("axes", [0, 2, 3])))
    mean = n.build(ReduceMean, x, axes=axes)
    two = n.const(2, t.dtype)
    of_squares = n.build(ReduceMean, n.build(Pow, x, two), axes=axes)
    deviation = n.build(Sqrt, n.build(Sub, of_squares, n.build(Pow, mean, two)))
    return n.build(Div, n.build(Sub, x, mean), n.build(Add, deviation, n.const(1e-9, t.dtype)))
