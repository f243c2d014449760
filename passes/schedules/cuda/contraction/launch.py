"""The launch of a contraction: blocks over tiles, the loop over the sums, the results."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from aicc.passes.schedules.cpu.emit import Index
from aicc.passes.schedules.cuda.contraction.parts import Parts, turns_of
from aicc.passes.schedules.cuda.contraction.plan import ContractionConfig, Plan, plan_for, vector_of
from aicc.passes.schedules.cuda.contraction.products import (
    ByteProducts,
    PlainProducts,
    Products,
    TensorProducts,
    Tf32Products,
)
from aicc.passes.schedules.cuda.contraction.results import result_lanes, results_of, slab_of, store_results
from aicc.passes.schedules.cuda.contraction.roles import Roles
from aicc.passes.schedules.cuda.contraction.rows import Run, product_of
from aicc.passes.schedules.cuda.contraction.tiles import Loader, Tile, tile_of
from aicc.passes.schedules.cuda.emitter import GpuEmitter, decompose
from aicc.target import Target

_Maker = Callable[[GpuEmitter, Plan, Tile, Tile, Index], Products]

_GROUP = 8
"""Tiles of rows that blocks go through before the next column: they share what the caches hold."""


def emit_contraction(e: GpuEmitter, roles: Roles, plan: Plan) -> None:
    """One launch if nothing is read or written in vectors, else two, of which the host takes the one that fits how
    the arguments are aligned."""
    vectors = max(roles.left.vector, roles.right.vector, result_lanes(roles))
    if vectors == 1:
        _emit(e, roles, plan, False)
        return
    buffers = [access.buffer for access in roles.arrangement.layout.accesses.values()]
    e.when_aligned(buffers, lambda: _emit(e, roles, plan, True), lambda: _emit(e, roles, plan, False))


def emit_plain(e: GpuEmitter, roles: Roles, target: Target) -> None:
    """One launch, for arguments that need not be aligned."""
    _emit(e, roles, plan_for(roles, target, ContractionConfig(parts=1)), False)


def _emit(e: GpuEmitter, roles: Roles, plan: Plan, aligned: bool) -> None:
    """
    gpu.launch blocks(parts * batches * tiles) {
      acc = 0
      for k of the part step depth { tiles of both operands to shared memory, some turns ahead; acc += products }
      stages on acc, stores
    }
    with several parts: { acc to memory; if the last of the tile: stages on the sum of all parts, stores }
    """
    extents = [e.size(extent) for extent in roles.arrangement.layout.extents]

    down = e.ceil_div(product_of(e, roles.rows, extents), plan.rows)
    across = e.ceil_div(product_of(e, roles.columns, extents), plan.columns)
    batch = product_of(e, roles.batch, extents)
    left = tile_of(e, roles.left, plan, plan.rows, vector_of(roles.left, aligned))
    right = tile_of(e, roles.right, plan, plan.columns, vector_of(roles.right, aligned))
    maker = _products(roles, plan)
    lanes = result_lanes(roles) if aligned else 1
    rows = maker(GpuEmitter(e.nest), plan, left, right, 0).slabs[1]
    slab = slab_of(e, roles, plan, rows)
    tiles = e.mul(e.mul(down, across), batch)
    parts = Parts.allocate(e, roles, plan, tiles) if plan.parts > 1 else None
    grid = e.mul(tiles, plan.parts)
    flag = e.shared((1,), "i32")
    # The slab takes the place of the operands' tiles, which are no longer needed then.
    memory = [(left.array, 0), (right.array, left.array.bytes), (slab, 0)]
    if parts is not None:
        memory.append((flag, max(left.array.bytes + right.array.bytes, slab.bytes)))
    with e.launch([grid], [plan.threads], dynamic=memory) as where:
        thread = where.thread[0]
        block: Index = where.block[0]
        part: Index = 0
        if parts is not None:
            block, part = e.rem(block, tiles), e.div(block, tiles)
        number, one = e.rem(block, e.mul(down, across)), e.div(block, e.mul(down, across))
        row, column = tile_place(e, number, down, across)
        place: list[Index] = [0] * len(extents)
        decompose(e, one, roles.batch, extents, place)
        corner = e.mul(row, plan.rows), e.mul(column, plan.columns)
        loaders = []
        for tile, start in ((left, corner[0]), (right, corner[1])):
            base = e.size(tile.side.access.offset)
            for axis in roles.batch:
                coef = tile.side.access.coefs[axis]
                if coef.terms:
                    base = e.add(base, e.mul(place[axis], e.size(coef)))
            loaders.append(Loader(e, roles, plan, tile, thread, start, base))
        products = maker(e, plan, left, right, thread)
        first, turns = turns_of(e, plan, e.ceil_div(loaders[0].depth, plan.depth), part)
        start = e.mul(first, plan.depth)
        if all(loader.asynchronous for loader in loaders):
            sums = _streamed(e, plan, loaders, products, start, turns)
        else:
            sums = _through_registers(e, plan, loaders, products, start, turns)
        into = Run(corner[0]), corner[1], lanes
        if parts is None:
            store_results(e, roles, products, sums, slab, place, *into)
            return
        store_results(e, roles, products, sums, slab, place, *into, parts.finish(e, part, block))
        with e.when(parts.is_last(e, thread, block, flag)):
            parts.join(e, roles, products, place, block, *into, results_of(e, roles))


def _products(roles: Roles, plan: Plan) -> _Maker:
    """What multiplies operands of a type."""
    if not plan.tensor:
        return PlainProducts
    if roles.left.element == "f32":
        return Tf32Products
    if roles.left.element == "i8":
        return partial(ByteProducts, signed=roles.signed)
    return TensorProducts


def tile_place(
    e: GpuEmitter, number: Index, down: Index, across: Index, together: int = _GROUP
) -> tuple[Index, Index]:
    """Row and column of a tile: groups of rows, column by column."""
    if isinstance(down, int) and down <= together:
        return e.rem(number, down), e.div(number, down)
    group = e.div(number, e.mul(across, together))
    first = e.mul(group, together)
    height = e.min(e.sub(down, first), together)
    inside = e.rem(number, e.mul(across, together))
    return e.add(first, e.rem(inside, height)), e.div(inside, height)


def _through_registers(
    e: GpuEmitter, plan: Plan, loaders: list[Loader], products: Products, start: Index, turns: Index
) -> list[str]:
    """From sum `start` on. The next tile is read into registers while the products of this one are added; two stages
    take turns."""
    starts, kinds = products.start()
    for loader in loaders:
        loader.write(loader.read(start), 0)
    e.barrier()
    with e.loop(0, turns, 1, starts, kinds) as loop:
        stage, other = e.rem(loop.index, 2), e.rem(e.add(loop.index, 1), 2)
        ahead = e.add(start, e.mul(e.add(loop.index, 1), plan.depth))
        values = [loader.read(ahead) for loader in loaders]
        loop.next = products.add(loop.args, stage)
        for loader, value in zip(loaders, values, strict=True):
            loader.write(value, other)
        e.barrier()
    return loop.results


def _streamed(
    e: GpuEmitter, plan: Plan, loaders: list[Loader], products: Products, start: Index, turns: Index
) -> list[str]:
    """From sum `start` on. Copies run `stages - 1` tiles ahead of the products."""
    starts, kinds = products.start()
    ahead = plan.stages - 1
    for number in range(ahead):
        _copy(e, loaders, e.add(start, number * plan.depth), number)
    with e.loop(0, turns, 1, starts, kinds) as loop:
        coming = e.add(loop.index, ahead)
        group = _copy(e, loaders, e.add(start, e.mul(coming, plan.depth)), e.rem(coming, plan.stages))
        e.do(f"nvgpu.device_async_wait {group} {{numGroups = {ahead} : i32}}")
        e.barrier()
        loop.next = products.add(loop.args, e.rem(loop.index, plan.stages))
        e.barrier()
    return loop.results


def _copy(e: GpuEmitter, loaders: list[Loader], first: Index, stage: Index) -> str:
    """One group of copies; past the end of the sums it copies nothing that is used."""
    tokens = [token for loader in loaders for token in loader.copy(first, stage)]
    return e.op(f"nvgpu.device_async_create_group {', '.join(tokens)}")
