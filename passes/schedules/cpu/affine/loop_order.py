"""The order of each nest's loops, chosen on `linalg.generic` over memrefs before it becomes loops.

LLVM's loop vectorizer turns the innermost loop into vector code, so that loop is to walk memory with unit
stride; loops of a packed operand are split at the pack's tile, so that it does.
"""

from __future__ import annotations

from typing import Any

from aicc.bindings import arith, ir
from aicc.passes.schedules.cpu.affine.operands import body_of, iterators_of, maps_of, walk

# Points of one operand's access for the innermost loop, by its stride along that loop.
_CONTIGUOUS, _INVARIANT, _STRIDED, _STRIDED_STORE = 2, 1, -4, -12

_REASSOCIATE = ("arith.addf", "arith.mulf")


def split_packed_loops(generic: Any) -> None:
    """Loop `d` that an operand reads as `d floordiv T` and `d mod T` becomes two, when T divides its size.

    (k, n) -> (n floordiv 16, k, n mod 16)  --> (k, no, ni) -> (no, k, ni), and n is no * 16 + ni elsewhere
    """
    while True:
        found = _splittable(generic)
        if found is None:
            return
        _split(generic, *found)


def _splittable(generic: Any) -> tuple[int, int] | None:
    maps = maps_of(generic)
    sizes = loop_sizes(generic)
    for m in maps:
        for result in m.results:
            if not isinstance(result, ir.AffineModExpr) or not isinstance(result.lhs, ir.AffineDimExpr):
                continue
            dim, tile = result.lhs.position, ir.AffineConstantExpr(result.rhs).value
            has_quotient = any(r == ir.AffineExpr.get_floor_div(result.lhs, tile) for r in m.results)
            if has_quotient and sizes[dim] is not None and sizes[dim] % tile == 0:
                return dim, tile
    return None


def _split(generic: Any, dim: int, tile: int) -> None:
    """Loop `dim` becomes `dim` (quotient) and a new last loop (remainder)."""
    maps, iterators = maps_of(generic), list(generic.attributes["iterator_types"])
    rank = len(iterators)
    outer, inner = ir.AffineDimExpr.get(dim), ir.AffineDimExpr.get(rank)
    whole = outer * tile + inner
    quotient, remainder = ir.AffineExpr.get_floor_div(outer, tile), ir.AffineExpr.get_mod(outer, tile)
    substitution = ir.AffineMap.get(
        rank + 1, 0, [whole if i == dim else ir.AffineDimExpr.get(i) for i in range(rank)]
    )

    def rewrite(expression: Any) -> Any:
        if expression == quotient:
            return outer
        if expression == remainder:
            return inner
        return expression.compose(substitution)

    new = [ir.AffineMap.get(rank + 1, 0, [rewrite(r) for r in m.results]) for m in maps]
    generic.attributes["indexing_maps"] = ir.ArrayAttr.get([ir.AffineMapAttr.get(m) for m in new])
    generic.attributes["iterator_types"] = ir.ArrayAttr.get([*iterators, iterators[dim]])
    for op in walk(generic, "linalg.index"):
        if int(op.attributes["dim"]) == dim:
            with ir.InsertionPoint(op), op.location:
                index = ir.IndexType.get()
                parts = [
                    ir.Operation.create(
                        "linalg.index",
                        results=[index],
                        attributes={"dim": ir.IntegerAttr.get(ir.IntegerType.get_signless(64), d)},
                    ).results[0]
                    for d in (dim, rank)
                ]
                scaled = arith.MulIOp(parts[0], arith.ConstantOp(index, tile).result).result
                value = arith.AddIOp(scaled, parts[1]).result
            op.results[0].replace_all_uses_with(value)
            op.erase()


def order_loops(generic: Any) -> None:
    """Permutes the loops: parallel ones outside, then reductions, then the best one for vectors.

    (m, n, k) with B[k, n], C[m, n] --> (m, k, n);   (row, column) -> sum[row] stays
    """
    iterators = iterators_of(generic)
    rank = len(iterators)
    if rank < 2:
        return
    scores = [_score(generic, d) for d in range(rank)]
    # A reduction innermost needs vector accumulators, so a parallel loop wins a tie; a later loop as well.
    inner = max(range(rank), key=lambda d: (scores[d], iterators[d] == "parallel", d))
    outer = [d for d in range(rank) if d != inner and iterators[d] == "parallel"]
    middle = [d for d in range(rank) if d != inner and iterators[d] == "reduction"]
    permute(generic, [*outer, *middle, inner])


def permute(generic: Any, order: list[int]) -> None:
    """Loop `order[i]` becomes loop `i`."""
    rank = len(order)
    if order == list(range(rank)):
        return
    place = {old: new for new, old in enumerate(order)}
    substitution = ir.AffineMap.get(rank, 0, [ir.AffineDimExpr.get(place[d]) for d in range(rank)])
    new = [ir.AffineMap.get(rank, 0, [r.compose(substitution) for r in m.results]) for m in maps_of(generic)]
    iterators = list(generic.attributes["iterator_types"])
    generic.attributes["indexing_maps"] = ir.ArrayAttr.get([ir.AffineMapAttr.get(m) for m in new])
    generic.attributes["iterator_types"] = ir.ArrayAttr.get([iterators[d] for d in order])
    for op in walk(generic, "linalg.index"):
        kind = op.attributes["dim"].type
        op.attributes["dim"] = ir.IntegerAttr.get(kind, place[int(op.attributes["dim"])])


def reassociate_reductions(generic: Any) -> None:
    """Lets a sum or product over the innermost loop be formed in several partial results.

    linalg.yield (arith.addf %out, %x) --> linalg.yield (arith.addf %out, %x fastmath<reassoc>)

    Only there: without it LLVM would have to add one element after the other.
    """
    iterators = iterators_of(generic)
    if not iterators or iterators[-1] != "reduction":
        return
    block = body_of(generic)
    operations = [op.operation for op in block.operations]
    inputs = int(generic.attributes["operandSegmentSizes"][0])
    accumulators = list(block.arguments)[inputs:]
    for value in operations[-1].operands:
        owner = value.owner
        if isinstance(owner, ir.Block) or owner.operation.name not in _REASSOCIATE:
            continue
        if any(operand in accumulators for operand in owner.operation.operands):
            owner.operation.attributes["fastmath"] = ir.Attribute.parse("#arith.fastmath<reassoc>")


def loop_sizes(generic: Any) -> list[int | None]:
    """Trip count per loop, None where dynamic or not seen by any operand directly."""
    sizes: list[int | None] = [None] * len(iterators_of(generic))
    for value, m in zip(generic.operands, maps_of(generic), strict=True):
        kind = (
            ir.ShapedType(value.type) if isinstance(value.type, ir.MemRefType | ir.RankedTensorType) else None
        )
        for position, result in enumerate(m.results):
            if (
                kind is not None
                and isinstance(result, ir.AffineDimExpr)
                and not kind.is_dynamic_dim(position)
            ):
                sizes[result.position] = kind.shape[position]
    # A loop only seen through quotient and remainder has the size of their product.
    for value, m in zip(generic.operands, maps_of(generic), strict=True):
        for position, result in enumerate(m.results):
            if isinstance(result, ir.AffineModExpr) and isinstance(result.lhs, ir.AffineDimExpr):
                dim = result.lhs.position
                quotient = ir.AffineExpr.get_floor_div(result.lhs, ir.AffineConstantExpr(result.rhs).value)
                for other, r in enumerate(m.results):
                    if r == quotient and sizes[dim] is None and value.type.has_static_shape:
                        sizes[dim] = value.type.shape[other] * value.type.shape[position]
    return sizes


def _score(generic: Any, dim: int) -> int:
    """How well loop `dim` does as the innermost."""
    inputs = int(generic.attributes["operandSegmentSizes"][0])
    total = 0
    for number, (value, m) in enumerate(zip(generic.operands, maps_of(generic), strict=True)):
        if not isinstance(value.type, ir.MemRefType):
            continue
        stride = _stride(value.type, m, dim)
        if stride == 0:
            total += _INVARIANT
        elif stride == 1:
            total += _CONTIGUOUS
        else:
            total += _STRIDED if number < inputs else _STRIDED_STORE
    if loop_sizes(generic)[dim] == 1:
        total -= 100
    return total


def _stride(kind: Any, m: Any, dim: int) -> int | None:
    """Elements between neighbours along loop `dim`; None when dynamic or not linear."""
    strides, _ = kind.get_strides_and_offset()
    dynamic = ir.ShapedType.get_dynamic_stride_or_offset()
    total = 0
    for result, stride in zip(m.results, strides, strict=True):
        factor = _factor(result, dim)
        if factor is None:
            return None
        if factor and stride == dynamic:
            return None
        total += factor * stride
    return total


def _factor(expression: Any, dim: int) -> int | None:
    """Coefficient of dim in an affine expression, None if it is under a division or remainder."""
    if isinstance(expression, ir.AffineDimExpr):
        return int(expression.position == dim)
    if isinstance(expression, ir.AffineConstantExpr | ir.AffineSymbolExpr):
        return 0
    left, right = _factor(expression.lhs, dim), _factor(expression.rhs, dim)
    if left is None or right is None:
        return None
    if isinstance(expression, ir.AffineAddExpr):
        return left + right
    if isinstance(expression, ir.AffineMulExpr) and isinstance(expression.rhs, ir.AffineConstantExpr):
        return left * int(expression.rhs.value)
    return 0 if left == 0 and right == 0 else None
