"""What compiling a model costs: seconds without and with a cache of kernels, peak memory of all processes, size."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from aicc.tools.bench.memory import PeakMemory


@dataclass(frozen=True)
class CompileCost:
    """Seconds and bytes. `library` is the size of the shared library without its weights."""

    cold: float
    warm: float
    memory: int
    library: int


class CompileFailed(Exception):
    """The compiler said no; the text is its message."""


def compile_cost(model: Path, out: Path, options: tuple[str, ...] = ()) -> CompileCost:
    """Compiles `model` to `out` with an empty cache, then with the cache that left. Raises CompileFailed."""
    with tempfile.TemporaryDirectory(prefix="aicc-bench-") as name:
        folder = Path(name)
        cold, memory = _compile(model, out, folder / "cache", options)
        warm, _ = _compile(model, out, folder / "cache", options)
        bare = folder / "bare.so"
        _compile(model, bare, folder / "cache", (*options, "--weights", "external"))
        return CompileCost(cold, warm, memory, bare.stat().st_size)


def peak_of(model: Path, out: Path, options: tuple[str, ...]) -> tuple[float, int]:
    """(seconds, peak bytes) of compiling `model` to `out` with the user's cache. Raises CompileFailed."""
    return _compile(model, out, None, options)


def compile_once(model: Path, out: Path) -> None:
    """Compiles `model` to `out` with the user's cache. Raises CompileFailed."""
    _compile(model, out, None, ())


def _compile(model: Path, out: Path, cache: Path | None, options: tuple[str, ...]) -> tuple[float, int]:
    """(seconds, peak bytes) of one run of the command line compiler."""
    command = [sys.executable, "-m", "aicc.tools.aicc", str(model), "-o", str(out), *options]
    environment = {**os.environ, **({"AICC_CACHE_DIR": str(cache)} if cache else {})}
    start = time.perf_counter()
    process = subprocess.Popen(
        command, env=environment, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True
    )
    memory = PeakMemory(process.pid)
    while process.poll() is None:
        memory.sample()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(memory.pause)
    seconds = time.perf_counter() - start
    message = process.stderr.read() if process.stderr else ""
    if process.returncode:
        lines = message.strip().splitlines() or [f"exit status {process.returncode}"]
        raise CompileFailed(lines[0])
    return seconds, memory.bytes
