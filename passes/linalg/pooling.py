"""Pooling as a reduction over windows of padded input, and local response normalization.

before --> after
  aicc.max_pool(x) {kernel [3, 3]}  -->  tensor.pad (−inf); linalg.generic {max} ins(x, tensor.empty 3x3)

The second operand only gives the window's extent, as in `linalg.pooling_*`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from aicc.bindings import arith, ir
from aicc.dialects.pooling import pool_windows
from aicc.dialects.symbolic import DimLike, static
from aicc.dialects.types import DType, TensorType
from aicc.dialects.windows import Window, channel_axis, spatial_axes
from aicc.passes.linalg.builder import Builder, Lowered, lowering
from aicc.passes.linalg.elementwise import compute_dtype
from aicc.passes.linalg.requirements import require_windows
from aicc.passes.linalg.scalars import Scalars, cast
from aicc.passes.linalg.views import index_of, pad, pad_value


def lowest(dtype: DType) -> float | int:
    """The smallest value: −inf for floats."""
    if dtype.is_float:
        return -math.inf
    return 0 if dtype.is_unsigned else -(1 << (dtype.bits - 1))


def _axes(n: Lowered) -> range:
    return spatial_axes(n.attrs["layout"], n.typed(0).rank)


def _padded(b: Builder, n: Lowered, fill: float | int) -> tuple[Any, TensorType]:
    require_windows(b, n)
    x_t = n.typed(0)
    low: list[DimLike] = [0] * x_t.rank
    high: list[DimLike] = [0] * x_t.rank
    for axis, w in zip(_axes(n), pool_windows(n.attrs), strict=True):
        low[axis], high[axis] = w.pads(x_t.shape[axis])
    return pad(b, n.operands[0], x_t, low, high, pad_value(x_t.dtype, fill))


def _windowed(
    b: Builder, n: Lowered, x: Any, outs: Sequence[TensorType], inits: Sequence[Any], body: Callable[..., Any]
) -> list[Any]:
    """Reduces every window of the padded `x`; `body(x, acc…)` with the window's dims after those of the result."""
    rank, windows, axes = outs[0].rank, pool_windows(n.attrs), _axes(n)
    total = rank + len(windows)
    read = [ir.AffineExpr.get_dim(i) for i in range(rank)]
    for j, (axis, w) in enumerate(zip(axes, windows, strict=True)):
        read[axis] = read[axis] * w.stride + ir.AffineExpr.get_dim(rank + j) * w.dilation
    x_dtype = n.typed(0).dtype
    extent = b.empty(TensorType(tuple(w.size for w in windows), x_dtype))
    window_map = ir.AffineMap.get(total, 0, [ir.AffineExpr.get_dim(rank + j) for j in range(len(windows))])
    out_map = ir.AffineMap.get(total, 0, [ir.AffineExpr.get_dim(i) for i in range(rank)])
    return b.generic(
        outs,
        [(x, ir.AffineMap.get(total, 0, read)), (extent, window_map)],
        ["parallel"] * rank + ["reduction"] * len(windows),
        lambda v, _, *acc: body(v, *acc),
        out_maps=[out_map] * len(outs),
        inits=inits,
    )


@lowering("max_pool")
def max_pool(b: Builder, n: Lowered) -> Any:
    out_t = n.results[0].plain()
    low = lowest(out_t.dtype)
    x, _ = _padded(b, n, low)
    s = Scalars(out_t.dtype)
    return _windowed(b, n, x, [out_t], [b.fill(out_t, low)], lambda v, acc: s.max(acc, v))[0]


@lowering("max_pool_indices")
def max_pool_indices(b: Builder, n: Lowered) -> Any:
    out_t, index_t = n.results[0].plain(), n.results[1].plain()
    low = lowest(out_t.dtype)
    x, _ = _padded(b, n, low)
    s = Scalars(out_t.dtype)
    i64 = Scalars(DType.I64)

    def body(v: Any, best: Any, where: Any) -> list[Any]:
        inside, position = _flat_position(b, n)
        # the first element inside always wins over "none yet"
        first = s.and_(inside, i64.cmp("lt", where, i64.const(0)))
        wins = s.or_(s.cmp("gt", v, best), first)
        return [s.select(wins, v, best), s.select(wins, position, where)]

    inits = [b.fill(out_t, low), b.fill(index_t, -1)]
    return _windowed(b, n, x, [out_t, index_t], inits, body)


def _flat_position(b: Builder, n: Lowered) -> tuple[Any, Any]:
    """In the body of a window: whether the element lies in `x`, and its position in flattened NCHW (i64)."""
    x_t, axes, windows = n.typed(0), list(_axes(n)), pool_windows(n.attrs)
    s = Scalars(DType.BOOL)
    inside: Any = None
    at: dict[int, Any] = {}
    for j, (axis, w) in enumerate(zip(axes, windows, strict=True)):
        start = arith.MulIOp(index_of(axis), b.index(w.stride)).result
        step = arith.MulIOp(index_of(x_t.rank + j), b.index(w.dilation)).result
        low, _ = w.pads(x_t.shape[axis])
        shift = b.size(low) if not isinstance(low, int) else b.index(low)
        at[axis] = arith.SubIOp(arith.AddIOp(start, step).result, shift).result
        ok = s.and_(
            arith.CmpIOp(arith.CmpIPredicate.sge, at[axis], b.index(0)).result,
            arith.CmpIOp(arith.CmpIPredicate.slt, at[axis], b.size(x_t.shape[axis])).result,
        )
        inside = ok if inside is None else s.and_(inside, ok)
    channel = channel_axis(n.attrs["layout"], x_t.rank)
    order = [0, channel, *(reversed(axes) if n.attrs["column_major"] else axes)]
    position: Any = b.index(0)
    for axis in order:
        scaled = arith.MulIOp(position, b.size(x_t.shape[axis])).result
        position = arith.AddIOp(scaled, at[axis] if axis in at else index_of(axis)).result
    return inside, arith.IndexCastOp(ir.IntegerType.get_signless(64), position).result


@lowering("average_pool")
def average_pool(b: Builder, n: Lowered) -> Any:
    out_t = n.results[0].plain()
    wide = compute_dtype(out_t.dtype)
    s = Scalars(wide)
    acc_t = out_t.with_dtype(wide)
    x, _ = _padded(b, n, 0)
    total = _windowed(
        b, n, x, [acc_t], [b.fill(acc_t, 0)], lambda v, acc: s.add(acc, cast(v, out_t.dtype, wide))
    )[0]
    counts = _counts(n)
    if counts is None:
        return b.pointwise(
            out_t,
            [(total, acc_t)],
            lambda v: cast(s.div(v, _count_in_body(b, n, wide)), wide, out_t.dtype),
        )
    if np.all(counts == counts.flat[0]) if counts.size else True:
        count = float(counts.flat[0]) if counts.size else 1.0
        return b.pointwise(
            out_t, [(total, acc_t)], lambda v: cast(s.div(v, s.const(count)), wide, out_t.dtype)
        )
    axes = list(_axes(n))
    divisor = b.constant(counts.astype(wide.numpy), "pool.counts")
    at = ir.AffineMap.get(out_t.rank, 0, [ir.AffineExpr.get_dim(a) for a in axes])
    return b.generic(
        [out_t],
        [(total, ir.AffineMap.get_identity(out_t.rank)), (divisor, at)],
        ["parallel"] * out_t.rank,
        lambda v, c, _: cast(s.div(v, c), wide, out_t.dtype),
    )[0]


def _limits(n: Lowered, axis: int, w: Window) -> tuple[Any, Any, Any]:
    """Pad before, and the range of positions that count."""
    size = n.typed(0).shape[axis]
    low, high = w.pads(size)
    if not n.attrs["count_include_pad"]:
        return low, 0, size
    if n.attrs["auto_pad"] == "NOTSET":
        high = w.pad_end  # the overhang of a ceil_mode window does not count
    return low, -low, size + high


def _counts(n: Lowered) -> Any | None:
    """Elements that count in each window, `[*spatial]`; None when sizes are dynamic."""
    total = np.ones((), np.int64)
    for axis, w in zip(_axes(n), pool_windows(n.attrs), strict=True):
        low, begin, end = _limits(n, axis, w)
        size = n.results[0].shape[axis]
        if not all(isinstance(v, int) for v in (low, begin, end, size)):
            return None
        at = np.arange(static(size))[:, None] * w.stride - low + np.arange(w.size)[None] * w.dilation
        total = total[..., None] * np.sum((at >= begin) & (at < end), axis=1)
    return total


def _count_in_body(b: Builder, n: Lowered, wide: DType) -> Any:
    """The same count, computed from the result's position."""
    i = Scalars(DType.I64)
    total: Any = b.index(1)
    for axis, w in zip(_axes(n), pool_windows(n.attrs), strict=True):
        low, begin, end = _limits(n, axis, w)
        start = arith.SubIOp(arith.MulIOp(index_of(axis), b.index(w.stride)).result, b.size(low)).result
        # elements k with begin <= start + k·dilation < end
        first = arith.CeilDivSIOp(arith.SubIOp(b.size(begin), start).result, b.index(w.dilation)).result
        last = arith.CeilDivSIOp(arith.SubIOp(b.size(end), start).result, b.index(w.dilation)).result
        first = arith.MaxSIOp(first, b.index(0)).result
        last = arith.MinSIOp(last, b.index(w.size)).result
        total = arith.MulIOp(total, arith.SubIOp(last, first).result).result
    return cast(arith.IndexCastOp(i.type, total).result, DType.I64, wide)


@lowering("lp_pool")
def lp_pool(b: Builder, n: Lowered) -> Any:
    out_t, p = n.results[0].plain(), n.attrs["p"]
    wide = compute_dtype(out_t.dtype)
    s = Scalars(wide)
    acc_t = out_t.with_dtype(wide)
    x, _ = _padded(b, n, 0)

    def power(v: Any) -> Any:
        v = cast(v, out_t.dtype, wide)
        if p == 2:
            return s.mul(v, v)
        return s.abs(v) if p == 1 else s.math("powf", s.abs(v), s.const(p))

    def root(v: Any) -> Any:
        if p == 2:
            return s.math("sqrt", v)
        return v if p == 1 else s.math("powf", v, s.const(1 / p))

    total = _windowed(b, n, x, [acc_t], [b.fill(acc_t, 0)], lambda v, acc: s.add(acc, power(v)))[0]
    return b.pointwise(out_t, [(total, acc_t)], lambda v: cast(root(v), wide, out_t.dtype))


@lowering("lrn")
def lrn(b: Builder, n: Lowered) -> Any:
    x, x_t, axis, size = n.operands[0], n.typed(0).plain(), n.attrs["axis"], n.attrs["size"]
    wide = compute_dtype(x_t.dtype)
    s = Scalars(wide)
    low = [(size - 1) // 2 if i == axis else 0 for i in range(x_t.rank)]
    high = [size // 2 if i == axis else 0 for i in range(x_t.rank)]
    padded, _ = pad(b, x, x_t, low, high, pad_value(x_t.dtype, 0))
    acc_t = x_t.with_dtype(wide)
    rank = x_t.rank
    read = [ir.AffineExpr.get_dim(i) for i in range(rank)]
    read[axis] = read[axis] + ir.AffineExpr.get_dim(rank)

    def square(v: Any, _: Any, acc: Any) -> Any:
        v = cast(v, x_t.dtype, wide)
        return s.add(acc, s.mul(v, v))

    squares = b.generic(
        [acc_t],
        [
            (padded, ir.AffineMap.get(rank + 1, 0, read)),
            (
                b.empty(TensorType((size,), wide)),
                ir.AffineMap.get(rank + 1, 0, [ir.AffineExpr.get_dim(rank)]),
            ),
        ],
        ["parallel"] * rank + ["reduction"],
        square,
        out_maps=[ir.AffineMap.get(rank + 1, 0, [ir.AffineExpr.get_dim(i) for i in range(rank)])],
        inits=[b.fill(acc_t, 0)],
    )[0]

    def normalize(v: Any, total: Any) -> Any:
        scaled = s.add(s.const(n.attrs["bias"]), s.mul(s.const(n.attrs["alpha"] / size), total))
        out = s.div(cast(v, x_t.dtype, wide), s.math("powf", scaled, s.const(n.attrs["beta"])))
        return cast(out, wide, x_t.dtype)

    return b.pointwise(x_t, [(x, x_t), (squares, acc_t)], normalize)
