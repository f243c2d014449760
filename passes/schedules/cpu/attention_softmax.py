"""The softmax of a register tile's scores, in place, and what is kept between blocks of keys.

Milakov, Gimelshein, "Online normalizer calculation for softmax", 2018; Dao et al., "FlashAttention", 2022: when
a later block raises a row's maximum, the sums so far shrink by exp(old - new).
"""

from __future__ import annotations

from aicc.passes.schedules.cpu.attention_plan import Plan
from aicc.passes.schedules.cpu.attention_roles import Attention
from aicc.passes.schedules.cpu.attention_rows import RowTile
from aicc.passes.schedules.cpu.attention_scores import LOWEST, Scores
from aicc.passes.schedules.cpu.emit import Index, vector
from aicc.passes.schedules.cpu.emit_kernel import KernelEmitter


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
        with e.loop(0, tile.rows) as loop:
            top = e.load(self._maxima, loop.index, "f32")
            if plan.single:
                total = self._row(loop.index, self._finite(top), low, high)
                e.store(self.inverse(total), self.factors, loop.index, "f32")
            else:
                self._kept(tile, loop.index, top, low, high)

    def _kept(self, tile: RowTile, row: Index, top: str, low: Index, high: Index) -> None:
        e = self._e
        place = e.add(tile.local, row)
        old, sum_ = e.load(self.tops, place, "f32"), e.load(self.totals, place, "f32")
        better = e.op(f"arith.cmpf ogt, {top}, {old} : f32")
        top = e.op(f"arith.select {better}, {top}, {old} : f32")
        e.store(top, self.tops, place, "f32")
        top = self._finite(top)
        shift = e.op(f"arith.subf {old}, {top} : f32")
        factor = e.op(f"math.exp {shift} fastmath<afn> : f32")
        e.store(factor, self.factors, row, "f32")
        total = self._row(row, top, low, high)
        e.store(e.fma(sum_, factor, total, "f32", 1), self.totals, place, "f32")

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

    def _row(self, row: Index, top: str, low: Index, high: Index) -> str:
        """exp(score - top) of a row; their sum."""
        e, plan, lanes = self._e, self._plan, self._plan.lanes
        vectors = 1
        if isinstance(low, int) and isinstance(high, int):
            vectors = next(n for n in (4, 3, 2, 1) if (high - low) % (n * lanes) == 0)
        elif not isinstance(high, int):
            vectors = plan.nv
        shift = e.broadcast(top, "f32", lanes)
        start = e.mul(row, plan.pitch)
        zero = e.splat("0.0", "f32", lanes)
        with e.loop(low, high, vectors * lanes, [zero] * vectors, [self._kind] * vectors) as loop:
            sums = []
            for v in range(vectors):
                at = e.add(start, loop.index, v * lanes)
                score = e.load(self._scores.p, at, "f32", lanes)
                less = e.op(f"arith.subf {score}, {shift} : {self._kind}")
                weight = e.op(f"math.exp {less} fastmath<afn> : {self._kind}")
                e.store(weight, self._scores.p, at, "f32", lanes)
                sums.append(e.op(f"arith.addf {loop.args[v]}, {weight} : {self._kind}"))
            loop.next = sums
        total = loop.results[0]
        for other in loop.results[1:]:
            total = e.op(f"arith.addf {total}, {other} : {self._kind}")
        return e.op(f"vector.reduction <add>, {total} fastmath<reassoc> : {self._kind} into f32")
