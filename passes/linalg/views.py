"""Slices, paddings and copies of tensors, with static and symbolic sizes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from aicc.bindings import arith, ir, tensor
from aicc.dialects.symbolic import DimLike
from aicc.dialects.types import DType, TensorType
from aicc.passes.linalg.builder import Builder, stored_scalar

Offset = Any
"""A static offset (int), a symbolic one (`Dim`), or an index value."""


def _mixed(b: Builder, values: Sequence[Any]) -> tuple[list[Any], list[int]]:
    """Dynamic values and the static array with markers, as MLIR's mixed lists want them."""
    marker = ir.ShapedType.get_dynamic_size()
    dynamic, static = [], []
    for v in values:
        if isinstance(v, int):
            static.append(v)
        else:
            dynamic.append(v if isinstance(v, ir.Value) else b.size(v))
            static.append(marker)
    return dynamic, static


def extract_slice(
    b: Builder,
    value: Any,
    t: TensorType,
    offsets: Sequence[Offset],
    shape: Sequence[DimLike],
    strides: Sequence[Any] | None = None,
    kept: TensorType | None = None,
) -> tuple[Any, TensorType]:
    """`value[offsets : … : strides]` of `shape`, as `tensor.extract_slice`; `kept` is its type without dims of size 1
    that are dropped."""
    out = kept or TensorType(tuple(shape), t.dtype)
    steps = [1] * t.rank if strides is None else list(strides)
    if out.shape == t.shape and all(isinstance(o, int) and o == 0 for o in offsets):
        return value, out
    (do, so), (dz, sz), (ds, ss) = (_mixed(b, v) for v in (offsets, shape, steps))
    op = tensor.ExtractSliceOp(out.mlir(storage=True), value, do, dz, ds, so, sz, ss)
    return op.result, out


def insert_slice(
    b: Builder,
    value: Any,
    t: TensorType,
    into: Any,
    offsets: Sequence[Offset],
    strides: Sequence[Any] | None = None,
) -> Any:
    """`into` with `value` of type `t` written at `offsets`, as `tensor.insert_slice` (nothing when it is empty)."""
    if 0 in t.shape:
        return into
    steps = [1] * t.rank if strides is None else list(strides)
    (do, so), (dz, sz), (ds, ss) = (_mixed(b, v) for v in (offsets, t.shape, steps))
    return tensor.InsertSliceOp(value, into, do, dz, ds, so, sz, ss).result


def as_type(value: Any, t: TensorType) -> Any:
    """`value` under another spelling of its type: sizes static or not, as `t` has them."""
    want = t.mlir(storage=True)
    return value if value.type == want else tensor.CastOp(want, value).result


def pad_value(dtype: DType, value: float | int | bool) -> Any:
    """A constant scalar of storage type."""
    return stored_scalar(dtype, value)


def pad(
    b: Builder, value: Any, t: TensorType, low: Sequence[DimLike], high: Sequence[DimLike], fill: Any
) -> tuple[Any, TensorType]:
    """`value` with `low` and `high` elements added around it; negative ones crop. `fill` is a storage scalar.

    before --> after
      pads [1, -2]  -->  tensor.extract_slice (crop), then tensor.pad low[1] high[0]
    """
    if any(isinstance(p, int) and p < 0 for p in (*low, *high)):
        crop_low = [max(-p, 0) if isinstance(p, int) else 0 for p in low]
        crop_high = [max(-p, 0) if isinstance(p, int) else 0 for p in high]
        kept = [d - a - z for d, a, z in zip(t.shape, crop_low, crop_high, strict=True)]
        value, t = extract_slice(b, value, t, crop_low, kept)
        low = [max(p, 0) if isinstance(p, int) else p for p in low]
        high = [max(p, 0) if isinstance(p, int) else p for p in high]
    if not any(not isinstance(p, int) or p for p in (*low, *high)):
        return value, t
    shape = tuple(d + a + z for d, a, z in zip(t.shape, low, high, strict=True))
    out = TensorType(shape, t.dtype)
    (dl, sl), (dh, sh) = _mixed(b, low), _mixed(b, high)
    loose = _padded_type(t, sl, sh)
    op = tensor.PadOp(loose, value, dl, dh, sl, sh)
    block = op.regions[0].blocks.append(
        *[ir.IndexType.get()] * t.rank, arg_locs=[ir.Location.current] * t.rank
    )
    with ir.InsertionPoint(block):
        tensor.YieldOp(fill)
    return as_type(op.result, out), out


def _padded_type(t: TensorType, low: list[int], high: list[int]) -> Any:
    """The type tensor.pad infers: static only where size and both pads are."""
    marker = ir.ShapedType.get_dynamic_size()
    dims = [
        d + lo + hi if isinstance(d, int) and marker not in (lo, hi) else marker
        for d, lo, hi in zip(t.shape, low, high, strict=True)
    ]
    return ir.RankedTensorType.get(dims, ir.Type.parse(t.dtype.storage))


def stored(t: TensorType) -> TensorType:
    """The type under which elements move without being looked at: bools as i8."""
    return TensorType(t.shape, DType.I8, None) if t.dtype is DType.BOOL else t.plain()


def move(b: Builder, out: TensorType, body: Any) -> Any:
    """A tensor of type `out` whose element at `[i…]` is the stored scalar `body(i…)` (index values)."""
    return b.generic(
        [stored(out)],
        [],
        ["parallel"] * out.rank,
        lambda *_: body(*(index_of(i) for i in range(out.rank))),
    )[0]


def index_of(dim: int) -> Any:
    """`linalg.index dim`, inside the body of a generic."""
    return ir.Operation.create(
        "linalg.index",
        results=[ir.IndexType.get()],
        attributes={"dim": ir.IntegerAttr.get(ir.IntegerType.get_signless(64), dim)},
    ).results[0]


def wrap_index(b: Builder, index: Any, size: Any, *, clamp: bool = True) -> Any:
    """An index counted from the front: negative ones count from the end; clamped to `[0, size)`."""
    zero = b.index(0)
    negative = arith.CmpIOp(arith.CmpIPredicate.slt, index, zero).result
    out = arith.SelectOp(negative, arith.AddIOp(index, size).result, index).result
    return clamp_index(b, out, size) if clamp else out


def clamp_index(b: Builder, index: Any, size: Any) -> Any:
    """`min(max(index, 0), size − 1)`."""
    last = arith.SubIOp(size, b.index(1)).result
    return arith.MaxSIOp(arith.MinSIOp(index, last).result, b.index(0)).result


def add(b: Builder, a: Any, c: Any) -> Any:
    """`a + c` of index values, `c` possibly an int."""
    if isinstance(c, int):
        if c == 0:
            return a
        c = b.index(c)
    return arith.AddIOp(a, c).result


def static_elements(t: TensorType | None) -> np.ndarray[Any, Any] | None:
    """The known value of a small integer operand, without symbolic elements."""
    return None if t is None or t.value is None or t.value.dtype == object else t.value
