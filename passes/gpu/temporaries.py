"""Temporaries between the launches of a kernel: buffers of the context's pool, which is on the device."""

from __future__ import annotations

from typing import Any

from aicc.bindings import arith, func, ir, memref
from aicc.passes.gpu.launch import constant
from aicc.passes.kernels.ir_tools import ancestor_in, nested_ops
from aicc.passes.llvm.pointers import element_bytes, pointer_to_memref, pointer_type

ACQUIRE, RELEASE, COUNT = "aicc_buffer_acquire", "aicc_buffer_release", "aicc_counters"

COUNTERS = "aicc.counters"
"""The attribute of an allocation that is the context's counters: zero before each launch, which leaves them so."""

MOST_COUNTERS = 4096
"""AICC_COUNTERS of compiler/runtime/model.h."""


def acquire_temporaries(module: Any, kernel: Any, context: Any) -> None:
    """Replaces the kernel's allocations; memory is released after the last launch that uses it.

    %t = memref.alloc(%n) : memref<?x8xf32>
      -->
    %p = call @aicc_buffer_acquire(%ctx, %bytes)                      … call @aicc_buffer_release(%ctx, %p)
    %m = … : memref<f32>                                              (the address %p)
    %t = memref.reinterpret_cast %m to offset: [0], sizes: [%n, 8], strides: [8, 1]

    The pool may hand the memory out again at once: launches run in order.

    %t = memref.alloc() {aicc.counters} : memref<4096xi32>  -->  call @aicc_counters(%ctx), and the same view
    """
    every = [op for op in nested_ops(kernel) if op.name == "memref.alloc"]
    counters = [op for op in every if COUNTERS in op.attributes]
    allocs = [op for op in every if COUNTERS not in op.attributes]
    if counters:
        _declare(module, COUNT, [pointer_type()], [pointer_type()])
    for alloc in counters:
        with ir.InsertionPoint(alloc), alloc.location:
            name = ir.FlatSymbolRefAttr.get(COUNT)
            _replace(alloc, func.CallOp([pointer_type()], name, [context]).results[0])
        alloc.erase()
    if not allocs:
        return
    i64 = ir.IntegerType.get_signless(64)
    _declare(module, ACQUIRE, [pointer_type(), i64], [pointer_type()])
    _declare(module, RELEASE, [pointer_type(), pointer_type()], [])
    for alloc in allocs:
        last = _last_use(alloc)
        with ir.InsertionPoint(alloc), alloc.location:
            kind = alloc.results[0].type
            sizes = _sizes(alloc, kind)
            total = constant(element_bytes(kind.element_type))
            for size in sizes:
                total = arith.MulIOp(total, size).result
            pointer = func.CallOp(
                [pointer_type()],
                ir.FlatSymbolRefAttr.get(ACQUIRE),
                [context, arith.IndexCastOp(i64, total).result],
            ).results[0]
            _replace(alloc, pointer)
        with ir.InsertionPoint(_after(last)), alloc.location:
            func.CallOp([], ir.FlatSymbolRefAttr.get(RELEASE), [context, pointer])
        alloc.erase()


def _replace(alloc: Any, pointer: Any) -> None:
    """The allocation is the memory at `pointer`."""
    kind = alloc.results[0].type
    base = pointer_to_memref(pointer, ir.MemRefType.get([], kind.element_type))
    view = compact_view(base, kind, _sizes(alloc, kind))
    alloc.results[0].replace_all_uses_with(memref.CastOp(kind, view).result)


def _sizes(alloc: Any, kind: Any) -> list[Any]:
    dynamic = iter(alloc.operands)
    return [next(dynamic) if kind.is_dynamic_dim(d) else constant(kind.shape[d]) for d in range(kind.rank)]


def compact_view(base: Any, kind: Any, sizes: list[Any]) -> Any:
    """A memref at `base` with the shape of `kind`, row by row; `sizes` are those of all dims, as index values."""
    unknown, anywhere = ir.ShapedType.get_dynamic_size(), ir.ShapedType.get_dynamic_stride_or_offset()
    strides: list[Any] = [1] * kind.rank
    for d in reversed(range(kind.rank - 1)):
        below = None if kind.is_dynamic_dim(d + 1) or not isinstance(strides[d + 1], int) else strides[d + 1]
        if below is not None:
            strides[d] = below * int(kind.shape[d + 1])
        else:
            step = strides[d + 1]
            step = constant(step) if isinstance(step, int) else step
            strides[d] = arith.MulIOp(step, sizes[d + 1]).result
    static_strides = [s if isinstance(s, int) else anywhere for s in strides]
    static_sizes = [unknown if kind.is_dynamic_dim(d) else int(kind.shape[d]) for d in range(kind.rank)]
    text = ", ".join("?" if s == anywhere else str(s) for s in static_strides)
    shape = "".join("?x" if s == unknown else f"{s}x" for s in static_sizes)
    strided = ir.Type.parse(f"memref<{shape}{kind.element_type}, strided<[{text}]>>")
    return memref.ReinterpretCastOp(
        strided,
        base,
        [],
        [size for d, size in enumerate(sizes) if kind.is_dynamic_dim(d)],
        [s for s in strides if not isinstance(s, int)],
        [0],
        static_sizes,
        static_strides,
    ).result


def _last_use(alloc: Any) -> Any:
    """The last op in the allocation's block that touches it, through views."""
    last = alloc
    pending, seen = list(alloc.results), set()
    while pending:
        value = pending.pop()
        if value in seen:
            continue
        seen.add(value)
        for use in value.uses:
            user = use.owner.operation
            top = ancestor_in(user, alloc.block)
            if top is not None and last.is_before_in_block(top):
                last = top
            pending += [r for r in user.results if isinstance(r.type, ir.MemRefType)]
    return last


def _after(op: Any) -> Any:
    """The op after `op`; `op` itself when it ends its block."""
    ops = [o.operation for o in op.block.operations]
    place = ops.index(op)
    return ops[place + 1] if place + 1 < len(ops) else op


def _declare(module: Any, name: str, inputs: list[Any], results: list[Any]) -> None:
    with ir.InsertionPoint.at_block_begin(module.body), ir.Location.unknown():
        func.FuncOp(name, ir.FunctionType.get(inputs, results), visibility="private")
