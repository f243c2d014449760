"""Element types: DLPack's code and bits, NumPy's dtype, ONNX's name.

NumPy has no bfloat16, float8 or 4-bit types. Where `ml_dtypes` is installed its dtypes are used, else the raw
bits as unsigned integers. It is imported only for a model that has such a tensor.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from aicc.errors import RuntimeError_


@dataclass(frozen=True)
class ElementType:
    """`name` is NumPy's or ml_dtypes' name, `onnx` the one in "tensor(…)"; `native`: NumPy has it.

    Strings are NumPy's objects; in memory they are elements of `aicc_string` (aicc.h).
    """

    code: int
    bits: int
    name: str
    onnx: str
    native: bool = True

    @property
    def dtype(self) -> np.dtype[Any]:
        """What arrays of this type have as dtype."""
        return _dtype(self)

    @property
    def is_string(self) -> bool:
        return self.onnx == "string"

    @property
    def raw(self) -> np.dtype[Any]:
        """The element's bits as an unsigned integer (4-bit types take a byte each)."""
        return np.dtype(f"u{max(1, self.bits // 8)}") if self.bits <= 64 else self.dtype


_TYPES = (
    ElementType(2, 32, "float32", "float"),
    ElementType(2, 64, "float64", "double"),
    ElementType(2, 16, "float16", "float16"),
    ElementType(4, 16, "bfloat16", "bfloat16", native=False),
    ElementType(0, 64, "int64", "int64"),
    ElementType(0, 32, "int32", "int32"),
    ElementType(0, 16, "int16", "int16"),
    ElementType(0, 8, "int8", "int8"),
    ElementType(1, 64, "uint64", "uint64"),
    ElementType(1, 32, "uint32", "uint32"),
    ElementType(1, 16, "uint16", "uint16"),
    ElementType(1, 8, "uint8", "uint8"),
    ElementType(6, 8, "bool", "bool"),
    ElementType(3, 128, "object", "string"),
    ElementType(5, 64, "complex64", "complex64"),
    ElementType(5, 128, "complex128", "complex128"),
    ElementType(10, 8, "float8_e4m3fn", "float8e4m3fn", native=False),
    ElementType(11, 8, "float8_e4m3fnuz", "float8e4m3fnuz", native=False),
    ElementType(12, 8, "float8_e5m2", "float8e5m2", native=False),
    ElementType(13, 8, "float8_e5m2fnuz", "float8e5m2fnuz", native=False),
    ElementType(14, 8, "float8_e8m0fnu", "float8e8m0", native=False),
    ElementType(17, 4, "float4_e2m1fn", "float4e2m1", native=False),
    ElementType(0, 4, "int4", "int4", native=False),
    ElementType(1, 4, "uint4", "uint4", native=False),
    ElementType(0, 2, "int2", "int2", native=False),
    ElementType(1, 2, "uint2", "uint2", native=False),
)

_BY_DLPACK = {(t.code, t.bits): t for t in _TYPES}
_BY_NAME = {t.name: t for t in _TYPES}


def from_dlpack_type(code: int, bits: int) -> ElementType:
    """The type of a model's tensor. Raises RuntimeError_ AICC-5001 for one this version does not know."""
    found = _BY_DLPACK.get((code, bits))
    if found is None:
        raise RuntimeError_(
            "AICC-5001", f"The model has a tensor of unknown type (DLPack code {code}, {bits} bits)."
        )
    return found


def of_array(dtype: np.dtype[Any]) -> ElementType | None:
    """The type of arrays of `dtype` (NumPy's or ml_dtypes', in this machine's byte order), None: no type."""
    return _BY_NAME.get(dtype.name) if dtype.isnative else None


@cache
def _dtype(t: ElementType) -> np.dtype[Any]:
    if t.native:
        return np.dtype(t.name)
    try:
        import ml_dtypes

        found: np.dtype[Any] = np.dtype(getattr(ml_dtypes, t.name))
        return found
    except (ImportError, AttributeError):
        return t.raw
