"""The scores of a register tile: products with packed keys, the elementwise stages, the rows' maxima.

before: q [rows][d], k [panel of keys][d][key], in scratch
after:  p [row][key] in scratch, a vector of maxima for each row
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from aicc.passes.schedules.cpu.access import Access
from aicc.passes.schedules.cpu.attention_pack import Packer
from aicc.passes.schedules.cpu.attention_plan import UNROLLED, Plan
from aicc.passes.schedules.cpu.attention_roles import Attention
from aicc.passes.schedules.cpu.attention_rows import Keys, Rows, RowTile
from aicc.passes.schedules.cpu.attention_sums import summed
from aicc.passes.schedules.cpu.contraction_plan import unroll
from aicc.passes.schedules.cpu.emit import Index, vector
from aicc.passes.schedules.cpu.emit_kernel import KernelEmitter
from aicc.passes.schedules.cpu.inline import Inliner, Lanes, uniform, varying, widened
from aicc.passes.schedules.cpu.nest import Fill, Generic, Result
from aicc.passes.schedules.cpu.read import read_scalar, read_vector

LOWEST = "0xFF800000"


class Scores:
    """Emits them; `p` is the name of their flat buffer."""

    def __init__(self, e: KernelEmitter, roles: Attention, plan: Plan, rows: Rows, packer: Packer) -> None:
        self._e = e
        self._roles = roles
        self._plan = plan
        self._rows = rows
        self._packer = packer
        self._kind = vector("f32", plan.lanes)
        self.p = e.base(e.reserve(plan.rows * plan.pitch, "f32"))

    def emit(self, tile: RowTile, keys: Keys) -> tuple[list[str], Index]:
        """The rows' maxima, and the end of what has been written: a multiple of the vector after `keys.high`."""
        e, plan = self._e, self._plan
        lowest = e.splat(LOWEST, "f32", plan.lanes)
        places = [self._rows.at(tile.at, self._rows.clamped(tile, row)) for row in range(tile.rows)]
        last = e.size(self._roles.extents[self._roles.key])
        tops = [lowest] * tile.rows
        if isinstance(keys.low, int) and isinstance(keys.high, int):
            whole: Index = keys.high // plan.panel * plan.panel
            left = keys.high - keys.high // plan.panel * plan.panel
            masked = False
        else:
            whole, left = e.mul(e.ceil_div(keys.high, plan.panel), plan.panel), 0
            masked = not (isinstance(last, int) and last % plan.panel == 0)
        if whole != keys.low:
            with e.loop(keys.low, whole, plan.panel, tops, [self._kind] * len(tops)) as loop:
                loop.next = self._panel(loop.index, plan.nv, masked, keys, places, loop.args)
            tops = loop.results
        if not left:
            return tops, whole
        vectors = -(-left // plan.lanes)
        tops = self._panel(whole, vectors, True, keys, places, tops)
        return tops, e.add(whole, vectors * plan.lanes)

    def _panel(
        self,
        at: Index,
        vectors: int,
        masked: bool,
        keys: Keys,
        places: list[dict[int, Index]],
        tops: list[str],
    ) -> list[str]:
        """A register tile of scores, for the keys from `at` on."""
        e, plan, lanes = self._e, self._plan, self._plan.lanes
        panel = e.mul(at, plan.depth)

        def step(sums: list[str], d: Index) -> list[str]:
            line = e.add(panel, e.mul(d, plan.panel))
            columns = [e.load(self._packer.k, e.add(line, v * lanes), "f32", lanes) for v in range(vectors)]
            result = []
            for row in range(len(places)):
                scalar = e.load(self._packer.q, e.add(row * plan.depth, d), "f32")
                left = e.broadcast(scalar, "f32", lanes)
                for v in range(vectors):
                    result.append(e.fma(left, columns[v], sums[row * vectors + v], "f32", lanes))
            return result

        if plan.direct:
            sums = self._dots(keys, at, vectors, places)
        else:
            zero = e.splat("0.0", "f32", lanes)
            steps = unroll(plan.depth, UNROLLED)
            sums = summed(e, lanes, [zero] * (len(places) * vectors), 0, plan.depth, steps, step)
        stages = _Stages(e, self._roles, lanes)
        result = []
        first = e.add(keys.first, at)
        for row, place in enumerate(places):
            top = tops[row]
            for v in range(vectors):
                here = {**place, self._roles.key: e.add(first, v * lanes)}
                value = stages.emit(here, v, sums[row * vectors + v], masked)
                e.store(value, self.p, e.add(at, row * plan.pitch + v * lanes), "f32", lanes)
                top = larger(e, value, top, lanes)
            result.append(top)
        return result

    def _dots(self, keys: Keys, at: Index, vectors: int, places: list[dict[int, Index]]) -> list[str]:
        """The same from keys where they lie, vectors along d."""
        e, roles, lanes = self._e, self._roles, self._plan.lanes
        start = self._packer.start(roles.k, lambda d: places[0][d], (roles.key, roles.depth))
        last = e.sub(e.size(roles.extents[roles.key]), 1)
        step = e.size(roles.k.coefs[roles.key])
        lines = [
            e.add(start, e.mul(e.min(e.add(keys.first, at, number), last), step))
            for number in range(vectors * lanes)
        ]
        result = []
        for row in range(len(places)):
            for v in range(vectors):
                sums = [self._dot(row, line) for line in lines[v * lanes : (v + 1) * lanes]]
                result.append(sums_of(e, sums, lanes))
        return result

    def _dot(self, row: int, line: Index) -> str:
        """Partial sums of a row of q times a key."""
        e, lanes = self._e, self._plan.lanes
        total = e.splat("0.0", "f32", lanes)
        for d in range(0, self._plan.depth, lanes):
            key = self._packer.load(self._roles.k, e.add(line, d), lanes)
            query = e.load(self._packer.q, row * self._plan.depth + d, "f32", lanes)
            total = e.fma(query, key, total, "f32", lanes)
        return total


def sums_of(e: KernelEmitter, vectors: Sequence[str], lanes: int) -> str:
    """Lane i: the sum of the lanes of `vectors[i]`, of which there are as many as lanes.

    Halves of the vectors are joined again and again: what two of them hold goes into one.
    """
    kind = vector("f32", lanes)
    current = list(vectors)
    distance = lanes // 2
    while distance:
        joined = []
        for left, right in zip(current[: len(current) // 2], current[len(current) // 2 :], strict=True):
            own = [lane + (lanes if lane & distance else 0) for lane in range(lanes)]
            other = [place ^ distance for place in own]
            masks = (", ".join(str(place) for place in order) for order in (own, other))
            halves = [e.op(f"vector.shuffle {left}, {right} [{mask}] : {kind}, {kind}") for mask in masks]
            joined.append(e.op(f"arith.addf {halves[0]}, {halves[1]} : {kind}"))
        current = joined
        distance //= 2
    return current[0]


def larger(e: KernelEmitter, value: str, top: str, lanes: int) -> str:
    """The maximum; `top` where `value` is NaN: the sum of the row becomes NaN all the same."""
    kind, bits = vector("f32", lanes), vector("i1", lanes)
    better = e.op(f"arith.cmpf ogt, {value}, {top} : {kind}")
    return e.op(f"arith.select {better}, {value}, {top} : {bits}, {kind}")


class _Stages:
    """Emits the elementwise stages on vectors of scores of one register tile."""

    def __init__(self, e: KernelEmitter, roles: Attention, lanes: int) -> None:
        self._e = e
        self._roles = roles
        self._lanes = lanes
        self._loaded: dict[Any, Lanes] = {}

    def emit(self, place: dict[int, Index], v: int, score: str, masked: bool) -> str:
        """`score` scaled and masked; -inf for keys past the last one."""
        e, roles, lanes = self._e, self._roles, self._lanes
        last = e.size(roles.extents[roles.key])
        mask = e.mask(e.sub(last, place[roles.key]), lanes) if masked else None
        values: dict[Generic, Lanes] = {roles.product: varying(score)}
        result = varying(score)
        for stage in roles.stages:
            args = [self._operand(stage, i, values, place, v, mask) for i in range(len(stage.operands))]
            inliner = Inliner(e, lanes, self._positions(stage, place), e.scalar)
            result = values[stage] = inliner.inline(stage.block, args)[0]
        name = widened(e, result, "f32", lanes)
        if mask is None:
            return name
        lowest = e.splat(LOWEST, "f32", lanes)
        return e.op(f"arith.select {mask}, {name}, {lowest} : {vector('i1', lanes)}, {vector('f32', lanes)}")

    def _operand(
        self,
        stage: Generic,
        number: int,
        values: dict[Generic, Lanes],
        place: dict[int, Index],
        v: int,
        mask: str | None,
    ) -> Lanes | None:
        source = stage.operands[number].source
        if isinstance(source, Result):
            return values[source.stage]
        if isinstance(source, Fill):
            return uniform(read_scalar(self._e, source.value, source.element))
        access = self._roles.accesses.get((stage, number))
        return None if access is None or number >= stage.inputs else self._load(access, place, v, mask)

    def _load(self, access: Access, place: dict[int, Index], v: int, mask: str | None) -> Lanes:
        """Loaded once for all rows that share it."""
        e, roles = self._e, self._roles
        moved = tuple(place[d] for d in roles.rows if access.moves(d))
        slot = (id(access), moved, v if access.moves(roles.key) else None)
        if slot not in self._loaded:
            limit = e.size(roles.extents[roles.key])
            self._loaded[slot] = read_vector(
                e, access, lambda d: place[d], roles.key, self._lanes, mask, limit
            )
        return self._loaded[slot]

    def _positions(self, stage: Generic, place: dict[int, Index]) -> Callable[[int], tuple[Index, bool]]:
        dims = self._roles.dimensions[stage]
        return lambda d: (place[dims[d]], dims[d] == self._roles.key)
