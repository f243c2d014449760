"""`load`: a compiled model from its file. Needs NumPy and the standard library only."""

from __future__ import annotations

import os

from aicc.executable import Executable
from aicc.runtime.library import Library


def load(path: str | os.PathLike[str], num_threads: int = 0, device: int | None = None) -> Executable:
    """The model in the shared library at `path`.

    Nothing is read or copied in proportion to the weights, and the file may be deleted afterwards. Each call
    gives an independent Executable. `num_threads`: 0 for AICC_NUM_THREADS, else the number of cores. `device`: the
    number of the GPU for a model compiled for CUDA; None for AICC_CUDA_DEVICE, else 0.

    Raises RuntimeError_ AICC-5001 (not a model, made for another CPU or by an incompatible version),
    AICC-5004 (external weights), AICC-5005 (no such device, or a driver too old), AICC-5006
    (a vendor's library that it calls is missing or too old).
    """
    executable = Executable(Library(path, device))
    if num_threads:
        executable.num_threads = num_threads
    return executable
