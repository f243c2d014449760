"""Kernels that write over parts of an operand: their result is that operand, changed.

    func.func private @k0_loop(%x, %i, %u) { %r = scf.for … iter_args(%y = %x) { … tensor.insert … into %y … } … }

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
        if (
            loop is None
            or loop.name != "scf.for"
            or any(o.name.startswith("linalg.") for o in nested_ops(loop))
        ):
            continue
        start = loop.operands[3 + list(loop.results).index(value)]
        if isinstance(start.owner, ir.Block) and len(list(start.uses)) == 1:
            found[ir.BlockArgument(start).arg_number] = number
    return found


def updating_call(value: Any, kernels: dict[str, Any]) -> Any | None:
    """The result of a call that writes over `value`, in its own memory: nothing else is done with it."""
    uses = list(value.uses)
    if len(uses) != 1 or not may_be_written_over(value):
        return None
    call = uses[0].owner.operation
    number = _updates(call, kernels).get(uses[0].operand_number) if call.block == block_of(value) else None
    return None if number is None else call.results[number]


def may_be_written_over(value: Any) -> bool:
    """Whether no other value has its memory: a view has that of what it is a view of."""
    op = defining_op(value)
    return op is None or op.name in ("func.call", "tensor.insert_slice")


def updated_operand(result: Any, kernels: dict[str, Any]) -> Any | None:
    """What a call writes over to make `result`; None of other values."""
    call = defining_op(result)
    if call is None:
        return None
    found = [n for n, k in _updates(call, kernels).items() if call.results[k] == result]
    return call.operands[found[0]] if found else None


def _updates(call: Any, kernels: dict[str, Any]) -> dict[int, int]:
    """`updated_operands` of the kernel that an op calls; of other ops none."""
    if call.name != "func.call":
        return {}
    kernel = kernels.get(str(ir.FlatSymbolRefAttr(call.attributes["callee"]).value))
    return {} if kernel is None else updated_operands(kernel)


def block_of(value: Any) -> Any:
    """The block in which a value is defined."""
    return value.owner if isinstance(value.owner, ir.Block) else value.owner.operation.block
