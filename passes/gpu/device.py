"""Device code, from a `gpu.module` to the llvm dialect and to LLVM assembly."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from aicc.bindings import PassManager, ir
from aicc.bindings import llvm as llvm_dialect
from aicc.errors import CompileError
from aicc.passes.base import Pass, PassContext
from aicc.passes.gpu.intrinsics import call_intrinsics
from aicc.passes.gpu.waits import write_waits
from aicc.passes.kernels.ir_tools import nested_ops
from aicc.passes.llvm.pointers import pointer_type
from aicc.target import Target

# Arithmetic on 16-bit floats in float: pairs of conversions that cancel are gone after canonicalization.
_SMALL_FLOATS = "arith-emulate-unsupported-floats{source-types=bf16,f16 target-type=f32},canonicalize,cse"

SWIZZLED_ALIGNMENT = 1024
"""Of shared memory whose chunks copies exchange: they do it by address."""

_STRUCTURE = (
    f"{_SMALL_FLOATS},convert-vector-to-scf,lower-affine,convert-scf-to-cf,expand-strided-metadata,lower-affine,arith-expand,"
    "canonicalize,cse"
)


@dataclass(frozen=True)
class LowerDevice(Pass):
    """The `gpu.module` to the llvm dialect, in place. See `lower_device`."""

    pass_name: ClassVar[str] = "lower-device"

    def run(self, module: Any, ctx: PassContext) -> None:
        lower_device(module, ctx.target)


def device_module(module: Any) -> Any | None:
    """The `gpu.module`; None for a kernel that launches nothing."""
    found = [op.operation for op in module.body.operations if op.operation.name == "gpu.module"]
    return found[0] if found else None


def lower_device(module: Any, target: Target) -> None:
    """Lowers the `gpu.module` of `module` to the llvm dialect with the target's intrinsics.

        gpu.func @k(%a: memref<64xf32>) kernel { %i = gpu.thread_id x … }
      -->
        llvm.func @k(%a: !llvm.ptr) attributes {nvvm.kernel} { %i = nvvm.read.ptx.sreg.tid.x … }

    Raises CompileError AICC-2002.
    """
    device = device_module(module)
    if device is None:
        return
    # It makes carried indices of loops 64 bits wide, whatever is in the loops.
    uses_nvgpu = any(op.name.startswith("nvgpu.") for op in nested_ops(device))
    nvgpu = "convert-nvgpu-to-nvvm," if uses_nvgpu and target.kind == "cuda" else ""
    uses_warpgroups = any(op.name == "nvvm.wgmma.mma_async" for op in nested_ops(device))
    bits = 32 if _is_small(module) else 64
    if target.kind == "cuda":
        final = f"convert-gpu-to-nvvm{{use-bare-ptr-memref-call-conv=1 index-bitwidth={bits}}}"
    else:
        chip = f"chipset={target.cpu} use-bare-ptr-memref-call-conv=1 index-bitwidth={bits}"
        final = f"convert-gpu-to-rocdl{{{chip}}}"
    inner = f"{final},canonicalize,cse,reconcile-unrealized-casts"
    if uses_warpgroups:
        write_waits(device)
        inner += ",convert-nvvm-to-llvm"
    try:
        PassManager.parse(f"builtin.module({nvgpu}gpu.module({_STRUCTURE}))").run(module.operation)
        call_intrinsics(module)
        maps = _tensor_maps(device)
        PassManager.parse(f"builtin.module(gpu.module({inner}))").run(module.operation)
        _pass_by_value(device_module(module), maps)
    except ir.MLIRError as error:
        raise CompileError("AICC-2002", f"lowering device code failed: {error}", stage="llvm") from error
    device = device_module(module)
    assert device is not None
    _narrow_atomics(device, "device" if target.kind == "cuda" else "agent")
    for op in device.regions[0].blocks[0].operations:
        if op.operation.name == "llvm.mlir.global" and "array<0 x" in str(
            op.operation.attributes["global_type"]
        ):
            # Memory whose size the launch says: `.extern .shared`.
            op.operation.attributes["linkage"] = ir.Attribute.parse("#llvm.linkage<external>")
            if uses_warpgroups:
                i64 = ir.IntegerType.get_signless(64)
                op.operation.attributes["alignment"] = ir.IntegerAttr.get(i64, SWIZZLED_ALIGNMENT)
    left = sorted(
        {op.name for op in nested_ops(device_module(module)) if op.name.split(".")[0] not in _LOWERED}
    )
    if left:
        raise CompileError("AICC-2002", f"not lowered for {target.cpu}: {', '.join(left)}.", stage="llvm")


def _narrow_atomics(device: Any, scope: str) -> None:
    """Atomic updates are seen by the device alone, and order nothing by themselves: fences do. `scope` is what the
    target calls the device."""
    for op in nested_ops(device):
        if op.name in ("llvm.atomicrmw", "llvm.fence"):
            op.attributes["syncscope"] = ir.StringAttr.get(scope)
        if op.name == "llvm.atomicrmw":
            op.attributes["ordering"] = ir.Attribute.parse("2 : i64")  # monotonic


def _tensor_maps(device: Any) -> dict[str, list[int]]:
    """Of each function the numbers of the parameters that are maps of tensors."""
    found = {}
    for op in device.regions[0].blocks[0].operations:
        if op.operation.name == "gpu.func":
            arguments = list(op.operation.regions[0].blocks[0].arguments)
            name = ir.StringAttr(op.operation.attributes["sym_name"]).value
            found[name] = [i for i, a in enumerate(arguments) if a.type == pointer_type()]
    return found


def _pass_by_value(device: Any, maps: dict[str, list[int]]) -> None:
    """Maps of tensors are 128 bytes of a kernel's parameters, where copies read them."""
    given = ir.Attribute.parse(
        "{llvm.byval = !llvm.array<128 x i8>, llvm.align = 64 : i64, nvvm.grid_constant}"
    )
    for op in device.regions[0].blocks[0].operations:
        if op.operation.name != "llvm.func" or not maps.get(
            name := ir.StringAttr(op.operation.attributes["sym_name"]).value
        ):
            continue
        count = len(op.operation.regions[0].blocks[0].arguments)
        # With one block a multiprocessor the registers of a thread are known, as exchanging them wants.
        op.operation.attributes["nvvm.minctasm"] = ir.IntegerAttr.get(ir.IntegerType.get_signless(32), 1)
        own = [given if i in maps[name] else ir.DictAttr.get({}) for i in range(count)]
        op.operation.attributes["arg_attrs"] = ir.ArrayAttr.get(own)


_LOWERED = ("llvm", "nvvm", "rocdl", "gpu")


def _is_small(module: Any) -> bool:
    """Whether 32-bit indices address every element: all shapes are static, and small."""
    for op in nested_ops(device_module(module)):
        if op.name.startswith("nvgpu."):
            return False  # their conversion knows 64-bit indices only
        values = list(op.results)
        if op.name == "gpu.func":
            values += list(op.regions[0].blocks[0].arguments)
            if any(isinstance(v.type, ir.IndexType) for v in values):
                return False
        if op.name == "memref.reinterpret_cast" and not op.results[0].type.has_static_shape:
            values = [op.operands[0]] if op.operands[0].type.rank else values  # a flat view of an argument
        for value in values:
            if isinstance(value.type, ir.MemRefType) and not _fits(value.type):
                return False
    return True


def _fits(kind: Any) -> bool:
    if kind.memory_space is not None:
        return True
    if not kind.has_static_shape:
        return False
    strides, offset = kind.get_strides_and_offset()
    if any(s < 0 for s in strides) or offset < 0:
        return False  # dynamic ones are negative
    last = offset + sum(s * max(n - 1, 0) for s, n in zip(strides, kind.shape, strict=True))
    return bool(last < 1 << 30)


def device_assembly(module: Any) -> str:
    """LLVM assembly of a lowered `gpu.module`."""
    device = device_module(module)
    assert device is not None
    alone = ir.Module.create(ir.Location.unknown())
    for op in device.regions[0].blocks[0].operations:
        alone.body.append(op.operation.clone(ip=False))
    return str(llvm_dialect.translate_module_to_llvmir(alone.operation))
