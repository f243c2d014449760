"""The loader of compiled models from the source tree, without an installation: it needs NumPy only."""

from __future__ import annotations

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
