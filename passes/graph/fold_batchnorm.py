"""Takes batch normalization, and any constant scale or shift per channel, into the weights before it.

    batch_norm(x, s, b, m, v)        -->  x * f + (b - m * f),  f = s / sqrt(v + ε)
    conv(x, w, b) * c                -->  conv(x, w * c, b * c)
    conv(x, w, b) + c                -->  conv(x, w, b + c)
    matmul(x, w) * c                 -->  matmul(x, w * c)
    (matmul(x, w) + b) * c           -->  matmul(x, w) * c + b * c
    x + b + c                        -->  x + (b + c)

for constant w, b and c, with c per output channel or a scalar. What is left is arithmetic on constants,
which `fold-constants` turns into weights.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from aicc.dialects.types import DType
from aicc.passes.base import Pass, PassContext
from aicc.passes.graph.facts import kind
from aicc.passes.graph.rewrite import Pattern, Rewriter, apply, pattern


@dataclass(frozen=True)
class FoldBatchNorm(Pass):
    """See the module."""

    pass_name: ClassVar[str] = "fold-batchnorm"

    def run(self, module: Any, ctx: PassContext) -> None:
        apply(module, ctx, PATTERNS)


def _reshaped(rw: Rewriter, value: Any, shape: tuple[int, ...]) -> Any:
    if rw.shape(value) == shape:
        return value
    return rw.build("reshape", value, rw.const(np.asarray(shape, np.int64)), allowzero=False)


@pattern("batch_norm")
def batch_norm(rw: Rewriter, op: Any) -> bool:
    """`batch_norm(x) --> x * factor + shift`, both constant"""
    x, scale, bias, mean, variance = op.operands
    channels = rw.shape(scale)[0]
    dtype = rw.dtype(x)
    parameters = (scale, bias, mean, variance)
    if not all(rw.is_constant(v) and rw.dtype(v) is dtype for v in parameters) or not isinstance(
        channels, int
    ):
        return False
    epsilon = rw.const(np.asarray(rw.attrs(op)["epsilon"]), dtype)
    deviation = rw.build("sqrt", rw.build("add", variance, epsilon))
    factor = rw.build("div", scale, deviation)
    shift = rw.build("sub", bias, rw.build("mul", mean, factor))
    shape = (channels, *[1] * (rw.rank(x) - 2))
    scaled = rw.build("mul", x, _reshaped(rw, factor, shape))
    return rw.replace(op, rw.build("add", scaled, _reshaped(rw, shift, shape)))


@dataclass(frozen=True)
class _Split:
    """An op as a value that is computed and a constant."""

    x: Any
    constant: Any


def _with_constant(rw: Rewriter, op: Any) -> _Split | None:
    """The operands of an add, sub or mul with one constant, when the other has the result's shape."""
    a, b = op.operands
    if rw.is_constant(a) and kind(op) != "sub":
        a, b = b, a
    if not rw.is_constant(b) or rw.is_constant(a) or rw.shape(a) != rw.shape(op.results[0]):
        return None
    return _Split(a, b)


def _per_channel(rw: Rewriter, constant: Any, axis_from_end: int, channels: int) -> Any | None:
    """A constant as `[channels]` or `[1]` when it varies along that axis only (0: the last), else None."""
    shape = rw.shape(constant)
    padded = (1,) * (axis_from_end + 1 - len(shape)) + tuple(shape)
    at = len(padded) - 1 - axis_from_end
    if padded[at] not in (1, channels) or any(d != 1 for i, d in enumerate(padded) if i != at):
        return None
    return _reshaped(rw, constant, (padded[at],))


@pattern("mul", "add", "sub")
def into_conv(rw: Rewriter, op: Any) -> bool:
    """`conv(x, w, b) * c --> conv(x, w * c, b * c)`, `conv(x, w, b) ± c --> conv(x, w, b ± c)`"""
    split = _with_constant(rw, op)
    conv = None if split is None else rw.inner(split.x, "conv")
    if split is None or conv is None:
        return False
    attrs = rw.attrs(conv)
    x, w, bias = rw.operands(conv)
    nchw = attrs["layout"] == "NCHW"
    channels = rw.shape(split.x)[1 if nchw else -1]
    if (
        not rw.is_constant(w)
        or (bias is not None and not rw.is_constant(bias))
        or not isinstance(channels, int)
    ):
        return False
    rw.at(op, conv)
    c = _per_channel(rw, split.constant, rw.rank(x) - 2 if nchw else 0, channels)
    if c is None:
        return False
    if kind(op) == "mul":
        outer = attrs["kernel_layout"] == "OIHW"
        w = rw.build("mul", w, _reshaped(rw, c, (rw.shape(c)[0], *[1] * (rw.rank(w) - 1))) if outer else c)
        bias = None if bias is None else rw.build("mul", bias, c)
    else:
        if bias is None:
            bias = rw.const(np.zeros(channels), rw.dtype(x), hint="zero_bias")
        bias = rw.build(kind(op), bias, c)
    return rw.replace(op, rw.build("conv", x, w, bias, **attrs))


@pattern("mul")
def into_matmul(rw: Rewriter, op: Any) -> bool:
    """`matmul(x, w) * c --> matmul(x, w * c)`"""
    split = _with_constant(rw, op)
    product = None if split is None else rw.inner(split.x, "matmul")
    if split is None or product is None:
        return False
    attrs = rw.attrs(product)
    x, w = product.operands
    if not rw.is_constant(w) or not rw.has_one_use(w) or rw.rank(w) != 2 or rw.is_constant(x):
        return False
    columns = rw.shape(w)[0 if attrs["trans_b"] else 1]
    rw.at(op, product)
    c = _per_channel(rw, split.constant, 0, columns)
    if c is None:
        return False
    scaled = rw.build("mul", w, _reshaped(rw, c, (rw.shape(c)[0], 1)) if attrs["trans_b"] else c)
    return rw.replace(op, rw.build("matmul", x, scaled, **attrs))


@pattern("mul")
def across_bias(rw: Rewriter, op: Any) -> bool:
    """`(matmul(x, w) + b) * c --> matmul(x, w) * c + b * c` for constant b and c, where c goes into w"""
    outer = _with_constant(rw, op)
    biased = None if outer is None else rw.inner(outer.x, "add")
    inner = None if biased is None else _with_constant(rw, biased)
    if outer is None or inner is None:
        return False
    product = rw.inner(inner.x, "matmul")
    if product is None or rw.dtype(inner.x) not in (DType.F32, DType.F64):
        return False
    w = product.operands[1]
    if not rw.is_constant(w) or not rw.has_one_use(w) or rw.rank(w) != 2:
        return False
    columns = rw.shape(inner.x)[-1]
    if not isinstance(columns, int) or rw.shape(outer.constant)[-1:] not in ((), (1,), (columns,)):
        return False
    if any(d != 1 for d in (*rw.shape(outer.constant)[:-1], *rw.shape(inner.constant)[:-1])):
        return False
    rw.at(op, biased)
    scaled = rw.build("mul", inner.x, outer.constant)
    return rw.replace(op, rw.build("add", scaled, rw.build("mul", inner.constant, outer.constant)))


@pattern("add", "sub")
def merge_shifts(rw: Rewriter, op: Any) -> bool:
    """`x + b + c --> x + (b + c)` for constant b and c"""
    outer = _with_constant(rw, op)
    biased = None if outer is None else rw.inner(outer.x, "add")
    inner = None if biased is None else _with_constant(rw, biased)
    if outer is None or inner is None or rw.dtype(inner.x) not in (DType.F32, DType.F64):
        return False
    if max(rw.rank(inner.constant), rw.rank(outer.constant)) > 1:
        return False
    rw.at(op, biased)
    return rw.replace(op, rw.build("add", inner.x, rw.build(kind(op), inner.constant, outer.constant)))


PATTERNS: tuple[Pattern, ...] = (batch_norm, into_conv, into_matmul, across_bias, merge_shifts)
