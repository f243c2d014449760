"""Element types and tensor types of the aicc dialect, free of MLIR: what type rules compute with."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum
from typing import Any

import ml_dtypes
import numpy as np

from aicc.bindings import ir
from aicc.dialects.symbolic import Dim, Shape, fresh_dim


class DType(Enum):
    """An element type: (MLIR text at the aicc level, NumPy dtype, ONNX TensorProto.DataType).

    A string is its number in the runtime's table (see `aicc.dialects.strings`): moved, never computed with. Complex
    numbers are moved, too, as integers of their bits, and compared with 0.
    """

    F32 = ("f32", np.float32, 1)
    U8 = ("ui8", np.uint8, 2)
    I8 = ("i8", np.int8, 3)
    U16 = ("ui16", np.uint16, 4)
    I16 = ("i16", np.int16, 5)
    I32 = ("i32", np.int32, 6)
    I64 = ("i64", np.int64, 7)
    STRING = ("si64", np.int64, 8)
    BOOL = ("i1", np.bool_, 9)
    F16 = ("f16", np.float16, 10)
    F64 = ("f64", np.float64, 11)
    C64 = ("complex<f32>", np.complex64, 14)
    C128 = ("complex<f64>", np.complex128, 15)
    U32 = ("ui32", np.uint32, 12)
    U64 = ("ui64", np.uint64, 13)
    BF16 = ("bf16", ml_dtypes.bfloat16, 16)
    F8E4M3FN = ("f8E4M3FN", ml_dtypes.float8_e4m3fn, 17)
    F8E4M3FNUZ = ("f8E4M3FNUZ", ml_dtypes.float8_e4m3fnuz, 18)
    F8E5M2 = ("f8E5M2", ml_dtypes.float8_e5m2, 19)
    F8E5M2FNUZ = ("f8E5M2FNUZ", ml_dtypes.float8_e5m2fnuz, 20)
    U4 = ("ui4", ml_dtypes.uint4, 21)
    I4 = ("i4", ml_dtypes.int4, 22)
    F4E2M1 = ("f4E2M1FN", ml_dtypes.float4_e2m1fn, 23)
    F8E8M0 = ("f8E8M0FNU", ml_dtypes.float8_e8m0fnu, 24)
    U2 = ("ui2", ml_dtypes.uint2, 25)
    I2 = ("i2", ml_dtypes.int2, 26)

    def __init__(self, mlir: str, numpy: Any, onnx: int) -> None:
        self.mlir = mlir
        self.numpy: np.dtype[Any] = np.dtype(numpy)
        self.onnx = onnx

    @staticmethod
    def from_onnx(code: int) -> DType:
        """Raises KeyError for a type that is none of these."""
        return _BY_ONNX[code]

    @staticmethod
    def from_numpy(dtype: Any) -> DType:
        return _BY_NUMPY[np.dtype(dtype)]

    @staticmethod
    def from_mlir(text: str) -> DType:
        return _BY_MLIR[text]

    @property
    def is_float(self) -> bool:
        return self in FLOAT

    @property
    def is_signed(self) -> bool:
        return self in SIGNED

    @property
    def is_unsigned(self) -> bool:
        return self in UNSIGNED

    @property
    def is_narrow(self) -> bool:
        """Whether it is stored but not computed with; a byte per element."""
        return self in NARROW

    @property
    def is_int(self) -> bool:
        return self in INT

    @property
    def bits(self) -> int:
        """Bits of one stored element (a bool is stored as a byte, and so are the narrow types)."""
        return self.numpy.itemsize * 8

    @property
    def storage(self) -> str:
        """MLIR element type from the linalg level on: signless, bool and the narrow types as i8."""
        if self in NARROW:
            return "i8"
        if self is DType.STRING or self in COMPLEX:
            return f"i{self.bits}"
        return "i8" if self is DType.BOOL else self.mlir.removeprefix("u") if self.is_unsigned else self.mlir


_BY_ONNX = {d.onnx: d for d in DType}
_BY_NUMPY = {d.numpy: d for d in DType if d is not DType.STRING}
_BY_MLIR = {d.mlir: d for d in DType}

FLOAT = frozenset({DType.F16, DType.BF16, DType.F32, DType.F64})
SIGNED = frozenset({DType.I8, DType.I16, DType.I32, DType.I64})
UNSIGNED = frozenset({DType.U8, DType.U16, DType.U32, DType.U64})
INT = SIGNED | UNSIGNED
NUMERIC = FLOAT | INT
BOOL = frozenset({DType.BOOL})
NARROW_FLOAT = frozenset(
    {DType.F8E4M3FN, DType.F8E4M3FNUZ, DType.F8E5M2, DType.F8E5M2FNUZ, DType.F8E8M0, DType.F4E2M1}
)
NARROW_INT = frozenset({DType.I4, DType.U4, DType.I2, DType.U2})
NARROW = NARROW_FLOAT | NARROW_INT
COMPLEX = frozenset({DType.C64, DType.C128})
INDEX = frozenset({DType.I32, DType.I64})
WIDE = NUMERIC | BOOL
"""What is computed with."""
ANY = frozenset(DType)


@dataclass(frozen=True)
class TensorType:
    """Shape and element type of a value, and what is known of its elements at compile time.

    `shape` has an `int` or a symbolic `Dim` per dimension. `value`, when known, is the tensor itself:
    a NumPy array, of dtype object with `Dim` elements where a shape computation is symbolic.
    """

    shape: Shape
    dtype: DType
    value: np.ndarray[Any, Any] | None = None

    @property
    def rank(self) -> int:
        return len(self.shape)

    @property
    def is_static(self) -> bool:
        return all(isinstance(d, int) for d in self.shape)

    @property
    def size(self) -> int:
        """Number of elements; only for static shapes."""
        n = 1
        for d in self.shape:
            assert isinstance(d, int)
            n *= d
        return n

    def with_shape(self, *shape: int | Dim) -> TensorType:
        return TensorType(tuple(shape), self.dtype)

    def with_dtype(self, dtype: DType) -> TensorType:
        return TensorType(self.shape, dtype)

    def with_value(self, value: np.ndarray[Any, Any] | None) -> TensorType:
        return replace(self, value=value)

    def plain(self) -> TensorType:
        return TensorType(self.shape, self.dtype)

    def mlir(self, storage: bool = False) -> Any:
        """The MLIR type in the current context; `storage` for the linalg level and below."""
        dims = [d if isinstance(d, int) else ir.ShapedType.get_dynamic_size() for d in self.shape]
        return ir.RankedTensorType.get(
            dims, ir.Type.parse(self.dtype.storage if storage else self.dtype.mlir)
        )

    def __str__(self) -> str:
        return f"{self.dtype.mlir}[{', '.join(str(d) for d in self.shape)}]"


def type_of(value: Any) -> TensorType:
    """The `TensorType` of an MLIR value at the aicc level; each `?` becomes a fresh symbol."""
    t = ir.RankedTensorType(value.type)
    shape = tuple(fresh_dim() if t.is_dynamic_dim(i) else int(t.get_dim_size(i)) for i in range(t.rank))
    return TensorType(shape, DType.from_mlir(str(t.element_type)))
