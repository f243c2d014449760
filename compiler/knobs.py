"""Every environment variable aicc reads, in one table: typed, documented, settable and scopeable.

    from aicc.knobs import knobs
    knobs.jobs                      # AICC_JOBS, parsed; the default when unset
    knobs.jobs = 1                  # for this process (wins over the environment)
    with knobs.scope(jobs=1, debug=True):
        ...                         # for the block

A knob never changes what a model computes, other than by rounding; it changes where, how fast and how loudly
that happens.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Generic, TypeVar, overload

from aicc.errors import CompileError

T = TypeVar("T")
_UNSET: Any = object()


class Knob(Generic[T]):
    """One environment variable as a descriptor of `Knobs`.

    `parse` turns the variable's text into the value and raises ValueError when it does not fit;
    `default` is a value or a function that finds one; `kind` says in words what `parse` accepts.
    """

    def __init__(
        self, variable: str, parse: Callable[[str], T], default: T | Callable[[], T], kind: str, doc: str
    ) -> None:
        self.variable, self.parse, self.kind, self.doc = variable, parse, kind, doc
        self._default = default
        self._value: T = _UNSET

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    @overload
    def __get__(self, instance: None, owner: type) -> Knob[T]: ...
    @overload
    def __get__(self, instance: Knobs, owner: type) -> T: ...
    def __get__(self, instance: Knobs | None, owner: type) -> Knob[T] | T:
        if instance is None:
            return self
        if self._value is not _UNSET:
            return self._value
        text = os.environ.get(self.variable, "")
        return self.read(text) if text else self.default()

    def __set__(self, instance: Knobs, value: T) -> None:
        self._value = value

    def default(self) -> T:
        return self._default() if callable(self._default) else self._default

    def read(self, text: str) -> T:
        """Parses the variable's text. Raises CompileError AICC-4002."""
        try:
            return self.parse(text.strip())
        except ValueError as error:
            raise CompileError(
                "AICC-4002", f"{self.variable}={text!r} is not {self.kind}.", hint=self.doc
            ) from error


def _integer(text: str) -> int:
    value = int(text)
    if value < 0:
        raise ValueError(text)
    return value


def _seconds(text: str) -> float:
    value = float(text)
    if not 0 < value < float("inf"):
        raise ValueError(text)
    return value


def _boolean(text: str) -> bool:
    words = {
        "1": True,
        "on": True,
        "true": True,
        "yes": True,
        "0": False,
        "off": False,
        "false": False,
        "no": False,
    }
    if text.lower() not in words:
        raise ValueError(text)
    return words[text.lower()]


def _size(text: str) -> int:
    match = re.fullmatch(r"(\d+)\s*([KMGT]?)(?:i?B)?", text, re.IGNORECASE)
    if match is None:
        raise ValueError(text)
    return int(match[1]) << {"": 0, "K": 10, "M": 20, "G": 30, "T": 40}[match[2].upper()]


def _winograd(text: str) -> str:
    if text.lower() not in ("auto", "off", "2", "4"):
        raise ValueError(text)
    return text.lower()


def _optional_path(text: str) -> Path | None:
    return Path(text).expanduser()


def _default_cache() -> Path:
    base = os.environ.get("XDG_CACHE_HOME", "")
    return (Path(base) if base else Path.home() / ".cache") / "aicc"


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class Knobs:
    """The table. Attribute access reads, assignment overrides for this process, `scope` for a block."""

    cache_dir = Knob[Path](
        "AICC_CACHE_DIR", lambda text: Path(text).expanduser(), _default_cache, "a folder",
        "Where compiled objects are kept between runs (default: $XDG_CACHE_HOME/aicc, else ~/.cache/aicc).",
    )  # fmt: skip
    cache = Knob[bool](
        "AICC_CACHE", _boolean, True, "a boolean",
        "Whether compiled objects are looked up and kept in the cache; --no-cache turns it off.",
    )  # fmt: skip
    cache_size = Knob[int](
        "AICC_CACHE_SIZE", _size, 1 << 30, "a size such as 512M or 2G",
        "Bound on the cache's size on disk; the objects used longest ago go first.",
    )  # fmt: skip
    jobs = Knob[int](
        "AICC_JOBS", _integer, _cores, "a number of processes",
        "Worker processes that compile kernels; 0 compiles in the calling process (for a debugger).",
    )  # fmt: skip
    ptxas = Knob[bool](
        "AICC_PTXAS", _boolean, True, "a boolean",
        "For CUDA: whether an installed ptxas checks device code and assembles it for the very architecture.",
    )  # fmt: skip
    kernel_timeout = Knob[float](
        "AICC_KERNEL_TIMEOUT", _seconds, 120.0, "a positive number of seconds",
        "How long one schedule may take for one kernel before the next schedule is tried.",
    )  # fmt: skip
    debug = Knob[bool](
        "AICC_DEBUG", _boolean, False, "a boolean",
        "Shows Python tracebacks with errors and keeps the temporary files of the link.",
    )  # fmt: skip
    check_ir = Knob[bool](
        "AICC_CHECK_IR", _boolean, False, "a boolean",
        "Checks every stage's contract after it ran; --check-ir turns it on too.",
    )  # fmt: skip
    dump = Knob[Path | None](
        "AICC_DUMP", _optional_path, None, "a folder",
        "Writes the IR after every stage to this folder, like --dump.",
    )  # fmt: skip
    linker = Knob[str](
        "AICC_LINKER", str, "", "a command",
        "The C compiler driver that links models, with its options, such as 'clang -fuse-ld=lld'; "
        "default: $CC, else cc, gcc or clang from PATH, else the ziglang package.",
    )  # fmt: skip
    num_threads = Knob[int](
        "AICC_NUM_THREADS", _integer, 0, "a number of threads",
        "Threads a compiled model runs on; 0 means all cores. Read by the model when it is loaded.",
    )  # fmt: skip
    cuda_device = Knob[int](
        "AICC_CUDA_DEVICE", _integer, 0, "the number of a GPU",
        "The GPU of a model compiled for CUDA. Read by the model when it is loaded.",
    )  # fmt: skip
    cuda_driver = Knob[str](
        "AICC_CUDA_DRIVER", str, "libcuda.so.1", "a library",
        "NVIDIA's driver library. Read by a model compiled for CUDA when it is loaded.",
    )  # fmt: skip
    cuda_graphs = Knob[bool](
        "AICC_CUDA_GRAPHS", _boolean, True, "0 or 1",
        "Whether repeated runs are replayed as CUDA graphs. Read by the model when it is loaded.",
    )  # fmt: skip
    cuda_early_launch = Knob[bool](
        "AICC_CUDA_EARLY_LAUNCH", _boolean, False, "a boolean",
        "For CUDA, sm_90 and later: whether kernels begin while the one before them ends (programmatic dependent "
        "launch, docs/cuda.md). Read when a model is compiled.",
    )  # fmt: skip
    cublaslt = Knob[str](
        "AICC_CUBLASLT", str, "", "a library",
        "NVIDIA's cuBLASLt, for models compiled to call it; default: libcublasLt.so.13 or .12 as the system finds "
        "it, else that of AICC_CUBLASLT_FOLDER. Read by the model when it is loaded.",
    )  # fmt: skip
    cublaslt_folder = Knob[str](
        "AICC_CUBLASLT_FOLDER", str, "", "a folder",
        "Where cuBLASLt is looked for last. Where it is unset, loading a model from Python sets it to the folder of "
        "the package nvidia-cublas-cu12 or nvidia-cublas, if that is installed.",
    )  # fmt: skip
    cudnn = Knob[str](
        "AICC_CUDNN", str, "", "a library",
        "NVIDIA's cuDNN, for models compiled to call it; default: libcudnn.so.9 (or libcudnn_graph.so.9) as the system "
        "finds it, else that of AICC_CUDNN_FOLDER. Read by the model when it is loaded.",
    )  # fmt: skip
    cudnn_folder = Knob[str](
        "AICC_CUDNN_FOLDER", str, "", "a folder",
        "Where cuDNN is looked for last. Where it is unset, loading a model from Python sets it to the folder of the "
        "package nvidia-cudnn-cu12 or nvidia-cudnn-cu13, if that is installed.",
    )  # fmt: skip

    winograd = Knob[str](
        "AICC_WINOGRAD", _winograd, "auto", "one of auto, off, 2, 4",
        "Whether 3x3 convolutions use Winograd's algorithm, by predicted time (auto), never (off), or with "
        "results in tiles of 2x2 or 4x4 only; 2x2 is as accurate as the direct sum, 4x4 has errors of up to "
        "2e-5 of the largest result.",
    )  # fmt: skip

    tile_f32 = Knob[bool](
        "AICC_TILE_F32", _boolean, False, "a boolean",
        "Whether products of f32 may be computed on the tile registers of Intel AMX, as six products of bf16 terms: "
        "as accurate as sums in f32, but for numbers below 2**-110; faster on cores that nobody else uses "
        "(docs/tiles.md).",
    )  # fmt: skip

    @contextmanager
    def scope(self, **values: Any) -> Iterator[Knobs]:
        """Sets knobs by attribute name within the block. Raises AttributeError for an unknown name."""
        table = {knob.name: knob for knob in all_knobs()}
        for name in values:
            if name not in table:
                raise AttributeError(f"no knob '{name}'; there are {', '.join(table)}")
        before = {name: table[name]._value for name in values}
        try:
            for name, value in values.items():
                table[name]._value = value
            yield self
        finally:
            for name, value in before.items():
                table[name]._value = value

    def reset(self) -> None:
        """Forgets every assignment: the environment counts again."""
        for knob in all_knobs():
            knob._value = _UNSET


def all_knobs() -> list[Knob[Any]]:
    """The knobs in the order of the table."""
    return [value for value in vars(Knobs).values() if isinstance(value, Knob)]


def markdown_table() -> str:
    """The table of docs/knobs.md."""
    rows = ["| variable | in Python | value | meaning |", "|---|---|---|---|"]
    for knob in all_knobs():
        rows.append(f"| `{knob.variable}` | `knobs.{knob.name}` | {knob.kind} | {knob.doc} |")
    return "\n".join(rows) + "\n"


knobs = Knobs()
