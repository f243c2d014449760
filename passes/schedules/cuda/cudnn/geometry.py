"""A contraction as a convolution: which of its axes are images, filters, channels, positions and windows."""

from __future__ import annotations

from dataclasses import dataclass

from aicc.passes.schedules.cpu.indexing import Expr
from aicc.passes.schedules.cpu.nest import Generic, Operand
from aicc.passes.schedules.cpu.sizes import Size
from aicc.passes.schedules.schedule import NoMatch


@dataclass(frozen=True)
class Spatial:
    """An axis of x: element `position * stride + tap * dilation`. `position` and `tap` are axes of the contraction;
    None: there is one only."""

    position: int | None
    tap: int | None
    stride: int = 1
    dilation: int = 1


@dataclass(frozen=True)
class Geometry:
    """`images`, `filters` and `channels` (of one group) are axes; None: there is one only. `group` is the axis of
    groups if they have one, next to that of channels in memory: `filters` are those of one group then."""

    images: int | None
    group: int | None
    filters: int
    channels: int | None
    groups: int
    spatial: tuple[Spatial, ...]

    @property
    def results(self) -> list[int | None]:
        """The axes of results as they lie in memory."""
        group = [] if self.group is None else [self.group]
        return [self.images, *(s.position for s in self.spatial), *group, self.filters]


def geometry_of(root: Generic, x: Operand, w: Operand) -> Geometry:
    """Of operands whose last dim is the channels' (behind that of groups, perhaps), and their first, of x, the images'.
    Raises NoMatch."""
    parallel = root.parallel
    of_weights = [d for index in w.indices for d in index.used()]
    filters = [d for d in of_weights if parallel[d]]
    indices = list(x.indices)
    group = indices[-2].single if len(indices) > 3 and len(filters) == 2 else None
    if group is not None and group in filters:
        filters.remove(group)
        del indices[-2]
    if len(filters) != 1 or len(of_weights) != len(set(of_weights)):
        raise NoMatch("weights that are no filters")
    if len(indices) not in (3, 4, 5):
        raise NoMatch("an input without one to three spatial axes")
    first, *middle, last = indices
    images = _lone(first, parallel, True)
    spatial = tuple(_spatial(index, parallel) for index in middle)
    channels, groups = _channels(root, last, filters[0])
    if group is not None:
        if groups != 1:
            raise NoMatch("groups of groups")
        groups = static(root.extents[group], "groups")
    taps = [s.tap for s in spatial if s.tap is not None]
    positions = [s.position for s in spatial if s.position is not None]
    inner = taps if channels is None else [*taps, channels]
    outer = [filters[0], *positions, *(axis for axis in (images, group) if axis is not None)]
    sums = [d for d, kept in enumerate(parallel) if not kept]
    kept = [d for d, kept in enumerate(parallel) if kept]
    if (
        sorted(inner) != sums
        or sorted(outer) != kept
        or set(of_weights)
        != {
            filters[0],
            *inner,
            *([] if group is None else [group]),
        }
    ):
        raise NoMatch("no convolution")
    if len(middle) == 1 and not taps:
        raise NoMatch("a product of matrices")
    return Geometry(images, group, filters[0], channels, groups, spatial)


def _lone(index: Expr, parallel: tuple[bool, ...], kind: bool) -> int | None:
    """The axis that an index is; None: it is always zero."""
    if index == Expr():
        return None
    if index.single is None or parallel[index.single] != kind:
        raise NoMatch("no convolution")
    return index.single


def _spatial(index: Expr, parallel: tuple[bool, ...]) -> Spatial:
    if index.quotients or index.const or any(factor <= 0 for _, factor in index.dims):
        raise NoMatch("windows that do not move by strides")
    positions = [(d, factor) for d, factor in index.dims if parallel[d]]
    taps = [(d, factor) for d, factor in index.dims if not parallel[d]]
    if len(positions) > 1 or len(taps) > 1:
        raise NoMatch("windows of more than one axis")
    position, stride = positions[0] if positions else (None, 1)
    tap, dilation = taps[0] if taps else (None, 1)
    return Spatial(position, tap, stride, dilation)


def _channels(root: Generic, index: Expr, filters: int) -> tuple[int | None, int]:
    """The axis of a group's channels, and how many groups: channel is `filter floordiv n * size + axis`."""
    count = root.extents[filters].static
    sums = [(d, factor) for d, factor in index.dims if not root.parallel[d]]
    groups = [(d, factor) for d, factor in index.dims if root.parallel[d]]
    if index.const or len(sums) > 1 or any(factor != 1 for _, factor in sums):
        raise NoMatch("channels that do not lie side by side")
    channels = sums[0][0] if sums else None
    size = 1 if channels is None else root.extents[channels].static
    if not groups and not index.quotients:
        return channels, 1
    if groups and not index.quotients:
        fits, per = groups == [(filters, size)], 1
    else:
        (quotient, factor), *others = index.quotients
        per = quotient.divisor
        whole = quotient.value == Expr.dim(filters) and not quotient.remainder
        fits = whole and factor == size and not groups and not others
    if not fits or count is None or count % per:
        raise NoMatch("groups of channels that are none of filters")
    return channels, count // per


def static(size: Size, what: str) -> int:
    """Raises NoMatch when only a run knows it."""
    if size.static is None:
        raise NoMatch(f"{what} of a size that only a run knows")
    return size.static
