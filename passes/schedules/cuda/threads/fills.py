"""Reductions start from a scalar in a register instead of a buffer that a launch of its own has filled."""

from __future__ import annotations

from typing import Any

from aicc.bindings import ir
from aicc.passes.schedules.cpu.affine.operands import body_of, iterators_of, maps_of


def take_starts(generic: Any) -> dict[int, Any]:
    """The scalars that outputs of a reduction start from, by output number; erases the fills.

    linalg.generic ins(%z : f32) outs(%m) { yield %in }         (nothing in between touches %m)
    linalg.generic ins(%a, %b) outs(%m) { …reduction… }
      -->
    {0: %z}, and the reduction alone
    """
    starts: dict[int, Any] = {}
    if "reduction" not in iterators_of(generic):
        return starts
    inputs = int(generic.attributes["operandSegmentSizes"][0])
    for operand in range(inputs, len(generic.operands)):
        before = _touched_before(generic, operand)
        value = None if before is None else _filled_with(before, generic.operands[operand])
        if before is not None and value is not None and _covers(generic, operand):
            starts[operand - inputs] = value
            before.erase()
    return starts


def _touched_before(generic: Any, operand: int) -> Any | None:
    """The op that touched the buffer of an output last, in the same block; None when the op itself reads it too."""
    buffer = generic.operands[operand]
    if sum(value == buffer for value in generic.operands) != 1:
        return None
    last = None
    for use in buffer.uses:
        top = _ancestor_in(use.owner.operation, generic.block)
        if top is None or top == generic or not top.is_before_in_block(generic):
            continue
        if last is None or last.is_before_in_block(top):
            last = top
    return last


def _ancestor_in(op: Any, block: Any) -> Any | None:
    while op is not None and op.block != block:
        op = op.parent.operation if op.parent is not None else None
    return op


def _filled_with(op: Any, buffer: Any) -> Any | None:
    """The scalar that `op` fills `buffer` with, and does nothing else."""
    if op.name != "linalg.generic" or op.operands[len(op.operands) - 1] != buffer:
        return None
    block = body_of(op)
    operations = list(block.operations)
    if len(operations) != 1 or any(isinstance(v.type, ir.MemRefType) for v in list(op.operands)[:-1]):
        return None
    value = operations[0].operation.operands[0]
    if isinstance(value.owner, ir.Block) and value.owner == block:
        return None if value.arg_number == len(op.operands) - 1 else op.operands[value.arg_number]
    return value


def _covers(generic: Any, operand: int) -> bool:
    """Whether the reduction writes every element of an output."""
    results = list(maps_of(generic)[operand].results)
    dims = {r.position for r in results if isinstance(r, ir.AffineDimExpr)}
    return len(dims) == len(results)


def adjacent_fills(kernel: Any) -> list[list[Any]]:
    """Runs of generics that write constants to memory and read none: the sides of a border. One launch does them.

    Only in kernels that hold nothing else: another fill starts a reduction.
    """
    generics = [op.operation for op in kernel.regions[0].blocks[0].operations]
    generics = [op for op in generics if op.name == "linalg.generic"]
    if len(generics) < 2 or any(_reads(op) or not _is_static(op) for op in generics):
        return []
    return [generics]


def _reads(generic: Any) -> bool:
    inputs = int(generic.attributes["operandSegmentSizes"][0])
    arguments = list(body_of(generic).arguments)
    return (
        any(isinstance(value.type, ir.MemRefType) for value in list(generic.operands)[:inputs])
        or any(list(argument.uses) for argument in arguments[inputs:])
        or any(op.operation.name == "memref.load" for op in body_of(generic).operations)
    )


def _is_static(generic: Any) -> bool:
    kinds = [value.type for value in generic.operands if isinstance(value.type, ir.MemRefType)]
    return all(kind.has_static_shape for kind in kinds)
