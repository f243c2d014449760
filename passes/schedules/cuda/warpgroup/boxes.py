"""How copies of boxes see an operand: as a tensor of at most five dims, from whose boxes its tiles are made.

    a[b, h + kh, w + kw, c]        axes b, h, w (rows), kh, kw, c (sums)
    dims: c, w + kw, h + kh, b     boxes of 64 x 8 x 16 x 1, at (c, w + kw, h + kh, b)

Axes with the same step in memory are one dim: a window moves the box. Where it moves further than by one element
(strides), its axes are dims of their own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from aicc.passes.schedules.cpu.emit import Index
from aicc.passes.schedules.cuda.asynchronous import Operand
from aicc.passes.schedules.cuda.contraction.roles import Roles, Side
from aicc.passes.schedules.cuda.emitter import GpuEmitter
from aicc.passes.schedules.schedule import NoMatch

_MOST_DIMS = 5


@dataclass(frozen=True)
class Dim:
    """Axes whose positions add up, and the box's extent along them."""

    axes: tuple[int, ...]
    box: int


def dims_of(roles: Roles, side: Side, boxes: Mapping[int, int]) -> tuple[Dim, ...]:
    """The dims of an operand, innermost first. `boxes` are extents of the box by axis, 1 for others; those of free
    axes lie in it in the order of the axes. Raises NoMatch."""
    by_sums = side.along == "sums"
    if not by_sums and len(side.free) > 1:
        raise NoMatch("several axes, and contiguous along the last of them")
    inner = side.sums[-1] if by_sums else side.free[-1]
    lines = side.free[::-1] if by_sums else side.sums[-1:]
    moving = [axis for axis in (*side.sums[::-1], *roles.batch) if side.access.moves(axis)]
    order = [inner, *(axis for axis in lines if axis != inner)]
    order += [axis for axis in moving if axis not in order]
    dims: list[Dim] = []
    for axis in order:
        coef, box = side.access.coef(axis), boxes.get(axis, 1)
        same = next(
            (i for i, d in enumerate(dims) if i and box == 1 and side.access.coef(d.axes[0]) == coef), None
        )
        if same is None:
            dims.append(Dim((axis,), box))
        else:
            dims[same] = Dim((*dims[same].axes, axis), dims[same].box)
    if len(dims) > _MOST_DIMS:
        raise NoMatch(f"a tensor of more than {_MOST_DIMS} dims")
    return tuple(dims)


def boxes_of(side: Side, operand: Operand, patch: tuple[int, ...]) -> dict[int, int]:
    """Extents of an operand's boxes, whose positions are a patch of the free axes."""
    inner, lines = operand.box()
    if not operand.by_sums:
        return {side.free[-1]: inner, side.sums[-1]: lines}
    return {side.sums[-1]: inner, **dict(zip(side.free, patch, strict=True))}


def sizes_of(
    e: GpuEmitter, roles: Roles, side: Side, dims: tuple[Dim, ...]
) -> list[tuple[Index, Index, int]]:
    """What a tensor map wants to know: size, step and box of each dim."""
    found: list[tuple[Index, Index, int]] = []
    for dim in dims:
        extents = [e.size(roles.arrangement.extent(axis)) for axis in dim.axes]
        size = e.add(*extents, 1 - len(extents))
        found.append((size, e.size(side.access.coefs[dim.axes[0]]), dim.box))
    return found


def place_of(e: GpuEmitter, dims: tuple[Dim, ...], position: Callable[[int], Index]) -> list[Index]:
    """Where a box is, by positions of axes."""
    return [e.add(*(position(axis) for axis in dim.axes)) for dim in dims]
