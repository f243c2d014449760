"""ImageDecoder."""

from __future__ import annotations

from typing import Any

from aicc.dialects import OPS
from aicc.dialects.images import LAYOUTS
from aicc.importer.node import Node
from aicc.importer.registry import onnx_op


@onnx_op(
    "ImageDecoder",
    limits="BMP, PNM, PNG, JPEG (neither arithmetic-coded nor lossless), TIFF (not as a fax or of JPEG), "
    "WebP and JPEG 2000; a file that cannot be decoded ends the run with an error",
)
def image_decoder(n: Node) -> Any:
    x, pixels = n.required(0), n.attr("pixel_format", "RGB")
    if pixels.lower() not in LAYOUTS:
        raise n.error("AICC-1006", f"attribute 'pixel_format' is '{pixels}', expected RGB, BGR or Grayscale.")
    if n.info(x).rank != 1:
        raise n.error("AICC-1005", f"the encoded file must have rank 1, but is {n.info(x)}.")
    return n.build(OPS["image_decode"], x, pixels=pixels.lower())
