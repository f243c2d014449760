"""Resampling: tables of neighbours and weights per axis, then one gathering generic per axis.

before --> after
  aicc.resize(x) {linear, axes [2, 3]}  -->  for each axis: linalg.generic ins(index0, index1, weight0, weight1)
                                             {Σ weight_t · tensor.extract x[…, index_t, …]}
                                             (integers compute in f32 and round to nearest even)
  aicc.resize(x) {nearest}, scale k     -->  linalg.generic x[n, c, h, w] -> y[n, c, h, k, w, k], collapsed

Tables of static sizes are constants; others are computed by generics first (see `resampling`). Filters of more
than eight neighbours, or of a number that only run time knows, reduce over a dim of neighbours.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from aicc.bindings import ir, tensor
from aicc.dialects.symbolic import DimLike, fresh_dim, static
from aicc.dialects.types import DType, TensorType
from aicc.passes.linalg.builder import Builder, Lowered, lowering
from aicc.passes.linalg.elementwise import compute_dtype
from aicc.passes.linalg.resampling import (
    Axis,
    NumPy,
    coordinate,
    first_tap,
    is_outside,
    nearest,
    run_time_first_tap,
    tap,
    taps,
)
from aicc.passes.linalg.resize_axes import (
    F64,
    Plan,
    axis_in_body,
    axis_of_arrays,
    index_to_f64,
    plans,
    tables,
)
from aicc.passes.linalg.scalars import Scalars, cast
from aicc.passes.linalg.shape import name_symbol
from aicc.passes.linalg.views import index_of, stored

UNROLLED = 8
"""Most neighbours that are summed in one body; more are a reduction dim."""


@lowering("resize")
def resize(b: Builder, n: Lowered) -> Any:
    x, t = n.operands[0], n.typed(0).plain()
    axes = [p for p in plans(b, n) if not _keeps(p, n)]
    if n.attrs["mode"] == "nearest":
        y = _broadcast(b, n, axes, x, t) or _nearest(b, n, axes, x, t)
        return _extrapolated(b, n, axes, y, stored(n.results[0]))
    wide = compute_dtype(t.dtype) if t.dtype.is_float else DType.F32
    for p in sorted(axes, key=lambda p: p.known.scale if p.known.scale is not None else 1.0):
        x, t = _weighed(b, n, p, x, t, wide)
    y_t = t
    x = _extrapolated(b, n, axes, x, y_t)
    if y_t.dtype is n.results[0].dtype:
        return x
    out = n.results[0].plain()
    s = Scalars(wide)

    def narrowed(v: Any) -> Any:
        return cast(s.math("roundeven", v) if out.dtype.is_int else v, wide, out.dtype)

    return b.pointwise(out, [(x, y_t)], narrowed)


def _keeps(p: Plan, n: Lowered) -> bool:
    return p.known.is_identity and n.attrs["coordinates"] != "tf_crop_and_resize"


def _broadcast(b: Builder, n: Lowered, axes: Sequence[Plan], x: Any, t: TensorType) -> Any | None:
    """Every element repeated k times along each axis; None when that is not what is asked for."""
    factors = {p.known.axis: _repeats(n, p) for p in axes}
    if any(k is None for k in factors.values()):
        return None
    shape: list[DimLike] = []
    read: list[Any] = []
    for i, d in enumerate(t.shape):
        read.append(ir.AffineExpr.get_dim(len(shape)))
        shape.append(d)
        factor = factors.get(i)
        if factor is not None:
            shape.append(factor)
    wide = stored(TensorType(tuple(shape), t.dtype))
    m = ir.AffineMap.get(len(shape), 0, read)
    y = b.generic([wide], [(x, m)], ["parallel"] * len(shape), lambda v, _: v)[0]
    return b.reshape(y, wide, n.results[0].shape)[0]


def _repeats(n: Lowered, p: Plan) -> int | None:
    """k when element `o` of the result is element `o // k` of the source."""
    scale, sample = p.known.scale, 8
    if scale is None or not float(scale).is_integer() or scale < 1 or p.start is not None:
        return None
    if p.target != p.source * int(scale):
        return None
    if n.attrs["coordinates"] == "align_corners":
        return None
    # the other coordinates look the same in every period
    axis = Axis(np.float64(sample), np.float64(sample * scale), np.float64(scale))
    o = np.arange(sample * scale)
    index = nearest(NumPy(), n.attrs["rounding"], coordinate(NumPy(), n.attrs["coordinates"], o, axis), axis)
    return int(scale) if np.array_equal(index, o // scale) else None


def _nearest(b: Builder, n: Lowered, axes: Sequence[Plan], x: Any, t: TensorType) -> Any:
    """One generic reads `x` at the indices of all axes."""

    def formula(m: Any, o: Any, axis: Axis) -> list[Any]:
        return [nearest(m, n.attrs["rounding"], coordinate(m, n.attrs["coordinates"], o, axis), axis)]

    out = stored(n.results[0])
    columns = [tables(b, p, [DType.I64], formula)[0] for p in axes]
    maps = [ir.AffineMap.get(out.rank, 0, [ir.AffineExpr.get_dim(p.known.axis)]) for p in axes]

    def element(*args: Any) -> Any:
        where = [index_of(i) for i in range(t.rank)]
        for p, index in zip(axes, args, strict=False):
            where[p.known.axis] = b.to_index(index)
        return tensor.ExtractOp(x, where).result

    ins = list(zip(columns, maps, strict=True))
    return b.generic([out], ins, ["parallel"] * out.rank, element)[0]


def _weighed(b: Builder, n: Lowered, p: Plan, x: Any, t: TensorType, wide: DType) -> tuple[Any, TensorType]:
    """`x` resampled along one axis, with elements of dtype `wide`."""
    axis = p.known.axis
    out = TensorType((*t.shape[:axis], p.target, *t.shape[axis + 1 :]), wide)

    def read(index: Any) -> Any:
        where = [index_of(i) for i in range(t.rank)]
        where[axis] = b.to_index(index)
        return cast(tensor.ExtractOp(x, where).result, t.dtype, wide)

    shrink = _filter_scale(n, p)
    if shrink is None or 2 - 2 * first_tap(n.attrs["mode"], shrink) > UNROLLED:
        return _weighed_by_reduction(b, n, p, out, read), out
    count = 2 - 2 * first_tap(n.attrs["mode"], shrink)

    def formula(m: Any, o: Any, a: Axis) -> list[Any]:
        indices, weights = _taps(m, n, o, a, shrink)
        return [*indices, *weights]

    columns = tables(b, p, [DType.I64] * count + [wide] * count, formula)
    at = ir.AffineMap.get(out.rank, 0, [ir.AffineExpr.get_dim(axis)])
    s = Scalars(wide)

    def element(*args: Any) -> Any:
        terms = [s.mul(args[count + j], read(args[j])) for j in range(count)]
        total = terms[0]
        for term in terms[1:]:
            total = s.add(total, term)
        return total

    return b.generic([out], [(c, at) for c in columns], ["parallel"] * out.rank, element)[0], out


def _filter_scale(n: Lowered, p: Plan) -> float | None:
    """1, or what the filter is widened by when shrinking; None when only run time knows."""
    if not n.attrs["antialias"]:
        return 1.0
    return None if p.known.scale is None else min(p.known.scale, 1.0)


def _taps(m: Any, n: Lowered, o: Any, a: Axis, shrink: float) -> tuple[list[Any], list[Any]]:
    attrs = n.attrs
    at = coordinate(m, attrs["coordinates"], o, a)
    return taps(m, at, a, attrs["mode"], attrs["cubic_coeff"], attrs["exclude_outside"], shrink)


def _weighed_by_reduction(b: Builder, n: Lowered, p: Plan, out: TensorType, read: Any) -> Any:
    """Sums over a dim of neighbours, with tables `[neighbours, positions]`."""
    s, rank = Scalars(out.dtype), out.rank
    index, weight = _static_matrices(b, n, p, out.dtype) or _run_time_matrices(b, n, p, out.dtype)
    pair = ir.AffineMap.get(rank + 1, 0, [ir.AffineExpr.get_dim(rank), ir.AffineExpr.get_dim(p.known.axis)])
    return b.generic(
        [out],
        [(index, pair), (weight, pair)],
        ["parallel"] * rank + ["reduction"],
        lambda i, w, acc: s.add(acc, s.mul(w, read(i))),
        out_maps=[ir.AffineMap.get(rank + 1, 0, [ir.AffineExpr.get_dim(i) for i in range(rank)])],
        inits=[b.fill(out, 0)],
    )[0]


def _static_matrices(b: Builder, n: Lowered, p: Plan, wide: DType) -> tuple[Any, Any] | None:
    shrink = _filter_scale(n, p)
    if shrink is None or not p.is_static:
        return None
    o = np.arange(static(p.target), dtype=np.float64)
    indices, weights = _taps(NumPy(), n, o, axis_of_arrays(p), shrink)
    return (
        b.constant(np.stack(indices).astype(np.int64), "resize.index"),
        b.constant(np.stack(weights).astype(wide.numpy), "resize.weight"),
    )


def _run_time_matrices(b: Builder, n: Lowered, p: Plan, wide: DType) -> tuple[Any, Any]:
    """Indices and weights by the same formulas; each column of weights is divided by its sum."""
    s, attrs = Scalars(F64), n.attrs
    shrink = s.min(p.scale, s.const(1))
    first = run_time_first_tap(s, attrs["mode"], shrink)
    count: DimLike = fresh_dim("taps")
    taps_f64 = s.sub(s.const(2), s.add(first, first))
    name_symbol(b, count, b.to_index(cast(taps_f64, F64, DType.I64)))
    index_t = TensorType((count, p.target), DType.I64)
    weight_t = TensorType((count, p.target), F64)

    def element(*_: Any) -> list[Any]:
        a = axis_in_body(b, p)
        at = coordinate(s, attrs["coordinates"], index_to_f64(index_of(1)), a)
        offset = s.add(first, index_to_f64(index_of(0)))
        index, weight = tap(
            s, at, a, attrs["mode"], attrs["cubic_coeff"], attrs["exclude_outside"], shrink, offset
        )
        return [cast(index, F64, DType.I64), weight]

    index, weight = b.generic([index_t, weight_t], [], ["parallel"] * 2, element)
    total_t = TensorType((p.target,), F64)
    total = b.reduce(total_t, [(weight, weight_t)], [0], 0, s.add)
    scaled_t = TensorType(weight_t.shape, wide)
    scaled = b.pointwise(
        scaled_t, [(weight, weight_t), (total, total_t)], lambda w, t: cast(s.div(w, t), F64, wide)
    )
    return index, scaled


def _extrapolated(b: Builder, n: Lowered, axes: Sequence[Plan], y: Any, y_t: TensorType) -> Any:
    """`y` with the extrapolation value where the position lies outside of the source."""
    if n.attrs["coordinates"] != "tf_crop_and_resize":
        return y

    def formula(m: Any, o: Any, axis: Axis) -> list[Any]:
        return [is_outside(m, coordinate(m, n.attrs["coordinates"], o, axis), axis)]

    masks = [tables(b, p, [DType.BOOL], formula)[0] for p in axes]
    maps = [ir.AffineMap.get(y_t.rank, 0, [ir.AffineExpr.get_dim(p.known.axis)]) for p in axes]
    s = Scalars(y_t.dtype)

    def body(v: Any, *outside: Any) -> Any:
        value = s.const(n.attrs["extrapolation"])
        for mask in outside[: len(axes)]:
            v = s.select(mask, value, v)
        return v

    return b.generic(
        [y_t],
        [(y, ir.AffineMap.get_identity(y_t.rank)), *zip(masks, maps, strict=True)],
        ["parallel"] * y_t.rank,
        body,
        in_types=[y_t, *(TensorType((p.target,), DType.BOOL) for p in axes)],
    )[0]
