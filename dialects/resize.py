"""Resampling to another size."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from aicc.dialects.attributes import Bool, Float, Ints, Str
from aicc.dialects.op import Attribute, Op, Operand, TypeRuleError
from aicc.dialects.sizes import elements, length
from aicc.dialects.symbolic import Dim, DimLike, floordiv, fresh_dim, has_elements, static
from aicc.dialects.types import FLOAT, NUMERIC, DType, TensorType
from aicc.dialects.windows import check_choice

I64 = frozenset({DType.I64})
F32 = frozenset({DType.F32})
MODES = ("nearest", "linear", "cubic")
COORDINATES = (
    "half_pixel",
    "half_pixel_symmetric",
    "pytorch_half_pixel",
    "align_corners",
    "asymmetric",
    "tf_half_pixel_for_nn",
    "tf_crop_and_resize",
)
ROUNDINGS = ("round_prefer_floor", "round_prefer_ceil", "floor", "ceil", "simple")
POLICIES = ("stretch", "not_larger", "not_smaller")


class Resize(Op, name="resize"):
    """`x` resampled along `axes`, by `scales` (f32) or to `sizes`, an entry per axis; separable.

    `coordinates` says which position of `x` an element of the result looks at, `rounding` how `mode`
    "nearest" picks an element ("simple": floor, but ceil where the scale is below 1); "linear" and "cubic"
    (`cubic_coeff` a) weigh neighbours, those beyond the border being the nearest ones inside, or left
    out with `exclude_outside`. `antialias` widens the filter by the scale when shrinking. `roi` (starts, then
    ends, relative) belongs to "tf_crop_and_resize", where `extrapolation` stands outside of `x`. With
    `policy` "not_larger" or "not_smaller" one scale holds for all axes. A change of layout permutes `axes`.
    """

    operands = (
        Operand("x", NUMERIC),
        Operand("roi", FLOAT, optional=True),
        Operand("scales", F32, optional=True),
        Operand("sizes", I64, optional=True),
    )
    attributes = (
        Attribute("axes", Ints),
        Attribute("mode", Str, default="nearest"),
        Attribute("coordinates", Str, default="half_pixel"),
        Attribute("rounding", Str, default="round_prefer_floor"),
        Attribute("cubic_coeff", Float, default=-0.75),
        Attribute("exclude_outside", Bool, default=False),
        Attribute("extrapolation", Float, default=0.0),
        Attribute("antialias", Bool, default=False),
        Attribute("policy", Str, default="stretch"),
    )

    @staticmethod
    def infer(
        x: TensorType,
        roi: TensorType | None,
        scales: TensorType | None,
        sizes: TensorType | None,
        **attrs: Any,
    ) -> TensorType:
        check_choice("mode", attrs["mode"], MODES)
        check_choice("coordinates", attrs["coordinates"], COORDINATES)
        check_choice("rounding", attrs["rounding"], ROUNDINGS)
        check_choice("policy", attrs["policy"], POLICIES)
        axes = attrs["axes"]
        if len(set(axes)) != len(axes) or any(not 0 <= a < x.rank for a in axes):
            raise TypeRuleError(f"attribute 'axes' is {list(axes)}; expected distinct axes of rank {x.rank}")
        if (scales is None) == (sizes is None):
            raise TypeRuleError("expects either operand 'scales' or operand 'sizes'")
        for t, what, count in ((scales, "scales", 1), (sizes, "sizes", 1), (roi, "roi", 2)):
            if t is not None and length(t, what) != count * len(axes):
                raise TypeRuleError(f"operand '{what}' has {t.shape[0]} elements for {len(axes)} axes")
        if attrs["coordinates"] == "tf_crop_and_resize" and roi is None:
            raise TypeRuleError("coordinates 'tf_crop_and_resize' need operand 'roi'")
        shape = list(x.shape)
        for r in resampled_axes(x, scales, sizes, attrs):
            shape[r.axis] = fresh_dim() if r.target is None else r.target
        return x.with_shape(*shape)


@dataclass(frozen=True)
class Resampled:
    """One axis: sizes before and after, and the scale; None where only run time knows."""

    axis: int
    source: DimLike
    target: DimLike | None
    scale: float | None

    @property
    def is_identity(self) -> bool:
        return self.scale == 1.0 and self.source == self.target


def resampled_axes(
    x: TensorType, scales: TensorType | None, sizes: TensorType | None, attrs: dict[str, Any]
) -> list[Resampled]:
    """What is known of each axis, in the order of `axes`."""
    axes = attrs["axes"]
    source = [x.shape[a] for a in axes]
    if scales is not None:
        if scales.value is None:
            return [Resampled(a, n, None, None) for a, n in zip(axes, source, strict=True)]
        factors = [np.float32(s) for s in scales.value.flat]
        return [
            Resampled(a, n, scaled_size(n, s), float(s))
            for a, n, s in zip(axes, source, factors, strict=True)
        ]
    assert sizes is not None
    wanted = elements(sizes)
    known = wanted if wanted is not None else [None] * len(axes)
    if attrs["policy"] == "stretch":
        return [
            Resampled(a, n, w, w / n if isinstance(w, int) and isinstance(n, int) and n else _ratio(w, n))
            for a, n, w in zip(axes, source, known, strict=True)
        ]
    if not all(isinstance(v, int) for v in (*known, *source)):
        return [Resampled(a, n, None, None) for a, n in zip(axes, source, strict=True)]
    pick = min if attrs["policy"] == "not_larger" else max
    scale = pick(static(w or 0) / static(n) for w, n in zip(known, source, strict=True))
    return [
        Resampled(a, n, math.floor(scale * static(n) + 0.5), scale) for a, n in zip(axes, source, strict=True)
    ]


def _ratio(target: DimLike | None, source: DimLike) -> float | None:
    """`target / source` of symbolic sizes, where it is an integer."""
    if target is None or isinstance(target, int):
        return None
    if target == source:
        return 1.0
    if has_elements(target):
        return None
    quotient = floordiv(target, source)
    return float(quotient) if isinstance(quotient, int) and quotient * source == target else None


def scaled_size(n: DimLike, scale: np.float32) -> DimLike | None:
    """`floor(n · scale)` in single precision; symbolic only for integers and their reciprocals."""
    if not isinstance(n, Dim):
        return math.floor(np.float32(n) * scale)
    size: DimLike
    if scale >= 1 and float(scale).is_integer():
        size = n * int(scale)
        return size
    if 0 < scale < 1 and (1 / float(scale)).is_integer():
        size = floordiv(n, int(1 / float(scale)))
        return size
    return None
