"""Small views of the IR shared by the kernel passes: uses, captures, iterator types, maps; plain generics."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from aicc.bindings import ir, linalg


def main_of(module: Any) -> Any:
    """The host program."""
    return next(
        f for f in module.body.operations if f.operation.name == "func.func" and f.sym_name.value == "main"
    )


def defining_op(value: Any) -> Any | None:
    """The operation that defines a value, None for a block argument."""
    owner = value.owner
    return None if isinstance(owner, ir.Block) else owner.operation


def nested_ops(op: Any) -> Iterator[Any]:
    """`op` and everything in its regions, outermost first."""
    yield op
    for region in op.regions:
        for block in region.blocks:
            for inner in block.operations:
                yield from nested_ops(inner.operation)


def outside_operands(op: Any) -> list[tuple[Any, int, Any]]:
    """(user, operand number, value) for each operand of `op` and its regions that is defined outside them."""
    inside: set[Any] = set()
    found: list[tuple[Any, int, Any]] = []
    for o in nested_ops(op):
        for region in o.regions:
            for block in region.blocks:
                inside.update(block.arguments)
        if o is not op:
            inside.update(o.results)
        found += [(o, i, v) for i, v in enumerate(o.operands)]
    return [(o, i, v) for o, i, v in found if v not in inside]


def is_generic(op: Any) -> bool:
    return bool(op.name == "linalg.generic")


def iterators(op: Any) -> list[str]:
    """Iterator types of a generic: "parallel" or "reduction"."""
    return [str(a).split("<")[1].rstrip(">") for a in op.attributes["iterator_types"]]


def is_parallel(op: Any) -> bool:
    """A generic without reductions."""
    return is_generic(op) and all(i == "parallel" for i in iterators(op))


def maps(op: Any) -> list[Any]:
    """Indexing maps of a generic, one per operand."""
    return [ir.AffineMapAttr(a).value for a in op.attributes["indexing_maps"]]


def n_inputs(op: Any) -> int:
    """Number of `ins` of a linalg op."""
    return int(ir.DenseI32ArrayAttr(op.attributes["operandSegmentSizes"])[0])


def inputs(op: Any) -> list[Any]:
    return list(op.operands)[: n_inputs(op)]


def inits(op: Any) -> list[Any]:
    return list(op.operands)[n_inputs(op) :]


def pad_of(op: Any, kernels: Mapping[str, Any]) -> Any | None:
    """The tensor.pad with a constant that is all that the kernel computes which `op` calls; None: it is another op."""
    if op.name != "func.call":
        return None
    kernel = kernels.get(str(ir.FlatSymbolRefAttr(op.attributes["callee"]).value))
    if kernel is None:
        return None
    body = [o.operation for o in kernel.regions[0].blocks[0].operations]
    pads = [o for o in body if o.name == "tensor.pad"]
    if len(pads) != 1 or {o.name for o in body} - {"tensor.pad", "arith.constant", "func.return"}:
        return None
    return pads[0]


def dynamic_sizes(value: Any) -> list[Any] | None:
    """The index values of the dynamic dims of a tensor built by empty, fill or generic."""
    op = defining_op(value)
    while op is not None:
        if op.name == "tensor.empty":
            return list(op.operands)
        if op.name == "linalg.fill":
            value = op.operands[1]
        elif op.name == "linalg.generic":
            number = list(op.results).index(value)
            value = inits(op)[number]
        else:
            return None
        op = defining_op(value)
    return None


def body_of(op: Any) -> Any:
    return op.regions[0].blocks[0]


def body_op_names(op: Any) -> list[str]:
    """Names of the ops in a generic's body, without the yield."""
    return [o.operation.name for o in body_of(op).operations][:-1]


def loop_extents(op: Any) -> list[str]:
    """Sizes of a generic's loops as text, read off the operands that index them alone; n: dynamic."""
    ms = maps(op)
    extents = ["n"] * ms[0].n_dims
    for value, m in zip(op.operands, ms, strict=True):
        t = value.type
        if not isinstance(t, ir.RankedTensorType):
            continue
        for d, e in enumerate(m.results):
            if isinstance(e, ir.AffineDimExpr) and not t.is_dynamic_dim(d):
                extents[e.position] = str(t.shape[d])
    return extents


def is_copy(op: Any) -> bool:
    """A parallel generic of one input and one output whose body yields the input."""
    if not is_parallel(op) or len(op.results) != 1 or n_inputs(op) != 1:
        return False
    block = body_of(op)
    ops = list(block.operations)
    return len(ops) == 1 and ops[0].operation.operands[0] == block.arguments[0]


def is_contraction(op: Any) -> bool:
    """A generic with reductions, two inputs and the body `acc + a * b`, the factors perhaps widened."""
    if not is_generic(op) or is_parallel(op) or n_inputs(op) != 2 or len(op.results) != 1:
        return False
    names = [name for name in body_op_names(op) if name != "arith.extf"]
    return names in (["arith.mulf", "arith.addf"], ["arith.muli", "arith.addi"])


def is_projection(m: Any) -> bool:
    """Each result a distinct dim (no constants, sums or repeats)."""
    dims = [e.position for e in m.results if isinstance(e, ir.AffineDimExpr)]
    return len(dims) == len(list(m.results)) and len(set(dims)) == len(dims)


def users(value: Any) -> list[Any]:
    """Operations that use a value (nested ones as themselves)."""
    return [u.owner.operation for u in value.uses]


def ancestor_in(op: Any, block: Any) -> Any | None:
    """The op of `block` that is or contains `op`."""
    current = op
    while current is not None:
        if current.block == block:
            return current
        parent = current.parent
        current = parent.operation if parent is not None else None
    return None


def reassociation_of(op: Any) -> list[list[int]]:
    """The dim groups of an expand_shape or collapse_shape."""
    return [[int(ir.IntegerAttr(i).value) for i in group] for group in op.attributes["reassociation"]]


def each_of(source: Any, init: Any, read: Any = None, through: Callable[[Any], Any] | None = None) -> Any:
    """A generic whose elements, one for each of `init`, are those of `source` at `read` (an affine map; None: the same
    place), put `through` what builds ops on a scalar (None: as they are); at the insertion point."""
    of, to = ir.RankedTensorType(source.type), ir.RankedTensorType(init.type)
    same = ir.AffineMap.get_identity(to.rank)
    parallel = ir.Attribute.parse("#linalg.iterator_type<parallel>")
    op = linalg.GenericOp(
        [to],
        [source],
        [init],
        ir.ArrayAttr.get([ir.AffineMapAttr.get(same if read is None else read), ir.AffineMapAttr.get(same)]),
        ir.ArrayAttr.get([parallel] * to.rank),
    )
    block = op.regions[0].blocks.append(
        of.element_type, to.element_type, arg_locs=[ir.Location.unknown()] * 2
    )
    with ir.InsertionPoint(block):
        element = block.arguments[0]
        linalg.YieldOp([element if through is None else through(element)])
    return op.results[0]


def set_operands(op: Any, mapping: Sequence[tuple[int, Any]]) -> None:
    for i, v in mapping:
        op.operands[i] = v
