"""Transposes: operands that are contiguous along another axis than the output go through tiles of shared memory."""

from __future__ import annotations

from aicc.passes.schedules.cpu.access import Access
from aicc.passes.schedules.cpu.emit import Index
from aicc.passes.schedules.cpu.inline import uniform
from aicc.passes.schedules.cpu.pointwise.eval import Layout, PointEmitter
from aicc.passes.schedules.cuda.emitter import GpuEmitter, Shared, decompose

TILE, ROWS = 32, 8
"""A tile has 32 x 32 points; a block 32 x 8 threads."""


def across_axis(layout: Layout) -> int | None:
    """The axis along which strided operands are contiguous; None when there are none, or they are small."""
    inner = layout.inner
    if not layout.vectorizable or layout.space.guarded or layout.space.extracts:
        return None
    counts: dict[int, int] = {}
    for access in _strided(layout):
        for axis in range(inner):
            extent = layout.extents[axis].static
            if access.coef(axis) == 1 and (extent is None or extent >= ROWS):
                counts[axis] = counts.get(axis, 0) + 1
    extent = layout.extents[inner].static if layout.extents else 0
    if not counts or (extent is not None and extent < ROWS):
        return None
    return max(counts, key=lambda axis: counts[axis])


def _strided(layout: Layout) -> list[Access]:
    """Loads that are linear, move along the inner axis, and are not contiguous there."""
    loads = dict.fromkeys(layout.accesses[a] for a in layout.space.loads)
    return [a for a in loads if a.linear and a.moves(layout.inner) and a.coef(layout.inner) != 1]


def emit_tiles(e: GpuEmitter, layout: Layout, across: int) -> None:
    """The launch: one tile of `across` and the inner axis for each block.

    tile[i][j] = operand at (inner i, across j)    threads along `across`
    barrier
    output at (across j, inner i) = f(tile[i][j])  threads along the inner axis
    """
    inner = layout.inner
    extents = [e.size(extent) for extent in layout.extents]
    transposed = [a for a in _strided(layout) if a.coef(across) == 1]
    arrays = [e.shared((TILE, TILE + 1), access.buffer.element) for access in transposed]
    outer = [axis for axis in range(len(extents)) if axis not in (across, inner)]
    tiles = [e.ceil_div(extents[axis], TILE) for axis in (across, inner)]
    total = e.mul(tiles[0], tiles[1])
    for axis in outer:
        total = e.mul(total, extents[axis])
    with e.launch([e.max(total, 1)], [TILE, ROWS], arrays) as place:
        where: list[Index] = [0] * len(extents)
        column = e.mul(e.rem(place.block[0], tiles[1]), TILE)
        rest = e.div(place.block[0], tiles[1])
        line = e.mul(e.rem(rest, tiles[0]), TILE)
        decompose(e, e.div(rest, tiles[0]), outer, extents, where)
        x, y = place.thread[0], place.thread[1]
        with e.when(e.compare("ult", place.block[0], total)):
            _move(e, layout, transposed, arrays, across, where, line, column, x, y, extents)
        e.barrier()
        with e.when(e.compare("ult", place.block[0], total)), e.loop(0, TILE, ROWS) as loop:
            step = e.add(loop.index, y)
            where[across], where[inner] = e.add(line, step), e.add(column, x)
            with e.when(_inside(e, where, (across, inner), extents)):
                preset = {
                    access: uniform(e.load_shared(array, [x, step]))
                    for access, array in zip(transposed, arrays, strict=True)
                }
                PointEmitter(e, e.nest, layout, 1, where, None, preset).store_all()


def _move(
    e: GpuEmitter,
    layout: Layout,
    transposed: list[Access],
    arrays: list[Shared],
    across: int,
    where: list[Index],
    line: Index,
    column: Index,
    x: str,
    y: str,
    extents: list[Index],
) -> None:
    """Global memory to the tiles."""
    inner = layout.inner
    with e.loop(0, TILE, ROWS) as loop:
        step = e.add(loop.index, y)
        at = list(where)
        at[across], at[inner] = e.add(line, x), e.add(column, step)
        with e.when(_inside(e, at, (across, inner), extents)):
            for access, array in zip(transposed, arrays, strict=True):
                value = e.load(
                    e.base(access.buffer), e.address(access, at.__getitem__), access.buffer.element
                )
                e.store_shared(value, array, [step, x])


def _inside(e: GpuEmitter, where: list[Index], axes: tuple[int, int], extents: list[Index]) -> str:
    first, second = (e.compare("ult", where[axis], extents[axis]) for axis in axes)
    return e.op(f"arith.andi {first}, {second} : i1")
