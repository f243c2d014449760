"""Objects on disk, found again by everything they depend on.

A key is the hash of the kernel's text without its name, the schedules to try, the target, the level and the
versions of whatever generates code. Any number of compilers may share a folder: an entry appears by an atomic
rename, and one that disappears while it is read is a miss.
"""

from __future__ import annotations

import contextlib
import importlib.util
import json
import os
import tempfile
import time
from collections.abc import Iterable
from functools import cache
from hashlib import sha256
from importlib import metadata
from pathlib import Path
from typing import Any

from aicc.codegen.objects import version as llvm_version
from aicc.knobs import knobs

_MAGIC = b"aicc object 1\n"
_SCAN_EVERY = 64  # entries written between two looks at the folder's size
_STALE = 3600.0  # seconds after which a file that was never renamed is garbage
_SOURCES = (
    "aicc.codegen",
    "aicc.passes.gpu",
    "aicc.passes.llvm",
    "aicc.passes.loops",
    "aicc.passes.schedules",
)


class ObjectCache:
    """Entries of bytes with a small JSON header, the least recently used of which go first."""

    def __init__(self, folder: Path, limit: int) -> None:
        """`limit` is the size in bytes the folder is kept below, approximately."""
        self.folder, self.limit = folder, limit
        self.hits = self.misses = 0
        self._written = 0

    @staticmethod
    def from_knobs() -> ObjectCache | None:
        """The cache the environment asks for, None when it is turned off."""
        return ObjectCache(knobs.cache_dir, knobs.cache_size) if knobs.cache else None

    def get(self, key: str) -> tuple[dict[str, Any], bytes] | None:
        """Header and bytes of an entry, or None. A damaged entry is a miss."""
        path = self._path(key)
        try:
            data = path.read_bytes()
            if not data.startswith(_MAGIC):
                raise ValueError
            end = data.index(b"\n", len(_MAGIC))
            header, body = json.loads(data[len(_MAGIC) : end]), data[end + 1 :]
            if header["size"] != len(body):
                raise ValueError
            os.utime(path)
        except (OSError, ValueError, KeyError, TypeError):
            self.misses += 1
            return None
        self.hits += 1
        return header, body

    def put(self, key: str, header: dict[str, Any], body: bytes) -> None:
        """Adds an entry. A folder that cannot be written to is no error: nothing is kept."""
        path = self._path(key)
        text = json.dumps({**header, "size": len(body)}).encode()
        with contextlib.suppress(OSError):
            path.parent.mkdir(parents=True, exist_ok=True)
            handle, name = tempfile.mkstemp(prefix=".new-", dir=path.parent)
            try:
                with os.fdopen(handle, "wb") as file:
                    file.write(_MAGIC + text + b"\n" + body)
                os.replace(name, path)
            except OSError:
                os.unlink(name)
        if self._written % _SCAN_EVERY == 0:
            self.trim()
        self._written += 1

    def trim(self) -> None:
        """Removes entries, the longest unused first, until four fifths of the limit are left."""
        entries = sorted(self._entries())
        total = sum(size for _, size, _ in entries)
        if total <= self.limit:
            return
        for _, size, path in entries:
            with contextlib.suppress(OSError):
                path.unlink()
            total -= size
            if total <= self.limit * 4 // 5:
                return

    def _entries(self) -> Iterable[tuple[float, int, Path]]:
        """(time of last use, bytes, path) of each entry; drops what a killed compiler left behind."""
        now = time.time()
        with contextlib.suppress(OSError):
            for path in self.folder.glob("*/*"):
                with contextlib.suppress(OSError):
                    status = path.stat()
                    if path.name.startswith(".new-"):
                        if now - status.st_mtime > _STALE:
                            path.unlink()
                        continue
                    yield status.st_mtime, status.st_size, path

    def _path(self, key: str) -> Path:
        return self.folder / key[:2] / key[2:]


def cache_key(*parts: object) -> str:
    """The hash of `parts` and of all versions that decide what code is generated."""
    digest = sha256()
    for part in (*parts, versions()):
        text = str(part).encode()
        digest.update(len(text).to_bytes(8, "little") + text)
    return digest.hexdigest()


@cache
def versions() -> str:
    """aicc's own sources from schedules to objects (so that a change of them is never hidden by the cache),
    the bindings and LLVM."""
    digest = sha256()
    for name in _SOURCES:
        spec = importlib.util.find_spec(name)
        folders = spec.submodule_search_locations if spec is not None else None
        for folder in folders or ():
            for file in sorted(Path(folder).resolve().rglob("*.py")):
                digest.update(file.name.encode() + file.read_bytes())
    return f"aicc {digest.hexdigest()[:16]} bindings {_bindings_version()} {llvm_version()}"


def _bindings_version() -> str:
    for name in ("mlir", "torch-mlir"):
        with contextlib.suppress(metadata.PackageNotFoundError):
            return f"{name} {metadata.version(name)}"
    return "unknown"
