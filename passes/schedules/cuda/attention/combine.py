"""Parts of the keys, computed by different blocks: what each leaves in memory, and how they are joined.

Of a row, part p: m_p = max of its scores, s_p = sum of exp(score - m_p), o_p = sum of exp(score - m_p) * value
joined: m = max m_p;  out = (sum of exp(m_p - m) o_p) / (sum of exp(m_p - m) s_p)
"""

from __future__ import annotations

from dataclasses import dataclass

from aicc.passes.schedules.cpu.access import Access
from aicc.passes.schedules.cpu.attention.roles import Attention
from aicc.passes.schedules.cpu.attention.rows import Rows
from aicc.passes.schedules.cpu.emit import Index
from aicc.passes.schedules.cuda.attention.softmax import LOWEST, exponential, finite, inverse, larger
from aicc.passes.schedules.cuda.emitter import GpuEmitter, decompose

THREADS = 128
"""Of a block that joins."""
_TOGETHER = 8
"""Parts that a thread asks for at once: it waits for memory, not for arithmetic."""


@dataclass(frozen=True, eq=False)
class Partial:
    """Temporaries in f32, rows of all heads in each part: `sums` (columns of a row are neighbours), `tops` and
    `totals`."""

    sums: str
    tops: str
    totals: str
    parts: Index
    rows: Index
    columns: int

    @staticmethod
    def allocate(e: GpuEmitter, roles: Attention, parts: Index) -> Partial:
        """On the host, before the launches."""
        rows: Index = 1
        for d in (*roles.outer, *roles.rows):
            rows = e.mul(rows, e.size(roles.extents[d]))
        columns = roles.static(roles.column)
        lines = e.mul(parts, rows)
        sizes = [e.index(e.mul(lines, columns)), e.index(lines), e.index(lines)]
        sums, tops, totals = (e.op(f"memref.alloc({size}) : memref<?xf32>") for size in sizes)
        return Partial(sums, tops, totals, parts, rows, columns)

    def line(self, e: GpuEmitter, part: Index, row: Index) -> Index:
        """Of a row in a part."""
        return e.add(e.mul(part, self.rows), row)

    def store_state(self, e: GpuEmitter, part: Index, row: Index, top: str, total: str) -> None:
        """By one thread of a row."""
        e.store(top, self.tops, self.line(e, part, row), "f32")
        e.store(total, self.totals, self.line(e, part, row), "f32")

    def store_pair(self, e: GpuEmitter, part: Index, row: Index, column: Index, pair: str) -> None:
        """Two neighbouring sums, the first at an even column."""
        at = e.add(e.mul(self.line(e, part, row), self.columns), column)
        e.store(pair, self.sums, at, "f32", 2)


def combine(e: GpuEmitter, roles: Attention, partial: Partial) -> None:
    """
    gpu.launch blocks(rows * columns / 128) threads(128) {
      for parts, some at a time { read m_p, s_p, o_p; top, total, sum = joined with those so far }
      out = sum / total
    }
    """
    extents = [e.size(extent) for extent in roles.extents]
    order = Rows(e, roles).order
    count = e.mul(partial.rows, partial.columns)
    with e.launch([e.ceil_div(count, THREADS)], [THREADS]) as where:
        number = e.add(e.mul(where.block[0], THREADS), where.thread[0])
        with e.when(e.compare("slt", number, count)):
            row, column = e.div(number, partial.columns), e.rem(number, partial.columns)
            total, value = _joined(e, partial, row, column)
            place: list[Index] = [0] * len(extents)
            head: Index = row
            for d in reversed(order):
                place[d], head = e.rem(head, extents[d]), e.div(head, extents[d])
            decompose(e, head, roles.outer, extents, place)
            place[roles.column] = column
            value = e.op(f"arith.mulf {value}, {inverse(e, roles, total)} : f32")
            store_result(e, roles.out, value, place)


def _joined(e: GpuEmitter, partial: Partial, row: Index, column: Index) -> tuple[str, str]:
    """The sum of exponentials and the sum of values of all parts."""
    parts = partial.parts
    together = min(parts, _TOGETHER) if isinstance(parts, int) else _TOGETHER
    lowest, zero = e.constant(LOWEST, "f32"), e.constant("0.0", "f32")
    with e.loop(0, parts, together, [lowest, zero, zero], ["f32"] * 3) as loop:
        whole = isinstance(parts, int) and parts % together == 0
        found = []
        for i in range(together):
            number = e.add(loop.index, i)
            # Past the last part it is that one again, as if no key of it had been allowed.
            part = number if whole else e.min(number, e.sub(parts, 1))
            line = partial.line(e, part, row)
            top = e.load(partial.tops, line, "f32")
            if not whole:
                top = e.op(f"arith.select {e.compare('slt', number, parts)}, {top}, {lowest} : f32")
            at = e.add(e.mul(line, partial.columns), column)
            found.append((top, e.load(partial.totals, line, "f32"), e.load(partial.sums, at, "f32")))
        highest, total, value = loop.args
        for top, _, _ in found:
            highest = larger(e, top, highest)
        base = finite(e, highest)
        change = exponential(e, e.op(f"arith.subf {loop.args[0]}, {base} : f32"))
        total, value = (e.op(f"arith.mulf {v}, {change} : f32") for v in (total, value))
        for top, part_total, part_value in found:
            weight = exponential(e, e.op(f"arith.subf {top}, {base} : f32"))
            total = e.fma(weight, part_total, total, "f32", 1)
            value = e.fma(weight, part_value, value, "f32", 1)
        loop.next = [highest, total, value]
    return loop.results[1], loop.results[2]


def store_result(e: GpuEmitter, out: Access, value: str, place: list[Index]) -> None:
    """An f32 as an element of the output."""
    element = out.buffer.element
    if element != "f32":
        value = e.op(f"arith.truncf {value} : f32 to {element}")
    e.store(value, e.base(out.buffer), e.address(out, place.__getitem__), element)
