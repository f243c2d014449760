"""The arena: every buffer of static size gets an offset; buffers that never live together share memory."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from aicc.bindings import arith, func, ir, memref
from aicc.passes.base import Pass, PassContext
from aicc.passes.buffers.entry import ENTRY
from aicc.passes.kernels.ir_tools import ancestor_in, nested_ops
from aicc.passes.llvm.pointers import element_bytes, pointer_to_memref, pointer_type

ALIGNMENT = 64
_VIEWS = ("memref.reinterpret_cast", "memref.cast", "memref.subview", "memref.view", "arith.select")


@dataclass(frozen=True)
class PlanArena(Pass):
    """Replaces allocations of the host program.

    Static sizes become views of the arena (greedy by size, first fit among those alive at the same
    time; Pisarchyk and Lee, "Efficient Memory Management for Deep Neural Net Inference", 2020). Dynamic
    ones are acquired from the context's pool and released after their last use.

    before --> after
      %a = memref.alloc() : memref<64xf32>    --> %a = memref.view %arena[%c128]
      %d = memref.alloc(%n) : memref<?xf32>   --> %p = call @aicc_buffer_acquire(%ctx, %bytes) … release
    """

    pass_name: ClassVar[str] = "plan-arena"
    reuse: bool = True

    def run(self, module: Any, ctx: PassContext) -> None:
        main = next(
            f for f in module.body.operations if f.operation.name == "func.func" and f.sym_name.value == ENTRY
        )
        block = main.regions[0].blocks[0]
        allocs = [o for o in nested_ops(main.operation) if o.name == "memref.alloc"]
        static = [o for o in allocs if ir.MemRefType(o.results[0].type).has_static_shape]
        dynamic = [o for o in allocs if not ir.MemRefType(o.results[0].type).has_static_shape]
        if dynamic:
            i64 = ir.IntegerType.get_signless(64)
            _declare(module, "aicc_buffer_acquire", [pointer_type(), i64], [pointer_type()])
            _declare(module, "aicc_buffer_release", [pointer_type(), pointer_type()], [])
        for o in dynamic:
            _acquire(main, o)
        position = {o.operation: i for i, o in enumerate(block.operations)}
        lives = [_live_range(o, block, position) for o in static]
        sizes = [_bytes(o) for o in static]
        offsets, total = place(lives, sizes) if self.reuse else place([(0, 1)] * len(lives), sizes)
        main.attributes["aicc.arena_bytes"] = ir.IntegerAttr.get(ir.IntegerType.get_signless(64), total)
        ctx.stats["arena_bytes"] = total
        ctx.stats["intermediate_bytes"] = sum(sizes)
        if not static:
            return
        with ir.InsertionPoint.at_block_begin(block), ir.Location.unknown():
            kind = ir.MemRefType.get([total], ir.IntegerType.get_signless(8))
            arena = pointer_to_memref(block.arguments[4], kind)
        for o, offset in zip(static, offsets, strict=True):
            with ir.InsertionPoint(o), o.location:
                at = arith.ConstantOp(ir.IndexType.get(), offset).result
                view = memref.ViewOp(o.results[0].type, arena, at, []).result
            o.results[0].replace_all_uses_with(view)
            o.erase()


def place(lives: list[tuple[int, int]], sizes: list[int]) -> tuple[list[int], int]:
    """Offsets for buffers alive over closed ranges [first, last], and the total size in bytes."""
    offsets = [0] * len(sizes)
    placed: list[int] = []
    total = 0
    for i in sorted(range(len(sizes)), key=lambda k: (-sizes[k], lives[k])):
        first, last = lives[i]
        at = 0
        for start, end in sorted(
            (offsets[k], offsets[k] + sizes[k])
            for k in placed
            if lives[k][0] <= last and first <= lives[k][1]
        ):
            if at + sizes[i] <= start:
                break
            at = max(at, end)
        offsets[i] = at
        placed.append(i)
        total = max(total, at + sizes[i])
    return offsets, total


def _live_range(alloc: Any, block: Any, position: dict[Any, int]) -> tuple[int, int]:
    """First and last position in `block` of an op that touches the buffer, through views."""
    first, last = len(position), -1
    for user in _touching(alloc.results[0]):
        top = ancestor_in(user, block)
        assert top is not None
        first, last = min(first, position[top]), max(last, position[top])
    return (first, last) if last >= 0 else (0, 0)


def _touching(value: Any) -> list[Any]:
    """Ops that read or write a buffer, looking through views."""
    out: list[Any] = []
    for use in value.uses:
        user = use.owner.operation
        if user.name in _VIEWS:
            out += _touching(user.results[0])
        else:
            out.append(user)
    return out


def _bytes(alloc: Any) -> int:
    t = ir.MemRefType(alloc.results[0].type)
    n = element_bytes(t.element_type)
    for d in t.shape:
        n *= d
    return -(-max(n, 1) // ALIGNMENT) * ALIGNMENT


def _acquire(main: Any, alloc: Any) -> None:
    """A buffer of the context's pool instead of `alloc`, released after its last use in the block."""
    index, i64 = ir.IndexType.get(), ir.IntegerType.get_signless(64)
    t = ir.MemRefType(alloc.results[0].type)
    context = main.regions[0].blocks[0].arguments[0]
    last = alloc
    for user in _touching(alloc.results[0]):
        top = ancestor_in(user, alloc.block)
        if top is not None and last.is_before_in_block(top):
            last = top
    with ir.InsertionPoint(alloc), alloc.location:
        static = element_bytes(t.element_type)
        for d in range(t.rank):
            static *= 1 if t.is_dynamic_dim(d) else t.shape[d]
        count = arith.ConstantOp(index, static).result
        for size in alloc.operands:
            count = arith.MulIOp(count, size).result
        bytes_ = arith.IndexCastOp(i64, count).result
        pointer = func.CallOp(
            [pointer_type()], ir.FlatSymbolRefAttr.get("aicc_buffer_acquire"), [context, bytes_]
        ).results[0]
        root = pointer_to_memref(pointer, t, list(alloc.operands))
    if last.name not in ("func.return", "scf.yield"):
        with ir.InsertionPoint.after(last), alloc.location:
            func.CallOp([], ir.FlatSymbolRefAttr.get("aicc_buffer_release"), [context, pointer])
    alloc.results[0].replace_all_uses_with(root)
    alloc.erase()


def _declare(module: Any, name: str, inputs: list[Any], results: list[Any]) -> None:
    if any(o.operation.name == "func.func" and o.sym_name.value == name for o in module.body.operations):
        return
    with ir.InsertionPoint.at_block_begin(module.body), ir.Location.unknown():
        func.FuncOp(name, ir.FunctionType.get(inputs, results), visibility="private")
