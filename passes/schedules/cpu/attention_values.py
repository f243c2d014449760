"""Weights times values of a register tile, and the output.

before: p [row][key], v [panel of columns][key][column], in scratch
after:  rows of the output, or of the sums kept between blocks of keys
"""

from __future__ import annotations

from aicc.passes.schedules.cpu.attention_pack import Packer
from aicc.passes.schedules.cpu.attention_plan import UNROLLED, Plan
from aicc.passes.schedules.cpu.attention_roles import Attention
from aicc.passes.schedules.cpu.attention_rows import Rows, RowTile
from aicc.passes.schedules.cpu.attention_scores import Scores
from aicc.passes.schedules.cpu.attention_softmax import Softmax
from aicc.passes.schedules.cpu.attention_sums import summed
from aicc.passes.schedules.cpu.emit import Index, vector
from aicc.passes.schedules.cpu.emit_kernel import KernelEmitter


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
        if not plan.single:
            self._sums = e.base(e.reserve((plan.block + plan.rows) * plan.width, "f32"))

    def start(self, rows: Index) -> None:
        """Sums of 0."""
        e, plan = self._e, self._plan
        zero = e.splat("0.0", "f32", plan.lanes)
        with e.loop(0, e.mul(rows, plan.width), plan.lanes) as loop:
            e.store(zero, self._sums, loop.index, "f32", plan.lanes)

    def emit(self, tile: RowTile, low: Index, high: Index) -> None:
        """With the weights of the keys from `low` to `high`."""
        e, plan = self._e, self._plan
        high = e.mul(e.ceil_div(high, UNROLLED), UNROLLED)
        full = plan.columns // plan.panel
        if full:
            with e.loop(0, full) as loop:
                self._panel(tile, loop.index, plan.nv, low, high)
        if full < plan.panels:
            self._panel(tile, full, (plan.width - full * plan.panel) // plan.lanes, low, high)

    def _panel(self, tile: RowTile, panel: Index, vectors: int, low: Index, high: Index) -> None:
        e, plan, lanes = self._e, self._plan, self._plan.lanes
        base = e.mul(panel, plan.keys * plan.panel)
        column = e.mul(panel, plan.panel)

        def step(sums: list[str], key: Index) -> list[str]:
            line = e.add(base, e.mul(key, plan.panel))
            columns = [e.load(self._packer.v, e.add(line, v * lanes), "f32", lanes) for v in range(vectors)]
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
        sums = summed(e, lanes, start, low, high, UNROLLED, step)
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
