"""The launches: blocks over rows, heads and parts of the keys, the loop over the keys, what joins the parts."""

from __future__ import annotations

from aicc.passes.schedules.cpu.access import Access
from aicc.passes.schedules.cpu.attention.roles import Attention
from aicc.passes.schedules.cpu.attention.rows import Keys, Rows
from aicc.passes.schedules.cpu.emit import Index
from aicc.passes.schedules.cuda.attention.combine import Partial, combine, store_result
from aicc.passes.schedules.cuda.attention.engines import TILE, Engine, PlainEngine, TensorEngine
from aicc.passes.schedules.cuda.attention.matrices import Matrix, vector_of
from aicc.passes.schedules.cuda.attention.plan import PAD, Plan, fewest_keys, reads_ahead
from aicc.passes.schedules.cuda.attention.softmax import Softmax, inverse
from aicc.passes.schedules.cuda.emitter import WARP, GpuEmitter, decompose


def emit_attention(e: GpuEmitter, roles: Attention, plan: Plan) -> None:
    """One launch, or two of which the host takes the one that fits how the arguments are aligned; with parts, one
    more that joins them."""
    operands = (
        (roles.q, roles.depth),
        (roles.k, roles.depth),
        (roles.v, roles.column),
    )
    partial = None
    if plan.parts > 1:
        partial = Partial.allocate(e, roles, _parts(e, roles, plan))
    vectors = [vector_of(access, dim, roles.static(dim)) for access, dim in operands]
    if max(vectors) == 1:
        _emit(e, roles, plan, vectors, partial)
    else:
        e.when_aligned(
            [access.buffer for access, _ in operands],
            lambda: _emit(e, roles, plan, vectors, partial),
            lambda: _emit(e, roles, plan, [1, 1, 1], partial),
        )
    if partial is not None:
        combine(e, roles, partial)


def emit_unaligned(e: GpuEmitter, roles: Attention, plan: Plan) -> None:
    """One launch that takes arguments as they are, for a plan with one part."""
    _emit(e, roles, plan, [1, 1, 1], None)


def _parts(e: GpuEmitter, roles: Attention, plan: Plan) -> Index:
    """Of the keys; fewer when the run has few keys."""
    keys = e.size(roles.extents[roles.key])
    if isinstance(keys, int):
        return plan.parts
    return e.max(e.min(e.ceil_div(keys, fewest_keys(plan)), plan.parts), 1)


def _emit(e: GpuEmitter, roles: Attention, plan: Plan, vectors: list[int], partial: Partial | None) -> None:
    """
    gpu.launch blocks(rows / 64 * heads * parts) threads(128) {
      q to shared memory, and from there to fragments
      for keys = first to last that a row may see (of this part) step `step` {
        s = q k; s = stages(s); p = exp(s - max so far); o = o * change + p v
      }
      out = o / sum (of a part: o, max and sum)
    }
    """
    step = plan.keys
    extents = [e.size(extent) for extent in roles.extents]

    def product(dims: tuple[int, ...]) -> Index:
        total: Index = 1
        for d in dims:
            total = e.mul(total, extents[d])
        return total

    rows, keys = product(roles.rows), extents[roles.key]
    depth, columns = roles.static(roles.depth), roles.static(roles.column)
    down = e.ceil_div(rows, plan.rows)
    # Names for shared memory must be known before the launch: matrices are made again inside, with its threads.
    shapes = [
        e.shared((lines, width), access.buffer.element)
        for access, lines, width in (
            (roles.q, plan.rows, depth),
            (roles.k, step, depth),
            (roles.v, step, columns),
        )
    ]
    plain = roles.q.buffer.element == "f32"
    kept = e.shared((plan.rows, step + PAD), "f32")
    arrays = [*shapes, kept] if plain else shapes
    dynamic = [(array, sum(before.bytes for before in arrays[:i])) for i, array in enumerate(arrays)]
    parts: Index = 1 if partial is None else partial.parts
    grid = e.mul(e.mul(down, product(roles.outer)), parts)
    with e.launch([grid], [plan.threads], dynamic=dynamic) as where:
        thread = where.thread[0]
        part, block = e.rem(where.block[0], parts), e.div(where.block[0], parts)
        head = e.div(block, down)
        place: list[Index] = [0] * len(extents)
        decompose(e, head, roles.outer, extents, place)
        first = e.mul(e.rem(block, down), plan.rows)
        order = Rows(e, roles)
        last = e.min(e.add(first, plan.rows - 1), e.sub(rows, 1))
        outer = {d: place[d] for d in roles.outer}
        seen = order.visible(outer, first, last, Keys(0, 0, keys), step)
        if partial is not None:
            seen = _share(e, seen, step, part, parts)
        q, k, v = (
            Matrix(e, access, array.shape[0], array.shape[1], vector, thread, plan.threads)
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
            ahead = read_keys(following) if max(vectors) > 1 and reads_ahead(roles, plan) else None
            weights, change, state = softmax.take(engine.scores(k), loop.index, state)
            sums = engine.add([softmax.scaled(value, change) for value in sums], weights, v)
            e.barrier()
            coming = ahead or read_keys(following)
            k.write(coming[0])
            v.write(coming[1])
            e.barrier()
            loop.next = [*state, *sums]
        state, sums = loop.results[:-tiles], loop.results[-tiles:]
        tops, totals = state[:2], softmax.totals(state)
        factors = [] if partial is not None else [inverse(e, roles, total) for total in totals]
        for half in range(2):
            row = e.add(own, half * 8)
            with e.when(e.compare("slt", row, rows)):
                number = e.add(e.mul(head, rows), row)
                if partial is not None:
                    with e.when(e.compare("eq", e.rem(lane, 4), 0)):
                        partial.store_state(e, part, number, tops[half], totals[half])
                for tile in range(tiles):
                    column = e.add(e.mul(e.rem(lane, 4), 2), tile * 8)
                    if partial is not None:
                        pair = e.op(f"vector.extract {sums[tile]}[{half}] : vector<2xf32> from {TILE}")
                        partial.store_pair(e, part, number, column, pair)
                        continue
                    for i in range(2):
                        value = e.op(f"vector.extract {sums[tile]}[{half}, {i}] : f32 from {TILE}")
                        value = e.op(f"arith.mulf {value}, {factors[half]} : f32")
                        here = list(places[half])
                        here[roles.column] = e.add(column, i)
                        store_result(e, roles.out, value, here)


def _share(e: GpuEmitter, seen: Keys, step: int, part: Index, parts: Index) -> Keys:
    """A part of the keys: whole steps, as many for each part; the last parts may have none."""
    steps = e.ceil_div(e.sub(seen.high, seen.low), step)
    each = e.mul(e.ceil_div(steps, parts), step)
    low = e.min(e.add(seen.low, e.mul(part, each)), seen.high)
    return Keys(seen.first, low, e.min(e.add(low, each), seen.high))
