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
    keep_registers,
    multiprocessors,
    start_barriers,
    tensor_map,
    wait_products,
)
from aicc.passes.schedules.cuda.contraction.launch import emit_plain, tile_place
from aicc.passes.schedules.cuda.contraction.results import product_of, result_lanes, store_results
from aicc.passes.schedules.cuda.contraction.roles import Roles, Side
from aicc.passes.schedules.cuda.emitter import WARP, GpuEmitter, Shared, decompose
from aicc.passes.schedules.cuda.warpgroup.plan import (
    FEW_REGISTERS,
    MANY_REGISTERS,
    SLAB_COLUMNS,
    SLAB_ROWS,
    Plan,
)
from aicc.passes.schedules.cuda.warpgroup.products import WarpgroupSums
from aicc.target import Target


@dataclass(frozen=True, eq=False)
class Source:
    """An operand: how its tiles lie in shared memory, and what copies them there. `batch` are the batch axes it
    moves along."""

    side: Side
    operand: Operand
    array: Shared
    tensor_map: str
    batch: tuple[int, ...]


def emit_warpgroup(e: GpuEmitter, roles: Roles, plan: Plan, target: Target) -> None:
    """Two launches, of which the host takes the one that fits how the arguments are aligned."""
    buffers = [access.buffer for access in roles.arrangement.layout.accesses.values()]
    with e.when(e.all_aligned(buffers)):
        _emit(e, roles, plan)
        e.otherwise()
        emit_plain(e, roles, target)


def _emit(e: GpuEmitter, roles: Roles, plan: Plan) -> None:
    """
    gpu.launch blocks(multiprocessors) threads(128 + 64 * warpgroups) {
      barriers: of each stage, "full" and "empty"
      if the first warpgroup: one thread: for tiles, for stages { wait empty; copy, full when the bytes are there }
      else: for tiles { for stages { wait full; sums += products; empty those before }; stages on sums, stores }
    }
    """
    extents = [e.size(extent) for extent in roles.arrangement.layout.extents]
    down = e.ceil_div(product_of(e, roles.rows, extents), plan.rows)
    across = e.ceil_div(product_of(e, roles.columns, extents), plan.columns)
    tiles = e.mul(e.mul(down, across), product_of(e, roles.batch, extents))
    (sums_extent,) = (roles.arrangement.extent(axis).static for axis in roles.sums)
    assert sums_extent, "the schedule takes no other"
    turns = -(-sums_extent // Operand.DEPTH)
    left = _source(e, roles, roles.left, plan.rows, plan.stages, extents)
    right = _source(e, roles, roles.right, plan.columns, plan.stages, extents)
    slab = e.shared((plan.groups * SLAB_ROWS, SLAB_COLUMNS), "f32")
    ring = e.shared((2 * plan.stages,), "i64")
    sizes = (left.array.bytes, right.array.bytes, slab.bytes)
    memory = [(left.array, 0), (right.array, sizes[0]), (slab, sum(sizes[:2])), (ring, sum(sizes))]
    grid = e.min(tiles, multiprocessors(e))
    with e.launch([grid], [plan.threads], dynamic=memory) as where:
        thread, block, blocks = where.thread[0], where.block[0], where.grid[0]
        full, empty = Barriers(e, ring, 0), Barriers(e, ring, plan.stages)
        with e.when(e.compare("eq", thread, 0)):
            for each in range(plan.stages):
                full.start(each, 1)
                empty.start(each, plan.groups * GROUP // WARP)
            start_barriers(e)
        e.barrier()

        @contextmanager
        def each_tile() -> Iterator[tuple[list[Index], tuple[Index, Index], Index]]:
            """Tiles of this block: the batch's place, the first row and column, the stages before."""
            with e.loop(block, tiles, blocks, [e.index(0)], ["index"]) as loop:
                number, one = e.rem(loop.index, e.mul(down, across)), e.div(loop.index, e.mul(down, across))
                row, column = tile_place(e, number, down, across)
                place: list[Index] = [0] * len(extents)
                decompose(e, one, roles.batch, extents, place)
                yield place, (e.mul(row, plan.rows), e.mul(column, plan.columns)), loop.args[0]
                loop.next = [e.index(e.add(loop.args[0], turns))]

        with e.when(e.compare("ult", thread, GROUP)):
            if plan.shares_registers:
                keep_registers(e, FEW_REGISTERS, False)
            first = e.compare("eq", thread, 0)
            with e.when(first), each_tile() as (place, corner, before), e.loop(0, turns) as loop:
                number = e.add(before, loop.index)
                stage = e.rem(number, plan.stages)
                # Of the same parity as the turn before this one.
                empty.wait(stage, e.add(e.div(number, plan.stages), 1))
                full.expect(stage, plan.stage_bytes)
                for source, position in ((left, corner[0]), (right, corner[1])):
                    _copy(e, source, full, stage, position, e.mul(loop.index, Operand.DEPTH), place)
            e.otherwise()
            if plan.shares_registers:
                keep_registers(e, MANY_REGISTERS, True)
            own = e.sub(thread, GROUP)
            held = WarpgroupSums(e, plan, roles.left.element, e.rem(own, GROUP), e.div(own, GROUP))
            operands = (left.operand, left.array), (right.operand, right.array)
            speaks = e.compare("eq", e.rem(own, WARP), 0)  # for its warp
            with each_tile() as (place, corner, before):
                full.wait(e.rem(before, plan.stages), e.div(before, plan.stages))
                sums = held.add(None, *operands, e.rem(before, plan.stages))
                with e.loop(1, turns, 1, [sums], [held.kind]) as loop:
                    number = e.add(before, loop.index)
                    full.wait(e.rem(number, plan.stages), e.div(number, plan.stages))
                    loop.next = [held.add(loop.args[0], *operands, e.rem(number, plan.stages))]
                    # Those before are done now, these go on.
                    wait_products(e, 1)
                    with e.when(speaks):
                        empty.arrive(e.rem(e.add(number, -1), plan.stages))
                wait_products(e, 0)
                with e.when(speaks):
                    empty.arrive(e.rem(e.add(before, turns - 1), plan.stages))
                store_results(e, roles, held, loop.results, slab, place, corner, result_lanes(roles))
                held.meet()


def _source(
    e: GpuEmitter, roles: Roles, side: Side, positions: int, stages: int, extents: list[Index]
) -> Source:
    operand = Operand(side.along == "sums", positions)
    array = e.shared((stages * operand.bytes,), "i8")
    axes = (side.sums[0], side.free[0]) if operand.by_sums else (side.free[0], side.sums[0])
    coefs = side.access.coefs
    batch = tuple(axis for axis in roles.batch if side.access.moves(axis))
    boxes = operand.box()
    dims = [(extents[axis], e.size(coefs[axis]), box) for axis, box in zip(axes, boxes, strict=True)]
    dims += [(extents[axis], e.size(coefs[axis]), 1) for axis in batch]
    base = e.base(side.access.buffer)
    found = tensor_map(e, base, side.element, e.size(side.access.offset), dims)
    return Source(side, operand, array, found, batch)


def _copy(
    e: GpuEmitter,
    source: Source,
    full: Barriers,
    stage: Index,
    start: Index,
    first: Index,
    place: list[Index],
) -> None:
    """The boxes of one operand, from position `start` and sum `first` on."""
    operand = source.operand
    batch = [place[axis] for axis in source.batch]
    for position, offset in operand.boxes():
        free = e.add(start, position)
        at = [first, free, *batch] if operand.by_sums else [free, first, *batch]
        full.copy(stage, source.tensor_map, at, source.array, e.add(e.mul(stage, operand.bytes), offset))
