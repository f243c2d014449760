"""aicc: an ONNX compiler built on MLIR.

    exe = aicc.compile("model.onnx")        # an Executable: y = exe(x)
    exe.save("model.so")
    exe = aicc.load("model.so")             # needs NumPy only
    session = aicc.InferenceSession("model.onnx")

Names are imported when first used, so that loading a compiled model never imports the compiler.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from aicc.driver import Options as Options
    from aicc.driver import compile as compile
    from aicc.driver import compile_model as compile_model
    from aicc.driver import cpu_pipeline as cpu_pipeline
    from aicc.errors import AiccError as AiccError
    from aicc.executable import Executable as Executable
    from aicc.loader import load as load
    from aicc.passes.base import Pass as Pass
    from aicc.passes.base import PassContext as PassContext
    from aicc.pipeline import Pipeline as Pipeline
    from aicc.session import InferenceSession as InferenceSession
    from aicc.session import SessionOptions as SessionOptions
    from aicc.target import Target as Target
    from aicc.tools.quantize.api import quantize as quantize

_HOME = {
    "AiccError": "errors",
    "Executable": "executable",
    "InferenceSession": "session",
    "Options": "driver",
    "Pass": "passes.base",
    "PassContext": "passes.base",
    "Pipeline": "pipeline",
    "SessionOptions": "session",
    "Target": "target",
    "compile": "driver",
    "compile_model": "driver",
    "cpu_pipeline": "driver",
    "load": "loader",
    "quantize": "tools.quantize.api",
}

__all__ = sorted(_HOME)


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'aicc' has no attribute '{name}'")
    return getattr(importlib.import_module(f"aicc.{_HOME[name]}"), name)


def __dir__() -> list[str]:
    return __all__
