"""Register tiles of products with packed weights: numbers become f32 in registers, block by block.

A tile keeps the sums of a block apart, and multiplies them by the scale when the block is done:
`acc += scale · (Σ x q - zero · Σ x)`, where `acc` waits in registers if there are enough, in the scratch if not.
Where there are zero points and more rows than registers, it multiplies each vector of weights:
`w = (q - zero) · scale`, once for all rows.
"""

from __future__ import annotations

from aicc.dialects.packed_weights import NIBBLE_SHIFTS
from aicc.passes.schedules.cpu.access import Access
from aicc.passes.schedules.cpu.contraction.tile import TileEmitter
from aicc.passes.schedules.cpu.emit import Index, element_bits, vector
from aicc.passes.schedules.cpu.emit_kernel import KernelEmitter
from aicc.passes.schedules.cpu.nest import Buffer
from aicc.passes.schedules.cpu.packed.roles import PackedRoles
from aicc.target import Target

# Accumulators that hide the latency of a multiply-add on two ports.
_ENOUGH = 8
# No register tile has more.
_MOST_SUMS = 64
# Bytes of a cache line, and how far ahead of its use a panel is prefetched: Zen 5 decodes GPT-2 in 3.9 ms with 2 KiB,
# 3.4 with 4, 2.9 with 8 and with 16.
_LINE = 64
_AHEAD = 8192
_TABLE = "llvm.x86.avx512.permvar.sf.512"


def sums_apart(accumulators: int, registers: int) -> bool:
    """Whether so many sums of a block have registers of their own, beside those of all blocks."""
    return 2 * accumulators + 6 <= registers


class PackedTile(TileEmitter):
    """Emits register tiles of one product with packed weights."""

    def __init__(
        self, e: KernelEmitter, roles: PackedRoles, lanes: int, ku: int, vectors: int, target: Target
    ) -> None:
        super().__init__(e, roles, lanes, ku, vectors)
        self._packed = roles
        self._registers = target.registers
        self._table = "avx512f" in target.features and target.vector_bits == 512 and lanes == 16
        self._scaled: list[tuple[str | None, str | None]] = []
        self._sums_so_far: Buffer | None = None

    def _sum(self, level: int, acc: list[str], a_at: Index, b_at: Index, done: Index) -> list[str]:
        """The whole sum: the loop over blocks around that over a block's elements."""
        e, roles, axes = self._e, self._packed, self._roles.axes
        count = len(self._rows) * self._place.vectors
        zero = e.splat("0.0", "f32", self._lanes)
        sums = acc[:count]
        # a column is summed alike in every tile: what a whole tile does decides
        whole = len(self._rows) * self._vectors
        room = sums_apart(whole, self._registers)
        apart = room or (roles.scale is not None and roles.zero is None and roles.blocks is not None)
        if apart and not room:
            return [*self._with_totals(sums, a_at, b_at), *acc[count:]]
        self._copies = max(1, min(_ENOUGH // whole, max(roles.numbers, 4))) if apart else 1
        steps = e.size(axes.extents[axes.sums[-1]])

        def block(number: Index, values: list[str]) -> list[str]:
            a_in, b_in, before = a_at, b_at, done
            if roles.blocks is not None:
                a_in = e.add(a_at, e.mul(number, e.size(roles.a.coefs[roles.blocks])))
                b_in = e.add(b_at, e.mul(number, e.size(roles.b.coefs[roles.blocks])))
                before = e.add(done, e.mul(number, steps))
            parameters = self._parameters(number)
            self._scaled = [] if apart else parameters
            if not apart:
                return self._steps(values, a_in, b_in, before)
            found = self._steps([zero] * (count * self._copies), a_in, b_in, before)
            while len(found) > count:
                half = len(found) // 2
                pairs = zip(found[:half], found[half:], strict=True)
                found = [e.op(f"arith.addf {x}, {y} : {self._kind}") for x, y in pairs]
            return self._with_scales(values, found, parameters, a_in)

        if roles.blocks is None:
            sums = block(0, sums)
        else:
            with e.loop(0, e.size(axes.extents[roles.blocks]), 1, sums, [self._kind] * count) as loop:
                loop.next = block(loop.index, loop.args)
            sums = loop.results
        return [*sums, *acc[count:]]

    def _with_totals(self, start: list[str], a_at: Index, b_at: Index) -> list[str]:
        """The whole sum, whose part over all blocks so far waits in the scratch."""
        e, roles, lanes = self._e, self._packed, self._lanes
        assert roles.blocks is not None
        if self._sums_so_far is None:
            self._sums_so_far = e.reserve(_MOST_SUMS * lanes, self._acc)
        base = e.base(self._sums_so_far)
        self._copies, self._scaled = 1, []
        for i, value in enumerate(start):
            e.store(value, base, i * lanes, self._acc, lanes)
        zeros = [e.splat("0.0", "f32", lanes)] * len(start)
        with e.loop(0, e.size(roles.axes.extents[roles.blocks])) as loop:
            a_in = e.add(a_at, e.mul(loop.index, e.size(roles.a.coefs[roles.blocks])))
            b_in = e.add(b_at, e.mul(loop.index, e.size(roles.b.coefs[roles.blocks])))
            parameters = self._parameters(loop.index)
            found = self._steps(zeros, a_in, b_in, 0)
            before = [e.load(base, i * lanes, self._acc, lanes) for i in range(len(start))]
            for i, value in enumerate(self._with_scales(before, found, parameters, a_in)):
                e.store(value, base, i * lanes, self._acc, lanes)
        return [e.load(base, i * lanes, self._acc, lanes) for i in range(len(start))]

    def _parameters(self, block: Index) -> list[tuple[str | None, str | None]]:
        """Scale and zero point of a block for each vector of columns."""
        return [
            (self._parameter(self._packed.scale, block, v), self._parameter(self._packed.zero, block, v))
            for v in range(self._place.vectors)
        ]

    def _parameter(self, access: Access | None, block: Index, v: int) -> str | None:
        if access is None:
            return None
        e, lanes, element = self._e, self._lanes, access.buffer.element
        per_panel = self._roles.panel // lanes
        at = e.add(e.size(access.offset), e.mul(self._place.panel, e.size(access.coefs[-2])))
        at = e.add(at, e.mul(v // per_panel, e.size(access.coefs[-2])), v % per_panel * lanes)
        if self._packed.blocks is not None:
            at = e.add(at, e.mul(block, e.size(access.coefs[self._packed.blocks])))
        size = element_bits(element) // 8
        if v * lanes * size % _LINE == 0:
            e.prefetch(e.base(access.buffer), e.add(at, _AHEAD // size), element)
        loaded = e.load(e.base(access.buffer), at, element, lanes)
        return loaded if element == "f32" else self._to_f32(loaded, element)

    def _to_f32(self, value: str, element: str) -> str:
        e, lanes = self._e, self._lanes
        if element in ("f16", "bf16"):
            return self._widen(value, element, lanes)
        if element == "i8":
            value = e.op(f"arith.extsi {value} : {vector('i8', lanes)} to {vector('i32', lanes)}")
        return e.op(f"arith.sitofp {value} : {vector('i32', lanes)} to {self._kind}")

    def _with_scales(
        self, acc: list[str], found: list[str], parameters: list[tuple[str | None, str | None]], a_at: Index
    ) -> list[str]:
        """The sums of all blocks so far."""
        e, vectors, lanes = self._e, self._place.vectors, self._lanes
        result = list(acc)
        for number, row in enumerate(self._rows):
            total = None
            if self._packed.zero is not None:
                total = e.broadcast(self._row_sum(e.add(a_at, row)), "f32", lanes)
            for v in range(vectors):
                i = number * vectors + v
                scale, zero = parameters[v]
                value = found[i]
                if total is not None and zero is not None:
                    negative = e.op(f"arith.negf {zero} : {self._kind}")
                    value = e.fma(negative, total, value, "f32", lanes)
                if scale is None:
                    result[i] = e.op(f"arith.addf {acc[i]}, {value} : {self._kind}")
                else:
                    result[i] = e.fma(value, scale, acc[i], "f32", lanes)
        return result

    def _row_sum(self, at: Index) -> str:
        """The sum of a block of a row of A."""
        e, lanes = self._e, self._lanes
        base, element = self._a
        steps = self._roles.axes.extents[self._roles.axes.sums[-1]].static or 0
        depth = steps * self._packed.numbers
        start = self._e.constant("0.0", "f32")
        if depth % lanes:
            with e.loop(0, depth, 1, [start], ["f32"]) as loop:
                x = e.load(base, e.add(at, loop.index), element)
                loop.next = [e.op(f"arith.addf {loop.args[0]}, {x} : f32")]
            return loop.results[0]
        with e.loop(0, depth, lanes, [e.splat("0.0", "f32", lanes)], [self._kind]) as loop:
            x = e.load(base, e.add(at, loop.index), element, lanes)
            loop.next = [e.op(f"arith.addf {loop.args[0]}, {x} : {self._kind}")]
        return e.op(f"vector.reduction <add>, {loop.results[0]} fastmath<reassoc> : {self._kind} into f32")

    def _step(self, acc: list[str], a_at: Index, b_at: Index, step: int) -> list[str]:
        """One stored element of each column: a number of A, or eight."""
        e, vectors, lanes = self._e, self._place.vectors, self._lanes
        base, element = self._b
        stored = [e.load(base, e.add(b_at, self._in_panels(v)), element, lanes) for v in range(vectors)]
        self._prefetch_panels(self._roles.b, b_at, step)
        a_base, a_element = self._a
        count = len(self._rows) * vectors
        result = list(acc)
        for n in range(self._packed.numbers):
            weights = [self._weight(stored[v], element, n, v) for v in range(vectors)]
            first = ((step * self._packed.numbers + n) % self._copies) * count
            for number, row in enumerate(self._rows):
                left = e.broadcast(e.load(a_base, e.add(a_at, row, n), a_element), "f32", lanes)
                for v in range(vectors):
                    at = first + number * vectors + v
                    result[at] = e.fma(left, weights[v], result[at], "f32", lanes)
        return result

    def _prefetch_panels(self, access: Access, at: Index, step: int) -> None:
        """The lines of each panel that are wanted after `_AHEAD` bytes more of it, in steps that start a line.
        Unpacking keeps so many operations in flight that loads of the next lines do not enter the machine soon enough
        on their own."""
        e, element = self._e, access.buffer.element
        size = element_bits(element) // 8
        stride, per_panel = e.size(access.coefs[-2]), self._roles.panel // self._lanes
        if step * self._roles.panel * size % _LINE:
            return
        for panel in range(self._place.vectors // per_panel):
            for line in range(0, self._roles.panel * size, _LINE):
                place = e.add(at, e.mul(panel, stride), (line + _AHEAD) // size)
                e.prefetch(e.base(access.buffer), place, element)

    def _weight(self, stored: str, element: str, n: int, v: int) -> str:
        """Number `n` of each stored element, as f32; with its scale where that is not for later."""
        value = self._nibble(stored, n) if element == "i32" else self._to_f32(stored, element)
        if self._scaled:
            scale, zero = self._scaled[v]
            if zero is not None:
                value = self._e.op(f"arith.subf {value}, {zero} : {self._kind}")
            if scale is not None:
                value = self._e.op(f"arith.mulf {value}, {scale} : {self._kind}")
        return value

    def _nibble(self, words: str, n: int) -> str:
        """Four bits less 8: looked up in a table of 16 where the CPU has permutes of that many f32, which look at no
        more than these bits of an index."""
        e, lanes = self._e, self._lanes
        words_kind = vector("i32", lanes)
        if shift := NIBBLE_SHIFTS[n]:
            words = e.op(f"arith.shrui {words}, {e.splat(str(shift), 'i32', lanes)} : {words_kind}")
        if self._table:
            values = ", ".join(f"{i - 8}.0" for i in range(16))
            table = e.constant(f"dense<[{values}]>", self._kind)
            return e.op(
                f'llvm.call_intrinsic "{_TABLE}"({table}, {words}) : ({self._kind}, {words_kind}) -> {self._kind}'
            )
        bits = e.op(f"arith.andi {words}, {e.splat('15', 'i32', lanes)} : {words_kind}")
        signed = e.op(f"arith.subi {bits}, {e.splat('8', 'i32', lanes)} : {words_kind}")
        return e.op(f"arith.sitofp {signed} : {words_kind} to {self._kind}")
