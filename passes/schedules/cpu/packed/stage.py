"""Unpacks a panel of weights into the thread's scratch, where many rows use it.

    before: panels [K / block][steps][panel] of stored elements, with scales and zero points
    after:  scratch[K][panel] of f32, read as any packed operand is

Numbers are unpacked once for a block of rows, not once for each of its register tiles.
"""

from __future__ import annotations

from dataclasses import replace

from aicc.passes.schedules.cpu.access import Access
from aicc.passes.schedules.cpu.contraction.roles import STAGE_LIMIT
from aicc.passes.schedules.cpu.contraction.tile import Place, TileEmitter
from aicc.passes.schedules.cpu.emit import Index
from aicc.passes.schedules.cpu.emit_kernel import KernelEmitter
from aicc.passes.schedules.cpu.nest import Buffer
from aicc.passes.schedules.cpu.packed.roles import PackedRoles
from aicc.passes.schedules.cpu.packed.tile import PackedTile
from aicc.passes.schedules.cpu.sizes import Size
from aicc.target import Target

# Register tiles from which on unpacking to memory pays (Emerald Rapids, 2048 x 2048, 4 bits: 64 rows run at 137 GFLOP/s
# instead of 114, 32 at 1.05 times the speed, 16 at 0.9).
_TILES = 4


def panel_numbers(roles: PackedRoles) -> int:
    """Numbers of a panel, all of it."""
    return (roles.panel_elements() or 0) * roles.numbers


def wants_stage(roles: PackedRoles, target: Target, tile_rows: int) -> bool:
    """Whether weights of few bits are unpacked to the scratch: enough register tiles of `tile_rows` use a panel, and
    it stays in half the L2 cache. Of rows that a run counts there may be one."""
    numbers, rows = panel_numbers(roles), roles.rows_total().static
    fits = 0 < numbers <= STAGE_LIMIT and 4 * numbers <= target.l2 // 2
    return roles.b.buffer.element[0] == "i" and fits and rows is not None and rows >= _TILES * tile_rows


def staged(roles: PackedRoles, scratch: Buffer) -> PackedRoles:
    """The product whose weights are the panel in the scratch."""
    axes, coefs = roles.axes, [Size()] * len(roles.axes.extents)
    step = Size.of(roles.panel * roles.numbers)
    for axis in reversed(axes.sums):
        coefs[axis] = step
        step = step * axes.extents[axis]
    return replace(roles, b=Access(scratch, Size(), (*coefs, Size(), Size.of(1))), staged=True)


class PanelUnpack(PackedTile):
    """Emits the unpacking of one panel of `roles` into the scratch, where `inside` (see `staged`) reads it."""

    def __init__(
        self, e: KernelEmitter, roles: PackedRoles, inside: PackedRoles, lanes: int, target: Target
    ) -> None:
        super().__init__(e, roles, lanes, 1, roles.panel // lanes, target)
        self._inside = inside

    def emit_panel(self, at: dict[int, Index], panel: Index) -> None:
        """All blocks, one after another."""
        e, roles, axes = self._e, self._packed, self._roles.axes
        self._place = Place(at, panel, ((0,) * len(axes.rows),), self._vectors)
        start = e.add(e.size(roles.b.offset), e.mul(panel, e.size(roles.b.coefs[-2])))
        step = axes.sums[-1]

        def block(number: Index) -> None:
            self._scaled = self._parameters(number)
            source: Index = start
            target: Index = 0
            if roles.blocks is not None:
                source = e.add(start, e.mul(number, e.size(roles.b.coefs[roles.blocks])))
                target = e.mul(number, e.size(self._inside.b.coefs[roles.blocks]))
            with e.loop(0, e.size(axes.extents[step])) as loop:
                self._stored(
                    e.add(source, e.mul(loop.index, e.size(roles.b.coefs[step]))),
                    e.add(target, e.mul(loop.index, e.size(self._inside.b.coefs[step]))),
                )

        if roles.blocks is None:
            block(0)
        else:
            with e.loop(0, e.size(axes.extents[roles.blocks])) as loop:
                block(loop.index)

    def _stored(self, source: Index, target: Index) -> None:
        """The numbers of one stored element of each column."""
        e, lanes, element = self._e, self._lanes, self._roles.b.buffer.element
        base, scratch = e.base(self._roles.b.buffer), e.base(self._inside.b.buffer)
        stored = [
            e.load(base, e.add(source, self._in_panels(v)), element, lanes) for v in range(self._vectors)
        ]
        self._prefetch_panels(self._roles.b, source, 0)
        for n in range(self._packed.numbers):
            for v in range(self._vectors):
                place = e.add(target, n * self._roles.panel + v * lanes)
                e.store(self._weight(stored[v], element, n, v), scratch, place, "f32", lanes)


class UnpackedTile(TileEmitter):
    """Register tiles of a product whose weights `PanelUnpack` has unpacked."""

    def __init__(self, e: KernelEmitter, inside: PackedRoles, lanes: int, ku: int, vectors: int) -> None:
        self._numbers = _numbers(inside)
        super().__init__(e, inside, lanes, max(1, ku // self._numbers), vectors)

    def _step(self, acc: list[str], a_at: Index, b_at: Index, step: int) -> list[str]:
        """The numbers of one stored element, one after another."""
        for n in range(self._numbers):
            at = self._e.add(b_at, n * self._roles.panel)
            acc = super()._step(acc, self._e.add(a_at, n), at, step * self._numbers + n)
        return acc


def _numbers(inside: PackedRoles) -> int:
    """Numbers that a step of the sum over the scratch takes."""
    static = inside.b.coefs[inside.axes.sums[-1]].static or inside.panel
    return static // inside.panel
