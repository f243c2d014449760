"""Element types of ONNX as aicc has them."""

from __future__ import annotations

import onnx

from aicc.dialects.types import DType
from aicc.errors import ImportError_


def dtype_of(code: int, what: str) -> DType:
    """Raises ImportError_ AICC-1004 for an element type without support."""
    try:
        return DType.from_onnx(code)
    except KeyError:
        name = (
            onnx.TensorProto.DataType.Name(code) if code in onnx.TensorProto.DataType.values() else str(code)
        )
        raise ImportError_(
            "AICC-1004",
            f"{what} has element type {name}, which is not supported.",
            stage="import",
            hint=f"supported element types: {', '.join(d.name.lower() for d in DType)}.",
        ) from None
