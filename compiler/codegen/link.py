"""Objects, runtime and weights to one shared library.

The output appears whole or not at all: it is linked under a temporary name beside it and renamed. Weights are
never read into memory here: the assembler's `.incbin` takes them from their file, or the file becomes the sidecar.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from aicc import runtime
from aicc.codegen.cache import ObjectCache, cache_key
from aicc.codegen.toolchain import Toolchain, find_toolchain
from aicc.errors import CompileError
from aicc.knobs import knobs
from aicc.target import Target

WeightsMode = Literal["embedded", "external"]

# Beyond this, code would lie further from data than a 32-bit relocation reaches.
EMBEDDED_LIMIT = 1900 << 20

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
class Weights:
    """The blob's file, which `link` may move, and how it goes into the model.

    `id` is the text that tells an external file from another model's; it is appended to the file.
    """

    blob: Path
    mode: WeightsMode = "embedded"
    id: str = ""


def sidecar(out: Path) -> Path:
    """Where the external weights of the library `out` lie."""
    return out.with_name(out.name + ".weights")


def link(
    objects: Sequence[bytes],
    model_info: str,
    out: Path,
    target: Target,
    weights: Weights | None = None,
    linker: str | None = None,
    cache: ObjectCache | None = None,
) -> None:
    """Links kernels' and host's `objects`, the C text `model_info` and the runtime to the library `out`.

    `linker` is a command as in `--linker`. Raises CompileError AICC-3003 (no linker), AICC-3004 (it failed),
    AICC-4001 (`out` cannot be written).
    """
    toolchain = find_toolchain(target, linker)
    if weights is not None and weights.mode == "embedded" and weights.blob.stat().st_size > EMBEDDED_LIMIT:
        raise CompileError(
            "AICC-3004",
            f"{weights.blob.stat().st_size >> 20} MiB of weights are too many for one library.",
            stage="link",
            hint="use --weights external.",
        )
    with _working_folder(out) as folder:
        (folder / "model_info.c").write_text(model_info)
        (folder / "runtime.o").write_bytes(runtime_object(toolchain, target, cache))
        files = ["model_info.c", "runtime.o"]
        for number, data in enumerate(objects):
            (folder / f"{number}.o").write_bytes(data)
            files.append(f"{number}.o")
        if weights is not None and weights.mode == "embedded":
            (folder / "weights.S").write_text(_incbin(weights.blob.resolve()))
            files.append("weights.S")
        # Their number has no bound, that of a command line's characters has.
        (folder / "files.txt").write_text("\n".join(files))
        arguments = [*runtime.CFLAGS, "-I", str(runtime.include_dir()), *_LINK]
        arguments += [f"-Wl,--version-script={runtime.version_script()}", "-o", "model.so", "@files.txt"]
        toolchain.run([*arguments, *runtime.LDFLAGS], "the link", cwd=folder)
        with _writing(out):
            if weights is not None and weights.mode == "external":
                with weights.blob.open("ab") as file:
                    file.write(weights.id.encode())
                _move(weights.blob, sidecar(out))
            os.replace(folder / "model.so", out)


def runtime_object(toolchain: Toolchain, target: Target, cache: ObjectCache | None) -> bytes:
    """The runtime as one relocatable object; compiled once per toolchain and version (about half a second)."""
    sources = runtime.runtime_sources()
    texts = [path.read_bytes() for path in (*sources, *runtime.runtime_headers())]
    key = cache_key("runtime", toolchain.identity, target.triple, runtime.CFLAGS, texts)
    if key in _RUNTIMES:
        return _RUNTIMES[key]
    found = cache.get(key) if cache is not None else None
    if found is not None:
        return found[1]
    with tempfile.TemporaryDirectory(prefix="aicc-") as name:
        folder = Path(name)
        flags = [*runtime.CFLAGS, "-ffunction-sections", "-I", str(runtime.include_dir())]
        paths = [str(path) for path in sources]
        toolchain.run(
            [*flags, "-r", "-nostdlib", "-o", "runtime.o", *paths], "compiling the runtime", cwd=folder
        )
        data = (folder / "runtime.o").read_bytes()
    _RUNTIMES[key] = data
    if cache is not None:
        cache.put(key, {}, data)
    return data


def _incbin(blob: Path) -> str:
    """Assembly of a read-only, 64-byte aligned section with the file's bytes."""
    path = str(blob).replace("\\", "\\\\").replace('"', '\\"')
    return "\n".join(
        [
            '.section .aicc.weights,"a"',
            ".balign 64",
            ".hidden aicc_weights_begin, aicc_weights_end",
            ".globl aicc_weights_begin, aicc_weights_end",
            "aicc_weights_begin:",
            f'.incbin "{path}"',
            "aicc_weights_end:",
            '.section .note.GNU-stack,"",%progbits',
            "",
        ]
    )


@contextmanager
def _working_folder(out: Path) -> Iterator[Path]:
    """A folder beside `out`, so that the result is moved there by a rename."""
    with _writing(out):
        if out.is_dir():
            raise IsADirectoryError(21, "is a folder")
        folder = Path(tempfile.mkdtemp(prefix=".aicc-link-", dir=out.parent))
    try:
        yield folder
    finally:
        if not knobs.debug:
            shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _writing(out: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise CompileError(
            "AICC-4001", f"{out} cannot be written: {error.strerror or error}.", stage="link"
        ) from error


def _move(source: Path, target: Path) -> None:
    """A rename, or a copy under a temporary name where the files lie on different disks."""
    try:
        os.replace(source, target)
    except OSError:
        partial = target.with_name(target.name + ".new")
        shutil.move(source, partial)
        os.replace(partial, target)
