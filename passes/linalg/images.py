"""Images: calls of the runtime's decoders. The sizes are asked for first."""

from __future__ import annotations

from typing import Any

from aicc.bindings import tensor
from aicc.dialects.images import LAYOUTS
from aicc.dialects.symbolic import product
from aicc.dialects.types import DType, TensorType
from aicc.passes.linalg.builder import Builder, Lowered, lowering
from aicc.passes.linalg.runtime_calls import call_naming
from aicc.passes.linalg.shape import name_symbol


@lowering("image_decode")
def decode(b: Builder, n: Lowered) -> Any:
    """
    --> %sizes = call @aicc_image_sizes(%x, 2, %bytes)
        %y = call @aicc_image_decode(%x, %n, %bytes, %height, %width, layout)
    """
    x, out, pixels = n.typed(0).plain(), n.results[0].plain(), n.attrs["pixels"]
    size = b.size(x.shape[0])
    sizes = call_naming(b, "aicc_image_sizes", [n.operands[0]], TensorType((2,), DType.I64), [size])
    for d, dim in enumerate(out.shape[:2]):
        name_symbol(b, dim, b.to_index(tensor.ExtractOp(sizes, [b.index(d)]).result))
    flat = TensorType((product(out.shape),), out.dtype)
    numbers = [size, *(b.size(d) for d in out.shape[:2]), b.index(list(LAYOUTS).index(pixels))]
    found = call_naming(b, "aicc_image_decode", [n.operands[0]], flat, numbers)
    return b.reshape(found, flat, out.shape)[0]
