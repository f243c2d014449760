"""An environment of its own for each runtime, made on demand below aicc's cache.

    <cache>/bench/environments/onnxruntime/       a virtual environment
    <cache>/bench/environments/onnxruntime.json   the requirements it was made for, the versions it got
    <cache>/bench/environments/onnxruntime.lock   held while it is made

Nothing is ever installed into the environment of the user.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from aicc.errors import CompileError
from aicc.knobs import knobs
from aicc.tools.bench.peers import Peer

INSTALL_SECONDS = 1800.0


def bench_folder() -> Path:
    """Where environments and what they compiled are kept; `AICC_CACHE_DIR` moves it."""
    return Path(knobs.cache_dir) / "bench"


def python_of(peer: Peer, install: bool = True) -> Path:
    """The interpreter of the peer's environment, made first when `install` allows it.

    Raises CompileError AICC-4003 when it is not installed and may or can not be.
    """
    if not peer.requirements:
        return Path(sys.executable)
    folder = bench_folder() / "environments" / peer.name
    if is_installed(peer):
        return folder / "bin" / "python"
    if not install:
        raise CompileError(
            "AICC-4003",
            f"{peer.name} is not installed in '{folder}'.",
            hint="leave out --installed-only to have it installed there.",
        )
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with _lock(folder.with_suffix(".lock")):
            if not is_installed(peer):  # another process may have been first
                _make(peer, folder)
    except OSError as error:
        raise CompileError("AICC-4003", f"'{folder}' cannot be made: {error}.") from None
    return folder / "bin" / "python"


def is_installed(peer: Peer) -> bool:
    """Whether there is an environment made for just these requirements."""
    return not peer.requirements or _record(peer).get("requirements") == list(peer.requirements)


def versions_of(peer: Peer) -> list[str]:
    """Every package of the peer's environment as `name==version`; empty when it is not installed."""
    return list(_record(peer).get("versions", []))


def clean_environment() -> dict[str, str]:
    """The variables of a process in another environment: none that lead Python back to this one."""
    ours = {"PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV", "__PYVENV_LAUNCHER__"}
    return {k: v for k, v in os.environ.items() if k not in ours} | {"PYTHONNOUSERSITE": "1"}


def _record(peer: Peer) -> dict[str, Any]:
    path = bench_folder() / "environments" / f"{peer.name}.json"
    try:
        record: dict[str, Any] = json.loads(path.read_text())
    except (OSError, ValueError):
        return {}
    return record


def _make(peer: Peer, folder: Path) -> None:
    print(f"installing {peer.name} into {folder}", file=sys.stderr, flush=True)
    record = folder.with_suffix(".json")
    record.unlink(missing_ok=True)
    shutil.rmtree(folder, ignore_errors=True)
    _run(peer, [sys.executable, "-m", "venv", str(folder)])
    pip = [str(folder / "bin" / "python"), "-m", "pip", "--disable-pip-version-check"]
    install = [*pip, "install", "--quiet", *peer.requirements]
    try:
        _run(peer, install)
    except CompileError:
        if not peer.index:
            raise
        _run(peer, [*install, "--extra-index-url", peer.index])
    versions = _run(peer, [*pip, "freeze"]).split()
    unfinished = record.with_suffix(".partial")
    unfinished.write_text(json.dumps({"requirements": peer.requirements, "versions": versions}, indent=1))
    unfinished.rename(record)


def _run(peer: Peer, command: Sequence[str]) -> str:
    """Standard output. Raises CompileError AICC-4003 with what the command said last."""
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=INSTALL_SECONDS, env=clean_environment()
        )
    except subprocess.TimeoutExpired:
        raise CompileError(
            "AICC-4003", f"installing {peer.name} took more than {INSTALL_SECONDS:.0f} s."
        ) from None
    if done.returncode:
        raise CompileError(
            "AICC-4003",
            f"{peer.name} cannot be installed: '{' '.join(command[1:4])} …' failed.",
            notes=(done.stderr or done.stdout).strip().splitlines()[-3:],
            hint="it needs access to a package index, or leave it out of --against.",
        )
    return done.stdout


@contextlib.contextmanager
def _lock(path: Path) -> Iterator[None]:
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
