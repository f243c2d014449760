"""CausalConvWithState: a depthwise convolution along time that carries its last inputs over to the next call."""

from __future__ import annotations

from typing import Any

from aicc.dialects.convolution import Conv
from aicc.dialects.types import DType
from aicc.importer.compose import Compose
from aicc.importer.node import Node
from aicc.importer.registry import onnx_op
from aicc.importer.run_time_kernels import Windows, places, size_of


@onnx_op("CausalConvWithState")
def causal_conv_with_state(n: Node) -> Any:
    """Input `[B, C, L]`, weights `[C, 1, K]`; the state is the last `K − 1` elements of what was there and is new."""
    c, x, w, bias = Compose(n), n.required(0), n.required(1), n.input(2)
    for value in (x, w):
        if n.info(value).rank != 3:
            raise n.error("AICC-1005", f"input {n.info(x)} and weights {n.info(w)} must be of rank 3.")
    activation = n.attr("activation", "none")
    if activation not in ("none", "silu", "swish"):
        raise n.error("AICC-1006", f"attribute 'activation' is '{activation}'.")
    reach = c("sub", size_of(c, w, 2), 1)
    past = n.input(3)
    if past is None:
        past = c("expand", c.constant_like(0, x), c.concat([c("shape", x, start=0, end=2), reach], 0))
    joined = c.concat([past, x], 2)
    y = _depthwise(n, joined, w, bias)
    if activation != "none":
        wide = c.cast(y, DType.F32)
        y = c.cast(c("mul", wide, c("sigmoid", wide)), n.info(y).dtype)
    if not n.has_output(1):
        return y
    length = size_of(c, joined, 2)
    return y, c("slice", joined, c("sub", length, reach), length, None, axes=[2])


def _depthwise(n: Node, x: Any, w: Any, bias: Any | None) -> Any:
    """`y[b, c, t] = bias[c] + Σ_k x[b, c, t + k] · w[c, 0, k]`."""
    c, channels, kernel = Compose(n), n.info(w).shape[0], n.info(w).shape[2]
    if isinstance(channels, int) and isinstance(kernel, int):
        x = c.sized(x, None, channels, None)
        return n.build(Conv, x, w, bias, strides=[1], dilations=[1], pads=[0, 0], group=channels)
    dtype = n.info(x).dtype
    wide = DType.F64 if dtype is DType.F64 else DType.F32
    rows = c("squeeze", c.sized(w, None, 1, None), axes=[1])
    where = places(c, x, w, 0, Windows([1], [1], [1], [], []))
    taken = c("gather", c.cast(x, wide), where, axis=2)  # [B, C, t, k]
    y = c.sum(c("mul", taken, c.unsqueeze(c.cast(rows, wide), 1)), 3)
    if bias is not None:
        y = c("add", y, c.unsqueeze(c.cast(bias, wide), 1))
    return c.cast(y, dtype)
