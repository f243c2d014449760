"""Transposes that cost nothing: folded into the reads of consumers or the writes of producers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from aicc.bindings import ir, linalg, tensor
from aicc.passes.base import Pass, PassContext
from aicc.passes.kernels.ir_tools import (
    defining_op,
    dynamic_sizes,
    inits,
    inputs,
    is_copy,
    is_generic,
    is_parallel,
    main_of,
    maps,
    n_inputs,
    nested_ops,
)
from aicc.passes.kernels.transposed_views import over_view


@dataclass(frozen=True)
class FoldTransposes(Pass):
    """Moves copying generics (transposes, broadcasts) into the maps of their neighbours.

    A fold keeps the innermost dim innermost, so that vector loads stay vector loads. Copies that are left go to the
    other side of a view between them and their neighbours (`transposed_views.py`), and are folded from there.

    before --> after
      %t = generic {(i,j,k) -> (j,i,k) | copy} %x      --> (gone)
      generic {(b,m,n,k) -> (b,m,k)} ins(%t, …)        --> generic {(b,m,n,k) -> (m,b,k)} ins(%x, …)
      %c = generic {… | mulf, addf}: (b,h,s,d)         --> %c = generic {…}: (b,s,h,d)
      %t = generic {(b,s,h,d) -> (b,h,s,d) | copy} %c  --> (gone)
    """

    pass_name: ClassVar[str] = "fold-transposes"

    def run(self, module: Any, ctx: PassContext) -> None:
        main = main_of(module)
        _fold(main)
        moved = [over_view(op) for op in _generics(main) if is_copy(op)]
        if any(moved):
            _fold(main)


def _generics(main: Any) -> list[Any]:
    return [o for o in nested_ops(main.operation) if is_generic(o)]


def _fold(main: Any) -> None:
    """Until nothing changes."""
    changed = True
    while changed:
        changed = False
        for op in _generics(main):
            if is_copy(op) and (_into_consumers(op) or _into_producer(op, 0)):
                changed = True
            elif is_parallel(op) and not is_copy(op):
                changed |= any(_into_producer(op, i) for i in range(n_inputs(op)))


def _into_consumers(copy: Any) -> bool:
    """Every consumer reads the copy's source instead, if all are generics that can."""
    uses = list(copy.results[0].uses)
    source, m = inputs(copy)[0], maps(copy)[0]
    if not uses or maps(copy)[1] != ir.AffineMap.get_identity(len(maps(copy)[1].results)):
        return False
    for use in uses:
        user = use.owner.operation
        if not is_generic(user) or use.operand_number >= n_inputs(user):
            return False
        old = maps(user)[use.operand_number]
        new = _compose(m, old)
        if not is_copy(user) and (
            not new.results or new.results[len(new.results) - 1] != old.results[len(old.results) - 1]
        ):
            return False
        if not _says_all_sizes(user, use.operand_number, new):
            return False
    for use in uses:
        user, i = use.owner.operation, use.operand_number
        _set_map(user, i, _compose(m, maps(user)[i]))
        user.operands[i] = source
    copy.erase()
    return True


def _says_all_sizes(op: Any, i: int, new: Any) -> bool:
    """Whether each loop's size is that of an operand's dim when operand `i` is read by `new`: of a sum over a dim that
    was broadcast it would not be."""
    read = [new if k == i else m for k, m in enumerate(maps(op))]
    dims = {e.position for m in read for e in m.results if isinstance(e, ir.AffineDimExpr)}
    return len(dims) == new.n_dims


def _into_producer(consumer: Any, i: int) -> bool:
    """The producer of input `i` writes in the order in which the parallel `consumer` reads."""
    value = consumer.operands[i]
    producer = defining_op(value)
    m = maps(consumer)[i]
    perm = _permutation(m)
    if producer is None or not is_generic(producer) or len(producer.results) != 1 or perm is None:
        return False
    if perm == list(range(len(perm))) or perm[-1] != len(perm) - 1 or len(list(value.uses)) != 1:
        return False
    if producer.block != consumer.block:
        return False
    out_map = maps(producer)[n_inputs(producer)]
    if list(out_map.results) != [ir.AffineExpr.get_dim(k) for k in range(len(perm))]:
        return False
    if is_copy(consumer):
        replacement = _permuted(producer, perm)
        consumer.results[0].replace_all_uses_with(replacement)
        consumer.erase()
    else:
        replacement = _permuted(producer, perm)
        consumer.operands[i] = replacement
        _set_map(consumer, i, ir.AffineMap.get_identity(len(perm)))
    producer.erase()
    return True


def _permuted(producer: Any, perm: Sequence[int]) -> Any:
    """`producer` rebuilt with result dims ordered as read by `(d…) -> (d_perm…)`: dim k of the read is dim perm[k].

    Its parallel loops are renumbered alike, so that its output map stays the identity on them.
    """
    n_dims = maps(producer)[0].n_dims
    rank = len(perm)
    # old result dim k is indexed by the reader's dim perm[k]: the new loop number of old loop k
    renumber = ir.AffineMap.get(
        n_dims, 0, [ir.AffineExpr.get_dim(perm[k] if k < rank else k) for k in range(n_dims)]
    )
    new_maps = [_compose(m, renumber) for m in maps(producer)]
    new_maps[n_inputs(producer)] = ir.AffineMap.get(
        n_dims, 0, [ir.AffineExpr.get_dim(k) for k in range(rank)]
    )
    old_init = inits(producer)[0]
    with ir.InsertionPoint(producer), producer.location:
        init = _permuted_init(old_init, perm)
        new = ir.Operation.create(
            "linalg.generic",
            results=[init.type],
            operands=[*inputs(producer), init],
            attributes={
                "indexing_maps": ir.ArrayAttr.get([ir.AffineMapAttr.get(m) for m in new_maps]),
                "iterator_types": producer.attributes["iterator_types"],
                "operandSegmentSizes": producer.attributes["operandSegmentSizes"],
            },
            regions=1,
        )
    block = producer.regions[0].blocks[0]
    for o in list(nested_ops(producer)):
        if o.name == "linalg.index":
            k = ir.IntegerAttr(o.attributes["dim"]).value
            if k < rank:
                o.attributes["dim"] = ir.IntegerAttr.get(ir.IntegerType.get_signless(64), perm[k])
    block.append_to(new.regions[0])
    return new.results[0]


def _permuted_init(value: Any, perm: Sequence[int]) -> Any:
    """The init (empty, or fill of empty) with dims reordered: new dim perm[k] is old dim k."""
    t = ir.RankedTensorType(value.type)
    order = [perm.index(k) for k in range(len(perm))]  # new dim -> old dim
    dynamic = dynamic_sizes(value)
    assert dynamic is not None or t.has_static_shape
    position = {d: n for n, d in enumerate([i for i in range(t.rank) if t.is_dynamic_dim(i)])}
    sizes = [
        dynamic[position[o]] if t.is_dynamic_dim(o) and dynamic is not None else t.get_dim_size(o)
        for o in order
    ]
    empty = tensor.EmptyOp(sizes, t.element_type).result
    op = defining_op(value)
    if op is not None and op.name == "linalg.fill":
        return linalg.fill(op.operands[0], outs=[empty])
    return empty


def _compose(outer: Any, inner: Any) -> Any:
    """`outer ∘ inner`."""
    return ir.AffineMap.get(inner.n_dims, 0, [e.compose(inner) for e in outer.results])


def _permutation(m: Any) -> list[int] | None:
    """`(d…) -> (d_p0, d_p1, …)` as [p0, p1, …] when it is a permutation of all dims."""
    dims = [e.position for e in m.results if isinstance(e, ir.AffineDimExpr)]
    return dims if sorted(dims) == list(range(m.n_dims)) and len(dims) == len(list(m.results)) else None


def _set_map(op: Any, i: int, m: Any) -> None:
    attrs = list(op.attributes["indexing_maps"])
    attrs[i] = ir.AffineMapAttr.get(m)
    op.attributes["indexing_maps"] = ir.ArrayAttr.get(attrs)
