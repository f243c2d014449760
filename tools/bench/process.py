"""The parent's end of a worker: a process in the environment of the runtime it measures."""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

from aicc.errors import RuntimeError_
from aicc.tools.bench.environments import clean_environment
from aicc.tools.bench.memory import PeakMemory
from aicc.tools.bench.peers import Peer

PACKAGE = Path(__file__).parent / "worker"
BOOTSTRAP = """
import importlib.util as u, sys
spec = u.spec_from_file_location("aicc_bench_worker", sys.argv[1] + "/__init__.py")
sys.modules["aicc_bench_worker"] = package = u.module_from_spec(spec)
spec.loader.exec_module(package)
from aicc_bench_worker.main import main
main()
"""


class WorkerProcess:
    """A worker of `peer`, run by the interpreter `python`."""

    def __init__(self, peer: Peer, python: Path) -> None:
        self.peer = peer
        self.log = tempfile.TemporaryFile("w+", errors="replace")  # noqa: SIM115 - closed by close()
        self.process = subprocess.Popen(
            [str(python), "-c", BOOTSTRAP, str(PACKAGE)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.log,
            text=True,
            env=clean_environment() if peer.requirements else None,
            start_new_session=True,  # so that its children end with it
        )
        self.memory = PeakMemory(self.process.pid)

    def ask(self, do: str, limit: float | None = None, watch: bool = False, **arguments: Any) -> Any:
        """The worker's answer. With `watch`, `memory` learns what it and its children held meanwhile.

        Raises RuntimeError_ AICC-5003 when the runtime failed or died, or took more than `limit` seconds.
        """
        assert self.process.stdin and self.process.stdout
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.write(json.dumps({"do": do, **arguments}) + "\n")
            self.process.stdin.flush()
        if limit is not None or watch:
            self._wait(limit, watch)
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError_(
                "AICC-5003", f"{self.peer.name} {ending(self.process.wait())}.", notes=self.last_words()
            )
        answer = json.loads(line)
        if isinstance(answer, dict) and "error" in answer:
            raise RuntimeError_("AICC-5003", f"{self.peer.name}: {answer['error']}")
        return answer

    def _wait(self, limit: float | None, watch: bool) -> None:
        """Until there is an answer."""
        assert self.process.stdout
        end = None if limit is None else time.monotonic() + limit
        while not select.select([self.process.stdout], [], [], self.memory.pause if watch else limit)[0]:
            if watch:
                self.memory.sample()
            if end is not None and time.monotonic() > end:
                self.kill()
                raise RuntimeError_("AICC-5003", f"{self.peer.name} took more than {limit:.0f} s.")

    def last_words(self) -> list[str]:
        self.log.seek(0)
        return self.log.read().splitlines()[-3:]

    def kill(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)

    def close(self) -> None:
        for stream in (self.process.stdin, self.process.stdout, self.log):
            if stream:
                with contextlib.suppress(BrokenPipeError):  # what the dead process was not told
                    stream.close()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.kill()
            self.process.wait()


def ending(status: int) -> str:
    """How a process ended, in words."""
    if status < 0:
        with contextlib.suppress(ValueError):
            return f"was killed by {signal.Signals(-status).name} (status {status})"
    return f"ended with status {status}"
