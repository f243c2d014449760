"""`make bench`: aicc against ONNX Runtime on the models of benchmarks/models, and what compiling costs.

    python -m benchmarks.run                              every model, 1 and all threads; docs/performance.md
    python -m benchmarks.run resnet50 lstm --threads 1    some models; nothing is written
    python -m benchmarks.run --write resnet50             renews one model's rows of docs/performance.md

How it is measured is told in `aicc.tools.bench.rounds`. Results are kept in build/bench.json as they come.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click
import onnx

from aicc.errors import AiccError
from aicc.tools import console
from aicc.tools.aicc_bench import known_runtimes, thread_counts
from aicc.tools.bench.rounds import Contestant, Result, measure
from aicc.tools.inputs import random_inputs
from benchmarks import machine, report
from benchmarks.compile_cost import CompileFailed, compile_cost

CACHE = Path(os.environ.get("AICC_BENCH_CACHE", "build/models"))
RESULTS = Path("build/bench.json")
PAGE = Path("docs/performance.md")

MODELS = (
    "resnet50",
    "mobilenetv2",
    "vit-s16",
    "yolov8n",
    "bert-base-128",
    "bert-base-16",
    "bert-base-384",
    "bert-base-dynamic",
    "gpt2-prefill",
    "gpt2-decode",
    "llama-block",
    "lstm",
)
DIMS = {"bert-base-dynamic": {"batch": 1, "seq": 128}, "gpt2-decode": {"past": 64}}
"""Sizes of symbolic dimensions; they stay symbolic for the compiler."""


def exported(name: str) -> Path:
    """The ONNX file, made by a process of its own (torch is large) when the cache lacks it."""
    path = CACHE / f"{name}.onnx"
    if not path.exists():
        subprocess.run([sys.executable, "-m", "benchmarks.models.export", name], check=True)
    return path


def measured(name: str, rivals: list[str], threads: list[int], rounds: int, seconds: float) -> dict[str, Any]:
    """Everything about one model; `error` instead of numbers when aicc cannot compile or run it."""
    model = exported(name)
    row: dict[str, Any] = {"model": name, "dims": DIMS.get(name, {}), "megabytes": model.stat().st_size / 1e6}
    inputs = random_inputs(onnx.load(model, load_external_data=False), DIMS.get(name, {}))
    with tempfile.TemporaryDirectory(prefix="aicc-bench-") as folder:
        library = Path(folder) / f"{name}.so"
        try:
            row["compile"] = asdict(compile_cost(model, library))
            contestants = [Contestant("aicc", library), *(Contestant(rival, model) for rival in rivals)]
            results: list[Result] = []
            for count in threads:
                results += measure(contestants, inputs, count, rounds, seconds)
        except (CompileFailed, AiccError) as error:
            return {**row, "error": str(error)}
    row["results"] = [
        {**asdict(r), "median": r.median, "best": r.best, "spread": r.spread, "profile": None}
        for r in results
    ]
    return row


def load_results() -> dict[str, Any]:
    return json.loads(RESULTS.read_text()) if RESULTS.exists() else {"machine": {}, "models": {}}


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("models", nargs=-1)
@click.option("--against", default="onnxruntime", show_default=True, metavar="NAME,...")
@click.option("--threads", metavar="N,...", help="Default: 1 and the number of cores.")
@click.option("--rounds", default=9, show_default=True)
@click.option("--seconds", default=0.5, show_default=True, help="Length of one turn of one runtime.")
@click.option(
    "--write/--no-write", default=None, help=f"Write {PAGE}; default: when all models are measured."
)
@console.reporting
def main(
    models: tuple[str, ...],
    against: str,
    threads: str | None,
    rounds: int,
    seconds: float,
    write: bool | None,
) -> int:
    """Measure MODELS (default: all)."""
    unknown = [name for name in models if name not in MODELS and not (CACHE / f"{name}.onnx").exists()]
    if unknown:
        raise click.UsageError(f"unknown model {unknown[0]}; there are {', '.join(MODELS)}")
    counts = thread_counts(threads) if threads else sorted({1, len(os.sched_getaffinity(0))})
    everything = load_results()
    everything["machine"] = machine.describe()
    for name in models or MODELS:
        row = measured(name, known_runtimes(against), counts, rounds, seconds)
        everything["models"][name] = row
        RESULTS.parent.mkdir(parents=True, exist_ok=True)
        console.write_text(RESULTS, json.dumps(everything, indent=1))
        print(report.line(row), flush=True)
    if write or (write is None and not models):
        order = [name for name in (*MODELS, *everything["models"]) if name in everything["models"]]
        rows = [everything["models"][name] for name in dict.fromkeys(order)]
        console.write_text(PAGE, report.page(everything["machine"], rows))
    return 1 if any("error" in everything["models"][name] for name in models or MODELS) else 0


if __name__ == "__main__":
    console.start(main)
