"""What runtimes compiled ahead, kept below aicc's cache: compiling takes them from seconds to minutes.

    <cache>/bench/compiled/iree-<key>/model.vmfb, …    what the runtime's `load` reads
    <cache>/bench/compiled/iree-<key>.json             seconds and bytes it took, or why it failed

The key covers the model's contents, the peer's requirements, its worker's source, and what of the job matters.
"""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any

from aicc.errors import AiccError
from aicc.tools.bench.environments import bench_folder, python_of
from aicc.tools.bench.peers import Peer
from aicc.tools.bench.process import PACKAGE, WorkerProcess

COMPILE_SECONDS = 300.0
FAILURES_COUNT_SECONDS = 12 * 3600.0


@dataclass(frozen=True)
class Compilation:
    """`seconds` of compiling, `memory` in bytes the compiling processes held at most; `error` when it failed."""

    folder: str
    version: str = ""
    seconds: float = 0.0
    memory: int = 0
    error: str = ""


def compiled(peer: Peer, job: Mapping[str, Any], limit: float = COMPILE_SECONDS) -> Compilation:
    """Compiles unless that was done before. `job` holds the fields of the worker's Job; a peer that compiles
    while it loads gets an empty folder name."""
    if not peer.compiles:
        return Compilation("")
    folder = bench_folder() / "compiled" / f"{peer.name}-{_key(peer, job)}"
    record = folder.with_suffix(".json")
    known = _recorded(record)
    if known is not None:
        return known
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    done = _compile(peer, {**job, "folder": str(folder)}, limit)
    if done.error:
        shutil.rmtree(folder, ignore_errors=True)
    record.write_text(json.dumps(asdict(done), indent=1))
    return done


def _recorded(path: Path) -> Compilation | None:
    """What is known of an earlier compilation. Failures count for a while only: the machine may have been busy."""
    try:
        known = Compilation(**json.loads(path.read_text()))
        age = time.time() - path.stat().st_mtime
    except (OSError, ValueError, TypeError):
        return None
    return None if known.error and age > FAILURES_COUNT_SECONDS else known


def _compile(peer: Peer, job: Mapping[str, Any], limit: float) -> Compilation:
    worker = WorkerProcess(peer, python_of(peer))
    try:
        worker.ask("open", limit=limit, runtime=peer.runtime)
        facts = worker.ask("compile", limit=limit, watch=True, **job)
        return Compilation(job["folder"], facts["version"], facts["seconds"], worker.memory.bytes)
    except AiccError as error:
        return Compilation(job["folder"], error=reason(error))
    finally:
        worker.close()


def reason(error: AiccError) -> str:
    """One line of why a runtime failed."""
    return " ".join([error.message, *error.notes[-1:]]).replace("\n", " ")[:400]


def _key(peer: Peer, job: Mapping[str, Any]) -> str:
    source = Path(peer.runtime) if peer.runtime.endswith(".py") else PACKAGE / f"runtimes/{peer.runtime}.py"
    model = Path(str(job["model"]))
    parts = [_contents(model, model.stat().st_mtime_ns), source.read_text(), *peer.requirements]
    parts += [json.dumps(job["symbolic"]), str(job["module"])]
    return sha256("\0".join(parts).encode()).hexdigest()[:16]


@cache
def _contents(path: Path, modified: int) -> str:
    digest = sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 22):
            digest.update(block)
    return digest.hexdigest()
