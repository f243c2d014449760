"""The one place that imports the MLIR Python bindings.

A real `mlir` package is taken when one is installed, else the upstream part of the `torch-mlir`
wheel (same API; nothing of torch is used). Everything else in aicc imports from here, so that
a change of supplier is a change of this file.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
import types
from typing import Any

_ROOT = "mlir" if importlib.util.find_spec("mlir") is not None else "torch_mlir"


def _load(name: str) -> Any:
    return importlib.import_module(f"{_ROOT}.{name}")


ir: Any = _load("ir")
passmanager: Any = _load("passmanager")
PassManager: Any = passmanager.PassManager
execution_engine: Any = _load("execution_engine")
rewrite: Any = _load("rewrite")

affine: Any = _load("dialects.affine")
arith: Any = _load("dialects.arith")
bufferization: Any = _load("dialects.bufferization")
builtin: Any = _load("dialects.builtin")
ext: Any = _load("dialects.ext")
func: Any = _load("dialects.func")
linalg: Any = _load("dialects.linalg")
llvm: Any = _load("dialects.llvm")
math: Any = _load("dialects.math")
memref: Any = _load("dialects.memref")
ml_program: Any = _load("dialects.ml_program")
scf: Any = _load("dialects.scf")
tensor: Any = _load("dialects.tensor")
transform_interpreter: Any = _load("dialects.transform.interpreter")
vector: Any = _load("dialects.vector")

# The bindings look for `dialects.aicc` at every op of ours they wrap, and forget that it is not there:
# a third of a second for a ResNet-50. An empty module answers them once.
sys.modules.setdefault(f"{_ROOT}.dialects.aicc", types.ModuleType(f"{_ROOT}.dialects.aicc"))
