"""Sizes that may be known only at run time: polynomials over named `index` values."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from math import prod

Monomial = tuple[str, ...]


@dataclass(frozen=True)
class Size:
    """A sum of `factor * name * name …`, e.g. `768*d0`; extents, strides and offsets of kernels are such.

    `terms` is sorted and holds no zero factor, so equal sizes compare equal. Names are those of values in
    the kernel (`Nest.values`).
    """

    terms: tuple[tuple[Monomial, int], ...] = ()

    @staticmethod
    def of(value: int | str | Size) -> Size:
        """A constant, or the run-time value of that name."""
        if isinstance(value, Size):
            return value
        if isinstance(value, str):
            return Size((((value,), 1),))
        return Size((((), value),)) if value else Size()

    @property
    def static(self) -> int | None:
        """The number it is, when that is known."""
        if not self.terms:
            return 0
        (names, factor), *rest = self.terms
        return factor if not names and not rest else None

    def guess(self, default: int = 128) -> int:
        """Its value with every unknown taken to be `default`: for cost models only."""
        return sum(factor * default ** len(names) for names, factor in self.terms)

    def __add__(self, other: Size | int) -> Size:
        return _collect((*self.terms, *Size.of(other).terms))

    def __mul__(self, other: Size | int) -> Size:
        right = Size.of(other).terms
        return _collect((tuple(sorted((*a, *b))), x * y) for a, x in self.terms for b, y in right)

    def __str__(self) -> str:
        return " + ".join("*".join([str(factor), *names]) for names, factor in self.terms) or "0"


def _collect(terms: Iterable[tuple[Monomial, int]]) -> Size:
    total: dict[Monomial, int] = {}
    for names, factor in terms:
        total[names] = total.get(names, 0) + factor
    return Size(tuple(sorted((names, factor) for names, factor in total.items() if factor)))


def product(sizes: Iterable[Size]) -> Size:
    """1 when there is none."""
    result = Size.of(1)
    for size in sizes:
        result = result * size
    return result


def row_major(shape: Iterable[Size]) -> tuple[Size, ...]:
    """Strides, in elements, of a contiguous tensor."""
    strides: list[Size] = []
    step = Size.of(1)
    for size in reversed(tuple(shape)):
        strides.append(step)
        step = step * size
    return tuple(reversed(strides))


def guess_product(sizes: Iterable[Size]) -> int:
    """Number of points of an iteration space, unknown extents guessed: for cost models only."""
    return prod(size.guess() for size in sizes)
