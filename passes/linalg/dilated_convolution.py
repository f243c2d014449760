"""A dilated 3x3 convolution as one without dilation of every phase of the image.

Rows (and columns) that lie d apart make an image of their own, in which the convolution is not dilated: all d * d
of them together are one batch of ordinary 3x3 convolutions, for which there is Winograd's algorithm. Nothing is
moved for it: phases are dims of a view of the padded input and of the result.

before --> after
  aicc.conv(x) {dilations [d, d]}  -->  tensor.pad x to [N, (Q + 2)·d, (P + 2)·d, C], tensor.expand_shape to
                                        [N, Q + 2, d, P + 2, d, C]; linalg.generic {mulf, addf} to [N, Q, d, P, d, F];
                                        tensor.collapse_shape, tensor.extract_slice of what was asked for
"""

from __future__ import annotations

from typing import Any

from aicc.dialects.convolution import conv_windows, input_dilations, kernel_shape
from aicc.dialects.types import DType, TensorType
from aicc.passes.linalg.builder import Builder, Lowered
from aicc.passes.linalg.convolution_dims import Dims, add_bias
from aicc.passes.linalg.scalars import Scalars
from aicc.passes.linalg.views import extract_slice, pad, pad_value

_FEWEST_CHANNELS = 16
"""With less, Winograd's transforms cost more than the multiplications they save."""


def batched_phases(b: Builder, n: Lowered) -> Any | None:
    """The lowered op; None where it is no dilated 3x3 convolution of static sizes that Winograd's algorithm suits."""
    attrs, x_t, out_t = n.attrs, n.typed(0), n.results[0]
    channels, in_channels, kernel = kernel_shape(n.typed(1), attrs["kernel_layout"])
    dilations = attrs["dilations"]
    if tuple(kernel) != (3, 3) or attrs["group"] != 1 or out_t.dtype is not DType.F32:
        return None
    if attrs["layout"] != "NHWC" or attrs["kernel_layout"] != "HWIO" or min(dilations) < 2:
        return None
    if any(s != 1 for s in (*attrs["strides"], *input_dilations(attrs))):
        return None
    if not isinstance(channels, int) or not isinstance(in_channels, int):
        return None
    if not all(isinstance(s, int) for s in (*x_t.shape, *out_t.shape)):
        return None
    counts = [-(-size // d) for size, d in zip(out_t.shape[1:3], dilations, strict=True)]
    if min(in_channels, channels) < _FEWEST_CHANNELS or 0 in out_t.shape:
        return None
    if any(count < 2 or count == 3 for count in counts):  # three results fill tiles of two or four badly
        return None
    low, high = [0] * 4, [0] * 4
    for axis, (window, d, count) in enumerate(
        zip(conv_windows(kernel, attrs), dilations, counts, strict=True), start=1
    ):
        low[axis], _ = window.pads(x_t.shape[axis])
        high[axis] = (count + 2) * d - low[axis] - x_t.shape[axis]
    x, x_t = pad(b, n.operands[0], x_t, low, high, pad_value(x_t.dtype, 0))
    (rows, columns), (down, across) = counts, dilations
    x, x_t = b.reshape(x, x_t, (x_t.shape[0], rows + 2, down, columns + 2, across, in_channels))
    acc_t = TensorType((x_t.shape[0], rows, down, columns, across, channels), out_t.dtype)
    dims = Dims()
    batch, h, top, w, left, f = (dims.new("parallel") for _ in range(6))
    kh, kw, c = (dims.new("reduction") for _ in range(3))
    s = Scalars(out_t.dtype)
    y = b.generic(
        [acc_t],
        [
            (x, dims.map([batch, h + kh, top, w + kw, left, c])),
            (n.operands[1], dims.map([kh, kw, c, f])),
        ],
        dims.iterators,
        lambda u, v, acc: s.add(acc, s.mul(u, v)),
        out_maps=[dims.map([batch, h, top, w, left, f])],
        inits=[b.fill(acc_t, 0)],
    )[0]
    y = add_bias(b, y, acc_t, n.operands[2], out_t.dtype, 1)
    y, y_t = b.reshape(y, acc_t, (out_t.shape[0], rows * down, columns * across, channels))
    return extract_slice(b, y, y_t, [0] * 4, out_t.shape)[0]
