"""Weights times values of a register tile, and the output.

before: p [row][key], v [panel of columns][key][column], in scratch
after:  rows of the output, or of the sums kept between blocks of keys
"""

from __future__ import annotations

from collections.abc import Callable

from aicc.passes.schedules.cpu.attention.pack import Packer
from aicc.passes.schedules.cpu.attention.plan import UNROLLED, Plan
from aicc.passes.schedules.cpu.attention.roles import Attention
from aicc.passes.schedules.cpu.attention.rows import Keys, Rows, RowTile
from aicc.passes.schedules.cpu.attention.scores import Scores
from aicc.passes.schedules.cpu.attention.softmax import Softmax
from aicc.passes.schedules.cpu.attention.sums import summed
from aicc.passes.schedules.cpu.emit import Index, vector
from aicc.passes.schedules.cpu.emit_kernel import KernelEmitter

# Sums in registers where values are not packed.
_SUMS = 16


class Values:
    """Emits the products and the output."""

    def __init__(
        self,
        e: KernelEmitter,
        roles: Attention,
        plan: Plan,
        rows: Rows,
        packer: Packer,
        scores: Scores,
        softmax: Softmax,
    ) -> None:
        self._e = e
        self._roles = roles
        self._plan = plan
        self._rows = rows
        self._packer = packer
        self._scores = scores
        self._softmax = softmax
        self._kind = vector("f32", plan.lanes)
        # Where values lie, wider register tiles read whole lines of them.
        self._nv = plan.nv if not plan.direct else min(plan.width // plan.lanes, max(1, _SUMS // plan.rows))
        if not plan.single:
            self._sums = e.base(e.reserve((plan.block + plan.rows) * plan.width, "f32"))

    def start(self, rows: Index) -> None:
        """Sums of 0."""
        e, plan = self._e, self._plan
        zero = e.splat("0.0", "f32", plan.lanes)
        with e.loop(0, e.mul(rows, plan.width), plan.lanes) as loop:
            e.store(zero, self._sums, loop.index, "f32", plan.lanes)

    def emit(self, tile: RowTile, keys: Keys) -> None:
        """With the weights of `keys`."""
        e, plan = self._e, self._plan
        if not plan.direct:
            keys = Keys(keys.first, keys.low, e.mul(e.ceil_div(keys.high, UNROLLED), UNROLLED))
        wide = self._nv * plan.lanes
        full = plan.columns // wide
        if full:
            with e.loop(0, full) as loop:
                self._panel(tile, loop.index, self._nv, keys)
        if full * wide < plan.columns:
            self._panel(tile, full, (plan.width - full * wide) // plan.lanes, keys)

    def _lines(self, tile: RowTile, panel: Index, vectors: int, keys: Keys) -> Callable[[Index], list[str]]:
        """A function that loads a key's columns."""
        e, roles, plan, lanes = self._e, self._roles, self._plan, self._plan.lanes
        if not plan.direct:
            base = e.mul(panel, plan.keys * plan.panel)

            def packed(key: Index) -> list[str]:
                line = e.add(base, e.mul(key, plan.panel))
                return [e.load(self._packer.v, e.add(line, v * lanes), "f32", lanes) for v in range(vectors)]

            return packed
        step = e.size(roles.v.coefs[roles.key])
        start = self._packer.start(roles.v, lambda d: tile.at.get(d, 0), (roles.key, roles.column))
        column = e.mul(panel, self._nv * lanes)
        start = e.add(start, e.mul(keys.first, step), column)
        masks = [
            e.mask(e.sub(plan.columns, e.add(column, v * lanes)), lanes) if plan.columns % lanes else None
            for v in range(vectors)
        ]

        def direct(key: Index) -> list[str]:
            line = e.add(start, e.mul(key, step))
            places = [e.add(line, v * lanes) for v in range(vectors)]
            pairs = zip(places, masks, strict=True)
            return [self._packer.load(roles.v, place, lanes, mask) for place, mask in pairs]

        return direct

    def _panel(self, tile: RowTile, panel: Index, vectors: int, keys: Keys) -> None:
        e, plan, lanes = self._e, self._plan, self._plan.lanes
        column = e.mul(panel, self._nv * lanes)
        lines = self._lines(tile, panel, vectors, keys)

        def step(sums: list[str], key: Index) -> list[str]:
            columns = lines(key)
            result = []
            for row in range(tile.rows):
                scalar = e.load(self._scores.p, e.add(row * plan.pitch, key), "f32")
                left = e.broadcast(scalar, "f32", lanes)
                for v in range(vectors):
                    result.append(e.fma(left, columns[v], sums[row * vectors + v], "f32", lanes))
            return result

        zero = e.splat("0.0", "f32", lanes)
        start = [zero] * (tile.rows * vectors)
        if not plan.single:
            start = [
                self._times(e.load(self._sums, self._kept(tile, row, column, v), "f32", lanes), row)
                for row in range(tile.rows)
                for v in range(vectors)
            ]
        low, high = keys.low, keys.high
        if not plan.direct or isinstance(high, int):
            sums = summed(e, lanes, start, low, high, UNROLLED, step)
        else:
            whole = e.add(low, e.mul(e.div(e.sub(high, low), UNROLLED), UNROLLED))
            sums = summed(e, lanes, start, low, whole, UNROLLED, step)
            sums = summed(e, lanes, sums, whole, high, 1, step)
        for row in range(tile.rows):
            if not plan.single:
                for v in range(vectors):
                    value = sums[row * vectors + v]
                    e.store(value, self._sums, self._kept(tile, row, column, v), "f32", lanes)
            elif tile.live is None:
                self._store(tile, row, column, sums[row * vectors : (row + 1) * vectors])
            else:
                with e.when(e.compare("slt", row, tile.live)):
                    self._store(tile, row, column, sums[row * vectors : (row + 1) * vectors])

    def _kept(self, tile: RowTile, row: int, column: Index, v: int) -> Index:
        e, plan = self._e, self._plan
        return e.add(e.mul(e.add(tile.local, row), plan.width), column, v * plan.lanes)

    def _times(self, value: str, row: Index) -> str:
        e, lanes = self._e, self._plan.lanes
        factor = e.broadcast(e.load(self._softmax.factors, row, "f32"), "f32", lanes)
        return e.op(f"arith.mulf {value}, {factor} : {self._kind}")

    def _store(self, tile: RowTile, row: int, column: Index, values: list[str]) -> None:
        e = self._e
        place = self._rows.at(tile.at, e.add(tile.first, row))
        for v, value in enumerate(values):
            self._output(place, e.add(column, v * self._plan.lanes), self._times(value, row))

    def _output(self, place: dict[int, Index], column: Index, value: str) -> None:
        """A vector of columns of a row."""
        e, roles, plan = self._e, self._roles, self._plan
        element = roles.out.buffer.element
        mask = None
        if plan.columns % plan.lanes:
            mask = e.mask(e.sub(plan.columns, column), plan.lanes)
        if element != "f32":
            value = e.op(f"arith.truncf {value} : {self._kind} to {vector(element, plan.lanes)}")
        here = {**place, roles.column: column}
        at = e.address(roles.out, lambda d: here[d])
        e.store(value, e.base(roles.out.buffer), at, element, plan.lanes, mask)

    def finish(self, at: dict[int, Index], first: Index, rows: Index) -> None:
        """The output of a tile of the kernel from the sums that were kept."""
        e, plan = self._e, self._plan
        with e.loop(0, rows) as loop:
            place = self._rows.at(at, e.add(first, loop.index))
            inverse = self._softmax.inverse(e.load(self._softmax.totals, loop.index, "f32"))
            factor = e.broadcast(inverse, "f32", plan.lanes)
            line = e.mul(loop.index, plan.width)
            for column in range(0, plan.width, plan.lanes):
                value = e.load(self._sums, e.add(line, column), "f32", plan.lanes)
                product = e.op(f"arith.mulf {value}, {factor} : {self._kind}")
                self._output(place, column, product)
