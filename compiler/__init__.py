"""aicc: an ONNX compiler built on MLIR.

    exe = aicc.compile("model.onnx")        # or aicc.load("model.so")
    y = exe(x)

Names are imported when they are first used: running a compiled model does not load the compiler.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from aicc.driver import Options, compile, compile_model, cpu_pipeline
    from aicc.errors import AiccError
    from aicc.executable import Executable
    from aicc.loader import load
    from aicc.pipeline import Pipeline
    from aicc.session import InferenceSession, SessionOptions
    from aicc.target import Target

__version__ = "0.1.0"

_HOME = {
    "AiccError": "errors",
    "Executable": "executable",
    "InferenceSession": "session",
    "Options": "driver",
    "Pipeline": "pipeline",
    "SessionOptions": "session",
    "Target": "target",
    "compile": "driver",
    "compile_model": "driver",
    "cpu_pipeline": "driver",
    "load": "loader",
}

__all__ = [
    "AiccError",
    "Executable",
    "InferenceSession",
    "Options",
    "Pipeline",
    "SessionOptions",
    "Target",
    "compile",
    "compile_model",
    "cpu_pipeline",
    "load",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'aicc' has no attribute '{name}'")
    value = getattr(importlib.import_module(f"aicc.{_HOME[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOME})
