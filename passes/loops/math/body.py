"""Writes the body of one function, on scalars or vectors, as MLIR text: `x * y + 1` emits two ops.

b = Body("f32", 8, fma=True)
x = b.argument("f32")
b.fma(x, x, 1.0)            # %v1 = math.fma %x, %x, %c : vector<8xf32>
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from typing import TypeAlias


@dataclass(frozen=True)
class Format:
    """An IEEE format: `mantissa` stored bits; `magic` is 1.5 * 2^mantissa: adding it rounds to an integer that
    then lies in the low bits of the sum (for |x| < 2^(mantissa - 2))."""

    name: str
    bits: int
    mantissa: int
    bias: int

    @property
    def integer(self) -> str:
        """The integer type of the same width."""
        return f"i{self.bits}"

    @property
    def magic(self) -> float:
        return 1.5 * 2.0**self.mantissa

    @property
    def smallest(self) -> float:
        """The smallest normal number."""
        return 2.0 ** (1 - self.bias)

    @property
    def half_digits(self) -> int:
        """Bits of the upper half in Veltkamp's splitting."""
        return (self.mantissa + 2) // 2


FORMATS = {"f32": Format("f32", 32, 23, 127), "f64": Format("f64", 64, 52, 1023)}
INF, NAN = float("inf"), float("nan")


@dataclass(frozen=True, eq=False)
class Value:
    """An SSA value of `element` in each lane. Python numbers mix in as constants; `&`, `|`, `^` are bitwise."""

    body: Body
    name: str
    element: str

    def __add__(self, other: Operand) -> Value:
        return self.body.arithmetic("add", self, other)

    def __radd__(self, other: float) -> Value:
        return self.body.arithmetic("add", self.like(other), self)

    def __sub__(self, other: Operand) -> Value:
        return self.body.arithmetic("sub", self, other)

    def __rsub__(self, other: float) -> Value:
        return self.body.arithmetic("sub", self.like(other), self)

    def __mul__(self, other: Operand) -> Value:
        return self.body.arithmetic("mul", self, other)

    def __rmul__(self, other: float) -> Value:
        return self.body.arithmetic("mul", self.like(other), self)

    def __truediv__(self, other: Operand) -> Value:
        return self.body.arithmetic("div", self, other)

    def __rtruediv__(self, other: float) -> Value:
        return self.body.arithmetic("div", self.like(other), self)

    def __and__(self, other: Operand) -> Value:
        return self.body.op("arith.andi", self, self.like(other))

    def __or__(self, other: Operand) -> Value:
        return self.body.op("arith.ori", self, self.like(other))

    def __xor__(self, other: Operand) -> Value:
        return self.body.op("arith.xori", self, self.like(other))

    def __lshift__(self, other: Operand) -> Value:
        return self.body.op("arith.shli", self, self.like(other))

    def __rshift__(self, other: Operand) -> Value:
        """With the sign."""
        return self.body.op("arith.shrsi", self, self.like(other))

    def __neg__(self) -> Value:
        return self.body.op("arith.negf", self)

    def __lt__(self, other: Operand) -> Value:
        return self.compare("lt", other)

    def __gt__(self, other: Operand) -> Value:
        return self.compare("gt", other)

    def __le__(self, other: Operand) -> Value:
        return self.compare("le", other)

    def __ge__(self, other: Operand) -> Value:
        return self.compare("ge", other)

    def equals(self, other: Operand) -> Value:
        return self.compare("eq", other)

    def differs(self, other: Operand) -> Value:
        """True on NaN."""
        return self.compare("ne", other)

    def compare(self, predicate: str, other: Operand) -> Value:
        """An i1; ordered (false on NaN) but for `ne`; signed."""
        right = self.like(other)
        if self.is_float:
            text = f"arith.cmpf {'u' if predicate == 'ne' else 'o'}{predicate},"
        else:
            text = f"arith.cmpi {predicate if predicate in ('eq', 'ne') else 's' + predicate},"
        return self.body.op(text, self, right, result="i1")

    def select(self, then: Operand, other: Operand) -> Value:
        """Where this i1 is true `then`, else `other`; one of them is a Value."""
        if not isinstance(then, Value):
            assert isinstance(other, Value)
            then = other.like(then)
        right = then.like(other)
        kinds = f"{self.body.kind('i1')}, {self.body.kind(then.element)}"
        return self.body.raw(f"arith.select {self.name}, {then.name}, {right.name} : {kinds}", then.element)

    @property
    def is_float(self) -> bool:
        return self.element[0] == "f"

    @property
    def format(self) -> Format:
        """The format of a float value."""
        return FORMATS[self.element]

    def like(self, other: Operand) -> Value:
        """`other` as a value of this element type."""
        return other if isinstance(other, Value) else self.body.constant(other, self.element)

    def bits(self) -> Value:
        """A float's bits as an integer."""
        return self.cast("arith.bitcast", self.format.integer)

    def as_float(self) -> Value:
        """An integer's bits as a float."""
        return self.cast("arith.bitcast", "f" + self.element[1:])

    def cast(self, op: str, element: str) -> Value:
        """`op %self : … to …`."""
        kinds = f"{self.body.kind(self.element)} to {self.body.kind(element)}"
        return self.body.raw(f"{op} {self.name} : {kinds}", element)

    def abs(self) -> Value:
        return self.body.op("math.absf", self)

    def sign_of(self, other: Value) -> Value:
        """This magnitude with the sign of `other`."""
        return self.body.op("math.copysign", self, other)


# Lanes of vectors that come with 32 registers on x86 (AVX-512, f32).
_MANY_LANES = 16

Operand: TypeAlias = "Value | float"


class Body:
    """Lines of a function on `lanes` lanes (0: scalars). `fma`: the target fuses multiply and add; `rounds`: it
    rounds to integers in one instruction."""

    def __init__(self, lanes: int, fma: bool = True, rounds: bool = True) -> None:
        self.lanes = lanes
        self.fuses = fma
        self.rounds = rounds
        self.lines: list[str] = []
        self.arguments: list[Value] = []
        self._constants: dict[tuple[str, str], Value] = {}
        self._heads: list[str] = []
        self._numbers = count()

    # Plumbing --------------------------------------------------------------------------------------

    def kind(self, element: str) -> str:
        """The MLIR type of a value."""
        return f"vector<{self.lanes}x{element}>" if self.lanes else element

    def name(self) -> str:
        return f"%v{next(self._numbers)}"

    def argument(self, element: str) -> Value:
        """The next argument of the function."""
        value = Value(self, f"%x{len(self.arguments)}", element)
        self.arguments.append(value)
        return value

    def raw(self, text: str, element: str) -> Value:
        """An op with one result."""
        name = self.name()
        self.lines.append(f"{name} = {text}")
        return Value(self, name, element)

    def op(self, text: str, *args: Value, result: str = "") -> Value:
        """An op whose operands have one type, which is also the result's unless `result` is given."""
        operands = ", ".join(a.name for a in args)
        return self.raw(f"{text} {operands} : {self.kind(args[0].element)}", result or args[0].element)

    def arithmetic(self, name: str, left: Value, right: Operand) -> Value:
        return self.op(f"arith.{name}{'f' if left.is_float else 'i'}", left, left.like(right))

    def constant(self, value: float, element: str) -> Value:
        """One number in every lane; each is emitted once, at the start."""
        if element[0] == "f":
            code = {"f32": ("<f", "<I", 8), "f64": ("<d", "<Q", 16)}[element]
            text = f"0x{struct.unpack(code[1], struct.pack(code[0], value))[0]:0{code[2]}X}"
        else:
            bits = int(element[1:])
            number = int(value) & ((1 << bits) - 1)
            text = str(number - (1 << bits) if number >> (bits - 1) else number)
        key = (text, element)
        if key not in self._constants:
            name = self.name()
            literal = f"dense<{text}>" if self.lanes else text
            kind = f" : {self.kind(element)}"
            if element == "i1":
                literal = literal.replace("-1", "true").replace("0", "false")
                kind = kind if self.lanes else ""
            self._heads.append(f"{name} = arith.constant {literal}{kind}")
            self._constants[key] = Value(self, name, element)
        return self._constants[key]

    def function(self, name: str, results: Sequence[Value]) -> str:
        """The text of the whole function."""
        arguments = ", ".join(f"{a.name}: {self.kind(a.element)}" for a in self.arguments)
        kinds = ", ".join(self.kind(r.element) for r in results)
        body = "\n  ".join([*self._heads, *self.lines])
        returned = ", ".join(r.name for r in results)
        return f"func.func private @{name}({arguments}) -> ({kinds}) {{\n  {body}\n  return {returned} : {kinds}\n}}\n"

    # Arithmetic ------------------------------------------------------------------------------------

    def fma(self, left: Operand, right: Operand, addend: Operand) -> Value:
        """left * right + addend, with one rounding where the target can."""
        values = [x for x in (left, right, addend) if isinstance(x, Value)]
        a, b, c = (values[0].like(x) for x in (left, right, addend))
        return self.op("math.fma", a, b, c) if self.fuses else a * b + c

    def polynomial(self, x: Value, coefficients: Sequence[float]) -> Value:
        """Horner's rule; lowest power first."""
        result: Operand = coefficients[-1]
        for c in reversed(coefficients[:-1]):
            result = self.fma(result, x, c)
        return x.like(result)

    def split_polynomial(self, x: Value, square: Value, coefficients: Sequence[float]) -> Value:
        """The same from even and odd powers, `square` being x x: half as long a chain of operations that wait for each
        other, for one more. With 16 registers that spills: vectors narrower than those of AVX-512 take the long
        chain."""
        if self.lanes < _MANY_LANES:
            return self.polynomial(x, coefficients)
        even = self.polynomial(square, coefficients[::2])
        return self.fma(x, self.polynomial(square, coefficients[1::2]), even)

    def two_sum(self, a: Value, b: Value) -> tuple[Value, Value]:
        """a + b exactly, as a rounded sum and its error (Knuth)."""
        total = a + b
        part = total - a
        return total, (a - (total - part)) + (b - part)

    def fast_two_sum(self, a: Value, b: Value) -> tuple[Value, Value]:
        """a + b exactly, for |a| >= |b| (Dekker)."""
        total = a + b
        return total, b - (total - a)

    def two_product(self, a: Value, b: Operand) -> tuple[Value, Value]:
        """a * b exactly, as a rounded product and its error; splitting by Veltkamp without a fused op."""
        right = a.like(b)
        product = a * right
        if self.fuses:
            return product, self.fma(a, right, -product)
        (ah, al), (bh, bl) = self._split(a), self._split(right)
        return product, al * bl - (((product - ah * bh) - al * bh) - ah * bl)

    def _split(self, a: Value) -> tuple[Value, Value]:
        scaled = a * (2.0**a.format.half_digits + 1)
        high = scaled - (scaled - a)
        return high, a - high

    def minus_product(self, a: Value, n: Value, factor: float) -> Value:
        """a - n * factor with one rounding."""
        if self.fuses:
            return self.fma(n, -factor, a)
        product, rest = self.two_product(n, factor)
        return (a - product) - rest

    def clamp(self, x: Value, low: float, high: float) -> Value:
        """`x` within [low, high]; NaN stays."""
        return self.at_most(self.at_least(x, low), high)

    def at_least(self, x: Value, low: float) -> Value:
        bound = x.like(low)
        return (bound > x).select(bound, x)

    def at_most(self, x: Value, high: float) -> Value:
        bound = x.like(high)
        return (bound < x).select(bound, x)

    def power_of_two(self, magic: Value, bias: int = 0) -> Value:
        """2^(n + bias) for an integer n held in the low bits of a float (`Format.magic` has been added)."""
        f = magic.format
        return ((magic.bits() << f.mantissa) + ((f.bias + bias) << f.mantissa)).as_float()

    # Control flow ----------------------------------------------------------------------------------

    def any(self, condition: Value) -> str:
        """A scalar i1: whether any lane is true."""
        if not self.lanes:
            return condition.name
        name = self.name()
        self.lines.append(f"{name} = vector.reduction <or>, {condition.name} : {self.kind('i1')} into i1")
        return name

    def replace_lanes(
        self,
        condition: Value,
        old: Sequence[Value],
        x: Value,
        compute: Callable[[Body, Value], Sequence[Value]],
    ) -> list[Value]:
        """`old`, with lanes where `condition` holds replaced by `compute(x)`, which runs on one lane at a time and
        only when there is such a lane: for rare and expensive cases."""
        results = self.name()
        kinds = ", ".join(self.kind(v.element) for v in old)
        self.lines.append(f"{results}:{len(old)} = scf.if {self.any(condition)} -> ({kinds}) {{")
        with self._scalars() as scalar:
            if self.lanes:
                self._each_lane(scalar, condition, old, x, compute, kinds)
            else:
                inner = compute(scalar, Value(scalar, x.name, x.element))
                self.lines.append(f"scf.yield {', '.join(v.name for v in inner)} : {kinds}")
        self.lines.append("} else {")
        self.lines.append(f"scf.yield {', '.join(v.name for v in old)} : {kinds}")
        self.lines.append("}")
        return [Value(self, f"{results}#{i}", v.element) for i, v in enumerate(old)]

    def _each_lane(
        self,
        scalar: Body,
        condition: Value,
        old: Sequence[Value],
        x: Value,
        compute: Callable[[Body, Value], Sequence[Value]],
        kinds: str,
    ) -> None:
        low, high, step, lane, loop = (self.name() for _ in range(5))
        for name, number in ((low, 0), (high, self.lanes), (step, 1)):
            self.lines.append(f"{name} = arith.constant {number} : index")
        carried = [self.name() for _ in old]
        pairs = ", ".join(f"{a} = {v.name}" for a, v in zip(carried, old, strict=True))
        self.lines.append(
            f"{loop}:{len(old)} = scf.for {lane} = {low} to {high} step {step} iter_args({pairs}) -> ({kinds}) {{"
        )

        def extract(name: str, element: str) -> Value:
            return scalar.raw(f"vector.extract {name}[{lane}] : {element} from {self.kind(element)}", element)

        here = extract(condition.name, "i1")
        inner = compute(scalar, extract(x.name, x.element))
        next_names = []
        for name, value in zip(carried, inner, strict=True):
            kept = here.select(value, extract(name, value.element))
            kind = f"{value.element} into {self.kind(value.element)}"
            next_names.append(
                scalar.raw(f"vector.insert {kept.name}, {name} [{lane}] : {kind}", value.element).name
            )
        self.lines.append(f"scf.yield {', '.join(next_names)} : {kinds}")
        self.lines.append("}")
        self.lines.append(f"scf.yield {', '.join(f'{loop}#{i}' for i in range(len(old)))} : {kinds}")

    @contextmanager
    def _scalars(self) -> Iterator[Body]:
        """A body of scalars that writes into this one."""
        scalar = Body(0, self.fuses, self.rounds) if self.lanes else self
        scalar.lines, scalar._heads, scalar._numbers = self.lines, self._heads, self._numbers
        yield scalar
