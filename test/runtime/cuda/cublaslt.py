"""The stand-in for cuBLASLt (fake_cublaslt.c): built, and what tests see of it."""

from __future__ import annotations

import ctypes
from pathlib import Path

from aicc import runtime
from test.runtime.conftest import WARNINGS, cc

HERE = Path(__file__).parent
_CALL = ["rows", "columns", "sums", "batches", "a_step", "b_step", "d_step", "a_batch", "b_batch", "d_batch"]
_CALL += ["a_type", "d_type", "compute", "turned_a", "turned_b", "epilogue", "workspace", "reductions"]
_CALL += ["a_alignment", "b_alignment", "d_alignment"]
_HELD = ["handles", "descs", "layouts", "preferences"]
_COUNTED = ["created", "heuristics", "matmuls"]
_SETTINGS = ["version", "create_status", "heuristic_status", "matmul_status", "no_algorithm"]


class Call(ctypes.Structure):
    """`struct fake_call` of fake_cublaslt.h."""

    _fields_ = [(name, ctypes.c_int64) for name in _CALL]


class State(ctypes.Structure):
    """`struct fake_cublaslt` of fake_cublaslt.h."""

    _fields_ = [*((name, ctypes.c_int64) for name in (*_HELD, *_COUNTED, *_SETTINGS)), ("last", Call)]

    def left(self) -> dict[str, int]:
        """What somebody holds; empty when all was given back."""
        return {name: getattr(self, name) for name in _HELD if getattr(self, name)}


class StandIn:
    """`cublaslt.state.matmuls` reads a counter, `cublaslt.state.no_algorithm = 1` sets it up."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._library = ctypes.CDLL(str(path))
        self._library.fake_cublaslt_state.restype = ctypes.POINTER(State)

    @property
    def state(self) -> State:
        return self._library.fake_cublaslt_state().contents

    def reset(self) -> None:
        self._library.fake_cublaslt_reset()


def build(folder: Path) -> Path:
    """libcublasLt.so.12 and old.so, which lacks a function."""
    flags = ["-std=gnu11", "-O2", "-fPIC", "-shared", "-fvisibility=hidden", *WARNINGS]
    flags += [f"-I{runtime.include_dir() / 'cublaslt'}"]
    for name, defines in (("libcublasLt.so.12", []), ("old.so", ["-DOLD"])):
        cc(*flags, *defines, HERE / "fake_cublaslt.c", "-o", folder / name, "-lm", "-ldl")
    return folder
