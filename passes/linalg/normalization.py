"""Normalizations: statistics per row in two passes, then one elementwise pass."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from aicc.bindings import ir
from aicc.dialects.symbolic import DimLike, floordiv, product
from aicc.dialects.types import DType, TensorType
from aicc.passes.linalg.builder import Builder, Lowered, lowering
from aicc.passes.linalg.elementwise import compute_dtype
from aicc.passes.linalg.rows import Full, Rows
from aicc.passes.linalg.scalars import Scalars, cast


def standardize(
    rows: Rows, x: Full, epsilon: float, affine: Sequence[Full], finish: Callable[..., Any], dtype: DType
) -> Full:
    """`finish((x - mean) / sqrt(variance + epsilon), affine…)` over the axes of `rows`."""
    s = rows.s
    inverse = rows.reciprocal_count()
    total = rows.reduce([x], 0, lambda v, acc: s.add(acc, v))

    def squares(v: Any, t: Any, acc: Any) -> Any:
        centered = s.sub(v, s.mul(t, inverse()))
        return s.add(acc, s.mul(centered, centered))

    spread = rows.reduce([x, total], 0, squares)

    def last(v: Any, t: Any, q: Any, *parameters: Any) -> Any:
        centered = s.sub(v, s.mul(t, inverse()))
        return finish(s.mul(centered, _inverse_root(s, q, inverse(), epsilon)), *parameters)

    return rows.each([x, total, spread, *affine], last, dtype)


def _inverse_root(s: Scalars, total: Any, inverse: Any, epsilon: float) -> Any:
    """`1 / sqrt(total / n + epsilon)`; the same along a row, so that it leaves the inner loop."""
    return s.div(s.const(1), s.math("sqrt", s.add(s.mul(total, inverse), s.const(epsilon))))


def _affine(s: Scalars, has_scale: bool, has_bias: bool) -> Callable[..., Any]:
    def finish(y: Any, *parameters: Any) -> Any:
        rest = list(parameters)
        if has_scale:
            y = s.mul(y, rest.pop(0))
        return s.add(y, rest[0]) if has_bias else y

    return finish


def _optional(n: Lowered, positions: Sequence[int]) -> list[Full]:
    return [Full(n.operands[i], n.typed(i)) for i in positions if n.types[i] is not None]


@lowering("layer_norm")
def layer_norm(b: Builder, n: Lowered) -> Any:
    x = n.typed(0)
    rows = Rows(b, x.shape, range(n.attrs["axis"], x.rank), x.dtype)
    finish = _affine(rows.s, n.types[1] is not None, n.types[2] is not None)
    return standardize(
        rows, Full(n.operands[0], x), n.attrs["epsilon"], _optional(n, (1, 2)), finish, n.results[0].dtype
    ).value


@lowering("rms_norm")
def rms_norm(b: Builder, n: Lowered) -> Any:
    t = n.typed(0)
    rows = Rows(b, t.shape, range(n.attrs["axis"], t.rank), t.dtype)
    s = rows.s
    x = Full(n.operands[0], t)
    inverse = rows.reciprocal_count()
    finish = _affine(s, n.types[1] is not None, False)
    squares = rows.reduce([x], 0, lambda v, acc: s.add(acc, s.mul(v, v)))
    return rows.each(
        [x, squares, *_optional(n, (1,))],
        lambda v, q, *p: finish(s.mul(v, _inverse_root(s, q, inverse(), n.attrs["epsilon"])), *p),
        n.results[0].dtype,
    ).value


@lowering("batch_norm")
def batch_norm(b: Builder, n: Lowered) -> Any:
    x = n.typed(0)
    wide = compute_dtype(x.dtype)
    s = Scalars(wide)
    channels = TensorType(n.typed(1).shape, wide)
    scale, bias, mean, variance = ((n.operands[i], n.typed(i)) for i in (1, 2, 3, 4))

    def wide_body(body: Callable[..., Any], *types: TensorType) -> Callable[..., Any]:
        return lambda *xs: body(*(cast(v, t.dtype, wide) for v, t in zip(xs, types, strict=True)))

    def factor(g: Any, v: Any) -> Any:
        return s.div(g, s.math("sqrt", s.add(v, s.const(n.attrs["epsilon"]))))

    f = b.pointwise(channels, [scale, variance], wide_body(factor, scale[1], variance[1]))
    offset = b.pointwise(
        channels,
        [bias, mean, (f, channels)],
        wide_body(lambda c, m, g: s.sub(c, s.mul(m, g)), bias[1], mean[1], channels),
    )
    per_channel = ir.AffineMap.get(x.rank, 0, [ir.AffineExpr.get_dim(1)])
    identity = ir.AffineMap.get_identity(x.rank)
    return b.generic(
        [n.results[0]],
        [(n.operands[0], identity), (f, per_channel), (offset, per_channel)],
        ["parallel"] * x.rank,
        lambda v, g, c, _: cast(s.add(s.mul(cast(v, x.dtype, wide), g), c), wide, x.dtype),
    )[0]


@lowering("instance_norm")
def instance_norm(b: Builder, n: Lowered) -> Any:
    x = n.typed(0)
    spatial = product(x.shape[2:])
    return _by_group(b, n, (x.shape[0], x.shape[1], spatial), (2,), (n.typed(1).shape[0], 1))


@lowering("group_norm")
def group_norm(b: Builder, n: Lowered) -> Any:
    x, groups = n.typed(0), n.attrs["num_groups"]
    channels: DimLike = x.shape[1]
    inner = floordiv(channels, groups)
    parameters = (groups, 1, 1) if n.attrs["per_group"] else (groups, inner, 1)
    return _by_group(b, n, (x.shape[0], groups, inner, product(x.shape[2:])), (2, 3), parameters)


def _by_group(
    b: Builder, n: Lowered, split: Sequence[DimLike], axes: Sequence[int], parameters: Sequence[DimLike]
) -> Any:
    """Normalizes x seen as `split` over `axes`; scale and bias seen as `parameters` broadcast to that."""
    x = n.typed(0)
    value, t = b.reshape(n.operands[0], x, split)
    affine = [Full(*b.reshape(n.operands[i], n.typed(i), parameters)) for i in (1, 2)]
    rows = Rows(b, split, axes, x.dtype)
    y = standardize(rows, Full(value, t), n.attrs["epsilon"], affine, _affine(rows.s, True, True), x.dtype)
    return b.reshape(y.value, y.type, x.shape)[0]
