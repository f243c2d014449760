"""aicc-run: runs a model once, on given or random inputs, and compares it with another runtime.

aicc-run model.onnx                                    random inputs, a table of the outputs
aicc-run model.so --input image=cat.npy --output out/  given inputs, outputs as .npy files
aicc-run model.onnx --compare onnxruntime              exit code 1 when the outputs disagree
aicc-run model.so --profile --threads 1                time by kernel, measured and predicted
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from itertools import zip_longest
from pathlib import Path
from typing import Any

import click
import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import numpy_helper
from rich.table import Table

from aicc.errors import CompileError
from aicc.executable import Executable
from aicc.runtime.library import TensorInfo
from aicc.runtime.profile import Profile
from aicc.tools import agreement, console
from aicc.tools.inputs import InputSpec, random_input, specs_of_library, specs_of_model
from aicc.tools.models import Reference, is_compiled, open_model, read_onnx, tensors_of

Array = NDArray[Any]


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("model", type=click.Path(path_type=Path))
@click.option(
    "--input", "given", multiple=True, metavar="NAME=FILE|random", help="A .npy or .pb file; repeatable."
)
@click.option("--dim", multiple=True, metavar="NAME=N", help="Size of a symbolic dimension of random inputs.")
@click.option(
    "--shape",
    multiple=True,
    metavar="INPUT=1,3,h,?",
    help="Shape of an input that has none, or sizes of its symbolic dimensions; repeatable.",
)
@click.option("--seed", default=0, show_default=True, help="Of random inputs.")
@click.option("--output", type=click.Path(path_type=Path), help="Write every output to this folder as .npy.")
@click.option("--compare", type=click.Choice(Reference.NAMES), help="Run this too and compare the outputs.")
@click.option("--onnx", "source", type=click.Path(path_type=Path), help="The ONNX file of a compiled MODEL.")
@click.option("--threads", type=click.IntRange(min=0), default=0, help="Threads; 0 means all cores.")
@click.option("--profile", is_flag=True, help="Show the time of each kernel, measured and predicted.")
@click.option("--runs", type=click.IntRange(min=1), default=20, show_default=True, help="Of --profile.")
@click.option("-O", "opt_level", type=click.IntRange(0, 3), default=2, help="Optimization level.")
@console.reporting
def main(
    model: Path,
    given: tuple[str, ...],
    dim: tuple[str, ...],
    shape: tuple[str, ...],
    seed: int,
    output: Path | None,
    compare: str | None,
    source: Path | None,
    threads: int,
    profile: bool,
    runs: int,
    opt_level: int,
) -> int:
    """Run MODEL (an ONNX file, or a shared library made by aicc) once, with --profile several times."""
    compiled = is_compiled(model)
    source = source or (None if compiled else model)
    if compare and source is None:
        raise click.UsageError(f"--compare {compare} needs the ONNX file: --onnx FILE")
    files = console.value_pairs(given, "--input")
    dims = console.sizes(dim, "--dim")
    # A mistake in the inputs should not wait for the compiler.
    shapes = console.shape_choices(shape, "--shape")
    specs = specs_of_model(read_onnx(source, shapes)) if source else []
    inputs = collect_inputs(specs, files, dims, seed) if source else None
    executable = open_model(model, **({} if compiled else {"opt_level": opt_level, "shapes": shapes}))
    if threads:
        executable.num_threads = threads
    if inputs is None:
        wanted = [info for info in executable.inputs if info.name in files or not info.has_default]
        inputs = collect_inputs(specs_of_library(wanted), files, dims, seed)
    outputs = run_named(executable, inputs)
    if output is not None:
        write_outputs(output, outputs)
    checks = None
    if compare and source:
        checks = agreement.compare(
            outputs, tensors_of(executable, Reference(compare, source, threads).run(inputs))
        )
    console.show(table(executable.outputs, outputs, checks, compare))
    if profile:
        # Predictions are for one thread, and the first run, above, has warmed everything up.
        print(measured(executable, inputs, runs))
    return 0 if checks is None or all(check.good for check in checks) else console.FAILED


def collect_inputs(
    specs: list[InputSpec], files: Mapping[str, str], dims: Mapping[str, int], seed: int
) -> dict[str, Array]:
    """An array per input, from its file or random; symbolic sizes that files fix hold for random inputs too.

    Raises CompileError AICC-4002 for unknown names and unreadable files.
    """
    names = [spec.name for spec in specs]
    for name in files:
        if name not in names:
            raise CompileError(
                "AICC-4002", f"the model has no input '{name}'.", hint=f"it has {', '.join(names)}."
            )
    arrays = {name: read_array(Path(file)) for name, file in files.items() if file != "random"}
    sizes = dict(dims)
    for spec in specs:
        if spec.name in arrays:
            for symbol, size in zip(spec.shape, arrays[spec.name].shape, strict=False):
                if isinstance(symbol, str):
                    sizes.setdefault(symbol, size)
    rng = np.random.default_rng(seed)
    return {s.name: arrays[s.name] if s.name in arrays else random_input(s, sizes, rng) for s in specs}


def read_array(path: Path) -> Array:
    """A NumPy file, or a serialized TensorProto. Raises CompileError AICC-4002."""
    try:
        if path.suffix == ".pb":
            return numpy_helper.to_array(onnx.load_tensor(path))
        array: Array = np.load(path, allow_pickle=False)
        return array
    except Exception as error:
        reason = (
            (error.strerror or "").lower() if isinstance(error, OSError) and error.strerror else str(error)
        )
        raise CompileError("AICC-4002", f"'{path}' cannot be read as an array: {reason}.") from None


def run_named(executable: Executable, inputs: Mapping[str, Array]) -> dict[str, Array]:
    """The tensors of the outputs by name."""
    results = executable.run([inputs.get(info.name) for info in executable.inputs])
    return {info.name: array for info, array in zip(executable.outputs, results, strict=True)}


def measured(executable: Executable, inputs: Mapping[str, Array], runs: int) -> Profile:
    """Where the time of `runs` runs goes."""
    arrays = [inputs.get(info.name) for info in executable.inputs]
    with executable.profile() as profile:
        for _ in range(runs):
            executable.run(arrays)
    return profile


def write_outputs(folder: Path, outputs: Mapping[str, Array]) -> None:
    """`NAME.npy` per output, characters a file name should not have replaced. Raises CompileError AICC-4001."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise CompileError("AICC-4001", f"the folder '{folder}' cannot be made: {error.strerror}.") from None
    for name, array in outputs.items():
        with console.replacing(folder / f"{file_name(name)}.npy") as path, path.open("wb") as file:
            np.save(file, array)


def file_name(name: str) -> str:
    return re.sub(r"[^\w.-]+", "_", name).strip("_") or "output"


def table(
    infos: tuple[TensorInfo, ...],
    outputs: Mapping[str, Array],
    checks: list[agreement.Agreement] | None,
    against: str | None,
) -> Table:
    result = Table("output", "dtype", "shape", "min", "mean", "max")
    if checks is not None:
        for column in (f"max|a-b|/max|b| ({against})", "tolerance", ""):
            result.add_column(column)
    for info, check in zip_longest(infos, checks or ()):
        array = outputs[info.name]
        row = [info.name, array.dtype.name, "x".join(map(str, array.shape)) or "scalar", *_summary(array)]
        if check is not None:
            row += [f"{check.error:.2g}", f"{check.tolerance:.0e}", "ok" if check.good else "DIFFERS"]
        result.add_row(*row)
    return result


def _summary(array: Array) -> list[str]:
    if array.size == 0 or array.dtype.kind not in "biuf":
        return ["", "", ""]
    values = array.astype(np.float64)
    return [f"{value:.4g}" for value in (values.min(), values.mean(), values.max())]


def run() -> None:
    """The entry point of the command."""
    console.start(main)


if __name__ == "__main__":
    run()
