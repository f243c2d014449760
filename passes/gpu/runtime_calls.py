"""What the host's part of a kernel asks the runtime for before a launch."""

from __future__ import annotations

import re
from typing import Any

from aicc.bindings import arith, func, ir
from aicc.bindings import llvm as llvm_dialect
from aicc.passes.gpu.library_calls import LibraryCall
from aicc.passes.gpu.library_kinds import KINDS
from aicc.passes.gpu.slots import array, constant, element, store
from aicc.passes.kernels.ir_tools import nested_ops
from aicc.passes.llvm.kernel import symbol
from aicc.passes.llvm.launcher import range_name
from aicc.passes.llvm.pointers import memref_to_pointer, pointer_type

TENSOR_MAP, MULTIPROCESSORS = "aicc_cuda_tensor_map", "aicc_cuda_multiprocessors"
MAP_BYTES, MAP_ALIGNMENT = 128, 64

# AICC_CUDA_F16 … of compiler/runtime/cuda/cuda.h
_ELEMENTS = {"f16": 0, "bf16": 1, "i8": 2, "f32": 3}

_MAP_CALL = re.compile(r"aicc_tensor_map_(\w+)_(\d)")


def call_runtime(module: Any, kernel: Any) -> None:
    """Replaces the calls that stand for the runtime's, which want the context and memory for what they make.

    %n = call @aicc_multiprocessors()              -->  %n = call @aicc_cuda_multiprocessors(%ctx)
    %m = call @aicc_tensor_map_f16_2(%base, %sizes…, %steps…, %boxes…, %apart…)
      -->
    %m = llvm.alloca 128 bytes; call @aicc_cuda_tensor_map(%ctx, %m, %base, 0, 2, %table of the numbers)
    %d = call @aicc_library_product(…) {aicc.product = …}           (library_kinds.py has the others)
      -->
    %d = call @aicc_cublaslt_matmul(%ctx, @k_range, %table of the numbers) != 0
    """
    entry = kernel.regions[0].blocks[0]
    for op in [o for o in nested_ops(kernel) if o.name == "func.call"]:
        callee = ir.FlatSymbolRefAttr(op.attributes["callee"]).value
        found = _MAP_CALL.fullmatch(callee)
        if found is not None:
            result = _tensor_map(module, entry, op, found[1], int(found[2]))
        elif callee == "aicc_multiprocessors":
            result = _multiprocessors(module, entry, op)
        elif callee in KINDS:
            result = _library_call(module, kernel, op, KINDS[callee].read(op))
        else:
            continue
        op.results[0].replace_all_uses_with(result)
        op.erase()
    for op in list(module.body.operations):
        name = str(ir.StringAttr(op.operation.attributes["sym_name"]).value)
        if _MAP_CALL.fullmatch(name) or name in ("aicc_multiprocessors", *KINDS):
            op.operation.erase()


def _tensor_map(module: Any, entry: Any, op: Any, kind: str, rank: int) -> Any:
    i32, i64 = ir.IntegerType.get_signless(32), ir.IntegerType.get_signless(64)
    base, *numbers = op.operands
    with ir.InsertionPoint.at_block_begin(entry), op.location:
        place = array(MAP_BYTES, "i8", MAP_ALIGNMENT)
        table = array(len(numbers), "i64")
    with ir.InsertionPoint(op), op.location:
        for i, number in enumerate(numbers):
            store(arith.IndexCastOp(i64, number).result, element(table, i, "i64"))
        address = arith.IndexCastOp(i64, base).result
        operands = [
            entry.arguments[0], place, address, constant(i32, _ELEMENTS[kind]), constant(i32, rank), table
        ]  # fmt: skip
        _declare(module, TENSOR_MAP, [v.type for v in operands], [])
        func.CallOp([], ir.FlatSymbolRefAttr.get(TENSOR_MAP), operands)
    return place


def _multiprocessors(module: Any, entry: Any, op: Any) -> Any:
    i64 = ir.IntegerType.get_signless(64)
    _declare(module, MULTIPROCESSORS, [pointer_type()], [i64])
    with ir.InsertionPoint(op), op.location:
        name = ir.FlatSymbolRefAttr.get(MULTIPROCESSORS)
        count = func.CallOp([i64], name, [entry.arguments[0]]).results[0]
        return arith.IndexCastOp(ir.IndexType.get(), count).result


def _library_call(module: Any, kernel: Any, op: Any, call: LibraryCall) -> Any:
    i64 = ir.IntegerType.get_signless(64)
    entry = kernel.regions[0].blocks[0]
    memory = list(op.operands)[: len(call.memrefs)]
    with ir.InsertionPoint(op), op.location:
        addresses = [memref_to_pointer(value) for value in memory]
        numbers = [arith.IndexCastOp(i64, value).result for value in list(op.operands)[len(memory) :]]
    values = call.table(dict(zip(call.numbers, numbers, strict=True)), addresses)
    with ir.InsertionPoint.at_block_begin(entry), op.location:
        table = array(len(values), "i64")
    with ir.InsertionPoint(op), op.location:
        for place, value in enumerate(values):
            stored = constant(i64, value) if isinstance(value, int) else value
            store(stored, element(table, place, "i64"))
        name = ir.FlatSymbolRefAttr.get(range_name(symbol(kernel)))
        range_ = llvm_dialect.AddressOfOp(pointer_type(), name).result
        _declare(module, call.runtime, [pointer_type()] * 3, [i64])
        operands = [entry.arguments[0], range_, table]
        done = func.CallOp([i64], ir.FlatSymbolRefAttr.get(call.runtime), operands).results[0]
        return arith.CmpIOp(arith.CmpIPredicate.ne, done, constant(i64, 0)).result


def _declare(module: Any, name: str, inputs: list[Any], results: list[Any]) -> None:
    known = {str(ir.StringAttr(op.operation.attributes["sym_name"]).value) for op in module.body.operations}
    if name not in known:
        with ir.InsertionPoint.at_block_begin(module.body), ir.Location.unknown():
            func.FuncOp(name, ir.FunctionType.get(inputs, results), visibility="private")
