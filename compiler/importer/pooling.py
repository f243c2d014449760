"""Poolings and local response normalization."""

from __future__ import annotations

from typing import Any

from aicc.dialects import OPS, Op
from aicc.dialects.pooling import AveragePool, LpPool, Lrn, MaxPool, MaxPoolIndices
from aicc.importer.node import Node
from aicc.importer.registry import onnx_op
from aicc.importer.windows import window_attributes


def _pool(n: Node, op: type[Op], **attrs: Any) -> Any:
    x = n.required(0)
    kernel = n.required_attr("kernel_shape")
    spatial = n.info(x).shape[2:]
    if len(kernel) != len(spatial):
        raise n.error("AICC-1006", f"attribute 'kernel_shape' is {kernel}, but the input is {n.info(x)}.")
    window = window_attributes(n, kernel, spatial)
    # the size formula of SAME paddings has no use for ceil_mode
    ceil = bool(n.attr("ceil_mode", 0)) and n.attr("auto_pad", "NOTSET") in ("NOTSET", "VALID")
    return n.build(op, x, kernel=kernel, ceil_mode=ceil, **window, **attrs)


@onnx_op("MaxPool")
def max_pool(n: Node) -> Any:
    if not n.has_output(1):
        return _pool(n, MaxPool)
    return _pool(n, MaxPoolIndices, column_major=bool(n.attr("storage_order", 0)))


@onnx_op("AveragePool")
def average_pool(n: Node) -> Any:
    return _pool(n, AveragePool, count_include_pad=bool(n.attr("count_include_pad", 0)))


@onnx_op("LpPool")
def lp_pool(n: Node) -> Any:
    return _pool(n, LpPool, p=int(n.attr("p", 2)))


@onnx_op("GlobalAveragePool", "GlobalMaxPool")
def global_pool(n: Node) -> Any:
    """A reduction of all spatial dims."""
    op = OPS["reduce_mean" if n.op_type == "GlobalAveragePool" else "reduce_max"]
    return n.build(op, n.required(0), axes=_spatial_axes(n), keepdims=True)


@onnx_op("GlobalLpPool")
def global_lp_pool(n: Node) -> Any:
    x, axes, p = n.required(0), _spatial_axes(n), int(n.attr("p", 2))
    if p in (1, 2):
        return n.build(OPS[f"reduce_l{p}"], x, axes=axes, keepdims=True)
    exponent = n.const(p, n.info(x).dtype)
    powers = n.build(OPS["pow"], n.build(OPS["abs"], x), exponent)
    total = n.build(OPS["reduce_sum"], powers, axes=axes, keepdims=True)
    return n.build(OPS["pow"], total, n.const(1 / p, n.info(x).dtype))


def _spatial_axes(n: Node) -> list[int]:
    rank = n.info(n.required(0)).rank
    if rank < 3:
        raise n.error("AICC-1005", f"input {n.info(n.required(0))} has no spatial dims.")
    return list(range(2, rank))


@onnx_op("LRN")
def lrn(n: Node) -> Any:
    return n.build(
        Lrn,
        n.required(0),
        size=n.required_attr("size"),
        alpha=n.attr("alpha", 0.0001),
        beta=n.attr("beta", 0.75),
        bias=n.attr("bias", 1.0),
    )
