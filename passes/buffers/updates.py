"""Kernels that write over parts of an operand: their result is that operand, changed.

    func.func private @k0_loop(%x, %i, %u) { %r = scf.for … iter_args(%y = %x) { … tensor.insert … into %y … } return %r }

Such a kernel gets one buffer for operand and result. Who wants to keep the operand copies it before.
"""

from __future__ import annotations

from typing import Any

from aicc.bindings import ir
from aicc.passes.kernels.ir_tools import defining_op, nested_ops


def updated_operands(kernel: Any) -> dict[int, int]:
    """Numbers of the arguments that a kernel on tensors writes over, each with that of the result it becomes: those
    that a loop over elements starts from."""
    block = kernel.regions[0].blocks[0]
    found: dict[int, int] = {}
    for number, value in enumerate(block.operations[len(block.operations) - 1].operation.operands):
        loop = defining_op(value)
        if loop is None or loop.name != "scf.for" or any(o.name.startswith("linalg.") for o in nested_ops(loop)):
            continue
        start = loop.operands[3 + list(loop.results).index(value)]
        if isinstance(start.owner, ir.Block) and len(list(start.uses)) == 1:
            found[ir.BlockArgument(start).arg_number] = number
    return found


def updating_call(value: Any, kernels: dict[str, Any]) -> Any | None:
    """The result of a call that writes over `value`, if that is all that is done with it."""
    uses = list(value.uses)
    if len(uses) != 1:
        return None
    call = uses[0].owner.operation
    if call.name != "func.call" or call.block != block_of(value):
        return None
    kernel = kernels.get(str(ir.FlatSymbolRefAttr(call.attributes["callee"]).value))
    number = None if kernel is None else updated_operands(kernel).get(uses[0].operand_number)
    return None if number is None else call.results[number]


def block_of(value: Any) -> Any:
    """The block in which a value is defined."""
    return value.owner if isinstance(value.owner, ir.Block) else value.owner.operation.block
