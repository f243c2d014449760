"""What calls of the runtime's functions (see `passes/linalg/runtime_calls.py`) get: rows of elements."""

from __future__ import annotations

from typing import Any

from aicc.bindings import ir, memref
from aicc.errors import CompileError
from aicc.passes.buffers.layout import Buffer
from aicc.passes.linalg.runtime_calls import RUNTIME


def runtime_functions(module: Any) -> list[Any]:
    """Their declarations on tensors."""
    return [f for f in module.body.operations if RUNTIME in f.attributes]


def on_device(call: Any) -> CompileError:
    """Why a call is refused where buffers are not the host's."""
    node = call.location.name_str if isinstance(call.location, ir.NameLoc) else None
    return CompileError(
        "AICC-1003",
        "strings, images and random numbers are computed on the host, and this target's tensors are not there.",
        node=node,
        hint="compile the model for the CPU.",
    )


def is_compact(buffer: Buffer) -> bool:
    """A buffer of one dim without gaps."""
    return isinstance(buffer.strides[0], int) and buffer.strides[0] == 1


def row(buffer: Buffer) -> Any:
    """A buffer of one dim as a memref of any size, so that all calls of a function have one type."""
    dynamic = ir.ShapedType.get_dynamic_stride_or_offset()
    layout = ir.StridedLayoutAttr.get(dynamic, [1])
    kind = ir.MemRefType.get([ir.ShapedType.get_dynamic_size()], buffer.element, layout=layout)
    value = buffer.materialize()
    return value if value.type == kind else memref.CastOp(kind, value).result
