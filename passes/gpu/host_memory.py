"""The host program cannot touch device memory: what it reads, writes and copies goes through the runtime."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from aicc.bindings import arith, func, ir, memref
from aicc.bindings import llvm as llvm_dialect
from aicc.passes.base import Pass, PassContext
from aicc.passes.buffers.entry import ENTRY
from aicc.passes.gpu.launch import constant
from aicc.passes.kernels.ir_tools import nested_ops
from aicc.passes.llvm.pointers import element_bytes, memref_to_pointer, pointer_type

READ, WRITE, COPY = "aicc_cuda_read", "aicc_cuda_write", "aicc_cuda_copy"


@dataclass(frozen=True)
class DeviceMemory(Pass):
    """Replaces the host program's accesses to buffers, all of which lie on the device.

    before --> after
      %s = memref.load %m[%i]         --> call @aicc_cuda_read(%ctx, %slot, %address, %bytes)
                                          %s = llvm.load %slot                     (waits for the device)
      memref.store %s, %m[%i]         --> llvm.store %s, %slot
                                          call @aicc_cuda_write(%ctx, %address, %slot, %bytes)
      memref.copy %a, %b              --> call @aicc_cuda_copy(%ctx, %to, %from, %bytes)       (both contiguous)
    """

    pass_name: ClassVar[str] = "device-memory"

    def run(self, module: Any, ctx: PassContext) -> None:
        main = next(
            f for f in module.body.operations if f.operation.name == "func.func" and f.sym_name.value == ENTRY
        )
        host = _Host(module, main)
        for op in list(nested_ops(main.operation)):
            if op.name == "memref.load":
                host.load(op)
            elif op.name == "memref.store":
                host.store(op)
            elif op.name == "memref.copy":
                host.copy(op)
        ctx.stats["device_reads"] = host.reads


class _Host:
    """`reads` counts the places where the host program waits for the device."""

    def __init__(self, module: Any, main: Any) -> None:
        self.module = module
        self.block = main.regions[0].blocks[0]
        self.context = self.block.arguments[0]
        self.reads = 0

    def load(self, op: Any) -> None:
        self.reads += 1
        kind = op.results[0].type
        slot = self._slot(op)
        with ir.InsertionPoint(op), op.location:
            address, size = _address(op.operands[0], list(op.operands)[1:])
            self._call(READ, [self.context, slot, address, size])
            stored = ir.IntegerType.get_signless(64) if isinstance(kind, ir.IndexType) else kind
            value = llvm_dialect.LoadOp(stored, slot).result
            if stored != kind:
                value = arith.IndexCastOp(kind, value).result
        op.results[0].replace_all_uses_with(value)
        op.erase()

    def store(self, op: Any) -> None:
        value = op.operands[0]
        slot = self._slot(op)
        with ir.InsertionPoint(op), op.location:
            address, size = _address(op.operands[1], list(op.operands)[2:])
            if isinstance(value.type, ir.IndexType):
                value = arith.IndexCastOp(ir.IntegerType.get_signless(64), value).result
            llvm_dialect.StoreOp(value, slot)
            self._call(WRITE, [self.context, address, slot, size])
        op.erase()

    def copy(self, op: Any) -> None:
        """Copies between layouts have become kernels before."""
        source, target = op.operands
        with ir.InsertionPoint(op), op.location:
            size = element_bytes(target.type.element_type)
            for extent in target.type.shape:
                size *= int(extent)
            i64 = ir.IntegerType.get_signless(64)
            bytes_ = arith.ConstantOp(i64, ir.IntegerAttr.get(i64, size)).result
            self._call(COPY, [self.context, memref_to_pointer(target), memref_to_pointer(source), bytes_])
        op.erase()

    def _slot(self, op: Any) -> Any:
        """Eight bytes of the host's stack, taken once."""
        i64 = ir.IntegerType.get_signless(64)
        with ir.InsertionPoint.at_block_begin(self.block), op.location:
            one = llvm_dialect.ConstantOp(i64, ir.IntegerAttr.get(i64, 1)).result
            return llvm_dialect.AllocaOp(pointer_type(), one, i64).result

    def _call(self, name: str, operands: list[Any]) -> None:
        if not any(
            o.operation.name == "func.func" and o.sym_name.value == name for o in self.module.body.operations
        ):
            kind = ir.FunctionType.get([v.type for v in operands], [])
            with ir.InsertionPoint.at_block_begin(self.module.body), ir.Location.unknown():
                func.FuncOp(name, kind, visibility="private")
        func.CallOp([], ir.FlatSymbolRefAttr.get(name), operands)


def _address(buffer: Any, indices: list[Any]) -> tuple[Any, Any]:
    """The address of an element, and its size in bytes."""
    i64 = ir.IntegerType.get_signless(64)
    size = element_bytes(buffer.type.element_type)
    return element_address(buffer, indices), arith.ConstantOp(i64, ir.IntegerAttr.get(i64, size)).result


def element_address(buffer: Any, indices: list[Any]) -> Any:
    """The `!llvm.ptr` of an element of a memref, at the insertion point."""
    i64 = ir.IntegerType.get_signless(64)
    size = element_bytes(buffer.type.element_type)
    metadata = memref.ExtractStridedMetadataOp(buffer)
    rank = buffer.type.rank
    place = metadata.results[1]
    for index, stride in zip(indices, list(metadata.results)[2 + rank :], strict=True):
        place = arith.AddIOp(place, arith.MulIOp(index, stride).result).result
    base = memref.ExtractAlignedPointerAsIndexOp(buffer).result
    total = arith.AddIOp(base, arith.MulIOp(place, constant(size)).result).result
    return llvm_dialect.IntToPtrOp(pointer_type(), arith.IndexCastOp(i64, total).result).result
