"""Where the rows of attention are: positions in the space, and the keys that a register tile's rows may see."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from aicc.passes.schedules.cpu.attention.body import Limit
from aicc.passes.schedules.cpu.attention.roles import Attention
from aicc.passes.schedules.cpu.emit import Index
from aicc.passes.schedules.cpu.emit_kernel import KernelEmitter

Position = Callable[[int], Index]


@dataclass(frozen=True)
class RowTile:
    """A register tile: `rows` rows from row `first` of a head on, of which `live` exist (None: all);
    `local` is its first row in the tile of the kernel. `at` are the outer positions."""

    rows: int
    first: Index
    local: Index
    live: Index | None
    at: dict[int, Index]


@dataclass(frozen=True)
class Keys:
    """Keys of a block that begins with key `first`: those from `low`, a multiple of a panel, to `high`."""

    first: Index
    low: Index
    high: Index


class Rows:
    """The rows of a head in one order: the longest dimension, that of positions, changes slowest, so that
    neighbouring rows see about the same keys."""

    def __init__(self, e: KernelEmitter, roles: Attention) -> None:
        self._e = e
        self._roles = roles

        def slowness(dim: int) -> tuple[bool, int]:
            static = roles.extents[dim].static
            return static is not None, -(static or 0)

        self.order = sorted(roles.rows, key=slowness)

    def count(self, e: KernelEmitter | None = None) -> Index:
        """Rows of a head."""
        e = e or self._e
        total: Index = 1
        for dim in self.order:
            total = e.mul(total, e.size(self._roles.extents[dim]))
        return total

    def at(self, outer: dict[int, Index], number: Index) -> dict[int, Index]:
        """The position of row `number`; dimensions of extent 1 are at 0."""
        e = self._e
        place = {d: outer.get(d, 0) for d in range(len(self._roles.extents))}
        rest = number
        for level, dim in reversed(list(enumerate(self.order))):
            extent = e.size(self._roles.extents[dim])
            place[dim] = e.rem(rest, extent) if level else rest
            rest = e.div(rest, extent)
        return place

    def clamped(self, tile: RowTile, row: Index) -> Index:
        """The number of row `row` of a tile; the last row for those that do not exist."""
        number = self._e.add(tile.first, row)
        if tile.live is None:
            return number
        return self._e.min(number, self._e.sub(self.count(), 1))

    # Keys ------------------------------------------------------------------------------------------

    def visible(self, outer: dict[int, Index], first: Index, last: Index, keys: Keys, panel: int) -> Keys:
        """The keys that rows `first` to `last` may see; others have a weight of 0."""
        e = self._e
        low, high = keys.low, keys.high
        for limit in self._roles.limits:
            bound = self._bound(limit, outer, first, last)
            if bound is None:
                continue
            inside = e.sub(bound, keys.first)
            if limit.upper:
                high = e.min(high, e.add(inside, 1))
            else:
                low = e.max(low, inside)
        if low is not keys.low:
            low = e.mul(e.div(e.min(low, keys.high), panel), panel)
        return Keys(keys.first, low, high if high is keys.high else e.max(high, low))

    def _bound(self, limit: Limit, outer: dict[int, Index], first: Index, last: Index) -> Index | None:
        """The last key of an upper limit, the first one of a lower limit, over these rows."""
        e, roles = self._e, self._roles
        dims = roles.dimensions[limit.stage]
        total: Index = limit.constant
        if limit.row is not None:
            dim = dims[limit.row]
            if dim in self.order[1:]:
                total = e.add(total, e.sub(e.size(roles.extents[dim]), 1) if limit.upper else 0)
            else:
                total = e.add(total, self.at(outer, last if limit.upper else first)[dim])
        for sign, value in limit.terms:
            term = self._term(limit, value, outer)
            if term is None:
                return None
            total = e.add(total, term) if sign > 0 else e.sub(total, term)
        return total

    def _term(self, limit: Limit, value: Any, outer: dict[int, Index]) -> Index | None:
        e, roles = self._e, self._roles
        if not isinstance(value, int):
            name, kind = e.scalar(value), str(value.type)
        else:
            access = roles.accesses.get((limit.stage, value))
            if access is None or any(access.moves(d) for d in (*roles.rows, roles.key)):
                return None
            at = e.address(access, lambda d: outer.get(d, 0))
            kind = access.buffer.element
            name = e.load(e.base(access.buffer), at, kind)
        if kind == "index":
            return name
        return e.op(f"arith.index_cast {name} : {kind} to index")
