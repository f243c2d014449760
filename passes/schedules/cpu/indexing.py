"""Index expressions over the dimensions of an iteration space, as indexing maps hold them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from aicc.bindings import ir
from aicc.passes.schedules.cpu.sizes import Size


@dataclass(frozen=True)
class Quotient:
    """`value floordiv divisor`, or `value mod divisor`."""

    value: Expr
    divisor: int
    remainder: bool


@dataclass(frozen=True)
class Expr:
    """`const + sum of factor * dimension + sum of factor * quotient`; both sums sorted, no zero factor."""

    const: int = 0
    dims: tuple[tuple[int, int], ...] = ()
    quotients: tuple[tuple[Quotient, int], ...] = ()

    @staticmethod
    def dim(number: int, factor: int = 1) -> Expr:
        """`factor * d<number>`."""
        return Expr(0, ((number, factor),) if factor else ())

    @property
    def single(self) -> int | None:
        """The dimension that it is, when it is just one."""
        bare = self.const == 0 and not self.quotients and len(self.dims) == 1 and self.dims[0][1] == 1
        return self.dims[0][0] if bare else None

    def used(self) -> set[int]:
        """Dimensions it depends on."""
        inner = (quotient.value.used() for quotient, _ in self.quotients)
        return {number for number, _ in self.dims}.union(*inner)

    def __add__(self, other: Expr | int) -> Expr:
        if isinstance(other, int):
            return Expr(self.const + other, self.dims, self.quotients)
        dims = dict(self.dims)
        for number, factor in other.dims:
            dims[number] = dims.get(number, 0) + factor
        quotients = dict(self.quotients)
        for quotient, factor in other.quotients:
            quotients[quotient] = quotients.get(quotient, 0) + factor
        return Expr(
            self.const + other.const,
            tuple(sorted((number, factor) for number, factor in dims.items() if factor)),
            tuple((quotient, factor) for quotient, factor in quotients.items() if factor),
        )

    def __mul__(self, factor: int) -> Expr:
        if factor == 0:
            return Expr()
        return Expr(
            self.const * factor,
            tuple((number, own * factor) for number, own in self.dims),
            tuple((quotient, own * factor) for quotient, own in self.quotients),
        )

    def substitute(self, values: Sequence[Expr] | Mapping[int, Expr], extents: Sequence[Size]) -> Expr:
        """With `values[d]` for each dimension d; `extents` are those of the new dimensions."""
        result = Expr(self.const)
        for number, factor in self.dims:
            result = result + values[number] * factor
        for quotient, factor in self.quotients:
            inner = quotient.value.substitute(values, extents)
            divide = remainder if quotient.remainder else floordiv
            result = result + divide(inner, quotient.divisor, extents) * factor
        return result


def from_affine(expr: Any, extents: Sequence[Size]) -> Expr:
    """An MLIR affine expression without symbols; ceildiv becomes floordiv. Raises ValueError on others."""
    if isinstance(expr, ir.AffineDimExpr):
        return Expr.dim(expr.position)
    if isinstance(expr, ir.AffineConstantExpr):
        return Expr(expr.value)
    if not isinstance(expr, ir.AffineBinaryExpr):
        raise ValueError(f"affine expression {expr}")
    left, right = from_affine(expr.lhs, extents), from_affine(expr.rhs, extents)
    if isinstance(expr, ir.AffineAddExpr):
        return left + right
    if isinstance(expr, ir.AffineMulExpr):
        if not right.used():
            return left * right.const
        if not left.used():
            return right * left.const
    if right.used() or right.const <= 0:
        raise ValueError(f"affine expression {expr}")
    if isinstance(expr, ir.AffineModExpr):
        return remainder(left, right.const, extents)
    if isinstance(expr, ir.AffineFloorDivExpr):
        return floordiv(left, right.const, extents)
    if isinstance(expr, ir.AffineCeilDivExpr):
        return floordiv(left + (right.const - 1), right.const, extents)
    raise ValueError(f"affine expression {expr}")


def bounds(expr: Expr, extents: Sequence[Size]) -> tuple[int, int] | None:
    """Smallest and largest value, when all extents it depends on are known."""
    low = high = expr.const
    for number, factor in expr.dims:
        extent = extents[number].static
        if extent is None:
            return None
        reach = factor * max(extent - 1, 0)
        low, high = low + min(reach, 0), high + max(reach, 0)
    for quotient, factor in expr.quotients:
        if quotient.remainder:
            first, last = 0, quotient.divisor - 1
        else:
            inner = bounds(quotient.value, extents)
            if inner is None:
                return None
            first, last = inner[0] // quotient.divisor, inner[1] // quotient.divisor
        low += min(first * factor, last * factor)
        high += max(first * factor, last * factor)
    return low, high


def floordiv(expr: Expr, divisor: int, extents: Sequence[Size]) -> Expr:
    """`expr floordiv divisor`, multiples of the divisor taken out."""
    whole, rest = _split(expr, divisor)
    limits = bounds(rest, extents)
    if limits is not None and limits[0] // divisor == limits[1] // divisor:
        return whole + limits[0] // divisor
    return whole + Expr(0, (), ((Quotient(rest, divisor, False), 1),))


def remainder(expr: Expr, divisor: int, extents: Sequence[Size]) -> Expr:
    """`expr mod divisor`, multiples of the divisor dropped."""
    _, rest = _split(expr, divisor)
    limits = bounds(rest, extents)
    if limits is not None and limits[0] // divisor == limits[1] // divisor:
        return rest + -(limits[0] // divisor) * divisor
    return Expr(0, (), ((Quotient(rest, divisor, True), 1),))


def _split(expr: Expr, divisor: int) -> tuple[Expr, Expr]:
    """`(whole, rest)` with `expr == divisor * whole + rest`."""
    whole, rest = Expr(expr.const // divisor), Expr(expr.const % divisor)
    for number, factor in expr.dims:
        if factor % divisor == 0:
            whole = whole + Expr.dim(number, factor // divisor)
        else:
            rest = rest + Expr.dim(number, factor)
    for quotient, factor in expr.quotients:
        part = Expr(0, (), ((quotient, 1),))
        if factor % divisor == 0:
            whole = whole + part * (factor // divisor)
        else:
            rest = rest + part * factor
    return whole, rest
