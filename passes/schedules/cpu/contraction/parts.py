"""A part of a panel of B in the thread's scratch, as f32, where many rows use it.

    before: panels of numbers that become f32 by operations of their own (of 16 bits, or packed: schedule `packed`)
    after:  scratch[numbers of a part][panel] of f32, read as any packed operand is

Numbers are converted once for a block of rows, not once for each of its register tiles. What is converted at a time
stays in the first-level cache; sums wait in the scratch between their parts. Every row of a staged
product is summed in one order, from the first number to the last, whichever register tile it is in.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Protocol, TypeVar

from aicc.passes.schedules.cpu.access import Access
from aicc.passes.schedules.cpu.contraction.prefetch import Prefetch
from aicc.passes.schedules.cpu.contraction.roles import Roles
from aicc.passes.schedules.cpu.contraction.tile import Part, TileEmitter
from aicc.passes.schedules.cpu.emit import Index, vector
from aicc.passes.schedules.cpu.emit_kernel import KernelEmitter
from aicc.passes.schedules.cpu.nest import Buffer
from aicc.passes.schedules.cpu.sizes import Size
from aicc.target import Target

# Rows from which on a panel is better converted to memory (Emerald Rapids, 4096 x 4096, 4 bits: 16 rows run at 134
# GFLOP/s instead of 120, 12 at 1.0 times the speed), and the share of the first-level cache that is for it: parts of
# an eighth of the second-level cache leave 16 rows at 109.
_ROWS = 16
_SHARE = 4
# Rows of a block that share the conversion: A is read in short runs, part by part, and has to stay in the second-level
# cache meanwhile (128 rows of 4096, 16 bits: blocks of 16 rows run at 138 GFLOP/s, of 32 at 148, of 64 at 153, of 128
# at 125).
_BLOCK = 64
_NARROW = ("f16", "bf16")

R = TypeVar("R", bound=Roles)


@dataclass(frozen=True)
class Stage:
    """How the sum is cut: `units` pieces of `numbers` numbers (blocks of a scale, or stored elements where there is
    none but one), `each` of them in a part, the last part perhaps shorter. `rows`: from how many on it pays; `share`:
    how many share the work of it so that it costs little."""

    units: int
    numbers: int
    each: int
    rows: int = _ROWS
    share: int = _BLOCK

    @property
    def ahead(self) -> bool:
        """Whether the next part is prefetched by register tiles: one of few bits is too small to matter."""
        return self.numbers == 1

    @property
    def parts(self) -> int:
        """Parts of the sum."""
        return -(-self.units // self.each)

    def for_rows(self, rows: Size) -> bool:
        """Whether there may be as many rows as it takes."""
        return rows.static is None or rows.static >= self.rows


class PartFill(Protocol):
    """Emits the conversion of parts of panels."""

    def emit_part(self, at: dict[int, Index], panel: Index, first: Index, count: Index) -> Index:
        """`count` units of a panel from `first` on; where they start in B."""


def cut(roles: Roles, target: Target, units: int, numbers: int) -> Stage | None:
    """The stage of a sum of `units` times `numbers` numbers. Lines of rows are not cut: what they need has to stay in
    half the second-level cache."""
    if not roles.axes.rows or not units * numbers:
        return None
    if len(roles.axes.rows) > 1:
        return Stage(units, numbers, units) if 8 * units * numbers * roles.panel <= target.l2 else None
    parts = -(-units // max(1, target.l1 // _SHARE // (4 * roles.panel * numbers)))
    # equal parts where some more or less make them so
    equal = [n for n in range(parts, parts + parts // 2 + 1) if units % n == 0]
    return Stage(units, numbers, -(-units // (equal or [parts])[0]))


def inside(roles: R, stage: Stage, scratch: Buffer) -> R:
    """The product whose B is a part of a panel in the scratch: a sum of one axis, the last."""
    axes, step = roles.axes, roles.axes.sums[-1]
    a, b = list(roles.a.coefs), [Size()] * len(roles.b.coefs)
    extents = list(axes.extents)
    if stage.numbers > 1:
        # neighbours in A
        a[step] = Size.of(1)
    b[step], b[-1] = Size.of(roles.panel), Size.of(1)
    extents[step] = Size.of(stage.units * stage.numbers)
    return replace(
        roles,
        axes=replace(axes, extents=tuple(extents), sums=(step,)),
        a=replace(roles.a, coefs=tuple(a)),
        b=Access(scratch, Size(), tuple(b)),
        staged=True,
    )


class PartTile(TileEmitter):
    """Register tiles of a product that reads B from the scratch, where `roles` has it; the next part is prefetched from
    where `stored` has B, after the one that starts at `source`."""

    def __init__(
        self, e: KernelEmitter, roles: Roles, stored: Roles, lanes: int, ku: int, vectors: int
    ) -> None:
        super().__init__(e, roles, lanes, ku, vectors)
        # no sums apart: a row is the same in tiles of few rows and of many
        self._enough = 1
        self._prefetch = Prefetch(e, stored, lanes)
        self.source: Index = 0

    def _first(self, count: int) -> list[str]:
        return super()._first(count) if self._part is None else [self._zero()] * count

    def _so_far(self, part: Part, sums: list[str]) -> list[str]:
        """A part has sums of its own: a long sum is the more exact."""
        before = [self._e.load(*self._waiting(part, n), self._acc, self._lanes) for n in range(len(sums))]
        return [self._added(x, y) for x, y in zip(before, sums, strict=True)]

    def _in_memory(self, b_at: Index) -> Index:
        return self.source


def stage_of_halves(roles: Roles, target: Target) -> Stage | None:
    """The stage of a product with packed weights of 16 bits, as far as there may be one."""
    depth, wide = roles.depth().static, roles.root.inits[0].element == "f32"
    halves = roles.b.buffer.element in _NARROW and roles.b.buffer.layout is not None and wide
    if not halves or depth is None or len(roles.axes.sums) != 1:
        return None
    if roles.b.coefs[roles.axes.sums[0]].static != roles.panel:
        return None
    return cut(roles, target, depth, 1)


class WidenedPart:
    """Emits the conversion of a part of a panel of 16 bits into the scratch."""

    def __init__(self, e: KernelEmitter, roles: Roles, scratch: Buffer, lanes: int) -> None:
        self._e = e
        self._roles = roles
        self._scratch = scratch
        self._lanes = lanes

    def emit_part(self, at: dict[int, Index], panel: Index, first: Index, count: Index) -> Index:
        """`count` steps from `first` on."""
        e, roles, lanes = self._e, self._roles, self._lanes
        element = roles.b.buffer.element
        base, scratch = e.base(roles.b.buffer), e.base(self._scratch)
        start = e.add(e.size(roles.b.offset), e.mul(panel, e.size(roles.b.coefs[-2])))
        for axis in roles.axes.outer:
            start = e.add(start, e.mul(at[axis], e.size(roles.b.coefs[axis])))
        start = e.add(start, e.mul(first, roles.panel))
        with e.loop(0, count) as loop:
            step = e.mul(loop.index, roles.panel)
            source = e.add(start, step)
            for v in range(0, roles.panel, lanes):
                value = e.load(base, e.add(source, v), element, lanes)
                wide = e.op(f"arith.extf {value} : {vector(element, lanes)} to {vector('f32', lanes)}")
                e.store(wide, scratch, e.add(step, v), "f32", lanes)
        return start
