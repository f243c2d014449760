"""Tiles of q, k and v in shared memory, as copies lay them out and products read them."""

from __future__ import annotations

from dataclasses import dataclass

from aicc.passes.schedules.cpu.access import Access
from aicc.passes.schedules.cpu.attention.roles import Attention
from aicc.passes.schedules.cpu.emit import Index
from aicc.passes.schedules.cpu.sizes import Size
from aicc.passes.schedules.cuda.asynchronous import ATOM, LINE, Barriers, address, descriptor, tensor_map
from aicc.passes.schedules.cuda.emitter import ACCESS_BITS, GpuEmitter, Shared
from aicc.passes.schedules.schedule import NoMatch

CHUNK = 64
"""Elements (of 16 bits) of a line in a box: 128 bytes."""

_MOST_DIMS = 5
_TOGETHER = ACCESS_BITS // 16
"""Elements that steps in memory are multiples of."""


@dataclass(frozen=True)
class Layout:
    """`lines x width` elements of 16 bits: boxes of 64 columns, one after the other, each of all lines. What is beyond
    the width is 0."""

    lines: int
    width: int

    @property
    def bytes(self) -> int:
        """Of a tile."""
        return self.boxes * self.box_bytes

    @property
    def boxes(self) -> int:
        """How many there are."""
        return -(-self.width // CHUNK)

    @property
    def box_bytes(self) -> int:
        """Of one."""
        return self.lines * LINE

    def along(self, column: int) -> int:
        """Bytes to a column, a multiple of 8."""
        return column // CHUNK * self.box_bytes + column % CHUNK * 2

    @property
    def summed_columns(self) -> int:
        """The parts of a descriptor that are no address, for sums along the columns."""
        return (1 << 62) | (ATOM // 16 << 32) | (1 << 16)

    @property
    def summed_lines(self) -> int:
        """The same for sums along the lines."""
        return (1 << 62) | (ATOM // 16 << 32) | (self.box_bytes // 16 << 16)


def axes_of(roles: Attention, access: Access, inner: int, lines: int) -> tuple[int, ...]:
    """The dims of an operand's tensor map, innermost first. Raises NoMatch."""
    if access.coef(inner) != 1:
        raise NoMatch("an operand that is not contiguous along a head")
    moving = [axis for axis in range(len(roles.extents)) if axis not in (inner, lines) and access.moves(axis)]
    axes = (inner, lines, *reversed(moving))
    steps = [access.offset, *(access.coefs[axis] for axis in axes[1:])]
    if not access.linear or not access.moves(lines) or any(not _is_multiple(step) for step in steps):
        raise NoMatch("an operand whose rows are no multiples of 16 bytes apart")
    if len(axes) > _MOST_DIMS:
        raise NoMatch(f"a tensor of more than {_MOST_DIMS} dims")
    return axes


def _is_multiple(size: Size) -> bool:
    return all(factor % _TOGETHER == 0 and factor >= 0 for _, factor in size.terms)


class Tiles:
    """`stages` tiles of an operand in shared memory, and the map by which they are copied there. Made on the host,
    before the launch."""

    def __init__(
        self,
        e: GpuEmitter,
        roles: Attention,
        access: Access,
        inner: int,
        lines: int,
        layout: Layout,
        stages: int,
    ) -> None:
        self.e, self.layout = e, layout
        self.inner, self.lines = inner, lines
        self.array: Shared = e.shared((stages * layout.bytes,), "i8")
        self.axes = axes_of(roles, access, inner, lines)
        boxes = {inner: CHUNK, lines: layout.lines}
        dims = [
            (e.size(roles.extents[axis]), e.size(access.coefs[axis]), boxes.get(axis, 1), 1)
            for axis in self.axes
        ]
        self.map = tensor_map(e, e.base(access.buffer), access.buffer.element, e.size(access.offset), dims)

    def copy(self, barriers: Barriers, number: Index, stage: Index, place: list[Index], first: Index) -> None:
        """By one thread: starts the copy of the lines from `first` on; barrier `number` gets their bytes."""
        e = self.e
        barriers.expect(number, self.layout.bytes)
        here = list(place)
        here[self.lines] = first
        for box in range(self.layout.boxes):
            here[self.inner] = box * CHUNK
            offset = e.add(e.mul(stage, self.layout.bytes), box * self.layout.box_bytes)
            barriers.copy(number, self.map, [here[axis] for axis in self.axes], self.array, offset)

    def descriptor(self, stage: Index, first: Index, fixed: int) -> str:
        """Of the lines from `first` (a multiple of 8) on."""
        e = self.e
        offset = e.add(e.mul(stage, self.layout.bytes), e.mul(first, LINE))
        return descriptor(e, address(e, self.array, offset), fixed)


def ahead(e: GpuEmitter, start: str, bytes_: int) -> str:
    """The descriptor of what lies `bytes_` further."""
    return e.pure(f"arith.addi {start}, {e.constant(str(bytes_ // 16), 'i64')} : i64") if bytes_ else start
