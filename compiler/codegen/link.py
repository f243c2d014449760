"""Objects, runtime and weights to one shared library.

The output appears whole or not at all: it is linked under a temporary name beside it and renamed. Weights are
never held in memory here: they are written to their place, in the library or beside it.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from aicc import runtime
from aicc.codegen.cache import ObjectCache, cache_key
from aicc.codegen.link_weights import Embedded, link_embedded
from aicc.codegen.toolchain import Toolchain, find_toolchain
from aicc.errors import CompileError
from aicc.knobs import knobs
from aicc.target import Target

_LINK = (
    "-shared",
    "-Wl,--gc-sections",
    "-Wl,-z,defs",
    "-Wl,-z,now",
    "-Wl,-z,noexecstack",
    "-Wl,--as-needed",
)


# What this process compiled itself, by key: without a cache on disk, once is enough.
_RUNTIMES: dict[str, bytes] = {}


@dataclass(frozen=True)
class External:
    """Weights beside the library: `file`, on the same disk, is moved there. It ends with the model's id."""

    file: Path


def sidecar(out: Path) -> Path:
    """Where the external weights of the library `out` lie."""
    return out.with_name(out.name + ".weights")


def link(
    objects: Sequence[bytes],
    model_info: str,
    out: Path,
    target: Target,
    weights: Embedded | External | None = None,
    linker: str | None = None,
    cache: ObjectCache | None = None,
    parts: Sequence[str] = (),
) -> None:
    """Links kernels' and host's `objects`, the C text `model_info` and the runtime to the library `out`.

    `parts` are those of `runtime.PARTS` that the model needs; `linker` is a command as in `--linker`. Raises
    CompileError AICC-3003 (no linker), AICC-3004 (it failed), AICC-4001 (`out` cannot be written).
    """
    toolchain = find_toolchain(target.host_side, linker)
    with writing(out), _working_folder(out) as folder:
        linked = [runtime_object(toolchain, target, cache, part) for part in (None, *parts)]
        linked += objects
        files = ["model_info.c"]
        (folder / "model_info.c").write_text(model_info)
        for number, data in enumerate(linked):
            (folder / f"{number}.o").write_bytes(data)
            files.append(f"{number}.o")
        # Their number has no bound, that of a command line's characters has.
        (folder / "files.txt").write_text("\n".join(files))

        def link_files(arguments: list[str]) -> Path:
            command = [*runtime.CFLAGS, "-I", str(runtime.include_dir()), *_LINK, *arguments]
            command += [f"-Wl,--version-script={runtime.version_script()}", "-o", "model.so", "@files.txt"]
            toolchain.run([*command, *runtime.LDFLAGS], "the link", cwd=folder)
            return folder / "model.so"

        if isinstance(weights, Embedded):
            own_bytes = len(model_info) + sum(len(data) for data in linked)
            library = link_embedded(weights, folder, link_files, own_bytes)
        else:
            library = link_files([])
        if isinstance(weights, External):
            os.replace(weights.file, sidecar(out))
        os.replace(library, out)


def link_relocatable(objects: Sequence[bytes], out: Path, target: Target, linker: str | None = None) -> None:
    """Links kernels' and host's `objects` to one relocatable object `out`, without runtime and weights.

    Raises like `link`.
    """
    toolchain = find_toolchain(target, linker)
    with writing(out), _working_folder(out) as folder:
        files = [f"{number}.o" for number in range(len(objects))]
        for name, data in zip(files, objects, strict=True):
            (folder / name).write_bytes(data)
        (folder / "files.txt").write_text("\n".join(files))
        toolchain.run(["-r", "-o", "model.o", "@files.txt"], "the link", cwd=folder)
        os.replace(folder / "model.o", out)


def runtime_object(
    toolchain: Toolchain, target: Target, cache: ObjectCache | None, part: str | None = None
) -> bytes:
    """The runtime, or a part of it, as one relocatable object; compiled once per toolchain and version (about half a
    second)."""
    sources = runtime.part_sources(part) if part else runtime.runtime_sources(target.kind)
    texts = [path.read_bytes() for path in (*sources, *runtime.runtime_headers())]
    key = cache_key("runtime", toolchain.identity, target.host_side.triple, runtime.CFLAGS, texts)
    if key in _RUNTIMES:
        return _RUNTIMES[key]
    found = cache.get(key) if cache is not None else None
    if found is not None:
        return found[1]
    with tempfile.TemporaryDirectory(prefix="aicc-") as name:
        folder = Path(name)
        flags = [*runtime.CFLAGS, "-ffunction-sections", "-I", str(runtime.include_dir())]
        paths = [str(path) for path in sources]
        # -r implies -nostdlib; where that is said, zig does not even find the headers of the C library.
        toolchain.run([*flags, "-r", "-o", "runtime.o", *paths], "compiling the runtime", cwd=folder)
        data = (folder / "runtime.o").read_bytes()
    _RUNTIMES[key] = data
    if cache is not None:
        cache.put(key, {}, data)
    return data


@contextmanager
def writing(out: Path) -> Iterator[None]:
    """What goes wrong with files within the block is AICC-4001 of `out`."""
    try:
        yield
    except OSError as error:
        raise CompileError(
            "AICC-4001", f"{out} cannot be written: {error.strerror or error}.", stage="link"
        ) from error


@contextmanager
def _working_folder(out: Path) -> Iterator[Path]:
    """A folder beside `out`, so that the result is moved there by a rename."""
    if out.is_dir():
        raise IsADirectoryError(21, "is a folder")
    folder = Path(tempfile.mkdtemp(prefix=".aicc-link-", dir=out.parent))
    try:
        yield folder
    finally:
        if not knobs.debug:
            shutil.rmtree(folder, ignore_errors=True)
