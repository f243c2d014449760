"""Padding."""

from __future__ import annotations

from typing import Any

import numpy as np

from aicc.dialects.attributes import Ints, Str
from aicc.dialects.numerics import Array
from aicc.dialects.op import Attribute, Op, Operand, TypeRuleError
from aicc.dialects.sizes import elements, length
from aicc.dialects.symbolic import fresh_dim
from aicc.dialects.types import ANY, DType, TensorType

I64 = frozenset({DType.I64})
MODES = ("constant", "reflect", "edge", "wrap")


class Pad(Op, name="pad"):
    """`x` with elements added along `axes`: `pads` are all begins, then all ends; negative ones crop.

    `mode` "constant" adds `value` (absent: zero), "edge" the nearest element, "reflect" the elements
    mirrored at the edge without repeating it, "wrap" those of the other end.
    """

    operands = (Operand("x"), Operand("pads", I64), Operand("value", ANY, optional=True, like="x"))
    attributes = (Attribute("mode", Str, default="constant"), Attribute("axes", Ints))

    @staticmethod
    def infer(
        x: TensorType, pads: TensorType, value: TensorType | None, *, mode: str, axes: tuple[int, ...]
    ) -> TensorType:
        if mode not in MODES:
            raise TypeRuleError(f"attribute 'mode' is '{mode}', expected one of {', '.join(MODES)}")
        if len(set(axes)) != len(axes) or any(not 0 <= a < x.rank for a in axes):
            raise TypeRuleError(f"attribute 'axes' is {list(axes)}; expected distinct axes of rank {x.rank}")
        if length(pads, "pads") != 2 * len(axes):
            raise TypeRuleError(f"operand 'pads' has {pads.shape[0]} elements, expected {2 * len(axes)}")
        if value is not None and value.shape not in ((), (1,)):
            raise TypeRuleError(f"operand 'value' must be a scalar, got {value}")
        known = elements(pads)
        shape = list(x.shape)
        for j, axis in enumerate(axes):
            if known is None:
                shape[axis] = fresh_dim()
            else:
                shape[axis] = shape[axis] + known[j] + known[len(axes) + j]
            size = shape[axis]
            if isinstance(size, int) and size < 0:
                raise TypeRuleError(f"pads {known} crop more than dim {axis} of {x} has")
        return x.with_shape(*shape)

    @staticmethod
    def fold(x: Array, pads: Array, value: Array | None, *, mode: str, axes: tuple[int, ...]) -> Array:
        n = len(axes)
        widths = [(0, 0)] * x.ndim
        keep = [slice(None)] * x.ndim
        for j, axis in enumerate(axes):
            low, high = int(pads[j]), int(pads[n + j])
            widths[axis] = (max(low, 0), max(high, 0))
            keep[axis] = slice(max(-low, 0), x.shape[axis] - max(-high, 0))
        kind: Any = mode
        fill = {"constant_values": 0 if value is None else value.item()} if mode == "constant" else {}
        return np.asarray(np.pad(x[tuple(keep)], widths, mode=kind, **fill))
