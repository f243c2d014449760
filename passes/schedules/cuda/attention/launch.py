"""The launch: blocks over rows and heads, the loop over the keys."""

from __future__ import annotations

from aicc.passes.schedules.cpu.access import Access
from aicc.passes.schedules.cpu.attention.roles import Attention
from aicc.passes.schedules.cpu.attention.rows import Keys, Rows
from aicc.passes.schedules.cpu.emit import Index
from aicc.passes.schedules.cuda.attention.engines import TILE, Engine, PlainEngine, TensorEngine
from aicc.passes.schedules.cuda.attention.matrices import Matrix, vector_of
from aicc.passes.schedules.cuda.attention.plan import PAD, ROWS, THREADS, reads_ahead
from aicc.passes.schedules.cuda.attention.softmax import Softmax
from aicc.passes.schedules.cuda.emitter import WARP, GpuEmitter, decompose


def emit_attention(e: GpuEmitter, roles: Attention, keys: int) -> None:
    """One launch, or two of which the host takes the one that fits how the arguments are aligned."""
    operands = (
        (roles.q, roles.depth),
        (roles.k, roles.depth),
        (roles.v, roles.column),
    )
    vectors = [vector_of(access, dim, roles.static(dim)) for access, dim in operands]
    if max(vectors) == 1:
        _emit(e, roles, keys, vectors)
        return
    with e.when(e.all_aligned([access.buffer for access, _ in operands])):
        _emit(e, roles, keys, vectors)
        e.otherwise()
        _emit(e, roles, keys, [1, 1, 1])


def _emit(e: GpuEmitter, roles: Attention, step: int, vectors: list[int]) -> None:
    """
    gpu.launch blocks(rows / 64 * heads) threads(128) {
      q to shared memory, and from there to fragments
      for keys = first to last that a row may see step `step` {
        s = q k; s = stages(s); p = exp(s - max so far); o = o * change + p v
      }
      out = o / sum
    }
    """
    extents = [e.size(extent) for extent in roles.extents]

    def product(dims: tuple[int, ...]) -> Index:
        total: Index = 1
        for d in dims:
            total = e.mul(total, extents[d])
        return total

    rows, keys = product(roles.rows), extents[roles.key]
    depth, columns = roles.static(roles.depth), roles.static(roles.column)
    down = e.ceil_div(rows, ROWS)
    # Names for shared memory must be known before the launch: matrices are made again inside, with its threads.
    shapes = [
        e.shared((lines, width), access.buffer.element)
        for access, lines, width in ((roles.q, ROWS, depth), (roles.k, step, depth), (roles.v, step, columns))
    ]
    plain = roles.q.buffer.element == "f32"
    kept = e.shared((ROWS, step + PAD), "f32")
    arrays = [*shapes, kept] if plain else shapes
    dynamic = [(array, sum(before.bytes for before in arrays[:i])) for i, array in enumerate(arrays)]
    with e.launch([e.mul(down, product(roles.outer))], [THREADS], dynamic=dynamic) as where:
        thread = where.thread[0]
        place: list[Index] = [0] * len(extents)
        decompose(e, e.div(where.block[0], down), roles.outer, extents, place)
        first = e.mul(e.rem(where.block[0], down), ROWS)
        order = Rows(e, roles)
        last = e.min(e.add(first, ROWS - 1), e.sub(rows, 1))
        outer = {d: place[d] for d in roles.outer}
        seen = order.visible(outer, first, last, Keys(0, 0, keys), step)
        q, k, v = (
            Matrix(e, access, array.shape[0], array.shape[1], vector, thread, THREADS)
            for (access, array, vector) in zip((roles.q, roles.k, roles.v), shapes, vectors, strict=True)
        )
        for matrix, array in zip((q, k, v), shapes, strict=True):
            matrix.array = array

        def row_place(row: Index) -> list[Index]:
            here = list(place)
            decompose(e, e.max(e.min(row, e.sub(rows, 1)), 0), order.order, extents, here)
            return here

        def of_q(line: Index, column: Index) -> Index:
            here = row_place(e.add(first, line))
            here[roles.depth] = column
            return e.address(roles.q, here.__getitem__)

        def of_keys(access: Access, dim: int, start: Index, line: Index, column: Index) -> Index:
            here = list(place)
            here[roles.key] = e.min(e.add(start, line), e.sub(keys, 1))
            here[dim] = column
            return e.address(access, here.__getitem__)

        def read_keys(start: Index) -> tuple[list[str], list[str]]:
            return (
                k.read(lambda line, column: of_keys(roles.k, roles.depth, start, line, column)),
                v.read(lambda line, column: of_keys(roles.v, roles.column, start, line, column)),
            )

        q.write(q.read(of_q))
        loaded = read_keys(seen.low)
        k.write(loaded[0])
        v.write(loaded[1])
        e.barrier()
        lane, warp = e.rem(thread, WARP), e.div(thread, WARP)
        engine: Engine = PlainEngine(e, q, step, thread, kept) if plain else TensorEngine(e, q, step, thread)
        own = e.add(first, e.mul(warp, 16), e.div(lane, 4))
        places = [row_place(e.add(own, half * 8)) for half in range(2)]
        softmax = Softmax(e, roles, step, places, e.mul(e.rem(lane, 4), 2))
        zero = e.constant("dense<0.0>", TILE)
        tiles = columns // 8
        starts = [*softmax.start(), *[zero] * tiles]
        kinds = [*softmax.kinds(), *[TILE] * tiles]
        with e.loop(seen.low, seen.high, step, starts, kinds) as loop:
            state, sums = loop.args[: -tiles or None], loop.args[len(loop.args) - tiles :]
            following = e.add(loop.index, step)
            # Ahead of the products, unless they take more registers than there are.
            ahead = read_keys(following) if max(vectors) > 1 and reads_ahead(roles, step) else None
            weights, change, state = softmax.take(engine.scores(k), loop.index, state)
            sums = engine.add([softmax.scaled(value, change) for value in sums], weights, v)
            e.barrier()
            coming = ahead or read_keys(following)
            k.write(coming[0])
            v.write(coming[1])
            e.barrier()
            loop.next = [*state, *sums]
        state, sums = loop.results[:-tiles], loop.results[-tiles:]
        factors = softmax.finish(state)
        for half in range(2):
            with e.when(e.compare("slt", e.add(own, half * 8), rows)):
                for number in range(tiles):
                    for i in range(2):
                        value = e.op(f"vector.extract {sums[number]}[{half}, {i}] : f32 from {TILE}")
                        value = e.op(f"arith.mulf {value}, {factors[half]} : f32")
                        here = list(places[half])
                        here[roles.column] = e.add(e.mul(e.rem(lane, 4), 2), number * 8 + i)
                        _store(e, roles.out, value, here)


def _store(e: GpuEmitter, out: Access, value: str, place: list[Index]) -> None:
    element = out.buffer.element
    if element != "f32":
        value = e.op(f"arith.truncf {value} : f32 to {element}")
    e.store(value, e.base(out.buffer), e.address(out, place.__getitem__), element)
