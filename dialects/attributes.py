"""Attribute kinds: how a Python value becomes an MLIR attribute and back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from aicc.bindings import ir
from aicc.dialects.types import DType


@dataclass(frozen=True)
class AttrKind:
    """`encode`: Python to MLIR; `decode`: MLIR to Python, raising ValueError or TypeError; `doc` for messages."""

    doc: str
    encode: Callable[[Any], Any]
    decode: Callable[[Any], Any]


def _i64() -> Any:
    return ir.IntegerType.get_signless(64)


def _decode_bool(attr: Any) -> bool:
    return bool(ir.BoolAttr(attr).value)


Int = AttrKind(
    "an i64 integer",
    lambda v: ir.IntegerAttr.get(_i64(), int(v)),
    lambda a: int(ir.IntegerAttr(a).value),
)
Float = AttrKind(
    "a float",
    lambda v: ir.FloatAttr.get(ir.F64Type.get(), float(v)),
    lambda a: float(ir.FloatAttr(a).value),
)
Bool = AttrKind("a bool", lambda v: ir.BoolAttr.get(bool(v)), _decode_bool)
Str = AttrKind("a string", lambda v: ir.StringAttr.get(v), lambda a: str(ir.StringAttr(a).value))
Ints = AttrKind(
    "an array<i64>",
    lambda v: ir.DenseI64ArrayAttr.get([int(x) for x in v]),
    lambda a: tuple(int(x) for x in ir.DenseI64ArrayAttr(a)),
)
Floats = AttrKind(
    "an array<f64>",
    lambda v: ir.DenseF64ArrayAttr.get([float(x) for x in v]),
    lambda a: tuple(float(x) for x in ir.DenseF64ArrayAttr(a)),
)
Strs = AttrKind(
    "an array of strings",
    lambda v: ir.ArrayAttr.get([ir.StringAttr.get(s) for s in v]),
    lambda a: tuple(str(ir.StringAttr(s).value) for s in ir.ArrayAttr(a)),
)
Element = AttrKind(
    "an element type",
    lambda v: ir.TypeAttr.get(ir.Type.parse(v.mlir)),
    lambda a: DType.from_mlir(str(ir.TypeAttr(a).value)),
)
Dense = AttrKind(
    "a dense elements attribute",
    lambda v: v if isinstance(v, ir.Attribute) else _encode_dense(v),
    lambda a: _decode_dense(a),
)


def _encode_dense(array: Any) -> Any:
    import numpy as np

    dtype = DType.from_numpy(array.dtype)
    element = ir.Type.parse(dtype.mlir)
    t = ir.RankedTensorType.get(list(array.shape), element)
    data = np.ascontiguousarray(array)
    if dtype is DType.BF16:
        return ir.DenseElementsAttr.get(data.view(np.uint16), type=t)
    if dtype.is_narrow:
        return ir.DenseElementsAttr.get(data.view(np.uint8), type=t)
    return ir.DenseElementsAttr.get(data, type=t)


def _decode_dense(attr: Any) -> Any:
    import numpy as np

    attr = ir.DenseElementsAttr(attr)
    t = ir.RankedTensorType(attr.type)
    dtype = DType.from_mlir(str(t.element_type))
    if dtype is DType.BOOL:
        values = [bool(x) for x in ir.DenseIntElementsAttr(attr)]
        return np.asarray(values, dtype=bool).reshape(t.shape)
    if dtype is DType.BF16 or dtype.is_narrow:
        elements = _elements_of_text(str(attr), dtype.numpy)
        return np.full(t.shape, elements[0]) if attr.is_splat and len(elements) else elements.reshape(t.shape)
    if attr.is_splat:
        splat = attr.get_splat_value()
        value = ir.FloatAttr(splat).value if dtype.is_float else ir.IntegerAttr(splat).value
        return np.full(t.shape, value, dtype=dtype.numpy)
    return np.array(attr, copy=True).reshape(t.shape)


def _elements_of_text(text: str, dtype: Any) -> Any:
    """The elements of `dense<…>`, one if it is a splat: the bindings cannot read types that NumPy lacks."""
    import re

    import numpy as np

    raw = np.dtype(f"u{dtype.itemsize}")
    body = text[len("dense<") : text.rindex("> : ")]
    if body.startswith('"0x'):
        return np.frombuffer(bytes.fromhex(body[3:-1]), raw).view(dtype)
    tokens = re.findall(r"0x[0-9A-Fa-f]+|[-+]?[0-9][-+0-9.eE]*", body)
    hexadecimal = np.array([int(x, 16) if x.startswith("0x") else 0 for x in tokens], raw)
    decimal = np.array([0.0 if x.startswith("0x") else float(x) for x in tokens], np.float32)
    is_hex = np.array([x.startswith("0x") for x in tokens], bool)
    return np.where(is_hex, hexadecimal.view(dtype), decimal.astype(dtype))
