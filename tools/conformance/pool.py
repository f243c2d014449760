"""Tests in worker processes: a crash or a hang is one test's outcome, and the rest goes on."""

from __future__ import annotations

import json
import os
import queue
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from typing import Any

from aicc.tools.conformance.check import CRASHED, HUNG, Outcome
from aicc.tools.conformance.suite import Test

Progress = Callable[[Outcome], None]


def run_tests(
    tests: Sequence[tuple[Test, str]], jobs: int, timeout: float, progress: Progress | None = None
) -> list[Outcome]:
    """The outcomes in the order of `tests`, which are pairs of a test and one of `WAYS`; each has `timeout` seconds."""
    todo: queue.SimpleQueue[int] = queue.SimpleQueue()
    for number in range(len(tests)):
        todo.put(number)
    outcomes: dict[int, Outcome] = {}
    lock = threading.Lock()

    def serve() -> None:
        worker = _Worker(timeout)
        while True:
            try:
                number = todo.get_nowait()
            except queue.Empty:
                break
            outcome = worker.run(*tests[number])
            with lock:
                outcomes[number] = outcome
                if progress is not None:
                    progress(outcome)
        worker.stop()

    threads = [threading.Thread(target=serve, daemon=True) for _ in range(max(1, jobs))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return [outcomes[number] for number in range(len(tests))]


class _Worker:
    """A process that is replaced when it dies, and killed when it takes too long."""

    def __init__(self, timeout: float) -> None:
        self.timeout = timeout
        self.process: subprocess.Popen[str] | None = None

    def run(self, test: Test, way: str) -> Outcome:
        process = self._started()
        hung = threading.Event()

        def stop() -> None:
            hung.set()
            process.kill()

        timer = threading.Timer(self.timeout, stop)
        timer.start()
        answer = ""
        try:
            assert process.stdin is not None and process.stdout is not None
            process.stdin.write(json.dumps([test.kind, test.name, str(test.path), way]) + "\n")
            process.stdin.flush()
            answer = process.stdout.readline()
        except OSError:
            pass  # it is gone: no answer
        finally:
            timer.cancel()
        if answer.endswith("\n"):
            found: dict[str, Any] = json.loads(answer)
            return Outcome(**found)
        status = process.wait()
        self.process = None
        if hung.is_set():
            reason = f"no answer within {self.timeout:.0f} s"
            return Outcome(test.kind, test.name, HUNG, reason, self.timeout, way)
        return Outcome(test.kind, test.name, CRASHED, f"the process ended with status {status}", way=way)

    def _started(self) -> subprocess.Popen[str]:
        if self.process is None:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "aicc.tools.conformance.worker"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                text=True,
                env={**os.environ, "PYTHONWARNINGS": "ignore", "AICC_NUM_THREADS": "1"},
            )
        return self.process

    def stop(self) -> None:
        if self.process is not None:
            assert self.process.stdin is not None
            self.process.stdin.close()
            self.process.wait()
