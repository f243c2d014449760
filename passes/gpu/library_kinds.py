"""The kinds of calls of vendors' libraries, by the function that a call names."""

from __future__ import annotations

from typing import Any

from aicc.bindings import ir
from aicc.passes.gpu.library_calls import LibraryCall
from aicc.passes.gpu.library_convolutions import Convolution
from aicc.passes.gpu.library_products import Product

KINDS: dict[str, type[LibraryCall]] = {kind.function: kind for kind in (Product, Convolution)}


def check_calls(ops: Any) -> None:
    """Raises CompileError AICC-2001 when a call of a library among `ops` is not well formed."""
    for op in ops:
        if op.name == "func.call":
            kind = KINDS.get(ir.FlatSymbolRefAttr(op.attributes["callee"]).value)
            if kind is not None:
                kind.read(op)
