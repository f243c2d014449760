"""Window attributes of ONNX convolutions and poolings: defaults filled in, `auto_pad` resolved."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from aicc.dialects.symbolic import DimLike
from aicc.dialects.windows import Window
from aicc.importer.node import Node


def window_attributes(n: Node, kernel: Sequence[int], spatial: Sequence[DimLike]) -> dict[str, Any]:
    """`strides`, `dilations`, `pads` and `auto_pad` of a node with a window of `kernel` over `spatial` sizes.

    `auto_pad` becomes explicit pads, except where they depend on a dynamic size. Raises ImportError_ AICC-1006.
    """
    rank = len(kernel)
    strides = ints(n, "strides", [1] * rank)
    dilations = ints(n, "dilations", [1] * rank)
    auto_pad = n.attr("auto_pad", "NOTSET")
    out: dict[str, Any] = {"strides": strides, "dilations": dilations, "auto_pad": "NOTSET"}
    if auto_pad == "NOTSET":
        return out | {"pads": ints(n, "pads", [0] * (2 * rank))}
    if auto_pad == "VALID":
        return out | {"pads": [0] * (2 * rank)}
    if auto_pad not in ("SAME_UPPER", "SAME_LOWER"):
        raise n.error("AICC-1006", f"attribute 'auto_pad' is '{auto_pad}'.")
    padded = [
        Window(k, s, d, auto_pad=auto_pad).pads(size)
        for k, s, d, size in zip(kernel, strides, dilations, spatial, strict=True)
    ]
    flat = [p[0] for p in padded] + [p[1] for p in padded]
    if all(isinstance(p, int) for p in flat):
        return out | {"pads": flat}
    return out | {"pads": [0] * (2 * rank), "auto_pad": auto_pad}


def ints(n: Node, name: str, default: list[int]) -> list[int]:
    """An attribute with as many entries as `default`. Raises ImportError_ AICC-1006."""
    value: list[int] = n.attr(name) or default
    if len(value) != len(default):
        raise n.error("AICC-1006", f"attribute '{name}' has {len(value)} entries, expected {len(default)}.")
    return value
