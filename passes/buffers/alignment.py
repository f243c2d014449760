"""What kernels for devices may rely on: arguments that start at a multiple of 16 bytes in every call.

Schedules write two forms of a kernel, one that reads 16 bytes at once, and one for arguments that are not aligned:
slices of larger buffers. Most arguments are surely aligned, and their kernels need no second form.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import Any, ClassVar

from aicc.bindings import ir
from aicc.passes.base import Pass, PassContext, programs
from aicc.passes.buffers.entry import ENTRY
from aicc.passes.kernels.ir_tools import defining_op, nested_ops
from aicc.passes.llvm.pointers import element_bytes

ALIGNMENT = 16
"""Bytes. The runtime for CUDA places all tensors so (AICC_CUDA_ALIGNMENT)."""

_BUFFERS, _WEIGHTS, _ARENA = 1, 3, 4  # arguments of a program's entry
_LAUNCH = "_launch"


@dataclass(frozen=True)
class AlignArguments(Pass):
    """Gives arguments of kernels the attribute `llvm.align`, where all calls say so.

    before --> after
      func @k0(%a: memref<8xf32>, …)    --> func @k0(%a: memref<8xf32> {llvm.align = 16 : i64}, …)

    Weights, the arena and acquired buffers are aligned; so are the model's inputs and outputs on GPUs, where the
    runtime copies those that are not. Target simt takes them as they are, and so do the programs of branches and loops.
    """

    pass_name: ClassVar[str] = "align-arguments"
    whole: ClassVar[bool] = True

    def run(self, module: Any, ctx: PassContext) -> None:
        for program in programs(module):
            tensors = program is module and ctx.target.kind != "simt"
            kernels = {f.sym_name.value: f for f in program.body.operations if "aicc.kernel" in f.attributes}
            calls = _calls(program)
            for name, kernel in kernels.items():
                if calls[name]:
                    _mark(kernel, calls[name], tensors)


def is_aligned(func: Any, number: int) -> bool:
    """Whether an argument of a kernel is known to be aligned."""
    if "arg_attrs" not in func.attributes:
        return False
    entries = ir.DictAttr(ir.ArrayAttr(func.attributes["arg_attrs"])[number])
    return "llvm.align" in entries and ir.IntegerAttr(entries["llvm.align"]).value % ALIGNMENT == 0


def _calls(program: Any) -> dict[str, list[Any]]:
    """The calls of each kernel."""
    found: dict[str, list[Any]] = defaultdict(list)
    main = next(
        op for op in program.body.operations if getattr(op, "sym_name", None) and op.sym_name.value == ENTRY
    )
    for op in nested_ops(main.operation):
        if op.name == "func.call":
            found[ir.FlatSymbolRefAttr(op.attributes["callee"]).value.removesuffix(_LAUNCH)].append(op)
    return found


def _mark(kernel: Any, calls: list[Any], tensors: bool) -> None:
    arguments = kernel.regions[0].blocks[0].arguments
    old = kernel.attributes.get("arg_attrs", None)
    attributes = []
    for number, argument in enumerate(arguments):
        entries = {} if old is None else {x.name: x.attr for x in ir.DictAttr(ir.ArrayAttr(old)[number])}
        # the first operand of a launch is the context
        if isinstance(argument.type, ir.MemRefType) and all(
            _aligned(call.operands[number + 1], tensors) for call in calls
        ):
            entries["llvm.align"] = ir.IntegerAttr.get(ir.IntegerType.get_signless(64), ALIGNMENT)
        attributes.append(ir.DictAttr.get(entries))
    kernel.attributes["arg_attrs"] = ir.ArrayAttr.get(attributes)


def _aligned(value: Any, tensors: bool) -> bool:
    """Whether a memref of the host program surely starts at a multiple of the alignment."""
    op = defining_op(value)
    if op is None:
        return False
    if op.name == "memref.cast":
        return _aligned(op.operands[0], tensors)
    if op.name == "arith.select":
        return all(_aligned(option, tensors) for option in list(op.operands)[1:])
    if op.name == "memref.view":
        return _constant(op.operands[1]) % ALIGNMENT == 0 and _aligned(op.operands[0], tensors)
    if op.name == "memref.reinterpret_cast":
        offset = list(ir.DenseI64ArrayAttr(op.attributes["static_offsets"]))[0]
        known = offset != ir.ShapedType.get_dynamic_stride_or_offset()
        bytes_ = offset * element_bytes(op.results[0].type.element_type)
        return known and bytes_ % ALIGNMENT == 0 and _aligned(op.operands[0], tensors)
    if op.name == "builtin.unrealized_conversion_cast":
        pointer = _pointer(op.operands[0])
        return pointer is not None and _aligned_pointer(pointer, tensors)
    return False


def _constant(value: Any) -> int:
    """An index that is a constant; 1 for others."""
    op = defining_op(value)
    return (
        int(ir.IntegerAttr(op.attributes["value"]).value)
        if op is not None and op.name == "arith.constant"
        else 1
    )


def _pointer(descriptor: Any) -> Any | None:
    """The pointer at which the elements of a memref's descriptor begin, if its offset is 0."""
    pointer, offset = None, None
    op = defining_op(descriptor)
    while op is not None and op.name == "llvm.insertvalue":
        place = list(ir.DenseI64ArrayAttr(op.attributes["position"]))
        if place == [1] and pointer is None:
            pointer = op.operands[1]
        if place == [2] and offset is None:
            offset = defining_op(op.operands[1])
        op = defining_op(op.operands[0])
    zero = (
        offset is not None
        and offset.name == "llvm.mlir.constant"
        and ir.IntegerAttr(offset.attributes["value"]).value == 0
    )
    return pointer if zero else None


def _aligned_pointer(pointer: Any, tensors: bool) -> bool:
    op = defining_op(pointer)
    if op is None:
        return pointer.arg_number in (_WEIGHTS, _ARENA)
    if op.name == "func.call":
        return str(ir.FlatSymbolRefAttr(op.attributes["callee"]).value) == "aicc_buffer_acquire"
    if op.name == "llvm.load" and tensors:
        return _table(op.operands[0]) == _BUFFERS
    return False


def _table(place: Any) -> int | None:
    """Of an element of a table the number of the entry's argument which the table is."""
    op = defining_op(place)
    if op is not None and op.name == "llvm.getelementptr":
        place, op = op.operands[0], defining_op(op.operands[0])
    return int(place.arg_number) if op is None else None
