"""How copies of boxes see an operand: as a tensor of at most five dims, from whose boxes its tiles are made.

    a[b, h + kh, w + kw, c]          axes b, h, w (rows), kh, kw, c (sums)
    dims: c, w + kw, h + kh, b       boxes of 64 x 8 x 16 x 1, at (c, w + kw, h + kh, b)

    a[b, 2 h + kh, 2 w + kw, c]
    dims: c, 2 w + kw, 2 h, kh, b    boxes of 64 x 8 x 16 x 1 x 1, in which neighbours along the second are 2 apart

Axes with the same step in memory are one dim: a window moves the box. Where the window moves by more than one element
(strides) its axes are dims of their own, as long as there are no more than five; else an axis joins another whose step
is a multiple of its own, and the box takes every so many positions along the dim.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import permutations

from aicc.passes.schedules.cpu.emit import Index
from aicc.passes.schedules.cuda.asynchronous import Operand
from aicc.passes.schedules.cuda.contraction.roles import Roles, Side
from aicc.passes.schedules.cuda.emitter import GpuEmitter
from aicc.passes.schedules.schedule import NoMatch

MOST_DIMS = 5
_MOST_APART, _LONGEST = 8, 256
"""Of a box along a dim: how far its positions may be apart, and how far its end from its begin."""


@dataclass(frozen=True)
class Dim:
    """Positions `sum of factor * position` of axes, `step` elements apart. The box has `box` positions along the first
    axis, whose factor is how far they are apart."""

    factors: tuple[tuple[int, int], ...]
    step: int
    box: int

    @property
    def apart(self) -> int:
        """How far neighbours in the box are apart."""
        return self.factors[0][1]

    def joined(self, other: Dim) -> Dim | None:
        """One dim for the axes of both, if the box has one position along the other; None: there is none such."""
        step = min(self.step, other.step)
        if other.box != 1 or step <= 0 or self.step % step or other.step % step:
            return None
        factors = tuple(
            (axis, factor * dim.step // step) for dim in (self, other) for axis, factor in dim.factors
        )
        found = Dim(factors, step, self.box)
        fits = found.apart <= _MOST_APART and found.apart * found.box <= _LONGEST
        return found if fits else None


def dims_of(roles: Roles, side: Side, boxes: Mapping[int, int]) -> tuple[Dim, ...]:
    """The dims of an operand, innermost first. `boxes` are extents of the box by axis, 1 for others; those of free
    axes lie in it in the order of the axes. Raises NoMatch."""
    by_sums = side.along == "sums"
    if not by_sums and len(side.free) > 1:
        raise NoMatch("several axes, and contiguous along the last of them")
    inner = side.sums[-1] if by_sums else side.free[-1]
    lines = side.free[::-1] if by_sums else side.sums[-1:]
    moving = [axis for axis in (*side.sums[::-1], *roles.batch) if side.access.moves(axis)]
    dims: list[Dim] = []
    for axis in dict.fromkeys((inner, *lines, *moving)):
        step = side.access.coef(axis)
        if step is None:
            raise NoMatch("steps that only the run knows")
        dim = Dim(((axis, 1),), step, boxes.get(axis, 1))
        same = next((i for i, d in enumerate(dims) if i and dim.box == 1 and d.step == step), None)
        if same is None:
            dims.append(dim)
        else:
            dims[same] = Dim((*dims[same].factors, *dim.factors), step, dims[same].box)
    while len(dims) > MOST_DIMS:
        dims = _fewer(dims)
    return tuple(dims)


def _fewer(dims: list[Dim]) -> list[Dim]:
    """One dim less: the two are joined whose steps differ least. Raises NoMatch."""
    options = [
        (max(dims[i].step, dims[j].step) // joined.step, i, j, joined)
        for i, j in permutations(range(1, len(dims)), 2)
        if (joined := dims[i].joined(dims[j])) is not None
    ]
    if not options:
        raise NoMatch(f"a tensor of more than {MOST_DIMS} dims")
    _, i, j, joined = min(options, key=lambda option: option[:3])
    return [joined if k == i else dim for k, dim in enumerate(dims) if k != j]


def operand_of(side: Side, positions: int, shared_by: int = 1) -> Operand:
    """How tiles of so many positions lie in shared memory, each of which so many blocks have."""
    return Operand(side.along == "sums", positions, side.element, shared_by)


def boxes_of(side: Side, operand: Operand, patch: tuple[int, ...]) -> dict[int, int]:
    """Extents of an operand's boxes, whose positions are a patch of the free axes."""
    inner, lines = operand.box()
    if not operand.by_sums:
        return {side.free[-1]: inner, side.sums[-1]: lines}
    return {side.sums[-1]: inner, **dict(zip(side.free, patch, strict=True))}


def sizes_of(e: GpuEmitter, roles: Roles, dims: tuple[Dim, ...]) -> list[tuple[Index, int, int, int]]:
    """What a tensor map wants to know: size and step of each dim, the box's positions and how far they are apart."""
    found: list[tuple[Index, int, int, int]] = []
    for dim in dims:
        size: Index = 1
        for axis, factor in dim.factors:
            size = e.add(size, e.mul(e.add(e.size(roles.arrangement.extent(axis)), -1), factor))
        found.append((size, dim.step, dim.box, dim.apart))
    return found


def place_of(e: GpuEmitter, dims: tuple[Dim, ...], position: Callable[[int], Index]) -> list[Index]:
    """Where a box is, by positions of axes."""
    return [e.add(*(e.mul(position(axis), factor) for axis, factor in dim.factors)) for dim in dims]
