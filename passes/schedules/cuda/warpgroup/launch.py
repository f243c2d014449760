"""The launch: one thread that copies, warpgroups that multiply, and the ring of stages between them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from aicc.passes.schedules.cpu.emit import Index
from aicc.passes.schedules.cuda.asynchronous import (
    GROUP,
    Barriers,
    Operand,
    depth_of,
    keep_registers,
    meet_cluster,
    multiprocessors,
    start_barriers,
    tensor_map,
    wait_products,
)
from aicc.passes.schedules.cuda.contraction.launch import emit_plain, tile_place
from aicc.passes.schedules.cuda.contraction.results import result_lanes, store_results
from aicc.passes.schedules.cuda.contraction.roles import Roles, Side
from aicc.passes.schedules.cuda.contraction.rows import Patch, product_of
from aicc.passes.schedules.cuda.emitter import WARP, GpuEmitter, Shared, decompose
from aicc.passes.schedules.cuda.warpgroup.boxes import (
    Dim,
    boxes_of,
    dims_of,
    operand_of,
    place_of,
    sizes_of,
)
from aicc.passes.schedules.cuda.warpgroup.plan import (
    FEW_REGISTERS,
    MANY_REGISTERS,
    SLAB_COLUMNS,
    SLAB_ROWS,
    Plan,
    turns_of,
)
from aicc.passes.schedules.cuda.warpgroup.products import WarpgroupSums
from aicc.passes.schedules.cuda.warpgroup.stores import BoxStores, boxed_output
from aicc.target import Target


@dataclass(frozen=True, eq=False)
class Source:
    """An operand: how its tiles lie in shared memory, and what copies them there, of boxes of `dims`."""

    side: Side
    operand: Operand
    array: Shared
    tensor_map: str
    dims: tuple[Dim, ...]


def emit_warpgroup(e: GpuEmitter, roles: Roles, plan: Plan, target: Target) -> None:
    """Two launches, of which the host takes the one that fits how the arguments are aligned."""
    buffers = [access.buffer for access in roles.arrangement.layout.accesses.values()]
    e.when_aligned(buffers, lambda: _emit(e, roles, plan), lambda: emit_plain(e, roles, target))


def _emit(e: GpuEmitter, roles: Roles, plan: Plan) -> None:
    """
    gpu.launch clusters(1 or 2) blocks(multiprocessors) threads(128 + 128 * warpgroups) {
      barriers: of each stage, "full" and "empty"
      if the first warpgroup: one thread: for tiles, for stages { wait empty; copy, full when the bytes are there }
      else: for tiles { for stages { wait full; sums += products; empty those before }; stages on sums, stores }
    }

    Two blocks of a cluster have tiles one below the other, and go through them at the same pace: each copies its own
    rows and half of the columns, and the columns to both. So a stage is empty when both have read it.
    """
    extents = [e.size(extent) for extent in roles.arrangement.layout.extents]
    each_down = [e.ceil_div(extents[axis], box) for axis, box in zip(roles.rows, plan.patch, strict=True)]
    down: Index = 1
    for count in each_down:
        down = e.mul(down, count)
    steps = e.ceil_div(down, plan.cluster)
    across = e.ceil_div(product_of(e, roles.columns, extents), plan.columns)
    tiles = e.mul(e.mul(steps, across), product_of(e, roles.batch, extents))  # of clusters
    sums_extents = [size.static or 0 for size in roles.extent(roles.sums)]
    depth = depth_of(roles.left.element)
    turns = turns_of(sums_extents, depth)
    assert turns, "the schedule takes no others"
    left = _source(e, roles, roles.left, operand_of(roles.left, plan.rows), plan.patch, plan.stages)
    columns = operand_of(roles.right, plan.columns, plan.cluster)
    right = _source(e, roles, roles.right, columns, (columns.share,), plan.stages)
    output = boxed_output(roles, plan)
    boxes = BoxStores(e, roles, plan, output) if output is not None else None
    slab = (
        boxes.buffers
        if boxes is not None
        else e.shared((plan.groups * SLAB_ROWS, SLAB_COLUMNS), roles.sum_type)
    )
    ring = e.shared((2 * plan.stages,), "i64")
    sizes = (left.array.bytes, right.array.bytes, slab.bytes)
    memory = [(left.array, 0), (right.array, sizes[0]), (slab, sum(sizes[:2])), (ring, sum(sizes))]
    grid = e.mul(e.min(tiles, e.div(multiprocessors(e), plan.cluster)), plan.cluster)
    with e.launch([grid], [plan.threads], dynamic=memory, cluster=plan.cluster) as where:
        thread = where.thread[0]
        cluster, clusters = (e.div(number, plan.cluster) for number in (where.block[0], where.grid[0]))
        rank = e.rem(where.block[0], plan.cluster)
        full, empty = Barriers(e, ring, 0), Barriers(e, ring, plan.stages)
        with e.when(e.compare("eq", thread, 0)):
            for each in range(plan.stages):
                full.start(each, 1)
                empty.start(each, plan.cluster * plan.groups * GROUP // WARP)
            start_barriers(e)
        if plan.cluster > 1:
            meet_cluster(e)
        else:
            e.barrier()

        @contextmanager
        def each_tile() -> Iterator[tuple[list[Index], Patch, Index, Index]]:
            """Tiles of this block: the batch's place, the rows, the first column, the stages before."""
            with e.loop(cluster, tiles, clusters, [e.index(0)], ["index"]) as loop:
                number, one = e.rem(loop.index, e.mul(steps, across)), e.div(loop.index, e.mul(steps, across))
                step, column = tile_place(e, number, steps, across, plan.band)
                place: list[Index] = [0] * len(extents)
                decompose(e, one, roles.batch, extents, place)
                starts = _spread(e, e.add(e.mul(step, plan.cluster), rank), each_down)
                rows = Patch(
                    tuple(e.mul(at, box) for at, box in zip(starts, plan.patch, strict=True)), plan.patch
                )
                yield place, rows, e.mul(column, plan.columns), loop.args[0]
                loop.next = [e.index(e.add(loop.args[0], turns))]

        with e.when(e.compare("ult", thread, GROUP)):
            if plan.shares_registers:
                keep_registers(e, FEW_REGISTERS, False)
            first = e.compare("eq", thread, 0)
            with (
                e.when(first),
                each_tile() as (place, rows, first_column, before),
                e.loop(0, turns) as loop,
            ):
                number = e.add(before, loop.index)
                stage = e.rem(number, plan.stages)
                # Of the same parity as the turn before this one.
                empty.wait(stage, e.add(e.div(number, plan.stages), 1))
                full.expect(stage, plan.stage_bytes)
                here = list(place)
                summed = _spread(e, loop.index, [*sums_extents[:-1], turns_of(sums_extents[-1:], depth)])
                for axis, at in zip(roles.sums, summed, strict=True):
                    here[axis] = e.mul(at, depth) if axis == roles.sums[-1] else at
                for axis, at in zip(roles.rows, rows.starts, strict=True):
                    here[axis] = at
                _copy(e, left, full, stage, here, 0)
                here[roles.columns[0]] = first_column
                _copy(e, right, full, stage, here, e.mul(rank, columns.share))
            e.otherwise()
            if plan.shares_registers:
                keep_registers(e, MANY_REGISTERS, True)
            own = e.sub(thread, GROUP)
            held = WarpgroupSums(e, plan, roles, e.rem(own, GROUP), e.div(own, GROUP))
            operands = (left.operand, left.array), (right.operand, right.array)
            lane = e.rem(own, WARP)
            speaks = e.compare("ult", lane, plan.cluster)  # for its warp, one to each block

            def give_back(number: Index) -> None:
                with e.when(speaks):
                    if plan.cluster > 1:
                        empty.arrive_in(e.rem(number, plan.stages), lane)
                    else:
                        empty.arrive(e.rem(number, plan.stages))

            with each_tile() as (place, rows, first_column, before):
                full.wait(e.rem(before, plan.stages), e.div(before, plan.stages))
                sums = held.add(None, *operands, e.rem(before, plan.stages))
                with e.loop(1, turns, 1, [sums], [held.kind]) as loop:
                    number = e.add(before, loop.index)
                    full.wait(e.rem(number, plan.stages), e.div(number, plan.stages))
                    loop.next = [held.add(loop.args[0], *operands, e.rem(number, plan.stages))]
                    # Those before are done now, these go on.
                    wait_products(e, 1)
                    give_back(e.add(number, -1))
                wait_products(e, 0)
                give_back(e.add(before, turns - 1))
                if boxes is not None:
                    boxes.store(held, loop.results[0], place, rows, first_column)
                else:
                    lanes = result_lanes(roles)
                    store_results(e, roles, held, loop.results, slab, place, rows, first_column, lanes)
                    held.meet()
            if boxes is not None:
                boxes.finish(own)
        if plan.cluster > 1:
            meet_cluster(e)  # the other block may still write here, and speak to barriers


def _spread(e: GpuEmitter, number: Index, counts: list[Index] | list[int]) -> list[Index]:
    """Positions along axes (outermost first) of so many each."""
    place: list[Index] = [0] * len(counts)
    decompose(e, number, range(len(counts)), counts, place)
    return place


def _source(
    e: GpuEmitter, roles: Roles, side: Side, operand: Operand, patch: tuple[int, ...], stages: int
) -> Source:
    array = e.shared((stages * operand.bytes,), "i8")
    dims = dims_of(roles, side, boxes_of(side, operand, patch))
    base = e.base(side.access.buffer)
    sizes = sizes_of(e, roles, dims)
    found = tensor_map(e, base, side.element, e.size(side.access.offset), sizes)
    return Source(side, operand, array, found, dims)


def _copy(
    e: GpuEmitter, source: Source, full: Barriers, stage: Index, place: list[Index], first: Index
) -> None:
    """The boxes of one operand that this block copies, for all that share it: from the first position of each axis
    on, but for the last of its free ones, which begins at position `first` of the tile."""
    operand, last = source.operand, source.side.free[-1]
    for position in operand.boxes():
        here = list(place)
        here[last] = e.add(place[last], first, position)
        at = place_of(e, source.dims, here.__getitem__)
        offset = e.add(e.mul(stage, operand.bytes), operand.rows(e, e.add(first, position)))
        full.copy(stage, source.tensor_map, at, source.array, offset, operand.shared_by)
