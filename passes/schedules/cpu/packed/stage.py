"""Unpacks a part of a panel of weights into the thread's scratch, where many rows use it: see `contraction/parts.py`.

before: panels [K / block][steps][panel] of stored elements, with scales and zero points
after:  scratch[numbers of a part][panel] of f32
"""

from __future__ import annotations

from aicc.passes.schedules.cpu.contraction.parts import Stage, cut
from aicc.passes.schedules.cpu.contraction.tile import Place
from aicc.passes.schedules.cpu.emit import Index
from aicc.passes.schedules.cpu.emit_kernel import KernelEmitter
from aicc.passes.schedules.cpu.nest import Buffer
from aicc.passes.schedules.cpu.packed.roles import PackedRoles
from aicc.passes.schedules.cpu.packed.tile import PackedTile
from aicc.target import Target


def stage_of(roles: PackedRoles, target: Target) -> Stage | None:
    """The stage of a product, as far as there may be one: a unit is a block of a scale, or a stored element."""
    axes = roles.axes
    sums = [axes.extents[axis].static or 0 for axis in axes.sums]
    step = roles.a.coefs[axes.sums[-1]]
    if step.static != roles.numbers:
        return None
    if roles.blocks is None:
        return cut(roles, target, sums[-1], roles.numbers)
    if roles.a.coefs[roles.blocks] != step * sums[-1]:
        return None
    return cut(roles, target, sums[0], sums[-1] * roles.numbers)


class PanelUnpack(PackedTile):
    """Emits the unpacking of a part of a panel of `roles` into the scratch."""

    def __init__(
        self, e: KernelEmitter, roles: PackedRoles, stage: Stage, scratch: Buffer, lanes: int, target: Target
    ) -> None:
        super().__init__(e, roles, lanes, 1, roles.panel // lanes, target)
        self._stage = stage
        self._scratch = scratch

    def emit_part(self, at: dict[int, Index], panel: Index, first: Index, count: Index) -> Index:
        """`count` units from `first` on, one after another."""
        e, roles, axes = self._e, self._packed, self._roles.axes
        self._place = Place(at, panel, ((0,) * len(axes.rows),), self._vectors)
        start = e.add(e.size(roles.b.offset), e.mul(panel, e.size(roles.b.coefs[-2])))
        step = axes.sums[-1]
        if roles.blocks is None:
            self._scaled = self._parameters(0)
            start = e.add(start, e.mul(first, e.size(roles.b.coefs[step])))
            self._elements(start, 0, count)
            return start
        block, steps = e.size(roles.b.coefs[roles.blocks]), e.size(axes.extents[step])
        unpacked = e.mul(steps, roles.numbers * roles.panel)
        with e.loop(0, count) as loop:
            number = e.add(first, loop.index)
            self._scaled = self._parameters(number)
            self._elements(e.add(start, e.mul(number, block)), e.mul(loop.index, unpacked), steps)
        return e.add(start, e.mul(first, block))

    def _elements(self, source: Index, target: Index, count: Index) -> None:
        """`count` stored elements of each column."""
        e, roles = self._e, self._packed
        coef = e.size(roles.b.coefs[roles.axes.sums[-1]])
        with e.loop(0, count) as loop:
            self._stored(
                e.add(source, e.mul(loop.index, coef)),
                e.add(target, e.mul(loop.index, roles.numbers * roles.panel)),
            )

    def _stored(self, source: Index, target: Index) -> None:
        """The numbers of one stored element of each column."""
        e, lanes, element = self._e, self._lanes, self._roles.b.buffer.element
        base, scratch = e.base(self._roles.b.buffer), e.base(self._scratch)
        stored = [
            e.load(base, e.add(source, self._in_panels(v)), element, lanes) for v in range(self._vectors)
        ]
        if not self._stage.ahead:
            self._prefetch_panels(self._roles.b, source, 0)
        for n in range(self._packed.numbers):
            for v in range(self._vectors):
                place = e.add(target, n * self._roles.panel + v * lanes)
                e.store(self._weight(stored[v], element, n, v), scratch, place, "f32", lanes)
