"""The aicc dialect: ONNX's operators after opset differences are gone.

`context()` makes an MLIR context that knows the dialect. Ops are declared one file per family;
importing this package declares them all (`OPS`).
"""

from __future__ import annotations

import importlib
import pkgutil
from typing import Any

from aicc.bindings import ir
from aicc.dialects.op import OPS, Dialect_, Op


def _declare_all() -> None:
    for module in pkgutil.iter_modules(__path__):
        importlib.import_module(f"{__name__}.{module.name}")


_declare_all()


def context() -> Any:
    """A fresh MLIR context with the aicc dialect loaded (multithreading off: verifiers are Python)."""
    ctx = ir.Context()
    with ctx, ir.Location.unknown():
        Dialect_.load()
    return ctx


__all__ = ["OPS", "Op", "context"]
