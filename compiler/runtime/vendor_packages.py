"""Where vendors' libraries lie that come as Python packages: models look there last (vendor/library.c)."""

from __future__ import annotations

import importlib.util
import os
from dataclasses import dataclass
from functools import cache
from pathlib import Path


@dataclass(frozen=True)
class Package:
    """A library, as the runtime's part that calls it knows it."""

    variable: str
    """Of the environment: the folder where it is looked for last."""
    folders: tuple[str, ...]
    """Within the namespace package `nvidia`, the preferred first."""
    file: str
    """Pattern of its name."""


PACKAGES = {
    "cublaslt": Package("AICC_CUBLASLT_FOLDER", ("cu13/lib", "cublas/lib"), "libcublasLt.so.1[23]"),
    "cudnn": Package("AICC_CUDNN_FOLDER", ("cudnn/lib",), "libcudnn*.so.9"),
}
"""Of nvidia-cublas (CUDA 13) and nvidia-cublas-cu12; of nvidia-cudnn-cu13 and nvidia-cudnn-cu12."""


def offer_libraries() -> None:
    """Tells models of this process where installed packages have libraries, unless the user said where to look."""
    for name, package in PACKAGES.items():
        folder = package_folder(name)
        if folder is not None and not os.environ.get(package.variable):
            os.environ[package.variable] = str(folder)


@cache
def package_folder(name: str) -> Path | None:
    """The folder of one of `PACKAGES`; None: it is not installed."""
    package = PACKAGES[name]
    spec = importlib.util.find_spec("nvidia")
    places = list(spec.submodule_search_locations or ()) if spec is not None else []
    folders = [Path(place) / folder for folder in package.folders for place in places]
    return next((folder for folder in folders if any(folder.glob(package.file))), None)
