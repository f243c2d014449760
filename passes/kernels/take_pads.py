"""Paddings into the kernels that read them, where their schedules pad by themselves."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import Any, ClassVar

from aicc.bindings import ir
from aicc.passes.base import Pass, PassContext
from aicc.passes.kernels.ir_tools import defining_op, main_of, nested_ops, pad_of
from aicc.passes.schedules import registry
from aicc.target import Target


@dataclass(frozen=True)
class TakePads(Pass):
    """Moves paddings into kernels whose schedules pad operands by themselves (`Schedule.pads`): nothing padded is
    written.

    before --> after
      %p = call @k0_pad(%x)
      %y = call @k1(%p, %w)    --> %y = call @k1(%x, %w), where @k1 begins with the tensor.pad of @k0_pad
    """

    pass_name: ClassVar[str] = "take-pads"

    def run(self, module: Any, ctx: PassContext) -> None:
        kernels = {str(f.sym_name.value): f for f in module.body.operations if "aicc.kernel" in f.attributes}
        calls: dict[str, list[Any]] = defaultdict(list)
        for op in nested_ops(main_of(module).operation):
            if op.name == "func.call":
                calls[ir.FlatSymbolRefAttr(op.attributes["callee"]).value].append(op)
        for name, kernel in list(kernels.items()):
            schedule = registry.choice_of(kernel, ctx.target).schedule
            for number in schedule.pads(kernel, ctx.target):
                pads = [defining_op(call.operands[number]) for call in calls[name]]
                if pads and _all_equal(pads, kernels):
                    kernel = kernels[name] = _take(kernel, number, calls[name], pads, kernels, ctx.target)
        _erase_unused(module, kernels)


def _all_equal(pads: list[Any | None], kernels: dict[str, Any]) -> bool:
    """Whether all are calls of one kernel that pads its only argument."""
    for op in pads:
        if op is None or pad_of(op, kernels) is None or len(op.operands) != 1:
            return False
    return len({str(op.attributes["callee"]) for op in pads if op is not None}) == 1


def _take(
    kernel: Any, number: int, calls: list[Any], pads: list[Any], kernels: dict[str, Any], target: Target
) -> Any:
    """The kernel that pads; the same as before where the schedule does not pad in that way."""
    scratch = ir.Module.create(ir.Location.unknown())
    copy = kernel.operation.clone(ip=False)
    scratch.body.append(copy)
    block = copy.regions[0].blocks[0]
    argument = block.arguments[number]
    uses = [(use.owner, use.operand_number) for use in argument.uses]
    padding = kernels[ir.FlatSymbolRefAttr(pads[0].attributes["callee"]).value].regions[0].blocks[0]
    argument.set_type(padding.arguments[0].type)
    known = {padding.arguments[0]: argument}
    with ir.InsertionPoint.at_block_begin(block):
        for op in list(padding.operations)[:-1]:
            made = op.operation.clone()
            for inner in nested_ops(made):
                for i, operand in enumerate(inner.operands):
                    if operand in known:
                        inner.operands[i] = known[operand]
            known |= dict(zip(op.operation.results, made.results, strict=True))
    padded = known[list(padding.operations)[-1].operation.operands[0]]
    for owner, i in uses:
        owner.operands[i] = padded
    kind = ir.FunctionType(ir.TypeAttr(copy.attributes["function_type"]).value)
    types = [argument.type if i == number else t for i, t in enumerate(kind.inputs)]
    copy.attributes["function_type"] = ir.TypeAttr.get(ir.FunctionType.get(types, kind.results))
    if not registry.choice_of(copy, target).schedule.matches(copy.opview, target):
        return kernel
    for call, pad in zip(calls, pads, strict=True):
        call.operands[number] = pad.operands[0]
    copy.move_before(kernel.operation)
    kernel.operation.erase()
    return copy.opview


def _erase_unused(module: Any, kernels: dict[str, Any]) -> None:
    """Paddings that nobody reads any more."""
    for op in list(nested_ops(main_of(module).operation)):
        if pad_of(op, kernels) is not None and next(iter(op.results[0].uses), None) is None:
            op.erase()
    called = {
        ir.FlatSymbolRefAttr(op.attributes["callee"]).value
        for op in nested_ops(main_of(module).operation)
        if op.name == "func.call"
    }
    for op in list(module.body.operations):
        if "aicc.kernel" in op.attributes and op.sym_name.value not in called:
            op.operation.erase()
