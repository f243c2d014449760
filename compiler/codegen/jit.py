"""One kernel object loaded into this process, without a linker: for tests and for measuring schedules.

with LoadedKernel(obj, "k_1f…") as kernel:
    kernel.run([x, w, y])
"""

from __future__ import annotations

import ctypes
import time
from collections.abc import Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any

import llvmlite.binding as llvm
import numpy as np

from aicc.codegen.jobs import KernelJob
from aicc.codegen.kernel_build import Built, build
from aicc.codegen.objects import defined_symbols, initialize
from aicc.errors import CompileError
from aicc.target import Target

Array = np.ndarray[Any, Any]
_RANGE = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64, ctypes.c_void_p)
_PARALLEL_FOR = ctypes.CFUNCTYPE(
    None, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64, ctypes.c_int64
)
_PARALLEL_STEPS = ctypes.CFUNCTYPE(None, *[ctypes.c_void_p] * 3, *[ctypes.c_int64] * 4)


@dataclass
class Region:
    """What a launcher asked the runtime for: number of tiles (of a step), grain, scratch bytes, steps; seconds
    it took."""

    tiles: int
    grain: int
    scratch: int
    seconds: float
    steps: int = 1


class _Runtime:
    """The runtime's `aicc_parallel_for` and `aicc_parallel_steps`, on this thread; `chunk` tiles are computed at a
    time."""

    def __init__(self) -> None:
        self.chunk: int | None = None
        self.last: Region | None = None
        self.callback = _PARALLEL_FOR(self._parallel_for)
        llvm.add_symbol("aicc_parallel_for", ctypes.cast(self.callback, ctypes.c_void_p).value)
        self.steps_callback = _PARALLEL_STEPS(self._parallel_steps)
        llvm.add_symbol("aicc_parallel_steps", ctypes.cast(self.steps_callback, ctypes.c_void_p).value)

    def _parallel_for(
        self, _: int, function: int, arguments: int, tiles: int, grain: int, scratch: int
    ) -> None:
        self._parallel_steps(_, function, arguments, tiles, grain, 1, scratch)

    def _parallel_steps(
        self, _: int, function: int, arguments: int, tiles: int, grain: int, steps: int, scratch: int
    ) -> None:
        compute, memory = _RANGE(function), aligned(scratch)
        # A kernel may rely on nothing its scratch holds.
        memory[:] = 0xA5
        step = self.chunk or max(tiles, 1)
        start = time.perf_counter()
        for first in range(0, steps * tiles, tiles or 1):
            for lo in range(first, first + tiles, step):
                compute(arguments, lo, min(lo + step, first + tiles), memory.ctypes.data)
        self.last = Region(tiles, grain, scratch, time.perf_counter() - start, steps)


_RUNTIME: _Runtime | None = None


def _runtime() -> _Runtime:
    global _RUNTIME
    if _RUNTIME is None:
        _RUNTIME = _Runtime()
    return _RUNTIME


class LoadedKernel:
    """A kernel object for this machine; close it, or use it as a context manager."""

    def __init__(self, obj: bytes, symbol: str) -> None:
        """Raises CompileError AICC-3002 when the object holds no kernel `symbol`."""
        if f"{symbol}_launch" not in defined_symbols(obj):
            raise CompileError("AICC-3002", f"the object holds no kernel '{symbol}'.", stage="object")
        _runtime()
        initialize()
        machine = llvm.Target.from_default_triple().create_target_machine()
        self._engine: Any = llvm.create_mcjit_compiler(llvm.parse_assembly(""), machine)
        self._engine.add_object_file(llvm.ObjectFileRef.from_data(obj))
        self._engine.finalize_object()
        self._launch = self._engine.get_function_address(f"{symbol}_launch")

    def run(self, buffers: Sequence[Array], sizes: Sequence[int] = (), chunk: int | None = None) -> Region:
        """Calls the launcher; all tiles are computed on this thread, `chunk` at a time (default: at once).

        `buffers` are passed by the address of their first element, in the kernel's order; `sizes` are its
        index arguments.
        """
        kinds = [ctypes.c_void_p] * (1 + len(buffers)) + [ctypes.c_int64] * len(sizes)
        launch = ctypes.CFUNCTYPE(None, *kinds)(self._launch)
        runtime = _runtime()
        runtime.chunk, runtime.last = chunk, None
        launch(None, *(buffer.ctypes.data for buffer in buffers), *sizes)
        assert runtime.last is not None
        return runtime.last

    def close(self) -> None:
        """Unloads the code."""
        if self._engine is not None:
            self._engine.close()
            self._engine = None

    def __enter__(self) -> LoadedKernel:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def run_kernel_text(
    text: str,
    buffers: Sequence[Array],
    sizes: Sequence[int] = (),
    schedule: str = "affine",
    target: Target | None = None,
    chunk: int | None = None,
) -> tuple[Built, Region]:
    """Builds a kernel given as text in this process and runs it once on `buffers` (see `LoadedKernel.run`)."""
    job = KernelJob(text, (schedule,), target or Target.host())
    built = build(job.attempt(0))
    with LoadedKernel(built.object, job.symbol) as kernel:
        return built, kernel.run(buffers, sizes, chunk)


def aligned(size: int, alignment: int = 64) -> Array:
    """`size` uninitialized bytes at an aligned address."""
    raw = np.empty(size + alignment, np.uint8)
    start = -raw.ctypes.data % alignment
    return raw[start : start + size]
