"""Convolution, of any number of spatial dims, grouped, dilated, and transposed."""

from __future__ import annotations

from typing import Any

from aicc.dialects.attributes import Int, Ints, Str
from aicc.dialects.op import Attribute, Op, Operand, TypeRuleError
from aicc.dialects.symbolic import DimLike
from aicc.dialects.types import FLOAT, TensorType
from aicc.dialects.windows import (
    Window,
    channel_axis,
    check_choice,
    check_sizes,
    spatial_shape,
    windows,
    with_spatial,
)

KERNEL_LAYOUTS = ("OIHW", "HWIO")
"""Weights as ONNX has them, `[OC, IC/g, *k]`, or with channels last, `[*k, IC/g, OC]`."""


class Conv(Op, name="conv"):
    """Convolution (cross-correlation) with optional bias `[OC]`.

    `y[n, oc, o…] = bias[oc] + Σ_{ic, k…} x[n, g·IC/G + ic, o·stride + k·dilation − pad_begin] · w[oc, ic, k…]`

    `x` and `y` are `[N, C, *spatial]` (`layout` "NCHW") or `[N, *spatial, C]` ("NHWC"), for any number of
    spatial dims; `w` is `[OC, IC/group, *k]` (`kernel_layout` "OIHW") or `[*k, IC/group, OC]` ("HWIO"). With
    groups, output channel `oc` belongs to group `oc // (OC/group)` in both. `pads` are all begins, then all ends;
    negative ones crop. `auto_pad` is other than "NOTSET" only where the pads depend on a dynamic size.

    `input_dilations` d (absent: all 1) puts `d − 1` zeros between neighbouring elements of the input before
    padding: a transposed convolution is a convolution with `input_dilations` = its strides, spatially reversed
    weights, and pads `dilation·(k − 1) − pad`.
    """

    operands = (
        Operand("x", FLOAT),
        Operand("w", FLOAT, like="x"),
        Operand("bias", FLOAT, optional=True, like="x"),
    )
    attributes = (
        Attribute("strides", Ints),
        Attribute("pads", Ints),
        Attribute("dilations", Ints),
        Attribute("input_dilations", Ints, optional=True),
        Attribute("group", Int, default=1),
        Attribute("auto_pad", Str, default="NOTSET"),
        Attribute("layout", Str, default="NCHW"),
        Attribute("kernel_layout", Str, default="OIHW"),
    )

    @staticmethod
    def infer(x: TensorType, w: TensorType, bias: TensorType | None, **attrs: Any) -> TensorType:
        spatial = spatial_shape(x, attrs["layout"])
        check_choice("kernel_layout", attrs["kernel_layout"], KERNEL_LAYOUTS)
        if w.rank != x.rank:
            raise TypeRuleError(f"operands 'x' and 'w' must have one rank, got {x} and {w}")
        out_channels, in_channels, kernel = kernel_shape(w, attrs["kernel_layout"])
        group = attrs["group"]
        channels = x.shape[channel_axis(attrs["layout"], x.rank)]
        if group < 1 or (isinstance(out_channels, int) and out_channels % group):
            raise TypeRuleError(
                f"attribute 'group' is {group}, which does not divide {out_channels} output channels"
            )
        if isinstance(channels, int) and isinstance(in_channels, int) and channels != in_channels * group:
            raise TypeRuleError(
                f"operand 'x' has {channels} channels, 'w' expects {in_channels} in {group} groups"
            )
        if bias is not None and (
            bias.rank != 1 or (isinstance(bias.shape[0], int) and bias.shape[0] != out_channels)
        ):
            raise TypeRuleError(f"operand 'bias' must have {out_channels} elements, got {bias}")
        out = [
            win.output(dilated(n, d))
            for win, n, d in zip(conv_windows(kernel, attrs), spatial, input_dilations(attrs), strict=True)
        ]
        check_sizes(out, attrs["auto_pad"])
        return TensorType(with_spatial(x.shape[0], out_channels, out, attrs["layout"]), x.dtype)


def kernel_shape(w: TensorType, kernel_layout: str) -> tuple[DimLike, DimLike, tuple[DimLike, ...]]:
    """Output channels, input channels per group, spatial sizes."""
    if kernel_layout == "OIHW":
        return w.shape[0], w.shape[1], w.shape[2:]
    return w.shape[-1], w.shape[-2], w.shape[:-2]


def conv_windows(kernel: tuple[DimLike, ...], attrs: dict[str, Any]) -> list[Window]:
    """One window per spatial dim. Raises TypeRuleError for attributes of wrong length and dynamic kernels."""
    sizes = [k for k in kernel if isinstance(k, int)]
    if len(sizes) != len(kernel):
        raise TypeRuleError("operand 'w' must have static spatial sizes")
    out = windows(sizes, attrs["strides"], attrs["dilations"], attrs["pads"], attrs["auto_pad"])
    if len(input_dilations(attrs)) != len(sizes) or any(d < 1 for d in input_dilations(attrs)):
        raise TypeRuleError(f"attribute 'input_dilations' must have {len(sizes)} positive entries")
    return out


def input_dilations(attrs: dict[str, Any]) -> tuple[int, ...]:
    """One per spatial dim; 1 where the op says nothing."""
    given = attrs["input_dilations"]
    return given if given is not None else (1,) * len(attrs["strides"])


def dilated(n: DimLike, dilation: int) -> Any:
    """The size of `n` elements with `dilation − 1` zeros between neighbours."""
    return n if dilation == 1 else (n - 1) * dilation + 1
