"""Measures several runtimes on one model in interleaved rounds.

Each runtime has a process of its own, pinned to the same cores; in every round each runs for a moment while
the others sleep, so that a slow minute of the machine hits all alike. Medians are over the rounds' medians.
A runtime that fails, dies or takes too long is told with its reason, and the others go on.
"""

from __future__ import annotations

import contextlib
import os
import statistics
import tempfile
import time
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aicc.errors import AiccError, AiccWarning
from aicc.tools.agreement import relative_error
from aicc.tools.bench.compiled import COMPILE_SECONDS, Compilation, compiled, reason
from aicc.tools.bench.environments import python_of
from aicc.tools.bench.peers import Peer
from aicc.tools.bench.process import WorkerProcess

Array = NDArray[Any]


LONG_RUN = 3.0
"""Seconds from which one run of a runtime is enough."""


@dataclass(frozen=True)
class Plan:
    """How long to measure. `rounds` turns of `seconds` each, `slow_rounds` for slow runtimes; no compilation
    may take more than `compile_limit` seconds, nor loading nor a turn more than `limit`, nor the first run more
    than `run_limit`. Where that takes longer than `LONG_RUN` it is all that is measured."""

    rounds: int = 9
    seconds: float = 0.5
    slow_rounds: int = 3
    compile_limit: float = COMPILE_SECONDS
    limit: float = 120.0
    run_limit: float = 60.0

    def takes_part(self, peer: Peer, number: int) -> bool:
        """Whether the peer runs in round `number`: the rounds of slow ones are spread over all."""
        share = min(self.slow_rounds if peer.slow else self.rounds, self.rounds)
        return number * share % self.rounds < share


@dataclass(frozen=True)
class Contestant:
    """A runtime and the file it loads; `module` and `root` as in the worker's Job."""

    peer: Peer
    model: Path
    module: str = ""
    root: str = ""


@dataclass
class Result:
    """What one runtime did. Seconds and bytes; `rounds` holds the median of each round.

    `failure` is why there are no rounds. `compile` and `compile_memory` are those of a runtime that compiles
    ahead, None for one that compiles while it loads.
    """

    runtime: str
    version: str = ""
    threads: int = 0
    load: float = 0.0
    first: float = 0.0
    memory: int = 0
    rounds: list[float] = field(default_factory=list)
    error: float | None = None
    """max|a - b| / max|b| of the worst output, against the first contestant that is not aicc."""
    compile: float | None = None
    compile_memory: int | None = None
    failure: str = ""
    profile: dict[str, Any] = field(default_factory=dict)

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


def cores(threads: int) -> list[int]:
    """The cores to pin to: the first `threads` this process may use, all for 0."""
    available = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []
    return available[:threads] if threads else available


def measure(
    contestants: Sequence[Contestant],
    inputs: Mapping[str, Array],
    threads: Sequence[int],
    plan: Plan = Plan(),
    profile: bool = False,
    symbolic: Mapping[str, Sequence[int]] | None = None,
) -> list[Result]:
    """For each thread count one Result per contestant, in order; `symbolic` as in the worker's Job.

    Raises CompileError AICC-4003 when a runtime's environment is missing and cannot be made.
    """
    with _job(inputs, symbolic) as job, contextlib.ExitStack() as stack:
        entries: list[_Entry] = []
        results: list[Result] = []
        for count in threads:
            before, entries = entries, []
            for n, contestant in enumerate(contestants):
                entries.append(_Entry(contestant, {**job, "threads": count}, plan))
                stack.callback(entries[-1].close)
                if before:
                    entries[-1].follow(before[n], cores(count))
                else:
                    entries[-1].open(cores(count))
            _turn(entries, plan, Path(job["inputs"]).parent, profile)
            results += [entry.result for entry in entries]
        return results


def compile_ahead(
    contestants: Sequence[Contestant],
    inputs: Mapping[str, Array],
    plan: Plan = Plan(),
    symbolic: Mapping[str, Sequence[int]] | None = None,
) -> list[Compilation]:
    """What `measure` would compile first, one after the other; raises as `measure` does."""
    with _job(inputs, symbolic) as job:
        return [
            compiled(c.peer, _Entry(c, {**job, "threads": 0}, plan).job, plan.compile_limit)
            for c in contestants
        ]


@contextlib.contextmanager
def _job(
    inputs: Mapping[str, Array], symbolic: Mapping[str, Sequence[int]] | None
) -> Iterator[dict[str, Any]]:
    """The fields of the worker's Job that all contestants share, in a folder that lasts as long."""
    with tempfile.TemporaryDirectory(prefix="aicc-bench-") as name:
        path = Path(name) / "inputs.npz"
        np.savez(path, **inputs)  # type: ignore[arg-type]
        yield {"inputs": str(path), "symbolic": dict(symbolic or {})}


def _turn(entries: Sequence[_Entry], plan: Plan, folder: Path, profile: bool) -> None:
    """The rounds of one thread count."""
    _rounds(entries, plan)
    _check_priorities([entry.worker.process.pid for entry in entries if entry.alive and entry.worker])
    _compare(entries, folder)
    for entry in entries:
        if profile and entry.alive and entry.peer.name == "aicc":
            runs = max(3, int(0.5 / entry.result.median))
            entry.result.profile = entry.ask("profile", runs=runs) or {}


def _check_priorities(pids: Sequence[int]) -> None:
    """Warns when somebody has changed the priority of some of the processes: on a busy machine that decides."""
    levels = {os.getpriority(os.PRIO_PROCESS, pid) for pid in pids}
    if len(levels) > 1:
        text = (
            f"the measured processes run at different priorities (nice {', '.join(map(str, sorted(levels)))})"
        )
        warnings.warn(f"{text}: ratios are worthless unless the machine is idle.", AiccWarning, stacklevel=2)


class _Entry:
    """A contestant, its process and its result so far. After a failure nothing more is asked of it."""

    def __init__(self, contestant: Contestant, job: Mapping[str, Any], plan: Plan) -> None:
        self.peer, self.plan = contestant.peer, plan
        self.job = {
            **job,
            "model": str(contestant.model),
            "module": contestant.module,
            "root": contestant.root,
        }
        self.result = Result(contestant.peer.name, threads=job["threads"])
        self.worker: WorkerProcess | None = None

    @property
    def alive(self) -> bool:
        return self.worker is not None and not self.result.failure

    def open(self, cpus: list[int]) -> None:
        """Compiles if need be, starts the process, loads, runs the first time."""
        ahead: Compilation = compiled(self.peer, self.job, self.plan.compile_limit)
        if ahead.error:
            self.result.failure = ahead.error
            return
        if self.peer.compiles:
            self.result.compile, self.result.compile_memory = ahead.seconds, ahead.memory
        self.worker = WorkerProcess(self.peer, python_of(self.peer))
        self.ask("open", runtime=self.peer.runtime, cpus=cpus)
        facts = self.ask("load", **{**self.job, "folder": ahead.folder}) or {}
        facts |= self.ask("first", limit=self.plan.run_limit) or {}
        for key, value in facts.items():
            setattr(self.result, key, value)

    def follow(self, before: _Entry, cpus: list[int]) -> None:
        """Takes over from the entry of another thread count: its process, where that may change the count."""
        if before.result.failure:
            self.result.failure = before.result.failure  # it would fail, or take as long, again
            return
        if not self.peer.rethreads:
            before.close()
            self.open(cpus)
            return
        self.worker, before.worker = before.worker, None
        facts = ("version", "load", "first", "memory", "compile", "compile_memory")
        self.result = replace(self.result, **{name: getattr(before.result, name) for name in facts})
        self.ask("rethread", threads=self.result.threads, cpus=cpus)

    def ask(self, do: str, limit: float | None = None, **arguments: Any) -> Any:
        """The answer, None after a failure, which `result` then tells."""
        if not self.alive:
            return None
        assert self.worker is not None
        try:
            return self.worker.ask(do, limit=limit or self.plan.limit, **arguments)
        except AiccError as error:
            self.result.failure = reason(error)
            self.result.rounds.clear()
            return None

    def close(self) -> None:
        if self.worker is not None:
            self.worker.close()
            self.worker = None


def _rounds(entries: Sequence[_Entry], plan: Plan) -> None:
    for number in range(plan.rounds):
        # Every other round the other way round: nobody always runs after the same neighbour.
        for entry in entries if number % 2 == 0 else reversed(entries):
            if entry.alive and plan.takes_part(entry.peer, number):
                if entry.result.first > LONG_RUN:
                    entry.result.rounds = [entry.result.first]
                    continue
                time.sleep(0.02)  # threads of the one before stop spinning
                times = entry.ask("round", seconds=plan.seconds)
                if times:
                    entry.result.rounds.append(statistics.median(times))


def _compare(entries: Sequence[_Entry], folder: Path) -> None:
    """Sets each result's `error` against the first runtime that is not aicc and ran."""
    reference = next((e for e in entries if e.alive and e.peer.name != "aicc"), None)
    if reference is None:
        return
    outputs = {n: _outputs(e, folder / f"{n}.npz") for n, e in enumerate(entries) if e.alive}
    expected = outputs[entries.index(reference)]
    for n, entry in enumerate(entries):
        if entry.alive and entry is not reference and expected is not None:
            entry.result.error = _worst(outputs[n], expected)


def _worst(ours: list[Array] | None, theirs: list[Array]) -> float:
    """Infinite when outputs are missing."""
    if ours is None or len(ours) != len(theirs):
        return float("inf")
    return max((relative_error(a, b) for a, b in zip(ours, theirs, strict=True)), default=0.0)


def _outputs(entry: _Entry, path: Path) -> list[Array] | None:
    count = entry.ask("outputs", path=str(path))
    if count is None:
        return None
    with np.load(path) as file:
        return [file[f"arr_{n}"] for n in range(count)]
