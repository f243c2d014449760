"""One kernel of a device: from launches (contract 5) to the object with its device code and its launcher."""

from __future__ import annotations

from typing import Any

from aicc.bindings import llvm as llvm_dialect
from aicc.codegen.gpu_code import assemble, device_code, find_ptxas
from aicc.codegen.launches import Launch, launches_of, with_registers
from aicc.codegen.objects import check_imports, compile_llvm_text
from aicc.knobs import knobs
from aicc.passes.gpu.device import device_assembly, device_module, lower_device
from aicc.passes.gpu.grids import wait_for_grids
from aicc.passes.gpu.host import Image, lower_launches
from aicc.passes.gpu.outline import outline_launches
from aicc.passes.gpu.simt import lower_to_simt
from aicc.target import Target


def build_device_object(module: Any, target: Target, opt: int) -> tuple[bytes, list[Launch]]:
    """The object of a kernel whose schedule has run and whose math is expanded, and its launches.

    Raises CompileError.
    """
    outline_launches(module)
    if target.early_launch:
        wait_for_grids(module)
    launches = launches_of(module, target)
    if target.kind == "simt":
        image = Image(b"", emulated=lower_to_simt(module, target))
    else:
        lower_device(module, target)
        image = device_image(module, target)
    lower_launches(module, image, target)
    data = compile_llvm_text(llvm_dialect.translate_module_to_llvmir(module.operation), target.host_side, opt)
    check_imports(data)
    return data, with_registers(launches, image.report)


def device_image(module: Any, target: Target) -> Image:
    """Device code of the module's `gpu.module`; empty for a kernel that launches nothing.

    With a `ptxas` at hand the code is checked, and assembled for the target's very architecture.
    """
    if device_module(module) is None:
        return Image(b"")
    code = device_code(device_assembly(module), target)
    ptxas = find_ptxas() if target.kind == "cuda" and knobs.ptxas else None
    cubin, report = assemble(code, target.cpu, ptxas) if ptxas is not None else (b"", "")
    return Image(code, cubin, report)
