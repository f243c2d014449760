"""com.microsoft: the embeddings that encoders begin with, of floats and of quantized tables."""

from __future__ import annotations

from typing import Any

import numpy as np

from aicc.dialects.quantization import Dequantize
from aicc.dialects.types import DType
from aicc.importer.compose import Compose, static_shape
from aicc.importer.contrib import DOMAIN
from aicc.importer.node import Node
from aicc.importer.quantization import scalar_or_vector
from aicc.importer.registry import onnx_op

_WORDS, _POSITIONS, _SEGMENTS, _SCALE, _BIAS = range(2, 7)
"""Inputs that a quantizer replaces."""
_TABLES = 5


@onnx_op("EmbedLayerNormalization", domain=DOMAIN)
def embed_layer_norm(n: Node) -> Any:
    """Embeddings of words, positions and segments, added and normalized; and how long each mask is."""
    return _embedded(n, position_ids=n.input(8), scales=None)


@onnx_op("QEmbedLayerNormalization", domain=DOMAIN)
def quantized_embed_layer_norm(n: Node) -> Any:
    """The same of tables, scale and bias in bytes. Inputs: those of EmbedLayerNormalization up to the mask, five
    scales, five zero points."""
    return _embedded(n, position_ids=None, scales=8)[:2]


def _embedded(n: Node, position_ids: Any | None, scales: int | None) -> tuple[Any, Any, Any]:
    """What is normalized, lengths of the masks, and the sum before it. Input `scales` is the first of the scales,
    where tables are quantized."""
    c, ids = Compose(n), n.required(0)

    def real(value: Any, table: int) -> Any:
        """What a part of input `table` stands for."""
        if scales is None:
            return value
        at = scales + table - _WORDS
        scale = scalar_or_vector(n, c.cast(n.required(at), DType.F32))
        return n.build(Dequantize, value, scale, scalar_or_vector(n, n.required(at + _TABLES)))

    words = real(c("gather", n.required(_WORDS), ids, axis=0), _WORDS)
    table = n.required(_POSITIONS)
    if position_ids is not None:
        positions = c("gather", table, position_ids, axis=0)
    else:
        length = c("shape", ids, start=1, end=2)
        positions = c("slice", table, n.ints([0]), length, None, axes=[0])
    total = c("add", words, real(positions, _POSITIONS))
    if n.input(1) is not None and n.input(_SEGMENTS) is not None:
        segments = c("gather", n.required(_SEGMENTS), n.required(1), axis=0)
        total = c("add", total, real(segments, _SEGMENTS))
    scale, bias = (real(n.required(i), i) for i in (_SCALE, _BIAS))
    axis = n.info(total).rank - 1
    y = c("layer_norm", total, scale, bias, axis=axis, epsilon=n.attr("epsilon", 1e-12))
    mask = n.input(7)
    if mask is not None:
        lengths = c.cast(c.sum(c.cast(mask, DType.I32), 1), DType.I32)
    else:
        lengths = n.const(np.zeros(static_shape(n, ids)[0]), DType.I32) if n.has_output(1) else None
    return y, lengths, total
