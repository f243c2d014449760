"""Errors and special values of the expanded functions against NumPy in wider precision."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from test.passes.loops.math_rig import all_floats, apply, ulp

Array = np.ndarray[Any, Any]
LARGE, TINY = 3.4e38, 1e-42
SPECIAL = [
    0.0,
    -0.0,
    math.inf,
    -math.inf,
    math.nan,
    1.0,
    -1.0,
    0.5,
    -0.5,
    2.0,
    1e-40,
    -1e-40,
    3.4e38,
    -3.4e38,
]


@dataclass(frozen=True)
class Case:
    """A function of one argument, its reference, the ranges to look at and the bounds on its error in ulp."""

    name: str
    reference: Callable[..., Any]
    ranges: tuple[tuple[float, float], ...]
    f32: float
    f64: float


def elementwise(f: Callable[[float], float]) -> Callable[[Array], Array]:
    return lambda x: np.array([f(float(v)) for v in x])


BOTH = ((-LARGE, -TINY), (TINY, LARGE))
CASES = [
    Case("exp", np.exp, ((-110, -1e-30), (1e-30, 95)), 1.3, 1.3),
    Case("exp2", np.exp2, ((-160, -1e-30), (1e-30, 130)), 1.4, 1.4),
    Case("expm1", np.expm1, ((-30, -TINY), (TINY, 90)), 1.5, 1.7),
    Case("log", np.log, ((1e-45, LARGE), (0.5, 2)), 1.0, 1.0),
    Case("log2", np.log2, ((1e-45, LARGE), (0.5, 2)), 1.2, 1.2),
    Case("log10", np.log10, ((1e-45, LARGE), (0.5, 2)), 1.2, 1.2),
    Case("log1p", np.log1p, ((-0.99999, -TINY), (TINY, LARGE)), 1.4, 1.4),
    Case("sin", np.sin, ((-1e5, -TINY), (0.1, 1e5), (TINY, LARGE)), 1.6, 0.9),
    Case("cos", np.cos, ((-1e5, -TINY), (0.1, 1e5), (TINY, LARGE)), 1.6, 0.9),
    Case("tan", np.tan, ((-1e5, -TINY), (0.1, 1e5), (TINY, LARGE)), 3.4, 2.0),
    Case("asin", np.arcsin, ((-1, -TINY), (TINY, 1)), 1.5, 1.5),
    Case("acos", np.arccos, ((-1, -TINY), (TINY, 1)), 1.2, 1.2),
    Case("atan", np.arctan, BOTH, 1.8, 1.8),
    Case("sinh", np.sinh, ((-90, -TINY), (TINY, 90)), 1.7, 1.7),
    Case("cosh", np.cosh, ((-90, -TINY), (TINY, 90)), 1.7, 1.7),
    Case("tanh", np.tanh, ((-30, -TINY), (TINY, 30)), 3.8, 2.3),
    Case("asinh", np.arcsinh, BOTH, 1.5, 1.5),
    Case("acosh", np.arccosh, ((1, LARGE),), 1.5, 1.6),
    Case("atanh", np.arctanh, ((-1, -TINY), (TINY, 1)), 1.9, 1.9),
    Case("cbrt", np.cbrt, BOTH, 1.0, 1.0),
    Case("rsqrt", lambda x: 1 / np.sqrt(x), ((1e-45, LARGE),), 1.5, 1.5),
    Case("erf", elementwise(math.erf), ((-6, -TINY), (TINY, 6)), 3.9, 2.5),
    Case("erfc", elementwise(math.erfc), ((-6, -TINY), (TINY, 9.2)), 3.5, 4.5),
]  # fmt: skip
# Without fused multiply-adds sums are rounded twice; two functions lose a digit more.
EXTRA = {"tanh": 1.0, "erf": 1.0}


@pytest.mark.parametrize("baseline", [False, True], ids=["host", "x86-64"])
@pytest.mark.parametrize("element", ["f32", "f64"])
@pytest.mark.parametrize("case", CASES, ids=lambda c: c.name)
def test_unary(case: Case, element: str, baseline: bool, rng: np.random.Generator) -> None:
    kind, wide = (np.float32, np.float64) if element == "f32" else (np.float64, np.longdouble)
    parts: list[Array] = [np.array(SPECIAL, kind)]
    for low, high in case.ranges:
        x = all_floats(12_000, low, high).astype(kind)
        if element == "f64":
            x = np.clip(x * (1 + rng.random(len(x)) * 1e-7), low, high)
        parts.append(x)
    x = np.concatenate(parts)
    got = apply(f"math.{case.name}", [x], [element], baseline=baseline)[0]
    with np.errstate(all="ignore"):
        want = case.reference(x.astype(wide)).astype(wide)
    errors = ulp(got, want)
    worst = int(errors.argmax())
    bound = (case.f32 if element == "f32" else case.f64) + (EXTRA.get(case.name, 0.5) if baseline else 0)
    assert errors[worst] <= bound, f"{x[worst]!r}: {got[worst]!r}, wanted {want[worst]!r}"
    kept = ~np.isnan(want)
    assert (np.signbit(got) == np.signbit(want))[kept].all()


PAIRS = [*SPECIAL, -2.0, 3.0, -3.0, 1.5, 16777215.0, -16777215.0, 16777216.0, 1e9]


@pytest.mark.parametrize("baseline", [False, True], ids=["host", "x86-64"])
@pytest.mark.parametrize("element", ["f32", "f64"])
def test_pow(element: str, baseline: bool, rng: np.random.Generator) -> None:
    kind, wide = (np.float32, np.float64) if element == "f32" else (np.float64, np.longdouble)
    a, b = (v.ravel().astype(kind) for v in np.meshgrid(PAIRS, PAIRS))
    limit = 88.0 if element == "f32" else 708.0
    bases = np.concatenate([np.exp(rng.uniform(-80, 80, 20_000)), 1 + rng.uniform(-0.3, 0.4, 20_000)])
    powers = rng.uniform(-1, 1, len(bases)) * limit / np.maximum(np.abs(np.log(bases)), 0.01)
    x, y = np.concatenate([a, bases.astype(kind)]), np.concatenate([b, powers.astype(kind)])
    got = apply("math.powf", [x, y], [element, element], baseline=baseline)[0]
    with np.errstate(all="ignore"):
        want = np.power(x.astype(wide), y.astype(wide))
        rounded = want.astype(kind)
    errors = ulp(got, want)
    worst = int(errors.argmax())
    assert errors[worst] <= (0.6 if element == "f32" else 1.7), f"{x[worst]!r} ^ {y[worst]!r}: {got[worst]!r}"
    assert (np.signbit(got) == np.signbit(rounded))[~np.isnan(rounded)].all()


@pytest.mark.parametrize("element", ["f32", "f64"])
def test_atan2(element: str, rng: np.random.Generator) -> None:
    kind, wide = (np.float32, np.float64) if element == "f32" else (np.float64, np.longdouble)
    a, b = (v.ravel().astype(kind) for v in np.meshgrid(PAIRS, PAIRS))
    spread = rng.standard_normal((2, 20_000)) * np.exp(rng.uniform(-20, 20, (2, 20_000)))
    y, x = np.concatenate([a, spread[0].astype(kind)]), np.concatenate([b, spread[1].astype(kind)])
    got = apply("math.atan2", [y, x], [element, element])[0]
    want = np.arctan2(y.astype(wide), x.astype(wide))
    assert ulp(got, want).max() <= 2.4
    assert (np.signbit(got) == np.signbit(want))[~np.isnan(want)].all()


@pytest.mark.parametrize("baseline", [False, True], ids=["host", "x86-64"])
@pytest.mark.parametrize("op", ["floor", "ceil", "trunc", "roundeven", "round"])
def test_rounding(op: str, baseline: bool, rng: np.random.Generator) -> None:
    edges = [*SPECIAL, 0.49999997, -0.49999997, 2.0**23 - 0.5, -(2.0**22) - 0.5, 2.0**23, 1e10]
    x = np.concatenate([edges, np.arange(-20, 20, 0.25), rng.standard_normal(5000) * 1000]).astype(np.float32)

    def away(v: Array) -> Array:
        whole = np.trunc(np.abs(v))
        return np.copysign(whole + (np.abs(v) - whole >= 0.5), v)

    reference: dict[str, Any] = {"floor": np.floor, "ceil": np.ceil, "trunc": np.trunc, "roundeven": np.rint}
    got = apply(f"math.{op}", [x], ["f32"], baseline=baseline)[0]
    with np.errstate(all="ignore"):
        want = reference.get(op, away)(x)
    np.testing.assert_array_equal(got, want)
    assert (np.signbit(got) == np.signbit(want))[~np.isnan(want)].all()


@pytest.mark.parametrize("element", ["f32", "f64"])
def test_float_to_an_integer_power(element: str, rng: np.random.Generator) -> None:
    kind, wide = (np.float32, np.float64) if element == "f32" else (np.float64, np.longdouble)
    x = np.concatenate([np.repeat(np.array(SPECIAL, kind), 5), (rng.standard_normal(5000) * 3).astype(kind)])
    n = np.concatenate([np.tile([0, 1, -1, 2, -3], len(SPECIAL)), rng.integers(-30, 30, 5000)]).astype(
        np.int32
    )
    got = apply("math.fpowi", [x, n], [element, "i32"])[0]
    with np.errstate(all="ignore"):
        want = np.power(x.astype(wide), n.astype(wide))
    assert ulp(got, want).max() <= 1.3


@pytest.mark.parametrize("element, bits", [("i8", 8), ("i32", 32), ("i64", 64)])
def test_integer_to_an_integer_power(element: str, bits: int, rng: np.random.Generator) -> None:
    x, n = rng.integers(-9, 10, 600), rng.integers(-3, 20, 600)

    def power(base: int, exponent: int) -> int:
        if exponent < 0:
            return {0: 0, 1: 1, -1: (-1) ** -exponent}.get(base, 0)
        wrapped = base**exponent & ((1 << bits) - 1)
        return wrapped - (1 << bits) if wrapped >> (bits - 1) else wrapped

    got = apply("math.ipowi", [x, n], [element, element])[0]
    assert got.tolist() == [power(int(a), int(b)) for a, b in zip(x, n, strict=True)]


@pytest.mark.parametrize("shape", [(), (1,), (3,), (4, 8), (2, 3, 4)], ids=str)
def test_scalars_and_vectors_of_any_shape_agree(shape: tuple[int, ...], rng: np.random.Generator) -> None:
    x = (rng.standard_normal(48) * 10.0 ** rng.integers(-3, 9, 48)).astype(np.float32)
    sine, cosine = apply("math.sincos", [x], ["f32"], results=2, shape=shape)
    assert ulp(sine, np.sin(x.astype(np.float64))).max() <= 1.6
    assert ulp(cosine, np.cos(x.astype(np.float64))).max() <= 1.6


def test_half_precision_is_computed_in_f32() -> None:
    x = np.linspace(-8, 8, 512).astype(np.float16)
    got = apply("math.tanh", [x], ["f16"])[0]
    np.testing.assert_array_equal(got, np.tanh(x.astype(np.float64)).astype(np.float16))


def test_approximate_exp_stays_accurate_and_finite() -> None:
    x = np.concatenate([all_floats(20_000, -87.3, -1e-30), all_floats(20_000, 1e-30, 88.3)])
    errors = ulp(apply("math.exp", [x], ["f32"], flags="afn")[0], np.exp(x.astype(np.float64)))
    assert errors.max() <= 1.3
    far = apply("math.exp", [np.array([-1e30, -math.inf, math.nan] * 8, np.float32)], ["f32"], flags="afn")[0]
    assert far[0] == 0 and far[1] == 0 and math.isnan(far[2])
