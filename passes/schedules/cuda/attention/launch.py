"""The launch: blocks over rows and heads, the loop over the keys."""

from __future__ import annotations

from aicc.passes.schedules.cpu.access import Access
from aicc.passes.schedules.cpu.attention.roles import Attention
from aicc.passes.schedules.cpu.emit import Index
from aicc.passes.schedules.cuda.attention.matrices import Matrix, halves, multiply, vector_of
from aicc.passes.schedules.cuda.attention.softmax import Softmax
from aicc.passes.schedules.cuda.emitter import WARP, GpuEmitter, decompose

ROWS, KEYS, THREADS = 64, 64, 128
"""Of a block; each of its four warps has 16 rows."""

TILE = "vector<2x2xf32>"


def emit_attention(e: GpuEmitter, roles: Attention) -> None:
    """One launch, or two of which the host takes the one that fits how the arguments are aligned."""
    operands = (
        (roles.q, roles.depth),
        (roles.k, roles.depth),
        (roles.v, roles.column),
    )
    vectors = [vector_of(access, dim, roles.static(dim)) for access, dim in operands]
    if max(vectors) == 1:
        _emit(e, roles, vectors)
        return
    with e.when(e.all_aligned([access.buffer for access, _ in operands])):
        _emit(e, roles, vectors)
        e.otherwise()
        _emit(e, roles, [1, 1, 1])


def _emit(e: GpuEmitter, roles: Attention, vectors: list[int]) -> None:
    """
    gpu.launch blocks(rows / 64 * heads) threads(128) {
      q to shared memory, and from there to fragments
      for keys = 0 to all step 64 { s = q k; s = stages(s); p = exp(s - max so far); o = o * change + p v }
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
        for access, lines, width in ((roles.q, ROWS, depth), (roles.k, KEYS, depth), (roles.v, KEYS, columns))
    ]
    offsets = [0, shapes[0].bytes, shapes[0].bytes + shapes[1].bytes]
    dynamic = list(zip(shapes, offsets, strict=True))
    with e.launch([e.mul(down, product(roles.outer))], [THREADS], dynamic=dynamic) as where:
        thread = where.thread[0]
        place: list[Index] = [0] * len(extents)
        decompose(e, e.div(where.block[0], down), roles.outer, extents, place)
        first = e.mul(e.rem(where.block[0], down), ROWS)
        q, k, v = (
            Matrix(e, access, array.shape[0], array.shape[1], vector, thread, THREADS)
            for (access, array, vector) in zip((roles.q, roles.k, roles.v), shapes, vectors, strict=True)
        )
        for matrix, array in zip((q, k, v), shapes, strict=True):
            matrix.array = array

        def row_place(row: Index) -> list[Index]:
            here = list(place)
            decompose(e, e.max(e.min(row, e.sub(rows, 1)), 0), roles.rows, extents, here)
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
        loaded = read_keys(0)
        k.write(loaded[0])
        v.write(loaded[1])
        e.barrier()
        lane, warp = e.rem(thread, WARP), e.div(thread, WARP)
        t = q.element
        queries = [
            q.fragments(e.add(e.mul(warp, 16), e.rem(lane, 16)), e.add(e.mul(e.div(lane, 16), 8), d), False)
            for d in range(0, depth, 16)
        ]
        own = e.add(first, e.mul(warp, 16), e.div(lane, 4))
        places = [row_place(e.add(own, half * 8)) for half in range(2)]
        softmax = Softmax(e, roles, places, e.mul(e.rem(lane, 4), 2))
        zero = e.constant("dense<0.0>", TILE)
        tiles = columns // 8
        starts = [*softmax.start(), *[zero] * tiles]
        kinds = [*softmax.kinds(), *[TILE] * tiles]
        with e.loop(0, keys, KEYS, starts, kinds) as loop:
            state, sums = loop.args[: -tiles or None], loop.args[len(loop.args) - tiles :]
            following = e.add(loop.index, KEYS)
            # Ahead of the products, unless single elements take more registers than there are.
            ahead = read_keys(following) if max(vectors) > 1 else None
            scores = _scores(e, k, queries, lane, depth, t)
            weights, change, state = softmax.take(scores, loop.index, state)
            sums = [softmax.scaled(value, change) for value in sums]
            sums = _add_values(e, v, weights, sums, lane, t)
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


def _scores(e: GpuEmitter, k: Matrix, queries: list[str], lane: Index, depth: int, t: str) -> list[str]:
    """16 x 64 products of a warp."""
    zero = e.constant("dense<0.0>", TILE)
    scores = [zero] * (KEYS // 8)
    for number, query in enumerate(queries):
        for j in range(0, KEYS // 8, 2):
            line = e.add(e.rem(lane, 8), e.mul(e.div(lane, 16), 8), j * 8)
            column = e.add(e.mul(e.rem(e.div(lane, 8), 2), 8), number * 16)
            for i, part in enumerate(halves(e, k.fragments(line, column, False), t)):
                scores[j + i] = multiply(e, query, part, scores[j + i], t)
    return scores


def _add_values(
    e: GpuEmitter, v: Matrix, weights: list[str], sums: list[str], lane: Index, t: str
) -> list[str]:
    """sums + weights * values, with the weights of 16 keys in one fragment each."""
    result = list(sums)
    for number, weight in enumerate(weights):
        for j in range(0, len(sums), 2):
            line = e.add(e.rem(lane, 16), number * 16)
            column = e.add(e.mul(e.div(lane, 16), 8), j * 8)
            for i, part in enumerate(halves(e, v.fragments(line, column, True), t)):
                result[j + i] = multiply(e, weight, part, result[j + i], t)
    return result


def _store(e: GpuEmitter, out: Access, value: str, place: list[Index]) -> None:
    element = out.buffer.element
    if element != "f32":
        value = e.op(f"arith.truncf {value} : f32 to {element}")
    e.store(value, e.base(out.buffer), e.address(out, place.__getitem__), element)
