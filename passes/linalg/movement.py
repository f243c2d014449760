"""Ops that move elements: transposes and broadcasts are copying generics, slices and joins are views."""

from __future__ import annotations

from typing import Any

from aicc.bindings import arith, ir, tensor
from aicc.dialects.movement import known_bounds
from aicc.dialects.sizes import elements
from aicc.dialects.symbolic import DimLike
from aicc.dialects.types import TensorType
from aicc.passes.linalg.builder import Builder, Lowered, lowering
from aicc.passes.linalg.requirements import require_equal
from aicc.passes.linalg.shape import name_symbol, unnamed_symbols
from aicc.passes.linalg.views import as_type, extract_slice, index_of, insert_slice, stored


@lowering("transpose")
def transpose(b: Builder, n: Lowered) -> Any:
    return b.transpose(n.operands[0], n.typed(0).plain(), n.attrs["perm"])[0]


@lowering("expand")
def expand(b: Builder, n: Lowered) -> Any:
    x_t, out = n.typed(0), stored(n.results[0])
    offset = out.rank - n.typed(1).size
    for i, e in enumerate(b.scalars(n.operands[1], n.typed(1).plain())):
        for symbol in unnamed_symbols(b, out.shape[offset + i]):
            name_symbol(b, symbol, b.to_index(e))
    if x_t.shape == out.shape:
        return n.operands[0]
    x = n.operands[0], stored(x_t)
    return b.pointwise(out, [x], lambda v: v)


@lowering("tile")
def tile(b: Builder, n: Lowered) -> Any:
    """`x[a, c] --> y[r0·a, r1·c]`: a broadcast over `[r0, a, r1, c]`, collapsed."""
    x_t, out = stored(n.typed(0)), n.results[0]
    known = elements(n.typed(1))
    scalars = [b.to_index(e) for e in b.scalars(n.operands[1], n.typed(1).plain())]
    repeats: list[Any] = []
    for i, d in enumerate(x_t.shape):
        if known is not None and b.is_known(known[i]):
            repeats.append(known[i])
            continue
        size = arith.MulIOp(scalars[i], b.size(d)).result
        name_symbol(b, out.shape[i], size)
        repeats.append(None)
    if any(r is None for r in repeats):
        return _tile_by_index(b, n)
    wide: list[DimLike] = []
    read: list[Any] = []
    for d, r in zip(x_t.shape, repeats, strict=True):
        if r != 1:
            wide.append(r)
        read.append(ir.AffineExpr.get_dim(len(wide)))
        wide.append(d)
    wide_t = TensorType(tuple(wide), x_t.dtype)
    m = ir.AffineMap.get(len(wide), 0, read)
    y = b.generic([wide_t], [(n.operands[0], m)], ["parallel"] * len(wide), lambda v, _: v)[0]
    return b.reshape(y, wide_t, out.shape)[0]


def _tile_by_index(b: Builder, n: Lowered) -> Any:
    x_t, out = n.typed(0), stored(n.results[0])

    def element(_: Any) -> Any:
        at = [arith.RemUIOp(index_of(i), b.size(d)).result for i, d in enumerate(x_t.shape)]
        return tensor.ExtractOp(n.operands[0], at).result

    return b.generic([out], [], ["parallel"] * out.rank, element)[0]


@lowering("concat")
def concat(b: Builder, n: Lowered) -> Any:
    out, axis = n.results[0].plain(), n.attrs["dim"]
    y = b.empty(out)
    at: DimLike = 0
    for i, x in enumerate(n.operands):
        t = n.typed(i)
        offsets = [at if k == axis else 0 for k in range(out.rank)]
        # the other sizes as the result has them: operands may spell them differently
        shape = tuple(t.shape[k] if k == axis else d for k, d in enumerate(out.shape))
        want = TensorType(shape, t.dtype)
        for d, other in zip(shape, t.shape, strict=True):
            require_equal(b, other, d, "concatenated tensors agree in their other dimensions")
        y = insert_slice(b, as_type(x, want), want, y, offsets)
        at = at + t.shape[axis]
    return y


@lowering("slice")
def slice_(b: Builder, n: Lowered) -> Any:
    """A view, unless a step is negative or known at run time only: then a copying generic."""
    x_t, out, axes = n.typed(0).plain(), n.results[0].plain(), n.attrs["axes"]
    bounds = known_bounds(x_t, n.typed(1), n.typed(2), n.types[3], axes)
    steps = [1] * len(axes) if n.types[3] is None else elements(n.types[3])
    offset: list[Any] = [0] * x_t.rank
    stride: list[Any] = [1] * x_t.rank
    for j, axis in enumerate(axes):
        given = steps[j] if steps is not None else None
        step = given if isinstance(given, int) else None
        known = bounds[j]
        if known is not None and step is not None:
            offset[axis], stride[axis] = known[0], step
            continue
        first, count, stride[axis] = _run_time_bounds(b, n, j, x_t.shape[axis], step)
        offset[axis] = first
        name_symbol(b, out.shape[axis], count)
    if 0 in out.shape:
        return b.empty(stored(out))
    if all(isinstance(s, int) and s > 0 for s in stride):
        return extract_slice(b, n.operands[0], x_t, offset, out.shape, stride)[0]

    def element(_: Any) -> Any:
        at = []
        for i in range(x_t.rank):
            step = b.index(stride[i]) if isinstance(stride[i], int) else stride[i]
            start = offset[i] if isinstance(offset[i], ir.Value) else b.size(offset[i])
            at.append(arith.AddIOp(start, arith.MulIOp(index_of(i), step).result).result)
        return tensor.ExtractOp(n.operands[0], at).result

    plain = stored(out)
    return b.generic([plain], [], ["parallel"] * plain.rank, element)[0]


def _run_time_bounds(b: Builder, n: Lowered, j: int, size: DimLike, step: int | None) -> tuple[Any, Any, Any]:
    """First index, count, and step (an int where known) of entry `j` of the bounds, as index values."""

    def scalar(i: int) -> Any:
        return b.to_index(b.scalars(n.operands[i], n.typed(i).plain())[j])

    dim, zero, one = b.size(size), b.index(0), b.index(1)
    stride: Any = scalar(3) if step is None else b.index(step)
    backwards = arith.CmpIOp(arith.CmpIPredicate.slt, stride, zero).result
    lowest = arith.SelectOp(backwards, b.index(-1), zero).result
    high = arith.SelectOp(backwards, arith.SubIOp(dim, one).result, dim).result

    def clamped(v: Any, low: Any) -> Any:
        negative = arith.CmpIOp(arith.CmpIPredicate.slt, v, zero).result
        v = arith.SelectOp(negative, arith.AddIOp(v, dim).result, v).result
        return arith.MinSIOp(arith.MaxSIOp(v, low).result, high).result

    first, last = clamped(scalar(1), zero), clamped(scalar(2), lowest)
    count = arith.CeilDivSIOp(arith.SubIOp(last, first).result, stride).result
    return first, arith.MaxSIOp(count, zero).result, stride if step is None else step


@lowering("depth_to_space")
def depth_to_space(b: Builder, n: Lowered) -> Any:
    x_t, block, last = n.typed(0).plain(), n.attrs["block"], n.attrs["layout"] == "NHWC"
    batch, h, w, c = x_t.shape if last else (x_t.shape[0], *x_t.shape[2:], x_t.shape[1])
    rest = c // (block * block)
    blocks_first = n.attrs["mode"] == "DCR"
    channels = [block, block, rest] if blocks_first else [rest, block, block]
    shape = [batch, h, w, *channels] if last else [batch, *channels, h, w]
    y, t = b.reshape(n.operands[0], x_t, shape)
    base = 3 if last else 1
    b1, b2, d = (base, base + 1, base + 2) if blocks_first else (base + 1, base + 2, base)
    hh, ww = (1, 2) if last else (4, 5)
    perm = [0, hh, b1, ww, b2, d] if last else [0, d, hh, b1, ww, b2]
    y, t = b.transpose(y, t, perm)
    return b.reshape(y, t, n.results[0].shape)[0]


@lowering("space_to_depth")
def space_to_depth(b: Builder, n: Lowered) -> Any:
    x_t, block, last = n.typed(0).plain(), n.attrs["block"], n.attrs["layout"] == "NHWC"
    batch, h, w, c = x_t.shape if last else (x_t.shape[0], *x_t.shape[2:], x_t.shape[1])
    split_h, split_w = [h // block, block], [w // block, block]
    shape = [batch, *split_h, *split_w, c] if last else [batch, c, *split_h, *split_w]
    y, t = b.reshape(n.operands[0], x_t, shape)
    b1, b2, d, hh, ww = (2, 4, 5, 1, 3) if last else (3, 5, 1, 2, 4)
    channels = [b1, b2, d] if n.attrs["mode"] == "DCR" else [d, b1, b2]
    perm = [0, hh, ww, *channels] if last else [0, *channels, hh, ww]
    y, t = b.transpose(y, t, perm)
    return b.reshape(y, t, n.results[0].shape)[0]
