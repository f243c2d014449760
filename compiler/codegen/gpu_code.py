"""LLVM assembly to device code: PTX for NVIDIA, and cubin where a `ptxas` is at hand; objects for AMD."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

import llvmlite.binding as llvm

from aicc.codegen.llvm_text import downgrade
from aicc.codegen.objects import initialize
from aicc.errors import CompileError
from aicc.target import Target

_MIXED_BYTES = re.compile(r"wgmma\.mma_async\.\S*\.s32\.(?:u8\.s8|s8\.u8)")
_PTX_OF_MIXED_BYTES = "ptx84"
"""Of CUDA 12.4; all else of sm_90a is in PTX that older drivers read, too."""

_EXTERNAL = re.compile(r"^declare\b(?!.*@llvm\.)[^@]*@([\w$.]+)", re.MULTILINE)


def device_code(text: str, target: Target) -> bytes:
    """PTX (for cuda) or an ELF object (for rocm) of LLVM assembly. Raises CompileError AICC-3002."""
    called = _EXTERNAL.findall(text)
    if called:
        raise CompileError(
            "AICC-3002", f"device code calls {', '.join(sorted(set(called)))}: there is no such function.",
            stage="object",
        )  # fmt: skip
    initialize()
    machine = llvm.Target.from_triple(target.triple).create_target_machine(
        cpu=target.cpu, features=",".join(f"+{f}" for f in _features(text, target)), opt=3, reloc="pic"
    )
    try:
        module = llvm.parse_assembly(downgrade(text))
        module.triple = target.triple
        module.data_layout = str(machine.target_data)
        module.verify()
        _optimize(module, machine)
        if target.kind == "cuda":
            return bytes(machine.emit_assembly(module).encode())
        return bytes(machine.emit_object(module))
    except RuntimeError as error:
        raise CompileError(
            "AICC-3002", f"LLVM generates no code for {target.cpu}: {error}".strip(), stage="object"
        ) from error


def _features(text: str, target: Target) -> list[str]:
    """The target's, with the version of PTX that the code needs."""
    return [_PTX_OF_MIXED_BYTES] if _MIXED_BYTES.search(text) else sorted(target.features)


def _optimize(module: Any, machine: Any) -> None:
    """LLVM's pipeline with unrolling: what is in an array of a thread is only fast in registers."""
    options = llvm.create_pipeline_tuning_options(speed_level=3)
    options.loop_vectorization = options.slp_vectorization = False
    options.loop_unrolling = True
    builder = llvm.create_pass_builder(machine, options)
    builder.getModulePassManager().run(module, builder)


@cache
def find_ptxas() -> str | None:
    """The path of NVIDIA's assembler: of the package nvidia-cuda-nvcc, else on PATH, else None."""
    spec = importlib.util.find_spec("nvidia")
    for folder in spec.submodule_search_locations if spec is not None else ():  # type: ignore[union-attr]
        for path in sorted(Path(folder).glob("*/bin/ptxas"), reverse=True):
            if os.access(path, os.X_OK):
                return str(path)
    return shutil.which("ptxas")


def assemble(ptx: bytes, arch: str, ptxas: str) -> tuple[bytes, str]:
    """The cubin of PTX for `arch` (sm_80 …), and what ptxas reports: registers, spills.

    Raises CompileError AICC-3002 with the assembler's message.
    """
    with tempfile.TemporaryDirectory(prefix="aicc-ptxas-") as folder:
        source, out = Path(folder) / "kernel.ptx", Path(folder) / "kernel.cubin"
        source.write_bytes(ptx)
        done = subprocess.run(
            [ptxas, f"-arch={arch}", "-v", str(source), "-o", str(out)], capture_output=True, text=True
        )
        if done.returncode != 0:
            raise CompileError(
                "AICC-3002",
                f"ptxas rejects the code for {arch}: {done.stderr.strip()[:2000]}",
                stage="object",
            )
        return out.read_bytes(), done.stderr
