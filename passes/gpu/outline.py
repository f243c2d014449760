"""Launches out of a kernel: what a thread does becomes a function of one `gpu.module`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from aicc.bindings import PassManager, ir
from aicc.passes.base import Pass, PassContext
from aicc.passes.gpu.library_kinds import check_calls
from aicc.passes.gpu.temporaries import acquire_temporaries
from aicc.passes.kernels.ir_tools import defining_op, nested_ops, outside_operands
from aicc.passes.llvm.kernel import find_kernel, symbol
from aicc.passes.llvm.pointers import pointer_type

DEVICE = "device"
"""Name of the `gpu.module`."""

_VIEWS = (
    "memref.reinterpret_cast",
    "memref.cast",
    "memref.subview",
    "memref.view",
    "memref.expand_shape",
    "memref.collapse_shape",
)


@dataclass(frozen=True)
class OutlineLaunches(Pass):
    """The launches of the module's kernel as functions of a `gpu.module`. See `outline_launches`."""

    pass_name: ClassVar[str] = "outline-launches"

    def run(self, module: Any, ctx: PassContext) -> None:
        outline_launches(module)


def outline_launches(module: Any) -> None:
    """Separates device code from host code, in place.

        func.func @k(%a: memref<…>, %n: index) { %t = memref.alloc …  gpu.launch … { … } }
      -->
        func.func @k(%ctx: !llvm.ptr, %a: memref<…>, %n: index) {
          %p = call @aicc_buffer_acquire …
          gpu.launch_func @device::@k_kernel blocks … threads … args(%a : memref<…>, %n : index)
        }
        gpu.module @device { gpu.func @k_kernel(%a: memref<…>, %n: index) kernel { … } }

    What a launch captures are buffers of static shape, which travel as bare pointers, `index` values the host knows,
    and maps of tensors (`!llvm.ptr`), which travel by value; it makes views, constants and
    scalars read from memory itself. Raises CompileError AICC-2001 where a call of a library is not well formed.
    """
    kernel = find_kernel(module)
    check_calls(nested_ops(kernel))
    PassManager.parse("builtin.module(canonicalize,cse)").run(module.operation)
    context = _add_context(kernel)
    acquire_temporaries(module, kernel, context)
    for op in [o for o in nested_ops(kernel) if o.name == "gpu.launch"]:
        _sink(op)
    _erase_unused(kernel)
    PassManager.parse("builtin.module(gpu-kernel-outlining)").run(module.operation)
    _merge_modules(module)
    PassManager.parse(f"builtin.module(gpu.module({_TIDY}),{_TIDY})").run(module.operation)


_TIDY = "canonicalize,cse,loop-invariant-code-motion"


def _add_context(kernel: Any) -> Any:
    """`%ctx` before the other arguments."""
    block = kernel.regions[0].blocks[0]
    old = list(block.arguments)
    types = [a.type for a in old]
    added = [block.add_argument(t, kernel.location) for t in (pointer_type(), *types)]
    for argument, new in zip(old, added[1:], strict=True):
        argument.replace_all_uses_with(new)
    for _ in old:
        block.erase_argument(0)
    kernel.attributes["function_type"] = ir.TypeAttr.get(ir.FunctionType.get([pointer_type(), *types], []))
    if "arg_attrs" in kernel.attributes:
        attributes = [ir.DictAttr.get({}), *kernel.attributes["arg_attrs"]]
        kernel.attributes["arg_attrs"] = ir.ArrayAttr.get(attributes)
    return block.arguments[0]


def _sink(launch: Any) -> None:
    """Clones what a launch needs from outside and may not capture to the start of its body."""
    body = launch.regions[0].blocks[0]
    known: dict[Any, Any] = {}
    start = next(iter(body.operations))

    def inside(value: Any) -> Any:
        if value in known:
            return known[value]
        op = defining_op(value)
        if op is None or _is_captured(op, value):
            return value
        operands = [inside(operand) for operand in op.operands]
        copy = op.clone(ir.InsertionPoint(start)).operation
        for number, operand in enumerate(operands):
            copy.operands[number] = operand
        known.update(zip(op.results, copy.results, strict=True))
        return known[value]

    sizes = len(launch.operands)
    for user, number, value in outside_operands(launch):
        if user == launch and number < sizes:
            continue
        user.operands[number] = inside(value)


def _is_captured(op: Any, value: Any) -> bool:
    if op.name == "builtin.unrealized_conversion_cast":
        return True  # the address of a temporary
    if op.name == "func.call":
        return True  # what the host asked the runtime for
    if op.name == "arith.constant" or op.name in _VIEWS or op.name == "memref.dim":
        return False
    return isinstance(value.type, ir.IndexType) and not _reads_memory(op)


def _reads_memory(op: Any) -> bool:
    if op.name == "memref.load":
        return True
    sources = [defining_op(value) for value in op.operands]
    return any(source is not None and _reads_memory(source) for source in sources)


def _erase_unused(kernel: Any) -> None:
    """Reads of device memory that moved into launches: the host could not do them."""
    changed = True
    while changed:
        changed = False
        for op in reversed(list(nested_ops(kernel))[1:]):
            pure = op.name in (*_VIEWS, "memref.load", "memref.dim") or op.name.startswith("arith.")
            if pure and not any(True for result in op.results for _ in result.uses):
                op.erase()
                changed = True


def _merge_modules(module: Any) -> None:
    """One `gpu.module` instead of one for each launch."""
    modules = [op.operation for op in module.body.operations if op.operation.name == "gpu.module"]
    if not modules:
        return
    first, names = modules[0], {}
    target = first.regions[0].blocks[0]
    for number, other in enumerate(modules):
        for op in list(other.regions[0].blocks[0].operations):
            if op.operation.name == "gpu.func":
                old = ir.StringAttr(op.operation.attributes["sym_name"]).value
                names[symbol(other)] = name = f"{old}_{number}"
                op.operation.attributes["sym_name"] = ir.StringAttr.get(name)
            if number:
                target.append(op.operation)
    for op in nested_ops(module.operation):
        if op.name == "gpu.launch_func":
            home = ir.SymbolRefAttr(op.attributes["kernel"]).value[0]
            op.attributes["kernel"] = ir.SymbolRefAttr.get([DEVICE, names[home]])
    for other in modules[1:]:
        other.erase()
    first.attributes["sym_name"] = ir.StringAttr.get(DEVICE)
