"""Writes a kernel's loops as MLIR text: folded index arithmetic, loops with carried values, vector memory.

Text, because parsing it is several times faster than building ops through the bindings, and because what
is emitted can be read. A value is its SSA name; an index is an int, a name, or a name plus a constant
(`Offset`), so that constant parts stay apart and end up in the addressing mode.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import NamedTuple, TypeAlias

_MASKED_OFF = "masked-off lanes need a value"


class Offset(NamedTuple):
    """`base + const`."""

    base: str
    const: int


Index: TypeAlias = int | str | Offset


def element_bits(element: str) -> int:
    """Width of a type in memory: 16 for bf16, 64 for index, 8 for i1 (a bool tensor is i8)."""
    known = {"index": 64, "i1": 8, "bf16": 16}
    return known[element] if element in known else int(element[1:])


def vector(element: str, lanes: int) -> str:
    """`vector<lanes x element>`; one lane is a scalar."""
    return element if lanes == 1 else f"vector<{lanes}x{element}>"


@dataclass
class Loop:
    """A loop being emitted: `index`, the carried `args` inside, `results` after; assign `next` inside."""

    index: Index
    args: list[str]
    next: list[str] = field(default_factory=list)
    results: list[str] = field(default_factory=list)


class Emitter:
    """Lines of one function body. Constants go to `head`, before everything else."""

    def __init__(self) -> None:
        self.head: list[str] = []
        self.lines: list[str] = []
        # Whether the target multiplies and adds in one instruction; without, a fused one is a call to libm.
        self.fused = True
        self._count = 0
        self._constants: dict[tuple[str, str], str] = {}
        # Index arithmetic already done, for each scope that is open; the first is that of `head`.
        self._known: list[dict[str, str]] = [{}, {}]

    # Values ----------------------------------------------------------------------------------------

    def name(self) -> str:
        """A fresh SSA name."""
        self._count += 1
        return f"%v{self._count}"

    def op(self, text: str) -> str:
        """Emits an op with one result."""
        result = self.name()
        self.lines.append(f"{result} = {text}")
        return result

    def do(self, text: str) -> None:
        """Emits an op without results."""
        self.lines.append(text)

    def constant(self, value: str, kind: str) -> str:
        """`value : kind`, e.g. ("0.0", "f32"), ("dense<0.0>", "vector<8xf32>"); emitted once."""
        key = (value, kind)
        if key not in self._constants:
            self._constants[key] = self.name()
            typed = value if value in ("true", "false") else f"{value} : {kind}"
            self.head.append(f"{self._constants[key]} = arith.constant {typed}")
        return self._constants[key]

    def splat(self, value: str, element: str, lanes: int) -> str:
        """The constant `value` in every lane."""
        return self.constant(value if lanes == 1 else f"dense<{value}>", vector(element, lanes))

    # Index arithmetic ------------------------------------------------------------------------------

    def pure(self, text: str) -> str:
        """Emits an op without effects, unless a value that is visible here is the same."""
        for scope in self._known:
            if text in scope:
                return scope[text]
        self._known[-1][text] = result = self.op(text)
        return result

    @contextmanager
    def scope(self) -> Iterator[None]:
        """Values emitted inside are not visible after."""
        self._known.append({})
        yield
        self._known.pop()

    @contextmanager
    def at_start(self) -> Iterator[None]:
        """What is emitted inside goes before everything else."""
        lines, known = self.lines, self._known
        self.lines, self._known = [], known[:1]
        yield
        self.head += self.lines
        self.lines, self._known = lines, known

    def index(self, value: Index) -> str:
        """The SSA name of an index."""
        if isinstance(value, int):
            return self.constant(str(value), "index")
        if isinstance(value, str):
            return value
        return self.pure(f"arith.addi {value.base}, {self.index(value.const)} overflow<nsw> : index")

    def add(self, *values: Index) -> Index:
        """Their sum."""
        base: str | None = None
        const = 0
        for value in values:
            if isinstance(value, int):
                const += value
                continue
            part, extra = (value, 0) if isinstance(value, str) else value
            const += extra
            base = part if base is None else self.pure(f"arith.addi {base}, {part} overflow<nsw> : index")
        if base is None:
            return const
        return Offset(base, const) if const else base

    def mul(self, left: Index, right: Index) -> Index:
        """Their product."""
        if isinstance(left, int):
            left, right = right, left
        if isinstance(left, int) and isinstance(right, int):
            return left * right
        if right == 0:
            return 0
        if right == 1:
            return left
        if isinstance(left, Offset) and isinstance(right, int):
            product = self.mul(left.base, right)
            return self.add(product, left.const * right)
        return self.pure(f"arith.muli {self.index(left)}, {self.index(right)} overflow<nsw> : index")

    def sub(self, left: Index, right: Index) -> Index:
        """Their difference."""
        if isinstance(right, int):
            return self.add(left, -right)
        if left == right:
            return 0
        return self.pure(f"arith.subi {self.index(left)}, {self.index(right)} : index")

    def div(self, left: Index, right: Index) -> Index:
        """The quotient of two numbers that are not negative, rounded down."""
        if isinstance(left, int) and isinstance(right, int):
            return left // right
        if right == 1:
            return left
        return self.pure(f"arith.divui {self.index(left)}, {self.index(right)} : index")

    def rem(self, left: Index, right: Index) -> Index:
        """The remainder of two numbers that are not negative."""
        if isinstance(left, int) and isinstance(right, int):
            return left % right
        if right == 1:
            return 0
        return self.pure(f"arith.remui {self.index(left)}, {self.index(right)} : index")

    def ceil_div(self, left: Index, right: Index) -> Index:
        """The quotient of two numbers that are not negative, rounded up."""
        return self.div(self.add(left, self.sub(right, 1)), right)

    def min(self, left: Index, right: Index) -> Index:
        """The smaller one."""
        if isinstance(left, int) and isinstance(right, int):
            return min(left, right)
        return self.pure(f"arith.minsi {self.index(left)}, {self.index(right)} : index")

    def max(self, left: Index, right: Index) -> Index:
        """The larger one."""
        if isinstance(left, int) and isinstance(right, int):
            return max(left, right)
        return self.pure(f"arith.maxsi {self.index(left)}, {self.index(right)} : index")

    def compare(self, predicate: str, left: Index, right: Index) -> str:
        """An `i1`; predicates as of `arith.cmpi`: eq, slt, sge …"""
        return self.pure(f"arith.cmpi {predicate}, {self.index(left)}, {self.index(right)} : index")

    # Control flow ----------------------------------------------------------------------------------

    @contextmanager
    def loop(
        self, low: Index, high: Index, step: Index = 1, carried: Sequence[str] = (), kinds: Sequence[str] = ()
    ) -> Iterator[Loop]:
        """`scf.for`; a loop known to run once is only its body."""
        once = isinstance(low, int) and isinstance(high, int) and isinstance(step, int)
        if once and low < high <= low + step:  # type: ignore[operator]
            loop = Loop(low, list(carried))
            yield loop
            loop.results = list(loop.next)
            return
        loop = Loop(self.name(), [self.name() for _ in carried])
        bounds = f"{self.index(low)} to {self.index(high)} step {self.index(step)}"
        if not carried:
            self.do(f"scf.for {loop.index} = {bounds} {{")
            with self.scope():
                yield loop
            self.do("}")
            return
        results, types = self.name(), ", ".join(kinds)
        pairs = ", ".join(f"{arg} = {value}" for arg, value in zip(loop.args, carried, strict=True))
        self.do(
            f"{results}:{len(carried)} = scf.for {loop.index} = {bounds} iter_args({pairs}) -> ({types}) {{"
        )
        with self.scope():
            yield loop
        self.do(f"scf.yield {', '.join(loop.next)} : {types}")
        self.do("}")
        loop.results = [f"{results}#{i}" for i in range(len(carried))]

    @contextmanager
    def when(self, condition: str) -> Iterator[None]:
        """`scf.if` without results."""
        self.do(f"scf.if {condition} {{")
        with self.scope():
            yield
        self.do("}")

    def otherwise(self) -> None:
        """Inside `when`: what follows is the else branch."""
        self._known[-1].clear()
        self.do("} else {")

    @contextmanager
    def attempt(self) -> Iterator[None]:
        """Takes back what was emitted inside when an exception leaves it."""
        length, depth = len(self.lines), len(self._known)
        known = dict(self._known[-1])
        try:
            yield
        except BaseException:
            del self.lines[length:], self._known[depth:]
            self._known[-1].clear()
            self._known[-1].update(known)
            raise

    # Memory: `base` is the name of a flat memref<?xelement> -----------------------------------------

    def load(
        self,
        base: str,
        at: Index,
        element: str,
        lanes: int = 1,
        mask: str | None = None,
        rest: str | None = None,
    ) -> str:
        """`lanes` elements from `at` on; lanes off in `mask` are not read and get `rest` (default zero)."""
        place = f"{base}[{self.index(at)}]"
        if lanes == 1:
            assert mask is None, _MASKED_OFF
            return self.op(f"memref.load {place} : memref<?x{element}>")
        kind = vector(element, lanes)
        if mask is None:
            return self.op(f"vector.load {place} : memref<?x{element}>, {kind}")
        if rest is None:
            zero = "0.0" if element[0] in "fb" else "0"
            rest = self.splat(zero, element, lanes)
        return self.op(
            f"vector.maskedload {place}, {mask}, {rest} : "
            f"memref<?x{element}>, vector<{lanes}xi1>, {kind} into {kind}"
        )

    def store(
        self, value: str, base: str, at: Index, element: str, lanes: int = 1, mask: str | None = None
    ) -> None:
        """Writes the lanes that are on in `mask`."""
        place = f"{base}[{self.index(at)}]"
        if lanes == 1:
            assert mask is None, _MASKED_OFF
            self.do(f"memref.store {value}, {place} : memref<?x{element}>")
        elif mask is None:
            self.do(f"vector.store {value}, {place} : memref<?x{element}>, {vector(element, lanes)}")
        else:
            self.do(
                f"vector.maskedstore {place}, {mask}, {value} : "
                f"memref<?x{element}>, vector<{lanes}xi1>, {vector(element, lanes)}"
            )

    def prefetch(self, base: str, at: Index, element: str, locality: int = 3) -> None:
        """Reads a line ahead of its use; `locality` 3: into L1, 2: into L2."""
        self.do(
            f"memref.prefetch {base}[{self.index(at)}], read, locality<{locality}>, data : memref<?x{element}>"
        )

    # Vectors ---------------------------------------------------------------------------------------

    def broadcast(self, value: str, element: str, lanes: int) -> str:
        """A scalar in every lane."""
        if lanes == 1:
            return value
        return self.op(f"vector.broadcast {value} : {element} to {vector(element, lanes)}")

    def fma(self, left: str, right: str, addend: str, element: str, lanes: int) -> str:
        """left * right + addend; of floats rounded once where the target can."""
        kind = vector(element, lanes)
        if element.startswith("i") or not self.fused:
            letter = "i" if element.startswith("i") else "f"
            product = self.op(f"arith.mul{letter} {left}, {right} : {kind}")
            return self.op(f"arith.add{letter} {product}, {addend} : {kind}")
        if lanes == 1:
            return self.op(f"math.fma {left}, {right}, {addend} : {kind}")
        return self.op(f"vector.fma {left}, {right}, {addend} : {kind}")

    def mask(self, count: Index, lanes: int) -> str | None:
        """The first `count` lanes on; None when that is known to be all. `count` may exceed `lanes`."""
        if isinstance(count, int):
            if count >= lanes:
                return None
            bits = ", ".join("true" if lane < count else "false" for lane in range(lanes))
            return self.constant(f"dense<[{bits}]>", f"vector<{lanes}xi1>")
        return self.pure(f"vector.create_mask {self.index(count)} : vector<{lanes}xi1>")

    def from_elements(self, values: Sequence[str], element: str) -> str:
        """A vector of scalars."""
        if len(values) == 1:
            return values[0]
        return self.op(f"vector.from_elements {', '.join(values)} : {vector(element, len(values))}")
