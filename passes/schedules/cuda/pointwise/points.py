"""Points of a space one after the other: a thread takes 16 bytes of the output, then the next ones a grid away."""

from __future__ import annotations

from aicc.passes.schedules.cpu.emit import Index, element_bits
from aicc.passes.schedules.cpu.pointwise.eval import Layout, PointEmitter
from aicc.passes.schedules.cuda.emitter import ACCESS_BITS, GpuEmitter, decompose

BLOCK = 256
MAX_GRID = 1 << 16


def lanes_for(layout: Layout) -> int:
    """Points a thread takes at once: 16 bytes of the widest type, 1 where not every access lies so."""
    space = layout.space
    if not layout.extents or not layout.vectorizable or space.guarded or space.extracts:
        return 1
    inner = layout.inner
    lanes = ACCESS_BITS // max(8, max(element_bits(x) for x in space.elements))
    extent = layout.extents[inner].static
    for access in dict.fromkeys(layout.accesses.values()):
        if not access.linear or access.coef(inner) in (2, 3, 4):
            return 1
        if access.coef(inner) != 1:
            continue
        steps = [access.offset.static, *(access.coef(a) for a in range(inner))]
        while lanes > 1 and any(step is None or step % lanes for step in steps):
            lanes //= 2
    while lanes > 1 and (extent is None or extent % lanes):
        lanes //= 2
    return lanes


def emit_points(e: GpuEmitter, layout: Layout, lanes: int) -> None:
    """The launch. Raises NotVector.

    gpu.launch … { scf.if %aligned { scf.for … vectors } else { scf.for … single elements } }
    """
    extents = [e.size(extent) for extent in layout.extents]
    total: Index = 1
    for extent in extents:
        total = e.mul(total, extent)
    count = e.div(total, lanes)
    grid = e.max(e.min(e.ceil_div(count, BLOCK), MAX_GRID), 1)
    with e.launch([grid], [BLOCK]) as place:
        first = e.add(e.mul(place.block[0], BLOCK), place.thread[0])
        step = e.mul(grid, BLOCK)

        def points(at_once: int) -> None:
            with e.loop(first, e.div(total, at_once), step) as loop:
                where: list[Index] = [0] * len(extents)
                decompose(e, e.mul(loop.index, at_once), range(len(extents)), extents, where)
                PointEmitter(e, e.nest, layout, at_once, where).store_all()

        if lanes == 1:
            points(1)
            return
        buffers = [access.buffer for access in layout.accesses.values()]
        e.when_aligned(buffers, lambda: points(lanes), lambda: points(1))
