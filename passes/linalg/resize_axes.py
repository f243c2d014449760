"""What a resampling does to each axis, and tables over the result's positions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from aicc.bindings import arith, ir
from aicc.dialects.resize import Resampled, resampled_axes
from aicc.dialects.symbolic import DimLike, static
from aicc.dialects.types import DType, TensorType
from aicc.passes.linalg.builder import Builder, Lowered
from aicc.passes.linalg.resampling import Arithmetic, Axis, NumPy
from aicc.passes.linalg.scalars import Scalars, cast
from aicc.passes.linalg.shape import name_symbol
from aicc.passes.linalg.views import index_of

F64 = DType.F64
Formula = Callable[[Arithmetic, Any, Axis], Sequence[Any]]
"""`formula(m, o, axis)`: columns of a table at position `o` of the result."""


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


def plans(b: Builder, n: Lowered) -> list[Plan]:
    x_t, out = n.typed(0), n.results[0]
    s = Scalars(F64)
    known = resampled_axes(x_t, n.types[2], n.types[3], n.attrs)
    scales = _run_time_scales(b, n) if any(r.scale is None or r.target is None for r in known) else None
    out_plans = []
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
        out_plans.append(
            Plan(r, source, target, s.const(scale) if isinstance(scale, float) else scale, start, end)
        )
    return out_plans


def _region(b: Builder, n: Lowered, i: int, count: int) -> tuple[Any, Any]:
    """Start and end of the region of interest along axis `i`: floats, f64 scalars, or None."""
    if n.operands[1] is None:
        return None, None
    roi_t = n.typed(1)
    if roi_t.value is not None:
        return float(roi_t.value[i]), float(roi_t.value[count + i])
    scalars = b.scalars(n.operands[1], roi_t.plain())
    return cast(scalars[i], roi_t.dtype, F64), cast(scalars[count + i], roi_t.dtype, F64)


def to_f64(b: Builder, size: DimLike) -> Any:
    """A size as an f64 scalar."""
    return index_to_f64(b.size(size))


def index_to_f64(index: Any) -> Any:
    """An index value as an f64 scalar."""
    return cast(arith.IndexCastOp(ir.IntegerType.get_signless(64), index).result, DType.I64, F64)


def _run_time_scales(b: Builder, n: Lowered) -> list[Any]:
    """The scale of each axis as an f64 scalar."""
    s, x_t = Scalars(F64), n.typed(0)
    if n.operands[2] is not None:
        return [cast(v, DType.F32, F64) for v in b.scalars(n.operands[2], n.typed(2).plain())]
    sizes = b.scalars(n.operands[3], n.typed(3).plain())
    ratios = [
        s.div(cast(v, DType.I64, F64), to_f64(b, x_t.shape[a]))
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
        size = s.math("floor", s.add(s.mul(scale, to_f64(b, source)), s.const(0.5)))
        return b.to_index(cast(size, F64, DType.I64))
    single = Scalars(DType.F32)
    product = single.mul(cast(to_f64(b, source), F64, DType.F32), cast(scale, F64, DType.F32))
    return b.to_index(cast(single.math("floor", product), DType.F32, DType.I64))


def axis_in_body(b: Builder, p: Plan) -> Axis:
    s = Scalars(F64)
    bounds = [s.const(v) if isinstance(v, float) else v for v in (p.start, p.end)]
    return Axis(to_f64(b, p.source), to_f64(b, p.target), p.scale, *bounds)


def axis_of_arrays(p: Plan) -> Axis:
    return Axis(
        np.float64(static(p.source)), np.float64(static(p.target)), np.float64(p.known.scale), p.start, p.end
    )


def tables(b: Builder, p: Plan, dtypes: Sequence[DType], formula: Formula) -> list[Any]:
    """Vectors over the result's positions, `formula(m, o, axis)` of them, as tensors of `dtypes`."""
    if p.is_static:
        columns = formula(NumPy(), np.arange(static(p.target), dtype=np.float64), axis_of_arrays(p))
        return [
            b.constant(np.broadcast_to(c, (static(p.target),)).astype(d.numpy), "resize.table")
            for c, d in zip(columns, dtypes, strict=True)
        ]

    def body(*_: Any) -> list[Any]:
        position = index_to_f64(index_of(0))
        columns = formula(Scalars(F64), position, axis_in_body(b, p))
        return [c if d is DType.BOOL else cast(c, F64, d) for c, d in zip(columns, dtypes, strict=True)]

    outs = [TensorType((p.target,), d) for d in dtypes]
    return b.generic(outs, [], ["parallel"], body)
