"""Loops and scalar stores of a kernel: on the device, unless a loop only says how often to do linalg ops."""

from __future__ import annotations

from typing import Any

from aicc.bindings import arith, ir, memref, scf
from aicc.passes.gpu.launch import constant, launch
from aicc.passes.kernels.ir_tools import nested_ops
from aicc.passes.schedules.cpu.affine.loop_slices import independent
from aicc.passes.schedules.cpu.affine.operands import defining_op, elementwise
from aicc.passes.schedules.cuda.threads.nests import (
    BLOCK,
    as_index,
    grid_size,
    linear_thread,
    product,
)

_ACCESSES = ("memref.load", "memref.store")


def launch_loops(kernel: Any) -> bool:
    """Puts what computes on scalars into launches; False, and nothing changed, when that takes the whole kernel.

      scf.for %i = 0 to %n { …memref.load… memref.store… }
    -->
      gpu.launch { scf.for … }                    in one thread, or iterations in one thread each
    """
    block = kernel.regions[0].blocks[0]
    found = _device_ops(block)
    if found is None:
        return False
    for op in found:
        _launch_op(op)
    return True


def launch_whole(kernel: Any) -> None:
    """The whole body of the kernel in one launch of one thread: right for anything, and slow."""
    block = kernel.regions[0].blocks[0]
    operations = [op.operation for op in block.operations]
    first = next(op for op in operations if op.name not in _HEAD)
    with ir.InsertionPoint(first), kernel.location:
        spot = launch([1, 1, 1], [1, 1, 1])
    end = spot.body.operations[len(spot.body.operations) - 1].operation
    for op in operations:
        if op.name not in (*_HEAD, "func.return") and not op.is_before_in_block(spot.op):
            op.move_before(end)


_HEAD = ("arith.constant", "memref.reinterpret_cast", "memref.alloc", "memref.cast")


def _device_ops(block: Any) -> list[Any] | None:
    """Ops of a host block that are to run on the device; None when the host would need to know their results."""
    found: list[Any] = []
    for op in [o.operation for o in block.operations]:
        if op.name == "memref.store":
            found.append(op)
        elif op.name.startswith("scf."):
            if op.name == "scf.yield":
                continue
            if op.name == "scf.for" and _only_repeats(op):
                inner = _device_ops(op.regions[0].blocks[0])
                if inner is None:
                    return None
                found += inner
            elif any(_is_used(result) for result in op.results):
                return None
            else:
                found.append(op)
    return found


def _is_used(value: Any) -> bool:
    return next(iter(value.uses), None) is not None


def keep_carried_in_place(kernel: Any) -> None:
    """What a loop of linalg ops carries to the next round is written over what came from the last one.

    scf.for … iter_args(%h = %h0) { %n = linalg.generic …  scf.yield %n }
      -->
    scf.for … iter_args(%h = %h0) { %n = linalg.generic …  %m = linalg.generic ins(%n) outs(%h) …  scf.yield %m }

    Bufferization then needs no buffers that change places.
    """
    for loop in [op for op in nested_ops(kernel) if op.name == "scf.for"]:
        body = loop.regions[0].blocks[0]
        operations = [op.operation for op in body.operations]
        if not any(op.name == "linalg.generic" for op in operations):
            continue
        end = operations[-1]
        for number, value in enumerate(list(end.operands)):
            argument = body.arguments[1 + number]
            if not isinstance(value.type, ir.RankedTensorType) or _updates(value, argument):
                continue
            identity = ir.AffineMap.get_identity(value.type.rank)
            with ir.InsertionPoint(end), end.location:
                end.operands[number] = elementwise([value], argument, [identity, identity]).results[0]


def _updates(value: Any, argument: Any) -> bool:
    """Whether a tensor is `argument` with parts inserted."""
    while value != argument:
        op = defining_op(value)
        if op is None or op.name not in ("tensor.insert_slice", "tensor.insert"):
            return False
        value = op.operands[1]
    return True


def _only_repeats(loop: Any) -> bool:
    """Whether a loop holds linalg ops and accesses no element itself, and the host knows its bounds."""
    names = [op.name for op in nested_ops(loop)]
    direct = [op.operation for op in loop.regions[0].blocks[0].operations]
    if "linalg.generic" not in names or any(op.name in _ACCESSES for op in direct):
        return False
    if any(isinstance(value.type, ir.MemRefType) for value in loop.results):
        return False
    return not any(depends_on_memory(value) for value in list(loop.operands)[:3])


def depends_on_memory(value: Any) -> bool:
    """Whether a scalar is computed from elements of a buffer, which the host cannot read."""
    op = defining_op(value)
    if op is None:
        return False
    return op.name == "memref.load" or any(depends_on_memory(operand) for operand in op.operands)


def _launch_op(op: Any) -> None:
    _hoist_allocations(op)
    if op.name == "scf.for" and not op.results and _counts(op) and independent(op):
        _launch_iterations(op)
        return
    with ir.InsertionPoint(op), op.location:
        spot = launch([1, 1, 1], [1, 1, 1])
    op.move_before(spot.body.operations[len(spot.body.operations) - 1].operation)


def _hoist_allocations(op: Any) -> None:
    """Memory of static size inside the op is allocated before it: one thread uses it again in each iteration."""
    for alloc in [o for o in nested_ops(op) if o.name == "memref.alloc"]:
        if not list(alloc.operands):
            with ir.InsertionPoint(op), op.location:
                outside = memref.AllocOp(alloc.results[0].type, [], []).result
            alloc.results[0].replace_all_uses_with(outside)
            alloc.erase()


def _counts(loop: Any) -> bool:
    """Whether a loop goes from 0 in steps of 1 to a number that the host knows."""
    constants = []
    for value in (loop.operands[0], loop.operands[2]):
        op = defining_op(value)
        if op is None or op.name != "arith.constant":
            return False
        constants.append(int(ir.IntegerAttr(op.attributes["value"]).value))
    return constants == [0, 1] and not depends_on_memory(loop.operands[1])


def _launch_iterations(loop: Any) -> None:
    """Iterations that neither read nor write what others write: each in one of many threads. So are those of loops that
    are all that such an iteration does.

      scf.for %i = 0 to 4 { scf.for %j = 0 to %n {…} }
    -->
      gpu.launch { scf.for %k = thread to 4 * %n step threads {      %i = %k / %n, %j = %k mod %n: loops of one round
        scf.for %i = %a to %a + 1 { scf.for %j = %b to %b + 1 {…} } } }
    """
    nest = _nest(loop)
    with ir.InsertionPoint(loop), loop.location:
        total = product([_extent(level) for level in nest])
        spot = launch([grid_size(total), 1, 1], [BLOCK, 1, 1])
        end = spot.body.operations[len(spot.body.operations) - 1].operation
        with ir.InsertionPoint(end):
            first, step = linear_thread(spot)
            if len(nest) == 1:
                loop.operands[0], loop.operands[2] = first, step
            else:
                whole = scf.ForOp(first, as_index(total), step)
                with ir.InsertionPoint(whole.body):
                    _fix(nest, whole.induction_variable)
                    end = scf.YieldOp([]).operation
    loop.move_before(end)


def _nest(loop: Any) -> list[Any]:
    """`loop`, and loops in it while an iteration only computes numbers, and perhaps whether the next is entered."""
    nest, block = [loop], loop.regions[0].blocks[0]
    while True:
        inner = [op.operation for op in block.operations if op.operation.regions]
        names = [op.operation.name for op in block.operations if not op.operation.regions]
        if (
            len(inner) != 1
            or inner[0].results
            or not all(n.startswith("arith.") or n in _NUMBERS for n in names)
        ):
            return nest
        (op,) = inner
        if op.name == "scf.for" and _counts(op) and _is_outside(op.operands[1], loop) and independent(op):
            nest.append(op)
        elif op.name != "scf.if" or len(op.regions[1].blocks):
            return nest
        block = op.regions[0].blocks[0]


_NUMBERS = ("memref.load", "scf.yield")


def _is_outside(value: Any, loop: Any) -> bool:
    """Whether a value is there before the loop, whose block is the kernel's."""
    op = defining_op(value)
    if op is None:
        return value.owner == loop.block
    return op.block == loop.block and op.is_before_in_block(loop)


def _fix(nest: list[Any], number: Any) -> None:
    """Makes each loop of the nest one round, that of its counter in iteration `number` of all."""
    for level in reversed(nest):
        size = as_index(_extent(level))
        at = arith.RemUIOp(number, size).result
        number = arith.DivUIOp(number, size).result
        level.operands[0], level.operands[1] = at, arith.AddIOp(at, constant(1)).result


def _extent(loop: Any) -> Any:
    """How many iterations a loop from 0 has: a number if that is known, or a value."""
    op = defining_op(loop.operands[1])
    if op is not None and op.name == "arith.constant":
        return int(ir.IntegerAttr(op.attributes["value"]).value)
    return loop.operands[1]
