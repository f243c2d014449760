"""The stand-ins for vendors' libraries (fake_cublaslt.c, fake_cudnn.c): built, and what tests see of them."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from aicc import runtime
from test.runtime.conftest import WARNINGS, cc

HERE = Path(__file__).parent

FILES = {"cublaslt": "libcublasLt.so.12", "cudnn": "libcudnn.so.9"}
_HELD = {"cublaslt": ["handles", "descs", "layouts", "preferences"], "cudnn": ["handles", "descriptors"]}
RANK, STEPS = 5, 8
"""As in fake_cudnn.h."""


def _struct(name: str, *fields: str | tuple[str, int]) -> Any:
    """Of int64, and arrays of it."""
    types = [(f, ctypes.c_int64) if isinstance(f, str) else (f[0], ctypes.c_int64 * f[1]) for f in fields]
    return type(name, (ctypes.Structure,), {"_fields_": types})


_Product = _struct(
    "_Product", "rows", "columns", "sums", "batches", "a_step", "b_step", "d_step", "a_batch", "b_batch",
    "d_batch", "a_type", "d_type", "compute", "turned_a", "turned_b", "epilogue", "workspace", "reductions",
    "a_alignment", "b_alignment", "d_alignment",
)  # fmt: skip
_Convolution = _struct(
    "_Convolution", "rank", "element", "result", "n_steps", "engine", "x_alignment", "out_alignment",
    *((name, RANK) for name in ("x", "w", "y", "strides", "dilations", "low", "high")),
    *((name, STEPS) for name in ("modes", "filters")),
)  # fmt: skip


def _state(name: str, numbers: Sequence[str], last: Any) -> Any:
    fields = [*((n, ctypes.c_int64) for n in (*_HELD[name], *numbers)), ("last", last)]
    return type(f"State_{name}", (ctypes.Structure,), {"_fields_": fields})


_STATES = {
    "cublaslt": _state(
        "cublaslt",
        ["created", "heuristics", "matmuls"]
        + ["version", "create_status", "heuristic_status", "matmul_status", "no_algorithm"],
        _Product,
    ),
    "cudnn": _state(
        "cudnn",
        ["created", "graphs", "executions", "seen", "version", "cuda", "create_status", "graph_status", "plan_status"]
        + ["execute_status", "proposals", "notes", "workspace_wanted"],
        _Convolution,
    ),
}
"""`struct fake_cublaslt` of fake_cublaslt.h, `struct fake_cudnn` of fake_cudnn.h."""


class StandIn:
    """`cublaslt.state.matmuls` reads a counter, `cublaslt.state.no_algorithm = 1` sets it up."""

    def __init__(self, name: str, folder: Path) -> None:
        self.name, self.folder, self.path = name, folder, folder / FILES[name]
        self._library = ctypes.CDLL(str(self.path))
        getattr(self._library, f"fake_{name}_state").restype = ctypes.POINTER(_STATES[name])

    @property
    def state(self) -> Any:
        return getattr(self._library, f"fake_{self.name}_state")().contents

    def reset(self) -> None:
        getattr(self._library, f"fake_{self.name}_reset")()

    def left(self) -> dict[str, int]:
        """What somebody holds; empty when all was given back."""
        return {name: getattr(self.state, name) for name in _HELD[self.name] if getattr(self.state, name)}


def build(name: str, folder: Path) -> Path:
    """The library, and <name>_old.so, which lacks a function."""
    flags = ["-std=gnu11", "-O2", "-fPIC", "-shared", "-fvisibility=hidden", *WARNINGS]
    flags += [f"-I{runtime.include_dir() / name}"]
    for file, defines in ((FILES[name], []), (f"{name}_old.so", ["-DOLD"])):
        cc(*flags, *defines, HERE / f"fake_{name}.c", "-o", folder / file, "-lm", "-ldl")
    if name == "cudnn":  # it wants to find cuBLASLt, beside it
        cc("-shared", "-x", "c", "/dev/null", "-o", folder / FILES["cublaslt"])
    return folder
