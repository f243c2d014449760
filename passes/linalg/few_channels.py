"""Convolutions to few channels: products with all taps first, sums of them after.

A contraction gives each result channel a lane of a vector; with three channels (images, flows, masks) most lanes do
nothing. Here every input element is multiplied with the weights of all taps at once, which fill vectors, and each
result adds up those that are meant for it. Transposed convolutions do the same for each phase of their results.

before --> after
  aicc.conv(x, w[KH, KW, C, 3])  -->  linalg.generic {mulf, addf}: p[n, h, w, (kh, kw, f)], a matrix product;
                                      tensor.pad of p; tensor.expand_shape to [N, H, W, KH, KW, 3]; for each phase
                                      linalg.generic {addf}: y[n, h, w, f] = sum of p[n, h + kh, w + kw, kh, kw, f]

This is "column to image" (Caffe's deconvolution, Jia et al., arXiv:1408.5093), with sums that gather.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from math import ceil, prod
from typing import Any

from aicc.bindings import tensor
from aicc.dialects.convolution import conv_windows, dilated, input_dilations, kernel_shape
from aicc.dialects.types import TensorType
from aicc.passes.kernels.ir_tools import defining_op
from aicc.passes.linalg.builder import Builder, Lowered
from aicc.passes.linalg.convolution_dims import Dims, add_bias, widen
from aicc.passes.linalg.elementwise import compute_dtype
from aicc.passes.linalg.scalars import Scalars
from aicc.passes.linalg.transposed_convolution import Run, runs, static_sizes
from aicc.passes.linalg.views import extract_slice, pad, pad_value
from aicc.passes.weight_ops import LOAD, loaded_symbol
from aicc.weights import Recipe

_LANES = (8, 16)
"""Numbers in a vector: it has to pay with both."""
_WORTH = 1.3
"""How many times faster it has to look."""
_LOADS, _STORED = 1.5, 0.125
"""Cycles that adding one tap of one position takes, and writing and reading a product."""
_FEWEST_POSITIONS = 64


def products_first(b: Builder, n: Lowered) -> Any | None:
    """The lowered op; None where sizes are not static, or plain contractions are as fast."""
    attrs, x_t, out_t = n.attrs, n.typed(0), n.results[0]
    channels, in_channels, kernel = kernel_shape(n.typed(1), attrs["kernel_layout"])
    if attrs["layout"] != "NHWC" or attrs["kernel_layout"] != "HWIO" or attrs["group"] != 1:
        return None
    if any(stride != 1 for stride in attrs["strides"]) or out_t.dtype.bits < 32:
        return None
    sizes, results = static_sizes(x_t.shape), static_sizes(out_t.shape)
    taps, last = static_sizes(kernel), static_sizes((channels, in_channels))
    if sizes is None or results is None or taps is None or last is None:
        return None
    if 0 in (*sizes, *results, *taps):
        return None
    weight = defining_op(n.operands[1])
    if weight is None or weight.name != LOAD or prod(sizes[1:-1]) < _FEWEST_POSITIONS:
        return None
    steps = input_dilations(attrs)
    cut = []
    for window, size, out, step in zip(
        conv_windows(kernel, attrs), sizes[1:-1], results[1:-1], steps, strict=True
    ):
        begin, _ = window.pads(dilated(size, step))
        cut.append(runs(window.size, step, window.dilation, begin, size, -(-out // step)))
    if not _pays(cut, taps, *last):
        return None
    singles = [[phase for run in found for phase in run.single()] for found in cut]
    return _Sums(b, n, steps, singles, taps, *last).build(loaded_symbol(weight))


def _pays(cut: Sequence[Sequence[Run]], kernel: Sequence[int], channels: int, in_channels: int) -> bool:
    """Whether products and sums take clearly fewer cycles than a contraction for each run."""
    if not all(run.taps for found in cut for run in found):
        return False
    taps = prod(kernel)
    sums = _LOADS * taps + _STORED * taps * channels
    for lanes in _LANES:
        direct = sum(
            prod(run.taps for run in each) * ceil(channels * prod(run.phases for run in each) / lanes)
            for each in itertools.product(*cut)
        )
        # Two multiplications of vectors a cycle.
        if (ceil(taps * channels / lanes) * in_channels / 2 + sums) * _WORTH > direct * in_channels / 2:
            return False
    return True


class _Sums:
    """One op. `cut` has the phases of each spatial dim, each a run of its own."""

    def __init__(
        self,
        b: Builder,
        n: Lowered,
        steps: Sequence[int],
        cut: Sequence[Sequence[Run]],
        kernel: Sequence[int],
        channels: int,
        in_channels: int,
    ) -> None:
        self.b, self.n, self.steps, self.cut = b, n, steps, cut
        self.kernel, self.channels, self.in_channels = tuple(kernel), channels, in_channels
        self.counts = [-(-size // step) for size, step in zip(n.results[0].shape[1:-1], steps, strict=True)]
        self.low = [max(0, -min(r.start for r in rs)) for rs in cut]
        self.wide = compute_dtype(n.results[0].dtype)

    def build(self, symbol: str) -> Any:
        b, out_t = self.b, self.n.results[0]
        products, t = self._products(symbol)
        pieces = [(each, self._summed(products, t, each)) for each in itertools.product(*self.cut)]
        pairs = [d for count, step in zip(self.counts, self.steps, strict=True) for d in (count, step)]
        whole_t = TensorType((out_t.shape[0], *pairs, self.channels), out_t.dtype)
        piece_t = TensorType((out_t.shape[0], *self.counts, self.channels), out_t.dtype)
        if len(pieces) == 1:
            whole, _ = b.reshape(pieces[0][1], piece_t, whole_t.shape)
        else:
            whole = b.empty(whole_t)
            for each, piece in pieces:
                offsets = [0, *(at for run in each for at in (0, run.first)), 0]
                sizes = [out_t.shape[0], *(v for count in self.counts for v in (count, 1)), self.channels]
                whole = tensor.InsertSliceOp(
                    piece, whole, [], [], [], offsets, sizes, [1] * whole_t.rank
                ).result
        merged = tuple(count * step for count, step in zip(self.counts, self.steps, strict=True))
        y, y_t = b.reshape(whole, whole_t, (out_t.shape[0], *merged, self.channels))
        return extract_slice(b, y, y_t, [0] * y_t.rank, out_t.shape)[0]

    def _products(self, symbol: str) -> tuple[Any, TensorType]:
        """`[N, *spatial, *kernel, channels]`, zeros around it where phases read beyond the input."""
        b, n, x_t = self.b, self.n, self.n.typed(0)
        rank, columns = len(self.kernel), prod(self.kernel) * self.channels
        perm = (rank, *range(rank), rank + 1)
        w_t = TensorType((self.in_channels, *self.kernel, self.channels), n.typed(1).dtype)
        recipe = Recipe("permute", (("perm", perm),), (symbol,))
        w = b.weight(b.weights.add_recipe(f"{symbol}.taps", w_t, recipe))
        w, w_t = b.reshape(w, w_t, (self.in_channels, columns))
        dims = Dims()
        at = [dims.new("parallel") for _ in x_t.shape[:-1]]
        column, c = dims.new("parallel"), dims.new("reduction")
        t = TensorType((*x_t.shape[:-1], columns), self.wide)
        s = Scalars(self.wide)
        y = b.generic(
            [t],
            [
                (widen(b, n.operands[0], x_t, self.wide), dims.map([*at, c])),
                (widen(b, w, w_t, self.wide), dims.map([c, column])),
            ],
            dims.iterators,
            lambda u, v, acc: s.add(acc, s.mul(u, v)),
            out_maps=[dims.map([*at, column])],
            inits=[b.fill(t, 0)],
        )[0]
        low, high = [0] * t.rank, [0] * t.rank
        for d, (rs, count) in enumerate(zip(self.cut, self.counts, strict=True)):
            reach = max(r.start + (r.taps - 1) * r.step for r in rs) + count
            low[1 + d], high[1 + d] = self.low[d], max(0, reach - x_t.shape[1 + d])
        y, t = pad(b, y, t, low, high, pad_value(t.dtype, 0))
        return b.reshape(y, t, (*t.shape[:-1], *self.kernel, self.channels))

    def _summed(self, products: Any, t: TensorType, each: Sequence[Run]) -> Any:
        """The results of one phase, `[N, *counts, channels]`."""
        b, rank = self.b, len(self.kernel)
        offsets, shape, strides = [0] * t.rank, list(t.shape), [1] * t.rank
        for d, (run, count) in enumerate(zip(each, self.counts, strict=True)):
            offsets[1 + d], shape[1 + d] = self.low[d] + run.start, count + (run.taps - 1) * run.step
            offsets[1 + rank + d], shape[1 + rank + d] = run.tap, run.taps
            strides[1 + rank + d] = run.stride if run.taps > 1 else 1
        window, _ = extract_slice(b, products, t, offsets, shape, strides)
        dims = Dims()
        batch, *at = (dims.new("parallel") for _ in range(1 + rank))
        f = dims.new("parallel")
        taps = [dims.new("reduction") for _ in each]
        read = [q + k * run.step for q, k, run in zip(at, taps, each, strict=True)]
        acc_t = TensorType((t.shape[0], *self.counts, self.channels), self.wide)
        s = Scalars(self.wide)
        y = b.generic(
            [acc_t],
            [(window, dims.map([batch, *read, *taps, f]))],
            dims.iterators,
            lambda v, acc: s.add(acc, v),
            out_maps=[dims.map([batch, *at, f])],
            inits=[b.fill(acc_t, 0)],
        )[0]
        return add_bias(b, y, acc_t, self.n.operands[2], self.n.results[0].dtype, 1)


__all__ = ["products_first"]
