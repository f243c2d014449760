"""Elementwise arithmetic: unary and binary ops from tables, clip and where.

Binary ops broadcast as NumPy does. f16 and bf16 compute in f32 and round once. Integer arithmetic wraps;
division truncates toward zero, and by zero gives zero.
"""

from __future__ import annotations

import types
from collections.abc import Callable
from typing import Any

import numpy as np

from aicc.dialects.attributes import Bool, Str
from aicc.dialects.broadcast import broadcast
from aicc.dialects.numerics import Array, Fold, erf, is_symbolic, widened
from aicc.dialects.op import Attribute, Op, Operand, TypeRuleError
from aicc.dialects.symbolic import Dim, dim_max, dim_min
from aicc.dialects.types import ANY, BOOL, FLOAT, INT, NUMERIC, DType, TensorType

UNARY: dict[str, type[Op]] = {}
"""The unary ops of this file by name."""
BINARY: dict[str, type[Op]] = {}
"""The binary ops of this file by name."""


def declare(name: str, doc: str, base: type[Op], **members: Any) -> type[Op]:
    """Declares the op `aicc.<name>` on a base class with an `infer` rule."""
    body = {"__doc__": doc, "__module__": base.__module__, **members}
    class_name = "".join(part.capitalize() for part in name.split("_"))
    return types.new_class(class_name, (base,), {"name": name}, lambda ns: ns.update(body))


class Unary(Op):
    """`y[i…] = f(x[i…])`, attributes passed to `f`."""

    operands = (Operand("x", FLOAT),)

    @staticmethod
    def infer(x: TensorType, **_: Any) -> TensorType:
        return x.plain()


class Binary(Op):
    """`y = f(a, b)` elementwise, broadcasting, operands of one dtype."""

    operands = (Operand("a", NUMERIC), Operand("b", NUMERIC, like="a"))

    @staticmethod
    def infer(a: TensorType, b: TensorType, **_: Any) -> TensorType:
        return TensorType(broadcast(a.shape, b.shape), a.dtype)


def unary(
    name: str, doc: str, fold: Fold, dtypes: frozenset[DType] = FLOAT, symbolic: bool = False
) -> type[Op]:
    UNARY[name] = declare(
        name,
        doc,
        Unary,
        operands=(Operand("x", dtypes),),
        fold=staticmethod(widened(fold)),
        symbolic=symbolic,
    )
    return UNARY[name]


def binary(
    name: str,
    doc: str,
    fold: Fold,
    dtypes: frozenset[DType] = NUMERIC,
    symbolic: bool = False,
    attributes: tuple[Attribute, ...] = (),
) -> type[Op]:
    BINARY[name] = declare(
        name,
        doc,
        Binary,
        operands=(Operand("a", dtypes), Operand("b", dtypes, like="a")),
        attributes=attributes,
        fold=staticmethod(widened(fold)),
        symbolic=symbolic,
    )
    return BINARY[name]


def _sign(x: Array) -> Array:
    return np.sign(x)


Neg = unary("neg", "`-x`; integers wrap.", np.negative, NUMERIC, symbolic=True)
Abs = unary("abs", "`|x|`.", np.abs, NUMERIC)
Sign = unary("sign", "-1, 0 or 1 by the sign of x; NaN stays.", _sign, NUMERIC)
Reciprocal = unary("reciprocal", "`1 / x`.", lambda x: 1 / x)
Floor = unary("floor", "The largest integer not above x.", np.floor)
Ceil = unary("ceil", "The smallest integer not below x.", np.ceil)
Round = unary("round", "The nearest integer, halves to even.", np.rint)
Sqrt = unary("sqrt", "The square root; NaN below zero.", np.sqrt)
Exp = unary("exp", "`e^x`.", np.exp)
Log = unary("log", "The natural logarithm; NaN below zero.", np.log)
Erf = unary("erf", "The error function.", erf)
Sin = unary("sin", "The sine.", np.sin)
Cos = unary("cos", "The cosine.", np.cos)
Tan = unary("tan", "The tangent.", np.tan)
Asin = unary("asin", "The inverse sine.", np.arcsin)
Acos = unary("acos", "The inverse cosine.", np.arccos)
Atan = unary("atan", "The inverse tangent.", np.arctan)
Sinh = unary("sinh", "The hyperbolic sine.", np.sinh)
Cosh = unary("cosh", "The hyperbolic cosine.", np.cosh)
Tanh = unary("tanh", "The hyperbolic tangent.", np.tanh)
Asinh = unary("asinh", "The inverse hyperbolic sine.", np.arcsinh)
Acosh = unary("acosh", "The inverse hyperbolic cosine.", np.arccosh)
Atanh = unary("atanh", "The inverse hyperbolic tangent.", np.arctanh)
BitwiseNot = unary("bitwise_not", "Every bit inverted.", np.invert, INT)


def _truncated_quotient(a: Any, b: Any) -> Any:
    """One element of an integer division; sizes are not negative, so that symbolic ones may floor."""
    if isinstance(a, Dim) or isinstance(b, Dim):
        return a // b
    if b == 0:
        return 0
    q = abs(int(a)) // abs(int(b))
    return q if (a < 0) == (b < 0) else -q


def _div(a: Array, b: Array) -> Array:
    if is_symbolic(a, b):
        return np.asarray(np.frompyfunc(_truncated_quotient, 2, 1)(a, b), dtype=object)
    if not np.issubdtype(np.result_type(a), np.integer):
        return np.true_divide(a, b)
    q = np.floor_divide(a, b)
    # floor to truncation: one up where the quotient is negative and not exact
    inexact = (b != 0) & (np.where(b == 0, 0, np.remainder(a, np.where(b == 0, 1, b))) != 0)
    out: Array = np.where(inexact & ((a < 0) != (b < 0)), q + 1, q).astype(a.dtype)
    return out


def _mod(a: Array, b: Array, *, fmod: bool) -> Array:
    if is_symbolic(a, b):
        return np.asarray(np.frompyfunc(lambda x, y: x % y, 2, 1)(a, b), dtype=object)
    out: Array = np.fmod(a, b) if fmod else np.mod(a, b)
    return out


def _extremum(symbolic: Callable[[Any, Any], Any], concrete: Callable[[Array, Array], Array]) -> Fold:
    def fold(a: Array, b: Array) -> Array:
        if is_symbolic(a, b):
            return np.asarray(np.frompyfunc(symbolic, 2, 1)(a, b), dtype=object)
        return concrete(a, b)

    return fold


Add = binary("add", "`a + b`.", np.add, symbolic=True)
Sub = binary("sub", "`a - b`.", np.subtract, symbolic=True)
Mul = binary("mul", "`a * b`.", np.multiply, symbolic=True)
Div = binary("div", "`a / b`; integers truncate toward zero.", _div, symbolic=True)
Mod = binary(
    "mod",
    "The remainder of `a / b`: with `fmod` it has the sign of a (C), else that of b (Python).",
    _mod,
    symbolic=True,
    attributes=(Attribute("fmod", Bool, default=False),),
)
Max = binary(
    "max", "The larger of a and b; NaN if one is NaN.", _extremum(dim_max, np.maximum), symbolic=True
)
Min = binary(
    "min", "The smaller of a and b; NaN if one is NaN.", _extremum(dim_min, np.minimum), symbolic=True
)
BitwiseAnd = binary("bitwise_and", "Bits set in both.", np.bitwise_and, INT)
BitwiseOr = binary("bitwise_or", "Bits set in either.", np.bitwise_or, INT)
BitwiseXor = binary("bitwise_xor", "Bits set in exactly one.", np.bitwise_xor, INT)


def _bit_shift(a: Array, b: Array, *, direction: str) -> Array:
    width = a.dtype.itemsize * 8
    fits = (b >= 0) & (b < width)
    shift = np.where(fits, b, 0).astype(a.dtype)
    if direction == "left":
        unsigned = np.dtype(f"u{a.dtype.itemsize}")
        moved = np.left_shift(a.astype(unsigned), shift.astype(unsigned)).astype(a.dtype)
    else:
        moved = np.right_shift(a, shift)
    beyond = -1 if direction == "right" else 0
    out: Array = np.where(fits, moved, np.where(a < 0, beyond, 0)).astype(a.dtype)
    return out


class BitShift(Binary, name="bit_shift"):
    """`a << b` or `a >> b`, arithmetic for signed integers.

    A shift that is negative or the width or more moves every bit out: 0, or -1 for `>>` of a negative a.
    """

    operands = (Operand("a", INT), Operand("b", INT, like="a"))
    attributes = (Attribute("direction", Str),)
    fold = staticmethod(_bit_shift)

    @staticmethod
    def infer(a: TensorType, b: TensorType, *, direction: str) -> TensorType:  # type: ignore[override]
        if direction not in ("left", "right"):
            raise TypeRuleError(f"attribute 'direction' is '{direction}'; expected 'left' or 'right'")
        return Binary.infer(a, b)


class Pow(Binary, name="pow"):
    """`a ^ b` in the dtype of a; the exponent may have another dtype.

    Integer bases with integer exponents wrap, and a negative exponent gives 0 (1 for base 1, ±1 for -1).
    """

    operands = (Operand("a", NUMERIC), Operand("b", NUMERIC))

    @staticmethod
    def fold(a: Array, b: Array) -> Array:
        return _pow(a, b)


@widened
def _pow(a: Array, b: Array) -> Array:
    a_int, b_int = (np.issubdtype(x.dtype, np.integer) for x in (a, b))
    if a_int and b_int:
        exponent = np.maximum(b, 0)
        whole: Array = np.power(a, exponent.astype(np.result_type(a, exponent)))
        unit = np.where(b % 2 == 0, np.abs(a), a)
        return np.where(b < 0, np.where(np.abs(a) == 1, unit, 0), whole)
    out: Array = np.power(a.astype(np.float64) if a_int else a, b if a_int else b.astype(a.dtype))
    return out


class Clip(Op, name="clip"):
    """`min(max(x, low), high)` with optional scalar bounds; NaN stays; `high` wins when `low > high`."""

    operands = (
        Operand("x", NUMERIC),
        Operand("low", NUMERIC, optional=True, like="x"),
        Operand("high", NUMERIC, optional=True, like="x"),
    )

    @staticmethod
    def infer(x: TensorType, low: TensorType | None, high: TensorType | None) -> TensorType:
        for bound in (low, high):
            if bound is not None and any(d != 1 for d in bound.shape if isinstance(d, int)):
                raise TypeRuleError(f"bounds must be scalars, got {bound}")
        return x.plain()

    @staticmethod
    def fold(x: Array, low: Array | None, high: Array | None) -> Array:
        if low is not None:
            x = np.maximum(x, low.reshape(()))
        if high is not None:
            x = np.minimum(x, high.reshape(()))
        return x


class Where(Op, name="where"):
    """`condition ? a : b`, all three broadcasting."""

    operands = (Operand("condition", BOOL), Operand("a", ANY), Operand("b", ANY, like="a"))
    symbolic = True

    @staticmethod
    def infer(condition: TensorType, a: TensorType, b: TensorType) -> TensorType:
        return TensorType(broadcast(condition.shape, a.shape, b.shape), a.dtype)

    @staticmethod
    def fold(condition: Array, a: Array, b: Array) -> Array:
        if is_symbolic(condition):
            raise TypeError("the condition depends on symbolic sizes")
        out: Array = np.where(condition, a, b)
        return out
