"""Kernels as text at every level below *buffers*: for dumps and for `--emit`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from aicc.bindings import ir
from aicc.bindings import llvm as llvm_dialect
from aicc.codegen.gpu_code import device_code
from aicc.codegen.jobs import KernelJob
from aicc.codegen.kernel_build import scheduled
from aicc.codegen.objects import compile_llvm_text
from aicc.errors import AiccError
from aicc.passes.gpu.device import device_assembly, device_module, lower_device
from aicc.passes.gpu.outline import outline_launches
from aicc.passes.gpu.simt import lower_to_simt
from aicc.passes.llvm import lower_kernel
from aicc.passes.loops.expand_math import expand_math
from aicc.passes.schedules.schedule import NoMatch
from aicc.target import Target

HOST = "host program"
"""Title of its part among emitted texts."""

SEPARATOR = "\n// -----\n\n"


@dataclass(frozen=True)
class KernelTexts:
    """One kernel after its schedule, with its math expanded, in the llvm dialect, and as LLVM IR."""

    schedule: str
    loops: str
    llvm: str
    llvm_ir: str


def kernel_texts(job: KernelJob) -> KernelTexts:
    """By the first schedule of the job that works, in this process. Raises the last schedule's AiccError."""
    failure: Exception | None = None
    for number in range(len(job.schedules)):
        with ir.Context() as own, ir.Location.unknown():
            own.emit_error_diagnostics = False
            try:
                module, _, _ = scheduled(job.attempt(number), {})
                schedule = str(module)
                expand_math(module, job.target)
                if job.target.is_device:
                    return device_texts(module, schedule, job.target)
                loops = str(module)
                lower_kernel(module, job.target)
                return KernelTexts(
                    schedule, loops, str(module), llvm_dialect.translate_module_to_llvmir(module.operation)
                )
            except (NoMatch, AiccError, ir.MLIRError, ImportError) as error:
                failure = error
    assert failure is not None
    raise failure


def device_texts(module: Any, schedule: str, target: Target) -> KernelTexts:
    """The texts of a kernel with launches: outlined (gpu dialect), with the device code in the llvm dialect, and
    this as LLVM IR. What a launcher becomes is as dull as for CPUs, and left out."""
    outline_launches(module)
    loops = str(module)
    if target.kind == "simt":
        lower_to_simt(module, target)
        return KernelTexts(schedule, loops, str(module), "")
    lower_device(module, target)
    return KernelTexts(schedule, loops, str(module), device_assembly(module) if device_module(module) else "")


def emitted(kind: str, llvm_irs: Mapping[str, str], target: Target) -> str:
    """LLVM IR texts as `llvm` (joined) or `asm`; each part starts with a comment line that holds its title. Of
    device kernels the assembly is PTX, of AMD's it is LLVM IR."""
    comment = ";" if kind == "llvm" else "//" if target.kind == "cuda" else "#"
    parts = []
    for title, text in llvm_irs.items():
        on_device = target.is_device and title != HOST
        if kind == "llvm" or (on_device and target.kind != "cuda"):
            part = text
        elif on_device:
            part = device_code(text, target).decode() if text else ""
        else:
            part = compile_llvm_text(text, target.host_side, 2, "asm").decode()
        parts.append(f"{comment} ---- {title}\n{part}\n")
    return "".join(parts)
