"""The scores of a register tile: products with packed keys, the elementwise stages, the rows' maxima.

before: q [rows][d], k [panel of keys][d][key], in scratch
after:  p [row][key] in scratch, a vector of maxima for each row
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from aicc.passes.schedules.cpu.access import Access
from aicc.passes.schedules.cpu.attention.pack import Packer
from aicc.passes.schedules.cpu.attention.plan import UNROLLED, Plan
from aicc.passes.schedules.cpu.attention.roles import Attention
from aicc.passes.schedules.cpu.attention.rows import Keys, Rows, RowTile
from aicc.passes.schedules.cpu.attention.sums import summed
from aicc.passes.schedules.cpu.contraction.plan import unroll
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
        rows = len(places)
        by_vector = [self._joined_dots(rows, lines[v * lanes : (v + 1) * lanes]) for v in range(vectors)]
        return [by_vector[v][row] for row in range(rows) for v in range(vectors)]

    def _joined_dots(self, rows: int, lines: list[Index]) -> list[str]:
        """A vector of scores, of as many keys as lanes, for each row."""
        e, lanes = self._e, self._plan.lanes
        # Of one row all chains of multiply-adds come first: there are registers for them, and they overlap.
        ready = [self._dot(rows, line) for line in lines] if rows == 1 else []
        return joined(e, range(lanes), lambda n: ready[n] if ready else self._dot(rows, lines[n]), lanes)

    def _dot(self, rows: int, line: Index) -> list[str]:
        """Partial sums of rows of q times a key."""
        e, plan, lanes = self._e, self._plan, self._plan.lanes
        totals = [e.splat("0.0", "f32", lanes)] * rows
        for d in range(0, plan.depth, lanes):
            key = self._packer.load(self._roles.k, e.add(line, d), lanes)
            for row in range(rows):
                query = e.load(self._packer.q, row * plan.depth + d, "f32", lanes)
                totals[row] = e.fma(query, key, totals[row], "f32", lanes)
        return totals


def joined(
    e: KernelEmitter, items: Sequence[int], vectors: Callable[[int], list[str]], lanes: int
) -> list[str]:
    """For each of the vectors of an item: a vector whose lane i is the sum of the lanes of that of `items[i]`.

    There are as many items as lanes. Their vectors are made in order, and two that can be joined are: few are
    alive at a time.
    """
    if len(items) == 1:
        return vectors(items[0])
    distance = len(items) // 2
    first, second = (joined(e, part, vectors, lanes) for part in (items[:distance], items[distance:]))
    kind = vector("f32", lanes)
    own = [lane + (lanes if lane & distance else 0) for lane in range(lanes)]
    masks = [", ".join(map(str, order)) for order in (own, [place ^ distance for place in own])]
    result = []
    for left, right in zip(first, second, strict=True):
        halves = [e.op(f"vector.shuffle {left}, {right} [{mask}] : {kind}, {kind}") for mask in masks]
        result.append(e.op(f"arith.addf {halves[0]}, {halves[1]} : {kind}"))
    return result


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
