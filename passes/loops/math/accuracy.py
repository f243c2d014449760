"""How accurate the functions are: bounds that test_math_accuracy.py holds them to, and docs/math.md lists.

An error is the distance to the exact result in units of the last place of the result rounded to the type. The
numbers looked at are spread evenly over the representable ones of the ranges, so that every exponent has its share;
zeros, infinities, NaN and numbers below the smallest normal one are always among them.
"""

from __future__ import annotations

from dataclasses import dataclass

Ranges = tuple[tuple[float, float], ...]
LARGE = {"f32": 3.4e38, "f64": 1.79e308}
TINY = {"f32": 1e-45, "f64": 5e-324}


@dataclass(frozen=True)
class Accuracy:
    """Bounds of a function in ulp where multiply-adds are fused; `plain` is what others add.

    `ranges` are the arguments looked at; infinite bounds are the type's largest numbers, zeros its smallest.
    `ranges_f64` are those of f64 where they differ.
    """

    f32: float
    f64: float
    ranges: Ranges
    ranges_f64: Ranges = ()
    plain: float = 0.5

    def bound(self, element: str, fused: bool = True) -> float:
        """The largest error of a type."""
        return (self.f32 if element == "f32" else self.f64) + (0.0 if fused else self.plain)

    def numbers(self, element: str) -> Ranges:
        """The ranges, with the type's own limits."""
        chosen = self.ranges_f64 if element == "f64" and self.ranges_f64 else self.ranges

        def low(x: float) -> float:
            return -LARGE[element] if x == -_MOST else TINY[element] if x == 0 else x

        def high(x: float) -> float:
            return LARGE[element] if x == _MOST else -TINY[element] if x == 0 else x

        return tuple((low(a), high(b)) for a, b in chosen)


_MOST = float("inf")
_ALL: Ranges = ((-_MOST, 0), (0, _MOST))
_POSITIVE: Ranges = ((0, _MOST), (0.5, 2))
_ANGLES: Ranges = ((-1e5, 0), (0.1, 1e5), (0, _MOST))
_UNIT: Ranges = ((-1, 0), (0, 1))

ACCURACY: dict[str, Accuracy] = {
    "exp": Accuracy(1.3, 1.3, ((-110, 0), (0, 95)), ((-750, 0), (0, 715))),
    "exp2": Accuracy(1.4, 1.4, ((-160, 0), (0, 130)), ((-1080, 0), (0, 1030))),
    "expm1": Accuracy(1.5, 1.7, ((-30, 0), (0, 90)), ((-50, 0), (0, 715))),
    "log": Accuracy(1.0, 1.0, _POSITIVE),
    "log2": Accuracy(1.2, 1.2, _POSITIVE),
    "log10": Accuracy(1.2, 1.2, _POSITIVE),
    "log1p": Accuracy(1.4, 1.4, ((-0.99999, 0), (0, _MOST))),
    "sin": Accuracy(1.6, 0.9, _ANGLES),
    "cos": Accuracy(1.6, 0.9, _ANGLES),
    "tan": Accuracy(3.4, 2.0, _ANGLES),
    "asin": Accuracy(1.5, 1.5, _UNIT),
    "acos": Accuracy(1.2, 1.2, _UNIT),
    "atan": Accuracy(1.8, 1.8, _ALL),
    "sinh": Accuracy(1.7, 1.7, ((-90, 0), (0, 90)), ((-711, 0), (0, 711))),
    "cosh": Accuracy(1.7, 1.7, ((-90, 0), (0, 90)), ((-711, 0), (0, 711))),
    "tanh": Accuracy(3.8, 2.3, ((-30, 0), (0, 30)), plain=1.0),
    "asinh": Accuracy(1.5, 1.5, _ALL),
    "acosh": Accuracy(1.5, 1.6, ((1, _MOST),)),
    "atanh": Accuracy(1.9, 1.9, _UNIT),
    "cbrt": Accuracy(1.0, 1.0, _ALL),
    "rsqrt": Accuracy(1.5, 1.5, ((0, _MOST),)),
    "erf": Accuracy(3.9, 2.5, ((-6, 0), (0, 6)), plain=1.0),
    "erfc": Accuracy(3.5, 4.5, ((-6, 0), (0, 9.2)), ((-6, 0), (0, 26.5))),
}
"""Functions of one argument by the name of their op in the math dialect."""

OTHERS: dict[str, tuple[float, float]] = {
    "powf": (0.6, 1.7),
    "fpowi": (1.3, 1.3),
    "atan2": (2.4, 2.4),
}
"""Bounds of functions of two arguments, f32 and f64; arguments are random, and all pairs of special values."""


def markdown_table() -> str:
    """The bounds as a table."""
    lines = ["| function | f32, ulp | f64, ulp | arguments of f32 | of f64 |", "|---|---|---|---|---|"]
    for name, a in ACCURACY.items():
        numbers = (_ranges(a.ranges), _ranges(a.ranges_f64 or a.ranges))
        lines.append(f"| {name} | {a.f32} | {a.f64} | {numbers[0]} | {numbers[1]} |")
    lines += [f"| {name} | {f32} | {f64} | pairs | pairs |" for name, (f32, f64) in OTHERS.items()]
    return "\n".join(lines)


def _ranges(ranges: Ranges) -> str:
    def number(x: float) -> str:
        return "0" if x == 0 else f"{'-' if x < 0 else ''}∞" if abs(x) == _MOST else f"{x:g}"

    return ", ".join(f"{number(low)} … {number(high)}" for low, high in ranges)
