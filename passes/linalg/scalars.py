"""Scalar arithmetic for the bodies of generics, by element type."""

from __future__ import annotations

from typing import Any

from aicc.bindings import arith, ir, math
from aicc.dialects.types import DType

_FLOAT_PREDICATES = {"eq": "oeq", "ne": "une", "lt": "olt", "le": "ole", "gt": "ogt", "ge": "oge"}


class Scalars:
    """Arithmetic on scalars of one `DType`; bools are `i1` here (bodies convert from and to i8).

    Floating-point semantics are IEEE; `max` and `min` propagate NaN. Integer division by zero gives
    zero and never traps.
    """

    def __init__(self, dtype: DType) -> None:
        self.dtype = dtype
        self.type = scalar_type(dtype)

    def const(self, value: float | int | bool) -> Any:
        """A constant of this type; `float("-inf")` and NaN are fine."""
        if self.dtype.is_float:
            return arith.ConstantOp(self.type, ir.FloatAttr.get(self.type, float(value))).result
        bits = 1 if self.dtype is DType.BOOL else self.dtype.bits
        n = int(value) & ((1 << bits) - 1)
        signed = n - (1 << bits) if n >> (bits - 1) else n
        return arith.ConstantOp(self.type, ir.IntegerAttr.get(self.type, signed)).result

    def add(self, a: Any, b: Any) -> Any:
        return (arith.AddFOp if self.dtype.is_float else arith.AddIOp)(a, b).result

    def sub(self, a: Any, b: Any) -> Any:
        return (arith.SubFOp if self.dtype.is_float else arith.SubIOp)(a, b).result

    def mul(self, a: Any, b: Any) -> Any:
        return (arith.MulFOp if self.dtype.is_float else arith.MulIOp)(a, b).result

    def div(self, a: Any, b: Any) -> Any:
        """ONNX Div: true division of floats, truncating of integers."""
        if self.dtype.is_float:
            return arith.DivFOp(a, b).result
        return self._safe_division(arith.DivUIOp if self.dtype.is_unsigned else arith.DivSIOp, a, b)

    def rem(self, a: Any, b: Any) -> Any:
        """The remainder with the sign of `a` (C's % and fmod)."""
        if self.dtype.is_float:
            return arith.RemFOp(a, b).result
        return self._safe_division(arith.RemUIOp if self.dtype.is_unsigned else arith.RemSIOp, a, b)

    def _safe_division(self, op: Any, a: Any, b: Any) -> Any:
        zero, one = self.const(0), self.const(1)
        bad = self.cmp("eq", b, zero)
        if self.dtype.is_signed:
            # MIN / -1 traps like a division by zero: divide by 1 and negate, which wraps
            minus = self.cmp("eq", b, self.const(-1))
            divisor = self.select(self.or_(bad, minus), one, b)
            quotient = op(a, divisor).result
            if op is arith.DivSIOp:
                quotient = self.select(minus, self.sub(zero, a), quotient)
            else:
                quotient = self.select(minus, zero, quotient)
        else:
            quotient = op(a, self.select(bad, one, b)).result
        return self.select(bad, zero, quotient)

    def neg(self, a: Any) -> Any:
        return arith.NegFOp(a).result if self.dtype.is_float else self.sub(self.const(0), a)

    def max(self, a: Any, b: Any) -> Any:
        op = arith.MaximumFOp if self.dtype.is_float else self._signed(arith.MaxSIOp, arith.MaxUIOp)
        return op(a, b).result

    def min(self, a: Any, b: Any) -> Any:
        op = arith.MinimumFOp if self.dtype.is_float else self._signed(arith.MinSIOp, arith.MinUIOp)
        return op(a, b).result

    def _signed(self, signed: Any, unsigned: Any) -> Any:
        return unsigned if self.dtype.is_unsigned or self.dtype is DType.BOOL else signed

    def abs(self, a: Any) -> Any:
        if self.dtype.is_float:
            return math.AbsFOp(a).result
        return a if self.dtype.is_unsigned else self.max(a, self.neg(a))

    def cmp(self, predicate: str, a: Any, b: Any) -> Any:
        """`predicate` is eq ne lt le gt ge; the result is i1 (false on NaN, except ne)."""
        if self.dtype.is_float:
            return arith.CmpFOp(
                getattr(arith.CmpFPredicate, _FLOAT_PREDICATES[predicate].upper()), a, b
            ).result
        unsigned = self.dtype.is_unsigned or self.dtype is DType.BOOL
        name = predicate if predicate in ("eq", "ne") else ("u" if unsigned else "s") + predicate
        return arith.CmpIOp(getattr(arith.CmpIPredicate, name), a, b).result

    def is_nan(self, a: Any) -> Any:
        return arith.CmpFOp(arith.CmpFPredicate.UNO, a, a).result

    def select(self, condition: Any, a: Any, b: Any) -> Any:
        return arith.SelectOp(condition, a, b).result

    def and_(self, a: Any, b: Any) -> Any:
        return arith.AndIOp(a, b).result

    def or_(self, a: Any, b: Any) -> Any:
        return arith.OrIOp(a, b).result

    def xor(self, a: Any, b: Any) -> Any:
        return arith.XOrIOp(a, b).result

    def not_(self, a: Any) -> Any:
        return arith.XOrIOp(a, self.const(1 if self.dtype is DType.BOOL else -1)).result

    def math(self, name: str, *args: Any) -> Any:
        """`math.<name>`; half precision computes in f32."""
        wide = [cast(a, self.dtype, DType.F32) if self.dtype.bits == 16 else a for a in args]
        op = ir.Operation.create(f"math.{name}", results=[wide[0].type], operands=wide)
        return cast(op.results[0], DType.F32, self.dtype) if self.dtype.bits == 16 else op.results[0]


def scalar_type(dtype: DType) -> Any:
    """The MLIR type of a scalar in a body: signless; bool is i1."""
    return ir.Type.parse("i1" if dtype is DType.BOOL else dtype.storage)


def cast(value: Any, source: DType, target: DType) -> Any:
    """Element conversion: truncation toward zero to integers (NaN and overflow saturate), `!= 0` to bool."""
    if source is target:
        return value
    if source.is_narrow or target.is_narrow:
        return _through_narrow(value, source, target)
    t = scalar_type(target)
    if target is DType.BOOL:
        s = Scalars(source)
        return s.cmp("ne", value, s.const(0))
    if source.is_float and target.is_float:
        if source.bits == target.bits or (source is DType.F64 and target.bits == 16):
            # between the halves; and f64 to a half has no instruction, so that it would be a call
            return cast(cast(value, source, DType.F32), DType.F32, target)
        return (arith.ExtFOp if source.bits < target.bits else arith.TruncFOp)(t, value).result
    if source.is_float:
        return _float_to_int(value, source, target)
    unsigned = source.is_unsigned or source is DType.BOOL
    if target.is_float:
        return (arith.UIToFPOp if unsigned else arith.SIToFPOp)(t, value).result
    bits = 1 if source is DType.BOOL else source.bits
    if bits == target.bits:
        return value
    if bits > target.bits:
        return arith.TruncIOp(t, value).result
    return (arith.ExtUIOp if unsigned else arith.ExtSIOp)(t, value).result


def _through_narrow(value: Any, source: DType, target: DType) -> Any:
    from aicc.passes.linalg.narrow import decode, encode, wide_dtype

    if source.is_narrow:
        value, source = decode(value, source), wide_dtype(source)
    if not target.is_narrow:
        return cast(value, source, target)
    return encode(cast(value, source, wide_dtype(target)), target)


def _float_to_int(value: Any, source: DType, target: DType) -> Any:
    """Out-of-range conversions are poison in LLVM: clamp in the float domain first, NaN becomes 0."""
    if source.bits == 16:
        return _float_to_int(cast(value, source, DType.F32), DType.F32, target)
    s = Scalars(source)
    mantissa = 24 if source is DType.F32 else 53
    bits = target.bits
    low = 0 if target.is_unsigned else -(1 << (bits - 1))
    top = (1 << bits if target.is_unsigned else 1 << (bits - 1)) - 1
    # the largest float not above `top`
    exact_top = top if bits <= mantissa else top + 1 - (1 << (top.bit_length() - mantissa))
    clamped = s.select(s.cmp("gt", value, s.const(low)), value, s.const(low))
    clamped = s.select(s.cmp("lt", clamped, s.const(exact_top)), clamped, s.const(exact_top))
    t = scalar_type(target)
    n = (arith.FPToUIOp if target.is_unsigned else arith.FPToSIOp)(t, clamped).result
    si = Scalars(target)
    if exact_top != top:
        n = si.select(s.cmp("gt", value, s.const(exact_top)), si.const(top), n)
    return si.select(s.is_nan(value), si.const(0), n)
