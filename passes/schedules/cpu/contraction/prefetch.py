"""Prefetching of register tiles: the next panel of B while this one is used, and what the epilogue will read.

Weights of a large model come from memory, once for each run: without this every panel would wait for it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from aicc.passes.schedules.cpu.contraction.roles import Roles
from aicc.passes.schedules.cpu.emit import Index, element_bits
from aicc.passes.schedules.cpu.emit_kernel import KernelEmitter
from aicc.passes.schedules.cpu.nest import Store

# Bits of a cache line.
_LINE = 512


@dataclass(frozen=True)
class Ahead:
    """Prefetching of the next panel (or part of one) of `size` elements while this one is used: this register
    tile is number `number` of `shares` that use it, and reads its share."""

    number: Index
    shares: Index
    size: Index


@dataclass(frozen=True)
class _Share:
    """What one register tile reads: `lines` cache lines in each turn of the loop over the sum, from element
    `start` on; `on` is 0 in tiles that read none, else 1."""

    start: Index
    lines: int
    on: Index


class Prefetch:
    """Emits the prefetches of one register tile after another."""

    def __init__(self, e: KernelEmitter, roles: Roles, lanes: int) -> None:
        self._e = e
        self._roles = roles
        self._lanes = lanes
        self._line = _LINE // element_bits(roles.b.buffer.element)
        self._share: _Share | None = None

    def panel(self, ahead: Ahead | None, panel: Index, steps: int) -> None:
        """What the next register tile reads of the panel after the one at `panel`.

        Lines are read in turns of the loop over the sum, `steps` steps each, a whole number in each turn. When
        that is more than an even share, the first of the tiles that use the panel read none.
        """
        e, line = self._e, self._line
        if ahead is None:
            self._share = None
            return
        each = steps * self._roles.step
        start = e.add(panel, ahead.size)
        shares = ahead.shares
        if not isinstance(ahead.size, int):
            share = e.div(e.mul(ahead.number, ahead.size), shares)
            self._share = _Share(e.add(start, share), 1, 1)
            return
        # Of shares that a run counts, one line a turn: a few tiles leave the end of the panel to the hardware.
        lines = max(1, -(-each // (line * shares))) if isinstance(shares, int) else 1
        part = max(1, ahead.size // each) * lines * line
        readers = -(-ahead.size // part)
        number = e.sub(ahead.number, e.max(e.sub(shares, readers), 0))
        on: Index = 1
        if not isinstance(shares, int) or readers < shares:
            on = e.min(e.max(e.add(number, 1), 0), 1)
        self._share = _Share(e.add(start, e.mul(e.max(number, 0), part)), lines, on)

    def turn(self, done: Index, steps: int) -> None:
        """The lines of a turn of the loop, `done` steps after the start. To L1, from where they go to L2 when they
        are in the way: measurably faster on Zen 5 than to L2, for weights that come from memory."""
        e, share = self._e, self._share
        if share is None:
            return
        each = share.lines * self._line
        turn = e.mul(done, each // steps) if each % steps == 0 else e.div(e.mul(done, each), steps)
        position = e.add(share.start, e.mul(turn, share.on))
        b = self._roles.b.buffer
        for number in range(share.lines):
            e.prefetch(e.base(b), e.add(position, number * self._line), b.element)

    def epilogue(self, at: dict[int, Index], rows: Sequence[tuple[int, ...]], vectors: int) -> None:
        """What the stages after the sum read for each row, such as a residual: the sum hides the time it takes."""
        e, roles, axes = self._e, self._roles, self._roles.axes
        for key, access in roles.accesses.items():
            if isinstance(key, Store) or not access.linear or access.coef(axes.column) != 1:
                continue
            if not any(access.moves(axis) for axis in axes.rows):
                continue
            element = access.buffer.element
            for row in rows:
                place = dict(at)
                for axis, step in zip(axes.rows, row, strict=True):
                    place[axis] = e.add(at[axis], step)
                start = e.address(access, place.__getitem__)
                for first in range(0, vectors * self._lanes, _LINE // element_bits(element)):
                    e.prefetch(e.base(access.buffer), e.add(start, first), element)
