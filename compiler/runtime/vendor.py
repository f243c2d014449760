"""Where vendors' libraries lie that come as Python packages: models look there last (cublaslt/library.c)."""

from __future__ import annotations

import importlib.util
import os
from functools import cache
from pathlib import Path

_VARIABLE = "AICC_CUBLASLT_FOLDER"
_FOLDERS = ("cu13/lib", "cublas/lib")
"""Of the packages nvidia-cublas (CUDA 13) and nvidia-cublas-cu12, within the namespace package `nvidia`."""


def offer_cublaslt() -> None:
    """Tells models of this process where the installed package has cuBLASLt, unless the user said where to look."""
    folder = _cublaslt_folder()
    if folder is not None and not os.environ.get(_VARIABLE):
        os.environ[_VARIABLE] = str(folder)


@cache
def _cublaslt_folder() -> Path | None:
    spec = importlib.util.find_spec("nvidia")
    places = list(spec.submodule_search_locations or ()) if spec is not None else []
    folders = [Path(place) / folder for folder in _FOLDERS for place in places]
    return next((folder for folder in folders if any(folder.glob("libcublasLt.so.1[23]"))), None)
