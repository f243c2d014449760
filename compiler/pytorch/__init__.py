"""PyTorch: a backend of `torch.compile`, and modules straight to an `Executable`.

    fast = torch.compile(module.eval(), backend="aicc")          # with torch.no_grad(): fast(x)
    exe = aicc.pytorch.compile(module.eval(), (x,))              # exe.save("model.so")

Needs torch and onnxscript: `pip install aicc[torch]`. A graph goes through torch's own ONNX exporter, then the way of
every ONNX model; weights become constants of it. Where ONNX lacks an operator, torch.compile's graph is compiled in
parts, and torch runs what is between them.
"""

from __future__ import annotations

from aicc.pytorch.backend import backend
from aicc.pytorch.export import compile

__all__ = ["backend", "compile"]
