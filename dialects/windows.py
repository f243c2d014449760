"""Sliding windows: sizes, paddings and layouts of convolutions and poolings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from aicc.dialects.op import TypeRuleError
from aicc.dialects.symbolic import DimLike, ceildiv, dim_max, dim_min, floordiv
from aicc.dialects.types import TensorType

LAYOUTS = ("NCHW", "NHWC")
"""Channels second or last, for any number of spatial dims."""
AUTO_PADS = ("NOTSET", "SAME_UPPER", "SAME_LOWER")


@dataclass(frozen=True)
class Window:
    """A window along one spatial dim. `auto_pad` other than "NOTSET" replaces the pads."""

    size: int
    stride: int = 1
    dilation: int = 1
    pad_begin: int = 0
    pad_end: int = 0
    auto_pad: str = "NOTSET"
    ceil: bool = False

    @property
    def extent(self) -> int:
        """Positions from the first to the last element, both included."""
        return self.dilation * (self.size - 1) + 1

    def output(self, n: DimLike) -> Any:
        """The number of windows over `n` elements."""
        if self.auto_pad != "NOTSET":
            return ceildiv(n, self.stride)
        room = n + (self.pad_begin + self.pad_end - self.extent)
        if not self.ceil or self.stride == 1:
            return floordiv(room, self.stride) + 1
        out = ceildiv(room, self.stride) + 1
        if self.pad_end <= self.extent - self.stride:
            return out
        # a window that starts in the padding at the end does not count
        return dim_min(out, ceildiv(n + self.pad_begin, self.stride))

    def pads(self, n: DimLike) -> tuple[Any, Any]:
        """Elements to add before and after `n` so that every window lies inside; negative ones crop.

        The padding at the end is what the last window needs: less than `pad_end` where windows leave a
        rest, more where `ceil` lets the last one overhang.
        """
        if self.auto_pad == "NOTSET":
            if not self.ceil:
                return self.pad_begin, self.pad_end
            needed = (self.output(n) - 1) * self.stride + self.extent
            return self.pad_begin, dim_max(needed - (n + self.pad_begin), self.pad_end)
        needed = (self.output(n) - 1) * self.stride + self.extent
        total = dim_max(needed - n, 0)
        half = floordiv(total, 2)
        return (half, total - half) if self.auto_pad == "SAME_UPPER" else (total - half, half)


def windows(
    kernel: Sequence[int],
    strides: Sequence[int],
    dilations: Sequence[int],
    pads: Sequence[int],
    auto_pad: str = "NOTSET",
    ceil: bool = False,
) -> list[Window]:
    """One `Window` per spatial dim; `pads` are all begins, then all ends. Raises TypeRuleError."""
    n = len(kernel)
    for name, values, count in (("strides", strides, n), ("dilations", dilations, n), ("pads", pads, 2 * n)):
        if len(values) != count:
            raise TypeRuleError(f"attribute '{name}' has {len(values)} entries, expected {count}")
    if any(s < 1 for s in strides) or any(d < 1 for d in dilations):
        raise TypeRuleError("attributes 'strides' and 'dilations' must be positive")
    if any(k < 1 for k in kernel):
        raise TypeRuleError(f"the kernel has shape {list(kernel)}; sizes must be positive")
    check_choice("auto_pad", auto_pad, AUTO_PADS)
    return [
        Window(kernel[i], strides[i], dilations[i], pads[i], pads[n + i], auto_pad, ceil) for i in range(n)
    ]


def check_choice(name: str, value: str, allowed: Sequence[str]) -> None:
    """Raises TypeRuleError unless the attribute is one of `allowed`."""
    if value not in allowed:
        raise TypeRuleError(f"attribute '{name}' is '{value}', expected one of {', '.join(allowed)}")


def channel_axis(layout: str, rank: int) -> int:
    return 1 if layout == "NCHW" else rank - 1


def spatial_axes(layout: str, rank: int) -> range:
    return range(2, rank) if layout == "NCHW" else range(1, rank - 1)


def spatial_shape(x: TensorType, layout: str) -> tuple[DimLike, ...]:
    """The spatial sizes of `x`. Raises TypeRuleError when it has none."""
    check_choice("layout", layout, LAYOUTS)
    if x.rank < 3:
        raise TypeRuleError(f"operand 'x' has shape {x}; a batch, channels and spatial dims are expected")
    return tuple(x.shape[i] for i in spatial_axes(layout, x.rank))


def with_spatial(
    batch: DimLike, channels: DimLike, spatial: Sequence[DimLike], layout: str
) -> tuple[DimLike, ...]:
    """A shape in `layout`."""
    return (batch, channels, *spatial) if layout == "NCHW" else (batch, *spatial, channels)


def check_sizes(out: Sequence[DimLike], auto_pad: str) -> None:
    """Raises TypeRuleError when a window is larger than the padded input: then none is in it."""
    if auto_pad == "NOTSET" and any(isinstance(n, int) and n < 1 for n in out):
        raise TypeRuleError("the window is larger than the padded input")
