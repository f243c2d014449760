"""One runtime in a process of its own, told what to do by lines of JSON on standard input.

    {"do": "open", "runtime": "onnxruntime", "cpus": […]}     the name of a module of `runtimes`, or a file
    {"do": "compile", "model": …, "inputs": "x.npz", …}       the fields of a Job
    {"do": "load", …}                 the same
    {"do": "first"}                   runs it the first time
    {"do": "rethread", "threads": n, "cpus": […]}
    {"do": "round", "seconds": s}     runs for about s seconds, answers with the time of every run
    {"do": "outputs", "path": …}      saves the outputs of a run in order
    {"do": "profile", "runs": n}      where the time goes, if the runtime can tell

Each line is answered by one line: the result, or {"error": text}. Memory is counted over that of a Python
with NumPy and nothing else.
"""

from __future__ import annotations

import importlib
import importlib.util
import json
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from .runtime import Job, Runtime

WARM_UP_RUNS = 2
LONG_RUN = 1.0
"""Seconds from which a run is not repeated more often than needed."""


def resident_bytes() -> int:
    """Resident memory of this process now."""
    fields = Path("/proc/self/statm").read_text().split()
    return int(fields[1]) * os.sysconf("SC_PAGE_SIZE")


def make_runtime(name: str) -> Runtime:
    """An instance of the class `Peer` of module `name` of `runtimes`, or of the file `name`."""
    if not name.endswith(".py"):
        module = importlib.import_module(f".runtimes.{name}", __package__)
    else:
        spec = importlib.util.spec_from_file_location("measured_runtime", name)
        assert spec and spec.loader
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
    made: Runtime = module.Peer()
    return made


class Worker:
    def __init__(self) -> None:
        self.baseline = resident_bytes()
        self.runtime: Runtime | None = None
        self.usual = 0.0
        self.results: Sequence[Any] = ()

    @property
    def opened(self) -> Runtime:
        assert self.runtime is not None
        return self.runtime

    def open(self, runtime: str, cpus: list[int] | None = None) -> None:
        """Before anything else: thread pools count the cores when they are made."""
        if cpus and hasattr(os, "sched_setaffinity"):
            os.sched_setaffinity(0, cpus)
        self.runtime = make_runtime(runtime)

    def compile(self, inputs: str, **fields: Any) -> dict[str, Any]:
        """Seconds of the compilation alone."""
        job = Job(inputs=_arrays(inputs), **fields)
        start = time.perf_counter()
        self.opened.compile(job)
        return {"version": self.opened.version, "seconds": time.perf_counter() - start}

    def load(self, inputs: str, **fields: Any) -> dict[str, Any]:
        """Makes the model ready to run; seconds."""
        job = Job(inputs=_arrays(inputs), **fields)
        start = time.perf_counter()
        self.opened.load(job)
        return {"version": self.opened.version, "load": time.perf_counter() - start}

    def first(self) -> dict[str, Any]:
        """Runs it the first time, in seconds, and a few times more; then the memory in bytes."""
        start = time.perf_counter()
        self.results = self.opened.run()
        first = self.usual = time.perf_counter() - start
        self._warm_up()
        return {"first": first, "memory": resident_bytes() - self.baseline}

    def _warm_up(self) -> None:
        for _ in range(WARM_UP_RUNS if self.usual < LONG_RUN else 0):
            start = time.perf_counter()
            self.opened.run()
            self.usual = time.perf_counter() - start

    def rethread(self, threads: int, cpus: list[int] | None) -> None:
        """Another number of threads, on these cores: those a pool starts from now on inherit them."""
        if cpus and hasattr(os, "sched_setaffinity"):
            os.sched_setaffinity(0, cpus)
        self.opened.rethread(threads)
        self._warm_up()

    def round(self, seconds: float) -> list[float]:
        """The time of each run, in seconds, for about `seconds` in all; at least three runs, but only one when
        that takes longer than `LONG_RUN`."""
        run, clock = self.opened.run, time.perf_counter
        times: list[float] = []
        least = 3 if self.usual < LONG_RUN else 1
        if least > 1:
            run()  # caches and clocks wake up
        end = clock() + seconds
        while len(times) < least or clock() < end:
            start = clock()
            run()
            times.append(clock() - start)
        return times

    def outputs(self, path: str) -> int:
        """Of another run, or of the first where a run takes long."""
        results = self.opened.run() if self.usual < LONG_RUN else self.results
        np.savez(path, *results)
        return len(results)

    def profile(self, runs: int) -> dict[str, Any]:
        return self.opened.profile(runs)


def _arrays(path: str) -> dict[str, Any]:
    with np.load(path) as file:
        return {name: file[name] for name in file.files}


def main() -> None:
    worker = Worker()
    # Runtimes print warnings to standard output; answers keep a channel of their own.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    for line in sys.stdin:
        request = json.loads(line)
        try:
            answer = getattr(worker, request.pop("do"))(**request)
        except BaseException as error:
            answer = {"error": f"{type(error).__name__}: {error}"}
        answers.write(json.dumps(answer) + "\n")
        answers.flush()
