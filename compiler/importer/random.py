"""Random numbers, as `aicc.dialects.random` makes them: with a seed those of ONNX's reference, else fresh ones."""

from __future__ import annotations

import math
from typing import Any

from aicc.dialects import OPS
from aicc.dialects.types import DType
from aicc.importer.compose import Compose
from aicc.importer.element_types import dtype_of
from aicc.importer.node import Node
from aicc.importer.registry import onnx_op


def drawn(n: Node, kind: str, shape: Any, dtype: DType) -> Any:
    """Numbers of this kind in a shape (a tensor): of `dtype`, or f64 where the node has a seed."""
    seed = n.attr("seed")
    wanted = DType.F64 if seed is not None or dtype is DType.F64 else DType.F32
    if seed is not None:
        if math.isnan(seed) or not 0 <= int(seed) < 1 << 32:
            raise n.error("AICC-1006", f"attribute 'seed' is {seed}; seeds go from 0 to {(1 << 32) - 1}.")
        return n.build(OPS["random"], shape, kind=kind, dtype=wanted, seed=int(seed))
    return n.build(OPS["random"], shape, kind=kind, dtype=wanted, number=next(n.importer.numbers))


def _target(n: Node, default: DType) -> DType:
    code = n.attr("dtype", 0)
    return dtype_of(code, f"attribute 'dtype' of {n.title}") if code else default


def _shaped(n: Node) -> tuple[Any, DType]:
    """Shape and dtype: attributes, or those of input 0."""
    if not n.op_type.endswith("Like"):
        return n.ints(n.required_attr("shape")), _target(n, DType.F32)
    x = n.required(0)
    return n.build(OPS["shape"], x), _target(n, n.info(x).dtype)


@onnx_op("RandomUniform", "RandomUniformLike", limits="floats")
def random_uniform(n: Node) -> Any:
    """`low + u (high - low)`, computed in the result's dtype."""
    low, high = n.attr("low", 0.0), n.attr("high", 1.0)
    return _scaled(n, "uniform", high - low, low)


@onnx_op("RandomNormal", "RandomNormalLike", limits="floats")
def random_normal(n: Node) -> Any:
    return _scaled(n, "normal", n.attr("scale", 1.0), n.attr("mean", 0.0))


def _scaled(n: Node, kind: str, scale: float, offset: float) -> Any:
    c = Compose(n)
    shape, dtype = _shaped(n)
    if not dtype.is_float:
        raise n.error("AICC-1004", f"random numbers of dtype {dtype.mlir} are not supported.")
    wide = dtype if dtype.bits >= 32 else DType.F32
    y = c.cast(drawn(n, kind, shape, wide), wide)
    return c.cast(c("add", c("mul", y, float(scale)), float(offset)), dtype)


@onnx_op("Bernoulli")
def bernoulli(n: Node) -> Any:
    """1 with the probability that the input says. With a seed as NumPy draws: from below where p is over 1/2."""
    c, p = Compose(n), n.required(0)
    dtype = _target(n, n.info(p).dtype)
    wide = DType.F64 if n.attr("seed") is not None or n.info(p).dtype is DType.F64 else DType.F32
    u = drawn(n, "uniform", n.build(OPS["shape"], p), wide)
    p = c.cast(p, wide)
    if n.attr("seed") is None:
        return c.cast(c("less", u, p), dtype)
    above = c("less", c("sub", n.const(1.0, wide), p), u)
    below = c("less_equal", u, p)
    return c.cast(c("where", c("less_equal", p, 0.5), above, below), dtype)


@onnx_op("Multinomial")
def multinomial(n: Node) -> Any:
    """Classes drawn by log-probabilities, not normalized: how many of their running sums a number has passed."""
    c, x = Compose(n), n.required(0)
    if n.info(x).rank != 2:
        raise n.error("AICC-1005", f"the input must be [batch, classes], but is {n.info(x)}.")
    count, wide = n.attr("sample_size", 1), DType.F64
    sums = c("cumsum", c("softmax", c.cast(x, wide), axis=1), axis=1)
    batch = c("slice", n.build(OPS["shape"], x), n.ints([0]), n.ints([1]), axes=[0])
    u = c.cast(drawn(n, "uniform", c.concat([batch, n.ints([count])], 0), wide), wide)
    inner = c.slice(sums, 1, 0, -1)  # the last class takes what rounding leaves
    passed = c("less_equal", c.unsqueeze(inner, 1), c.unsqueeze(u, 2))
    found = c.sum(c.cast(passed, DType.I64), 2)
    dtype = _target(n, DType.I32)
    if dtype not in (DType.I32, DType.I64):
        raise n.error("AICC-1006", f"attribute 'dtype' is {dtype.mlir}, expected i32 or i64.")
    return c.cast(found, dtype)


def dropped(n: Node, x: Any, ratio: Any, training: Any) -> tuple[Any, Any]:
    """`x` and the mask of a Dropout that may be training: what stays is scaled by `1 / (1 - ratio)`."""
    c, t = Compose(n), n.info(x)
    wide = DType.F64 if n.attr("seed") is not None or t.dtype is DType.F64 else DType.F32
    u = drawn(n, "uniform", n.build(OPS["shape"], x), wide)
    ratio = n.const(0.5, wide) if ratio is None else c.cast(ratio, wide)
    mask = c("less_equal", ratio, u)
    compute = t.dtype if t.dtype.bits >= 32 else DType.F32
    scale = c.cast(c("div", n.const(1.0, wide), c("sub", n.const(1.0, wide), ratio)), compute)
    kept = c("mul", c("mul", c.cast(mask, compute), c.cast(x, compute)), scale)
    active = c("and", training, c("not", c("equal", ratio, 0.0)))
    mask = c("or", mask, c("not", active))
    return c("where", active, c.cast(kept, t.dtype), x), mask
