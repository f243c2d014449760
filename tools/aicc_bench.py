"""aicc-bench: how fast a model runs, and how fast others run it.

aicc-bench model.onnx                                       time, load time, memory
aicc-bench model.onnx --against onnxruntime --threads 1,2   beside ONNX Runtime, with the ratio
aicc-bench model.onnx --kernels                             where the time goes, and how near to the machine's limits
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import Any

import click
from rich.table import Table

import aicc
from aicc.errors import RuntimeError_
from aicc.target import Target
from aicc.tools import console
from aicc.tools.bench.environments import python_of
from aicc.tools.bench.kernels import contraction_share, describe_peaks, kernel_rows, kernel_table
from aicc.tools.bench.peaks import measure_peaks
from aicc.tools.bench.peers import AICC, PEERS, RIVALS, Peer
from aicc.tools.bench.rounds import Contestant, Plan, Result, cores, measure
from aicc.tools.inputs import InputSpec, random_inputs, specs_of_library, specs_of_model
from aicc.tools.models import is_compiled, read_onnx


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("model", type=click.Path(path_type=Path))
@click.option("--against", default="", metavar="NAME,...", help=f"Of {', '.join(RIVALS)}; or all.")
@click.option("--threads", default="0", metavar="N,...", help="Thread counts to measure; 0 means all cores.")
@click.option(
    "--rounds", type=click.IntRange(min=1), default=9, show_default=True, help="Turns of each runtime."
)
@click.option("--seconds", type=float, default=0.5, show_default=True, help="Length of a turn.")
@click.option("--dim", multiple=True, metavar="NAME=N", help="Size of a symbolic dimension of the inputs.")
@click.option("--onnx", "source", type=click.Path(path_type=Path), help="The ONNX file of a compiled MODEL.")
@click.option("--kernels", is_flag=True, help="Show each kernel: time, share, part of the machine's peak.")
@click.option("--installed-only", is_flag=True, help="Install no runtime; an error if one is missing.")
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
    installed_only: bool,
    opt_level: int,
) -> int:
    """Measure MODEL (an ONNX file, or a shared library made by aicc), each runtime in a process of its own.

    Other runtimes live in environments of their own below aicc's cache; one that is missing is installed there.
    """
    rivals = known_peers(against)
    counts = thread_counts(threads)
    dims = console.sizes(dim, "--dim")
    compiled = is_compiled(model)
    source = source or (None if compiled else model)
    if rivals and source is None:
        raise click.UsageError("--against needs the ONNX file: --onnx FILE")
    for peer in rivals:
        python_of(peer, install=not installed_only)
    with tempfile.TemporaryDirectory(prefix="aicc-bench-") as folder:
        library, stats = model, {}
        if not compiled:
            library = Path(folder) / "model.so"
            stats = aicc.compile_model(model, library, aicc.Options(opt_level=opt_level)).stats
        specs = specs_of_model(read_onnx(source)) if source else specs_of_library(aicc.load(library).inputs)
        contestants = [Contestant(AICC, library)]
        contestants += [Contestant(peer, source) for peer in rivals if source]
        inputs = random_inputs(specs, dims)
        plan = Plan(rounds, seconds)
        results = measure(contestants, inputs, counts, plan, kernels, symbolic_axes(specs))
    console.show(table(results, bool(rivals)))
    for result in results:
        if result.failure:
            print(f"{result.runtime}, {result.threads or 'all'} threads: {result.failure}", file=sys.stderr)
        if result.profile:
            show_kernels(result, stats.get("kernel_results", {}))
    ours = next((r for r in results if r.runtime == "aicc" and r.failure), None)
    if ours:
        raise RuntimeError_("AICC-5003", ours.failure)
    return 0


def known_peers(text: str) -> list[Peer]:
    """The peers of a comma separated list. Raises a usage error for an unknown name."""
    names = list(RIVALS) if text == "all" else [n.strip() for n in text.split(",") if n.strip()]
    for name in names:
        if name not in RIVALS:
            raise click.UsageError(
                f"--against: there is no runtime '{name}'; there are {', '.join(RIVALS)}, all"
            )
    return [PEERS[name] for name in names]


def thread_counts(text: str) -> list[int]:
    parts = text.split(",")
    if not all(part.strip().isdigit() for part in parts):
        raise click.UsageError(f"--threads takes numbers separated by commas, not '{text}'")
    return [int(part) for part in parts]


def symbolic_axes(specs: list[InputSpec]) -> dict[str, list[int]]:
    """The axes of each input that have no fixed size."""
    axes = {s.name: [n for n, dim in enumerate(s.shape) if not isinstance(dim, int)] for s in specs}
    return {name: which for name, which in axes.items() if which}


def table(results: list[Result], compared: bool) -> Table:
    """Milliseconds; the ratio says how many times faster aicc is than the runtime of the row."""
    out = Table("runtime", "threads", "median ms", "best ms", "spread", "load ms", "first ms", "memory MB")
    if compared:
        for title in ("aicc is faster by", "agreement", "compile s"):
            out.add_column(title)
    ours = {r.threads: r for r in results if r.runtime == "aicc" and r.rounds}
    for r in results:
        name, threads = f"{r.runtime} {r.version}".strip(), str(r.threads or "all")
        if r.failure:
            out.add_row(name, threads, "failed")
            continue
        row = [
            name,
            threads,
            milliseconds(r.median),
            milliseconds(r.best),
            f"{r.spread:.0%}",
            milliseconds(r.load),
            milliseconds(r.first),
            f"{r.memory / 1e6:.0f}",
        ]
        if compared:
            known = r.runtime != "aicc" and r.threads in ours
            row.append(f"{r.median / ours[r.threads].median:.2f}x" if known else "")
            row.append("" if r.error is None else f"{r.error:.1e}")
            row.append("" if r.compile is None else f"{r.compile:.1f}")
        out.add_row(*row)
    return out


def show_kernels(result: Result, kernel_results: dict[str, Any]) -> None:
    """The kernels of a profiled run, and the peaks they are compared with, measured now."""
    peaks = measure_peaks(Target.host(), cores(result.threads))
    rows = kernel_rows(result.profile, kernel_results, peaks)
    print(f"\n{describe_peaks(peaks)}")
    console.show(kernel_table(rows))
    share = contraction_share(rows, peaks)
    if share is not None:
        print(f"all kernels bound by multiplications: {share:.0%} of the peak")


def milliseconds(seconds: float) -> str:
    return f"{seconds * 1e3:.3g}" if seconds < 1e-2 else f"{seconds * 1e3:.1f}"


def run() -> None:
    """The entry point of the command."""
    console.start(main)


if __name__ == "__main__":
    run()
