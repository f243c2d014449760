"""Reads between the elements of a tensor, at coordinates that are data."""

from __future__ import annotations

from aicc.dialects.attributes import Bool, Str
from aicc.dialects.op import Attribute, Op, Operand, TypeRuleError
from aicc.dialects.types import FLOAT, WIDE, DType, TensorType

MODES = ("nearest", "linear", "cubic")
PADDINGS = ("zeros", "border", "reflection")


class Sample(Op, name="sample"):
    """`y[b, c, o…]`: `x[b, c, s…]` at the coordinates `at[b, o…, :]`, one per spatial dim, in elements.

    `mode` is nearest (ties to even), linear or cubic (Keys 1981, a = −0.75). Outside are zeros, or the nearest
    element, or the reflection at the first and last element, or between them and their outer neighbours unless
    `corners`. Computed in f32, of f64 in f64.
    """

    operands = (Operand("x", WIDE), Operand("at", FLOAT))
    attributes = (
        Attribute("mode", Str, default="linear"),
        Attribute("padding", Str, default="zeros"),
        Attribute("corners", Bool, default=False),
    )

    @staticmethod
    def infer(x: TensorType, at: TensorType, *, mode: str, padding: str, corners: bool) -> TensorType:
        if mode not in MODES or padding not in PADDINGS:
            raise TypeRuleError(f"attributes 'mode' and 'padding' are '{mode}' and '{padding}'")
        if x.dtype not in FLOAT and mode != "nearest":
            raise TypeRuleError(
                f"operand 'x' has dtype {x.dtype.mlir}, which has nothing between its numbers"
            )
        if x.rank < 3 or at.rank < 2 or at.shape[-1] != x.rank - 2:
            raise TypeRuleError(f"coordinates {at} do not fit {x}")
        if isinstance(at.shape[0], int) and isinstance(x.shape[0], int) and at.shape[0] != x.shape[0]:
            raise TypeRuleError(f"coordinates {at} have another batch than {x}")
        return TensorType((x.shape[0], x.shape[1], *at.shape[1:-1]), x.dtype)


def coordinate_dtype(x: DType) -> DType:
    """What coordinates and weights are computed in."""
    return DType.F64 if x is DType.F64 else DType.F32
