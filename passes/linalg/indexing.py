"""Gathers as generics that read with `tensor.extract`, scatters as loops that write with `tensor.insert`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from aicc.bindings import arith, ir, tensor
from aicc.dialects.indexing import index_depth
from aicc.dialects.sizes import elements
from aicc.dialects.symbolic import product
from aicc.dialects.types import DType, TensorType
from aicc.passes.linalg.builder import Builder, Lowered, lowering
from aicc.passes.linalg.elementwise import compute_dtype
from aicc.passes.linalg.loops import loop_nest
from aicc.passes.linalg.requirements import require_equal, require_readable, require_within
from aicc.passes.linalg.scalars import Scalars, cast
from aicc.passes.linalg.shape import name_symbol
from aicc.passes.linalg.views import extract_slice, index_of, static_elements, stored, wrap_index


@lowering("gather")
def gather(b: Builder, n: Lowered) -> Any:
    x, x_t, i_t, axis = n.operands[0], n.typed(0).plain(), n.typed(1), n.attrs["axis"]
    view = _gathered_view(b, n)
    if view is not None:
        return view
    out = stored(n.results[0])
    require_readable(b, x_t.shape[axis], product(out.shape))
    rank = i_t.rank
    at = ir.AffineMap.get(out.rank, 0, [ir.AffineExpr.get_dim(axis + k) for k in range(rank)])

    def element(i: Any, _: Any) -> Any:
        picked = wrap_index(b, b.to_index(i), b.size(x_t.shape[axis]))
        where = [index_of(k if k < axis else k + rank - 1) for k in range(x_t.rank)]
        where[axis] = picked
        return tensor.ExtractOp(x, where).result

    return b.generic([out], [(n.operands[1], at)], ["parallel"] * out.rank, element)[0]


def _gathered_view(b: Builder, n: Lowered) -> Any | None:
    """A gather of consecutive constant indices is a slice."""
    x_t, axis = n.typed(0).plain(), n.attrs["axis"]
    indices = static_elements(n.types[1])
    size = x_t.shape[axis]
    if indices is None or not indices.size:
        return None
    flat = indices.reshape(-1)
    if (flat < 0).any() and not (flat < 0).all():
        return None
    if flat.size > 1 and not (np.diff(flat) == 1).all():
        return None
    if isinstance(size, int) and not -size <= flat[0] <= flat[-1] < size:
        return None
    if not isinstance(size, int) and flat[0] not in (0, -1):
        return None  # whether it exists is for run time to say
    first = int(flat[0]) + (size if flat[0] < 0 else 0)
    offsets = [first if k == axis else 0 for k in range(x_t.rank)]
    shape = [int(flat.size) if k == axis else d for k, d in enumerate(x_t.shape)]
    y, t = extract_slice(b, n.operands[0], x_t, offsets, shape)
    return b.reshape(y, t, n.results[0].shape)[0]


@lowering("part")
def part(b: Builder, n: Lowered) -> Any:
    x, x_t, out = n.operands[0], stored(n.typed(0)), stored(n.results[0])
    require_readable(b, x_t.shape[0], 1)
    (raw,) = b.scalars(n.operands[1], n.typed(1).plain())
    first = wrap_index(b, b.to_index(raw), b.size(x_t.shape[0]))
    return extract_slice(b, x, x_t, [first, *[0] * out.rank], (1, *out.shape), kept=out)[0]


@lowering("gather_elements")
def gather_elements(b: Builder, n: Lowered) -> Any:
    x, x_t, axis = n.operands[0], n.typed(0), n.attrs["axis"]
    out = stored(n.results[0])
    _require_elements(b, x_t, out, axis)

    def element(i: Any, _: Any) -> Any:
        where = [index_of(k) for k in range(x_t.rank)]
        where[axis] = wrap_index(b, b.to_index(i), b.size(x_t.shape[axis]))
        return tensor.ExtractOp(x, where).result

    identity = ir.AffineMap.get_identity(out.rank)
    return b.generic([out], [(n.operands[1], identity)], ["parallel"] * out.rank, element)[0]


@lowering("gather_nd")
def gather_nd(b: Builder, n: Lowered) -> Any:
    x, x_t, i_t = n.operands[0], n.typed(0), n.typed(1)
    batch = n.attrs["batch_dims"]
    depth = index_depth(x_t, i_t, batch)
    out = stored(n.results[0])
    lead = i_t.rank - 1
    for d in range(batch):
        require_equal(b, x_t.shape[d], i_t.shape[d], "batch dims agree")
    for j in range(depth):
        require_readable(b, x_t.shape[batch + j], product(out.shape))

    def element(_: Any) -> Any:
        position = [index_of(k) for k in range(lead)]
        where = [index_of(k) for k in range(batch)]
        for j in range(depth):
            raw = tensor.ExtractOp(n.operands[1], [*position, b.index(j)]).result
            where.append(wrap_index(b, b.to_index(raw), b.size(x_t.shape[batch + j])))
        where += [index_of(lead + k) for k in range(x_t.rank - batch - depth)]
        return tensor.ExtractOp(x, where).result

    return b.generic([out], [], ["parallel"] * out.rank, element)[0]


@lowering("scatter_elements")
def scatter_elements(b: Builder, n: Lowered) -> Any:
    """
    for i… in updates: y[i… with indices[i…] at axis] op= updates[i…]
    """
    x_t, i_t, axis = n.typed(0), n.typed(1), n.attrs["axis"]
    _require_elements(b, x_t, i_t, axis)
    for d, (size, given) in enumerate(zip(i_t.shape, n.typed(2).shape, strict=True)):
        require_equal(b, given, size, f"updates are as many as indices in dim {d}")

    def body(position: Sequence[Any], carried: Sequence[Any]) -> list[Any]:
        raw = tensor.ExtractOp(n.operands[1], list(position)).result
        where = list(position)
        where[axis] = wrap_index(b, b.to_index(raw), b.size(x_t.shape[axis]))
        value = tensor.ExtractOp(n.operands[2], list(position)).result
        return [_written(n, carried[0], where, value)]

    return loop_nest(b, [b.size(d) for d in i_t.shape], [_copy(b, n)], body)[0]


@lowering("scatter_nd")
def scatter_nd(b: Builder, n: Lowered) -> Any:
    """
    for i… in indices[..., 0]: for j… in slice: y[indices[i…], j…] op= updates[i…, j…]
    """
    x_t, i_t = n.typed(0), n.typed(1)
    depth = index_depth(x_t, i_t, 0)
    lead = i_t.rank - 1
    shape = (*i_t.shape[:-1], *x_t.shape[depth:])
    for size, given in zip(shape, n.typed(2).shape, strict=True):
        require_equal(b, given, size, "updates are slices of the data, one for each tuple of indices")
    for j in range(depth):
        require_readable(b, x_t.shape[j], product(shape))
    extents = [b.size(d) for d in shape]

    def body(position: Sequence[Any], carried: Sequence[Any]) -> list[Any]:
        where = []
        for j in range(depth):
            raw = tensor.ExtractOp(n.operands[1], [*position[:lead], b.index(j)]).result
            where.append(wrap_index(b, b.to_index(raw), b.size(x_t.shape[j])))
        value = tensor.ExtractOp(n.operands[2], list(position)).result
        return [_written(n, carried[0], [*where, *position[lead:]], value)]

    return loop_nest(b, extents, [_copy(b, n)], body)[0]


def _require_elements(b: Builder, x: TensorType, indices: TensorType, axis: int) -> None:
    """Indices along `axis`, in a tensor that is no larger than `x` in the other dims."""
    require_readable(b, x.shape[axis], product(indices.shape))
    for d, (size, over) in enumerate(zip(indices.shape, x.shape, strict=True)):
        if d != axis:
            require_within(b, size, over, f"indices are no more than the data in dim {d}")


def _copy(b: Builder, n: Lowered) -> Any:
    """A copy of the first operand, to be written to."""
    t = stored(n.typed(0))
    return b.pointwise(t, [(n.operands[0], t)], lambda v: v)


def _written(n: Lowered, y: Any, where: list[Any], value: Any) -> Any:
    """`y` with `value` combined into the element at `where`."""
    reduction, dtype = n.attrs["reduction"], n.results[0].dtype
    if reduction != "none":
        old = tensor.ExtractOp(y, where).result
        if dtype is DType.BOOL:
            # of 0 and 1: or, and
            s, wide = Scalars(DType.U8), DType.BOOL
            name = {"add": "max", "mul": "min"}.get(reduction, reduction)
            value = getattr(s, name)(old, value)
        else:
            wide = compute_dtype(dtype)
            s = Scalars(wide)
            value = cast(getattr(s, reduction)(cast(old, dtype, wide), cast(value, dtype, wide)), wide, dtype)
    return tensor.InsertOp(value, y, where).result


@lowering("one_hot")
def one_hot(b: Builder, n: Lowered) -> Any:
    i_t, axis = n.typed(0), n.attrs["axis"]
    out = stored(n.results[0])
    known = elements(n.typed(1))
    depth = b.to_index(b.scalars(n.operands[1], n.typed(1).plain())[0])
    if known is None or not b.is_known(known[0]):
        name_symbol(b, out.shape[axis], depth)
    off, on = b.scalars(n.operands[2], TensorType((2,), n.typed(2).dtype))
    kept = [ir.AffineExpr.get_dim(k) for k in range(out.rank) if k != axis]
    i64 = Scalars(DType.I64)

    def element(i: Any, _: Any) -> Any:
        index = b.to_index(cast(i, i_t.dtype, DType.I64))
        wrapped = wrap_index(b, index, b.size(out.shape[axis]), clamp=False)
        hit = arith.CmpIOp(arith.CmpIPredicate.eq, wrapped, index_of(axis)).result
        return i64.select(hit, on, off)

    m = ir.AffineMap.get(out.rank, 0, kept)
    return b.generic([out], [(n.operands[0], m)], ["parallel"] * out.rank, element)[0]
