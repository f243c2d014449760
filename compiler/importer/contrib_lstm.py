"""com.microsoft's DynamicQuantizeLSTM: weights in bytes, the input quantized by each run's own range.

DynamicQuantizeLSTM(x, W, R)  -->  gates = scaled(matmul_integer(quantized(x), W[d])) + bias[d];
                                   lstm(gates, dequantized(R[d])) for each direction d
"""

from __future__ import annotations

from typing import Any

from aicc.dialects.quantization import Dequantize
from aicc.importer.compose import Compose
from aicc.importer.contrib import DOMAIN, dynamically_quantized, scaled_product
from aicc.importer.contrib_quantized import standing_for
from aicc.importer.node import Node
from aicc.importer.quantization import scalar_or_vector
from aicc.importer.recurrent import at_direction, lstm_of
from aicc.importer.registry import onnx_op


@onnx_op("DynamicQuantizeLSTM", domain=DOMAIN, limits="states are not rounded to 8 bits between the steps")
def dynamic_quantize_lstm(n: Node) -> Any:
    """Inputs: those of LSTM, but W `[directions, I, 4·H]` and R `[directions, H, 4·H]` in bytes; scale and zero point
    of W, of R, each `[directions]` or `[directions, 4·H]`.

    ONNX Runtime rounds the states, too, by their range in each step and over the samples that a thread has; in f32 they
    are as the model that was quantized has them, and the same for every number of threads.
    """
    c = Compose(n)
    quantized, scale = dynamically_quantized(n, n.required(0))

    def parameter(i: int, d: int) -> Any:
        """Scale or zero point of direction `d`: a number or one per column."""
        return scalar_or_vector(n, at_direction(n, n.required(i), d))

    def product(d: int) -> Any:
        weights = at_direction(n, n.required(1), d), parameter(9, d)
        return scaled_product(n, quantized, weights, [scale, parameter(8, d)], None)

    def recurrent(d: int) -> Any:
        r = at_direction(n, n.required(2), d)
        return c.transpose(n.build(Dequantize, r, parameter(10, d), parameter(11, d), axis=1), 1, 0)

    # of the weights only the sizes are looked at
    turned = [c.transpose(n.required(i), 0, 2, 1) for i in (1, 2)]
    return lstm_of(standing_for(n, "LSTM", [n.required(0), *turned, *n.inputs[3:8]]), product, recurrent)
