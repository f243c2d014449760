"""Post-training quantization of ONNX models: ranges of activations, weights in few bits, what it costs in accuracy."""

from __future__ import annotations

from aicc.tools.quantize.api import QuantizeResult, quantize
from aicc.tools.quantize.options import QuantizeOptions

__all__ = ["QuantizeOptions", "QuantizeResult", "quantize"]
