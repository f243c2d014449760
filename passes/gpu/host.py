"""The host side of a device kernel: its launcher, in the llvm dialect, with the device code in constants."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from aicc.bindings import arith, func, ir
from aicc.passes.gpu.device import device_module
from aicc.passes.gpu.runtime_calls import call_runtime
from aicc.passes.gpu.slots import array, constant, element, store
from aicc.passes.kernels.ir_tools import nested_ops
from aicc.passes.llvm.conversion import convert
from aicc.passes.llvm.host import pass_pointers
from aicc.passes.llvm.kernel import find_kernel, symbol
from aicc.passes.llvm.launcher import launch_name, range_name
from aicc.passes.llvm.pointers import memref_to_pointer, pointer_type
from aicc.target import Target

LAUNCH = "aicc_cuda_launch"

SECTION = "aicc_cuda_kernels"
"""Where the descriptors lie: the runtime goes through it to load all images."""


@dataclass(frozen=True)
class Emulated:
    """A function for the target simt: whether its threads wait for each other, the bytes of its static shared memory,
    and the blocks of a cluster."""

    waits: bool
    shared: int
    cluster: int


@dataclass(frozen=True)
class Image:
    """Device code that the host's object holds: PTX (a text), and a cubin for one architecture if there is one, of
    which `report` is what the assembler said."""

    code: bytes
    cubin: bytes = b""
    report: str = ""
    emulated: Mapping[str, Emulated] | None = None
    """For the target simt: what is known of each function."""


def lower_launches(module: Any, image: Image, target: Target) -> None:
    """Lowers a kernel whose launches are outlined to its launcher, in place.

        func.func @k(%ctx: !llvm.ptr, %a: memref<…>, %n: index) { gpu.launch_func @device::@k_kernel_0 … }
        gpu.module @device
      -->
        llvm.mlir.global internal constant @k_image("…")
        llvm.mlir.global internal @k_kernel_0_descriptor : struct aicc_cuda_kernel
        llvm.func hidden @k_launch(%ctx, %a, %n) { … llvm.call @aicc_cuda_launch(…) }
        llvm.func hidden @k_range(…)                    does nothing: profiles name the kernel by it

    Raises CompileError AICC-2002.
    """
    kernel = find_kernel(module)
    name = symbol(kernel)
    device = device_module(module)
    if device is not None:
        device.erase()
    if "gpu.container_module" in module.operation.attributes:
        del module.operation.attributes["gpu.container_module"]
    _declare(module)
    call_runtime(module, kernel)
    descriptors: list[str] = []
    for op in [o for o in nested_ops(kernel) if o.name == "gpu.launch_func"]:
        callee = ir.SymbolRefAttr(op.attributes["kernel"]).value[-1]
        if callee not in descriptors:
            descriptors.append(callee)
        _call(op, kernel, callee)
    for attribute in [a if isinstance(a, str) else a.name for a in kernel.attributes]:
        if attribute.startswith("aicc.") or attribute in ("arg_attrs", "sym_visibility"):
            del kernel.attributes[attribute]
    kernel.attributes["llvm.linkage"] = ir.Attribute.parse("#llvm.linkage<internal>")
    types = [argument.type for argument in kernel.regions[0].blocks[0].arguments]
    text = _globals_text(name, descriptors, image, target)
    pass_pointers(module)
    _append(module, text)
    convert(module, target.host_side, small_floats=False)
    _append(module, _launcher_text(name, ["i64" if t == ir.IndexType.get() else "!llvm.ptr" for t in types]))


def _declare(module: Any) -> None:
    """ctx, descriptor, grid x y z, block x y z, shared bytes, arguments, their number."""
    i32 = ir.IntegerType.get_signless(32)
    inputs = [pointer_type(), pointer_type(), *[i32] * 7, pointer_type(), i32]
    with ir.InsertionPoint.at_block_begin(module.body), ir.Location.unknown():
        func.FuncOp(LAUNCH, ir.FunctionType.get(inputs, []), visibility="private")


def _call(op: Any, kernel: Any, callee: str) -> None:
    """gpu.launch_func --> slots with the arguments, pointers to these, the runtime's call."""
    i32, i64 = ir.IntegerType.get_signless(32), ir.IntegerType.get_signless(64)
    segments = list(ir.DenseI32ArrayAttr(op.attributes["operandSegmentSizes"]))
    operands = list(op.operands)
    groups = []
    for size in segments:
        groups.append(operands[:size])
        operands = operands[size:]
    sizes = [g[0] for g in groups[1:7]]
    shared, arguments = groups[10], groups[11]
    entry = kernel.regions[0].blocks[0]
    with ir.InsertionPoint.at_block_begin(entry), op.location:
        count = max(1, len(arguments))
        slots = array(count, "i64")
        pointers = array(count, "!llvm.ptr")
    with ir.InsertionPoint(op), op.location:
        for number, value in enumerate(arguments):
            slot = element(slots, number, "i64")
            if value.type == pointer_type():
                store(value, element(pointers, number, "!llvm.ptr"))  # a tensor map, by value
                continue
            if isinstance(value.type, ir.MemRefType):
                stored = memref_to_pointer(value)
            else:
                stored = arith.IndexCastOp(i64, value).result
            store(stored, slot)
            store(slot, element(pointers, number, "!llvm.ptr"))
        numbers = [arith.IndexCastOp(i32, value).result for value in sizes]
        bytes_ = shared[0] if shared else constant(i32, 0)
        address = ir.Operation.create(
            "llvm.mlir.addressof",
            results=[pointer_type()],
            attributes={"global_name": ir.FlatSymbolRefAttr.get(f"{callee}_descriptor")},
        ).results[0]
        func.CallOp(
            [],
            ir.FlatSymbolRefAttr.get(LAUNCH),
            [entry.arguments[0], address, *numbers, bytes_, pointers, constant(i32, len(arguments))],
        )
    op.erase()


def _globals_text(name: str, kernels: list[str], image: Image, target: Target) -> str:
    """The image, and a descriptor for each function of it: `aicc_cuda_kernel` of compiler/runtime/cuda/cuda.h."""
    lines = [_bytes_text(f"{name}_image", image.code + b"\0")] if image.emulated is None else []
    if image.cubin:
        lines.append(_bytes_text(f"{name}_cubin", image.cubin))
    null = "llvm.mlir.zero : !llvm.ptr"
    arch, waits = target.compute_capability, int(target.early_launch)
    for kernel in kernels:
        lines.append(_bytes_text(f"{kernel}_name", kernel.encode() + b"\0"))
        fields = [
            ("ptr", f"llvm.mlir.addressof @{name}_image : !llvm.ptr"),
            ("i64", f"llvm.mlir.constant({len(image.code)} : i64) : i64"),
            ("ptr", f"llvm.mlir.addressof @{kernel}_name : !llvm.ptr"),
            ("ptr", f"llvm.mlir.addressof @{range_name(name)} : !llvm.ptr"),
            ("ptr", f"llvm.mlir.addressof @{name}_cubin : !llvm.ptr" if image.cubin else null),
            ("i64", f"llvm.mlir.constant({len(image.cubin)} : i64) : i64"),
            ("i64", f"llvm.mlir.constant({arch if image.cubin else 0} : i64) : i64"),
            ("i64", f"llvm.mlir.constant({waits} : i64) : i64"),
        ]
        if image.emulated is not None:
            lines.append(f"llvm.func @{kernel}(!llvm.ptr)")
            known = image.emulated[kernel]
            fields[0] = ("ptr", f"llvm.mlir.addressof @{kernel} : !llvm.ptr")
            for place, number in ((1, int(known.waits)), (5, known.shared), (6, known.cluster)):
                fields[place] = ("i64", f"llvm.mlir.constant({number} : i64) : i64")
        struct = f"!llvm.struct<({', '.join(kind for kind, _ in fields)})>"
        lines.append(
            f"llvm.mlir.global internal @{kernel}_descriptor() "
            f'{{alignment = 8 : i64, section = "{SECTION}"}} : {struct} {{'
        )
        lines.append(f"  %s0 = llvm.mlir.undef : {struct}")
        for number, (_, value) in enumerate(fields):
            lines.append(f"  %v{number} = {value}")
            lines.append(f"  %s{number + 1} = llvm.insertvalue %v{number}, %s{number}[{number}] : {struct}")
        lines += [f"  llvm.return %s{len(fields)} : {struct}", "}"]
    lines.append(
        f"llvm.func hidden @{range_name(name)}(%args: !llvm.ptr, %lo: i64, %hi: i64, %scratch: !llvm.ptr) {{"
    )
    lines += ["  llvm.return", "}"]
    return "\n".join(lines)


def _launcher_text(name: str, types: list[str]) -> str:
    """What other objects see."""
    arguments = ", ".join(f"%a{i}: {kind}" for i, kind in enumerate(types))
    values = ", ".join(f"%a{i}" for i in range(len(types)))
    kinds = ", ".join(types)
    return f"""
        llvm.func @{name}({kinds})
        llvm.func hidden @{launch_name(name)}({arguments}) {{
          llvm.call @{name}({values}) : ({kinds}) -> ()
          llvm.return
        }}"""


def _bytes_text(name: str, data: bytes) -> str:
    plain = set(b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 _-+./:;,()[]{}<>=*@!#$%&|^~")
    text = "".join(chr(b) if b in plain else f"\\{b:02X}" for b in data)
    kind = f"!llvm.array<{len(data)} x i8>"
    return f'llvm.mlir.global internal constant @{name}("{text}") {{alignment = 16 : i64}} : {kind}'


def _append(module: Any, text: str) -> None:
    """Adds what `text` defines and `module` does not."""
    known = {symbol(op.operation) for op in module.body.operations}
    parsed = ir.Module.parse(text)
    for op in list(parsed.body.operations):
        if symbol(op.operation) not in known:
            module.body.append(op.operation)
