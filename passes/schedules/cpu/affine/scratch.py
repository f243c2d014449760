"""Allocations inside a kernel become places in its scratch argument.

Static ones share memory by liveness; dynamic ones follow, one after the other, and a companion function
computes the bytes they need from the kernel's sizes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from aicc.bindings import arith, func, ir, memref
from aicc.passes.schedules.cpu.affine.operands import walk
from aicc.passes.schedules.schedule import NoMatch

_ALIGNMENT = 64


@dataclass
class _Place:
    """A static allocation: live over positions [first, last] of program order, `size` bytes."""

    op: Any
    size: int
    first: int
    last: int
    offset: int = 0


def plan_scratch(kernel: Any, scratch_argument: int) -> int | str:
    """Replaces every `memref.alloc` of `kernel`; returns bytes of scratch, or the companion's name.

    %a = memref.alloc() : memref<4x8xf32>  -->  %a = memref.view %scratch[%offset][] : memref<Sxi8> to memref<4x8xf32>

    The scratch argument becomes `memref<Sxi8>`, or `memref<i8>` when S is dynamic. Raises NoMatch when a
    size depends on more than the kernel's arguments.
    """
    allocs = walk(kernel, "memref.alloc", "memref.alloca")
    places = _place(kernel, [op for op in allocs if op.results[0].type.has_static_shape])
    dynamic = [op for op in allocs if not op.results[0].type.has_static_shape]
    size = max((place.offset + place.size for place in places), default=0)
    scratch = kernel.regions[0].blocks[0].arguments[scratch_argument]
    i8 = ir.IntegerType.get_signless(8)
    if not dynamic:
        scratch.set_type(ir.MemRefType.get([size], i8))
        _replace_static(places, scratch)
        return size
    # A bare pointer carries no size: the argument is a scalar's, viewed with the size computed here.
    scratch.set_type(ir.MemRefType.get([], i8))
    return _replace_dynamic(kernel, dynamic, places, size, scratch)


def _place(kernel: Any, allocs: list[Any]) -> list[_Place]:
    """First fit by decreasing size: two places overlap only if they are never live together."""
    order = {op: i for i, op in enumerate(_program_order(kernel))}
    places = [_Place(op, _bytes(op.results[0].type), *_live(op, order)) for op in allocs]
    done: list[_Place] = []
    for place in sorted(places, key=lambda p: -p.size):
        for other in sorted(done, key=lambda p: p.offset):
            if other.last < place.first or place.last < other.first:
                continue
            if place.offset + place.size <= other.offset:
                break
            place.offset = max(place.offset, other.offset + other.size)
        done.append(place)
    return places


def _program_order(kernel: Any) -> list[Any]:
    found: list[Any] = []

    def visit(op: Any) -> Any:
        found.append(op)
        return ir.WalkResult.ADVANCE

    kernel.walk(visit, ir.WalkOrder.PRE_ORDER)
    return found


def _live(op: Any, order: dict[Any, int]) -> tuple[int, int]:
    """First and last position at which the memory holds something needed."""
    first, last = order[op], order[op]
    everything = (0, len(order))
    pending, seen = [op.results[0]], set()
    while pending:
        value = pending.pop()
        for use in value.uses:
            user = use.owner.operation if hasattr(use.owner, "operation") else use.owner
            if user.name in ("scf.yield", "scf.condition", "arith.select", "affine.yield"):
                return everything
            top = _ancestor_in(user, op.block)
            last = max(last, order[_last_inside(top)])
            if user not in seen:
                seen.add(user)
                results = [r for r in user.results if isinstance(r.type, ir.MemRefType)]
                if results and user.regions and any(len(region.blocks) for region in user.regions):
                    return everything
                pending += results
    return first, last


def _ancestor_in(op: Any, block: Any) -> Any:
    """`op` or the op around it that lies in `block`."""
    while op.block != block:
        op = op.parent.operation if hasattr(op.parent, "operation") else op.parent
    return op


def _last_inside(op: Any) -> Any:
    """The last op of `op`'s subtree in program order."""
    for region in reversed(list(op.regions)):
        for block in reversed(list(region.blocks)):
            operations = list(block.operations)
            if operations:
                return _last_inside(operations[-1].operation)
    return op


def _replace_static(places: list[_Place], scratch: Any) -> None:
    index = ir.IndexType.get()
    for place in places:
        with ir.InsertionPoint(place.op), place.op.location:
            offset = arith.ConstantOp(index, place.offset).result
            view = memref.ViewOp(place.op.results[0].type, scratch, offset, []).result
        place.op.results[0].replace_all_uses_with(view)
        place.op.erase()


def _replace_dynamic(kernel: Any, allocs: list[Any], places: list[_Place], start: int, scratch: Any) -> str:
    """Puts dynamic allocations behind the first `start` bytes; returns the companion that knows the size."""
    entry = kernel.regions[0].blocks[0]
    sizes = [argument for argument in entry.arguments if isinstance(argument.type, ir.IndexType)][:-2]
    name = f"{ir.StringAttr(kernel.attributes['sym_name']).value}_scratch"
    index = ir.IndexType.get()
    with ir.InsertionPoint(kernel), kernel.location:
        companion = func.FuncOp(
            name, ir.FunctionType.get([index] * len(sizes), [index]), visibility="private"
        )
    block = companion.add_entry_block()
    with ir.InsertionPoint(block), kernel.location:
        _, total = _offsets(allocs, start, dict(zip(sizes, block.arguments, strict=True)))
        func.ReturnOp([total])
    i8 = ir.IntegerType.get_signless(8)
    flat = ir.MemRefType.get([ir.ShapedType.get_dynamic_size()], i8)
    with ir.InsertionPoint.at_block_begin(entry), kernel.location:
        offsets, total = _offsets(allocs, start, {size: size for size in sizes})
        strided = ir.Type.parse("memref<?xi8, strided<[1]>>")
        dynamic_size = ir.ShapedType.get_dynamic_size()
        memory = memref.ReinterpretCastOp(strided, scratch, [], [total], [], [0], [dynamic_size], [1]).result
        memory = memref.CastOp(flat, memory).result
    _replace_static(places, memory)
    for op, offset in zip(allocs, offsets, strict=True):
        with ir.InsertionPoint(op), op.location:
            view = memref.ViewOp(op.results[0].type, memory, offset, list(op.operands)).result
        op.results[0].replace_all_uses_with(view)
        op.erase()
    return name


def _offsets(allocs: list[Any], start: int, known: dict[Any, Any]) -> tuple[list[Any], Any]:
    """At the insertion point: each allocation's offset in bytes, and the sum."""
    index = ir.IndexType.get()

    def constant(value: int) -> Any:
        return arith.ConstantOp(index, value).result

    offsets, end = [], constant(start)
    for op in allocs:
        kind = op.results[0].type
        dynamic = iter([_recompute(size, known) for size in op.operands])
        bytes_ = constant(_element_bytes(kind.element_type))
        for i in range(kind.rank):
            size = next(dynamic) if kind.is_dynamic_dim(i) else constant(kind.shape[i])
            bytes_ = arith.MulIOp(bytes_, size).result
        offsets.append(end)
        blocks = arith.CeilDivUIOp(bytes_, constant(_ALIGNMENT)).result
        end = arith.AddIOp(end, arith.MulIOp(blocks, constant(_ALIGNMENT)).result).result
    return offsets, end


def _recompute(value: Any, known: dict[Any, Any]) -> Any:
    """`value` from the kernel's sizes, at the insertion point. Raises NoMatch."""
    if value in known:
        return known[value]
    if isinstance(value.owner, ir.Block):
        raise NoMatch("the size of a temporary depends on a loop or on data")
    op = value.owner.operation
    if not op.name.startswith(("arith.", "affine.")) or op.regions and len(op.regions):
        raise NoMatch(f"the size of a temporary is computed by {op.name}")
    operands = [_recompute(operand, known) for operand in op.operands]
    clone = op.clone()
    for i, operand in enumerate(operands):
        clone.operation.operands[i] = operand
    for old, new in zip(op.results, clone.operation.results, strict=True):
        known[old] = new
    return known[value]


def _bytes(kind: Any) -> int:
    count = 1
    for size in kind.shape:
        count *= size
    return -(-max(count, 1) * _element_bytes(kind.element_type) // _ALIGNMENT) * _ALIGNMENT


def _element_bytes(kind: Any) -> int:
    return 8 if isinstance(kind, ir.IndexType) else (int(kind.width) + 7) // 8
