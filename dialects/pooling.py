"""Pooling over windows, and local response normalization."""

from __future__ import annotations

from typing import Any

from aicc.dialects.attributes import Bool, Float, Int, Ints, Str
from aicc.dialects.numerics import normalize_axis
from aicc.dialects.op import Attribute, Op, Operand, TypeRuleError
from aicc.dialects.types import FLOAT, NUMERIC, DType, TensorType
from aicc.dialects.windows import Window, channel_axis, check_sizes, spatial_shape, windows, with_spatial

_WINDOW: tuple[Attribute, ...] = (
    Attribute("kernel", Ints),
    Attribute("strides", Ints),
    Attribute("pads", Ints),
    Attribute("dilations", Ints),
    Attribute("ceil_mode", Bool, default=False),
    Attribute("auto_pad", Str, default="NOTSET"),
    Attribute("layout", Str, default="NCHW"),
)


def pool_windows(attrs: dict[str, Any]) -> list[Window]:
    """One window per spatial dim."""
    return windows(
        attrs["kernel"],
        attrs["strides"],
        attrs["dilations"],
        attrs["pads"],
        attrs["auto_pad"],
        attrs["ceil_mode"],
    )


class Pool(Op):
    """Base: one result per window.

    `kernel`, `strides`, `dilations` have an entry per spatial dim, `pads` all begins, then all ends. With
    `ceil_mode` the last window may overhang the padding, if it starts inside of it. `auto_pad` is other than
    "NOTSET" only where the pads depend on a dynamic size.
    """

    operands = (Operand("x", FLOAT),)
    attributes = _WINDOW

    @staticmethod
    def infer(x: TensorType, **attrs: Any) -> Any:
        spatial = spatial_shape(x, attrs["layout"])
        if len(spatial) != len(attrs["kernel"]):
            raise TypeRuleError(
                f"attribute 'kernel' has {len(attrs['kernel'])} entries, expected {len(spatial)}"
            )
        out = [w.output(n) for w, n in zip(pool_windows(attrs), spatial, strict=True)]
        check_sizes(out, attrs["auto_pad"])
        channels = x.shape[channel_axis(attrs["layout"], x.rank)]
        return TensorType(with_spatial(x.shape[0], channels, out, attrs["layout"]), x.dtype)


class MaxPool(Pool, name="max_pool"):
    """The largest element of each window; padding never wins."""

    operands = (Operand("x", NUMERIC),)


class MaxPoolIndices(Pool, name="max_pool_indices"):
    """`max_pool`, and the position of each maximum (i64), the first of equal ones.

    Positions count in the flattened `x` as if it were `[N, C, *spatial]`; the spatial part is row-major, or
    column-major with `column_major`.
    """

    operands = (Operand("x", NUMERIC),)
    attributes = (*_WINDOW, Attribute("column_major", Bool, default=False))
    results = ("y", "indices")

    @staticmethod
    def infer(x: TensorType, **attrs: Any) -> Any:
        y = Pool.infer(x, **attrs)
        return y, y.with_dtype(DType.I64)


class AveragePool(Pool, name="average_pool"):
    """The mean of each window: over its elements inside of `x`, or, with `count_include_pad`, of the padded `x`."""

    attributes = (*_WINDOW, Attribute("count_include_pad", Bool, default=False))


class LpPool(Pool, name="lp_pool"):
    """`(Σ |x|^p)^(1/p)` of each window."""

    attributes = (*_WINDOW, Attribute("p", Int, default=2))


class Lrn(Op, name="lrn"):
    """Local response normalization across `axis`.

    `y[c] = x[c] / (bias + alpha/size · Σ x[i]²)^beta` over `i` from `c − floor((size−1)/2)` to `c + ceil((size−1)/2)`.
    """

    operands = (Operand("x", FLOAT),)
    attributes = (
        Attribute("size", Int),
        Attribute("alpha", Float, default=0.0001),
        Attribute("beta", Float, default=0.75),
        Attribute("bias", Float, default=1.0),
        Attribute("axis", Int, default=1),
    )

    @staticmethod
    def infer(x: TensorType, *, size: int, axis: int, **_: Any) -> TensorType:
        normalize_axis(axis, x.rank)
        if size < 1:
            raise TypeRuleError(f"attribute 'size' is {size}, expected a positive integer")
        return x.plain()
