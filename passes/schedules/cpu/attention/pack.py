"""Copies of attention's operands into the thread's scratch, widened to f32.

q: rows of a register tile        -> [row][d]
k: a block of keys, far apart     -> [panel of keys][d][key], turned in registers, in squares
v: a block of keys, far apart     -> [panel of columns][key][column], padded with zeros
"""

from __future__ import annotations

from collections.abc import Callable

from aicc.passes.schedules.cpu.access import Access
from aicc.passes.schedules.cpu.attention.plan import UNROLLED, Plan
from aicc.passes.schedules.cpu.attention.roles import Attention
from aicc.passes.schedules.cpu.attention.rows import Position
from aicc.passes.schedules.cpu.emit import Index, vector
from aicc.passes.schedules.cpu.emit_kernel import KernelEmitter
from aicc.passes.schedules.cpu.transpose import transpose


class Packer:
    """Emits the copies; `q`, `k`, `v` are the names of their flat buffers."""

    def __init__(self, e: KernelEmitter, roles: Attention, plan: Plan) -> None:
        self._e = e
        self._roles = roles
        self._plan = plan
        self.q = e.base(e.reserve(plan.rows * plan.depth, "f32"))
        if not plan.direct:
            self.k = e.base(e.reserve(plan.keys * plan.depth, "f32"))
            self.v = e.base(e.reserve(plan.keys * plan.panels * plan.panel, "f32"))

    # Loads -----------------------------------------------------------------------------------------

    def load(self, access: Access, at: Index, lanes: int, mask: str | None = None) -> str:
        """Widened."""
        e, element = self._e, access.buffer.element
        value = e.load(e.base(access.buffer), at, element, lanes, mask)
        if element == "f32":
            return value
        return e.op(f"arith.extf {value} : {vector(element, lanes)} to {vector('f32', lanes)}")

    def start(self, access: Access, position: Position, free: tuple[int, ...]) -> Index:
        """The address with the dimensions `free` at 0."""
        return self._e.address(access, lambda d: 0 if d in free else position(d))

    # Copies ----------------------------------------------------------------------------------------

    def query(self, rows: int, position: Callable[[Index], Position]) -> None:
        """The rows of a register tile; `position(row)` says where row number `row` is."""
        e, q, depth = self._e, self._roles.q, self._plan.depth
        with e.loop(0, rows) as loop:
            start = self.start(q, position(loop.index), (self._roles.depth,))
            self._line(q, start, e.size(q.coefs[self._roles.depth]), depth, self.q, e.mul(loop.index, depth))

    def _line(self, access: Access, at: Index, step: Index, count: int, target: str, to: Index) -> None:
        """`count` numbers, `step` apart."""
        e, lanes = self._e, self._plan.lanes
        whole = count // lanes * lanes if step == 1 else 0
        if whole:
            with e.loop(0, whole, lanes) as loop:
                value = self.load(access, e.add(at, loop.index), lanes)
                e.store(value, target, e.add(to, loop.index), "f32", lanes)
        if whole < count:
            with e.loop(whole, count) as loop:
                value = self.load(access, e.add(at, e.mul(loop.index, step)), 1)
                e.store(value, target, e.add(to, loop.index), "f32")

    def keys(self, position: Position, first: Index, count: Index) -> None:
        """Panels of `count` keys from `first` on; the last panel is filled up with copies of the last key."""
        e, roles, plan = self._e, self._roles, self._plan
        start = self.start(roles.k, position, (roles.key, roles.depth))
        step, along = e.size(roles.k.coefs[roles.key]), e.size(roles.k.coefs[roles.depth])
        start = e.add(start, e.mul(first, step))
        # Of a known number, the last panel has only the vectors it needs.
        full = e.div(count, plan.panel) if isinstance(count, int) else e.ceil_div(count, plan.panel)

        def panel(number: Index, vectors: int, last: Index | None) -> None:
            to = e.mul(number, plan.panel * plan.depth)
            source = e.add(start, e.mul(number, e.mul(step, plan.panel)))
            if step == 1:
                self._key_lines(source, along, to, last, vectors)
            else:
                self._key_squares(source, step, along, to, last, vectors)

        if full != 0:
            with e.loop(0, full) as loop:
                rest = (
                    None if isinstance(count, int) else e.sub(count, e.add(e.mul(loop.index, plan.panel), 1))
                )
                panel(loop.index, plan.nv, rest)
        if isinstance(count, int) and count % plan.panel:
            left = count % plan.panel
            panel(full, -(-left // plan.lanes), left - 1)

    def _key_lines(self, source: Index, along: Index, to: Index, last: Index | None, vectors: int) -> None:
        """Keys are contiguous: lines of a panel are copied."""
        e, plan = self._e, self._plan
        with e.loop(0, plan.depth) as loop:
            for v in range(vectors):
                left = None if last is None else e.add(last, 1 - v * plan.lanes)
                mask = None if left is None else e.mask(left, plan.lanes)
                at = e.add(source, e.mul(loop.index, along), v * plan.lanes)
                value = self.load(self._roles.k, at, plan.lanes, mask)
                place = e.add(to, e.mul(loop.index, plan.panel), v * plan.lanes)
                e.store(value, self.k, place, "f32", plan.lanes)

    def _key_squares(
        self, source: Index, step: Index, along: Index, to: Index, last: Index | None, vectors: int
    ) -> None:
        """Keys are apart."""
        e, plan, lanes = self._e, self._plan, self._plan.lanes
        whole = plan.depth // lanes * lanes if along == 1 and lanes > 1 else 0

        def column(number: int) -> Index:
            place: Index = number if last is None else e.min(number, last)
            return e.add(source, e.mul(place, step))

        if whole:
            columns = [column(n) for n in range(vectors * lanes)]
            with e.loop(0, whole, lanes) as loop:
                for v in range(vectors):
                    rows = [
                        self.load(self._roles.k, e.add(at, loop.index), lanes)
                        for at in columns[v * lanes : (v + 1) * lanes]
                    ]
                    for number, line in enumerate(transpose(e, rows, "f32")):
                        place = e.add(to, e.mul(loop.index, plan.panel), number * plan.panel + v * lanes)
                        e.store(line, self.k, place, "f32", lanes)
        if whole < plan.depth:
            with e.loop(whole, plan.depth) as loop, e.loop(0, vectors * lanes) as key:
                place = key.index if last is None else e.min(key.index, last)
                at = e.add(source, e.mul(place, step), e.mul(loop.index, along))
                value = self.load(self._roles.k, at, 1)
                e.store(value, self.k, e.add(to, e.mul(loop.index, plan.panel), key.index), "f32")

    def values(self, position: Position, first: Index, count: Index) -> None:
        """Panels of columns of `count` keys from `first` on, and lines of zeros up to a multiple of four."""
        e, roles, plan = self._e, self._roles, self._plan
        start = self.start(roles.v, position, (roles.key, roles.column))
        step = e.size(roles.v.coefs[roles.key])
        start = e.add(start, e.mul(first, step))
        vectors = plan.width // plan.lanes

        def place(key: Index, number: int) -> Index:
            panel, inside = divmod(number, plan.nv)
            return e.add(e.mul(key, plan.panel), panel * plan.keys * plan.panel + inside * plan.lanes)

        with e.loop(0, count) as loop:
            at = e.add(start, e.mul(loop.index, step))
            for number in range(vectors):
                mask = e.mask(plan.columns - number * plan.lanes, plan.lanes) if plan.lanes > 1 else None
                value = self.load(roles.v, e.add(at, number * plan.lanes), plan.lanes, mask)
                e.store(value, self.v, place(loop.index, number), "f32", plan.lanes)
        end = e.mul(e.ceil_div(count, UNROLLED), UNROLLED)
        if end == count:
            return
        zero = e.splat("0.0", "f32", plan.lanes)
        with e.loop(count, end) as loop:
            for number in range(vectors):
                e.store(zero, self.v, place(loop.index, number), "f32", plan.lanes)
