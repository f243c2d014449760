"""The softmax of a register tile's scores, in place, and what is kept between blocks of keys.

Milakov, Gimelshein, "Online normalizer calculation for softmax", 2018; Dao et al., "FlashAttention", 2022: when
a later block raises a row's maximum, the sums so far shrink by exp(old - new).
"""

from __future__ import annotations

from aicc.passes.schedules.cpu.attention.plan import Plan
from aicc.passes.schedules.cpu.attention.roles import Attention
from aicc.passes.schedules.cpu.attention.rows import RowTile
from aicc.passes.schedules.cpu.attention.scores import LOWEST, Scores
from aicc.passes.schedules.cpu.attention.weights import exp_not_positive
from aicc.passes.schedules.cpu.emit import Index, vector
from aicc.passes.schedules.cpu.emit_kernel import KernelEmitter

# Rows, and vectors of all of them, whose weights are computed at once.
_ROWS = 2
_VECTORS = 4


class Softmax:
    """Emits it.

    `factors[row]`: what the row's product with v is to be multiplied by: 1 / sum when all keys are one block,
    else what shrinks the sums before. `tops`, `totals`: of a row of the tile of the kernel, between blocks.
    """

    def __init__(self, e: KernelEmitter, roles: Attention, plan: Plan, scores: Scores) -> None:
        self._e = e
        self._roles = roles
        self._plan = plan
        self._scores = scores
        self._kind = vector("f32", plan.lanes)
        self._maxima = e.base(e.reserve(plan.rows, "f32"))
        self.factors = e.base(e.reserve(plan.rows, "f32"))
        if not plan.single:
            kept = plan.block + plan.rows
            self.tops = e.base(e.reserve(kept, "f32"))
            self.totals = e.base(e.reserve(kept, "f32"))

    def start(self, rows: Index) -> None:
        """No key yet."""
        e = self._e
        with e.loop(0, rows) as loop:
            e.store(e.constant(LOWEST, "f32"), self.tops, loop.index, "f32")
            e.store(e.constant("0.0", "f32"), self.totals, loop.index, "f32")

    def emit(self, tile: RowTile, tops: list[str], low: Index, high: Index) -> None:
        """The scores from `low` to `high` become weights; `tops`: their maxima."""
        e, plan = self._e, self._plan
        for row, top in enumerate(tops):
            name = top
            if plan.lanes > 1:
                name = e.op(f"vector.reduction <maxnumf>, {top} fastmath<nnan> : {self._kind} into f32")
            e.store(name, self._maxima, row, "f32")
        done = 0
        for group in (_ROWS, 1):
            whole = done + (tile.rows - done) // group * group
            if whole > done:
                with e.loop(done, whole, group) as loop:
                    rows = [e.add(loop.index, n) for n in range(group)]
                    self._weights(tile, rows, low, high)
            done = whole

    def _weights(self, tile: RowTile, rows: list[Index], low: Index, high: Index) -> None:
        """Some rows at once."""
        e, plan = self._e, self._plan
        tops = [e.load(self._maxima, row, "f32") for row in rows]
        if plan.single:
            totals = self._sums(rows, [self._finite(top) for top in tops], low, high)
            for row, total in zip(rows, totals, strict=True):
                e.store(self.inverse(total), self.factors, row, "f32")
            return
        kept = []
        for number, row in enumerate(rows):
            place = e.add(tile.local, row)
            old = e.load(self.tops, place, "f32")
            better = e.op(f"arith.cmpf ogt, {tops[number]}, {old} : f32")
            tops[number] = e.op(f"arith.select {better}, {tops[number]}, {old} : f32")
            e.store(tops[number], self.tops, place, "f32")
            tops[number] = self._finite(tops[number])
            shift = e.op(f"arith.subf {old}, {tops[number]} : f32")
            factor = exp_not_positive(e, [shift], 1)[0]
            e.store(factor, self.factors, row, "f32")
            kept.append((place, factor))
        for (place, factor), total in zip(kept, self._sums(rows, tops, low, high), strict=True):
            before = e.load(self.totals, place, "f32")
            e.store(e.fma(before, factor, total, "f32", 1), self.totals, place, "f32")

    def _finite(self, top: str) -> str:
        """0 for -inf: weights of keys that are not allowed are then exp(-inf) = 0, not NaN."""
        e = self._e
        zero = e.constant("0.0", "f32")
        empty = e.op(f"arith.cmpf oeq, {top}, {e.constant(LOWEST, 'f32')} : f32")
        return e.op(f"arith.select {empty}, {zero}, {top} : f32")

    def inverse(self, total: str) -> str:
        """1 / total; of a row without keys 1, if such rows are to be 0."""
        e = self._e
        one, zero = e.constant("1.0", "f32"), e.constant("0.0", "f32")
        if self._roles.guarded:
            empty = e.op(f"arith.cmpf oeq, {total}, {zero} : f32")
            total = e.op(f"arith.select {empty}, {one}, {total} : f32")
        return e.op(f"arith.divf {one}, {total} : f32")

    def _sums(self, rows: list[Index], tops: list[str], low: Index, high: Index) -> list[str]:
        """exp(score - top) of rows; their sums."""
        e, plan, lanes = self._e, self._plan, self._plan.lanes
        vectors = 1
        if isinstance(low, int) and isinstance(high, int):
            most = _VECTORS // len(rows)
            vectors = next(n for n in range(most, 0, -1) if (high - low) % (n * lanes) == 0)
        elif not isinstance(high, int):
            vectors = plan.nv
        shifts = [e.broadcast(top, "f32", lanes) for top in tops for _ in range(vectors)]
        starts = [e.mul(row, plan.pitch) for row in rows]
        sums = [e.splat("0.0", "f32", lanes)] * len(shifts)
        with e.loop(low, high, vectors * lanes, sums, [self._kind] * len(sums)) as loop:
            places = [e.add(start, loop.index, v * lanes) for start in starts for v in range(vectors)]
            scores = [e.load(self._scores.p, place, "f32", lanes) for place in places]
            less = [
                e.op(f"arith.subf {score}, {shift} : {self._kind}")
                for score, shift in zip(scores, shifts, strict=True)
            ]
            weights = exp_not_positive(e, less, lanes)
            for weight, place in zip(weights, places, strict=True):
                e.store(weight, self._scores.p, place, "f32", lanes)
            loop.next = [
                e.op(f"arith.addf {sum_}, {weight} : {self._kind}")
                for sum_, weight in zip(loop.args, weights, strict=True)
            ]
        totals = []
        for number in range(len(rows)):
            total, *others = loop.results[number * vectors : (number + 1) * vectors]
            for other in others:
                total = e.op(f"arith.addf {total}, {other} : {self._kind}")
            if lanes > 1:
                total = e.op(f"vector.reduction <add>, {total} fastmath<reassoc> : {self._kind} into f32")
            totals.append(total)
        return totals
