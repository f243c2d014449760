"""Device code for the CPU: each function of the `gpu.module` is what one thread does, and asks the runtime who it is.

This is no way to run models, but to check device code where there is no device: indices, bounds, shared memory,
barriers and exchanges within warps behave as on one (compiler/runtime/simt/simt.c).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from aicc.bindings import arith, func, ir
from aicc.bindings import llvm as llvm_dialect
from aicc.errors import CompileError
from aicc.passes.gpu.device import device_module
from aicc.passes.gpu.host import Emulated
from aicc.passes.gpu.host_memory import element_address
from aicc.passes.gpu.simt_asynchronous import asynchronous_rules, i64_of
from aicc.passes.kernels.ir_tools import nested_ops
from aicc.passes.llvm.conversion import convert
from aicc.passes.llvm.pointers import element_bytes, pointer_to_memref, pointer_type
from aicc.passes.loops.expand_math import expand_math
from aicc.target import Target

_PLACES = {"gpu.thread_id": 0, "gpu.block_id": 3, "gpu.block_dim": 6, "gpu.grid_dim": 9}
_MODES = {"xor": 0, "down": 1, "up": 2, "idx": 3}
_SPACE = re.compile(r", (?:#gpu\.address_space<\w+>|3(?: : i\d+)?)(?=>)|(?<=!llvm\.ptr)<[37]>")
_WAITING = (
    "gpu.barrier",
    "gpu.shuffle",
    "nvgpu.mma.sync",
    "nvvm.mma.sync",
    "nvgpu.ldmatrix",
    "nvvm.wgmma.mma_async",
    "nvvm.stmatrix",
    "nvvm.griddepcontrol",
)
_ALIGNMENT = 1024


def lower_to_simt(module: Any, target: Target) -> dict[str, Emulated]:
    """Replaces the `gpu.module` of `module` by functions in the llvm dialect, in place.

        gpu.func @f(%a: memref<64xf32>) workgroup(%s : memref<32xf32, …>) kernel { %i = gpu.thread_id x … gpu.barrier }
      -->
        llvm.func @f(%args: !llvm.ptr) { %i = call @aicc_simt_place(0) …  call @aicc_simt_barrier() }

    Returns what is to be known of each function. Raises CompileError AICC-2002 for what the emulation does not know.
    """
    device = device_module(module)
    if device is None:
        return {}
    facts: dict[str, Emulated] = {}
    functions = [op.operation for op in device.regions[0].blocks[0].operations]
    texts = []
    for function in functions:
        names = {op.name for op in nested_ops(function)}
        text = str(function.get_asm(enable_debug_info=False, use_local_scope=True))
        rewriter = _Rewriter(text)
        waits = bool(names & set(_WAITING))
        facts[rewriter.name] = Emulated(waits, rewriter.shared, _cluster(function))
        texts.append(rewriter.text())
    device.erase()
    for text in texts:
        parsed = ir.Module.parse(text)
        expand_math(parsed, target.host_side)
        convert(parsed, target.host_side)
        known = {_symbol(op) for op in module.body.operations}
        for op in list(parsed.body.operations):
            if _symbol(op) not in known:
                module.body.append(op.operation)
    return facts


def _cluster(function: Any) -> int:
    if "known_cluster_size" not in function.attributes:
        return 1
    return int(list(ir.DenseI32ArrayAttr(function.attributes["known_cluster_size"]))[0])


def _symbol(op: Any) -> str:
    return str(ir.StringAttr(op.operation.attributes["sym_name"]).value)


class _Rewriter:
    """One function, in a module of its own."""

    def __init__(self, text: str) -> None:
        self.module = ir.Module.parse(f"gpu.module @one {{\n{text}\n}}")
        outer = self.module.body.operations[0].operation
        self.function = outer.regions[0].blocks[0].operations[0].operation
        self.name = str(ir.StringAttr(self.function.attributes["sym_name"]).value)
        self.shared = 0
        self.waits_for_grids = any(op.name == "nvvm.griddepcontrol" for op in nested_ops(self.function))
        self.declared: set[str] = set()
        self._build()
        outer.erase()

    def text(self) -> str:
        """The module with the function and what it calls, all memory in one space."""
        self.module.operation.verify()
        return _SPACE.sub("", str(self.module.operation.get_asm(use_local_scope=True)))

    def _build(self) -> None:
        old = self.function.regions[0].blocks[0]
        count = len(ir.FunctionType(ir.TypeAttr(self.function.attributes["function_type"]).value).inputs)
        with ir.InsertionPoint(self.module.body), ir.Location.unknown():
            new = func.FuncOp(self.name, ir.FunctionType.get([pointer_type()], []))
        block = new.add_entry_block()
        with ir.InsertionPoint(block), ir.Location.unknown():
            values = [self._argument(block.arguments[0], i, old.arguments[i].type) for i in range(count)]
            for argument in list(old.arguments)[count:]:
                values.append(self._shared(argument.type))
            for argument, value in zip(old.arguments, values, strict=True):
                argument.replace_all_uses_with(value)
        blocks = list(self.function.regions[0].blocks)
        if len(blocks) != 1:
            raise CompileError("AICC-2002", "device code with branches instead of loops.", stage="llvm")
        with ir.InsertionPoint(block), ir.Location.unknown():
            end = func.ReturnOp([])
        for op in list(old.operations)[:-1]:
            op.operation.move_before(end.operation)
        for op in list(nested_ops(new.operation)):
            self._op(op)

    def _argument(self, table: Any, number: int, kind: Any) -> Any:
        """args[number] points to the value."""
        i64 = ir.IntegerType.get_signless(64)
        slot = llvm_dialect.GEPOp(
            pointer_type(), table, [], ir.DenseI32ArrayAttr.get([number]), pointer_type(), None
        ).result
        place = llvm_dialect.LoadOp(pointer_type(), slot).result
        if kind == pointer_type():
            return place  # a map of a tensor
        if isinstance(kind, ir.MemRefType):
            memory = llvm_dialect.LoadOp(pointer_type(), place).result
            if self.waits_for_grids:
                memory = self.call("aicc_simt_memory", [memory], pointer_type())
            return pointer_to_memref(memory, kind)
        return arith.IndexCastOp(kind, llvm_dialect.LoadOp(i64, place).result).result

    def _shared(self, kind: Any) -> Any:
        size = element_bytes(kind.element_type)
        for extent in kind.shape:
            size *= int(extent)
        offset, self.shared = self.shared, self.shared + -(-size // _ALIGNMENT) * _ALIGNMENT
        return pointer_to_memref(self._shared_at(offset), kind)

    def _shared_at(self, offset: int) -> Any:
        base = self.call("aicc_simt_shared", [], pointer_type())
        i8 = ir.IntegerType.get_signless(8)
        return llvm_dialect.GEPOp(
            pointer_type(), base, [], ir.DenseI32ArrayAttr.get([offset]), i8, None
        ).result

    # Ops -------------------------------------------------------------------------------------------

    def _op(self, op: Any) -> None:
        others = ("llvm.addrspacecast", "llvm.inline_asm")
        if not op.name.startswith(("gpu.", "nvgpu.", "nvvm.")) and op.name not in others:
            return
        rules: dict[str, Callable[[Any], list[Any]]] = {
            **dict.fromkeys(_PLACES, self._place),
            "gpu.lane_id": lambda op: [self._index(self.call("aicc_simt_lane", [], _i64()))],
            "gpu.barrier": lambda op: self.none("aicc_simt_barrier", []),
            "gpu.shuffle": self._shuffle,
            "gpu.dynamic_shared_memory": self._dynamic,
            "nvgpu.mma.sync": self._mma,
            "nvvm.mma.sync": self._mma_of_bytes,
            "nvgpu.ldmatrix": self._ldmatrix,
            "nvgpu.device_async_copy": self._async_copy,
            "nvvm.convert.float.to.tf32": lambda op: [
                self.call("aicc_simt_tf32", [op.operands[0]], ir.IntegerType.get_signless(32))
            ],
            **asynchronous_rules(self),
            "llvm.addrspacecast": lambda op: [op.operands[0]],
        }
        with ir.InsertionPoint(op), op.location:
            if op.name in ("nvgpu.device_async_create_group", "nvgpu.device_async_wait"):
                for result in op.results:
                    result.replace_all_uses_with(self._token(result.type))
                op.erase()
                return
            if op.name not in rules:
                raise CompileError("AICC-2002", f"{op.name} is not emulated.", stage="llvm")
            results = rules[op.name](op)
        for old, new in zip(op.results, results, strict=True):
            old.replace_all_uses_with(new)
        op.erase()

    def _token(self, kind: Any) -> Any:
        return ir.Operation.create("builtin.unrealized_conversion_cast", results=[kind]).results[0]

    def call(self, name: str, operands: list[Any], result: Any) -> Any:
        """A call of the runtime, with a result."""
        self._declare(name, operands, [result])
        return func.CallOp([result], ir.FlatSymbolRefAttr.get(name), operands).results[0]

    def none(self, name: str, operands: list[Any]) -> list[Any]:
        """A call of the runtime, without: the results of an op that has none."""
        self._declare(name, operands, [])
        func.CallOp([], ir.FlatSymbolRefAttr.get(name), operands)
        return []

    def _declare(self, name: str, operands: list[Any], results: list[Any]) -> None:
        if name in self.declared:
            return
        self.declared.add(name)
        kind = ir.FunctionType.get([v.type for v in operands], results)
        with ir.InsertionPoint.at_block_begin(self.module.body), ir.Location.unknown():
            func.FuncOp(name, kind, visibility="private")

    def _index(self, value: Any) -> Any:
        return arith.IndexCastOp(ir.IndexType.get(), value).result

    def _place(self, op: Any) -> list[Any]:
        which = _PLACES[op.name] + "xyz".index(str(op.attributes["dimension"])[-2])
        return [self._index(self.call("aicc_simt_place", [i64_of(which)], _i64()))]

    def _shuffle(self, op: Any) -> list[Any]:
        mode = _MODES[str(op.attributes["mode"]).split()[-1].rstrip(">")]
        i32 = ir.IntegerType.get_signless(32)
        kind = op.operands[0].type
        value = op.operands[0] if kind == i32 else arith.BitcastOp(i32, op.operands[0]).result
        mode_value = arith.ConstantOp(i32, ir.IntegerAttr.get(i32, mode)).result
        result = self.call("aicc_simt_shuffle", [value, op.operands[1], op.operands[2], mode_value], i32)
        valid = arith.ConstantOp(ir.IntegerType.get_signless(1), ir.BoolAttr.get(True)).result
        return [result if kind == i32 else arith.BitcastOp(kind, result).result, valid]

    def _dynamic(self, op: Any) -> list[Any]:
        """Dynamic shared memory lies behind the static; its size is the launch's affair."""
        kind = op.results[0].type
        size = arith.ConstantOp(ir.IndexType.get(), 1 << 20).result
        return [pointer_to_memref(self._shared_at(self.shared), kind, [size])]

    # Tensor cores ----------------------------------------------------------------------------------

    def _mma(self, op: Any) -> list[Any]:
        """Fragments through the stack, as floats."""
        shape = [int(i.value) if hasattr(i, "value") else int(i) for i in op.attributes["mmaShape"]]
        a, b, c = op.operands
        f32 = ir.F32Type.get()
        parts = [self._spill(self._floats(value)) for value in (a, b, c)]
        count = _elements(c.type)
        out = self.stack(count, f32)
        self.none("aicc_simt_mma", [*parts, out, i64_of(shape[2])])
        loaded = llvm_dialect.LoadOp(ir.VectorType.get([count], f32), out).result
        flat = self._shaped(loaded, c.type.shape)
        return [flat if c.type.element_type == f32 else arith.TruncFOp(c.type, flat).result]

    def _mma_of_bytes(self, op: Any) -> list[Any]:
        """Registers through the stack; a result is a struct of four sums."""
        i32 = ir.IntegerType.get_signless(32)
        operands = self.stack(10, i32)
        for number, value in enumerate(op.operands):
            slot = llvm_dialect.GEPOp(
                pointer_type(), operands, [], ir.DenseI32ArrayAttr.get([number]), i32, None
            ).result
            llvm_dialect.StoreOp(value, slot)
        signed = [int("s8" in str(op.attributes[f"multiplicand{side}PtxType"])) for side in "AB"]
        out = self.stack(4, i32)
        self.none("aicc_simt_mma_bytes", [operands, out, *map(i64_of, signed)])
        return [llvm_dialect.LoadOp(op.results[0].type, out).result]

    def _floats(self, value: Any) -> Any:
        f32 = ir.F32Type.get()
        kind = value.type
        flat = self._shaped(value, [_elements(kind)])
        if kind.element_type == f32:
            return flat
        return arith.ExtFOp(ir.VectorType.get([_elements(kind)], f32), flat).result

    def _shaped(self, value: Any, shape: list[int]) -> Any:
        kind = ir.VectorType.get(list(shape), value.type.element_type)
        if kind == value.type:
            return value
        return ir.Operation.create("vector.shape_cast", results=[kind], operands=[value]).results[0]

    def stack(self, count: int, kind: Any) -> Any:
        """An array on the stack, taken once for the function."""
        block = next(
            o for o in self.module.body.operations if len(o.operation.regions[0].blocks) > 0
            and _symbol(o) == self.name and o.operation.name == "func.func"
        ).operation.regions[0].blocks[0]  # fmt: skip
        with ir.InsertionPoint.at_block_begin(block):
            return llvm_dialect.AllocaOp(pointer_type(), _llvm_number(count), kind, alignment=64).result

    def _spill(self, value: Any) -> Any:
        place = self.stack(_elements(value.type), value.type.element_type)
        llvm_dialect.StoreOp(value, place)
        return place

    def _ldmatrix(self, op: Any) -> list[Any]:
        kind = op.results[0].type
        count = int(ir.IntegerAttr(op.attributes["numTiles"]).value)
        transposed = int("true" in str(op.attributes["transpose"]))
        i32 = ir.IntegerType.get_signless(32)
        out = self.stack(count, i32)
        address = element_address(op.operands[0], list(op.operands)[1:])
        self.none("aicc_simt_ldmatrix", [address, out, i64_of(count), i64_of(transposed)])
        flat = ir.VectorType.get([_elements(kind)], kind.element_type)
        return [self._shaped(llvm_dialect.LoadOp(flat, out).result, kind.shape)]

    def _async_copy(self, op: Any) -> list[Any]:
        """Done at once; what `srcElements` leaves out is zero."""
        segments = list(ir.DenseI32ArrayAttr(op.attributes["operandSegmentSizes"]))
        operands = list(op.operands)
        target, places = operands[0], operands[1 : 1 + segments[1]]
        source = operands[1 + segments[1]]
        source_places = operands[2 + segments[1] : 2 + segments[1] + segments[3]]
        count = int(ir.IntegerAttr(op.attributes["dstElements"]).value)
        kind = ir.VectorType.get([count], target.type.element_type)
        index = ir.IndexType.get()
        wanted = operands[-1] if segments[4] else arith.ConstantOp(index, count).result
        mask = ir.Operation.create(
            "vector.create_mask",
            results=[ir.VectorType.get([count], ir.IntegerType.get_signless(1))],
            operands=[wanted],
        ).results[0]
        zero = ir.DenseElementsAttr.get_splat(kind, _zero(kind.element_type))
        rest = arith.ConstantOp(kind, zero).result
        loaded = ir.Operation.create(
            "vector.maskedload", results=[kind], operands=[source, *source_places, mask, rest]
        ).results[0]
        ir.Operation.create("vector.store", operands=[loaded, target, *places])
        return [self._token(op.results[0].type)]


def _i64() -> Any:
    return ir.IntegerType.get_signless(64)


def _llvm_number(value: int) -> Any:
    return llvm_dialect.ConstantOp(_i64(), ir.IntegerAttr.get(_i64(), value)).result


def _zero(kind: Any) -> Any:
    return ir.FloatAttr.get(kind, 0.0) if str(kind)[0] in "fb" else ir.IntegerAttr.get(kind, 0)


def _elements(kind: Any) -> int:
    total = 1
    for extent in kind.shape:
        total *= int(extent)
    return total
