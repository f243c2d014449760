"""Elementwise ops: one `linalg.generic` each, its body from a table by op name."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from aicc.bindings import arith
from aicc.dialects.types import DType, TensorType
from aicc.passes.linalg.builder import Builder, Lowered, lowering
from aicc.passes.linalg.narrow import decode, encode, wide_dtype
from aicc.passes.linalg.scalars import Scalars, cast, scalar_type
from aicc.passes.linalg.views import stored

Body = Callable[..., Any]
"""`body(s, attrs, x…)`: scalars in the dtype of `s`, result likewise (or i1)."""

MATH = {
    "floor": "floor",
    "ceil": "ceil",
    "round": "roundeven",
    "sqrt": "sqrt",
    "exp": "exp",
    "log": "log",
    "erf": "erf",
    "sin": "sin",
    "cos": "cos",
    "tan": "tan",
    "asin": "asin",
    "acos": "acos",
    "atan": "atan",
    "sinh": "sinh",
    "cosh": "cosh",
    "tanh": "tanh",
    "asinh": "asinh",
    "acosh": "acosh",
    "atanh": "atanh",
}
"""Ops that are one op of the math dialect."""


def compute_dtype(dtype: DType) -> DType:
    """The dtype a body computes in: f32 for f16 and bf16. Strings are compared by their numbers."""
    if dtype is DType.STRING:
        return DType.I64
    return DType.F32 if dtype in (DType.F16, DType.BF16) else dtype


def elementwise(b: Builder, n: Lowered, body: Body) -> Any:
    """One generic whose body computes in the first operand's dtype (f32 for the halves)."""
    source = n.typed(0).dtype
    wide = compute_dtype(source)
    s = Scalars(wide)
    result = n.results[0]

    def scalar_body(*xs: Any) -> Any:
        args = [cast(x, source, wide) for x in xs]
        out = body(s, n.attrs, *args)
        return out if result.dtype is not source else cast(out, wide, source)

    return b.pointwise(result, inputs(n), scalar_body)


def inputs(n: Lowered) -> list[tuple[Any, TensorType]]:
    """The present operands with their types."""
    return [(v, t) for v, t in zip(n.operands, n.types, strict=True) if t is not None]


def _sign(s: Scalars, _: Any, x: Any) -> Any:
    zero = s.const(0)
    if s.dtype.is_unsigned:
        return s.min(x, s.const(1))
    if s.dtype.is_signed:
        return s.max(s.min(x, s.const(1)), s.const(-1))
    # NaN and zero stay
    return s.select(s.cmp("gt", x, zero), s.const(1), s.select(s.cmp("lt", x, zero), s.const(-1), x))


def _mod(s: Scalars, attrs: Any, a: Any, b: Any) -> Any:
    r = fmod(s, a, b) if s.dtype.is_float else s.rem(a, b)
    if attrs["fmod"] or s.dtype.is_unsigned:
        return r
    zero = s.const(0)
    differs = s.xor(s.cmp("lt", r, zero), s.cmp("lt", b, zero))
    return s.select(s.and_(s.cmp("ne", r, zero), differs), s.add(r, b), r)


def fmod(s: Scalars, a: Any, b: Any) -> Any:
    """C's fmod without a call: the truncated quotient in f64, one Newton-like correction of the remainder.

    Exact for f32 operands with a quotient below 2^53; larger ones lose digits as the quotient does.
    """
    d = Scalars(DType.F64)
    x, y = (cast(v, s.dtype, DType.F64) for v in (a, b))
    ax, ay = d.math("absf", x), d.math("absf", y)
    q = d.math("floor", d.div(ax, ay))
    r = d.math("fma", d.neg(q), ay, ax)
    zero = d.const(0)
    r = d.select(d.cmp("lt", r, zero), d.add(r, ay), r)
    r = d.select(d.cmp("ge", r, ay), d.sub(r, ay), r)
    r = d.select(d.cmp("eq", ay, d.const(math.inf)), d.select(d.cmp("lt", ax, ay), ax, d.const(math.nan)), r)
    return cast(d.math("copysign", r, x), DType.F64, s.dtype)


def _bit_shift(s: Scalars, attrs: Any, a: Any, b: Any) -> Any:
    # a shift by the width or more is poison; read as unsigned, a negative one is more
    fits = arith.CmpIOp(arith.CmpIPredicate.ult, b, s.const(s.dtype.bits)).result
    amount = s.select(fits, b, s.const(0))
    if attrs["direction"] == "left":
        return s.select(fits, arith.ShLIOp(a, amount).result, s.const(0))
    if s.dtype.is_unsigned:
        return s.select(fits, arith.ShRUIOp(a, amount).result, s.const(0))
    return arith.ShRSIOp(a, s.select(fits, b, s.const(s.dtype.bits - 1))).result


def _is_inf(s: Scalars, attrs: Any, x: Any) -> Any:
    out = Scalars(DType.BOOL).const(0)
    if attrs["negative"]:
        out = s.or_(out, s.cmp("eq", x, s.const(-math.inf)))
    if attrs["positive"]:
        out = s.or_(out, s.cmp("eq", x, s.const(math.inf)))
    return out


BODIES: dict[str, Body] = {
    "neg": lambda s, _, x: s.neg(x),
    "abs": lambda s, _, x: s.abs(x),
    "sign": _sign,
    "reciprocal": lambda s, _, x: s.div(s.const(1), x),
    "bitwise_not": lambda s, _, x: s.not_(x),
    "not": lambda s, _, x: s.not_(x),
    "add": lambda s, _, a, b: s.add(a, b),
    "sub": lambda s, _, a, b: s.sub(a, b),
    "mul": lambda s, _, a, b: s.mul(a, b),
    "div": lambda s, _, a, b: s.div(a, b),
    "mod": _mod,
    "max": lambda s, _, a, b: s.max(a, b),
    "min": lambda s, _, a, b: s.min(a, b),
    "bit_shift": _bit_shift,
    "and": lambda s, _, a, b: s.and_(a, b),
    "or": lambda s, _, a, b: s.or_(a, b),
    "xor": lambda s, _, a, b: s.xor(a, b),
    "bitwise_and": lambda s, _, a, b: s.and_(a, b),
    "bitwise_or": lambda s, _, a, b: s.or_(a, b),
    "bitwise_xor": lambda s, _, a, b: s.xor(a, b),
    "equal": lambda s, _, a, b: s.cmp("eq", a, b),
    "less": lambda s, _, a, b: s.cmp("lt", a, b),
    "less_equal": lambda s, _, a, b: s.cmp("le", a, b),
    "is_nan": lambda s, _, x: s.is_nan(x),
    "is_inf": _is_inf,
}


def _math_body(name: str) -> Body:
    return lambda s, _, x: s.math(name, x)


BODIES.update({op: _math_body(name) for op, name in MATH.items()})


@lowering(*BODIES)
def from_table(b: Builder, n: Lowered) -> Any:
    return elementwise(b, n, BODIES[n.op.name])


@lowering("where")
def where(b: Builder, n: Lowered) -> Any:
    # elements move as stored: a bool is selected as its byte
    moved = [TensorType(t.shape, DType.U8) if t.dtype is DType.BOOL else t for t in (n.typed(1), n.typed(2))]
    out = TensorType(n.results[0].shape, moved[0].dtype)
    ins = [(n.operands[0], n.typed(0)), (n.operands[1], moved[0]), (n.operands[2], moved[1])]
    return b.pointwise(out, ins, lambda c, x, y: arith.SelectOp(c, x, y).result)


@lowering("clip")
def clip(b: Builder, n: Lowered) -> Any:
    s = Scalars(n.typed(0).dtype)
    has_low = n.types[1] is not None

    def body(x: Any, *bounds: Any) -> Any:
        rest = list(bounds)
        if has_low:
            x = s.max(x, rest.pop(0))
        return s.min(x, rest[0]) if rest else x

    ins = [(n.operands[0], n.typed(0))]
    for value, t in inputs(n)[1:]:
        ins.append(b.reshape(value, t, ()))
    return b.pointwise(n.results[0], ins, body)


@lowering("cast")
def cast_op(b: Builder, n: Lowered) -> Any:
    source, target = n.typed(0), n.results[0]
    if target.dtype.is_narrow and source.dtype is not target.dtype:
        return b.pointwise(target, inputs(n), lambda x: _narrowed(x, source.dtype, target.dtype, n.attrs))
    if source.dtype is target.dtype or (
        source.dtype.storage == target.dtype.storage
        and DType.BOOL not in (source.dtype, target.dtype)
        and not source.dtype.is_narrow
    ):
        return n.operands[0]
    return b.pointwise(target, inputs(n), lambda x: cast(x, source.dtype, target.dtype))


@lowering("bitcast")
def bitcast(b: Builder, n: Lowered) -> Any:
    source, target = stored(n.typed(0)), stored(n.results[0])
    if source.dtype.storage == target.dtype.storage:
        return n.operands[0]
    to = scalar_type(target.dtype)
    return b.pointwise(target, [(n.operands[0], source)], lambda x: arith.BitcastOp(to, x).result)


def _narrowed(x: Any, source: DType, target: DType, attrs: dict[str, Any]) -> Any:
    if source.is_narrow:
        x, source = decode(x, source), wide_dtype(source)
    return encode(
        cast(x, source, wide_dtype(target)), target, attrs["saturate"] is not False, attrs["rounding"] or "up"
    )


@lowering("pow")
def power(b: Builder, n: Lowered) -> Any:
    base, exponent = n.typed(0), n.typed(1)
    source = base.dtype
    if source.is_int and exponent.dtype.is_int:
        return b.pointwise(n.results[0], inputs(n), lambda x, e: _int_power(x, e, source, exponent.dtype))
    wide = compute_dtype(source) if source.is_float else DType.F64
    s = Scalars(wide)
    known = exponent.value
    if known is not None and known.size == 1 and known.dtype != object:
        special = SMALL_POWERS.get(float(known.reshape(-1)[0]))
        if special is not None:
            return b.pointwise(
                n.results[0], inputs(n)[:1], lambda x: cast(special(s, cast(x, source, wide)), wide, source)
            )
    return b.pointwise(
        n.results[0],
        inputs(n),
        lambda x, e: cast(s.math("powf", cast(x, source, wide), cast(e, exponent.dtype, wide)), wide, source),
    )


SMALL_POWERS: dict[float, Callable[[Scalars, Any], Any]] = {
    0.0: lambda s, x: s.const(1),
    1.0: lambda s, x: x,
    2.0: lambda s, x: s.mul(x, x),
    3.0: lambda s, x: s.mul(s.mul(x, x), x),
    4.0: lambda s, x: s.mul(s.mul(x, x), s.mul(x, x)),
    0.5: lambda s, x: s.math("sqrt", x),
    -0.5: lambda s, x: s.div(s.const(1), s.math("sqrt", x)),
    -1.0: lambda s, x: s.div(s.const(1), x),
}
"""Constant exponents that need no `pow`."""


def _int_power(x: Any, e: Any, base: DType, exponent: DType) -> Any:
    """Squaring over the bits of the exponent, unrolled; the product wraps."""
    s, t = Scalars(base), Scalars(exponent)
    one, zero = s.const(1), s.const(0)
    result, square = one, x
    bits = exponent.bits - (0 if exponent.is_unsigned else 1)
    for i in range(bits):
        bit = t.cmp("ne", t.and_(e, t.const(1 << i)), t.const(0))
        result = s.mul(result, s.select(bit, square, one))
        square = s.mul(square, square)
    if exponent.is_unsigned:
        return result
    odd = t.cmp("ne", t.and_(e, t.const(1)), t.const(0))
    minus = s.const(-1)
    unit = s.select(s.cmp("eq", x, one), one, zero)
    if base.is_signed:
        unit = s.select(s.cmp("eq", x, minus), s.select(odd, minus, one), unit)
    return s.select(t.cmp("lt", e, t.const(0)), unit, result)
