"""How well the cost models predict: whole models kernel by kernel, and each choice of a schedule against the others.

    python -m benchmarks.predictions                 everything; docs/predictions.md
    python -m benchmarks.predictions resnet50 lstm   other models than those of MODELS, to the terminal

One thread, on a machine with nothing else to do; a kernel's time is the lower quartile of its calls in whole runs.
"""

from __future__ import annotations

import math
import tempfile
import time
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

import click
import numpy as np
import onnx

from aicc.driver import compile_model
from aicc.executable import Executable
from aicc.loader import load
from aicc.tools import console
from aicc.tools.inputs import random_inputs
from benchmarks import machine
from benchmarks.choices import CASES, Trial, trial
from benchmarks.zoo import DIMS, LIGHT, exported

PAGE = Path("docs/predictions.md")
MODELS = ("resnet50", "mobilenetv2", "yolov8n", "vit-s16", "bert-base-128", "gpt2-decode", "lstm", *LIGHT)
SECONDS = 1.0
FAR = 2.0
"""Predictions that are off by more than this factor are listed."""
LEAST_SHARE = 0.005


@dataclass(frozen=True)
class Row:
    """A kernel of a model: seconds of one call, measured and predicted; `share` of the model's time."""

    model: str
    kernel: str
    schedule: str
    calls: int
    measured: float
    predicted: float
    share: float

    @property
    def ratio(self) -> float:
        return self.predicted / self.measured


def rows_of(name: str) -> list[Row]:
    """The kernels of a model that have predictions. Raises AiccError."""
    path = exported(name)
    inputs = random_inputs(onnx.load(path, load_external_data=False), DIMS.get(name, {}))
    with tempfile.TemporaryDirectory(prefix="aicc-bench-") as folder:
        library = Path(folder) / "model.so"
        compile_model(path, library)
        executable = load(library)
    executable.num_threads = 1
    arrays = [inputs[info.name] for info in executable.inputs]
    seconds, calls = kernel_seconds(executable, arrays)
    total = sum(seconds[k] * calls[k] for k in seconds)
    return [
        Row(name, k.name, k.schedule.split("(")[0], calls[k.name], seconds[k.name], k.seconds, share)
        for k in executable.kernels
        if k.seconds and k.name in seconds
        for share in [seconds[k.name] * calls[k.name] / total]
    ]


def kernel_seconds(executable: Executable, arrays: list[object]) -> tuple[dict[str, float], dict[str, int]]:
    """By kernel: seconds of a call, and calls of a run."""
    times: dict[str, list[float]] = defaultdict(list)
    calls: dict[str, int] = {}
    for _ in range(2):
        executable.run(arrays)
    end = time.perf_counter() + SECONDS
    runs = 0
    while runs < 5 or (time.perf_counter() < end and runs < 100):
        with executable.profile() as profile:
            executable.run(arrays)
        for kernel in profile:
            times[kernel.name].append(kernel.seconds / kernel.calls)
            calls[kernel.name] = kernel.calls
        runs += 1
    return {name: float(np.percentile(values, 25)) for name, values in times.items()}, calls


def summary(rows: list[Row]) -> list[str]:
    """A table with one line for each schedule."""
    lines = [
        "| schedule | kernels | time ms | predicted ms | median ratio | within 1.25x | within 2x |",
        "|---|" + "---:|" * 6,
    ]
    for schedule in dict.fromkeys(sorted(row.schedule for row in rows)):
        own = [row for row in rows if row.schedule == schedule]
        off = [abs(math.log2(row.ratio)) for row in own]
        shares = [sum(x <= math.log2(factor) for x in off) / len(own) for factor in (1.25, FAR)]
        measured, predicted = (
            sum(row.calls * t for row, t in zip(own, ts, strict=True)) * 1e3 for ts in _times(own)
        )
        lines.append(
            f"| {schedule} | {len(own)} | {measured:.1f} | {predicted:.1f} | {np.median([r.ratio for r in own]):.2f} "
            f"| {shares[0]:.0%} | {shares[1]:.0%} |"
        )
    return lines


def _times(rows: list[Row]) -> tuple[list[float], list[float]]:
    return [row.measured for row in rows], [row.predicted for row in rows]


def far_off(rows: list[Row]) -> list[str]:
    """Kernels that take a share of their model's time worth looking at, and that predictions miss."""
    lines = ["| model | kernel | schedule | calls | µs | predicted | ratio |", "|---|---|---|" + "---:|" * 4]
    for row in sorted(rows, key=lambda r: -r.share):
        if row.share >= LEAST_SHARE and not 1 / FAR <= row.ratio <= FAR:
            name = row.kernel.rpartition("_")[0] or row.kernel
            lines.append(
                f"| {row.model} | {name} | {row.schedule} | {row.calls} | {row.measured * 1e6:.1f} "
                f"| {row.predicted * 1e6:.1f} | {row.ratio:.2f} |"
            )
    return lines


def choices(trials: list[Trial]) -> list[str]:
    """A table of forced schedules."""
    lines = [
        "| kernel | chosen | µs by schedule: measured (predicted) | over the best |",
        "|---|---|---|---:|",
    ]
    for t in trials:
        parts = [f"{name} {m * 1e6:.0f} ({p * 1e6:.0f})" for name, (m, p) in t.schedules.items()]
        lines.append(f"| {t.name} | {t.chosen} | {', '.join(parts)} | {t.regret:.2f} |")
    return lines


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("models", nargs=-1)
@console.reporting
def main(models: tuple[str, ...]) -> int:
    """Compare predictions with measurements on MODELS (default: one of each kind, and write the page)."""
    rows: list[Row] = []
    for name in models or MODELS:
        rows += rows_of(name)
        print(f"{name}: {sum(row.model == name for row in rows)} kernels", flush=True)
    parts = [
        "## By schedule",
        "",
        *summary(rows),
        "",
        f"## Off by more than {FAR:g}x",
        "",
        *far_off(rows),
        "",
    ]
    if models:
        print("\n".join(parts))
        return 0
    trials = []
    for case, graph in CASES.items():
        trials.append(trial(case, graph))
        print(f"{case}: {trials[-1].chosen}, {trials[-1].regret:.2f} of the best", flush=True)
    right = sum(t.regret <= 1.1 for t in trials)
    facts = [f"| {key} | {value} |" for key, value in machine.describe().items()]
    page = [
        "# Predictions",
        "",
        "Generated by `python -m benchmarks.predictions`; do not edit. Every schedule predicts how long a kernel",
        "takes, and the one that predicts least compiles it. Ratios are predicted over measured seconds on one thread.",
        "",
        *["| machine |  |", "|---|---|", *facts, ""],
        *parts,
        "## Choices",
        "",
        "Kernels compiled by each schedule that can. *over the best*: what the chosen one takes over what the fastest",
        f"takes; {right} of {len(trials)} are within 10 %.",
        "",
        *choices(trials),
        "",
    ]
    console.write_text(PAGE, "\n".join(page))
    return 0


if __name__ == "__main__":
    console.start(main)
