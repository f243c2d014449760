"""Convolutions of wide dilation on small images, where many taps only ever meet padding.

With dilation 12, a 3x3 kernel on 33x33 pixels multiplies zeros in 43 % of all cases. Along a dim, results whose taps
meet the same part of the image lie together, in at most a few segments; each combination of segments is a convolution
of its own, with those taps only, and needs no padding.

before --> after
  aicc.conv(x) {dilations [12, 12], pads [12, 12, 12, 12]}  -->  for each segment of rows and of columns:
                                                                   linalg.generic {mulf, addf}: a slice of x, taps seen
                                                                   insert into [N, H, W, F] at the segments
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

from aicc.dialects.convolution import conv_windows, input_dilations, kernel_shape
from aicc.dialects.types import DType, TensorType
from aicc.dialects.windows import Window
from aicc.passes.kernels.ir_tools import defining_op
from aicc.passes.linalg.builder import Builder, Lowered
from aicc.passes.linalg.convolution_dims import Dims, add_bias
from aicc.passes.linalg.scalars import Scalars
from aicc.passes.linalg.transposed_convolution import static_sizes
from aicc.passes.linalg.views import extract_slice, insert_slice
from aicc.passes.weight_ops import LOAD, loaded_symbol
from aicc.weights import Recipe

_WORTH = 0.8
"""The part of the multiplications that may be left: each piece has weights of its own."""
_WORTH_WINOGRAD = 0.45
"""The same where Winograd's algorithm would do with fewer."""
_MOST = 9
"""Pieces."""


@dataclass(frozen=True)
class Segment:
    """`count` results from `first` on, which see `taps` taps from `tap` on; the first of them reads input `start`."""

    first: int
    count: int
    tap: int
    taps: int
    start: int


def segments(window: Window, size: int, results: int) -> list[Segment]:
    """Results along a dim of `size` inputs by the taps they see. Those that see none are of 0 taps."""
    begin, _ = window.pads(size)
    found: list[Segment] = []
    for o in range(results):
        places = [o * window.stride + k * window.dilation - begin for k in range(window.size)]
        seen = [k for k, place in enumerate(places) if 0 <= place < size]
        tap = seen[0] if seen else 0
        last = found[-1] if found else None
        if last is not None and (last.tap, last.taps) == (tap, len(seen)):
            found[-1] = Segment(last.first, last.count + 1, last.tap, last.taps, last.start)
        else:
            found.append(Segment(o, 1, tap, len(seen), places[tap] if seen else 0))
    return found


def visible_taps(b: Builder, n: Lowered) -> Any | None:
    """The lowered op; None where few taps meet padding, or sizes are not static."""
    attrs, x_t, out_t = n.attrs, n.typed(0), n.results[0]
    channels, in_channels, kernel = kernel_shape(n.typed(1), attrs["kernel_layout"])
    if attrs["layout"] != "NHWC" or attrs["kernel_layout"] != "HWIO" or attrs["group"] != 1:
        return None
    if any(d != 1 for d in input_dilations(attrs)) or out_t.dtype is not DType.F32 or b.device:
        return None
    sizes, results = static_sizes(x_t.shape), static_sizes(out_t.shape)
    last = static_sizes((channels, in_channels))
    weight = defining_op(n.operands[1])
    if sizes is None or results is None or last is None or 0 in (*sizes, *results):
        return None
    if weight is None or weight.name != LOAD:
        return None
    windows = conv_windows(kernel, attrs)
    if all(w.dilation == 1 for w in windows):
        return None
    cut = [
        segments(window, size, count)
        for window, size, count in zip(windows, sizes[1:-1], results[1:-1], strict=True)
    ]
    if prod(len(each) for each in cut) > _MOST or any(not s.taps for each in cut for s in each):
        return None
    left = prod(
        sum(s.count * s.taps for s in each) / (count * w.size)
        for each, count, w in zip(cut, results[1:-1], windows, strict=True)
    )
    if left > (_WORTH_WINOGRAD if _winograd(windows, results[1:-1], last) else _WORTH):
        return None
    whole = b.empty(out_t)
    for chosen in itertools.product(*cut):
        piece, t = _piece(b, n, windows, chosen, last, loaded_symbol(weight))
        whole = insert_slice(b, piece, t, whole, [0, *(s.first for s in chosen), 0])
    return whole


def _winograd(windows: Sequence[Window], results: Sequence[int], channels: Sequence[int]) -> bool:
    """Whether `dilated_convolution` would take it."""
    counts = [-(-size // w.dilation) for size, w in zip(results, windows, strict=True)]
    square = len(windows) == 2 and all(w.size == 3 and w.stride == 1 and w.dilation > 1 for w in windows)
    return square and min(channels) >= 16 and all(count >= 2 and count != 3 for count in counts)


def _piece(
    b: Builder,
    n: Lowered,
    windows: Sequence[Window],
    chosen: Sequence[Segment],
    channels: Sequence[int],
    symbol: str,
) -> tuple[Any, TensorType]:
    """The results of one segment of each dim, with bias."""
    out_channels, in_channels = channels
    x_t, out_t = n.typed(0), n.results[0]
    reach = [
        (s.count - 1) * w.stride + (s.taps - 1) * w.dilation + 1 for s, w in zip(chosen, windows, strict=True)
    ]
    x, _ = extract_slice(
        b, n.operands[0], x_t, [0, *(s.start for s in chosen), 0], [x_t.shape[0], *reach, in_channels]
    )
    cuts = tuple(v for s in chosen for v in (s.tap, 1, s.taps, 1))
    shape = (*(s.taps for s in chosen if s.taps > 1), in_channels, out_channels)
    w_t = TensorType(shape, n.typed(1).dtype)
    recipe = Recipe("phase_weights", (("cuts", cuts), ("shape", shape)), (symbol,))
    weights = b.weight(b.weights.add_recipe(f"{symbol}.seen", w_t, recipe))
    dims = Dims()
    batch, *at = (dims.new("parallel") for _ in range(1 + len(chosen)))
    f = dims.new("parallel")
    taps = [dims.new("reduction") if s.taps > 1 else None for s in chosen]
    c = dims.new("reduction")
    read = [
        o * w.stride if k is None else o * w.stride + k * w.dilation
        for o, k, w in zip(at, taps, windows, strict=True)
    ]
    t = TensorType((x_t.shape[0], *(s.count for s in chosen), out_channels), out_t.dtype)
    s = Scalars(out_t.dtype)
    y = b.generic(
        [t],
        [
            (x, dims.map([batch, *read, c])),
            (weights, dims.map([*(k for k in taps if k is not None), c, f])),
        ],
        dims.iterators,
        lambda u, v, acc: s.add(acc, s.mul(u, v)),
        out_maps=[dims.map([batch, *at, f])],
        inits=[b.fill(t, 0)],
    )[0]
    return add_bias(b, y, t, n.operands[2], out_t.dtype, 1), t


__all__ = ["Segment", "segments", "visible_taps"]
