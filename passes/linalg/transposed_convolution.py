"""Transposed convolution without multiplying by the zeros between input elements.

Along a spatial dim with input dilation (stride of the transposed convolution) s, result `o = s·q + r` reads input
`i = (o + k·dilation − pad) / s` for the taps k where that is whole: the results of a *phase* r are an ordinary
convolution with every (s / gcd)-th tap. Neighbouring phases that start at the same input element differ in their
taps only, and are computed together, as more output channels: a *run*.

before --> after
  aicc.conv(x, w) {input_dilations [2, 2]}  -->  for each run of rows and of columns:
                                                   linalg.generic {mulf, addf}, linalg.generic {+ bias}
                                                   insert into [N, H/2, 2, W/2, 2, C] at the phases of the run
                                                 tensor.collapse_shape to [N, H, W, C]

The decomposition is that of sub-pixel convolution (Shi et al., arXiv:1609.05158 and arXiv:1609.07009).
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import gcd
from typing import Any

import numpy as np

from aicc.bindings import ir, tensor
from aicc.dialects.convolution import conv_windows, dilated, input_dilations, kernel_shape
from aicc.dialects.symbolic import DimLike
from aicc.dialects.types import DType, TensorType
from aicc.dialects.windows import spatial_axes
from aicc.passes.kernels.ir_tools import defining_op
from aicc.passes.linalg.builder import Body, Builder, Lowered
from aicc.passes.linalg.convolution_dims import Dims, add_bias, widen
from aicc.passes.linalg.elementwise import compute_dtype
from aicc.passes.linalg.scalars import Scalars
from aicc.passes.linalg.views import extract_slice, pad, pad_value
from aicc.passes.weight_ops import LOAD, loaded_symbol
from aicc.weights import Recipe, phase_weights


@dataclass(frozen=True)
class Run:
    """Phases `first … first + phases − 1` of one dim.

    Result q of each reads inputs `q + start + t·step` for `taps` values of t; phase `first + j` multiplies
    them by taps `tap − j + t·stride` of the kernel.
    """

    first: int
    phases: int
    start: int
    taps: int
    step: int
    tap: int
    stride: int

    def single(self) -> list[Run]:
        """Its phases, each a run of its own."""
        return [
            replace(self, first=self.first + j, phases=1, tap=self.tap - j if self.taps else 0)
            for j in range(self.phases)
        ]


def runs(size: int, step: int, dilation: int, pad_begin: int, inputs: int, count: int) -> list[Run]:
    """The phases of a dim of kernel `size`, with `step - 1` zeros between the `inputs` and `pad_begin` before them,
    for `count` results of each phase. Taps that only ever meet padding are left out."""
    common = gcd(dilation, step)
    found: list[Run] = []
    for r in range(step):
        taps = [
            k
            for k in range(size)
            if (r + k * dilation - pad_begin) % step == 0
            and -count < (r + k * dilation - pad_begin) // step < inputs
        ]
        if not taps:
            found.append(Run(r, 1, 0, 0, 1, 0, 1))
            continue
        start = (r + taps[0] * dilation - pad_begin) // step
        run = Run(r, 1, start, len(taps), dilation // common, taps[0], step // common)
        last = found[-1] if found else None
        if (
            last is not None
            and (last.start, last.taps, last.step) == (run.start, run.taps, run.step)
            and last.tap - last.phases == run.tap
        ):
            run = found.pop()
            run = Run(run.first, run.phases + 1, run.start, run.taps, run.step, run.tap, run.stride)
        found.append(run)
    return found


@dataclass(frozen=True)
class IntegerSums:
    """Of a convolution of integers: `body(x, w, sum)`, and what lies between and around the elements of the input."""

    body: Body
    fill: int


def phase_convolution(b: Builder, n: Lowered, integers: IntegerSums | None = None) -> Any | None:
    """The lowered op; None where the plain way has to do: dynamic sizes or weights, strides, channels second."""
    attrs, x_t = n.attrs, n.typed(0)
    channels, in_channels, kernel = kernel_shape(n.typed(1), attrs["kernel_layout"])
    if attrs["layout"] != "NHWC" or any(stride != 1 for stride in attrs["strides"]):
        return None
    if attrs["kernel_layout"] != "HWIO" or _weight(n.operands[1]) is None:
        return None
    sizes, results = static_sizes(x_t.shape), static_sizes(n.results[0].shape)
    if sizes is None or results is None or 0 in results:
        return None
    if not isinstance(channels, int) or not isinstance(in_channels, int):
        return None
    given = input_dilations(attrs)
    # A single input may as well be one of many with zeros between: then each result is a phase of its own.
    steps = tuple(
        out if size == 1 and k != 1 else step
        for size, out, k, step in zip(sizes[1:-1], results[1:-1], kernel, given, strict=True)
    )
    if steps == given and all(step == 1 for step in steps):
        return None
    windows = conv_windows(kernel, attrs)
    cut = []
    for w, size, out, step, zeros in zip(windows, sizes[1:-1], results[1:-1], steps, given, strict=True):
        begin, _ = w.pads(dilated(size, zeros))
        cut.append(runs(w.size, step, w.dilation, begin, size, -(-out // step)))
    return _Phases(b, n, steps, cut, channels, in_channels, integers).build()


def static_sizes(shape: Sequence[DimLike]) -> tuple[int, ...] | None:
    """The sizes, None when one is not known."""
    sizes = tuple(size for size in shape if isinstance(size, int))
    return sizes if len(sizes) == len(shape) else None


def _weight(value: Any) -> str | None:
    op = defining_op(value)
    return loaded_symbol(op) if op is not None and op.name == LOAD else None


class _Phases:
    """One op. `cut` has the runs of each spatial dim."""

    def __init__(
        self,
        b: Builder,
        n: Lowered,
        steps: Sequence[int],
        cut: Sequence[Sequence[Run]],
        channels: int,
        in_channels: int,
        integers: IntegerSums | None,
    ) -> None:
        self.b, self.n, self.integers = b, n, integers
        self.steps, self.cut = steps, cut
        self.group: int = n.attrs["group"]
        self.depthwise = self.group > 1 and in_channels == 1
        self.in_channels, self.each = in_channels, channels // self.group
        spatial = [n.results[0].shape[a] for a in spatial_axes("NHWC", n.results[0].rank)]
        self.counts = [-(-size // step) for size, step in zip(spatial, steps, strict=True)]
        self.low = [max(0, -min(r.start for r in rs)) for rs in cut]
        self.wide = compute_dtype(n.results[0].dtype)

    def channels(self) -> list[int]:
        """Output channels as dims of the contraction: groups, and the channels of each."""
        if self.group == 1:
            return [self.each]
        return [self.group, *([] if self.depthwise and self.each == 1 else [self.each])]

    def build(self) -> Any:
        b, n = self.b, self.n
        x, x_t = self._padded()
        out_t = n.results[0]
        pairs = [d for count, step in zip(self.counts, self.steps, strict=True) for d in (count, step)]
        whole_t = TensorType((out_t.shape[0], *pairs, out_t.shape[-1]), out_t.dtype)
        pieces = [(c, *self._piece(x, x_t, c)) for c in itertools.product(*self.cut)]
        if len(pieces) == 1:
            whole, _ = b.reshape(*pieces[0][1:], whole_t.shape)
        else:
            whole = b.empty(whole_t)
            for combination, piece, _ in pieces:
                whole = self._inserted(piece, whole, combination)
        merged = tuple(count * step for count, step in zip(self.counts, self.steps, strict=True))
        y, y_t = b.reshape(whole, whole_t, (out_t.shape[0], *merged, out_t.shape[-1]))
        return extract_slice(b, y, y_t, [0] * y_t.rank, out_t.shape)[0]

    def _padded(self) -> tuple[Any, TensorType]:
        """The input with what all runs read before and behind it."""
        x_t = self.n.typed(0)
        low, high = [0] * x_t.rank, [0] * x_t.rank
        for d, (rs, count) in enumerate(zip(self.cut, self.counts, strict=True)):
            reach = max(r.start + (r.taps - 1) * r.step for r in rs) + count
            low[1 + d], high[1 + d] = self.low[d], max(0, reach - x_t.shape[1 + d])
        fill = 0 if self.integers is None else self.integers.fill
        return pad(self.b, self.n.operands[0], x_t, low, high, pad_value(x_t.dtype, fill))

    def _inserted(self, piece: Any, whole: Any, combination: Sequence[Run]) -> Any:
        """`piece` at its phases of `whole`, dims of single phases left out of it."""
        out = self.n.results[0]
        firsts = [at for run in combination for at in (0, run.first)]
        pairs = [v for count, run in zip(self.counts, combination, strict=True) for v in (count, run.phases)]
        offsets, sizes = [0, *firsts, 0], [out.shape[0], *pairs, out.shape[-1]]
        steps = [1] * len(sizes)
        return tensor.InsertSliceOp(piece, whole, [], [], [], offsets, sizes, steps).result

    def _piece(self, x: Any, x_t: TensorType, combination: Sequence[Run]) -> tuple[Any, TensorType]:
        """The results of one run of each dim, `[N, q, phases, …, (group,) C]` without dims of single phases,
        with bias and of the result's dtype."""
        b, n = self.b, self.n
        sizes = [
            size
            for count, run in zip(self.counts, combination, strict=True)
            for size in ((count, run.phases) if run.phases > 1 else (count,))
        ]
        channels = self.channels()
        acc_t = TensorType((n.results[0].shape[0], *sizes, *channels), self.wide)
        if all(run.taps for run in combination):
            y = self._contraction(x, x_t, combination, acc_t)
        else:  # no linalg.fill: a contraction that shares one is no kernel of its own
            y = b.generic([acc_t], [], ["parallel"] * acc_t.rank, lambda _: pad_value(self.wide, 0))[0]
        out_t = acc_t.with_dtype(n.results[0].dtype)
        if self.integers is not None:
            y = self._with_left_out(y, acc_t, combination)
        else:
            y = add_bias(b, y, acc_t, n.operands[2], n.results[0].dtype, len(channels))
        return b.reshape(y, out_t, (out_t.shape[0], *sizes, self.group * self.each))

    def _with_left_out(self, y: Any, t: TensorType, combination: Sequence[Run]) -> Any:
        """`y` of integers plus what the taps that are left out add up to: they see nothing but the fill."""
        b, fill = self.b, 0 if self.integers is None else self.integers.fill
        symbol = _weight(self.n.operands[1])
        assert symbol is not None
        weights = b.weights.load(symbol).astype(np.int32)
        spatial = tuple(range(len(combination)))
        whole = weights.sum((*spatial, len(spatial)))
        phases = [run.phases for run in combination if run.phases > 1]
        left_out = fill * np.broadcast_to(whole.reshape(self.channels()), (*phases, *self.channels()))
        if all(run.taps for run in combination):
            seen = phase_weights(weights, *self._cuts(combination))
            left_out = left_out - fill * seen.sum(tuple(range(seen.ndim - left_out.ndim)))
        if not left_out.any():
            return y
        s, rank = Scalars(DType.I32), t.rank
        read, d = [], 1
        for run in combination:
            read += [d + 1] if run.phases > 1 else []
            d += 2 if run.phases > 1 else 1
        read += range(d, rank)
        at = ir.AffineMap.get(rank, 0, [ir.AffineExpr.get_dim(i) for i in read])
        return b.generic(
            [t],
            [(y, ir.AffineMap.get_identity(rank)), (b.constant(left_out.astype(np.int32)), at)],
            ["parallel"] * rank,
            lambda v, more, _: s.add(v, more),
        )[0]

    def _contraction(self, x: Any, x_t: TensorType, combination: Sequence[Run], acc_t: TensorType) -> Any:
        b = self.b
        offsets, shape = [0] * x_t.rank, list(x_t.shape)
        for d, (run, count) in enumerate(zip(combination, self.counts, strict=True)):
            offsets[1 + d] = self.low[d] + run.start
            shape[1 + d] = count + (run.taps - 1) * run.step
        window, window_t = extract_slice(b, x, x_t, offsets, shape)
        if self.group > 1 and not self.depthwise:
            window, window_t = b.reshape(window, window_t, (*shape[:-1], self.group, self.in_channels))
        w, w_t = self._weights(combination)
        dims = Dims()
        batch = dims.new("parallel")
        positions, phases = [], []
        for run in combination:
            positions.append(dims.new("parallel"))
            phases.append(dims.new("parallel") if run.phases > 1 else None)
        tail = [dims.new("parallel") for _ in self.channels()]
        taps = [dims.new("reduction") if run.taps > 1 else None for run in combination]
        sums = [] if self.depthwise else [dims.new("reduction")]
        read = [
            q if t is None else q + t * run.step
            for q, t, run in zip(positions, taps, combination, strict=True)
        ]
        at = [e for pair in zip(positions, phases, strict=True) for e in pair if e is not None]
        kernel = [t for t in taps if t is not None]
        inner = [r for r in phases if r is not None]
        group = tail[:1] if self.group > 1 else []
        s = Scalars(self.wide)
        if self.integers is None:
            window, w = widen(b, window, window_t, self.wide), widen(b, w, w_t, self.wide)
        return b.generic(
            [acc_t],
            [
                (window, dims.map([batch, *read, *group, *sums])),
                (w, dims.map([*kernel, *sums, *inner, *tail])),
            ],
            dims.iterators,
            (lambda u, v, acc: s.add(acc, s.mul(u, v))) if self.integers is None else self.integers.body,
            out_maps=[dims.map([batch, *at, *tail])],
            inits=[b.fill(acc_t, 0)],
        )[0]

    def _weights(self, combination: Sequence[Run]) -> tuple[Any, TensorType]:
        """`[taps…, IC/g, phases…, (group,) channels]` without dims of the taps and phases that are single."""
        b, n = self.b, self.n
        symbol = _weight(n.operands[1])
        assert symbol is not None
        cuts, shape = self._cuts(combination)
        t = TensorType(shape, n.typed(1).dtype)
        recipe = Recipe("phase_weights", (("cuts", cuts), ("shape", shape)), (symbol,))
        return b.weight(b.weights.add_recipe(f"{symbol}.phases", t, recipe)), t

    def _cuts(self, combination: Sequence[Run]) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """What `phase_weights` is asked for: where the taps are, and the shape."""
        shape = (
            *(run.taps for run in combination if run.taps > 1),
            *([] if self.depthwise else [self.in_channels]),
            *(run.phases for run in combination if run.phases > 1),
            *self.channels(),
        )
        return tuple(v for run in combination for v in (run.tap, run.phases, run.taps, run.stride)), shape


__all__ = ["IntegerSums", "Run", "phase_convolution", "runs", "static_sizes"]
