"""Kernels are built in worker processes: in parallel, each with a time limit, and none can take the compiler down.

A worker that crashes (LLVM aborts on what it cannot select) or hangs is killed and replaced, and its kernel is
tried with the next schedule. Workers live until the process ends, so that only the first compile waits for them.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import selectors
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import IO, Any, cast

from aicc.codegen.cache import ObjectCache, cache_key
from aicc.codegen.frames import receive, send
from aicc.codegen.jobs import Failure, KernelJob, KernelResult, Outcome
from aicc.codegen.kernel_build import Built, answer, neutral_text
from aicc.codegen.launches import Launch
from aicc.errors import CompileError
from aicc.knobs import knobs

Progress = Callable[[KernelResult], None]


def build_kernels(
    jobs: Sequence[KernelJob],
    cache: ObjectCache | None = None,
    progress: Progress | None = None,
) -> list[KernelResult]:
    """Builds every job; results in the order of `jobs`. `progress` is called as each one is done.

    The number of processes is `knobs.jobs`; 0 builds in this process. Raises CompileError AICC-3001 when no
    schedule of a job works.
    """
    results: dict[int, KernelResult] = {}
    keys = [job_key(job) for job in jobs] if cache is not None else []

    def done(number: int, result: KernelResult) -> None:
        results[number] = result
        if cache is not None and not result.cached:
            cache.put(keys[number], _header(result), result.built.object)
        if progress is not None:
            progress(result)

    missing = []
    for number, job in enumerate(jobs):
        found = cache.get(keys[number]) if cache is not None else None
        if found is None:
            missing.append(number)
        else:
            done(number, _from_cache(job, *found))
    if missing and knobs.jobs == 0:
        for number in missing:
            done(number, _build_here(jobs[number]))
    elif missing:
        _shared_pool().run({number: jobs[number] for number in missing}, knobs.jobs, done)
    return [results[number] for number in range(len(jobs))]


def job_key(job: KernelJob) -> str:
    """What the object of `job` depends on."""
    # The set of features as text has another order in every process.
    host = job.target.host_side
    features = sorted(job.target.features), sorted(host.features), host.triple, host.cpu
    rest = replace(job.target, features=frozenset(), host_target=None)
    return cache_key(neutral_text(job.text), job.symbol, job.schedules, features, rest, job.opt, knobs.ptxas)


def _header(result: KernelResult) -> dict[str, Any]:
    built = result.built
    return {
        "schedule": built.schedule,
        "config": built.config,
        "tiles": built.tiles,
        "grain": built.grain,
        "scratch": built.scratch,
        "launches": [asdict(launch) for launch in built.launches],
        "failures": [[f.schedule, f.outcome, f.message] for f in result.failures],
    }


def _from_cache(job: KernelJob, header: dict[str, Any], data: bytes) -> KernelResult:
    built = Built(
        data,
        header["schedule"],
        header["config"],
        header["tiles"],
        header["grain"],
        header["scratch"],
        launches=tuple(Launch(**launch) for launch in header["launches"]),
    )
    failures = tuple(Failure(*row) for row in header["failures"])
    return KernelResult(job.name, job.symbol, built, failures, cached=True)


def _build_here(job: KernelJob) -> KernelResult:
    """Without a worker: for a debugger, and for machines that forbid processes."""
    failures: list[Failure] = []
    for number in range(len(job.schedules)):
        outcome, value = answer(job.attempt(number))
        if outcome == "ok":
            return KernelResult(job.name, job.symbol, value, tuple(failures))
        failures.append(Failure(job.schedules[number], cast(Outcome, outcome), value))
    raise _hopeless(job, failures)


def _hopeless(job: KernelJob, failures: Sequence[Failure]) -> CompileError:
    return CompileError(
        "AICC-3001",
        f"no schedule could build kernel '{job.name}'.",
        node=job.node or None,
        stage="schedule",
        notes=[str(failure) for failure in failures],
        hint="please report this with the kernel's text (--dump DIR writes it).",
    )


@dataclass
class _Task:
    """A job under way: which schedule is next, and what failed."""

    number: int
    job: KernelJob
    schedule: int = 0
    failures: list[Failure] = field(default_factory=list)


@dataclass
class _Worker:
    """A process, the socket to it, and the file of what it prints."""

    pid: int
    stream: socket.socket
    errors: IO[bytes]
    task: _Task | None = None
    deadline: float = 0.0

    def kill(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)
        self.close()

    def close(self) -> None:
        self.stream.close()
        self.errors.close()

    def last_words(self) -> str:
        """The end of what the process printed: LLVM says there why it aborts."""
        self.errors.seek(0, os.SEEK_END)
        self.errors.seek(max(0, self.errors.tell() - 2000))
        lines = self.errors.read().decode(errors="replace").strip().splitlines()
        useful = [line for line in lines if not line.startswith((" #", "#", "PLEASE submit", "Stack dump"))]
        return " | ".join(useful[-4:])


class WorkerPool:
    """Forks workers from one zygote when there is work for them, and keeps them."""

    def __init__(self) -> None:
        self._zygote: subprocess.Popen[bytes] | None = None
        self._control: socket.socket | None = None
        self._ready = False
        self._idle: list[_Worker] = []
        self._owner = os.getpid()
        self._lock = threading.Lock()

    def run(
        self, jobs: dict[int, KernelJob], processes: int, done: Callable[[int, KernelResult], None]
    ) -> None:
        """Builds `jobs` on up to `processes` workers. Raises CompileError AICC-3001."""
        # Long texts first: a big kernel started last would leave the other workers idle.
        order = sorted(jobs, key=lambda number: -len(jobs[number].text))
        waiting = deque(_Task(number, jobs[number]) for number in order)
        busy: dict[int, _Worker] = {}
        with selectors.DefaultSelector() as selector:
            try:
                while waiting or busy:
                    while waiting and len(busy) < max(1, processes):
                        worker = self._start(waiting.popleft())
                        busy[worker.stream.fileno()] = worker
                        selector.register(worker.stream, selectors.EVENT_READ)
                    limit = min(worker.deadline for worker in busy.values()) - time.monotonic()
                    ready = {key.fd for key, _ in selector.select(max(0.0, limit))}
                    for fd, worker in list(busy.items()):
                        late = time.monotonic() >= worker.deadline
                        if fd not in ready and not late:
                            continue
                        selector.unregister(worker.stream)
                        del busy[fd]
                        task = worker.task
                        assert task is not None
                        result = self._finish(worker, task, fd in ready)
                        if result is None:
                            waiting.appendleft(task)
                        else:
                            done(task.number, result)
            finally:
                for worker in busy.values():
                    worker.kill()

    def _start(self, task: _Task) -> _Worker:
        """Hands the next attempt of `task` to an idle or new worker."""
        attempt = task.job.attempt(task.schedule)
        while True:
            try:
                worker, fresh = self._idle.pop(), False
            except IndexError:
                worker, fresh = self._fork(), True
            worker.task, worker.deadline = task, time.monotonic() + knobs.kernel_timeout
            try:
                send(worker.stream, attempt)
                return worker
            except OSError:  # an idle worker was killed by somebody else
                worker.kill()
                if fresh:
                    raise

    def _finish(self, worker: _Worker, task: _Task, answered: bool) -> KernelResult | None:
        """Takes the answer; None means that the task goes on with its next schedule."""
        outcome: Outcome
        if not answered:
            outcome, message = "timed out", f"more than {knobs.kernel_timeout:g} s"
            worker.kill()
        else:
            try:
                reply = receive(worker.stream)
            except (OSError, EOFError):
                reply = None
            if reply is None:
                outcome, message = "crashed", worker.last_words()
                worker.kill()
            else:
                worker.task = None
                self._idle.append(worker)
                if reply[0] == "ok":
                    job = task.job
                    return KernelResult(job.name, job.symbol, reply[1], tuple(task.failures))
                outcome, message = reply
        task.failures.append(Failure(task.job.schedules[task.schedule], outcome, message))
        task.schedule += 1
        if task.schedule == len(task.job.schedules):
            raise _hopeless(task.job, task.failures)
        return None

    def _fork(self) -> _Worker:
        with self._lock:  # compiles on several threads share the zygote
            return self._fork_locked()

    def _fork_locked(self) -> _Worker:
        control = self.launch()
        if not self._ready:
            if _line(control) != b"ready":
                self.close()
                raise CompileError("AICC-3001", "the worker processes did not start.", stage="schedule")
            self._ready = True
        ours, theirs = socket.socketpair()
        errors = tempfile.TemporaryFile()  # noqa: SIM115 (lives as long as the worker)
        with theirs:
            socket.send_fds(control, [b"+"], [theirs.fileno(), errors.fileno()])
            pid = int(_line(control))
        return _Worker(pid, ours, errors)

    def launch(self) -> socket.socket:
        """Starts the zygote unless it runs; it is ready for work half a second later."""
        if self._control is not None:
            return self._control
        ours, theirs = socket.socketpair()
        # One thread: a fork takes no other along. The warning filter is the parent's business.
        environment = os.environ | {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
        environment["PYTHONPATH"] = os.pathsep.join(entry for entry in sys.path if entry)
        with theirs:
            self._zygote = subprocess.Popen(
                [sys.executable, "-m", "aicc.codegen.zygote"],
                stdin=theirs.fileno(),
                stdout=subprocess.DEVNULL,
                env=environment,
            )
        self._control, self._ready = ours, False
        return ours

    def close(self) -> None:
        """Ends all processes; the next `run` starts new ones."""
        for worker in self._idle:
            worker.close()
        self._idle.clear()
        if self._control is not None:
            self._control.close()
            self._control = None
        if self._zygote is not None and os.getpid() == self._owner:
            self._zygote.kill()  # it holds nothing, and may still be importing
            self._zygote.wait()
            self._zygote = None


def _line(stream: socket.socket) -> bytes:
    """The next line on the control socket; empty when it closed."""
    text = b""
    while not text.endswith(b"\n"):
        part = stream.recv(64)
        if not part:
            return b""
        text += part
    return text.strip()


_POOL: WorkerPool | None = None


def _shared_pool() -> WorkerPool:
    """The pool of this process."""
    global _POOL
    if _POOL is None or _POOL._owner != os.getpid():
        if _POOL is not None:
            _POOL.close()  # a fork of the compiler's process: the workers are its parent's
        _POOL = WorkerPool()
        atexit.register(_POOL.close)
    return _POOL
