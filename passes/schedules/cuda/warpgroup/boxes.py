"""How copies of boxes see an operand: as a tensor of at most five dims, from whose boxes its tiles are made.

    a[b, h + kh, w + kw, c]          axes b, h, w (rows), kh, kw, c (sums)
    dims: c, w + kw, h + kh, b       boxes of 64 x 8 x 16 x 1, at (c, w + kw, h + kh, b)

    a[b, 2 h + kh, 2 w + kw, c]
    dims: c, 2 w + kw, 2 h + kh, b   boxes of the same positions; neighbours along the second and third are 2 apart

Axes with the same step in memory are one dim: a window moves the box. As dims of their own, axes of which one reaches
beyond the next position of the other would overlap, which a driver may refuse. So they are one dim, too, and the box
takes every so many positions along it. Others join only when there are more than five.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from itertools import permutations
from math import gcd

from aicc.passes.schedules.cpu.emit import Index
from aicc.passes.schedules.cpu.sizes import Size
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
        return self.factors[0][1] if self.box > 1 else 1

    def finer(self, step: int) -> Dim | None:
        """The same positions in a dim with more of them, of which `step` is a divisor; None: boxes are not such."""
        found = Dim(tuple((axis, factor * (self.step // step)) for axis, factor in self.factors), step, self.box)
        return found if found.apart <= _MOST_APART and found.apart * found.box <= _LONGEST else None

    def joined(self, other: Dim) -> Dim | None:
        """One dim for the axes of both, if the box has one position along the other; None: there is none such."""
        if other.box != 1 or min(self.step, other.step) <= 0:
            return None
        step = gcd(self.step, other.step)
        own, others = self.finer(step), other.finer(step)
        return None if own is None or others is None else Dim((*own.factors, *others.factors), step, self.box)


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
    while (pair := _overlap(roles, dims)) is not None:
        dims = _apart(roles, side, dims, *pair)
    while len(dims) > MOST_DIMS:
        pairs = permutations(range(len(dims)), 2)
        dims = _fewer(roles, side, dims, pairs, f"a tensor of more than {MOST_DIMS} dims")
    return tuple(dims)


def _overlap(roles: Roles, dims: list[Dim]) -> tuple[int, int] | None:
    """Two dims of which the first may reach beyond the next position of the second.

    The documentation of `cuTensorMapEncodeTiled` has each step be that of the dim before, times its size and padding.
    """
    sizes = [_size_of(roles, dim).static for dim in dims]
    for i, j in permutations(range(len(dims)), 2):
        if sizes[j] != 1 and dims[i].step <= dims[j].step and not _fits(sizes[i], dims[i], dims[j]):
            return i, j
    return None


def _fits(size: int | None, inner: Dim, outer: Dim) -> bool:
    """Whether so many positions lie within one of the outer dim."""
    return size is not None and size * inner.step <= outer.step


def _apart(roles: Roles, side: Side, dims: list[Dim], i: int, j: int) -> list[Dim]:
    """Dims of which two do not overlap any more: the end of the first was no whole step, or they are one. Raises
    NoMatch."""
    step = gcd(dims[i].step, dims[j].step)
    finer = dims[i].finer(step) if step < dims[i].step else None
    if finer is not None and _fits(_size_of(roles, finer).static, finer, dims[j]):
        return [*dims[:i], finer, *dims[i + 1 :]]
    return _fewer(roles, side, dims, [(i, j), (j, i)], "a tensor whose dims overlap")


def _fewer(
    roles: Roles, side: Side, dims: list[Dim], pairs: Iterable[tuple[int, int]], what: str
) -> list[Dim]:
    """One dim less: the two of a pair are joined whose steps differ least. Raises NoMatch."""
    options = [
        (max(dims[i].step, dims[j].step) // joined.step, i, j, joined)
        for i, j in pairs
        if 0 not in (i, j)
        and not _ends_in_box(roles, side, dims[i])
        and (joined := dims[i].joined(dims[j])) is not None
    ]
    if not options:
        raise NoMatch(what)
    _, i, j, joined = min(options, key=lambda option: option[:3])
    return [joined if k == i else dim for k, dim in enumerate(dims) if k != j]


def _ends_in_box(roles: Roles, side: Side, dim: Dim) -> bool:
    """Whether zeros are wanted behind the dim: a box may have more positions than are left to sum over."""
    axis = dim.factors[0][0]
    return axis in side.sums and (roles.arrangement.extent(axis).static or 0) % dim.box != 0


def _size_of(roles: Roles, dim: Dim) -> Size:
    """How many positions it has."""
    sizes = [(roles.arrangement.extent(axis) + -1) * factor for axis, factor in dim.factors]
    return sum(sizes, Size.of(1))


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
    return [(e.size(_size_of(roles, dim)), dim.step, dim.box, dim.apart) for dim in dims]


def place_of(e: GpuEmitter, dims: tuple[Dim, ...], position: Callable[[int], Index]) -> list[Index]:
    """Where a box is, by positions of axes."""
    return [e.add(*(e.mul(position(axis), factor) for axis, factor in dim.factors)) for dim in dims]
