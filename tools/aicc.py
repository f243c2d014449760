"""aicc: compiles an ONNX model to a shared library with a C interface.

aicc model.onnx                                 model.so for this machine
aicc model.onnx -o out.so --mcpu x86-64-v3      for every CPU with AVX2
aicc model.onnx --target cuda --mcpu sm_90a     for NVIDIA GPUs
aicc model.onnx --dim batch=8 --stats           a fixed batch; what was built
aicc model.onnx --dump ir/                      the IR after every stage
aicc ir/03-linalg.mlir --start-from kernels     goes on from there
"""

from __future__ import annotations

from pathlib import Path

import click

import aicc.runtime
from aicc.driver import PIPELINES, Options, compile_model
from aicc.kernel_jobs import DEVICE_TEXTS
from aicc.knobs import knobs
from aicc.passes.graph.pack_weights import PRECISIONS
from aicc.pipeline import STAGES
from aicc.target import Target
from aicc.tools import console
from aicc.tools.pipelines import load_pipeline
from aicc.tools.progress import Progress
from aicc.tools.stats import report

EMIT_STAGE = {"mlir": "graph", "linalg": "linalg"}
"""What `--emit` prints that is the IR after a stage."""

EMITS = (*EMIT_STAGE, *DEVICE_TEXTS, "llvm", "asm", "obj", "so")


def print_include_dir(ctx: click.Context, _: click.Parameter, wanted: bool) -> None:
    """`--include-dir`: for `cc main.c -I$(aicc --include-dir)`."""
    if wanted:
        print(Path(aicc.runtime.__path__[0]).resolve())
        ctx.exit()


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("model", type=click.Path(path_type=Path))
@click.option(
    "-o", "output", type=click.Path(path_type=Path), help="Default: MODEL.so here; IR goes to stdout."
)
@click.option("--target", type=click.Choice(list(PIPELINES)), default="cpu", show_default=True)
@click.option(
    "--mcpu",
    default="native",
    show_default=True,
    help="LLVM CPU name, or x86-64-v2, -v3, -v4; of GPUs sm_80, sm_90a, gfx90a.",
)
@click.option("--mtriple", default=None, help="LLVM triple to compile for; default: this machine's.")
@click.option(
    "--dim", multiple=True, metavar="NAME=N|A..B", help="Fix a symbolic dimension, or bound it; repeatable."
)
@click.option(
    "--shape",
    multiple=True,
    metavar="INPUT=1,3,h,?",
    help="Shape of an input that has none, or sizes of its symbolic dimensions; repeatable.",
)
@click.option(
    "--overridable",
    multiple=True,
    metavar="NAME",
    help="An initializer that the model lists as an input, too: make it an input with a default; repeatable.",
)
@click.option(
    "-O", "opt_level", type=click.IntRange(0, 3), default=2, show_default=True, help="Optimization level."
)
@click.option("--emit", type=click.Choice(EMITS), default="so", show_default=True, help="What to write.")
@click.option(
    "--dump", type=click.Path(path_type=Path), help="Write the IR after every stage to this folder."
)
@click.option("--stop-after", type=click.Choice(STAGES), help="Print the IR after this stage and stop.")
@click.option("--start-from", type=click.Choice(STAGES), help="MODEL is IR: the first stage to run on it.")
@click.option(
    "--pipeline",
    type=click.Path(path_type=Path),
    help="A .py file with pipeline(target, opt_level), or text.",
)
@click.option("--print-pipeline", is_flag=True, help="Print the pipeline as text and stop.")
@click.option(
    "--precision",
    type=click.Choice(["f32", "tf32", *PRECISIONS]),
    default="f32",
    show_default=True,
    help="What weights of products are stored in; sums are in f32. tf32: tensor cores of GPUs round operands; so they "
    "do for f16 and bf16 from sm_80 on.",
)
@click.option(
    "--accuracy-level",
    type=click.IntRange(0, 4),
    help="Of products with weights of 4 and 8 bits, at least: 4 rounds activations to bytes, less does not. "
    "[default: what each MatMulNBits says]",
)
@click.option(
    "--vendor-libraries",
    default="",
    metavar="NAME,…",
    help="Libraries that kernels may call where that is predicted to be faster: cublaslt, cudnn. Default: none.",
)
@click.option("--weights", type=click.Choice(["embedded", "external"]), default="embedded", show_default=True)
@click.option("--linker", help="C compiler driver that links, e.g. 'clang -fuse-ld=lld' or 'zig cc'.")
@click.option("--jobs", "-j", type=click.IntRange(min=0), help="Processes that compile kernels; 0: none.")
@click.option("--no-cache", is_flag=True, help="Neither read nor write the cache of compiled kernels.")
@click.option("--check-ir", is_flag=True, help="Check the contract of every stage.")
@click.option("--verify", is_flag=True, help="Run the result on random inputs against the ONNX reference.")
@click.option("--stats", is_flag=True, help="Show times, kernels, what a run moves.")
@click.option(
    "--include-dir",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=print_include_dir,
    help="Print the folder of aicc.h and stop.",
)
@click.version_option(package_name="aicc")
@console.reporting
def main(
    model: Path,
    output: Path | None,
    target: str,
    mcpu: str,
    mtriple: str | None,
    dim: tuple[str, ...],
    shape: tuple[str, ...],
    overridable: tuple[str, ...],
    opt_level: int,
    emit: str,
    dump: Path | None,
    stop_after: str | None,
    start_from: str | None,
    pipeline: Path | None,
    print_pipeline: bool,
    precision: str,
    accuracy_level: int | None,
    vendor_libraries: str,
    weights: str,
    linker: str | None,
    jobs: int | None,
    no_cache: bool,
    check_ir: bool,
    verify: bool,
    stats: bool,
) -> int:
    """Compile MODEL (an ONNX file, or IR of one of aicc's stages) to a shared library."""
    if emit in EMIT_STAGE:
        if stop_after:
            raise click.UsageError("--emit and --stop-after exclude each other")
        stop_after = EMIT_STAGE[emit]
    text_only = bool(stop_after) or emit in ("llvm", "asm", *DEVICE_TEXTS)
    machine = Target.named(target, mcpu, mtriple)
    chosen = load_pipeline(pipeline, machine, opt_level) if pipeline else None
    libraries = tuple(name.strip() for name in vendor_libraries.split(",") if name.strip())
    if print_pipeline:
        shown = Options(machine, opt_level, pipeline=chosen, precision=precision, vendor_libraries=libraries)
        print(shown.chosen_pipeline())
        return 0
    if verify and (emit != "so" or text_only or start_from):
        raise click.UsageError("--verify needs an ONNX model and a whole compilation")
    library = output or Path(model.stem + (".o" if emit == "obj" else ".so"))
    with Progress() as progress:
        options = Options(
            target=machine,
            opt_level=opt_level,
            dims=console.dim_choices(dim, "--dim"),
            shapes=console.shape_choices(shape, "--shape"),
            overridable=overridable,
            dump=dump or knobs.dump,
            stop_after=stop_after,
            start_from=start_from,
            pipeline=chosen,
            emit="so" if stop_after else emit,
            precision=precision,
            accuracy_level=accuracy_level,
            vendor_libraries=libraries,
            weights=weights,
            linker=linker,
            cache=knobs.cache and not no_cache,
            jobs=jobs,
            check_ir=check_ir,
            progress=progress,
        )
        result = compile_model(model, None if text_only else library, options)
    if text_only:
        if output is None:
            print(result.text, end="")
        else:
            console.write_text(output, result.text)
    if stats:
        console.show(report(result.stats))
    if verify:
        from aicc.tools.verify import verify_model

        return 0 if verify_model(model, library, options) else console.FAILED
    return 0


def run() -> None:
    """The entry point of the command."""
    console.start(main)


if __name__ == "__main__":
    run()
