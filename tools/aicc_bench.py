"""aicc-bench: how fast a model runs, and how fast others run it.

aicc-bench model.onnx                                       time, load time, memory
aicc-bench model.onnx --against onnxruntime --threads 1,2   beside ONNX Runtime, with the ratio
aicc-bench model.so --kernels                               where the time goes
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import click
from rich.table import Table

from aicc.errors import CompileError
from aicc.tools import console
from aicc.tools.bench.rounds import Contestant, Result, measure
from aicc.tools.bench.runtimes import RUNTIMES, installed
from aicc.tools.inputs import random_inputs, specs_of_library, specs_of_model
from aicc.tools.models import is_compiled, open_model, read_onnx


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("model", type=click.Path(path_type=Path))
@click.option("--against", default="", metavar="NAME,...", help=f"Of {', '.join(list(RUNTIMES)[1:])}.")
@click.option("--threads", default="0", metavar="N,...", help="Thread counts to measure; 0 means all cores.")
@click.option(
    "--rounds", type=click.IntRange(min=1), default=9, show_default=True, help="Turns of each runtime."
)
@click.option("--seconds", type=float, default=0.5, show_default=True, help="Length of a turn.")
@click.option("--dim", multiple=True, metavar="NAME=N", help="Size of a symbolic dimension of the inputs.")
@click.option("--onnx", "source", type=click.Path(path_type=Path), help="The ONNX file of a compiled MODEL.")
@click.option("--kernels", is_flag=True, help="Show the time of each kernel.")
@click.option("-O", "opt_level", type=click.IntRange(0, 3), default=2, help="Optimization level.")
@console.reporting
def main(
    model: Path,
    against: str,
    threads: str,
    rounds: int,
    seconds: float,
    dim: tuple[str, ...],
    source: Path | None,
    kernels: bool,
    opt_level: int,
) -> int:
    """Measure MODEL (an ONNX file, or a shared library made by aicc), each runtime in a process of its own."""
    rivals = known_runtimes(against)
    counts = thread_counts(threads)
    dims = console.sizes(dim, "--dim")
    compiled = is_compiled(model)
    source = source or (None if compiled else model)
    if rivals and source is None:
        raise click.UsageError("--against needs the ONNX file: --onnx FILE")
    with tempfile.TemporaryDirectory(prefix="aicc-bench-") as folder:
        library = model
        executable = open_model(model, **({} if compiled else {"opt_level": opt_level}))
        if not compiled:
            library = executable.save(Path(folder) / "model.so")
        specs = specs_of_model(read_onnx(source)) if source else specs_of_library(executable.inputs)
        executable.close()
        contestants = [Contestant("aicc", library)]
        contestants += [Contestant(name, source) for name in rivals if source]
        inputs = random_inputs(specs, dims)
        results: list[Result] = []
        for count in counts:
            results += measure(contestants, inputs, count, rounds, seconds, kernels)
    console.show(table(results, bool(rivals)))
    for result in results:
        if result.profile:
            print(f"\n{result.threads or 'all'} threads\n{result.profile}")
    return 0


def known_runtimes(text: str) -> list[str]:
    """Raises a usage error for an unknown name, CompileError AICC-4002 for one that is not installed."""
    names = [name.strip() for name in text.split(",") if name.strip()]
    for name in names:
        if name not in RUNTIMES or name == "aicc":
            raise click.UsageError(
                f"--against: there is no runtime '{name}'; there are {', '.join(list(RUNTIMES)[1:])}"
            )
        if not installed(name):
            raise CompileError(
                "AICC-4002", f"{name} is not installed.", hint=f"pip install {RUNTIMES[name].module}"
            )
    return names


def thread_counts(text: str) -> list[int]:
    parts = text.split(",")
    if not all(part.strip().isdigit() for part in parts):
        raise click.UsageError(f"--threads takes numbers separated by commas, not '{text}'")
    return [int(part) for part in parts]


def table(results: list[Result], compared: bool) -> Table:
    """Milliseconds; the ratio says how many times faster aicc is than the runtime of the row."""
    out = Table("runtime", "threads", "median ms", "best ms", "spread", "load ms", "first ms", "memory MB")
    if compared:
        out.add_column("aicc is faster by")
        out.add_column("agreement")
    ours = {r.threads: r for r in results if r.runtime == "aicc"}
    for r in results:
        row = [
            f"{r.runtime} {r.version}",
            str(r.threads or "all"),
            milliseconds(r.median),
            milliseconds(r.best),
            f"{r.spread:.0%}",
            milliseconds(r.load),
            milliseconds(r.first),
            f"{r.memory / 1e6:.0f}",
        ]
        if compared:
            row.append("" if r.runtime == "aicc" else f"{r.median / ours[r.threads].median:.2f}x")
            row.append("" if r.error is None else f"{r.error:.1e}")
        out.add_row(*row)
    return out


def milliseconds(seconds: float) -> str:
    return f"{seconds * 1e3:.3g}" if seconds < 1e-2 else f"{seconds * 1e3:.1f}"


def run() -> None:
    """The entry point of the command."""
    console.start(main)


if __name__ == "__main__":
    run()
