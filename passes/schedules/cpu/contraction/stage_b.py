"""Copies a panel of B into the thread's scratch, for an operand that is not packed.

    before: B[n][k] or B[k][n], far apart in memory, sizes perhaps known at run time
    after:  scratch[k][panel], as a packed operand has it

A panel whose columns are apart but whose sums are contiguous is turned in registers, in squares.
"""

from __future__ import annotations

from dataclasses import replace

from aicc.passes.schedules.cpu.access import Access
from aicc.passes.schedules.cpu.contraction.roles import STAGE_LIMIT, Roles
from aicc.passes.schedules.cpu.emit import Index, element_bits
from aicc.passes.schedules.cpu.emit_kernel import KernelEmitter
from aicc.passes.schedules.cpu.nest import Buffer
from aicc.passes.schedules.cpu.sizes import Size
from aicc.passes.schedules.cpu.transpose import transpose
from aicc.target import Target

# Rows that use a panel before copying it pays, bytes of B beyond which its lines are too far apart, and a
# distance of lines at which they all fall on the same sets of the cache. Measured on Zen 3; Zen 5 reads B as
# it lies at 90 % of the peak in all these cases.
_ROWS = 96
_BYTES = 1 << 20
_FEW_ROWS = 16
_SAME_SETS = 2048


def wants_stage(roles: Roles, target: Target) -> bool:
    """Whether panels are to be copied: they must be, or it pays."""
    elements = roles.panel_elements()
    if roles.packed or elements is None or elements > STAGE_LIMIT or roles.columns.static == 1:
        return False
    if roles.strided:
        return True
    if target.vector_bits >= 512:
        return False
    size = element_bits(roles.b.buffer.element) // 8
    rows, depth = roles.rows_total().guess(), roles.depth().guess()
    lines = [roles.b.coefs[axis].guess() * size for axis in roles.axes.sums]
    if rows >= _FEW_ROWS and depth >= 32 and any(line and line % _SAME_SETS == 0 for line in lines):
        return True
    return rows >= _ROWS and depth * roles.columns.guess() * size > _BYTES


def staged(roles: Roles, scratch: Buffer) -> Roles:
    """The contraction whose B is the panel in the scratch."""
    axes = roles.axes
    coefs = [Size()] * len(axes.extents)
    step = Size.of(roles.panel)
    for axis in reversed(axes.sums):
        coefs[axis] = step
        step = step * axes.extents[axis]
    return replace(roles, b=Access(scratch, Size(), (*coefs, Size(), Size.of(1))), staged=True)


class PanelCopy:
    """Emits the copy of one panel of `roles` into the scratch, where `inside` (see `staged`) reads it."""

    def __init__(self, e: KernelEmitter, roles: Roles, inside: Roles, lanes: int) -> None:
        self._e = e
        self._roles = roles
        self._inside = inside
        self._lanes = lanes
        self._element = roles.b.buffer.element

    def emit(self, at: dict[int, Index], panel: Index) -> None:
        """For the outer axes `at`; columns past the last hold copies of it."""
        e, roles, axes = self._e, self._roles, self._roles.axes
        start = e.add(e.size(roles.b.offset), e.mul(panel, e.size(roles.b.coefs[-2])))
        for axis in axes.outer:
            start = e.add(start, e.mul(at[axis], e.size(roles.b.coefs[axis])))
        columns = e.size(roles.columns)
        whole = isinstance(columns, int) and columns % roles.panel == 0
        last = None if whole else e.sub(e.sub(columns, 1), e.mul(panel, roles.panel))
        contiguous = roles.b.coefs[-1].static == 1
        along = None if contiguous else self._along()
        order = [axis for axis in axes.sums if axis != along]
        self._loops(order, along, start, 0, last)

    def _along(self) -> int | None:
        """The sum axis on which B is contiguous, when it holds a square."""
        for axis in self._roles.axes.sums:
            extent = self._roles.axes.extents[axis].static or 0
            if self._roles.b.coefs[axis].static == 1 and extent >= self._lanes:
                return axis
        return None

    def _loops(
        self, order: list[int], along: int | None, source: Index, target: Index, last: Index | None
    ) -> None:
        e, roles = self._e, self._roles
        if order:
            axis, *rest = order
            with e.loop(0, e.size(roles.axes.extents[axis])) as loop:
                self._loops(
                    rest,
                    along,
                    e.add(source, e.mul(loop.index, e.size(roles.b.coefs[axis]))),
                    e.add(target, e.mul(loop.index, e.size(self._inside.b.coefs[axis]))),
                    last,
                )
            return
        if along is None:
            self._line(source, target, last)
            return
        extent = roles.axes.extents[along].static or 0
        whole = extent // self._lanes * self._lanes
        step = e.size(self._inside.b.coefs[along])
        with e.loop(0, whole, self._lanes) as loop:
            self._square(e.add(source, loop.index), e.add(target, e.mul(loop.index, step)), step, last)
        if whole < extent:
            with e.loop(whole, extent) as loop:
                self._line(e.add(source, loop.index), e.add(target, e.mul(loop.index, step)), last)

    def _column(self, source: Index, number: int, last: Index | None) -> Index:
        e = self._e
        place: Index = number if last is None else e.min(number, last)
        return e.add(source, e.mul(place, e.size(self._roles.b.coefs[-1])))

    def _line(self, source: Index, target: Index, last: Index | None) -> None:
        """One line of the panel."""
        e, lanes = self._e, self._lanes
        base, scratch = e.base(self._roles.b.buffer), e.base(self._inside.b.buffer)
        for first in range(0, self._roles.panel, lanes):
            if self._roles.b.coefs[-1].static == 1:
                mask = None if last is None else e.mask(e.sub(e.add(last, 1), first), lanes)
                value = e.load(base, e.add(source, first), self._element, lanes, mask)
            else:
                places = [self._column(source, first + lane, last) for lane in range(lanes)]
                value = e.from_elements([e.load(base, p, self._element) for p in places], self._element)
            e.store(value, scratch, e.add(target, first), self._element, lanes)

    def _square(self, source: Index, target: Index, step: Index, last: Index | None) -> None:
        """`lanes` lines of the panel from columns that are contiguous."""
        e, lanes = self._e, self._lanes
        base, scratch = e.base(self._roles.b.buffer), e.base(self._inside.b.buffer)
        for first in range(0, self._roles.panel, lanes):
            rows = [
                e.load(base, self._column(source, first + lane, last), self._element, lanes)
                for lane in range(lanes)
            ]
            for number, line in enumerate(transpose(e, rows, self._element)):
                place = e.add(target, e.mul(step, number), first)
                e.store(line, scratch, place, self._element, lanes)
