"""Kernels as text at every level below *buffers*: for dumps and for `--emit`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from aicc.bindings import ir
from aicc.bindings import llvm as llvm_dialect
from aicc.codegen.jobs import KernelJob
from aicc.codegen.kernel_build import scheduled
from aicc.codegen.objects import compile_llvm_text
from aicc.errors import AiccError
from aicc.passes.llvm import lower_kernel
from aicc.passes.loops.expand_math import expand_math
from aicc.passes.schedules.schedule import NoMatch
from aicc.target import Target

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
                loops = str(module)
                lower_kernel(module, job.target)
                return KernelTexts(
                    schedule, loops, str(module), llvm_dialect.translate_module_to_llvmir(module.operation)
                )
            except (NoMatch, AiccError, ir.MLIRError, ImportError) as error:
                failure = error
    assert failure is not None
    raise failure


def emitted(kind: str, llvm_irs: Mapping[str, str], target: Target) -> str:
    """LLVM IR texts as `llvm` (joined) or `asm`; each part starts with a comment line that holds its title."""
    comment = ";" if kind == "llvm" else "#"
    parts = []
    for title, text in llvm_irs.items():
        part = text if kind == "llvm" else compile_llvm_text(text, target, 2, "asm").decode()
        parts.append(f"{comment} ---- {title}\n{part}\n")
    return "".join(parts)
