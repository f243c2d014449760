"""From the program on buffers to objects: each kernel by itself in a worker, the host program, the link."""

from __future__ import annotations

import time
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aicc.bindings import ir
from aicc.bindings import llvm as llvm_dialect
from aicc.codegen.cache import ObjectCache
from aicc.codegen.jobs import KernelJob, KernelResult
from aicc.codegen.link import link_relocatable
from aicc.codegen.objects import compile_llvm_text, undefined_symbols
from aicc.codegen.workers import build_kernels
from aicc.errors import AiccWarning, CompileError
from aicc.kernel_facts import KernelFacts, kernel_facts, traffic
from aicc.kernel_texts import HOST, SEPARATOR, emitted, kernel_texts
from aicc.knobs import knobs
from aicc.passes.base import PassContext
from aicc.passes.buffers.entry import ENTRY, SHAPES
from aicc.passes.buffers.join_programs import PROGRAM
from aicc.passes.llvm import lower_host
from aicc.passes.llvm.programs import entry_names
from aicc.passes.schedules import registry
from aicc.passes.schedules.schedule import COSTS
from aicc.pipeline import STAGES
from aicc.runtime import parts_of
from aicc.signature import ALIASES, BOUNDS, Signature

if TYPE_CHECKING:
    from aicc.driver import Options


DEVICE_TEXTS = ("gpu", "nvvm", "ptx")
"""What `--emit` prints of kernels for a device."""


def build_program(module: Any, ctx: PassContext, options: Options, out: Path | None) -> Path | None:
    """schedule → loops → llvm → object → link for a module of stage *buffers*; returns what was written."""
    entry = _entry(module)
    inner = _programs(module)
    facts = kernel_facts(module, entry, ctx.target, list(inner.values()))
    jobs = [
        _job(f, ctx, facts[f.sym_name.value]) for f in module.body.operations if "aicc.kernel" in f.attributes
    ]
    signature = Signature.read(entry, SHAPES in _functions(module))
    programs = {name: _program_signature(module, name, f) for name, f in inner.items()}
    called = set(_functions(module))
    ctx.stats["traffic"] = traffic(module, entry, facts, signature.inputs + signature.outputs, ctx.weights)
    if options.dump is not None:
        dump_kernels(jobs, options)
    if options.stop_after in ("schedule", "loops", "llvm"):
        texts = [kernel_texts(job) for job in jobs]
        ctx.stats["text"] = SEPARATOR.join(getattr(t, options.stop_after) for t in texts)
        return None
    if options.emit in DEVICE_TEXTS:
        ctx.stats["text"] = _device_text(jobs, options.emit, ctx)
        return None
    if options.emit in ("llvm", "asm"):
        irs = {f"kernel {job.name}": kernel_texts(job).llvm_ir for job in jobs}
        irs[HOST] = _host_llvm_ir(module, {job.name: job.symbol for job in jobs}, ctx, options)
        ctx.stats["text"] = emitted(options.emit, irs, ctx.target)
        return None
    results = _objects(jobs, facts, ctx, options)
    start = time.perf_counter()
    host = compile_llvm_text(
        _host_llvm_ir(module, {r.name: r.symbol for r in results}, ctx, options), ctx.target.host_side, 1
    )
    ctx.stats["seconds"]["host"] = time.perf_counter() - start
    if options.stop_after == "object" or out is None:
        return None
    if options.emit == "obj":
        objects = {r.symbol: r.built.object for r in results}
        link_relocatable([host, *objects.values()], out, ctx.target.host_side, options.linker)
        return out
    if ctx.target.kind == "rocm":
        raise CompileError(
            "AICC-3002", "AMD GPUs are supported as far as objects.", stage="link", hint="use --emit obj."
        )
    called |= {name for r in results for name in undefined_symbols(r.built.object)}
    return _link(results, host, signature, programs, facts, ctx, options, out, parts_of(called))


def _device_text(jobs: list[KernelJob], kind: str, ctx: PassContext) -> str:
    """All kernels in the gpu dialect, in the dialect of the device's instructions, or as PTX."""
    if not ctx.target.is_device or (kind == "ptx" and ctx.target.kind != "cuda"):
        raise CompileError(
            "AICC-4002",
            f"--emit {kind}: the target {ctx.target.kind} has no such thing.",
            hint="use --target cuda.",
        )
    texts = {f"kernel {job.name}": kernel_texts(job) for job in jobs}
    if kind == "ptx":
        return emitted("asm", {title: text.llvm_ir for title, text in texts.items()}, ctx.target)
    return SEPARATOR.join(t.loops if kind == "gpu" else t.llvm for t in texts.values())


def _functions(module: Any) -> dict[str, Any]:
    return {f.sym_name.value: f for f in module.body.operations if f.operation.name == "func.func"}


def _entry(module: Any) -> Any:
    entry = _functions(module).get(ENTRY)
    if entry is None:
        raise CompileError(
            "AICC-2001", f"the IR has no @{ENTRY}: it is not of stage buffers.", stage="schedule"
        )
    return entry


def _programs(module: Any) -> dict[str, Any]:
    """The entries of branches and loops, by the programs' names."""
    functions = (op for op in module.body.operations if PROGRAM in op.attributes)
    return {str(ir.StringAttr(f.attributes[PROGRAM]).value): f for f in functions}


def _program_signature(module: Any, name: str, entry: Any) -> Signature:
    return Signature.read(entry, entry_names(name)[1] in _functions(module))


def _job(kernel: Any, ctx: PassContext, facts: KernelFacts) -> KernelJob:
    """The kernel alone in a module, with the schedules to try: the chosen one first, the last matches all."""
    alone = ir.Module.create(ir.Location.unknown())
    clone = kernel.operation.clone(ip=False)
    if COSTS in clone.attributes:
        del clone.attributes[COSTS]
    alone.body.append(clone)
    text = alone.operation.get_asm(enable_debug_info=False)
    chosen = str(ir.StringAttr(kernel.attributes["aicc.schedule"]).value)
    names = [s.name for s in registry.for_target(ctx.target)]
    if chosen not in (*names, *registry.LIBRARIES.get(ctx.target.kind, ())):
        chosen = names[-1]  # copies and borders are made for the schedules of CPUs
    fallbacks = [] if chosen == names[-1] or registry.is_bound(kernel) else [n for n in names if n != chosen]
    return KernelJob(text, (chosen, *fallbacks), ctx.target, node=facts.label)


def _objects(
    jobs: list[KernelJob], facts: Mapping[str, KernelFacts], ctx: PassContext, options: Options
) -> list[KernelResult]:
    done = 0

    def progress(_: KernelResult) -> None:
        nonlocal done
        done += 1
        if options.progress:
            options.progress("object", done, len(jobs))

    start = time.perf_counter()
    scope: dict[str, Any] = {} if options.jobs is None else {"jobs": options.jobs}
    with knobs.scope(**scope):
        results = build_kernels(jobs, ObjectCache.from_knobs() if options.cache else None, progress)
    ctx.stats["seconds"]["object"] = time.perf_counter() - start
    ctx.stats["kernel_results"] = {
        r.name: {
            "schedule": r.built.schedule,
            "config": r.built.config,
            "tiles": r.built.tiles,
            "launches": r.built.launches,
            "cached": r.cached,
            "failures": [str(f) for f in r.failures],
            "seconds": r.built.times,
            "bytes": len(r.built.object),
            "facts": facts[r.name],
        }
        for r in results
    }
    _warn_of_defects(results)
    return results


def _warn_of_defects(results: list[KernelResult]) -> None:
    """A schedule may find that a kernel is not for it; that it raises, crashes or hangs is a defect."""
    for result in results:
        for failure in result.failures:
            if failure.outcome != "no match":
                reason = (failure.message.strip().splitlines() or [""])[-1]
                warnings.warn(
                    f"kernel {result.name}: schedule '{failure.schedule}' {failure.outcome} ({reason}); "
                    f"compiled by '{result.built.schedule}' instead, which may be slower. This is a defect "
                    "of aicc, please report it with the model.",
                    AiccWarning,
                    stacklevel=2,
                )


def _host_llvm_ir(module: Any, symbols: dict[str, str], ctx: PassContext, options: Options) -> str:
    """The host program as LLVM IR that calls the kernels' launchers by their content names."""
    for name, f in _functions(module).items():
        if "aicc.kernel" in f.attributes:
            f.operation.erase()
        elif name.endswith("_launch") and name.removesuffix("_launch") in symbols:
            new = f"{symbols[name.removesuffix('_launch')]}_launch"
            table = ir.SymbolTable(module.operation)
            table.replace_all_symbol_uses(name, new, module.operation)
            if new in _functions(module):
                f.operation.erase()
            else:
                table.set_symbol_name(f.operation, new)
    for entry in (_entry(module), *_programs(module).values()):
        for key in (
            "aicc.weights",
            "aicc.inputs",
            "aicc.results",
            "aicc.arena_bytes",
            PROGRAM,
            BOUNDS,
            ALIASES,
        ):
            if key in entry.attributes:
                del entry.attributes[key]
    lower_host(module, ctx.target.host_side)
    if options.dump is not None:
        _write(options, "llvm", str(module), "-host")
    return str(llvm_dialect.translate_module_to_llvmir(module.operation))


def _link(
    results: list[KernelResult],
    host: bytes,
    signature: Signature,
    programs: Mapping[str, Signature],
    facts: Mapping[str, KernelFacts],
    ctx: PassContext,
    options: Options,
    out: Path,
    parts: list[str],
) -> Path:
    from aicc.codegen.model_link import link_model

    if options.progress:
        options.progress("link", 0, 1)
    path = link_model(results, host, signature, programs, facts, ctx, out, options, parts)
    ctx.stats["output_bytes"] = path.stat().st_size
    return path


def dump_kernels(jobs: list[KernelJob], options: Options) -> None:
    """Writes the kernels as loops and in the llvm dialect, as split files."""
    texts = [kernel_texts(job) for job in jobs]
    for stage in ("schedule", "loops", "llvm"):
        _write(options, stage, SEPARATOR.join(getattr(t, stage) for t in texts))


def _write(options: Options, stage: str, text: str, suffix: str = "") -> None:
    if options.dump is None:
        return
    try:
        options.dump.mkdir(parents=True, exist_ok=True)
        (options.dump / f"{STAGES.index(stage) + 1:02}-{stage}{suffix}.mlir").write_text(text)
    except OSError as error:
        raise CompileError("AICC-4001", f"the dump cannot be written: {error}.", stage=stage) from error
