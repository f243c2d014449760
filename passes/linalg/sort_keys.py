"""Numbers as signed integers of the same order, so that vectors compare them and ties are broken in one comparison.

A float's bits, read as an integer, grow with it; below zero they fall, so there all but the sign is inverted. Both
zeros are equal, and a NaN is greater than everything.
"""

from __future__ import annotations

from typing import Any

from aicc.bindings import arith
from aicc.dialects.types import DType
from aicc.passes.linalg.scalars import Scalars, cast


def key_bits(dtype: DType) -> int:
    """Bits of the integers that stand for numbers of `dtype`: 32 or 64."""
    return 64 if dtype.bits == 64 else 32


def sort_key(value: Any, dtype: DType, descending: bool) -> Any:
    """`value` of type `dtype` as a signed integer of `key_bits` bits: what comes first is greater."""
    bits = key_bits(dtype)
    s = Scalars(DType.I64 if bits == 64 else DType.I32)
    if dtype.is_float:
        wide = DType.F64 if bits == 64 else DType.F32
        key = _float_key(cast(value, dtype, wide), Scalars(wide), s)
    elif dtype.is_unsigned and dtype.bits == bits:
        key = s.xor(value, s.const(-1 << (bits - 1)))
    else:
        key = cast(value, dtype, s.dtype)
    return key if descending else s.not_(key)


def _float_key(value: Any, f: Scalars, s: Scalars) -> Any:
    bits = s.dtype.bits
    raw = arith.BitcastOp(s.type, f.add(value, f.const(0.0))).result  # -0 + 0 is +0
    sign = arith.ShRSIOp(raw, s.const(bits - 1)).result
    key = s.xor(raw, s.and_(sign, s.const((1 << (bits - 1)) - 1)))
    return s.select(f.is_nan(value), s.const((1 << (bits - 1)) - 1), key)
