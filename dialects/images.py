"""Images: files that only a run decodes."""

from __future__ import annotations

from aicc.dialects.attributes import Str
from aicc.dialects.op import Attribute, Op, Operand, TypeRuleError
from aicc.dialects.symbolic import fresh_dim
from aicc.dialects.types import DType, TensorType

LAYOUTS = {"rgb": 3, "bgr": 3, "grayscale": 1}
"""What a pixel may consist of, by name: how many channels that are. In the order of compiler/runtime/images/image.c."""


class ImageDecode(Op, name="image_decode"):
    """The pixels `y[height, width, channels]` of the image in the file `x[size]`; `pixels` is a key of `LAYOUTS`.

    An alpha channel is left out, samples of more than 8 bits lose the low ones; `grayscale` is the luma of BT.601.
    """

    operands = (Operand("x", frozenset({DType.U8})),)
    attributes = (Attribute("pixels", Str),)

    @staticmethod
    def infer(x: TensorType, *, pixels: str) -> TensorType:
        if pixels not in LAYOUTS:
            raise TypeRuleError(f"attribute 'pixels' is '{pixels}', expected {', '.join(LAYOUTS)}")
        if x.rank != 1:
            raise TypeRuleError(f"operand 'x' must have rank 1, got {x}")
        return TensorType((fresh_dim(), fresh_dim(), LAYOUTS[pixels]), DType.U8)
