"""Measures several runtimes on one model in interleaved rounds.

Each runtime has a process of its own, pinned to the same cores; in every round each runs for a moment while
the others sleep, so that a slow minute of the machine hits all alike. Medians are over the rounds' medians.
"""

from __future__ import annotations

import contextlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aicc.errors import RuntimeError_
from aicc.tools.agreement import relative_error

Array = NDArray[Any]


@dataclass(frozen=True)
class Contestant:
    """A runtime and the file it loads."""

    runtime: str
    model: Path


@dataclass
class Result:
    """What one runtime did. Seconds and bytes; `rounds` holds the median of each round."""

    runtime: str
    version: str
    threads: int
    load: float
    first: float
    memory: int
    rounds: list[float] = field(default_factory=list)
    error: float | None = None
    """max|a - b| / max|b| of the worst output, against the first contestant that is not aicc."""
    profile: str = ""

    @property
    def median(self) -> float:
        return statistics.median(self.rounds)

    @property
    def best(self) -> float:
        return min(self.rounds)

    @property
    def spread(self) -> float:
        """Half the distance between the quartiles, relative to the median: how noisy the machine was."""
        if len(self.rounds) < 4:
            return 0.0
        low, _, high = statistics.quantiles(self.rounds, n=4)
        return (high - low) / 2 / self.median


class WorkerProcess:
    """The parent's end of a worker."""

    def __init__(self, contestant: Contestant) -> None:
        self.contestant = contestant
        self.log = tempfile.TemporaryFile("w+", errors="replace")  # noqa: SIM115 - closed by close()
        self.process = subprocess.Popen(
            [sys.executable, "-m", "aicc.tools.bench.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.log,
            text=True,
        )

    def ask(self, do: str, **arguments: Any) -> Any:
        """Raises RuntimeError_ AICC-5003 when the runtime failed or died."""
        assert self.process.stdin and self.process.stdout
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.write(json.dumps({"do": do, **arguments}) + "\n")
            self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            code = self.process.wait()
            self.log.seek(0)
            notes = self.log.read().splitlines()[-3:]
            raise RuntimeError_(
                "AICC-5003", f"{self.contestant.runtime} ended with status {code}.", notes=notes
            )
        answer = json.loads(line)
        if isinstance(answer, dict) and "error" in answer:
            raise RuntimeError_("AICC-5003", f"{self.contestant.runtime}: {answer['error']}")
        return answer

    def close(self) -> None:
        for stream in (self.process.stdin, self.process.stdout, self.log):
            if stream:
                with contextlib.suppress(BrokenPipeError):  # what the dead process was not told
                    stream.close()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()


def cores(threads: int) -> list[int]:
    """The cores to pin to: the first `threads` this process may use, all for 0."""
    available = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []
    return available[:threads] if threads else available


def measure(
    contestants: Sequence[Contestant],
    inputs: Mapping[str, Array],
    threads: int,
    rounds: int = 9,
    seconds: float = 0.5,
    profile: bool = False,
) -> list[Result]:
    """One Result per contestant, in order. Raises RuntimeError_ AICC-5003."""
    with tempfile.TemporaryDirectory(prefix="aicc-bench-") as name, _workers(contestants) as workers:
        folder = Path(name)
        np.savez(folder / "inputs.npz", **inputs)  # type: ignore[arg-type]
        results = []
        for worker in workers:
            c = worker.contestant
            facts = worker.ask(
                "load",
                runtime=c.runtime,
                model=str(c.model),
                inputs=str(folder / "inputs.npz"),
                threads=threads,
                cpus=cores(threads),
            )
            results.append(Result(runtime=c.runtime, threads=threads, **facts))
        for number in range(rounds):
            # Every other round the other way round: nobody always runs after the same neighbour.
            order = list(zip(workers, results, strict=True))
            for worker, result in order if number % 2 == 0 else reversed(order):
                time.sleep(0.02)  # threads of the one before stop spinning
                result.rounds.append(statistics.median(worker.ask("round", seconds=seconds)))
        _compare(workers, results, folder)
        for worker, result in zip(workers, results, strict=True):
            if profile and result.runtime == "aicc":
                result.profile = worker.ask("profile", runs=max(3, int(0.5 / result.median)))
        return results


def _compare(workers: Sequence[WorkerProcess], results: Sequence[Result], folder: Path) -> None:
    """Sets each result's `error` against the first runtime that is not aicc."""
    reference = next((n for n, r in enumerate(results) if r.runtime != "aicc"), None)
    if reference is None:
        return
    outputs = [_outputs(worker, folder / f"{n}.npz") for n, worker in enumerate(workers)]
    for n, result in enumerate(results):
        if n != reference:
            pairs = zip(outputs[n], outputs[reference], strict=True)
            result.error = max((relative_error(a, b) for a, b in pairs), default=0.0)


def _outputs(worker: WorkerProcess, path: Path) -> list[Array]:
    count = worker.ask("outputs", path=str(path))
    with np.load(path) as file:
        return [file[f"arr_{n}"] for n in range(count)]


@contextlib.contextmanager
def _workers(contestants: Sequence[Contestant]) -> Iterator[list[WorkerProcess]]:
    workers: list[WorkerProcess] = []
    try:
        for contestant in contestants:
            workers.append(WorkerProcess(contestant))
        yield workers
    finally:
        for worker in workers:
            worker.close()
