"""Fits the coefficients of passes/loops/math: minimax polynomials and rationals by Remez' exchange algorithm.

    pip install mpmath && python minimax.py [NAME…]

Prints, for each function, the coefficients (lowest power first) rounded to the format, and the largest error
of the rounded polynomial, weighted, in units of the format's half ulp of 1 (2^-24 for f32, 2^-53 for f64).
"""

from __future__ import annotations

import struct
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from mpmath import mp, mpf  # type: ignore[import-untyped]

mp.prec = 220

Function = Callable[[Any], Any]


@dataclass(frozen=True)
class Fit:
    """`g` on [low, high] by a polynomial of `degree` (rational when `below` > 0: degree of the denominator),
    minimizing |error| * weight."""

    g: Function
    weight: Function
    low: Any
    high: Any
    degree: int
    below: int = 0

    def point(self, u: Any) -> Any:
        """Chebyshev's distribution of 0 <= u <= 1; denser at the low end for rationals, whose `g` is steep there."""
        u = (1 - mp.cos(mp.pi * u)) / 2
        return mpf(self.low) + (mpf(self.high) - mpf(self.low)) * (u**3 if self.below else u)

    def at(self, x: Any) -> Any:
        """The weight, kept away from zero: a node of weight zero makes the equations singular."""
        return max(abs(self.weight(x)), mpf("1e-7"))


def remez(fit: Fit, rounds: int = 14) -> tuple[list[Any], list[Any]]:
    """Coefficients of numerator and denominator (its constant is 1), lowest power first."""
    n, m = fit.degree, fit.below
    count = n + m + 2
    nodes = [fit.point(mpf(2 * i + 1) / (2 * count)) for i in range(count)]
    level = mpf(0)
    top: list[Any] = []
    bottom: list[Any] = []
    for _ in range(rounds):
        for _ in range(1 if m == 0 else 12):
            rows, right = [], []
            for i, x in enumerate(nodes):
                e = (-1) ** i / fit.at(x)
                g = fit.g(x)
                # P(x) - g Q(x) = e E Q(x), linear when E inside the product is the last one
                rows.append(
                    [x**k for k in range(n + 1)] + [-(g + e * level) * x**k for k in range(1, m + 1)] + [-e]
                )
                right.append(g)
            solution = mp.lu_solve(mp.matrix(rows), mp.matrix(right))
            top = [solution[k] for k in range(n + 1)]
            bottom = [mpf(1)] + [solution[n + k] for k in range(1, m + 1)]
            old, level = level, solution[n + m + 1]
            if abs(level - old) < abs(level) * mpf("1e-12"):
                break
        nodes, spread = _extrema(fit, top, bottom, count)
        if spread < mpf("1e-4"):
            break
    return top, bottom


def _extrema(fit: Fit, top: list[Any], bottom: list[Any], count: int) -> tuple[list[Any], Any]:
    """The alternating extrema of the weighted error, and how unequal they are."""
    steps = 40 * count
    grid = [fit.point(mpf(i) / steps) for i in range(steps + 1)]
    values = [error(fit, top, bottom, x) for x in grid]
    found: list[tuple[Any, Any]] = []
    for x, v in zip(grid, values, strict=True):
        if found and (v > 0) == (found[-1][1] > 0):
            if abs(v) > abs(found[-1][1]):
                found[-1] = (x, v)
        else:
            found.append((x, v))
    while len(found) > count:
        if abs(found[0][1]) < abs(found[-1][1]):
            found.pop(0)
        else:
            found.pop()
    if len(found) < count:
        raise ArithmeticError(f"{len(found)} extrema instead of {count}: degree too high for the precision")
    sizes = [abs(v) for _, v in found]
    return [x for x, _ in found], max(sizes) / min(sizes) - 1


def lawson(fit: Fit, points: int = 160, rounds: int = 60) -> tuple[list[Any], list[Any]]:
    """A rational near the minimax one: least squares of the linearized error, weights multiplied by the error
    (Lawson 1961), which converges from any start where the exchange algorithm does not."""
    n, m = fit.degree, fit.below
    nodes = [fit.point(mpf(i) / (points - 1)) for i in range(points)]
    values, scale = [fit.g(x) for x in nodes], [fit.at(x) for x in nodes]
    weights, bottom = [mpf(1)] * points, [mpf(1)] + [mpf(0)] * m
    best: tuple[Any, list[Any], list[Any]] | None = None
    for _ in range(rounds):
        size = n + 1 + m
        normal, right = mp.zeros(size, size), mp.zeros(size, 1)
        for x, g, s, w in zip(nodes, values, scale, weights, strict=True):
            factor = w * (s / mp.polyval(bottom[::-1], x)) ** 2
            row = [x**k for k in range(n + 1)] + [-g * x**k for k in range(1, m + 1)]
            for i in range(size):
                scaled = factor * row[i]
                right[i] += scaled * g
                for j in range(i, size):
                    normal[i, j] += scaled * row[j]
        for i in range(size):
            for j in range(i):
                normal[i, j] = normal[j, i]
        solution = mp.lu_solve(normal, right)
        top = [solution[k] for k in range(n + 1)]
        bottom = [mpf(1)] + [solution[n + k] for k in range(1, m + 1)]
        errors = [abs(error(fit, top, bottom, x)) for x in nodes]
        if best is None or max(errors) < best[0]:
            best = (max(errors), top, bottom)
        mean = sum(errors) / points
        weights = [w * (e / mean) ** mpf("0.7") for w, e in zip(weights, errors, strict=True)]
        total = sum(weights)
        weights = [max(w / total, mpf("1e-8")) for w in weights]
    assert best is not None
    return best[1], best[2]


def error(fit: Fit, top: list[Any], bottom: list[Any], x: Any) -> Any:
    return (mp.polyval(top[::-1], x) / mp.polyval(bottom[::-1], x) - fit.g(x)) * fit.at(x)


def largest_error(fit: Fit, top: list[Any], bottom: list[Any], points: int = 500) -> Any:
    low, high = mpf(fit.low), mpf(fit.high)
    return max(abs(error(fit, top, bottom, low + (high - low) * i / points)) for i in range(points + 1))


def rounded(value: Any, bits: int) -> float:
    if bits == 32:
        return float(struct.unpack("<f", struct.pack("<f", float(value)))[0])
    return float(value)


def limit(f: Function, terms: list[Any]) -> Function:
    """`f` away from 0; its Taylor polynomial `terms` near 0, where the formula cancels."""
    return lambda x: mp.polyval(terms[::-1], x) if abs(x) < mpf("1e-9") else f(x)


def root(f: Function) -> Function:
    """A function of the square of x, from one of x."""
    return lambda z: f(mp.sqrt(z))


LN2, SQRT2 = mp.ln(2), mp.sqrt(2)
HALF = LN2 / 2 * mpf("1.001")
QUARTER = (mp.pi / 4 * mpf("1.0001")) ** 2
TAN8 = mp.tan(mp.pi / 8) * mpf("1.00001")


def exp_fit(reach: Any, degree: int) -> Fit:
    g = limit(lambda r: (mp.expm1(r) - r) / r**2, [mpf(1) / 2, mpf(1) / 6])
    return Fit(g, lambda r: r**2 / mp.exp(r) if r else mpf("1e-30"), -reach, reach, degree)


def expm1_fit(degree: int) -> Fit:
    g = limit(lambda r: (mp.expm1(r) - r) / r**2, [mpf(1) / 2, mpf(1) / 6])
    return Fit(g, lambda r: abs(r**2 / mp.expm1(r)) if r else mpf("1e-30"), -HALF, HALF, degree)


def log_fit(degree: int) -> Fit:
    g = limit(lambda f: (mp.log1p(f) - f + f * f / 2) / f**3, [mpf(1) / 3, -mpf(1) / 4])
    return Fit(g, lambda f: abs(f**3 / mp.log1p(f)) if f else mpf("1e-30"), SQRT2 / 2 - 1, SQRT2 - 1, degree)


def atanh_fit(degree: int, reach: Any) -> Fit:
    """(2 atanh(s) - 2s) / s^3 over s^2."""
    g = root(limit(lambda s: (2 * mp.atanh(s) - 2 * s) / s**3, [mpf(2) / 3, 0, mpf(2) / 5]))
    return Fit(g, root(lambda s: s**3 / mp.atanh(s) / 2 if s else mpf("1e-30")), 0, reach**2, degree)


def odd_fit(function: Function, cubic: Any, fifth: Any, reach: Any, degree: int) -> Fit:
    """(function(x) - x) / x^3 over x^2."""
    g = root(limit(lambda x: (function(x) - x) / x**3, [cubic, 0, fifth]))
    return Fit(g, root(lambda x: x**3 / function(x) if x else mpf("1e-30")), 0, reach, degree)


def cos_fit(degree: int) -> Fit:
    g = root(limit(lambda x: (mp.cos(x) - 1 + x * x / 2) / x**4, [mpf(1) / 24, 0, -mpf(1) / 720]))
    return Fit(g, root(lambda x: x**4 / mp.cos(x) if x else mpf("1e-30")), 0, QUARTER, degree)


def ratio_fit(function: Function, slope: Any, cubic: Any, reach: Any, degree: int, below: int = 0) -> Fit:
    """function(x) / x over x^2, relative."""
    g = root(limit(lambda x: function(x) / x, [slope, 0, cubic]))
    return Fit(g, root(lambda x: x / function(x) if x else 1 / slope), 0, reach**2, degree, below)


def erfcx_fit(low: Any, high: Any, degree: int) -> Fit:
    """(1 + 2x) exp(x^2) erfc(x) over t = (x - 4) / (x + 4) (Shepherd, Laframboise 1981)."""

    def g(t: Any) -> Any:
        x = 4 * (1 + t) / (1 - t)
        return (1 + 2 * x) * mp.exp(x * x) * mp.erfc(x)

    low, high = ((x - 4) / (x + 4) for x in (mpf(low), mpf(high)))
    return Fit(g, lambda t: 1 / g(t), low, high, degree)


def exp2_fit(degree: int) -> Fit:
    g = limit(lambda r: (mpf(2) ** r - 1) / r, [LN2, LN2**2 / 2])
    return Fit(g, lambda r: r * mpf(2) ** -r if r else mpf("1e-30"), -mpf("0.5001"), mpf("0.5001"), degree)


ERF_SLOPE = 2 / mp.sqrt(mp.pi)
FITS: dict[str, tuple[int, Fit]] = {
    "exp f32": (32, exp_fit(2 * HALF, 5)),
    "exp f64": (64, exp_fit(2 * HALF, 12)),
    "exp_fast f32": (32, exp_fit(HALF, 4)),
    "expm1 f32": (32, expm1_fit(4)),
    "expm1 f64": (64, expm1_fit(10)),
    "log f32": (32, log_fit(7)),
    "log f64": (64, atanh_fit(7, (SQRT2 - 1) / (SQRT2 + 1))),
    "sin f32": (32, odd_fit(mp.sin, -mpf(1) / 6, mpf(1) / 120, QUARTER, 2)),
    "sin f64": (64, odd_fit(mp.sin, -mpf(1) / 6, mpf(1) / 120, QUARTER, 6)),
    "cos f32": (32, cos_fit(2)),
    "cos f64": (64, cos_fit(5)),
    "atan f32": (32, odd_fit(mp.atan, -mpf(1) / 3, mpf(1) / 5, TAN8**2, 3)),
    "atan f64": (64, odd_fit(mp.atan, -mpf(1) / 3, mpf(1) / 5, TAN8**2, 10)),
    "asin f32": (32, odd_fit(mp.asin, mpf(1) / 6, mpf(3) / 40, mpf("0.25"), 4)),
    "asin f64": (64, odd_fit(mp.asin, mpf(1) / 6, mpf(3) / 40, mpf("0.25"), 11)),
    "sinh f32": (32, odd_fit(mp.sinh, mpf(1) / 6, mpf(1) / 120, mpf("1.0001"), 2)),
    "sinh f64": (64, odd_fit(mp.sinh, mpf(1) / 6, mpf(1) / 120, mpf("1.0001"), 6)),
    "tanh f32": (32, ratio_fit(mp.tanh, mpf(1), -mpf(1) / 3, mpf("9.02"), 4, 4)),
    "erf f32": (32, ratio_fit(mp.erf, ERF_SLOPE, -ERF_SLOPE / 3, mpf("3.93"), 5, 5)),
    "erf_near f64": (64, ratio_fit(mp.erf, ERF_SLOPE, -ERF_SLOPE / 3, mpf("1.0001"), 12)),
    "erfcx f32": (32, erfcx_fit("0.45", "10.1", 9)),
    "erfcx f64": (64, erfcx_fit("0.45", "27.3", 21)),
    "log2 for pow f32": (64, atanh_fit(3, (SQRT2 - 1) / (SQRT2 + 1))),
    "exp2 for pow f32": (64, exp2_fit(5)),
    "log for pow f64": (64, atanh_fit(9, (SQRT2 - 1) / (SQRT2 + 1))),
}


def main(names: list[str]) -> None:
    for name, (bits, fit) in FITS.items():
        if names and not any(name.startswith(n) for n in names):
            continue
        top, bottom = lawson(fit) if fit.below else remez(fit)
        unit = mpf(2) ** (-24 if name.endswith("f32") else -53)
        exact = largest_error(fit, top, bottom) / unit
        top, bottom = ([mpf(rounded(c, bits)) for c in part] for part in (top, bottom))
        print(
            f"{name}: error {mp.nstr(exact, 3)}, rounded {mp.nstr(largest_error(fit, top, bottom) / unit, 3)}"
        )
        for part in (top, bottom) if fit.below else (top,):
            print("   (" + ", ".join(repr(rounded(c, 64)) for c in part) + ")", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
