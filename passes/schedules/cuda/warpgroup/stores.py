"""Results that need little work: from registers through shared memory to the output by copies of boxes, which go on
while the threads have other sums to compute.

A warpgroup has two buffers of 64 rows and 128 bytes of columns, laid out as copies exchange chunks of 16 bytes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from aicc.passes.schedules.cpu.access import Access
from aicc.passes.schedules.cpu.emit import Index, element_bits, vector
from aicc.passes.schedules.cuda.asynchronous import (
    GROUP,
    LINE,
    begin_stores,
    store_box,
    store_matrices,
    tensor_map,
    wait_stores,
)
from aicc.passes.schedules.cuda.contraction.results import result_lanes, results_at
from aicc.passes.schedules.cuda.contraction.roles import Roles
from aicc.passes.schedules.cuda.contraction.rows import Patch
from aicc.passes.schedules.cuda.emitter import ACCESS_BITS, WARP, GpuEmitter
from aicc.passes.schedules.cuda.warpgroup.boxes import MOST_DIMS, Dim, place_of, sizes_of
from aicc.passes.schedules.cuda.warpgroup.plan import SLAB_ROWS, Plan
from aicc.passes.schedules.cuda.warpgroup.products import WarpgroupSums

_BUFFERS = 2
_BUFFER_BYTES = SLAB_ROWS * LINE
_ELEMENTS = ("f16", "bf16", "f32")
_LITTLE = 16.0
"""Operations of a result, its products' included: they are written out for each pair of a thread."""


@dataclass(frozen=True, eq=False)
class BoxedOutput:
    """The output as copies see it, in boxes of `columns` and of rows that are a patch `boxes` of each row axis."""

    access: Access
    dims: tuple[Dim, ...]
    columns: int
    boxes: tuple[int, ...]


def boxed_output(roles: Roles, plan: Plan) -> BoxedOutput | None:
    """None: there are several outputs, stages with much work, or operands to be read in whole lines; or the output does
    not lie as copies want it."""
    arrangement = roles.arrangement
    tree, accesses = arrangement.tree, arrangement.layout.accesses
    if len(tree.outputs) != 1 or result_lanes(roles) < 2:
        return None
    output = accesses[tree.outputs[0].access]
    others = [
        access
        for access in accesses.values()
        if access not in (roles.left.access, roles.right.access, output)
    ]
    if output.buffer.element not in _ELEMENTS or any(a.moves(axis) for a in others for axis in roles.rows):
        return None
    if sum(count for count, _ in tree.space.work) > _LITTLE:
        return None
    bits = element_bits(output.buffer.element)
    boxes = _half(plan.patch) if plan.groups == 2 else plan.patch
    axes = [
        (roles.columns[0], LINE * 8 // bits),
        *zip(roles.rows[::-1], boxes[::-1], strict=True),
        *((axis, 1) for axis in roles.batch[::-1]),
    ]
    steps = [output.coef(axis) for axis, _ in axes]
    lies = [output.offset.static, *steps[1:]]
    if not output.linear or steps[0] != 1 or len(axes) > MOST_DIMS:
        return None
    if any(step is None or step < 0 or step * bits % ACCESS_BITS for step in lies) or 0 in steps:
        return None
    dims = tuple(Dim(((axis, 1),), step or 0, box) for (axis, box), step in zip(axes, steps, strict=True))
    return BoxedOutput(output, dims, LINE * 8 // bits, boxes)


def _half(patch: tuple[int, ...]) -> tuple[int, ...]:
    """The first half of a patch's rows: of the outermost axis along which there are several."""
    split = next(i for i, box in enumerate(patch) if box > 1)
    return tuple(box // 2 if i == split else box for i, box in enumerate(patch))


class BoxStores:
    """What stores tiles, of the launch in which it is used."""

    def __init__(self, e: GpuEmitter, roles: Roles, plan: Plan, output: BoxedOutput) -> None:
        self.e, self.roles, self.plan, self.output = e, roles, plan, output
        self.element = output.access.buffer.element
        self.narrow = element_bits(self.element) == 16
        count = plan.groups * _BUFFERS * _BUFFER_BYTES
        self.buffers = e.shared((count,), "i8") if self.narrow else e.shared((count // 4,), self.element)
        base, offset = e.base(output.access.buffer), e.size(output.access.offset)
        self.map = tensor_map(e, base, self.element, offset, sizes_of(e, roles, output.dims))

    def store(
        self, held: WarpgroupSums, sums: str, place: Sequence[Index], rows: Patch, first_column: Index
    ) -> None:
        """Gives all sums of a tile away; returns while they are still being copied."""
        e, output = self.e, self.output
        lane, warp = e.rem(held.thread, WARP), e.div(held.thread, WARP)
        points = [list(place) for _ in range(2)]
        for half, point in enumerate(points):
            row = e.add(e.mul(held.group, SLAB_ROWS), e.mul(warp, 16), e.div(lane, 4), half * 8)
            rows.locate(e, self.roles, row, point)
        first = e.compare("eq", held.thread, 0)
        corner = list(place)
        for axis, start, box, whole in zip(
            self.roles.rows, rows.starts, output.boxes, rows.boxes, strict=True
        ):
            corner[axis] = e.add(start, e.mul(held.group, box)) if box < whole else start
        parts = self.plan.columns // output.columns
        for number in range(parts):
            column = e.add(first_column, number * output.columns)
            values = self._values(held, sums, points, column, number, lane)
            offset = e.mul(e.add(e.mul(held.group, _BUFFERS), number % _BUFFERS), _BUFFER_BYTES)
            with e.when(first):
                wait_stores(e, min(parts, _BUFFERS) - 1)
            held.meet()
            write = self._write_narrow if self.narrow else self._write_wide
            write(values, offset, lane, warp)
            begin_stores(e)
            held.meet()
            with e.when(first):
                corner[self.roles.columns[0]] = column
                store_box(e, self.map, place_of(e, output.dims, corner.__getitem__), self.buffers, offset)

    def finish(self, thread: Index) -> None:
        """Before the block ends, whose memory is read."""
        e = self.e
        with e.when(e.compare("eq", e.rem(thread, GROUP), 0)):
            wait_stores(e, 0)

    def _values(
        self,
        held: WarpgroupSums,
        sums: str,
        points: list[list[Index]],
        first_column: Index,
        number: int,
        lane: Index,
    ) -> list[str]:
        """Pairs of results: of each eight columns those of two rows."""
        e, axis = self.e, self.roles.columns[0]
        extent = e.size(self.roles.arrangement.extent(axis))
        whole = isinstance(extent, int) and extent % self.plan.columns == 0
        found = []
        for j in range(self.output.columns // 8):
            n = e.add(first_column, e.mul(e.rem(lane, 4), 2), j * 8)
            inside = n if whole else e.min(n, e.add(extent, -2))  # others are not stored, but may be read
            for half, point in enumerate(points):
                at = list(point)
                at[axis] = inside
                begin = number * self.output.columns // 2 + j * 4 + half * 2
                pair = held.pair(sums, begin)
                ((_, value),) = results_at(e, self.roles, at, pair, 2)
                found.append(value)
        return found

    def _write_narrow(self, values: list[str], offset: Index, lane: Index, warp: Index) -> None:
        """Line `row` of a buffer has its chunk `i` at `i ^ row % 8`."""
        e, kind = self.e, vector(self.element, 2)
        row = e.add(e.mul(warp, 16), e.rem(lane, 16))
        turn = e.pure(f"arith.xori {e.index(e.div(lane, 16))}, {e.index(e.rem(lane, 8))} : index")
        line = e.add(offset, e.mul(row, LINE))
        words = []
        for value in values:
            word = e.op(f"vector.bitcast {value} : {kind} to vector<1xi32>")
            words.append(e.op(f"vector.extract {word}[0] : i32 from vector<1xi32>"))
        for first in range(0, len(words), 4):
            chunk = e.pure(f"arith.xori {turn}, {e.index(first // 2)} : index")
            store_matrices(e, words[first : first + 4], self.buffers, e.add(line, e.mul(chunk, 16)))

    def _write_wide(self, values: list[str], offset: Index, lane: Index, warp: Index) -> None:
        """The same for elements of 32 bits, of which a chunk has four."""
        e = self.e
        row = e.add(e.mul(warp, 16), e.div(lane, 4))
        for number, value in enumerate(values):
            j, half = divmod(number, 2)
            chunk = e.add(e.div(e.rem(lane, 4), 2), j * 2)
            turned = e.pure(f"arith.xori {e.index(chunk)}, {e.index(e.div(lane, 4))} : index")
            line = e.add(e.div(offset, 4), e.mul(e.add(row, half * 8), LINE // 4))
            at = e.add(line, e.mul(turned, 4), e.mul(e.rem(lane, 2), 2))
            e.store_shared(value, self.buffers, [at], 2)
