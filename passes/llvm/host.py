"""The host program to the llvm dialect: calls of launchers get bare pointers, copies become loops.

A host module holds functions with bodies, which are internal unless they are marked `aicc.export`, and
declarations of what they call: launchers of kernels and functions of the runtime. Arguments of functions
with bodies are `!llvm.ptr`, integers, `index`, or memrefs of static shape (passed as bare pointers).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from aicc.bindings import PassManager, func, ir, linalg
from aicc.errors import CompileError
from aicc.passes.base import Pass, PassContext
from aicc.passes.llvm.conversion import convert
from aicc.passes.llvm.kernel import symbol
from aicc.passes.llvm.launcher import launch_name
from aicc.passes.llvm.pointers import memref_to_pointer, pointer_type
from aicc.passes.llvm.programs import define_calls, program_calls
from aicc.target import Target


@dataclass(frozen=True)
class LowerHost(Pass):
    """The host program to the llvm dialect, with bare pointers. See `lower_host`."""

    pass_name: ClassVar[str] = "lower-host"

    def run(self, module: Any, ctx: PassContext) -> None:
        lower_host(module, ctx.target)


def lower_host(module: Any, target: Target, symbols: Mapping[str, str] | None = None) -> None:
    """Lowers a host module to the llvm dialect, in place.

        func.func private @k_launch(!llvm.ptr, memref<?x8xf32>, index)
        func.call @k_launch(%ctx, %m, %n) : …
      -->
        llvm.func @k_launch(!llvm.ptr, !llvm.ptr, i64)
        llvm.call @k_launch(%ctx, %pointer_of_m, %n) : …

    `symbols` maps names of kernels to the symbols of their objects; calls of `@name_launch` follow it.
    Raises CompileError AICC-2002.
    """
    copies_to_loops(module)
    pass_pointers(module)
    names = {launch_name(k): launch_name(s) for k, s in (symbols or {}).items()}
    _rename(module, names | _without_types(module))
    for op in module.body.operations:
        operation = op.operation
        if operation.name != "func.func" or not _has_body(operation):
            continue
        _check_arguments(operation)
        if "aicc.export" in operation.attributes:
            del operation.attributes["aicc.export"]
        else:
            operation.attributes["llvm.linkage"] = ir.Attribute.parse("#llvm.linkage<internal>")
    calls = program_calls(module)
    convert(module, target)
    define_calls(module, calls)


def _without_types(module: Any) -> dict[str, str]:
    """Functions of the runtime that are one for all element types: `aicc_sequence_get.f32 --> aicc_sequence_get`."""
    names = [symbol(op.operation) for op in module.body.operations]
    return {name: name.split(".")[0] for name in names if name.startswith("aicc_") and "." in name}


def _rename(module: Any, names: Mapping[str, str]) -> None:
    """Renames declarations with their uses; two that get one name become one (kernels that are the same)."""
    table = ir.SymbolTable(module.operation)
    known: set[str] = set()
    for op in list(module.body.operations):
        new = names.get(symbol(op.operation))
        if new is None:
            continue
        table.replace_all_symbol_uses(symbol(op.operation), new, module.operation)
        if new in known:
            op.operation.erase()
        else:
            op.operation.attributes["sym_name"] = ir.StringAttr.get(new)
        known.add(new)


def pass_pointers(module: Any) -> None:
    """Calls of declared functions pass memrefs, of any shape and layout, as `!llvm.ptr` to the first element."""
    declared = {
        symbol(op.operation): op.operation
        for op in module.body.operations
        if op.operation.name == "func.func" and not _has_body(op.operation)
    }
    calls: list[Any] = []

    def visit(op: Any) -> Any:
        if op.name == "func.call" and op.attributes["callee"].value in declared:
            calls.append(op)
        return ir.WalkResult.ADVANCE

    module.operation.walk(visit)
    for call in calls:
        with ir.InsertionPoint(call), call.location:
            operands = [
                memref_to_pointer(value) if isinstance(value.type, ir.MemRefType) else value
                for value in call.operands
            ]
            results = [result.type for result in call.results]
            new = func.CallOp(results, call.attributes["callee"].value, operands)
        for old, fresh in zip(call.results, new.operation.results, strict=True):
            old.replace_all_uses_with(fresh)
        call.erase()
    for operation in declared.values():
        kind = ir.FunctionType(operation.attributes["function_type"].value)
        inputs = [pointer_type() if isinstance(t, ir.MemRefType) else t for t in kind.inputs]
        operation.attributes["function_type"] = ir.TypeAttr.get(ir.FunctionType.get(inputs, kind.results))


def copies_to_loops(module: Any) -> None:
    """`memref.copy` between layouts, which would call into a library MLIR does not ship, becomes a loop nest.

    Copies between contiguous buffers of static shape stay: they become `memcpy`.
    """
    copies: list[Any] = []

    def visit(op: Any) -> Any:
        if op.name == "memref.copy" and not all(
            value.type.has_static_shape and _contiguous(value.type) for value in op.operands
        ):
            copies.append(op)
        return ir.WalkResult.ADVANCE

    module.operation.walk(visit)
    for op in copies:
        source, target = op.operands
        with ir.InsertionPoint(op), op.location:
            linalg.copy(source, outs=[target])
        op.erase()
    if copies:
        PassManager.parse("builtin.module(func.func(convert-linalg-to-loops))").run(module.operation)


def _contiguous(kind: Any) -> bool:
    """Whether the elements lie densely in row-major order, as far as the type says so."""
    try:
        strides, _ = kind.get_strides_and_offset()
    except ValueError:
        return False
    expected: int | None = 1
    for size, stride in reversed(list(zip(kind.shape, strides, strict=True))):
        dynamic = size == ir.ShapedType.get_dynamic_size()
        if expected is None:
            return bool(kind.layout == ir.AffineMapAttr.get(ir.AffineMap.get_identity(kind.rank)))
        if size != 1 and stride != expected:
            return False
        expected = None if dynamic else expected * size
    return True


def _has_body(operation: Any) -> bool:
    return len(operation.regions[0].blocks) > 0


def _check_arguments(operation: Any) -> None:
    for argument in operation.regions[0].blocks[0].arguments:
        if isinstance(argument.type, ir.MemRefType) and not argument.type.has_static_shape:
            raise CompileError(
                "AICC-2002",
                f"argument {argument.arg_number} of @{symbol(operation)} is {argument.type}, "
                "and a bare pointer has no sizes.",
                stage="llvm",
                hint="pass !llvm.ptr or memref<T> and the sizes as index.",
            )
