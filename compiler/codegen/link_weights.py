"""How weights get into a library: appended as a segment of their own, or taken in by the assembler.

Appending writes them once, while the linker runs on everything else. It takes a linker that reserves a program
header for a note and defines `__ehdr_start`: GNU ld, lld and zig's do. For others, and for few weights, the
assembler's `.incbin` copies them from a file into an object, and the linker copies that.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from aicc.codegen.elf import PAGE, UnsuitableElf, extend
from aicc.codegen.model_info import DISTANCE, SPARE_NOTE
from aicc.errors import CompileError
from aicc.weights import Writable

SECTION = ".aicc.weights"

# Beyond this, with `.incbin`, code would lie further from data than a 32-bit relocation reaches.
INCLUDED_LIMIT = 1900 << 20

APPENDED_FROM = 4 << 20
"""Fewer bytes of weights are included: that is no slower, and leaves no hole in the file."""

# Room for what objects do not show: alignment of segments, zero-initialized data, the dynamic section.
_ROOM = 5 * PAGE


@dataclass(frozen=True)
class Embedded:
    """Weights within the library: `write` writes `size` bytes to a file, from its position on."""

    size: int
    write: Callable[[Writable], object]


Linker = Callable[[list[str]], Path]
"""Links the model with some more arguments; the library's path. Raises CompileError AICC-3004."""


def link_embedded(weights: Embedded, folder: Path, linker: Linker, own_bytes: int) -> Path:
    """Links a library with its weights in `folder`; `own_bytes` is the size of all that goes in but them.

    Raises CompileError AICC-3004.
    """
    if weights.size < APPENDED_FROM:
        return _include(weights, folder, linker)
    distance = _pages(own_bytes + _ROOM)
    while True:
        try:
            return _append(weights, folder, linker, distance)
        except UnsuitableElf as error:
            if error.needed is None:
                return _include(weights, folder, linker)
            distance = _pages(error.needed)


def _append(weights: Embedded, folder: Path, linker: Linker, distance: int) -> Path:
    """The library at the file's beginning, the weights `distance` bytes from there; in between a hole."""
    path = folder / "with_weights.so"
    with ThreadPoolExecutor(1) as thread, path.open("wb") as file:
        linking = thread.submit(linker, [f"-D{DISTANCE}={distance}"])
        file.seek(distance)
        weights.write(file)
        library = _linked(linking.result)
        extended = extend(library.read_bytes(), SECTION, SPARE_NOTE, distance, weights.size)
        file.seek(0)
        file.write(extended.head)
        file.seek(extended.tail_offset)
        file.write(extended.tail)
    path.chmod(library.stat().st_mode)
    return path


def _linked(result: Callable[[], Path]) -> Path:
    try:
        return result()
    except CompileError as error:
        if any("__ehdr_start" in note for note in error.notes):
            raise UnsuitableElf("the linker does not define __ehdr_start") from error
        raise


def _include(weights: Embedded, folder: Path, linker: Linker) -> Path:
    if weights.size > INCLUDED_LIMIT:
        raise CompileError(
            "AICC-3004",
            f"{weights.size >> 20} MiB of weights are too many for this linker.",
            stage="link",
            hint="use --weights external, or another --linker.",
        )
    with (folder / "weights.bin").open("wb") as file:
        weights.write(file)
    (folder / "weights.S").write_text(_incbin("weights.bin"))
    return linker(["weights.S"])


def _incbin(file: str) -> str:
    """Assembly of a read-only, 64-byte aligned section with the file's bytes."""
    return "\n".join(
        [
            f'.section {SECTION},"a"',
            ".balign 64",
            ".hidden aicc_weights_begin",
            ".globl aicc_weights_begin",
            "aicc_weights_begin:",
            f'.incbin "{file}"',
            '.section .note.GNU-stack,"",%progbits',
            "",
        ]
    )


def _pages(size: int) -> int:
    return -(-size // PAGE) * PAGE
