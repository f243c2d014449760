"""The loops around attention's register tiles: tiles of the kernel, blocks of keys, register tiles.

A tile of the kernel is some rows of one head of k and v (all query heads that share it): it packs a block of
keys and values once and uses it for all its rows.
"""

from __future__ import annotations

from aicc.passes.schedules.cpu.attention.pack import Packer
from aicc.passes.schedules.cpu.attention.plan import Plan, row_count
from aicc.passes.schedules.cpu.attention.roles import Attention
from aicc.passes.schedules.cpu.attention.rows import Keys, Position, Rows, RowTile
from aicc.passes.schedules.cpu.attention.scores import Scores
from aicc.passes.schedules.cpu.attention.softmax import Softmax
from aicc.passes.schedules.cpu.attention.values import Values
from aicc.passes.schedules.cpu.emit import Index
from aicc.passes.schedules.cpu.emit_kernel import KernelEmitter

# Rows of the smaller register tile for what is left of a number of rows known at run time.
_FEW = 4


class Grid:
    """Emits one kernel by one plan."""

    def __init__(self, e: KernelEmitter, roles: Attention, plan: Plan) -> None:
        self._e = e
        self._roles = roles
        self._plan = plan
        self._rows = Rows(e, roles)
        self._packer = Packer(e, roles, plan)
        self._scores = Scores(e, roles, plan, self._rows, self._packer)
        self._softmax = Softmax(e, roles, plan, self._scores)
        self._values = Values(e, roles, plan, self._rows, self._packer, self._scores, self._softmax)

    def tiles(self, e: KernelEmitter) -> Index:
        """The number of tiles of the kernel."""
        total = e.ceil_div(self._rows.count(e), self._plan.block)
        for dim in self._roles.outer:
            total = e.mul(total, e.size(self._roles.extents[dim]))
        return total

    def emit_or(self, other: Grid, most: int) -> None:
        """The kernel by `other` when a run has `most` rows or fewer, which are one tile of either grid."""
        e, total = self._e, self._rows.count()
        with e.when(e.compare("sle", total, most)):
            other.emit()
        with e.when(e.compare("sgt", total, most)):
            self.emit()

    def emit(self) -> None:
        """The whole kernel."""
        e, plan = self._e, self._plan
        total = self._rows.count()
        blocks = e.ceil_div(total, plan.block)
        with e.loop("%lo", "%hi") as loop:
            first = e.mul(e.rem(loop.index, blocks), plan.block)
            at = self._outer(e.div(loop.index, blocks))
            whole = isinstance(total, int) and total % plan.block == 0
            rows = plan.block if whole else e.min(plan.block, e.sub(total, first))
            self._block(at, first, rows)

    def _outer(self, number: Index) -> dict[int, Index]:
        """Where head `number` is."""
        e, roles = self._e, self._roles
        at: dict[int, Index] = {}
        for level, dim in reversed(list(enumerate(roles.outer))):
            extent = e.size(roles.extents[dim])
            at[dim] = e.rem(number, extent) if level else number
            number = e.div(number, extent)
        return at

    def _block(self, at: dict[int, Index], first: Index, rows: Index) -> None:
        """One tile of the kernel."""
        e, plan = self._e, self._plan
        last = e.size(self._roles.extents[self._roles.key])
        if plan.single:
            self._keys(at, first, rows, Keys(0, 0, last))
            return
        self._softmax.start(rows)
        self._values.start(rows)
        seen = self._rows.visible(at, first, e.add(first, e.sub(rows, 1)), Keys(0, 0, last), plan.keys)
        with e.loop(seen.low, seen.high, plan.keys) as loop:
            count = e.min(plan.keys, e.sub(last, loop.index))
            self._keys(at, first, rows, Keys(loop.index, 0, count))
        self._values.finish(at, first, rows)

    def _keys(self, at: dict[int, Index], first: Index, rows: Index, keys: Keys) -> None:
        """A block of keys for all rows of a tile of the kernel."""
        e, plan = self._e, self._plan

        def position(dim: int) -> Index:
            return at.get(dim, 0)

        if not plan.direct:
            self._packer.keys(position, keys.first, keys.high)
            self._packer.values(position, keys.first, keys.high)
        if row_count(self._roles) is not None and isinstance(rows, int):
            for start, count, size in plan.heights(rows):
                with e.loop(0, count) as loop:
                    local = e.add(e.mul(loop.index, size), start)
                    self._tile(RowTile(size, e.add(first, local), local, None, at), keys)
            return
        whole = e.mul(e.div(rows, plan.rows), plan.rows)
        with e.loop(0, whole, plan.rows) as loop:
            self._tile(RowTile(plan.rows, e.add(first, loop.index), loop.index, None, at), keys)
        left, after = e.sub(rows, whole), e.add(first, whole)
        few = min(_FEW, plan.rows)
        if few < plan.rows:
            with e.when(e.compare("sgt", left, few)):
                self._tile(RowTile(plan.rows, after, whole, left, at), keys)
        small = e.op(f"arith.andi {e.compare('sgt', left, 0)}, {e.compare('sle', left, few)} : i1")
        with e.when(small):
            self._tile(RowTile(few, after, whole, left, at), keys)

    def _tile(self, tile: RowTile, keys: Keys) -> None:
        """One register tile: scores, softmax, product with the values."""
        e = self._e
        live = tile.rows if tile.live is None else tile.live
        last = e.add(tile.first, e.sub(live, 1))
        seen = self._rows.visible(tile.at, tile.first, last, keys, self._plan.panel)

        def position(row: Index) -> Position:
            place = self._rows.at(tile.at, self._rows.clamped(tile, row))
            return lambda d: place[d]

        self._packer.query(tile.rows, position)
        tops, end = self._scores.emit(tile, seen)
        self._softmax.emit(tile, tops, seen.low, end)
        self._values.emit(tile, seen)
