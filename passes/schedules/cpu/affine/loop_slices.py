"""Iterations of a kernel's outer loop over scalars (top-k of rows, sums along rows) as its tiles.

before: scf.for %i = 0 to 128 {…}                                  one tile
after:  scf.for %i = %lo * 4 to min(%hi * 4, 128) {…}              32 tiles
"""

from __future__ import annotations

from typing import Any

from aicc.bindings import arith, ir
from aicc.passes.schedules.cpu.affine.operands import walk

# Iterations of the innermost loops a tile should have: some microseconds.
_WORK = 1 << 12
_UNKNOWN = 64
_LOADS, _STORES = ("memref.load",), ("memref.store",)


def slice_loop(kernel: Any, lo: Any, hi: Any) -> int | None:
    """Makes the kernel's only loop one over a range of tiles; returns their number, None when it cannot be done."""
    block = kernel.regions[0].blocks[0]
    busy = [op.operation for op in block.operations if op.operation.regions or _has_memory(op.operation)]
    if len(busy) != 1 or busy[0].name != "scf.for" or busy[0].results:
        return None
    loop = busy[0]
    low, high, step = (_constant(value) for value in list(loop.operands)[:3])
    if low != 0 or step != 1 or high is None or high < 2 or not independent(loop):
        return None
    each = max(1, min(high, _WORK // max(1, _work(loop))))
    with ir.InsertionPoint(loop), loop.location:
        index = ir.IndexType.get()
        size, rows = arith.ConstantOp(index, each).result, arith.ConstantOp(index, high).result
        loop.operands[0] = arith.MulIOp(lo, size).result
        loop.operands[1] = arith.MinSIOp(arith.MulIOp(hi, size).result, rows).result
    return -(-high // each)


def _has_memory(op: Any) -> bool:
    """Whether it reads or writes."""
    return op.name in (*_LOADS, *_STORES, "memref.copy", "memref.alloc", "memref.alloca")


def independent(loop: Any) -> bool:
    """Whether what an iteration writes is read and written by no other: it is all at one place of a dimension, the
    loop's counter plus what is the same in all iterations, or in memory that the iteration allocates."""
    stores, loads = walk(loop, *_STORES), walk(loop, *_LOADS)
    if walk(loop, "memref.copy"):
        return False
    own = {op.results[0] for op in walk(loop, "memref.alloc", "memref.alloca")}
    targets = {_root(op.operands[1]) for op in stores}
    written: dict[Any, set[tuple[int, Any]]] = {}
    for op, first in [*((op, 1) for op in stores), *((op, 0) for op in loads)]:
        buffer = _root(op.operands[first])
        if buffer in own or (first == 0 and buffer not in written):
            continue
        indices = enumerate(list(op.operands)[first + 1 :])
        places = {(i, _beside(value, loop, targets)) for i, value in indices if _moves(value, loop, targets)}
        written[buffer] = places & written.get(buffer, places)
    return bool(written) and all(written.values())


def _moves(value: Any, loop: Any, targets: set[Any]) -> bool:
    """Whether a value is the loop's counter, or that and something fixed."""
    return value == _counter(loop) or _beside(value, loop, targets) is not None


def _beside(value: Any, loop: Any, targets: set[Any]) -> Any | None:
    """What is added to the loop's counter to get `value`, if it is the same in all iterations; None otherwise."""
    op = None if isinstance(value.owner, ir.Block) else value.owner.operation
    if op is None or op.name != "arith.addi":
        return None
    a, b = op.operands
    other = b if a == _counter(loop) else a if b == _counter(loop) else None
    return other if other is not None and _is_fixed(other, loop, targets) else None


def _is_fixed(value: Any, loop: Any, targets: set[Any]) -> bool:
    """Whether a value is the same in all iterations: computed from what is outside, and not from buffers `targets`."""
    inside = value.owner.owner if isinstance(value.owner, ir.Block) else value.owner.operation
    while inside is not None and inside.operation.name != "func.func" and inside.operation != loop:
        inside = inside.operation.parent
    if inside is None or inside.operation != loop:
        return True
    if isinstance(value.owner, ir.Block):
        return False
    op = value.owner.operation
    if op.regions or not (op.name in _LOADS or op.name.startswith("arith.")):
        return False
    reads = op.name in _LOADS
    if reads and _root(op.operands[0]) in targets:
        return False
    return all(_is_fixed(v, loop, targets) for v in list(op.operands)[1 if reads else 0 :])


def _counter(loop: Any) -> Any:
    return loop.regions[0].blocks[0].arguments[0]


def _root(value: Any) -> Any:
    """The buffer under casts."""
    while not isinstance(value.owner, ir.Block) and value.owner.name in (
        "memref.cast",
        "memref.reinterpret_cast",
    ):
        value = value.owner.operation.operands[0]
    return value


def _constant(value: Any) -> int | None:
    owner = value.owner
    if isinstance(owner, ir.Block) or owner.name != "arith.constant":
        return None
    return int(ir.IntegerAttr(owner.operation.attributes["value"]).value)


def _work(loop: Any) -> int:
    """Iterations of the innermost loops in one iteration."""
    total = 0
    for op in loop.regions[0].blocks[0].operations:
        if op.operation.name == "scf.for":
            low, high = (_constant(value) for value in list(op.operation.operands)[:2])
            count = _UNKNOWN if low is None or high is None else max(0, high - low)
            total += count * _work(op.operation)
        elif op.operation.regions:
            total += 1
    return max(1, total)
