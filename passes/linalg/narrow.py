"""Scalars of the narrow types: from a byte to a wide scalar, and back with the right rounding."""

from __future__ import annotations

from typing import Any

from aicc.bindings import arith, ir
from aicc.dialects.narrow import FORMATS, INTEGER_BITS, Format
from aicc.dialects.types import DType
from aicc.passes.linalg.scalars import Scalars

_MANTISSA, _EXPONENT_BIAS = 23, 127


def wide_dtype(dtype: DType) -> DType:
    """What elements of a narrow type are computed in."""
    return DType.I32 if dtype in INTEGER_BITS else DType.F32


def decode(byte: Any, dtype: DType) -> Any:
    """The number that `byte` stands for, as a scalar of `wide_dtype`."""
    i32 = Scalars(DType.I32)
    code = arith.ExtUIOp(i32.type, byte).result
    if dtype in INTEGER_BITS:
        amount = i32.const(32 - INTEGER_BITS[dtype])
        high = arith.ShLIOp(code, amount).result
        shift = arith.ShRUIOp if dtype in (DType.U4, DType.U2) else arith.ShRSIOp
        return shift(high, amount).result
    if dtype is DType.F8E8M0:
        return _power(i32, code)
    return _number(i32, code, FORMATS[dtype])


def _number(i32: Scalars, code: Any, f: Format) -> Any:
    """The bits moved to where those of an f32 are, and scaled by what the biases differ: exact, subnormals too."""
    f32 = Scalars(DType.F32)
    magnitude = i32.and_(code, i32.const(f.sign - 1))
    moved = arith.ShLIOp(magnitude, i32.const(_MANTISSA - f.mantissa)).result
    value = f32.mul(_as_float(moved), f32.const(2.0 ** (_EXPONENT_BIAS - f.bias)))
    if f.infinity is not None:
        value = f32.select(i32.cmp("eq", magnitude, i32.const(f.infinity)), f32.const(float("inf")), value)
        is_nan = i32.cmp("gt", magnitude, i32.const(f.infinity))
        value = f32.select(is_nan, f32.const(float("nan")), value)
    elif f.nan is not None and not f.unsigned_zero:
        value = f32.select(i32.cmp("eq", magnitude, i32.const(f.nan)), f32.const(float("nan")), value)
    is_negative = i32.cmp("ne", i32.and_(code, i32.const(f.sign)), i32.const(0))
    value = f32.select(is_negative, f32.neg(value), value)
    if f.unsigned_zero:
        low = i32.and_(code, i32.const(2 * f.sign - 1))
        value = f32.select(i32.cmp("eq", low, i32.const(f.sign)), f32.const(float("nan")), value)
    return value


def _power(i32: Scalars, code: Any) -> Any:
    """`2^(code - 127)`: the exponent of an f32, but for its subnormal and NaN."""
    f32 = Scalars(DType.F32)
    value = _as_float(arith.ShLIOp(code, i32.const(_MANTISSA)).result)
    value = f32.select(i32.cmp("eq", code, i32.const(0)), f32.const(2.0**-127), value)
    return f32.select(i32.cmp("eq", code, i32.const(0xFF)), f32.const(float("nan")), value)


def encode(value: Any, dtype: DType, saturate: bool = True, rounding: str = "up") -> Any:
    """The byte for `value`, a scalar of `wide_dtype(dtype)`; `rounding` is that of e8m0."""
    i32 = Scalars(DType.I32)
    if dtype in INTEGER_BITS:
        code = i32.and_(value, i32.const((1 << INTEGER_BITS[dtype]) - 1))
    elif dtype is DType.F8E8M0:
        code = _power_code(i32, value, saturate, rounding)
    else:
        code = _number_code(i32, value, FORMATS[dtype], saturate or dtype is DType.F4E2M1)
    return arith.TruncIOp(ir.Type.parse("i8"), code).result


def _number_code(i32: Scalars, value: Any, f: Format, saturate: bool) -> Any:
    """To nearest even. Above the least normal number the mantissa is rounded as an integer, the carry goes into
    the exponent; below it, adding `2^23` quanta and taking them off again leaves the number of quanta.
    """
    f32 = Scalars(DType.F32)
    bits = _as_int(value)
    magnitude = i32.and_(bits, i32.const(0x7FFFFFFF))
    shift = i32.const(_MANTISSA - f.mantissa)
    last = i32.and_(arith.ShRUIOp(magnitude, shift).result, i32.const(1))
    half = i32.const((1 << (_MANTISSA - f.mantissa - 1)) - 1)
    rounded = arith.ShRUIOp(i32.add(i32.add(magnitude, half), last), shift).result
    normal = i32.sub(rounded, i32.const((_EXPONENT_BIAS - f.bias) << f.mantissa))
    quanta = f32.const(2.0 ** (1 - f.bias - f.mantissa + _MANTISSA))
    subnormal = i32.sub(_as_int(f32.add(_as_float(magnitude), quanta)), _as_int(quanta))
    least = f32.const(2.0 ** (1 - f.bias))
    code = i32.select(f32.cmp("lt", _as_float(magnitude), least), subnormal, normal)
    # codes of numbers beyond an f32's exponent would wrap: the largest first
    too_large = i32.or_(
        i32.cmp("gt", code, i32.const(f.largest)), i32.cmp("ge", magnitude, i32.const(0x7F800000))
    )
    nan = f.nan if f.nan is not None else 0
    beyond = f.largest if saturate else nan if f.infinity is None else f.infinity
    is_nan = f32.is_nan(value)
    code = i32.select(is_nan, i32.const(nan), i32.select(too_large, i32.const(beyond), code))
    if f.unsigned_zero:
        # neither zero nor NaN has a sign
        plain = i32.or_(i32.cmp("eq", code, i32.const(0)), i32.cmp("eq", code, i32.const(f.sign)))
        signed = i32.select(plain, code, i32.or_(code, i32.const(f.sign)))
    else:
        signed = i32.or_(code, i32.const(f.sign))
    is_negative = i32.cmp("lt", bits, i32.const(0))
    if f.nan is None:
        # a NaN becomes negative zero
        is_negative = i32.or_(is_negative, is_nan)
    return i32.select(is_negative, signed, code)


def _power_code(i32: Scalars, value: Any, saturate: bool, rounding: str) -> Any:
    bits = _as_int(value)
    exponent = i32.and_(arith.ShRUIOp(bits, i32.const(_MANTISSA)).result, i32.const(0xFF))
    fraction = i32.and_(bits, i32.const(0x7FFFFF))
    special = i32.cmp("eq", exponent, i32.const(0xFF))
    if rounding == "down":
        return exponent
    if rounding == "up":
        more = i32.cmp("gt", fraction, i32.const(0))
    else:
        half = i32.const(0x400000)
        tie = i32.and_(i32.cmp("eq", fraction, half), i32.cmp("gt", exponent, i32.const(0)))
        more = i32.or_(i32.cmp("gt", fraction, half), tie)
    if saturate:
        more = i32.and_(more, i32.cmp("ne", exponent, i32.const(0xFE)))
    raised = i32.add(exponent, arith.ExtUIOp(i32.type, more).result)
    return i32.select(special, exponent, raised)


def _as_float(bits: Any) -> Any:
    return arith.BitcastOp(ir.F32Type.get(), bits).result


def _as_int(value: Any) -> Any:
    return arith.BitcastOp(ir.IntegerType.get_signless(32), value).result
