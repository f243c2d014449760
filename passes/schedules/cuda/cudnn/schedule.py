"""Convolutions by cuDNN."""

from __future__ import annotations

from typing import Any

from aicc.passes.schedules.cuda.cudnn.convolution import Found, convolution_of
from aicc.passes.schedules.cuda.cudnn.epilogue import absorb
from aicc.passes.schedules.cuda.vendor import LibrarySchedule, Work
from aicc.passes.schedules.cuda.vendor.schedule import Padding
from aicc.passes.schedules.cuda.vendor.split import Split, cut, root_of, split
from aicc.passes.schedules.schedule import Config, PackLayout
from aicc.target import Target

_WORKSPACE = 256 << 20
"""Bytes. Plans that want more are left out; most want next to nothing."""


class Cudnn(LibrarySchedule):
    """See the package."""

    name = "cudnn"

    def read(self, kernel: Any, target: Target) -> Work:
        """Raises NoMatch."""
        parts, found = _parts(kernel, target)
        padding = None
        if found.padded is not None:
            padded = cut(kernel, lambda op: bool(op.name == "tensor.pad"))
            padding = Padding(padded, found.call.element, found.padded)
        return Work(
            parts,
            found.call,
            found.nest,
            found.accesses,
            found.root.extents,
            found.numbers,
            found.accesses[2].buffer,
            found.seconds(target),
            _WORKSPACE,
            padding,
        )

    def layouts(self, kernel: Any, target: Target, config: Config) -> dict[int, PackLayout]:
        """Weights as filter, window, channel."""
        _, found = _parts(kernel, target)
        layout = _filters_first(found)
        return {} if layout is None else {found.accesses[1].buffer.number: layout}

    def pads(self, kernel: Any, target: Target) -> tuple[int, ...]:
        """The input."""
        _, found = _parts(kernel, target)
        return () if found.padded is not None else (found.accesses[0].buffer.number,)


def _parts(kernel: Any, target: Target) -> tuple[Split, Found]:
    """What is found refers to the parts' module. Raises NoMatch."""
    epilogue = absorb(root_of(kernel))
    parts = split(kernel, epilogue.value)
    return parts, convolution_of(parts.first, epilogue, target)


def _filters_first(found: Found) -> PackLayout | None:
    """None: they are so already, or are packed already."""
    geometry, buffer = found.geometry, found.accesses[1].buffer
    where = {index.single: position for position, index in enumerate(found.weights.indices)}
    taps = [s.tap for s in geometry.spatial if s.tap is not None]
    group, channels = ([] if axis is None else [axis] for axis in (geometry.group, geometry.channels))
    order = [*group, geometry.filters, *taps, *channels]
    if buffer.layout is not None or set(where) != set(order):
        return None
    perm = tuple(where[axis] for axis in order)
    size = buffer.shape[perm[-1]].static
    if size is None or perm == tuple(range(len(perm))):
        return None
    return PackLayout(perm, (perm[-1],), (size,))


SCHEDULE = Cudnn()
