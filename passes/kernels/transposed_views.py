"""Transposes that a view keeps from their neighbours, on the other side of it.

    %t = generic {copy, (b,h,s,d) -> (b,s,h,d)} %x: 2x32x72x64        heads in groups
    %v = tensor.expand_shape %t: 2x8x4x72x64
      -->
    %v = tensor.expand_shape %x: 2x72x8x4x64
    %t = generic {copy, (b,h,g,s,d) -> (b,s,h,g,d)} %v: 2x8x4x72x64

and likewise %t = generic {copy} of a tensor.collapse_shape.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from aicc.bindings import ir, tensor
from aicc.passes.kernels.ir_tools import (
    defining_op,
    dynamic_sizes,
    each_of,
    inputs,
    is_generic,
    maps,
    n_inputs,
    reassociation_of,
)


def over_view(copy: Any) -> bool:
    """Moves a permuting copy after the view whose result it reads, or before the one that reads it, where a generic is
    behind that."""
    read, written = maps(copy)
    order = [e.position for e in read.results if isinstance(e, ir.AffineDimExpr)]
    dims = list(range(read.n_dims))
    if (
        written != ir.AffineMap.get_identity(read.n_dims)
        or len(order) != len(read.results)
        or sorted(order) != dims
    ):
        return False
    if order == dims or order[-1] != dims[-1]:  # nothing to fold, or nothing that would be
        return False
    return _before_expansion(copy, order) or _after_collapse(copy, order)


def _before_expansion(copy: Any, order: Sequence[int]) -> bool:
    """`order`: by dim of the source, the dim of the copy."""
    view = _only_user(copy.results[0])
    if view is None or view.name != "tensor.expand_shape" or view.block != copy.block:
        return False
    if not all(_reads(use) for use in view.results[0].uses):
        return False
    groups = reassociation_of(view)
    sizes = _sizes(view)
    wide = [w for d in order for w in groups[d]]
    with ir.InsertionPoint(view), copy.location:
        source = _expanded(inputs(copy)[0], [len(groups[d]) for d in order], [sizes[w] for w in wide])
        out = _copied(source, wide, sizes)
    view.results[0].replace_all_uses_with(out)
    view.erase()
    copy.erase()
    return True


def _after_collapse(copy: Any, order: Sequence[int]) -> bool:
    """`order`: by dim of what the copy reads, the dim of the copy."""
    view = defining_op(inputs(copy)[0])
    if view is None or view.name != "tensor.collapse_shape" or view.block != copy.block:
        return False
    source = view.operands[0]
    producer = defining_op(source)
    if (
        producer is None
        or not is_generic(producer)
        or _only_user(source) is None
        or _only_user(view.results[0]) is None
    ):
        return False
    groups = reassociation_of(view)
    turned = [groups[order.index(d)] for d in range(len(order))]
    dims = [g for group in turned for g in group]
    shape = ir.RankedTensorType(source.type)
    known = iter(dynamic_sizes(source) or ())
    sizes = [
        next(known, None) if shape.is_dynamic_dim(d) else shape.get_dim_size(d) for d in range(shape.rank)
    ]
    if any(size is None for size in sizes):
        return False
    with ir.InsertionPoint(copy), copy.location:
        moved = _copied(source, [dims.index(d) for d in range(shape.rank)], [sizes[d] for d in dims])
        out = tensor.CollapseShapeOp(copy.results[0].type, moved, _numbered(map(len, turned))).result
    copy.results[0].replace_all_uses_with(out)
    copy.erase()
    view.erase()
    return True


def _only_user(value: Any) -> Any | None:
    uses = list(value.uses)
    return uses[0].owner.operation if len(uses) == 1 else None


def _reads(use: Any) -> bool:
    user = use.owner.operation
    return is_generic(user) and use.operand_number < n_inputs(user)


def _numbered(lengths: Iterable[int]) -> list[list[int]]:
    """Groups of so many dims each: `[1, 2]` is `[[0], [1, 2]]`."""
    groups: list[list[int]] = []
    for length in lengths:
        start = sum(map(len, groups))
        groups.append(list(range(start, start + length)))
    return groups


def _sizes(view: Any) -> list[Any]:
    """Of what an expansion results in, those that only a run knows as values."""
    static = list(ir.DenseI64ArrayAttr(view.attributes["static_output_shape"]))
    dynamic = iter(list(view.operands)[1:])
    return [next(dynamic) if n == ir.ShapedType.get_dynamic_size() else n for n in static]


def _expanded(value: Any, lengths: Sequence[int], sizes: Sequence[Any]) -> Any:
    dynamic = ir.ShapedType.get_dynamic_size()
    static = [s if isinstance(s, int) else dynamic for s in sizes]
    kind = ir.RankedTensorType.get(static, ir.RankedTensorType(value.type).element_type)
    values = [s for s in sizes if not isinstance(s, int)]
    return tensor.ExpandShapeOp(kind, value, _numbered(lengths), values, static).result


def _copied(source: Any, order: Sequence[int], sizes: Sequence[Any]) -> Any:
    """A copy of `sizes` whose dim `order[i]` is dim i of the source."""
    element = ir.RankedTensorType(source.type).element_type
    rank = len(order)
    empty = tensor.EmptyOp(list(sizes), element).result
    return each_of(source, empty, ir.AffineMap.get(rank, 0, [ir.AffineExpr.get_dim(d) for d in order]))
