"""The C runtime that is linked into every compiled model, and the Python that runs such models.

C: `aicc.h` is the public header, `model.h` the contract with generated code, `aicc.map` the linker's version
script. Python here needs NumPy and the standard library only.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

_HERE = Path(__file__).resolve().parent

CFLAGS: tuple[str, ...] = ("-std=gnu11", "-O2", "-fPIC", "-fvisibility=hidden", "-pthread")
"""Flags the runtime is compiled with. No -march: the CPU check must run on every machine of the target."""

LDFLAGS: tuple[str, ...] = ("-pthread", "-ldl", "-lm")


PARTS: dict[str, tuple[str, ...]] = {
    "images": ("aicc_image_",),
    "vendor": ("aicc_cublaslt_", "aicc_cudnn_"),
    "cublaslt": ("aicc_cublaslt_",),
    "cudnn": ("aicc_cudnn_",),
}
"""Folders of C files that only some models need, and how the functions begin by which that is seen."""


def runtime_sources(kind: str = "cpu") -> list[Path]:
    """C files to compile into every model for a kind of target; compile with `CFLAGS` and `-I include_dir()`."""
    own = sorted((_HERE / kind).glob("*.c")) if kind in ("cuda", "simt") else []
    shared = sorted(path for path in _HERE.glob("*.c") if kind != "cuda" or path.name != "host.c")
    return [*shared, *own]


def part_sources(part: str) -> list[Path]:
    """C files of one of `PARTS`."""
    return sorted((_HERE / part).glob("*.c"))


def parts_of(functions: Iterable[str]) -> list[str]:
    """Which of `PARTS` define some of the functions that a host program and kernels call."""
    called = list(functions)
    return [part for part, prefixes in PARTS.items() if any(f.startswith(prefixes) for f in called)]


def runtime_headers() -> list[Path]:
    """Headers the C files and the generated `model_info.c` depend on."""
    return [*sorted(_HERE.glob("*.h")), *sorted(_HERE.glob("*/*.h"))]


def include_dir() -> Path:
    """The folder of `aicc.h` and `model.h`."""
    return _HERE


def version_script() -> Path:
    """The linker version script that exports the public functions of `aicc.h` and nothing else."""
    return _HERE / "aicc.map"
