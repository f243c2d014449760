"""Grouped convolutions of few channels a group, with a vector across several groups.

As a contraction for each group, a vector holds no more channels than a group has results. Here it goes over the
channels of all groups, as in a depthwise convolution, and each lane reads the input of its own group.

before --> after
  aicc.conv(x, w) {group = 32}: 4 channels a group  -->  linalg.generic {mulf, addf}:
                                                           x[n, h + kh, w + kw, c floordiv 4 * 4 + i] * w[kh, kw, i, c]
"""

from __future__ import annotations

from typing import Any

from aicc.bindings import ir
from aicc.dialects.convolution import conv_windows, input_dilations, kernel_shape
from aicc.dialects.types import TensorType
from aicc.passes.linalg.builder import Builder, Lowered
from aicc.passes.linalg.convolution_dims import Dims, add_bias
from aicc.passes.linalg.scalars import Scalars
from aicc.passes.linalg.views import pad, pad_value

_SIZES = (2, 4, 8, 16)
"""Channels of a group, of the input and the result: vectors of 16 and of 8 lanes hold whole groups, or lie in one."""
_LANES = 16


def grouped_lanes(b: Builder, n: Lowered) -> Any | None:
    """The lowered op; None where groups are larger, or channels do not fill vectors."""
    attrs, x_t, out_t = n.attrs, n.typed(0), n.results[0]
    channels, in_channels, kernel = kernel_shape(n.typed(1), attrs["kernel_layout"])
    if attrs["layout"] != "NHWC" or attrs["kernel_layout"] != "HWIO" or out_t.dtype.bits < 32:
        return None
    if any(d != 1 for d in input_dilations(attrs)) or not isinstance(channels, int):
        return None
    each = channels // attrs["group"]
    if each not in _SIZES or in_channels not in _SIZES or in_channels > each or channels % _LANES:
        return None
    if 0 in out_t.shape:
        return None
    windows = conv_windows(kernel, attrs)
    low, high = [0] * x_t.rank, [0] * x_t.rank
    for axis, window in enumerate(windows, start=1):
        low[axis], high[axis] = window.pads(x_t.shape[axis])
    x, x_t = pad(b, n.operands[0], x_t, low, high, pad_value(x_t.dtype, 0))
    dims = Dims()
    batch, *at = (dims.new("parallel") for _ in range(x_t.rank - 1))
    c = dims.new("parallel")
    taps = [dims.new("reduction") for _ in windows]
    i = dims.new("reduction")
    read = [o * w.stride + k * w.dilation for o, w, k in zip(at, windows, taps, strict=True)]
    group = ir.AffineExpr.get_floor_div(c, each) * in_channels
    s = Scalars(out_t.dtype)
    acc_t = TensorType(out_t.shape, out_t.dtype)
    y = b.generic(
        [acc_t],
        [(x, dims.map([batch, *read, group + i])), (n.operands[1], dims.map([*taps, i, c]))],
        dims.iterators,
        lambda u, v, acc: s.add(acc, s.mul(u, v)),
        out_maps=[dims.map([batch, *at, c])],
        inits=[b.fill(acc_t, 0)],
    )[0]
    return add_bias(b, y, acc_t, n.operands[2], out_t.dtype, 1)
