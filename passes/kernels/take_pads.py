"""Paddings into the kernels that read them, where their schedules pad by themselves."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import Any, ClassVar

from aicc.bindings import arith, ir, tensor
from aicc.passes.base import Pass, PassContext
from aicc.passes.kernels.ir_tools import defining_op, main_of, nested_ops, pad_of, reassociation_of
from aicc.passes.schedules import registry
from aicc.target import Target


@dataclass(frozen=True)
class TakePads(Pass):
    """Moves paddings into kernels whose schedules pad operands by themselves (`Schedule.pads`): nothing padded is
    written. A dim that is split in between has no padding.

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
                found = [_padding_of(call.operands[number], kernels) for call in calls[name]]
                paddings = [padding for padding in found if padding is not None]
                if len(paddings) == len(found) and len({padding.key for padding in paddings}) == 1:
                    kernel = kernels[name] = _take(kernel, number, calls[name], paddings, ctx.target)
        _erase_unused(module, kernels)


@dataclass(frozen=True)
class _Padding:
    """What makes an operand: `source` padded with `value`, its dims then perhaps split (`split`: a
    tensor.expand_shape). `low` and `high` are of the operand's dims, `kind` is its type without them."""

    source: Any
    split: Any | None
    low: tuple[int, ...]
    high: tuple[int, ...]
    value: Any
    kind: Any

    @property
    def key(self) -> str:
        """Equal paddings have equal ones."""
        return f"{self.low} {self.high} {self.value} {self.kind}"

    def unpadded(self, call: Any) -> Any:
        """The operand without padding, before `call`."""
        if self.split is None:
            return self.source
        names = ("reassociation", "static_output_shape")
        attributes = {name: self.split.attributes[name] for name in names}
        attributes[names[1]] = ir.DenseI64ArrayAttr.get(list(self.kind.shape))
        operands = [self.source, *list(self.split.operands)[1:]]
        with ir.InsertionPoint(call), call.location:
            made = ir.Operation.create(
                self.split.name, results=[self.kind], operands=operands, attributes=attributes
            )
        return made.results[0]


def _padding_of(value: Any, kernels: dict[str, Any]) -> _Padding | None:
    op, split = defining_op(value), None
    if op is not None and op.name == "tensor.expand_shape":
        op, split = defining_op(op.operands[0]), op
    pad = pad_of(op, kernels) if op is not None and len(op.operands) == 1 else None
    if op is None or pad is None or len(pad.operands) != 1:
        return None
    low, high = ([*ir.DenseI64ArrayAttr(pad.attributes[f"static_{end}"])] for end in ("low", "high"))
    constant = defining_op(next(o for o in nested_ops(pad) if o.name == "tensor.yield").operands[0])
    if min(*low, *high) < 0 or constant is None or constant.name != "arith.constant":
        return None
    if split is not None:
        groups = [len(group) for group in reassociation_of(split)]
        if any(count > 1 and (a or b) for count, a, b in zip(groups, low, high, strict=True)):
            return None
        low, high = (
            [x for x, count in zip(end, groups, strict=True) for _ in range(count)] for end in (low, high)
        )
    kind = ir.RankedTensorType(value.type)
    borders = [a + b for a, b in zip(low, high, strict=True)]
    if split is not None and any(kind.is_dynamic_dim(i) for i, border in enumerate(borders) if border):
        return None
    shape = [x if kind.is_dynamic_dim(i) else x - borders[i] for i, x in enumerate(kind.shape)]
    plain = ir.RankedTensorType.get(shape, kind.element_type)
    return _Padding(op.operands[0], split, tuple(low), tuple(high), constant.attributes["value"], plain)


def _take(kernel: Any, number: int, calls: list[Any], paddings: list[_Padding], target: Target) -> Any:
    """The kernel that pads; the same as before where the schedule does not pad in that way."""
    scratch = ir.Module.create(ir.Location.unknown())
    copy = kernel.operation.clone(ip=False)
    scratch.body.append(copy)
    block, padding = copy.regions[0].blocks[0], paddings[0]
    argument = block.arguments[number]
    uses = [(use.owner, use.operand_number) for use in argument.uses]
    padded = argument.type
    argument.set_type(padding.kind)
    with ir.InsertionPoint.at_block_begin(block), ir.Location.unknown():
        scalar = arith.ConstantOp(padded.element_type, padding.value).result
        pad = tensor.PadOp(padded, argument, [], [], list(padding.low), list(padding.high))
        index = ir.IndexType.get()
        inner = pad.operation.regions[0].blocks.append(
            *[index] * padded.rank, arg_locs=[ir.Location.unknown()] * padded.rank
        )
        with ir.InsertionPoint(inner):
            tensor.YieldOp(scalar)
    for owner, i in uses:
        owner.operands[i] = pad.result
    kind = ir.FunctionType(ir.TypeAttr(copy.attributes["function_type"]).value)
    types = [padding.kind if i == number else t for i, t in enumerate(kind.inputs)]
    copy.attributes["function_type"] = ir.TypeAttr.get(ir.FunctionType.get(types, kind.results))
    if not registry.choice_of(copy, target).schedule.matches(copy.opview, target):
        return kernel
    for call, own in zip(calls, paddings, strict=True):
        call.operands[number] = own.unpadded(call)
    copy.move_before(kernel.operation)
    kernel.operation.erase()
    return copy.opview


def _erase_unused(module: Any, kernels: dict[str, Any]) -> None:
    """Paddings, and views of them, that nobody reads any more."""
    ops = list(nested_ops(main_of(module).operation))
    for op in reversed(ops):
        unused = len(op.results) == 1 and next(iter(op.results[0].uses), None) is None
        if unused and (op.name == "tensor.expand_shape" or pad_of(op, kernels) is not None):
            op.erase()
    called = {
        ir.FlatSymbolRefAttr(op.attributes["callee"]).value
        for op in nested_ops(main_of(module).operation)
        if op.name == "func.call"
    }
    for op in list(module.body.operations):
        if "aicc.kernel" in op.attributes and op.sym_name.value not in called:
            op.operation.erase()
