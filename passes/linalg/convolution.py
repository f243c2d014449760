"""Convolution as one generic over padded input.

before --> after
  aicc.conv(x, w, bias) {pads}  -->  tensor.pad; linalg.generic {mulf, addf}; linalg.generic {+ bias}

Dims of the contraction, in order: batch, spatial, [group,] output channels, kernel, input channels (channels
last), or batch, [group,] output channels, spatial, input channels, kernel (channels first). Kernel sizes of 1
have no dim, so that a pointwise convolution is a matrix product. A depthwise convolution (one input channel
a group) contracts over the kernel only. f16 and bf16 accumulate in f32.

Kinds with a better form are lowered elsewhere: `few_channels`, `transposed_convolution`, `visible_taps`,
`dilated_convolution`, `grouped_convolution`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from aicc.bindings import ir
from aicc.dialects.convolution import conv_windows, dilated, input_dilations, kernel_shape
from aicc.dialects.symbolic import DimLike
from aicc.dialects.types import DType, TensorType
from aicc.dialects.windows import Window, channel_axis, spatial_axes
from aicc.passes.linalg.builder import Body, Builder, Lowered, lowering
from aicc.passes.linalg.convolution_dims import Dims, add_bias, widen
from aicc.passes.linalg.dilated_convolution import batched_phases
from aicc.passes.linalg.elementwise import compute_dtype
from aicc.passes.linalg.few_channels import products_first
from aicc.passes.linalg.grouped_convolution import grouped_lanes
from aicc.passes.linalg.requirements import require_windows
from aicc.passes.linalg.scalars import Scalars
from aicc.passes.linalg.transposed_convolution import phase_convolution
from aicc.passes.linalg.views import insert_slice, pad, pad_value
from aicc.passes.linalg.visible_taps import visible_taps


@lowering("conv")
def conv(b: Builder, n: Lowered) -> Any:
    require_windows(b, n)
    n = one_each(b, n)
    for special in (products_first, phase_convolution, visible_taps, batched_phases, grouped_lanes):
        if (result := special(b, n)) is not None:
            return result
    out_t = n.results[0]
    wide = compute_dtype(out_t.dtype)
    s = Scalars(wide)
    y, acc_t = sum_of_products(b, n, wide, lambda u, v, acc: s.add(acc, s.mul(u, v)), wide)
    channels = len(acc_t.shape) - len(out_t.shape) + 1
    at_end = 0 if n.attrs["layout"] == "NHWC" else len(out_t.shape) - 2
    y = add_bias(b, y, acc_t, n.operands[2], out_t.dtype, channels, at_end)
    return b.reshape(y, acc_t.with_dtype(out_t.dtype), out_t.shape)[0]


def sum_of_products(
    b: Builder, n: Lowered, acc: DType, body: Body, wide: DType | None = None, fill: int = 0
) -> tuple[Any, TensorType]:
    """The contraction of a convolution, of dtype `acc`, with channels as `[group, channels of a group]`.

    `body(x, w, sum)` gets the elements as they are stored, or as `wide`; pads are `fill`.
    """
    attrs, out_t = n.attrs, n.results[0]
    channels_last = attrs["layout"] == "NHWC"
    x, x_t = padded_input(b, n, fill)
    out_channels, in_channels, kernel = kernel_shape(n.typed(1), attrs["kernel_layout"])
    windows = conv_windows(kernel, attrs)
    group = attrs["group"]
    depthwise = group > 1 and in_channels == 1
    x, x_t = _split_channels(b, x, x_t, attrs["layout"], group, drop=depthwise)
    w, w_t = _split_kernel(b, n, group, [k for k in kernel if k != 1], out_channels, in_channels, depthwise)

    d = Dims()
    batch = d.new("parallel")
    groups: list[Any] = []
    if channels_last:
        at = [d.new("parallel") for _ in windows]
        groups += [d.new("parallel")] if group > 1 else []
        oc = [d.new("parallel")] if not depthwise or out_channels != group else []
        taps = _taps(d, windows)
        ic = [] if depthwise else [d.new("reduction")]
    else:
        groups += [d.new("parallel")] if group > 1 else []
        oc = [d.new("parallel")] if not depthwise or out_channels != group else []
        at = [d.new("parallel") for _ in windows]
        ic = [] if depthwise else [d.new("reduction")]
        taps = _taps(d, windows)
    read = [_position(o, win, k) for o, win, k in zip(at, windows, taps, strict=True)]
    kernel_dims = [k for k in taps if k is not None]
    hwio = attrs["kernel_layout"] == "HWIO"
    x_map = d.map([batch, *read, *groups, *ic] if channels_last else [batch, *groups, *ic, *read])
    w_map = d.map([*kernel_dims, *ic, *groups, *oc] if hwio else [*groups, *oc, *ic, *kernel_dims])
    out_map = d.map([batch, *at, *groups, *oc] if channels_last else [batch, *groups, *oc, *at])
    acc_t = TensorType(_split_shape(out_t, attrs["layout"], group, bool(oc)), acc)
    if wide is not None:
        x, w = widen(b, x, x_t, wide), widen(b, w, w_t, wide)
    y = b.generic(
        [acc_t],
        [(x, x_map), (w, w_map)],
        d.iterators,
        body,
        out_maps=[out_map],
        inits=[b.fill(acc_t, 0)],
    )[0]
    return y, acc_t


def one_each(b: Builder, n: Lowered) -> Lowered:
    """A depthwise convolution with several results of a channel as one with a single result of each: the input's
    channels are repeated, so that vectors of results read vectors of inputs."""
    x_t, group = n.typed(0), n.attrs["group"]
    out_channels, in_channels, _ = kernel_shape(n.typed(1), n.attrs["kernel_layout"])
    if group == 1 or in_channels != 1 or n.attrs["layout"] != "NHWC" or not isinstance(out_channels, int):
        return n
    if out_channels in (group, 0) or 0 in x_t.shape:
        return n
    wide = TensorType((*x_t.shape, out_channels // group), x_t.dtype)
    rank = wide.rank
    read = ir.AffineMap.get(rank, 0, [ir.AffineExpr.get_dim(d) for d in range(rank - 1)])
    repeated = b.generic([wide], [(n.operands[0], read)], ["parallel"] * rank, lambda v, _: v)[0]
    x, x_t = b.reshape(repeated, wide, (*x_t.shape[:-1], out_channels))
    attrs = {**n.attrs, "group": out_channels}
    return replace(n, operands=[x, *n.operands[1:]], types=[x_t, *n.types[1:]], attrs=attrs)


def _taps(d: Dims, windows: Sequence[Window]) -> list[Any]:
    """A reduction dim per kernel size, None where it is 1."""
    return [d.new("reduction") if w.size != 1 else None for w in windows]


def _position(o: Any, w: Window, k: Any) -> Any:
    """`o·stride + k·dilation`."""
    base = o if w.stride == 1 else o * w.stride
    if k is None:
        return base
    return base + (k if w.dilation == 1 else k * w.dilation)


def padded_input(b: Builder, n: Lowered, fill: int = 0) -> tuple[Any, TensorType]:
    """The input with `input_dilations` and pads applied, `fill` between and around its elements."""
    attrs, x, x_t = n.attrs, n.operands[0], n.typed(0)
    _, _, kernel = kernel_shape(n.typed(1), attrs["kernel_layout"])
    axes = spatial_axes(attrs["layout"], x_t.rank)
    steps = [1] * x_t.rank
    low: list[DimLike] = [0] * x_t.rank
    high: list[DimLike] = [0] * x_t.rank
    for axis, win, step in zip(axes, conv_windows(kernel, attrs), input_dilations(attrs), strict=True):
        low[axis], high[axis] = win.pads(dilated(x_t.shape[axis], step))
        steps[axis] = step
    zero = pad_value(x_t.dtype, fill)
    if all(step == 1 for step in steps):
        return pad(b, x, x_t, low, high, zero)
    inside = [max(p, 0) if isinstance(p, int) else p for p in low]
    rest_high = [max(p, 0) if isinstance(p, int) else p for p in high]
    shape = tuple(
        dilated(size, step) + lo + hi
        for size, step, lo, hi in zip(x_t.shape, steps, inside, rest_high, strict=True)
    )
    wide_t = TensorType(shape, x_t.dtype)
    y = insert_slice(b, x, x_t, _filled(b, wide_t, fill), inside, steps)
    crop_low = [lo - i for lo, i in zip(low, inside, strict=True)]
    crop_high = [hi - i for hi, i in zip(high, rest_high, strict=True)]
    return pad(b, y, wide_t, crop_low, crop_high, zero)


def _filled(b: Builder, t: TensorType, value: int) -> Any:
    """A tensor of `value`, and no linalg.fill: into that, MLIR's canonicalization folds the insertion of a padded
    tensor as if the insertion had no strides."""
    if 0 in t.shape:
        return b.empty(t)
    return b.generic([t], [], ["parallel"] * t.rank, lambda _: pad_value(t.dtype, value))[0]


def _split_shape(t: TensorType, layout: str, group: int, has_oc: bool) -> tuple[DimLike, ...]:
    """The shape of `t` with its channels as `[group, channels of a group]`."""
    if group == 1:
        return t.shape
    axis = channel_axis(layout, t.rank)
    inner = [t.shape[axis] // group] if has_oc else []
    return (*t.shape[:axis], group, *inner, *t.shape[axis + 1 :])


def _split_channels(
    b: Builder, x: Any, t: TensorType, layout: str, group: int, drop: bool
) -> tuple[Any, TensorType]:
    if group == 1 or drop:
        return x, t
    return b.reshape(x, t, _split_shape(t, layout, group, True))


def _split_kernel(
    b: Builder,
    n: Lowered,
    group: int,
    kernel: Sequence[DimLike],
    out_channels: DimLike,
    in_channels: DimLike,
    depthwise: bool,
) -> tuple[Any, TensorType]:
    """The weights with unit kernel dims dropped and output channels as `[group, channels of a group]`."""
    oc: list[DimLike] = [out_channels]
    if group > 1:
        oc = [group] if depthwise and out_channels == group else [group, out_channels // group]
    ic = [] if depthwise else [in_channels]
    hwio = n.attrs["kernel_layout"] == "HWIO"
    shape = [*kernel, *ic, *oc] if hwio else [*oc, *ic, *kernel]
    return b.reshape(n.operands[1], n.typed(1), shape)
