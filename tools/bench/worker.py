"""One runtime in a process of its own, told what to do by lines of JSON on standard input.

    {"do": "load", "runtime": …, "model": …, "inputs": "x.npz", "threads": n, "cpus": […]}
    {"do": "round", "seconds": s}     runs for about s seconds, answers with the time of every run
    {"do": "outputs", "path": …}      runs once and saves the outputs in order
    {"do": "profile", "runs": n}      where the time goes, if the runtime can tell

Each line is answered by one line: the result, or {"error": text}. Memory is counted over that of a Python
with NumPy and nothing else.
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

from aicc.tools.bench.runtimes import Runtime, make_runtime

WARM_UP_RUNS = 2


def resident_bytes() -> int:
    """Resident memory of this process now."""
    fields = Path("/proc/self/statm").read_text().split()
    return int(fields[1]) * os.sysconf("SC_PAGE_SIZE")


class Worker:
    def __init__(self) -> None:
        self.baseline = resident_bytes()
        self.runtime: Runtime | None = None

    def load(
        self, runtime: str, model: str, inputs: str, threads: int, cpus: list[int] | None
    ) -> dict[str, Any]:
        """Opens the model and runs it the first time. Times in seconds, memory in bytes."""
        if cpus and hasattr(os, "sched_setaffinity"):
            os.sched_setaffinity(0, cpus)
        with np.load(inputs) as file:
            self.inputs = {name: file[name] for name in file.files}
        opened = make_runtime(runtime)
        start = time.perf_counter()
        opened.load(model, threads, self.inputs)
        loaded = time.perf_counter()
        opened.run()
        first = time.perf_counter()
        self.runtime = opened
        for _ in range(WARM_UP_RUNS):
            opened.run()
        memory = resident_bytes() - self.baseline
        return {
            "version": opened.version,
            "load": loaded - start,
            "first": first - loaded,
            "memory": memory,
        }

    def round(self, seconds: float) -> list[float]:
        """The time of each run, in seconds, for about `seconds` in all; at least three runs."""
        assert self.runtime is not None
        run, clock = self.runtime.run, time.perf_counter
        times: list[float] = []
        end = clock() + seconds
        run()  # caches and clocks wake up
        while len(times) < 3 or clock() < end:
            start = clock()
            run()
            times.append(clock() - start)
        return times

    def outputs(self, path: str) -> int:
        assert self.runtime is not None
        results = self.runtime.run()
        np.savez(path, *results)
        return len(results)

    def profile(self, runs: int) -> str:
        assert self.runtime is not None
        return self.runtime.profile(runs)


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


if __name__ == "__main__":
    main()
