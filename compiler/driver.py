"""The whole compiler, top to bottom: what `aicc model.onnx -o model.so` does.

Section 1 of the design reads like `Compilation.run` below: module stages, then each kernel by itself,
then the link.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aicc import contracts
from aicc.bindings import ir
from aicc.dialects import context
from aicc.dialects.packed_weights import LEVELS
from aicc.errors import AiccError, CompileError
from aicc.kernel_jobs import build_program
from aicc.knobs import knobs
from aicc.passes.base import Pass, PassContext, Upstream, run_pass
from aicc.passes.buffers.alignment import AlignArguments
from aicc.passes.buffers.bufferize import BufferizeHost
from aicc.passes.buffers.join_programs import JoinPrograms
from aicc.passes.buffers.keep_borders import KeepBorders
from aicc.passes.buffers.plan import PlanArena
from aicc.passes.gpu.host_memory import DeviceMemory
from aicc.passes.graph import graph_passes
from aicc.passes.graph.pack_weights import PRECISIONS, PackWeights
from aicc.passes.graph.quantize_activations import QuantizeActivations
from aicc.passes.kernels.casts import FoldCasts
from aicc.passes.kernels.choose import ChooseSchedules
from aicc.passes.kernels.constants import InlineConstants
from aicc.passes.kernels.outline import FormKernels
from aicc.passes.kernels.reshapes import SinkReshapes
from aicc.passes.kernels.round_operands import RoundOperands
from aicc.passes.kernels.settled import FoldSettled
from aicc.passes.kernels.take_pads import TakePads
from aicc.passes.kernels.transposes import FoldTransposes
from aicc.passes.kernels.weights import FoldWeightViews
from aicc.passes.kernels.widening import InlineWidening
from aicc.passes.linalg.lower import LowerToLinalg
from aicc.passes.schedules import registry
from aicc.passes.schedules.registry import bound_schedules
from aicc.pipeline import MODULE_STAGES, STAGES, Pipeline, Stage
from aicc.signature import DimChoice, ShapeChoice
from aicc.source import Source, open_source
from aicc.target import Target

if TYPE_CHECKING:
    from aicc.executable import Executable


def cpu_pipeline(target: Target | None = None, opt_level: int = 2) -> Pipeline:
    """The module passes for CPUs, in order."""
    target = target or Target.host()
    tidy = Upstream("canonicalize,cse")
    return Pipeline(
        [
            Stage("graph", graph_passes(target)),
            Stage("linalg", [LowerToLinalg(), tidy]),
            Stage(
                "kernels",
                [
                    FoldSettled(),
                    InlineConstants(),
                    InlineWidening(),
                    FoldWeightViews(),
                    SinkReshapes(),
                    FoldTransposes(),
                    tidy,
                    *_fold_casts(target),
                    FormKernels(),
                    ChooseSchedules(),
                ],
            ),
            Stage("buffers", [BufferizeHost(), PlanArena(), tidy, JoinPrograms()]),
        ]
    )


def _fold_casts(target: Target) -> list[Pass]:
    """Contractions multiply 16-bit operands as they are on GPUs, and on CPUs that have tile registers for bf16. Other
    CPUs read weights as they are stored, and convert them in registers, which those without F16C cannot do with f16."""
    if target.is_device or target.kind == "simt":
        return [FoldCasts()]
    tiles: list[Pass] = [FoldCasts("bf16", weights=True)] if "amx-bf16" in target.features else []
    halves = not target.triple.startswith("x86_64") or "f16c" in target.features
    return [*tiles, FoldCasts("f16+bf16" if halves else "bf16", alone=True), FoldWeightViews()]


def cuda_pipeline(target: Target | None = None, opt_level: int = 2) -> Pipeline:
    """The module passes for GPUs, in order: those for CPUs, but contractions take 16-bit operands, borders of padded
    buffers are one launch, and the host program leaves memory to the runtime.

    Kernels go on by `codegen/device_build.py`.
    """
    target = target or Target.cuda()
    pipeline = cpu_pipeline(target, opt_level)
    pipeline.insert_after("choose-schedules", TakePads())
    pipeline.replace("bufferize-host", BufferizeHost(device=True))
    pipeline.insert_before("plan-arena", KeepBorders())
    pipeline.insert_before("join-programs", DeviceMemory())
    pipeline.insert_before("join-programs", AlignArguments())
    return pipeline


PIPELINES: dict[str, Callable[[Target, int], Pipeline]] = {
    "cpu": cpu_pipeline,
    "cuda": cuda_pipeline,
    "rocm": cuda_pipeline,
    "simt": cuda_pipeline,
}


@dataclass(frozen=True)
class Options:
    """How to compile. `dims` fixes symbolic dimensions (8) or bounds them ((1, 512), both
    included); `shapes` are those of inputs that have none in the model, or fix the symbolic dimensions of others
    ({"x": (1, 3, "h", None)}; None: as the model says, or any size); `overridable` names initializers which the
    model lists as inputs, too, that are to be inputs with a default (else they are constants); `dump` is a folder for
    the IR after each stage; `emit` is what to make: so, obj (kernels and host, without runtime and weights), or the
    text (`CompileResult.text`) of llvm or asm; `precision` what weights of products and embeddings are stored in (sums
    are in f32): f32 (as the model says), f16, bf16, int8-weights, int4-weights; or tf32: stored as they are, but
    rounded for the tensor cores of NVIDIA GPUs (sm_80 and later). There f16 and bf16 round the other operands of
    products, too, and both of convolutions, for the same reason: f16 makes what is larger than 65504 infinite;
    `accuracy_level` how accurate products with weights of 4 and 8 bits have to be at least: 4 lets them round
    activations to bytes, less, and 0, does not (None: what com.microsoft's MatMulNBits says of each, and f32 of
    others); `vendor_libraries` are libraries that kernels may call where that is predicted to be faster: cublaslt
    and cudnn, for NVIDIA GPUs."""

    target: Target = field(default_factory=Target.host)
    opt_level: int = 2
    dims: Mapping[str, DimChoice] = field(default_factory=dict)
    shapes: Mapping[str, ShapeChoice] = field(default_factory=dict)
    overridable: Sequence[str] = ()
    dump: Path | None = None
    stop_after: str | None = None
    start_from: str | None = None
    pipeline: Pipeline | None = None
    emit: str = "so"
    precision: str = "f32"
    accuracy_level: int | None = None
    vendor_libraries: Sequence[str] = ()
    weights: str = "embedded"
    linker: str | None = None
    cache: bool = True
    jobs: int | None = None
    check_ir: bool = False
    progress: Callable[[str, int, int], None] | None = None
    """Called as (stage, done, total)."""

    def __post_init__(self) -> None:
        for option, value in (("--stop-after", self.stop_after), ("--start-from", self.start_from)):
            if value is not None and value not in STAGES:
                raise CompileError(
                    "AICC-4002",
                    f"{option} {value}: there is no such stage.",
                    hint=f"stages: {', '.join(STAGES)}.",
                )
        if self.precision not in ("f32", "tf32", *PRECISIONS):
            raise CompileError(
                "AICC-4002",
                f"--precision {self.precision}: there is no such precision.",
                hint=f"there are: f32, tf32, {', '.join(PRECISIONS)}.",
            )
        if self.precision == "tf32":
            if self.target.compute_capability < 80:
                raise CompileError(
                    "AICC-4002",
                    f"--precision tf32: {self.target.cpu} has no products of that kind.",
                    hint="NVIDIA GPUs from sm_80 on have: --target cuda --mcpu sm_80.",
                )
            object.__setattr__(self, "target", replace(self.target, tf32=True))
        if self.accuracy_level is not None and self.accuracy_level not in LEVELS:
            raise CompileError(
                "AICC-4002",
                f"--accuracy-level {self.accuracy_level}: there is no such level.",
                hint=f"there are: {', '.join(map(str, LEVELS))}; 4 rounds activations to bytes.",
            )
        registry.check_libraries(self.vendor_libraries, self.target.kind)
        if self.weights not in ("embedded", "external"):
            raise CompileError("AICC-4002", f"--weights {self.weights}: expected embedded or external.")

    def chosen_pipeline(self) -> Pipeline:
        pipeline = self.pipeline or PIPELINES[self.target.kind](self.target, self.opt_level)
        if self.precision in PRECISIONS:
            # after constants are folded, so that weights are what products read
            pipeline = Pipeline(pipeline.stages)
            halves = self.precision in ("f16", "bf16") and self.target.compute_capability >= 80
            pipeline.insert_after("fold-constants", PackWeights(self.precision, products=not halves))
            if halves:
                pipeline.insert_before("fold-casts", RoundOperands(self.precision))
        if self.accuracy_level is not None:
            pipeline = Pipeline(pipeline.stages)
            pipeline.replace("quantize-activations", QuantizeActivations(self.accuracy_level))
        if self.vendor_libraries:
            pipeline = Pipeline(pipeline.stages)
            for p in [p for p in pipeline if isinstance(p, ChooseSchedules)]:
                pipeline.replace(p, replace(p, libraries=",".join(self.vendor_libraries)))
        return pipeline


@dataclass
class CompileResult:
    """`path` of what was written (None when compilation stopped before), `text` of the last module stage
    when it was asked for, `stats` for `--stats`."""

    path: Path | None
    stats: dict[str, Any]
    text: str = ""


def compile_model(
    source: Any, out: str | os.PathLike[str] | None, options: Options | None = None
) -> CompileResult:
    """Compiles `source` (a path to .onnx or .mlir, bytes, a ModelProto) to the shared library `out`.

    Raises AiccError; on failure nothing is written to `out`.
    """
    options = options or Options()
    if out is not None:
        check_writable(Path(out))
    started = time.perf_counter()
    run = Compilation(open_source(source), options)
    path = run.run(Path(out) if out is not None else None)
    run.ctx.stats["total_seconds"] = time.perf_counter() - started
    return CompileResult(path, run.ctx.stats, run.text or run.ctx.stats.pop("text", ""))


def compile(model: Any, target: str | Target = "cpu", *, specialize: int = 0, **options: Any) -> Executable:
    """Compiles a model and loads it: the Python entry.

    `model` is a path, bytes or a ModelProto; keyword arguments are those of `Options`. The library lives in a
    temporary folder until the Executable is gone; `save` keeps it. With `specialize` the model is compiled
    again, when it is called, for each combination of symbolic sizes, and so many of these are kept: see
    `SpecializingExecutable`. Raises AiccError.
    """
    from aicc.loader import load
    from aicc.runtime.library import Library
    from aicc.specialize import SpecializingExecutable

    resolved = Target.named(target) if isinstance(target, str) else target
    with tempfile.TemporaryDirectory(prefix="aicc-") as folder:
        path = Path(folder) / "model.so"
        chosen = Options(target=resolved, **options)
        compile_model(model, path, chosen)
        if not specialize:
            return load(path)

        def compile_for(sizes: dict[str, int]) -> Executable:
            return compile(model, resolved, **{**options, "dims": {**chosen.dims, **sizes}})

        return SpecializingExecutable(Library(path), compile_for, dict(chosen.dims), specialize)


def check_writable(path: Path) -> None:
    """Raises CompileError AICC-4001 before any work is done."""
    folder = path.resolve().parent
    if not folder.is_dir():
        raise CompileError("AICC-4001", f"{path} cannot be written: there is no folder {folder}.")
    if path.is_dir() or not os.access(folder, os.W_OK):
        raise CompileError(
            "AICC-4001",
            f"{path} cannot be written: {'it is a folder' if path.is_dir() else 'no permission'}.",
        )


class Compilation:
    """One run of the compiler."""

    def __init__(self, source: Source, options: Options) -> None:
        self.source = source
        self.options = options
        self.ctx = PassContext(options.target, opt_level=options.opt_level)
        self.ctx.stats["seconds"] = {}
        self.text = ""

    def run(self, out: Path | None) -> Path | None:
        """import → graph → linalg → kernels → buffers, then kernels to objects, then the link."""
        with context() as mlir, ir.Location.unknown():
            mlir.emit_error_diagnostics = False
            module = self._stage("import", lambda: self._import())
            if self.options.stop_after == "import":
                return None
            return self._compile(module, self.options.chosen_pipeline().stages, out)

    def _compile(self, module: Any, stages: Sequence[Stage], out: Path | None) -> Path | None:
        """The module through `stages`, then the rest.

        A kernel whose weights have been transformed can be built by the schedule that wanted that and no
        other: when it fails, the choice is made again without it, from stage *kernels* on.
        """
        before: tuple[Any, Sequence[Stage]] | None = None
        for number, stage in enumerate(stages):
            if self._wanted(stage.name):
                if stage.name == "kernels":
                    before = module.operation.clone(), stages[number:]
                self._stage(stage.name, lambda s=stage: self._passes(module, s))  # type: ignore[misc]
            if self.options.stop_after == stage.name:
                return None
        bound = bound_schedules(module)
        try:
            return build_program(module, self.ctx, self.options, out)
        except CompileError as error:
            if error.code != "AICC-3001" or not bound or before is None:
                raise
            self.ctx.excluded |= bound
            self.ctx.stats["excluded"] = {name: str(error) for name in bound}
        return self._compile(*before, out)

    def _wanted(self, stage: str) -> bool:
        start = self.options.start_from
        if self.options.stop_after is not None and STAGES.index(stage) > STAGES.index(
            self.options.stop_after
        ):
            return False
        return start is None or STAGES.index(stage) >= STAGES.index(start)

    def _import(self) -> Any:
        o = self.options
        module, self.ctx.weights = self.source.module(o.dims, o.shapes, o.overridable)
        return module

    def _passes(self, module: Any, stage: Stage) -> Any:
        for p in stage.passes:
            try:
                run_pass(p, module, self.ctx)
            except ir.MLIRError as error:
                raise CompileError(
                    "AICC-2002",
                    f"pass '{p}' failed: {error}",
                    stage=stage.name,
                    hint=_dump_hint(self.options),
                ) from error
            except AiccError as error:
                raise replace(error, stage=error.stage or stage.name) from error
        return module

    def _stage(self, name: str, work: Callable[[], Any]) -> Any:
        if self.options.progress:
            self.options.progress(name, 0, 1)
        start = time.perf_counter()
        module = work()
        self.ctx.stats["seconds"][name] = time.perf_counter() - start
        if (self.options.check_ir or knobs.check_ir) and self.source.kind != "mlir":
            contracts.check(module, name)
        if self.options.dump is not None:
            self._dump(module, name)
        if self.options.stop_after == name:
            self.text = str(module)
        return module

    def _dump(self, module: Any, stage: str) -> None:
        """`01-import.mlir` …, and `weights.json`, from which a later run finds the weights again."""
        folder = self.options.dump
        assert folder is not None
        try:
            folder.mkdir(parents=True, exist_ok=True)
            text = module.operation.get_asm(large_elements_limit=256)
            (folder / f"{STAGES.index(stage) + 1:02}-{stage}.mlir").write_text(text)
            self.ctx.weights.save(folder / "weights.json")
        except OSError as error:
            raise CompileError("AICC-4001", f"the dump cannot be written: {error}.", stage=stage) from error


def _dump_hint(options: Options) -> str:
    if options.dump is not None:
        return f"the IR after the last good stage is in {options.dump}; resume with --start-from."
    return "--dump DIR writes the IR after each stage."


__all__ = [
    "MODULE_STAGES",
    "CompileResult",
    "Options",
    "compile",
    "compile_model",
    "cpu_pipeline",
    "cuda_pipeline",
]
