"""Register tiles of dot products: as those of other contractions, but a step takes a few bytes of A at once."""

from __future__ import annotations

from aicc.passes.schedules.cpu.contraction.tile import TileEmitter
from aicc.passes.schedules.cpu.dot.instructions import Instruction
from aicc.passes.schedules.cpu.dot.roles import DotRoles
from aicc.passes.schedules.cpu.emit import Index
from aicc.passes.schedules.cpu.emit_kernel import KernelEmitter


class DotTile(TileEmitter):
    """Emits register tiles of one contraction of bytes."""

    def __init__(
        self, e: KernelEmitter, roles: DotRoles, ku: int, vectors: int, instruction: Instruction
    ) -> None:
        super().__init__(e, roles, instruction.lanes, ku, vectors)
        self._dot = instruction
        self._tail = roles.tail
        self._ones = False

    def _first(self, count: int) -> list[str]:
        """The start, and 128 times the sums of B's columns where 128 is missing in every element of A."""
        accumulators = super()._first(count)
        if not self._dot.signed:
            return accumulators
        e, vectors = self._e, self._place.vectors
        rows = self._rows
        # a register tile of one row, whose A is all ones
        first: list[Index] = [0]
        self._rows, self._ones = first, True
        zero = e.splat("0", "i32", self._lanes)
        sums = self._sum(0, [zero] * (vectors * self._copies), 0, self._b_at, 0)
        while len(sums) > vectors:
            half = len(sums) // 2
            pairs = zip(sums[:half], sums[half:], strict=True)
            sums = [e.op(f"arith.addi {x}, {y} : {self._kind}") for x, y in pairs]
        self._rows, self._ones = rows, False
        shift = e.splat("7", "i32", self._lanes)
        missing = [e.op(f"arith.shli {x}, {shift} : {self._kind}") for x in sums]
        return [
            e.op(f"arith.addi {value}, {missing[number % vectors]} : {self._kind}")
            for number, value in enumerate(accumulators)
        ]

    def _end(self, acc: list[str], a_at: Index, b_at: Index) -> list[str]:
        """The elements that fill no step; B is padded with zeros there, A ends."""
        return self._products(acc, a_at, b_at, 0, self._tail) if self._tail else acc

    def _step(self, acc: list[str], a_at: Index, b_at: Index, step: int) -> list[str]:
        return self._products(acc, a_at, b_at, step, self._dot.group)

    def _products(self, acc: list[str], a_at: Index, b_at: Index, step: int, count: int) -> list[str]:
        """One step of the sum, with `count` elements of A."""
        e, dot, vectors = self._e, self._dot, self._place.vectors
        base, element = self._b
        columns = [
            dot.right(e, e.load(base, e.add(b_at, self._in_panels(v)), element, dot.elements))
            for v in range(vectors)
        ]
        first = (step % self._copies) * len(self._rows) * vectors
        result = list(acc)
        for number, row in enumerate(self._rows):
            left = self._left(e.add(a_at, row), count)
            for v in range(vectors):
                at = first + number * vectors + v
                result[at] = dot.dot(e, acc[at], left, columns[v])
        return result

    def _left(self, at: Index, count: int) -> tuple[str, ...]:
        e, dot = self._e, self._dot
        if self._ones:
            return (e.splat("1", "i8", dot.elements),)
        base, element = self._a
        if count == dot.group:
            return dot.left(e, e.load(base, at, element, count))
        few = [e.load(base, e.add(at, i), element) for i in range(count)]
        # what meets B's zeros may be anything
        few += [e.constant("0.0" if element[0] in "bf" else "0", element)] * (dot.group - count)
        return dot.left(e, e.from_elements(few, element))

    def _in_panels(self, v: int) -> Index:
        per_panel = self._roles.panel // self._lanes
        stride = self._e.size(self._roles.b.coefs[-2])
        return self._e.add(self._e.mul(v // per_panel, stride), v % per_panel * self._dot.elements)
