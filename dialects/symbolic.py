"""Symbolic dimensions: integer expressions over named sizes, in a normal form.

A `Dim` is a polynomial with integer coefficients over *atoms*. An atom is a symbol (a named input
dimension, an element of a run-time shape tensor) or an opaque function of dims (`floordiv`, `mod`,
`max`, `min`, `broadcast`). Equal expressions have equal normal forms in the cases shape arithmetic needs
(`(b*s) == (s*b)`, `(s + 1) - 1 == s`, `(4*s) // 4 == s`), so `==` decides whether two sizes agree.
"""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

DimLike: TypeAlias = "int | Dim"
Shape: TypeAlias = "tuple[int | Dim, ...]"

_fresh = itertools.count()
_ELEMENT = "element"


@dataclass(frozen=True)
class Atom:
    """`kind` is "symbol" (args: its name) or a function name (args: dims)."""

    kind: str
    args: tuple[Any, ...]

    def __str__(self) -> str:
        return (
            str(self.args[0]) if self.kind == "symbol" else f"{self.kind}({', '.join(map(str, self.args))})"
        )


Monomial: TypeAlias = "tuple[Atom, ...]"


class Dim:
    """A symbolic size. Supports + - * // % with ints and dims; never equal to an int."""

    __slots__ = ("terms", "_key")

    def __init__(self, terms: Mapping[Monomial, int]) -> None:
        self.terms = {m: c for m, c in terms.items() if c}
        self._key = frozenset(self.terms.items())

    @staticmethod
    def symbol(name: str) -> Dim:
        return Dim({(Atom("symbol", (name,)),): 1})

    @staticmethod
    def _of(x: DimLike) -> Dim:
        return x if isinstance(x, Dim) else Dim({(): int(x)})

    def _simplify(self) -> DimLike:
        return self.terms.get((), 0) if all(m == () for m in self.terms) else self

    def __add__(self, other: DimLike) -> Any:
        terms = dict(self.terms)
        for m, c in Dim._of(other).terms.items():
            terms[m] = terms.get(m, 0) + c
        return Dim(terms)._simplify()

    __radd__ = __add__

    def __neg__(self) -> Any:
        return Dim({m: -c for m, c in self.terms.items()})

    def __sub__(self, other: DimLike) -> Any:
        return self + (-other)

    def __rsub__(self, other: DimLike) -> Any:
        return -self + other

    def __mul__(self, other: DimLike) -> Any:
        terms: dict[Monomial, int] = {}
        for (m1, c1), (m2, c2) in itertools.product(self.terms.items(), Dim._of(other).terms.items()):
            m = tuple(sorted(m1 + m2, key=str))
            terms[m] = terms.get(m, 0) + c1 * c2
        return Dim(terms)._simplify()

    __rmul__ = __mul__

    def __floordiv__(self, other: DimLike) -> Any:
        return floordiv(self, other)

    def __rfloordiv__(self, other: int) -> Any:
        return floordiv(other, self)

    def __truediv__(self, other: DimLike) -> Any:
        return floordiv(self, other)

    def __mod__(self, other: DimLike) -> Any:
        q = _exact(self, Dim._of(other))
        return 0 if q is not None else _function("mod", self, other)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Dim) and self._key == other._key

    def __hash__(self) -> int:
        return hash(self._key)

    def __str__(self) -> str:
        parts = []
        for m, c in sorted(self.terms.items(), key=lambda t: (len(t[0]) == 0, str([str(a) for a in t[0]]))):
            factors = [str(a) for a in m]
            if c != 1 or not factors:
                factors.insert(0, str(c))
            parts.append("*".join(factors))
        return "+".join(parts).replace("+-", "-")

    __repr__ = __str__

    @property
    def is_symbol(self) -> bool:
        """Whether this is one plain symbol."""
        return len(self.terms) == 1 and all(
            c == 1 and len(m) == 1 and m[0].kind == "symbol" for m, c in self.terms.items()
        )


def fresh_dim(hint: str = "d") -> Dim:
    """A symbol equal to nothing else."""
    return Dim.symbol(f"%{hint}{next(_fresh)}")


def element_dim() -> Dim:
    """A symbol for an element of an integer tensor whose values only run time knows.

    Unlike a size it may be negative: it is a size only where the op says so (`aicc.range`, `aicc.tile`…).
    """
    return fresh_dim(_ELEMENT)


def static(dim: DimLike) -> int:
    """A size that is known to be static."""
    assert isinstance(dim, int), f"{dim} is symbolic"
    return dim


def has_elements(dim: DimLike) -> bool:
    """Whether `dim` depends on elements of a run-time tensor, so that nothing is known of its sign."""
    return isinstance(dim, Dim) and any(
        atom.args[0].startswith(f"%{_ELEMENT}")
        if atom.kind == "symbol"
        else any(map(has_elements, atom.args))
        for mono in dim.terms
        for atom in mono
    )


def _function(kind: str, *args: DimLike) -> Dim:
    return Dim({(Atom(kind, args),): 1})


def _exact(a: Dim, b: Dim) -> DimLike | None:
    """`a / b` when `b` is one term that divides every term of `a`."""
    if len(b.terms) != 1:
        return 1 if a == b else None
    ((mb, cb),) = b.terms.items()
    out: dict[Monomial, int] = {}
    for m, c in a.terms.items():
        rest = list(m)
        for atom in mb:
            if atom not in rest:
                return None
            rest.remove(atom)
        if c % cb:
            return None
        out[tuple(rest)] = c // cb
    return Dim(out)._simplify()


def floordiv(a: DimLike, b: DimLike) -> Any:
    """`floor(a / b)`; exact quotients simplify."""
    if isinstance(a, int) and isinstance(b, int):
        return a // b
    q = _exact(Dim._of(a), Dim._of(b))
    if q is not None:
        return q
    if isinstance(b, int) and isinstance(a, Dim):
        # (b*x + r) // b == x + r // b
        whole = {m: c // b for m, c in a.terms.items() if c % b == 0 and m}
        rest = {m: c for m, c in a.terms.items() if c % b or not m}
        if whole:
            return Dim(whole) + floordiv(Dim(rest)._simplify(), b)
    return _function("floordiv", a, b)


def ceildiv(a: DimLike, b: DimLike) -> Any:
    """`ceil(a / b)`."""
    return floordiv(a + b - 1, b)


def dim_max(a: DimLike, b: DimLike) -> Any:
    """The larger of two sizes."""
    if isinstance(a, int) and isinstance(b, int):
        return max(a, b)
    return a if a == b else _function("max", a, b)


def dim_min(a: DimLike, b: DimLike) -> Any:
    """The smaller of two sizes. What another one is the maximum of is no larger than that."""
    if isinstance(a, int) and isinstance(b, int):
        return min(a, b)
    for one, other in ((a, b), (b, a)):
        if one == other or one in _maximum_of(other):
            return one
    return _function("min", a, b)


def _maximum_of(d: DimLike) -> tuple[DimLike, ...]:
    """The sizes a size is evidently the largest of; none when it is no maximum."""
    if not isinstance(d, Dim) or len(d.terms) != 1:
        return ()
    ((mono, coef),) = d.terms.items()
    return mono[0].args if coef == 1 and len(mono) == 1 and mono[0].kind == "max" else ()


def dim_broadcast(a: DimLike, b: DimLike) -> Any:
    """The size that `a` and `b` broadcast to: the other where one is 1. That they are equal otherwise is not checked.

    What is known not to be 1 is the result: a static size, `2*n`. A normal form: the same sizes in any order and
    nesting give the same dim.
    """
    sizes = dict.fromkeys(s for d in (a, b) for s in _broadcast_sizes(d) if s != 1)
    certain = [s for s in sizes if not may_be_one(s)]
    if certain:
        return next((s for s in certain if isinstance(s, int)), certain[0])
    if len(sizes) < 2:
        return next(iter(sizes), 1)
    return _function("broadcast", *sorted(sizes, key=str))


def _broadcast_sizes(d: DimLike) -> tuple[DimLike, ...]:
    """What a size is broadcast from: itself, unless it is a `broadcast`."""
    if isinstance(d, Dim) and len(d.terms) == 1:
        ((mono, coef),) = d.terms.items()
        if coef == 1 and len(mono) == 1 and mono[0].kind == "broadcast":
            return mono[0].args
    return (d,)


def may_be_one(d: DimLike) -> bool:
    """Whether a size can be 1 in a run, as far as its form says: `n` can, `2*n` and `n*m + 2` cannot."""
    if isinstance(d, int):
        return d == 1
    rest = d.terms.get((), 0)
    factor = math.gcd(*(c for m, c in d.terms.items() if m))
    if (1 - rest) % factor:
        return False
    is_sum = all(c > 0 for c in d.terms.values()) and not has_elements(d) and not _has_functions(d)
    return not is_sum or rest < 2


def _has_functions(d: Dim) -> bool:
    """Whether something in `d` is no plain size and so may be negative."""
    return any(atom.kind != "symbol" for mono in d.terms for atom in mono)


def product(dims: Any) -> Any:
    """The product of sizes."""
    n: Any = 1
    for d in dims:
        n = n * d
    return n


def symbols(dim: DimLike) -> set[str]:
    """The names of the symbols a size is made of."""
    out: set[str] = set()
    if isinstance(dim, Dim):
        for atom in (atom for mono in dim.terms for atom in mono):
            out |= {atom.args[0]} if atom.kind == "symbol" else set().union(*map(symbols, atom.args))
    return out


def substitute(dim: DimLike, env: Mapping[str, DimLike]) -> Any:
    """`dim` with symbols replaced by name."""
    if isinstance(dim, int):
        return dim
    total: Any = 0
    for mono, coef in dim.terms.items():
        term: Any = coef
        for atom in mono:
            if atom.kind == "symbol":
                term = term * env.get(atom.args[0], Dim({(atom,): 1}))
            else:
                args = [substitute(a, env) for a in atom.args]
                term = term * FUNCTIONS[atom.kind](*args)
        total = total + term
    return total


FUNCTIONS: dict[str, Any] = {
    "floordiv": floordiv,
    "mod": lambda a, b: a % b,
    "max": dim_max,
    "min": dim_min,
    "broadcast": lambda *sizes: functools.reduce(dim_broadcast, sizes),
}
