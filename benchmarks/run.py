"""`make bench`: aicc against other runtimes on the models of benchmarks/models, and what compiling costs.

    python -m benchmarks.run                              everything; docs/performance.md and .svg
    python -m benchmarks.run resnet50 lstm --threads 1    some models; nothing is written
    python -m benchmarks.run --write resnet50             renews one model's rows of docs/performance.md
    python -m benchmarks.run --write --against iree       renews one runtime's numbers
    python -m benchmarks.run --prepare                    installs, exports and compiles, so that a run only measures
    python -m benchmarks.run --resume                     goes on where an interrupted run stopped

How it is measured is told in `aicc.tools.bench.rounds`. Results are kept in build/bench.json as they come.
"""

from __future__ import annotations

import os
import tempfile
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click
import onnx

from aicc.errors import AiccError
from aicc.tools import console
from aicc.tools.aicc_bench import known_peers, symbolic_axes, thread_counts
from aicc.tools.bench.environments import python_of
from aicc.tools.bench.peers import AICC, Peer
from aicc.tools.bench.rounds import Contestant, Plan, compile_ahead, measure
from aicc.tools.inputs import random_inputs, specs_of_model
from benchmarks import chart, machine, report, shortfalls, store
from benchmarks.compile_cost import CompileFailed, compile_cost, compile_once
from benchmarks.zoo import CACHE, DIMS, MODELS, ROOT, exported, module_of

PAGE = Path("docs/performance.md")
CHART = Path("docs/performance.svg")


def measured(
    row: dict[str, Any], rivals: list[Peer], threads: list[int], plan: Plan, costs: bool
) -> dict[str, Any]:
    """The row of one model, renewed; `error` is there when aicc cannot compile it."""
    name = row["model"]
    model, dims = exported(name), DIMS.get(name, {})
    graph = onnx.load(model, load_external_data=False)
    specs, inputs = specs_of_model(graph), random_inputs(graph, dims)
    row |= {"dims": dims, "megabytes": model.stat().st_size / 1e6}
    row.pop("error", None)
    with tempfile.TemporaryDirectory(prefix="aicc-bench-") as folder:
        library = Path(folder) / f"{name}.so"
        try:
            if costs:
                row["compile"] = asdict(compile_cost(model, library))
            else:
                compile_once(model, library)
        except CompileFailed as error:
            return {**row, "error": str(error)}
        contestants = [Contestant(AICC, library)]
        contestants += [contestant(peer, model) for peer in rivals]
        store.add(row, measure(contestants, inputs, threads, plan, symbolic=symbolic_axes(specs)))
    return row


def prepare(name: str, rivals: list[Peer], plan: Plan) -> str:
    """Exports the model and compiles it for every runtime that does that ahead; one line of what it took."""
    model = exported(name)
    specs = specs_of_model(onnx.load(model, load_external_data=False))
    chosen = [contestant(peer, model) for peer in rivals if peer.compiles]
    made = compile_ahead(chosen, random_inputs(specs, DIMS.get(name, {})), plan, symbolic_axes(specs))
    facts = [f"{c.peer.name} {m.error or f'{m.seconds:.0f} s'}" for c, m in zip(chosen, made, strict=True)]
    return f"{name:<20} {'; '.join(facts)}"


def contestant(peer: Peer, model: Path) -> Contestant:
    """With the PyTorch module for the peer that starts from there."""
    if peer.name == "torchinductor" and module_of(model.stem):
        return Contestant(peer, model, module_of(model.stem), str(ROOT))
    return Contestant(peer, model)


def available(peers: list[Peer], install: bool) -> list[Peer]:
    """Those that are installed by now; the others are told and left out."""
    found = []
    for peer in peers:
        try:
            python_of(peer, install)
            found.append(peer)
        except AiccError as error:
            print(error, flush=True)
    return found


def write_page(everything: dict[str, Any]) -> None:
    rows = report.ordered(everything["models"], MODELS)
    remarks = shortfalls.section(report.lines(rows))
    console.write_text(PAGE, report.page(everything["machine"], rows, CHART.name, remarks))
    console.write_text(CHART, chart.svg(rows))


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("names", nargs=-1, metavar="[MODEL]...")
@click.option("--models", default="", metavar="NAME,...", help="The same as MODEL....")
@click.option("--against", default="all", show_default=True, metavar="NAME,...")
@click.option("--threads", metavar="N,...", help="Default: 1 and the number of cores.")
@click.option("--rounds", default=9, show_default=True)
@click.option("--slow-rounds", default=3, show_default=True, help="Rounds of runtimes that take long.")
@click.option("--seconds", default=0.5, show_default=True, help="Length of one turn of one runtime.")
@click.option("--run-limit", default=60.0, show_default=True, help="Seconds a first run may take.")
@click.option("--costs/--no-costs", default=True, help="Measure what compiling costs, too.")
@click.option("--resume", is_flag=True, help="Leave out models that have all results already.")
@click.option("--prepare", "only_prepare", is_flag=True, help="Install, export and compile, measure nothing.")
@click.option("--installed-only", is_flag=True, help="Install no runtime.")
@click.option(
    "--write/--no-write", default=None, help=f"Write {PAGE}; default: when all models are measured."
)
@console.reporting
def main(
    names: tuple[str, ...],
    models: str,
    against: str,
    threads: str | None,
    rounds: int,
    slow_rounds: int,
    seconds: float,
    run_limit: float,
    costs: bool,
    resume: bool,
    only_prepare: bool,
    installed_only: bool,
    write: bool | None,
) -> int:
    """Measure MODELs (default: all)."""
    chosen = [*names, *filter(None, models.split(","))] or list(MODELS)
    unknown = [name for name in chosen if name not in MODELS and not (CACHE / f"{name}.onnx").exists()]
    if unknown:
        raise click.UsageError(f"unknown model {unknown[0]}; there are {', '.join(MODELS)}")
    counts = thread_counts(threads) if threads else sorted({1, len(os.sched_getaffinity(0))})
    rivals = available(known_peers(against), not installed_only)
    plan = Plan(rounds, seconds, slow_rounds, run_limit=run_limit)
    if only_prepare:
        for name in chosen:
            print(prepare(name, rivals, plan), flush=True)
        return 0
    everything = store.load()
    everything["machine"] = machine.describe()
    wanted = ["aicc", *(peer.name for peer in rivals)]
    for name in chosen:
        row = everything["models"].get(name, {"model": name})
        if resume and store.complete(row, wanted, counts):
            continue
        start = time.perf_counter()
        everything["models"][name] = measured(row, rivals, counts, plan, costs)
        store.save(everything)
        print(f"{report.line(everything['models'][name])}  [{time.perf_counter() - start:.0f} s]", flush=True)
    if write or (write is None and set(chosen) >= set(MODELS)):
        write_page(everything)
    return 1 if any("error" in everything["models"][name] for name in chosen) else 0


if __name__ == "__main__":
    console.start(main)
