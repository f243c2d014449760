"""Preparation on tensors: packed operands become maps, and elementwise ops write over what they read."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from aicc.bindings import arith, ir, tensor


def walk(root: Any, *names: str) -> list[Any]:
    """Ops below `root` with one of `names`, in program order."""
    found = []

    def visit(op: Any) -> Any:
        if op.name in names:
            found.append(op)
        return ir.WalkResult.ADVANCE

    root.walk(visit)
    return found


def maps_of(generic: Any) -> list[Any]:
    """The indexing maps of a `linalg.generic`, one per operand."""
    return [ir.AffineMapAttr(attribute).value for attribute in generic.attributes["indexing_maps"]]


def iterators_of(generic: Any) -> list[str]:
    """The iterator types of a `linalg.generic`: "parallel" or "reduction" per loop."""
    return [
        "reduction" if "reduction" in str(attribute) else "parallel"
        for attribute in generic.attributes["iterator_types"]
    ]


def body_of(generic: Any) -> Any:
    return generic.regions[0].blocks[0]


def unpack_to_generic(func: Any) -> None:
    """A packed operand is read through an index map, which fusion then folds into its reader.

    linalg.unpack %p inner_dims_pos = [1] inner_tiles = [16] into %e : tensor<N/16 x K x 16> -> tensor<K x N>
      -->
    linalg.generic (k, n) -> (n floordiv 16, k, n mod 16)  { yield %in }
    """
    for op in walk(func, "linalg.unpack"):
        packed, destination = op.operands[0], op.operands[1]
        if len(op.operands) > 2:
            continue  # dynamic tiles: left to upstream's own bufferization
        kind = destination.type
        tiles = dict(zip(_integers(op, "inner_dims_pos"), _integers(op, "static_inner_tiles"), strict=True))
        perm = _integers(op, "outer_dims_perm") or list(range(kind.rank))
        dims = [ir.AffineDimExpr.get(i) for i in range(kind.rank)]
        outer = [ir.AffineExpr.get_floor_div(dims[i], tiles[i]) if i in tiles else dims[i] for i in perm]
        inner = [ir.AffineExpr.get_mod(dims[i], tiles[i]) for i in tiles]
        maps = [ir.AffineMap.get(kind.rank, 0, outer + inner), ir.AffineMap.get_identity(kind.rank)]
        with ir.InsertionPoint(op), op.location:
            new = elementwise([packed], destination, maps)
        op.results[0].replace_all_uses_with(new.results[0])
        op.erase()


def _integers(op: Any, name: str) -> list[int]:
    return [int(i) for i in op.attributes[name]] if name in op.attributes else []


def elementwise(inputs: list[Any], output: Any, maps: list[Any]) -> Any:
    """An elementwise `linalg.generic` on tensors that yields its first input."""
    parallel = ir.Attribute.parse("#linalg.iterator_type<parallel>")
    new = ir.Operation.create(
        "linalg.generic",
        results=[output.type],
        operands=[*inputs, output],
        attributes={
            "indexing_maps": ir.ArrayAttr.get([ir.AffineMapAttr.get(m) for m in maps]),
            "iterator_types": ir.ArrayAttr.get([parallel] * output.type.rank),
            "operandSegmentSizes": ir.DenseI32ArrayAttr.get([len(inputs), 1]),
        },
        regions=1,
    )
    types = [value.type.element_type for value in (*inputs, output)]
    block = new.regions[0].blocks.append(*types, arg_locs=[ir.Location.unknown()] * len(types))
    with ir.InsertionPoint(block):
        ir.Operation.create("linalg.yield", operands=[block.arguments[0]])
    return new


def reuse_inputs(func: Any) -> None:
    """An elementwise op over an intermediate result takes that tensor as its destination.

    %r = linalg.generic ins(%c, %b) outs(%empty) { addf %in, %in_0 }   with %c used nowhere else
      -->
    %r = linalg.generic ins(%b) outs(%c) { addf %out, %in }

    Bufferization then computes fill, contraction and epilogue in one buffer, the kernel's output.
    """
    for generic in walk(func, "linalg.generic"):
        while True:
            found = next(_reusable(generic), None)
            if found is None:
                break
            generic = _take_over(generic, *found)


def _reusable(generic: Any) -> Iterator[tuple[int, int]]:
    """(input, output) operand numbers such that the input's tensor can be the output's destination."""
    if "reduction" in iterators_of(generic):
        return
    maps, block = maps_of(generic), body_of(generic)
    inputs = int(generic.attributes["operandSegmentSizes"][0])
    for o in range(inputs, len(generic.operands)):
        fresh = defining_op(generic.operands[o])
        if fresh is None or fresh.name != "tensor.empty" or len(list(block.arguments[o].uses)):
            continue
        for i in range(inputs):
            value = generic.operands[i]
            owner = defining_op(value)
            if (
                value.type == generic.operands[o].type
                and maps[i] == maps[o]
                and len(list(value.uses)) == 1
                and owner is not None
                and owner.name in ("linalg.generic", "linalg.fill")
            ):
                yield i, o


def _take_over(generic: Any, i: int, o: int) -> Any:
    inputs = int(generic.attributes["operandSegmentSizes"][0])
    operands, maps = list(generic.operands), list(generic.attributes["indexing_maps"])
    operands[o] = operands[i]
    del operands[i], maps[i]
    with ir.InsertionPoint(generic), generic.location:
        new = ir.Operation.create(
            "linalg.generic",
            results=[result.type for result in generic.results],
            operands=operands,
            attributes={
                "indexing_maps": ir.ArrayAttr.get(maps),
                "iterator_types": generic.attributes["iterator_types"],
                "operandSegmentSizes": ir.DenseI32ArrayAttr.get([inputs - 1, len(operands) - inputs + 1]),
            },
            regions=1,
        )
    block = body_of(generic)
    block.arguments[i].replace_all_uses_with(block.arguments[o])
    block.erase_argument(i)
    block.append_to(new.regions[0])
    for old, fresh in zip(generic.results, new.results, strict=True):
        old.replace_all_uses_with(fresh)
    generic.erase()
    return new


def defining_op(value: Any) -> Any | None:
    """The operation that defines `value`, or None for a block argument."""
    owner = value.owner
    return None if isinstance(owner, ir.Block) else owner.operation if hasattr(owner, "operation") else owner


def copy_loop_inits(func: Any) -> None:
    """A loop that updates an input tensor works on a copy, which bufferization can place in the output.

    scf.for … iter_args(%t = %input) { tensor.insert … into %t }
      -->
    %copy = linalg.generic ins(%input) outs(tensor.empty) { yield }
    scf.for … iter_args(%t = %copy) { … }
    """
    for loop in walk(func, "scf.for"):
        for number, value in enumerate(list(loop.operands)):
            owner = defining_op(value)
            if not isinstance(value.type, ir.RankedTensorType) or owner is None:
                continue
            if owner.name != "bufferization.to_tensor" or "writable" in owner.attributes:
                continue
            kind = value.type
            with ir.InsertionPoint(loop), loop.location:
                empty = ir.Operation.create(
                    "tensor.empty", results=[kind], operands=_dynamic_sizes(value)
                ).results[0]
                identity = ir.AffineMap.get_identity(kind.rank)
                copy = elementwise([value], empty, [identity, identity])
            loop.operands[number] = copy.results[0]


def own_inits(func: Any) -> None:
    """Each generic gets a fill and an empty tensor of its own.

    %f = linalg.fill outs(%e)                      %f0 = linalg.fill outs(%e0)
    %a = linalg.generic … outs(%f)           -->   %a = linalg.generic … outs(%f0)
    %b = linalg.generic … outs(%f)                 %f1 = linalg.fill outs(%e1)
                                                   %b = linalg.generic … outs(%f1)

    Shared, they would be placed in the buffer of one output, where a second result then overwrites the first.
    """
    for generic in walk(func, "linalg.generic"):
        inputs = int(generic.attributes["operandSegmentSizes"][0])
        for number in range(inputs, len(generic.operands)):
            generic.operands[number] = _own(generic.operands[number], generic)


def _own(value: Any, before: Any) -> Any:
    """`value`, or a copy of the fill (generalized: no inputs) or empty tensor that makes it when others use it."""
    op = defining_op(value)
    is_fill = op is not None and op.name == "linalg.generic" and len(op.operands) == 1
    if op is None or not (is_fill or op.name == "tensor.empty"):
        return value
    if len(list(value.uses)) > 1:
        op = op.clone(ir.InsertionPoint(before)).operation
    if is_fill:
        op.operands[0] = _own(op.operands[0], op)
    return op.results[0]


def _dynamic_sizes(value: Any) -> list[Any]:
    index = ir.IndexType.get()
    kind = value.type
    return [
        tensor.DimOp(value, arith.ConstantOp(index, i).result).result
        for i in range(kind.rank)
        if kind.is_dynamic_dim(i)
    ]
