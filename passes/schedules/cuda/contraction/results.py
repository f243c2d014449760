"""What becomes of the sums: the stages after the contraction on them, and the stores.

Sums go through shared memory in slabs of rows, so that neighbouring threads have neighbouring columns, and the
stages are written out once for each slab instead of once for each sum.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from aicc.passes.schedules.cpu.access import Access
from aicc.passes.schedules.cpu.emit import Index, element_bits, vector
from aicc.passes.schedules.cpu.inline import uniform, varying, widened
from aicc.passes.schedules.cpu.read import read_scalar
from aicc.passes.schedules.cpu.reduction.point import Row, RowPoint
from aicc.passes.schedules.cpu.reduction.shift import Shifted
from aicc.passes.schedules.cuda.contraction.plan import Plan
from aicc.passes.schedules.cuda.contraction.roles import Roles
from aicc.passes.schedules.cuda.contraction.rows import TileRows, product_of
from aicc.passes.schedules.cuda.contraction.sums import Sums
from aicc.passes.schedules.cuda.emitter import ACCESS_BITS, GpuEmitter, Shared, decompose

# (row and column in the tile, place in the space, value, lanes): takes the sums of a point
Finish = Callable[[Index, Index, list[Index], str, int], None]

PAD = 4
"""Elements between rows of a slab, so that rows lie in different banks."""


def result_lanes(roles: Roles) -> int:
    """Columns a thread takes at once: 16 bytes of sums where everything lies so, else 1."""
    arrangement = roles.arrangement
    layout, space = arrangement.layout, arrangement.tree.space
    if space.guarded or space.extracts or space.fixed:
        return 1
    inner = roles.columns[-1]
    lanes = ACCESS_BITS // 32
    extent = arrangement.extent(inner).static
    if any(element_bits(t) > 32 for t in space.elements) or extent is None:
        return 1
    operands = (roles.left.access, roles.right.access)
    for access in dict.fromkeys(layout.accesses.values()):
        if access in operands:
            continue
        if not access.linear or access.coef(inner) not in (0, 1):
            return 1
        if access.coef(inner) == 0:
            continue
        steps = [access.offset.static, *(access.coef(a) for a in range(len(layout.extents)) if a != inner)]
        while lanes > 1 and any(step is None or step % lanes for step in steps):
            lanes //= 2
    while lanes > 1 and extent % lanes:
        lanes //= 2
    return lanes


def slab_of(e: GpuEmitter, roles: Roles, plan: Plan, rows: int) -> Shared:
    """Shared memory for the sums of a slab."""
    return e.shared((rows, plan.columns + PAD), roles.sum_type)


def store_results(
    e: GpuEmitter,
    roles: Roles,
    held: Sums,
    sums: list[str],
    slab: Shared,
    place: list[Index],
    tile_rows: TileRows,
    first_column: Index,
    lanes: int,
    finish: Finish | None = None,
) -> None:
    """Gives all sums away, to `finish` (default: the stages and the stores). `place` has the batch's indices,
    `tile_rows` says which rows the tile has, and its columns begin with `first_column`."""
    finish = finish or results_of(e, roles)
    count, rows = held.slabs
    extents = [e.size(extent) for extent in roles.arrangement.layout.extents]
    last_column = product_of(e, roles.columns, extents)
    for number in range(count):

        def take(row: Index, column: Index, value: str, width: int) -> None:
            e.store_shared(value, slab, held.place(row, column), width)

        held.give(sums, number, take)
        held.meet()
        each = held.width // lanes
        with e.loop(held.thread, rows * each, held.threads) as loop:
            row, column = e.div(loop.index, each), e.mul(e.rem(loop.index, each), lanes)
            tile_row, tile_column = held.first_row(number, row), e.add(held.first_column(number), column)
            n = e.add(first_column, tile_column)
            with slab_points(e, roles, place, tile_rows, tile_row, n, last_column) as at:
                decompose(e, n, roles.columns, extents, at)
                value = e.load_shared(slab, held.place(row, column), lanes)
                finish(tile_row, tile_column, at, value, lanes)
        if number + 1 < count:
            held.meet()


@contextmanager
def slab_points(
    e: GpuEmitter,
    roles: Roles,
    place: list[Index],
    tile_rows: TileRows,
    row: Index,
    column: Index,
    last_column: Index,
) -> Iterator[list[Index]]:
    """Where there is such a row of the tile, and such a column of all; yields the place, of the row so far."""
    at = list(place)
    is_row = tile_rows.locate(e, roles, row, at)
    with e.when(e.op(f"arith.andi {is_row}, {e.compare('slt', column, last_column)} : i1")):
        yield at


def results_of(e: GpuEmitter, roles: Roles) -> Finish:
    """The stages after the contraction, and the stores."""

    def store(row: Index, column: Index, at: list[Index], value: str, lanes: int) -> None:
        _store_point(e, roles, at, value, lanes)

    return store


def _store_point(e: GpuEmitter, roles: Roles, at: list[Index], value: str, lanes: int) -> None:
    for access, found in results_at(e, roles, at, value, lanes):
        address = e.address(access, lambda axis: at[axis])
        e.store(found, e.base(access.buffer), address, access.buffer.element, lanes)


def results_at(
    e: GpuEmitter, roles: Roles, at: list[Index], value: str, lanes: int
) -> list[tuple[Access, str]]:
    """What the stages make of sums at a place: of each output a vector of its elements (`lanes` 1: one)."""
    tree, layout = roles.arrangement.tree, roles.arrangement.layout
    step = tree.steps[0]
    kind = roles.sum_type
    start = read_scalar(e, step.starts[0].value, kind)
    add = "addi" if kind == "i32" else "addf"
    total = e.op(f"arith.{add} {value}, {e.broadcast(start, kind, lanes)} : {vector(kind, lanes)}")
    row = Row()
    row.given[step.stage, 0] = varying(total) if lanes > 1 else uniform(total)
    point = RowPoint(e, roles.arrangement, Shifted(), lanes, at, None, row, {})
    outputs = [(layout.accesses[output.access], output.node) for output in tree.outputs]
    return [(access, widened(e, point.value(node), access.buffer.element, lanes)) for access, node in outputs]
