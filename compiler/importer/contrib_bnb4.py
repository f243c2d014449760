"""com.microsoft's MatMulBnb4: weights in 4 bits that choose one of sixteen numbers, scaled by blocks.

MatMulBnb4(x, B, absmax)  -->  matmul(x, reshape(gather(numbers, B) · absmax) : [N, K], trans_b)
"""

from __future__ import annotations

from typing import Any

import numpy as np

from aicc.dialects.contraction import MatMul
from aicc.dialects.types import DType
from aicc.importer.compose import Compose
from aicc.importer.contrib import DOMAIN, unpacked
from aicc.importer.node import Node
from aicc.importer.registry import onnx_op

_MAGNITUDES = (0.0, 0.0625, 8.0, 12.0, 4.0, 6.0, 2.0, 3.0)
"""Of FP4, in twelfths: a sign bit, two of exponent, one of mantissa; the eighth is the least that is not 0."""
_FP4 = np.array([*_MAGNITUDES, *(-m for m in _MAGNITUDES)]) / 12
_NF4 = (
    *(-1.0, -0.6961928009986877, -0.5250730514526367, -0.39491748809814453),
    *(-0.28444138169288635, -0.18477343022823334, -0.09105003625154495, 0.0),
    *(0.07958029955625534, 0.16093020141124725, 0.24611230194568634, 0.33791524171829224),
    *(0.44070982933044434, 0.5626170039176941, 0.7229568362236023, 1.0),
)
"""NormalFloat: quantiles of the normal distribution (Dettmers et al. 2023, appendix E)."""


@onnx_op("MatMulBnb4", domain=DOMAIN, limits="no training")
def matmul_bnb4(n: Node) -> Any:
    """Weights `[N, K]` as a row of numbers of 4 bits, the first of each byte in its upper half, a scale per block."""
    c, x = Compose(n), n.required(0)
    kind, block, depth, columns = (n.required_attr(a) for a in ("quant_type", "block_size", "K", "N"))
    if kind not in (0, 1) or n.attr("training_mode", 0):
        raise n.error("AICC-1006", f"attributes 'quant_type' {kind} and training are not supported.")
    if block < 1 or depth < 1 or columns < 1:
        raise n.error("AICC-1006", "attributes 'K', 'N' and 'block_size' must be positive.")
    dtype, count = n.info(x).dtype, depth * columns
    blocks = -(-count // block)
    halves = unpacked(c, n.required(1), 4)
    codes = c.reshape(c("gather", halves, n.ints([1, 0]), axis=n.info(halves).rank - 1), -1)
    codes = c.slice(codes, 0, 0, count)
    numbers = c("gather", n.const(_NF4 if kind else _FP4, dtype), c.cast(codes, DType.I64), axis=0)
    if blocks * block != count:
        numbers = c("pad", numbers, n.ints([0, blocks * block - count]), None, axes=[0])
    scaled = c("mul", c.reshape(numbers, blocks, block), c.reshape(n.required(2), blocks, 1))
    weights = c.reshape(c.slice(c.reshape(scaled, blocks * block), 0, 0, count), columns, depth)
    return n.build(MatMul, x, weights, trans_b=bool(n.attr("transB", 1)))
