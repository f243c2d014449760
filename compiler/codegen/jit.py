"""One kernel object loaded into this process, without a linker: for tests and for measuring schedules.

with LoadedKernel(obj, "k0_conv") as kernel:
    kernel.run([x, w, y], sizes=[], tiles=16, scratch=4096)
"""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from functools import cache
from types import TracebackType
from typing import Any

import llvmlite.binding as llvm
import numpy as np

from aicc.codegen.objects import defined_symbols
from aicc.errors import CompileError

Array = np.ndarray[Any, Any]
_RANGE = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64, ctypes.c_void_p)


@cache
def _runtime_symbol() -> Any:
    """A stand-in for the runtime's function: launchers refer to it, and are never called here."""
    stub = ctypes.CFUNCTYPE(None)(lambda: None)
    llvm.add_symbol("aicc_parallel_for", ctypes.cast(stub, ctypes.c_void_p).value)
    return stub


class LoadedKernel:
    """The range function of a kernel object for this machine; close it, or use it as a context manager."""

    def __init__(self, obj: bytes, name: str) -> None:
        """Raises CompileError AICC-3002 when the object holds no kernel `name`."""
        if f"{name}_range" not in defined_symbols(obj):
            raise CompileError("AICC-3002", f"the object holds no kernel '{name}'.", stage="object")
        _runtime_symbol()
        llvm.initialize_native_target()
        machine = llvm.Target.from_default_triple().create_target_machine()
        self._engine: Any = llvm.create_mcjit_compiler(llvm.parse_assembly(""), machine)
        self._engine.add_object_file(llvm.ObjectFileRef.from_data(obj))
        self._engine.finalize_object()
        self._range = _RANGE(self._engine.get_function_address(f"{name}_range"))

    def run(
        self,
        buffers: Sequence[Array],
        sizes: Sequence[int] = (),
        tiles: int = 1,
        scratch: int = 0,
        chunk: int | None = None,
    ) -> None:
        """Computes all `tiles`, `chunk` at a time (default: at once), on this thread.

        `buffers` are passed by address, in the kernel's order; strided arrays by their first element.
        """
        table = (ctypes.c_int64 * (len(buffers) + len(sizes)))(*(b.ctypes.data for b in buffers), *sizes)
        memory = aligned(scratch)
        for lo in range(0, tiles, chunk or max(tiles, 1)):
            self._range(ctypes.addressof(table), lo, min(lo + (chunk or tiles), tiles), memory.ctypes.data)

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


def aligned(size: int, alignment: int = 64) -> Array:
    """`size` uninitialized bytes at an aligned address."""
    raw = np.empty(size + alignment, np.uint8)
    start = -raw.ctypes.data % alignment
    return raw[start : start + size]
