"""LLVM assembly to objects, assembly or optimized LLVM IR, for any target LLVM knows.

The code generator is the LLVM of llvmlite: one path for every CPU, native or cross. Machine code is
position independent and uses no feature outside the `Target`.
"""

from __future__ import annotations

import struct
from functools import cache
from typing import Any, Literal

import llvmlite
import llvmlite.binding as llvm

from aicc.codegen.llvm_text import downgrade
from aicc.codegen.one_lane_stores import split_one_lane_stores
from aicc.errors import CompileError
from aicc.target import Target, host_features

Emit = Literal["obj", "asm", "llvm"]

# What kernels may leave to the linker: the runtime, block moves, and the compiler's own helpers for
# operations the CPU lacks (libgcc, compiler-rt), recognized by their leading underscores.
BLOCK_MOVES = frozenset({"memcpy", "memset", "memmove"})

# Rounding and remainder: LLVM lowers the instructions to these where the CPU has none (x86-64 before
# SSE4.1), or anywhere (frem). They need no state and are exact, so a kernel may call them.
EXACT_MATH = frozenset(
    name + suffix
    for name in ("floor", "ceil", "trunc", "rint", "nearbyint", "roundeven", "round", "fma", "fmod")
    for suffix in ("", "f")
)


def compile_llvm_text(text: str, target: Target, opt: int = 2, emit: Emit = "obj") -> bytes:
    """Compiles LLVM assembly (LLVM 24's or 22's) for `target`.

    `opt` is LLVM's level 0 to 3. Returns an object file, or the text of assembly or of optimized LLVM IR,
    as bytes; the same input gives the same bytes. Raises CompileError AICC-3002.
    """
    machine = _machine(target, opt)
    try:
        module = llvm.parse_assembly(downgrade(text))
        module.triple = target.triple
        module.data_layout = str(machine.target_data)
        module.verify()
    except RuntimeError as error:
        raise CompileError(
            "AICC-3002", f"LLVM rejects the kernel's IR: {error}".strip(), stage="object"
        ) from error
    _optimize(module, machine, opt)
    if "@llvm.masked.store" in text and target.triple.startswith("x86_64"):
        optimized = str(module)
        if (plain := split_one_lane_stores(optimized)) != optimized:
            module = llvm.parse_assembly(plain)
    try:
        if emit == "llvm":
            return str(module).encode()
        if emit == "asm":
            return bytes(machine.emit_assembly(module).encode())
        return bytes(machine.emit_object(module))
    except RuntimeError as error:
        raise CompileError(
            "AICC-3002", f"LLVM generates no code for {target.triple}: {error}".strip(), stage="object"
        ) from error


def _optimize(module: Any, machine: Any, opt: int) -> None:
    """LLVM's pipeline, without what schedules have done already.

    Loops are vectorized (the schedule `affine` leaves that to LLVM) but not unrolled: measured, unrolling
    doubles code and compile time of big kernels and makes neither kind faster.
    """
    options = llvm.create_pipeline_tuning_options(speed_level=opt)
    options.loop_vectorization = options.loop_interleaving = opt >= 2
    options.slp_vectorization = False
    options.loop_unrolling = False
    builder = llvm.create_pass_builder(machine, options)
    builder.getModulePassManager().run(module, builder)


@cache
def initialize() -> None:
    """Makes LLVM's targets known; once per process."""
    llvm.initialize_all_targets()
    llvm.initialize_all_asmprinters()


@cache
def _machine(target: Target, opt: int) -> Any:
    """A target machine; made once per target and process."""
    initialize()
    try:
        arch = llvm.Target.from_triple(target.triple)
    except RuntimeError as error:
        raise CompileError(
            "AICC-3002",
            f"LLVM knows no target '{target.triple}'.",
            stage="object",
            hint="a triple is written like x86_64-unknown-linux-gnu or aarch64-unknown-linux-gnu.",
        ) from error
    return arch.create_target_machine(
        cpu=target.cpu, features=",".join(_features(target)), opt=min(opt, 3), reloc="pic"
    )


def _features(target: Target) -> list[str]:
    """LLVM's feature flags: what the target has, and for this very machine also what it lacks.

    A virtual machine may hide features of the CPU it names, and the name alone would switch them on. SSE4a, which AMD's
    CPUs have, is off beside AVX: its instructions exist in the old encoding only, and LLVM moves bytes with them among
    instructions of AVX, where each costs hundreds of cycles (measured on Zen 3).
    """
    flags = [f"+{name}" for name in sorted(target.features)]
    if target.cpu == llvm.get_host_cpu_name():
        host = host_features()
        if target.features == {name for name, on in host.items() if on}:
            flags += [f"-{name}" for name in sorted(host) if not host[name]]
    if "avx" in target.features:
        flags.append("-sse4a")
    return flags


def version() -> str:
    """What the bytes of an object depend on besides its input: for cache keys."""
    return f"llvmlite {llvmlite.__version__} llvm {'.'.join(map(str, llvm.llvm_version_info))}"


def undefined_symbols(obj: bytes) -> frozenset[str]:
    """Names an ELF64 little-endian object leaves to the linker; empty for other formats.

    Reads the symbol table (type 2 section) as the System V gABI, chapter 4, lays it out.
    """
    return frozenset(name for name, section in _symbols(obj) if section == 0)


def defined_symbols(obj: bytes) -> frozenset[str]:
    """Names of global symbols that an ELF64 little-endian object defines; empty for other formats."""
    return frozenset(name for name, section in _symbols(obj) if section != 0)


def _symbols(obj: bytes) -> list[tuple[str, int]]:
    """(name, section index) of every global or weak symbol; section 0 is undefined."""
    if obj[:6] != b"\x7fELF\x02\x01":
        return []
    (sections_at,) = struct.unpack_from("<Q", obj, 40)
    (entry_size, count) = struct.unpack_from("<HH", obj, 58)
    headers = [struct.unpack_from("<IIQQQQIIQQ", obj, sections_at + i * entry_size) for i in range(count)]
    found = []
    for _, kind, _, _, offset, size, link, _, _, _ in headers:
        if kind != 2:
            continue
        strings = headers[link][4]
        for at in range(offset, offset + size, 24):
            name_at, info, _, section = struct.unpack_from("<IBBH", obj, at)
            if info >> 4 != 0 and name_at:
                end = obj.index(b"\0", strings + name_at)
                found.append((obj[strings + name_at : end].decode(), section))
    return found


def check_imports(obj: bytes, allowed: frozenset[str] = frozenset()) -> None:
    """Raises CompileError AICC-3002 when an object calls something a kernel may not call (libm, malloc)."""
    foreign = {
        name
        for name in undefined_symbols(obj) - allowed - BLOCK_MOVES - EXACT_MATH
        if not name.startswith(("aicc_", "__", "_GLOBAL_OFFSET_TABLE_"))
    }
    if foreign:
        raise CompileError(
            "AICC-3002",
            f"the kernel calls {', '.join(sorted(foreign))}, which kernels may not.",
            stage="object",
            hint="math functions are to be expanded before the llvm stage (pass expand-math).",
        )
