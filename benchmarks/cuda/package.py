"""What scripts on a machine with a GPU take from where: the loader of compiled models from the source tree, without an
installation, and PyTorch if it can be used. NumPy is all they need.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]


def loader() -> Any:
    """The module aicc.loader."""
    if "aicc" not in sys.modules:
        folder = ROOT / "compiler"
        spec = importlib.util.spec_from_file_location(
            "aicc", folder / "__init__.py", submodule_search_locations=[str(folder)]
        )
        assert spec is not None and spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules["aicc"] = module
        spec.loader.exec_module(module)
    return importlib.import_module("aicc.loader")


def lacks_library(error: Exception) -> bool:
    """Whether a model was not loaded since a vendor's library that it calls is not installed."""
    return getattr(error, "code", "") == "AICC-5006" and "is not here" in str(error)


def torch_with_gpu() -> Any | None:
    """PyTorch, if it is installed and sees a GPU."""
    try:
        torch = importlib.import_module("torch")
    except Exception as error:  # an ImportError, or an OSError for want of a library
        if not isinstance(error, ModuleNotFoundError):
            print(f"PyTorch is left out: {type(error).__name__}: {error}"[:200])
        return None
    if not torch.cuda.is_available():
        print(f"PyTorch {torch.__version__} is left out: it sees no GPU.")
        return None
    return torch
