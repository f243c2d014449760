"""Resampling: tables of neighbours and weights per axis, then one gathering generic per axis.

before --> after
  aicc.resize(x) {linear, axes [2, 3]}  -->  for each axis: linalg.generic ins(index0, index1, weight0, weight1)
                                             {Σ weight_t · tensor.extract x[…, index_t, …]}
                                             (integers compute in f32 and round to nearest even)
  aicc.resize(x) {nearest}, scale k     -->  linalg.generic x[n, c, h, w] -> y[n, c, h, k, w, k], collapsed

Tables of static sizes are constants; others are computed by generics first (see `resampling`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from aicc.bindings import arith, ir, tensor
from aicc.dialects.resize import Resampled, resampled_axes
from aicc.dialects.symbolic import DimLike, static
from aicc.dialects.types import DType, TensorType
from aicc.passes.linalg.builder import Builder, Lowered, lowering
from aicc.passes.linalg.elementwise import compute_dtype
from aicc.passes.linalg.resampling import Axis, NumPy, coordinate, is_outside, nearest, taps
from aicc.passes.linalg.scalars import Scalars, cast
from aicc.passes.linalg.shape import name_symbol
from aicc.passes.linalg.views import index_of, stored

F64 = DType.F64
UNROLLED = 8
"""Most neighbours that are summed in one body; more are a reduction dim."""


@dataclass
class Plan:
    """One axis to resample: what is known at compile time, and run-time values (f64 scalars) of the rest."""

    known: Resampled
    source: DimLike
    target: DimLike
    scale: Any
    start: Any
    end: Any

    @property
    def is_static(self) -> bool:
        values = (self.source, self.target, self.known.scale)
        roi_is_known = all(v is None or isinstance(v, float) for v in (self.start, self.end))
        return roi_is_known and all(isinstance(v, (int, float)) for v in values)


@lowering("resize")
def resize(b: Builder, n: Lowered) -> Any:
    x, t = n.operands[0], n.typed(0).plain()
    plans = [p for p in _plans(b, n) if not _keeps(p, n)]
    if n.attrs["mode"] == "nearest":
        y = _broadcast(b, n, plans, x, t) or _nearest(b, n, plans, x, t)
        return _extrapolated(b, n, plans, y, stored(n.results[0]))
    wide = compute_dtype(t.dtype) if t.dtype.is_float else DType.F32
    for p in sorted(plans, key=lambda p: p.known.scale if p.known.scale is not None else 1.0):
        x, t = _weighed(b, n, p, x, t, wide)
    y_t = t
    x = _extrapolated(b, n, plans, x, y_t)
    if y_t.dtype is n.results[0].dtype:
        return x
    out = n.results[0].plain()
    s = Scalars(wide)

    def narrowed(v: Any) -> Any:
        return cast(s.math("roundeven", v) if out.dtype.is_int else v, wide, out.dtype)

    return b.pointwise(out, [(x, y_t)], narrowed)


def _keeps(p: Plan, n: Lowered) -> bool:
    return p.known.is_identity and n.attrs["coordinates"] != "tf_crop_and_resize"


# What each axis does ---------------------------------------------------------------------------------


def _plans(b: Builder, n: Lowered) -> list[Plan]:
    x_t, out = n.typed(0), n.results[0]
    s = Scalars(F64)
    known = resampled_axes(x_t, n.types[2], n.types[3], n.attrs)
    scales = _run_time_scales(b, n) if any(r.scale is None or r.target is None for r in known) else None
    plans = []
    for i, r in enumerate(known):
        source, target = x_t.shape[r.axis], out.shape[r.axis]
        if r.scale is not None and r.target is not None:
            scale: Any = r.scale
        else:
            assert scales is not None
            scale = r.scale if r.scale is not None else scales[i]
            if not b.is_known(target):
                name_symbol(b, target, _run_time_size(b, n, i, source, scale))
        start, end = _region(b, n, i, len(known))
        plans.append(
            Plan(r, source, target, s.const(scale) if isinstance(scale, float) else scale, start, end)
        )
    return plans


def _region(b: Builder, n: Lowered, i: int, count: int) -> tuple[Any, Any]:
    """Start and end of the region of interest along axis `i`: floats, f64 scalars, or None."""
    if n.operands[1] is None:
        return None, None
    roi_t = n.typed(1)
    if roi_t.value is not None:
        return float(roi_t.value[i]), float(roi_t.value[count + i])
    scalars = b.scalars(n.operands[1], roi_t.plain())
    return cast(scalars[i], roi_t.dtype, F64), cast(scalars[count + i], roi_t.dtype, F64)


def _to_f64(b: Builder, size: DimLike) -> Any:
    return cast(arith.IndexCastOp(ir.IntegerType.get_signless(64), b.size(size)).result, DType.I64, F64)


def _run_time_scales(b: Builder, n: Lowered) -> list[Any]:
    """The scale of each axis as an f64 scalar."""
    s, x_t = Scalars(F64), n.typed(0)
    if n.operands[2] is not None:
        return [cast(v, DType.F32, F64) for v in b.scalars(n.operands[2], n.typed(2).plain())]
    sizes = b.scalars(n.operands[3], n.typed(3).plain())
    ratios = [
        s.div(cast(v, DType.I64, F64), _to_f64(b, x_t.shape[a]))
        for v, a in zip(sizes, n.attrs["axes"], strict=True)
    ]
    if n.attrs["policy"] == "stretch":
        return ratios
    one = ratios[0]
    for r in ratios[1:]:
        one = s.min(one, r) if n.attrs["policy"] == "not_larger" else s.max(one, r)
    return [one] * len(ratios)


def _run_time_size(b: Builder, n: Lowered, i: int, source: DimLike, scale: Any) -> Any:
    """The result's size along axis `i`, as an index value."""
    if n.operands[3] is not None and n.attrs["policy"] == "stretch":
        return b.to_index(b.scalars(n.operands[3], n.typed(3).plain())[i])
    s = Scalars(F64)
    scale = s.const(scale) if isinstance(scale, float) else scale
    if n.operands[3] is not None:
        size = s.math("floor", s.add(s.mul(scale, _to_f64(b, source)), s.const(0.5)))
        return b.to_index(cast(size, F64, DType.I64))
    single = Scalars(DType.F32)
    product = single.mul(cast(_to_f64(b, source), F64, DType.F32), cast(scale, F64, DType.F32))
    return b.to_index(cast(single.math("floor", product), DType.F32, DType.I64))


def _axis_in_body(b: Builder, p: Plan) -> Axis:
    s = Scalars(F64)
    bounds = [s.const(v) if isinstance(v, float) else v for v in (p.start, p.end)]
    return Axis(_to_f64(b, p.source), _to_f64(b, p.target), p.scale, *bounds)


def _axis_of_arrays(p: Plan) -> Axis:
    return Axis(
        np.float64(static(p.source)), np.float64(static(p.target)), np.float64(p.known.scale), p.start, p.end
    )


def _tables(b: Builder, p: Plan, dtypes: Sequence[DType], formula: Any) -> list[Any]:
    """Vectors over the result's positions, `formula(m, o, axis)` of them, as tensors of `dtypes`."""
    if p.is_static:
        columns = formula(NumPy(), np.arange(static(p.target), dtype=np.float64), _axis_of_arrays(p))
        return [
            b.constant(np.broadcast_to(c, (static(p.target),)).astype(d.numpy), "resize.table")
            for c, d in zip(columns, dtypes, strict=True)
        ]

    def body(*_: Any) -> list[Any]:
        position = cast(
            arith.IndexCastOp(ir.IntegerType.get_signless(64), index_of(0)).result, DType.I64, F64
        )
        columns = formula(Scalars(F64), position, _axis_in_body(b, p))
        return [c if d is DType.BOOL else cast(c, F64, d) for c, d in zip(columns, dtypes, strict=True)]

    outs = [TensorType((p.target,), d) for d in dtypes]
    return b.generic(outs, [], ["parallel"], body)


# Nearest ---------------------------------------------------------------------------------------------


def _broadcast(b: Builder, n: Lowered, plans: Sequence[Plan], x: Any, t: TensorType) -> Any | None:
    """Every element repeated k times along each axis; None when that is not what is asked for."""
    factors = {p.known.axis: _repeats(n, p) for p in plans}
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


def _nearest(b: Builder, n: Lowered, plans: Sequence[Plan], x: Any, t: TensorType) -> Any:
    """One generic reads `x` at the indices of all axes."""

    def formula(m: Any, o: Any, axis: Axis) -> list[Any]:
        return [nearest(m, n.attrs["rounding"], coordinate(m, n.attrs["coordinates"], o, axis), axis)]

    out = stored(n.results[0])
    tables = [_tables(b, p, [DType.I64], formula)[0] for p in plans]
    maps = [ir.AffineMap.get(out.rank, 0, [ir.AffineExpr.get_dim(p.known.axis)]) for p in plans]

    def element(*args: Any) -> Any:
        where = [index_of(i) for i in range(t.rank)]
        for p, index in zip(plans, args, strict=False):
            where[p.known.axis] = b.to_index(index)
        return tensor.ExtractOp(x, where).result

    ins = list(zip(tables, maps, strict=True))
    return b.generic([out], ins, ["parallel"] * out.rank, element)[0]


# Linear, cubic ---------------------------------------------------------------------------------------


def _weighed(b: Builder, n: Lowered, p: Plan, x: Any, t: TensorType, wide: DType) -> tuple[Any, TensorType]:
    """`x` resampled along one axis, with elements of dtype `wide`."""
    attrs, axis = n.attrs, p.known.axis
    shrink = min(p.known.scale, 1.0) if attrs["antialias"] and p.known.scale is not None else 1.0

    def formula(m: Any, o: Any, a: Axis) -> list[Any]:
        at = coordinate(m, attrs["coordinates"], o, a)
        indices, weights = taps(
            m, at, a, attrs["mode"], attrs["cubic_coeff"], attrs["exclude_outside"], shrink
        )
        return [*indices, *weights]

    count = len(taps(NumPy(), np.zeros(1), Axis(1.0, 1.0, 1.0), attrs["mode"], 0.0, False, shrink)[0])
    dtypes = [DType.I64] * count + [wide] * count
    columns = _tables(b, p, dtypes, formula)
    out = TensorType((*t.shape[:axis], p.target, *t.shape[axis + 1 :]), wide)
    s = Scalars(wide)

    def read(index: Any) -> Any:
        where = [index_of(i) for i in range(t.rank)]
        where[axis] = b.to_index(index)
        return cast(tensor.ExtractOp(x, where).result, t.dtype, wide)

    if count <= UNROLLED:
        at = ir.AffineMap.get(out.rank, 0, [ir.AffineExpr.get_dim(axis)])

        def element(*args: Any) -> Any:
            terms = [s.mul(args[count + j], read(args[j])) for j in range(count)]
            total = terms[0]
            for term in terms[1:]:
                total = s.add(total, term)
            return total

        ins = [(c, at) for c in columns]
        return b.generic([out], ins, ["parallel"] * out.rank, element)[0], out

    rank = out.rank
    pair = ir.AffineMap.get(rank + 1, 0, [ir.AffineExpr.get_dim(rank), ir.AffineExpr.get_dim(axis)])
    index, weight = (
        _stacked(b, columns[k : k + count], p.target, d) for k, d in ((0, DType.I64), (count, wide))
    )
    y = b.generic(
        [out],
        [(index, pair), (weight, pair)],
        ["parallel"] * rank + ["reduction"],
        lambda i, w, acc: s.add(acc, s.mul(w, read(i))),
        out_maps=[ir.AffineMap.get(rank + 1, 0, [ir.AffineExpr.get_dim(i) for i in range(rank)])],
        inits=[b.fill(out, 0)],
    )
    return y[0], out


def _stacked(b: Builder, columns: Sequence[Any], size: DimLike, dtype: DType) -> Any:
    """Vectors as the rows of a matrix."""
    from aicc.passes.linalg.views import insert_slice

    row = TensorType((1, size), dtype)
    out = b.empty(TensorType((len(columns), size), dtype))
    for j, c in enumerate(columns):
        value, _ = b.reshape(c, TensorType((size,), dtype), row.shape)
        out = insert_slice(b, value, row, out, [j, 0])
    return out


def _extrapolated(b: Builder, n: Lowered, plans: Sequence[Plan], y: Any, y_t: TensorType) -> Any:
    """`y` with the extrapolation value where the position lies outside of the source."""
    if n.attrs["coordinates"] != "tf_crop_and_resize":
        return y

    def formula(m: Any, o: Any, axis: Axis) -> list[Any]:
        return [is_outside(m, coordinate(m, n.attrs["coordinates"], o, axis), axis)]

    masks = [_tables(b, p, [DType.BOOL], formula)[0] for p in plans]
    maps = [ir.AffineMap.get(y_t.rank, 0, [ir.AffineExpr.get_dim(p.known.axis)]) for p in plans]
    s = Scalars(y_t.dtype)

    def body(v: Any, *outside: Any) -> Any:
        value = s.const(n.attrs["extrapolation"])
        for mask in outside[: len(plans)]:
            v = s.select(mask, value, v)
        return v

    return b.generic(
        [y_t],
        [(y, ir.AffineMap.get_identity(y_t.rank)), *zip(masks, maps, strict=True)],
        ["parallel"] * y_t.rank,
        body,
        in_types=[y_t, *(TensorType((p.target,), DType.BOOL) for p in plans)],
    )[0]
