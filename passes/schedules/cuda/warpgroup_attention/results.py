"""A warpgroup's results to memory: by way of shared memory where threads can then write 16 bytes each."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from aicc.passes.schedules.cpu.attention.roles import Attention
from aicc.passes.schedules.cpu.emit import Index, element_bits
from aicc.passes.schedules.cuda.asynchronous import GROUP, meet
from aicc.passes.schedules.cuda.attention.combine import store_result
from aicc.passes.schedules.cuda.attention.matrices import vector_of
from aicc.passes.schedules.cuda.emitter import GpuEmitter, Shared
from aicc.passes.schedules.cuda.warpgroup_attention.plan import Plan
from aicc.passes.schedules.cuda.warpgroup_attention.products import ROWS
from aicc.passes.schedules.cuda.warpgroup_attention.tiles import CHUNK, Layout

# Row of the warpgroup -> its place, and whether there is such a row, an `i1`.
RowAt = Callable[[Index], tuple[list[Index], str]]

_LANES = 8
"""Elements of 16 bytes."""


class Results:
    """The rows of q in shared memory (`q`) make room for the warpgroup's results, which have the same layout: lines of
    64 columns whose chunks of 16 bytes are exchanged."""

    def __init__(self, e: GpuEmitter, roles: Attention, plan: Plan, q: Layout) -> None:
        self.e, self.roles, self.plan = e, roles, plan
        self.element = roles.out.buffer.element
        self.columns = roles.static(roles.column)
        own = Layout(plan.rows, self.columns)
        self.array = e.shared((own.boxes * plan.rows, CHUNK), self.element)
        fits = element_bits(self.element) == 16 and own.bytes <= q.bytes
        self.staged = fits and vector_of(roles.out, roles.column, self.columns) == _LANES

    @property
    def memory(self) -> list[tuple[Shared, int]]:
        """Arrays in shared memory, at their places."""
        return [(self.array, 0)] if self.staged else []

    def store(self, sums: Sequence[str], group: Index, warp: Index, lane: Index, row_at: RowAt) -> None:
        """`sums`: f32, of each 8 columns two neighbours of either row."""
        e = self.e
        first = e.add(e.mul(warp, 16), e.div(lane, 4))
        pair = e.mul(e.rem(lane, 4), 2)
        if not self.staged:
            for half in range(2):
                here, exists = row_at(e.add(first, half * 8))
                with e.when(exists):
                    for i, value in enumerate(sums):
                        if i % 4 // 2 == half:
                            here[self.roles.column] = e.add(pair, i // 4 * 8 + i % 2)
                            store_result(e, self.roles.out, value, list(here))
            return
        meet(e, e.add(group, 1), GROUP)  # q has been read
        for i in range(0, len(sums), 2):
            row, column = e.add(first, i % 4 // 2 * 8), e.add(pair, i // 4 * 8)
            wide = e.from_elements(list(sums[i : i + 2]), "f32")
            narrow = e.op(f"arith.truncf {wide} : vector<2xf32> to vector<2x{self.element}>")
            e.store_shared(narrow, self.array, self._place(group, row, i // 4, e.rem(column, 8)), 2)
        meet(e, e.add(group, 1), GROUP)
        each = self.columns // _LANES
        own = e.add(e.mul(warp, 32), lane)
        with e.loop(own, ROWS * each, GROUP) as loop:
            row, chunk = e.div(loop.index, each), e.rem(loop.index, each)
            value = e.load_shared(self.array, self._place(group, row, chunk, 0), _LANES)
            here, exists = row_at(row)
            here[self.roles.column] = e.mul(chunk, _LANES)
            with e.when(exists):
                address = e.address(self.roles.out, here.__getitem__)
                e.store(value, e.base(self.roles.out.buffer), address, self.element, _LANES)

    def _place(self, group: Index, row: Index, chunk: Index, rest: Index) -> list[Index]:
        """Of a chunk of 8 columns of the warpgroup's row."""
        e, each = self.e, CHUNK // _LANES
        line = e.add(e.mul(e.div(chunk, each), self.plan.rows), e.mul(group, ROWS), row)
        turned = e.pure(f"arith.xori {e.index(e.rem(chunk, each))}, {e.index(e.rem(row, 8))} : index")
        return [line, e.add(e.mul(turned, _LANES), rest)]
