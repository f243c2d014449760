"""Errors and special values of the expanded functions against NumPy in wider precision."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from aicc.passes.loops.math.accuracy import ACCURACY, OTHERS
from aicc.passes.loops.math.functions import FUNCTIONS
from test.passes.loops.math_rig import all_floats, apply, ulp

Array = np.ndarray[Any, Any]
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


def elementwise(f: Callable[[float], float]) -> Callable[[Array], Array]:
    return lambda x: np.array([f(float(v)) for v in x])


REFERENCES: dict[str, Callable[[Array], Array]] = {
    "asin": np.arcsin,
    "acos": np.arccos,
    "atan": np.arctan,
    "asinh": np.arcsinh,
    "acosh": np.arccosh,
    "atanh": np.arctanh,
    "rsqrt": lambda x: 1 / np.sqrt(x),
    "erf": elementwise(math.erf),
    "erfc": elementwise(math.erfc),
}
"""Where NumPy has another name, or no function."""
DENORMALS = {
    "f32": [1e-45, -1e-45, 1e-40, -1.1754942e-38],
    "f64": [5e-324, -5e-324, 1e-310, -2.225073858507201e-308],
}


@pytest.mark.parametrize("baseline", [False, True], ids=["host", "x86-64"])
@pytest.mark.parametrize("element", ["f32", "f64"])
@pytest.mark.parametrize("name", ACCURACY)
def test_unary(name: str, element: str, baseline: bool) -> None:
    kind, wide = (np.float32, np.float64) if element == "f32" else (np.float64, np.longdouble)
    parts: list[Array] = [np.array([*SPECIAL, *DENORMALS[element]], kind)]
    parts += [all_floats(12_000, low, high, kind) for low, high in ACCURACY[name].numbers(element)]
    x = np.concatenate(parts)
    got = apply(f"math.{name}", [x], [element], baseline=baseline)[0]
    with np.errstate(all="ignore"):
        reference = REFERENCES.get(name) or getattr(np, name)
        want = reference(x.astype(wide)).astype(wide)
    errors = ulp(got, want)
    worst = int(errors.argmax())
    bound = ACCURACY[name].bound(element, fused=not baseline)
    assert errors[worst] <= bound, f"{x[worst]!r}: {got[worst]!r}, wanted {want[worst]!r}"
    kept = ~np.isnan(want)
    assert (np.signbit(got) == np.signbit(want))[kept].all()


def test_every_function_of_one_argument_has_bounds() -> None:
    others = {"atan2", "powf", "fpowi", "ipowi", "sincos", "round"}
    assert set(ACCURACY) == {name.removeprefix("math.") for name in FUNCTIONS} - others


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
    assert errors[worst] <= OTHERS["powf"][element == "f64"], f"{x[worst]!r} ^ {y[worst]!r}: {got[worst]!r}"
    assert (np.signbit(got) == np.signbit(rounded))[~np.isnan(rounded)].all()


@pytest.mark.parametrize("element", ["f32", "f64"])
def test_atan2(element: str, rng: np.random.Generator) -> None:
    kind, wide = (np.float32, np.float64) if element == "f32" else (np.float64, np.longdouble)
    a, b = (v.ravel().astype(kind) for v in np.meshgrid(PAIRS, PAIRS))
    spread = rng.standard_normal((2, 20_000)) * np.exp(rng.uniform(-20, 20, (2, 20_000)))
    y, x = np.concatenate([a, spread[0].astype(kind)]), np.concatenate([b, spread[1].astype(kind)])
    got = apply("math.atan2", [y, x], [element, element])[0]
    want = np.arctan2(y.astype(wide), x.astype(wide))
    assert ulp(got, want).max() <= OTHERS["atan2"][element == "f64"]
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
    assert ulp(got, want).max() <= OTHERS["fpowi"][element == "f64"]


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
