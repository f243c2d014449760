"""Representative kernels, each compiled by every schedule that can, and timed."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from aicc.driver import Options, compile_model, cpu_pipeline
from aicc.executable import Executable
from aicc.loader import load
from aicc.passes.kernels.choose import ChooseSchedules
from aicc.pipeline import Pipeline
from aicc.tools.inputs import random_inputs
from test.models.builder import Graph

RUNS = 15


def conv(channels: int, filters: int, side: int, kernel: int = 3, stride: int = 1, group: int = 1) -> Graph:
    """A convolution with bias and ReLU among other kernels, so that layouts are those of a network's inside."""
    g = Graph("conv")
    x = g.Relu(g.input("x", 1, channels, side, side))
    w = g.weight(filters, channels // group, kernel, kernel)
    y = g.Conv(x, w, g.weight(filters), pads=[kernel // 2] * 4, strides=[stride] * 2, group=group)
    g.output(g.Abs(g.GlobalAveragePool(g.Relu(y))), 1, filters, 1, 1)
    return g


def product(rows: int, depth: int, columns: int) -> Graph:
    g = Graph("product")
    g.output(g.Relu(g.MatMul(g.input("x", rows, depth), g.weight(depth, columns))), rows, columns)
    return g


CASES: dict[str, Callable[[], Graph]] = {
    **{
        f"3x3 {c} to {f}, {s}x{s}": lambda c=c, f=f, s=s: conv(c, f, s)
        for c, f, s in (
            (64, 64, 56),
            (128, 128, 28),
            (256, 256, 14),
            (512, 512, 7),
            (16, 16, 160),
            (32, 32, 80),
            (64, 64, 20),
            (128, 128, 20),
            (64, 64, 112),
            (96, 208, 14),
            (16, 32, 28),
            (3, 64, 112),
        )
    },
    **{
        f"depthwise {k}x{k} {c}, {s}x{s}, stride {d}": lambda c=c, s=s, k=k, d=d: conv(c, c, s, k, d, c)
        for c, s, k, d in (
            (32, 112, 3, 1),
            (144, 56, 3, 1),
            (384, 14, 3, 1),
            (960, 7, 3, 1),
            (96, 112, 3, 2),
            (240, 28, 5, 1),
        )
    },
    **{
        f"{k}x{k} {c}, {s}x{s}, {g} groups": lambda c=c, s=s, k=k, g=g: conv(c, c, s, k, 1, g)
        for c, s, k, g in ((112, 56, 3, 4), (128, 56, 3, 32), (272, 14, 1, 4), (64, 28, 3, 8))
    },
    **{
        f"product {m}x{k} by {k}x{n}": lambda m=m, k=k, n=n: product(m, k, n)
        for m, k, n in (
            (1, 768, 3072),
            (1, 3072, 768),
            (4, 768, 768),
            (128, 768, 16),
            (197, 384, 384),
            (1000, 8, 8),
            (4096, 64, 3),
        )
    },
}


@dataclass(frozen=True)
class Trial:
    """By schedule (measured, predicted) seconds of a call on one thread."""

    name: str
    chosen: str
    schedules: dict[str, tuple[float, float]]

    @property
    def regret(self) -> float:
        """The chosen one's time over the fastest's."""
        return self.schedules[self.chosen][0] / min(measured for measured, _ in self.schedules.values())


@dataclass(frozen=True)
class _Build:
    executable: Executable
    kernel: str
    schedule: str
    costs: dict[str, float]


def trial(name: str, graph: Callable[[], Graph]) -> Trial:
    """Compiles and times a case. Raises AiccError."""
    model = graph().model()
    inputs = list(random_inputs(model).values())
    first = _build(model, "")
    builds = {s: _build(model, s) for s in first.costs}
    builds = {s: b for s, b in builds.items() if b.schedule == s}
    times: dict[str, list[float]] = {s: [] for s in builds}
    for _ in range(RUNS):
        for schedule, build in builds.items():
            with build.executable.profile() as profile:
                build.executable.run(inputs)
            times[schedule].append(next(k.seconds for k in profile if k.name == build.kernel))
    measured = {s: float(np.percentile(t[2:], 25)) for s, t in times.items()}
    return Trial(name, first.schedule, {s: (measured[s], b.costs[s]) for s, b in builds.items()})


def _build(model: Any, only: str) -> _Build:
    """The model's convolution or product by the schedule `only`, by the chosen one when that is empty."""
    with tempfile.TemporaryDirectory(prefix="aicc-bench-") as folder:
        library = Path(folder) / "model.so"
        results = compile_model(model, library, Options(pipeline=_only(only))).stats["kernel_results"]
        executable = load(library)
    executable.num_threads = 1
    name = next(n for n in results if n.startswith(("conv", "matmul")))
    return _Build(executable, name, results[name]["schedule"], dict(results[name]["facts"].costs))


def _only(schedule: str) -> Pipeline:
    """The pipeline that chooses no other schedule where this one matches."""
    pipeline = cpu_pipeline()
    for stage in pipeline.stages:
        for number, p in enumerate(stage.passes):
            if isinstance(p, ChooseSchedules):
                stage.passes[number] = replace(p, only=schedule)
    return pipeline
