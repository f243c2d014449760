"""Elementwise arithmetic, comparison, logic, clip and where against the ONNX reference."""

from __future__ import annotations

import ml_dtypes
import numpy as np
import pytest

from test.ops.rig import case, check, check_all

FLOATS = [np.float32, np.float64, np.float16, ml_dtypes.bfloat16]
INTS = [np.int8, np.int16, np.int32, np.int64, np.uint8, np.uint16, np.uint32, np.uint64]

DOMAIN = {
    "Sqrt": (0, 9),
    "Log": (0.01, 9),
    "Reciprocal": (0.2, 9),
    "Asin": (-1, 1),
    "Acos": (-1, 1),
    "Atanh": (-0.95, 0.95),
    "Acosh": (1, 9),
    "Tan": (-1.4, 1.4),
}
UNARY = [
    "Neg",
    "Abs",
    "Sign",
    "Reciprocal",
    "Floor",
    "Ceil",
    "Round",
    "Sqrt",
    "Exp",
    "Log",
    "Erf",
    "Sin",
    "Cos",
    "Tan",
    "Asin",
    "Acos",
    "Atan",
    "Sinh",
    "Cosh",
    "Asinh",
    "Acosh",
    "Atanh",
    "Sigmoid",
    "Tanh",
    "Relu",
]


def ids(dtype: object) -> str:
    return np.dtype(dtype).name  # type: ignore[call-overload,no-any-return]


@pytest.mark.parametrize("dtype", FLOATS, ids=ids)
def test_unary(dtype: type, rng: np.random.Generator) -> None:
    cases = [
        case(
            op,
            rng.uniform(*DOMAIN.get(op, (-3, 3)), (3, 7)).astype(dtype),
            rtol=1e-7 if dtype is np.float64 else None,
        )
        for op in UNARY
    ]
    check_all(cases, modes=("static", "dynamic"))


def test_unary_of_special_values() -> None:
    x = np.array([np.nan, np.inf, -np.inf, 0.0, -0.0, 1.0, -1.0, 0.5, -0.5, 2.5, 1e-40, 3e38], np.float32)
    ops = [
        "Neg",
        "Abs",
        "Sign",
        "Floor",
        "Ceil",
        "Round",
        "Exp",
        "Erf",
        "Sigmoid",
        "Tanh",
        "Relu",
        "Sqrt",
        "Log",
        "Reciprocal",
        "IsNaN",
        "IsInf",
    ]
    check_all([case(op, x) for op in ops], modes=("static",))


def test_is_inf_of_one_sign() -> None:
    x = np.array([np.nan, np.inf, -np.inf, 1.0], np.float32)
    check_all([case("IsInf", x, detect_negative=0), case("IsInf", x, detect_positive=0)], modes=("static",))


@pytest.mark.parametrize("dtype", FLOATS, ids=ids)
def test_binary(dtype: type, rng: np.random.Generator) -> None:
    a = rng.uniform(0.5, 3, (2, 3, 4)).astype(dtype)
    b = rng.uniform(0.5, 2, (3, 1)).astype(dtype)
    check_all([case(op, a, b) for op in ["Add", "Sub", "Mul", "Div", "Pow", "Max", "Min", "PRelu"]])
    check_all([case("Mod", a, b, fmod=1), case("Mod", -a, b, fmod=1)], modes=("static",))


def test_broadcasting_both_ways(rng: np.random.Generator) -> None:
    a, b = rng.standard_normal((5, 1, 4)).astype(np.float32), rng.standard_normal((3, 1)).astype(np.float32)
    scalar = np.array(2.5, np.float32)
    check_all([case("Add", a, b), case("Sub", b, a), case("Mul", scalar, a), case("Div", scalar, scalar)])


def test_weights_larger_than_a_constant_op(rng: np.random.Generator) -> None:
    a, b = (rng.standard_normal((40, 30)).astype(np.float32) for _ in range(2))
    check("Add", a, b, modes=("constant",))


@pytest.mark.parametrize("dtype", INTS, ids=ids)
def test_integers(dtype: type, rng: np.random.Generator) -> None:
    low = 0 if np.issubdtype(dtype, np.unsignedinteger) else -60
    a = rng.integers(low, 60, (4, 5)).astype(dtype)
    b = rng.integers(1, 9, (5,)).astype(dtype)
    cases = [
        case(op, a, b) for op in ["Add", "Sub", "Mul", "Max", "Min", "Mod", "Equal", "Less", "GreaterOrEqual"]
    ]
    cases += [
        case("BitwiseAnd", a, b),
        case("BitwiseOr", a, b),
        case("BitwiseXor", a, b),
        case("BitwiseNot", a),
    ]
    quotient = np.trunc(a.astype(np.float64) / b).astype(dtype)
    cases += [case("Div", a, b, expected=[quotient]), case("Mod", a, b, fmod=1), case("Pow", a // 8, b % 4)]
    if low:
        cases += [case("Mod", a, -b), case("Div", a, -b, expected=[(-quotient).astype(dtype)])]
        cases += [case("Neg", a), case("Abs", a), case("Sign", a)]
    check_all(cases, modes=("static", "constant"))


def test_integer_division_never_traps() -> None:
    a = np.array([np.iinfo(np.int32).min, 7, -7, 0], np.int32)
    b = np.array([-1, 0, 0, 0], np.int32)
    zero = np.zeros(4, np.int32)
    quotient = np.array([np.iinfo(np.int32).min, 0, 0, 0], np.int32)
    check_all(
        [case("Div", a, b, expected=[quotient]), case("Mod", a, b, fmod=1, expected=[zero])],
        modes=("static",),
    )


def test_pow_with_mixed_dtypes_and_constant_exponents(rng: np.random.Generator) -> None:
    x = rng.uniform(0.3, 3, (3, 4)).astype(np.float32)
    whole = rng.integers(0, 4, (3, 4)).astype(np.int64)
    check_all([case("Pow", x, whole), case("Pow", whole, x)], modes=("static",))
    exponents = [np.array(e, np.float32) for e in (0, 1, 2, 3, 4, 0.5, -0.5, -1, 1.7)]
    check_all([case("Pow", x, e, constant=(1,)) for e in exponents], modes=("static",))


def test_integer_power_wraps_and_has_no_fractions() -> None:
    a = np.array([3, -2, 1, -1, -1, 5, 0], np.int32)
    e = np.array([40, 31, -3, -3, -2, -1, 0], np.int32)
    wrapped = (3**40 + 2**31) % 2**32 - 2**31
    check("Pow", a, e, modes=("static",), expected=[np.array([wrapped, -(2**31), 1, -1, 1, 0, 1], np.int32)])


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.uint32, np.uint64], ids=ids)
def test_bit_shift(dtype: type, rng: np.random.Generator) -> None:
    a = rng.integers(0, 200, 9).astype(dtype)
    b = rng.integers(0, 7, 9).astype(dtype)
    check_all([case("BitShift", a, b, direction=d) for d in ("LEFT", "RIGHT")], modes=("static",))
    width = np.full(9, np.iinfo(dtype).bits, dtype)
    check("BitShift", a, width, direction="LEFT", modes=("static",), expected=[np.zeros(9, dtype)])


@pytest.mark.parametrize("dtype", [np.int8, np.int32, np.int64], ids=ids)
def test_bit_shift_of_signed_integers(dtype: type) -> None:
    info = np.iinfo(dtype)
    a = np.array([-8, -1, info.min, info.max, 5, -5, -5], dtype)
    b = np.array([1, 1, 1, 2, info.bits, info.bits, -1], dtype)
    right = np.array([-4, -1, info.min >> 1, info.max >> 2, 0, -1, -1], dtype)
    left = np.array([-16, -2, 0, -4, 0, 0, 0], dtype)
    cases = [case("BitShift", a, b, direction=d, expected=[e]) for d, e in (("RIGHT", right), ("LEFT", left))]
    check_all(cases, opset=28, modes=("static", "constant"))


@pytest.mark.parametrize("dtype", [np.float32, np.float16, np.int8, np.uint64], ids=ids)
def test_comparison(dtype: type, rng: np.random.Generator) -> None:
    a, b = (rng.integers(0, 4, (3, 5)).astype(dtype) for _ in range(2))
    if np.issubdtype(dtype, np.floating):
        a[0, 0] = np.nan
    check_all([case(op, a, b[1]) for op in ["Equal", "Less", "LessOrEqual", "Greater", "GreaterOrEqual"]])


def test_logic(rng: np.random.Generator) -> None:
    a, b = rng.random((3, 5)) > 0.5, rng.random((5,)) > 0.5
    check_all([*(case(op, a, b) for op in ("And", "Or", "Xor", "Equal")), case("Not", a)])


@pytest.mark.parametrize("dtype", [np.float32, np.int64, np.bool_, np.uint8, np.float16], ids=ids)
def test_where(dtype: type, rng: np.random.Generator) -> None:
    condition = rng.random((3, 1, 4)) > 0.5
    a, b = (rng.integers(0, 2, s).astype(dtype) for s in ((2, 4), (3, 2, 1)))
    check("Where", condition, a, b)


def test_clip(rng: np.random.Generator) -> None:
    x = np.append(rng.standard_normal(20), [np.nan, np.inf, -np.inf]).astype(np.float32)
    low, high = np.array(-0.5, np.float32), np.array(0.4, np.float32)
    whole = rng.integers(-9, 9, (4, 5)).astype(np.int32)
    cases = [case("Clip", x, low, high), case("Clip", x, None, high), case("Clip", x, low), case("Clip", x)]
    cases += [case("Clip", whole, np.array(-3, np.int32), np.array(4, np.int32))]
    check_all(cases)


def test_clip_with_attributes(rng: np.random.Generator) -> None:
    x = rng.standard_normal((3, 4)).astype(np.float32)
    check("Clip", x, min=-0.5, max=0.5, opset=6 + 1, modes=("static",), expected=[np.clip(x, -0.5, 0.5)])


def test_variadic(rng: np.random.Generator) -> None:
    a, b, c = (rng.standard_normal(s).astype(np.float32) for s in ((3, 4), (4,), (3, 1)))
    a[0, 0] = np.nan
    cases = [case(op, a, b, c) for op in ("Sum", "Max", "Min", "Mean")]
    check_all([*cases, *(case(op, a) for op in ("Sum", "Max", "Min", "Mean"))])


def test_identity_and_dropout(rng: np.random.Generator) -> None:
    x = rng.standard_normal((3, 4)).astype(np.float32)
    check_all(
        [case("Identity", x), case("Dropout", x), case("Dropout", x, outputs=2)], modes=("static", "dynamic")
    )
