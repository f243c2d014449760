"""Running a compiled model needs NumPy and the standard library, and nothing of the compiler."""

from __future__ import annotations

import subprocess
import sys

from .conftest import Fake

HEAVY = {"torch_mlir", "mlir", "llvmlite", "onnx", "onnxruntime", "torch", "rich", "typer", "ml_dtypes"}


def test_a_run_imports_numpy_only(fake: Fake) -> None:
    code = """
import sys
from aicc.loader import load
from aicc.session import InferenceSession
import numpy as np
load(sys.argv[1])(np.ones((2, 8), np.float32))
InferenceSession(sys.argv[1]).run(None, {"x": np.ones((2, 8), np.float32)})
print(" ".join({name.split(".")[0] for name in sys.modules}))
"""
    done = subprocess.run(
        [sys.executable, "-c", code, str(fake("affine"))], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    loaded = set(done.stdout.split())
    assert "numpy" in loaded
    assert not loaded & HEAVY
