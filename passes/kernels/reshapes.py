"""Elementwise ops behind a reshape or a concatenation, moved before it: there they join the kernel of the root."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from aicc.bindings import ir, tensor
from aicc.passes.base import Pass, PassContext
from aicc.passes.buffers.destinations import kept_dims
from aicc.passes.kernels.groups import kind_of
from aicc.passes.kernels.ir_tools import (
    body_of,
    defining_op,
    inputs,
    is_generic,
    is_parallel,
    main_of,
    maps,
    nested_ops,
    reassociation_of,
)


@dataclass(frozen=True)
class SinkReshapes(Pass):
    """Views of what a contraction or window computes go behind the elementwise ops that read them.

    before --> after
      %c = generic {…, mulf, addf}: 1x56x56x32x4      --> %c = generic {…, mulf, addf}: 1x56x56x32x4
      %v = tensor.collapse_shape %c: 1x56x56x128      --> %r = generic {maximumf} ins(%c)
      %r = generic {maximumf} ins(%v)                 --> %v = tensor.collapse_shape %r

    likewise tensor.expand_shape, and where the pieces of a tensor are computed each by a root (phases of a transposed
    convolution):
      generic {maximumf} of a chain of tensor.insert_slice  -->  the chain of generic {maximumf} of each piece
    """

    pass_name: ClassVar[str] = "sink-reshapes"

    def run(self, module: Any, ctx: PassContext) -> None:
        roots: set[Any] = set()
        for op in [o for o in nested_ops(main_of(module).operation) if is_generic(o)]:
            if kind_of(op) == "root":
                roots.update(op.results)
            elif is_parallel(op) and _is_movable(op):
                _sink(op, roots)


def _is_movable(op: Any) -> bool:
    """Elementwise of static shape, positions not asked for, written in order."""
    if len(op.results) != 1 or not op.results[0].type.has_static_shape:
        return False
    t = ir.RankedTensorType(op.results[0].type)
    identity = ir.AffineMap.get_identity(t.rank)
    return (
        maps(op)[-1] == identity
        and all(
            o.operation.name.startswith(("arith.", "math.", "linalg.yield")) for o in body_of(op).operations
        )
        and all(_is_broadcast(m) for m in maps(op))
        and all(isinstance(v.type, ir.RankedTensorType) for v in op.operands)
    )


def _is_broadcast(m: Any) -> bool:
    """Each result a dim of its own, or zero."""
    dims = [e.position for e in m.results if isinstance(e, ir.AffineDimExpr)]
    zeros = [e for e in m.results if isinstance(e, ir.AffineConstantExpr) and e.value == 0]
    return len(dims) + len(zeros) == len(m.results) and len(set(dims)) == len(dims)


def _sink(op: Any, roots: set[Any]) -> None:
    """Moves `op` over the views of the first operand that comes from roots; notes results as roots' own."""
    identity = maps(op)[-1]
    for value, m in zip(inputs(op), maps(op), strict=False):
        if m != identity:
            continue
        if value in roots:
            roots.add(op.results[0])
            return
        if _over_view(op, value, roots):
            return


def _over_view(op: Any, value: Any, roots: set[Any]) -> bool:
    view = defining_op(value)
    if view is None or len(list(value.uses)) != 1 or view.block != op.block:
        return False
    if view.name == "tensor.insert_slice":
        return _over_chain(op, value, roots)
    if view.name == "tensor.extract_slice":
        return _over_slice(op, value, roots)
    if view.name == "tensor.expand_shape":
        return _over_expansion(op, value, roots)
    if view.name != "tensor.collapse_shape":
        return False
    source = view.operands[0]
    inner = defining_op(source)
    chain = inner is not None and inner.name == "tensor.insert_slice" and _pieces(inner, roots) is not None
    if not (source in roots or chain) or len(list(source.uses)) != 1:
        return False
    groups = reassociation_of(view)
    if not groups:
        return False
    shape = list(ir.RankedTensorType(source.type).shape)
    with ir.InsertionPoint(op), op.location:
        operands, new_maps = [], []
        for v, m in zip(inputs(op), maps(op), strict=False):
            e, em = (source, None) if v == value else _expanded(v, m, groups, shape)
            operands.append(e)
            new_maps.append(em or ir.AffineMap.get_identity(len(shape)))
        new = _rebuilt(op, operands, new_maps, shape)
        out = tensor.CollapseShapeOp(op.results[0].type, new, groups).result
    op.results[0].replace_all_uses_with(out)
    op.erase()
    view.erase()
    if chain:
        _over_chain(defining_op(new), source, roots)
    else:
        roots.add(new)
    return True


def _over_expansion(op: Any, value: Any, roots: set[Any]) -> bool:
    """`op` before the dims of what a root computes are taken apart."""
    view = defining_op(value)
    assert view is not None
    source = view.operands[0]
    if source not in roots or len(list(source.uses)) != 1:
        return False
    groups = reassociation_of(view)
    wide, shape = (list(ir.RankedTensorType(v.type).shape) for v in (value, source))
    if not groups or not all(isinstance(n, int) and n >= 0 for n in shape):
        return False
    new_maps = [_merged(m, groups, wide) for m in maps(op)[: len(inputs(op))]]
    if any(m is None for m in new_maps):
        return False
    identity = ir.AffineMap.get_identity(len(wide))
    with ir.InsertionPoint(op), op.location:
        operands = []
        for v, m in zip(inputs(op), maps(op), strict=False):
            if v != value and m == identity:
                t = ir.RankedTensorType.get(shape, ir.RankedTensorType(v.type).element_type)
                v = tensor.CollapseShapeOp(t, v, groups).result
            operands.append(source if v == value else v)
        new = _rebuilt(op, operands, new_maps, shape)
        out = tensor.ExpandShapeOp(op.results[0].type, new, groups, [], wide).result
    op.results[0].replace_all_uses_with(out)
    op.erase()
    view.erase()
    roots.add(new)
    return True


def _merged(m: Any, groups: Sequence[Sequence[int]], sizes: Sequence[int]) -> Any | None:
    """How an operand read over dims of `sizes` is read over one dim for each group of them; None where it cannot be.
    One that is read whole is to be collapsed like them."""
    if m == ir.AffineMap.get_identity(len(sizes)):
        return ir.AffineMap.get_identity(len(groups))
    exprs: list[Any] = []
    for e in m.results:
        if isinstance(e, ir.AffineDimExpr) and sizes[e.position] != 1:
            number = next(n for n, group in enumerate(groups) if e.position in group)
            if any(sizes[d] != 1 for d in groups[number] if d != e.position):
                return None
            exprs.append(ir.AffineExpr.get_dim(number))
        else:
            exprs.append(ir.AffineExpr.get_constant(0))
    return ir.AffineMap.get(len(groups), 0, exprs)


def _over_slice(op: Any, value: Any, roots: set[Any]) -> bool:
    """`op` of the whole of what `value` is a slice of, where a root computes it and no other operand has the dims
    that are cut: a few results more are computed, but without a pass of its own."""
    view = defining_op(value)
    assert view is not None
    source = view.operands[0]
    whole, cut = ir.RankedTensorType(source.type), ir.RankedTensorType(value.type)
    inner = source if source in roots else _collapsed(source, roots)
    if inner is None or len(view.operands) != 1 or whole.rank != cut.rank or len(list(source.uses)) != 1:
        return False
    if any(step != 1 for step in _static(view, "strides")):
        return False
    changed = {d for d in range(cut.rank) if whole.shape[d] != cut.shape[d]}
    for v, m in zip(inputs(op), maps(op), strict=False):
        if v != value and any(isinstance(e, ir.AffineDimExpr) and e.position in changed for e in m.results):
            return False
    with ir.InsertionPoint(op), op.location:
        operands = [source if v == value else v for v in inputs(op)]
        new = _rebuilt(op, operands, maps(op)[: len(operands)], list(whole.shape))
        offsets, sizes = _static(view, "offsets"), _static(view, "sizes")
        out = tensor.ExtractSliceOp(op.results[0].type, new, [], [], [], offsets, sizes, [1] * cut.rank)
    op.results[0].replace_all_uses_with(out.result)
    op.erase()
    view.erase()
    _sink(defining_op(new), roots)
    return True


def _collapsed(value: Any, roots: set[Any]) -> Any | None:
    """What a root computes and `value` is a collapsed view of."""
    view = defining_op(value)
    if view is None or view.name != "tensor.collapse_shape" or view.operands[0] not in roots:
        return None
    return view.operands[0]


def _expanded(value: Any, m: Any, groups: Sequence[Sequence[int]], shape: Sequence[int]) -> tuple[Any, Any]:
    """An operand read over the dims of a view, read over those of what the view collapses."""
    t = ir.RankedTensorType(value.type)
    sizes: list[int] = []
    parts: list[list[int]] = []
    exprs: list[Any] = []
    for e, size in zip(m.results, t.shape, strict=True):
        start = len(sizes)
        if isinstance(e, ir.AffineDimExpr):
            sizes += [shape[d] for d in groups[e.position]]
            exprs += [ir.AffineExpr.get_dim(d) for d in groups[e.position]]
        else:
            sizes.append(size)
            exprs.append(e)
        parts.append(list(range(start, len(sizes))))
    if len(sizes) != t.rank:
        wide = ir.RankedTensorType.get(sizes, t.element_type)
        value = tensor.ExpandShapeOp(wide, value, parts, [], sizes).result
    return value, ir.AffineMap.get(len(shape), 0, exprs)


def _rebuilt(op: Any, operands: Sequence[Any], indexing: Sequence[Any], shape: Sequence[int]) -> Any:
    """A copy of the elementwise `op` on other operands, over `shape`."""
    element = ir.RankedTensorType(op.results[0].type).element_type
    init = tensor.EmptyOp(list(shape), element).result
    rank = len(shape)
    kinds = ir.ArrayAttr.get([ir.Attribute.parse("#linalg.iterator_type<parallel>")] * rank)
    new = ir.Operation.create(
        "linalg.generic",
        results=[init.type],
        operands=[*operands, init],
        attributes={
            "indexing_maps": ir.ArrayAttr.get(
                [ir.AffineMapAttr.get(m) for m in (*indexing, ir.AffineMap.get_identity(rank))]
            ),
            "iterator_types": kinds,
            "operandSegmentSizes": op.attributes["operandSegmentSizes"],
        },
        regions=1,
    )
    copy = op.clone(ir.InsertionPoint(op))
    copy.regions[0].blocks[0].append_to(new.regions[0])
    copy.erase()
    return new.results[0]


def _pieces(last: Any, roots: set[Any]) -> list[Any] | None:
    """The inserts, first to last, of a chain from tensor.empty that ends in `last`, whose pieces come from roots."""
    chain: list[Any] = []
    op: Any = last
    while op is not None and op.name == "tensor.insert_slice":
        static = [int(x) for k in ("offsets", "sizes", "strides") for x in _static(op, k)]
        if (
            ir.ShapedType.get_dynamic_size() in static
            or op.operands[0] not in roots
            or op.block != last.block
        ):
            return None
        if len(list(op.operands[0].uses)) != 1 or any(step != 1 for step in _static(op, "strides")):
            return None
        if op is not last and len(list(op.results[0].uses)) != 1:
            return None
        chain.insert(0, op)
        op = defining_op(op.operands[1])
    return chain if op is not None and op.name == "tensor.empty" else None


def _static(op: Any, key: str) -> list[int]:
    return [int(x) for x in ir.DenseI64ArrayAttr(op.attributes[f"static_{key}"])]


def _over_chain(op: Any, value: Any, roots: set[Any]) -> bool:
    """`op` of each piece of the chain that ends in `value`, inserted into a tensor of its own."""
    chain = _pieces(defining_op(value), roots)
    if chain is None or len(list(value.uses)) != 1:
        return False
    out = ir.RankedTensorType(op.results[0].type)
    with ir.InsertionPoint(op), op.location:
        whole = tensor.EmptyOp(list(out.shape), out.element_type).result
        for insert in chain:
            offsets, sizes = _static(insert, "offsets"), _static(insert, "sizes")
            piece = insert.operands[0]
            shape = list(ir.RankedTensorType(piece.type).shape)
            kept = kept_dims(piece.type, sizes)
            operands, new_maps = [], []
            for v, m in zip(inputs(op), maps(op), strict=False):
                e, em = (piece, None) if v == value else _sliced(v, m, offsets, sizes, kept)
                operands.append(e)
                new_maps.append(em or ir.AffineMap.get_identity(len(shape)))
            new = _rebuilt(op, operands, new_maps, shape)
            roots.add(new)
            steps = [1] * len(sizes)
            whole = tensor.InsertSliceOp(new, whole, [], [], [], offsets, sizes, steps).result
    op.results[0].replace_all_uses_with(whole)
    op.erase()
    for insert in reversed(chain):
        insert.erase()
    return True


def _sliced(
    value: Any, m: Any, offsets: Sequence[int], sizes: Sequence[int], kept: Sequence[int]
) -> tuple[Any, Any]:
    """The part of an operand that a piece at `offsets` reads, without the dims that are not `kept`."""
    t = ir.RankedTensorType(value.type)
    where, extents, exprs = [], [], []
    for e, size in zip(m.results, t.shape, strict=True):
        is_dim = isinstance(e, ir.AffineDimExpr)
        where.append(offsets[e.position] if is_dim else 0)
        extents.append(sizes[e.position] if is_dim else size)
        if not is_dim:
            exprs.append(e)
        elif e.position in kept:
            exprs.append(ir.AffineExpr.get_dim(kept.index(e.position)))
        else:
            exprs.append(ir.AffineExpr.get_constant(0))
    if extents != list(t.shape):
        part = ir.RankedTensorType.get(extents, t.element_type)
        value = tensor.ExtractSliceOp(part, value, [], [], [], where, extents, [1] * t.rank).result
    return value, ir.AffineMap.get(len(kept), 0, exprs)


__all__ = ["SinkReshapes"]
