"""The launch: one thread that copies, warpgroups that multiply, and the rings of keys and values between them."""

from __future__ import annotations

from collections.abc import Callable

from aicc.passes.schedules.cpu.attention.roles import Attention
from aicc.passes.schedules.cpu.attention.rows import Keys, Rows
from aicc.passes.schedules.cpu.emit import Index
from aicc.passes.schedules.cuda.asynchronous import (
    GROUP,
    Barriers,
    copied,
    keep_registers,
    start_barriers,
    wait_products,
)
from aicc.passes.schedules.cuda.attention.launch import emit_unaligned
from aicc.passes.schedules.cuda.attention.plan import AttentionConfig
from aicc.passes.schedules.cuda.attention.plan import plan_for as plan_of_warps
from aicc.passes.schedules.cuda.attention.softmax import Softmax, inverse
from aicc.passes.schedules.cuda.emitter import WARP, GpuEmitter, Shared, Thread, decompose
from aicc.passes.schedules.cuda.warpgroup_attention.plan import REGISTERS, Plan, layouts
from aicc.passes.schedules.cuda.warpgroup_attention.products import ROWS, Products
from aicc.passes.schedules.cuda.warpgroup_attention.results import Results
from aicc.passes.schedules.cuda.warpgroup_attention.tiles import Tiles
from aicc.target import Target


def emit_warpgroup_attention(
    e: GpuEmitter, roles: Attention, plan: Plan, found: Attention, target: Target
) -> None:
    """Two launches, of which the host takes the one that fits how the arguments are aligned. `found` are the roles with
    all dimensions of rows."""
    buffers = [access.buffer for access in (roles.q, roles.k, roles.v, roles.out)]

    def plain() -> None:
        emit_unaligned(e, found, plan_of_warps(found, target, AttentionConfig(parts=1)))

    def aligned() -> None:
        keys = e.size(roles.extents[roles.key])
        if isinstance(keys, int):
            _emit(e, roles, plan)
            return
        with e.when(e.compare("sgt", keys, 0)):  # there is no map of an empty tensor
            _emit(e, roles, plan)
            e.otherwise()
            plain()

    e.when_aligned(buffers, aligned, plain)


def _emit(e: GpuEmitter, roles: Attention, plan: Plan) -> None:
    """
    gpu.launch blocks(rows / (64 * groups) * heads) threads(128 + 128 * groups) {
      barriers: of q, and of each stage of k and v "full" and "empty"
      if the first warpgroup: one thread: q; for blocks of keys { k, v: wait empty; copy, full when the bytes come }
      else:
        s = q k; p, change = softmax(s)
        for blocks of keys after the first {
          start s = q k; start o = o + p v (of the keys before); wait for s; p, change = softmax(s); wait for o
          o = o * change
        }
        out = (o + p v) / sum
    }
    """
    (row,) = roles.rows
    down = e.ceil_div(e.size(roles.extents[row]), plan.rows)
    heads: Index = 1
    for d in roles.outer:
        heads = e.mul(heads, e.size(roles.extents[d]))
    of_q, of_k, of_v = layouts(roles, plan)
    q = Tiles(e, roles, roles.q, roles.depth, row, of_q, 1)
    k = Tiles(e, roles, roles.k, roles.depth, roles.key, of_k, plan.stages)
    v = Tiles(e, roles, roles.v, roles.column, roles.key, of_v, plan.stages)
    ring = e.shared((1 + 4 * plan.stages,), "i64")
    results = Results(e, roles, plan, of_q)
    arrays = [q.array, k.array, v.array, ring]
    memory = [(array, sum(before.bytes for before in arrays[:i])) for i, array in enumerate(arrays)]
    memory += results.memory
    with e.launch([e.mul(down, heads)], [plan.threads], dynamic=memory) as where:
        block = _Block(e, roles, plan, where, down, ring)
        with e.when(e.compare("eq", where.thread[0], 0)):
            block.start()
        e.barrier()
        with e.when(e.compare("ult", where.thread[0], GROUP)):
            if plan.groups in REGISTERS:
                keep_registers(e, REGISTERS[plan.groups][0], False)
            with e.when(e.compare("eq", where.thread[0], 0)):
                block.copy(q, k, v)
            e.otherwise()
            if plan.groups in REGISTERS:
                keep_registers(e, REGISTERS[plan.groups][1], True)
            block.multiply(q, k, v, results)


class _Block:
    """What a block's threads do. `first` is its first row, `seen` the keys of its rows, `turns` the blocks of them: one
    at least."""

    def __init__(
        self, e: GpuEmitter, roles: Attention, plan: Plan, where: Thread, down: Index, ring: Shared
    ) -> None:
        self.e, self.roles, self.plan, self.thread = e, roles, plan, where.thread[0]
        extents = [e.size(extent) for extent in roles.extents]
        rows = extents[roles.rows[0]]
        number = e.rem(where.block[0], down)
        if any(limit.upper for limit in roles.limits):
            number = e.sub(e.sub(down, 1), number)  # those with the most keys begin first
        self.place: list[Index] = [0] * len(extents)
        decompose(e, e.div(where.block[0], down), roles.outer, extents, self.place)
        self.first = e.mul(number, plan.rows)
        last = e.min(e.add(self.first, plan.rows - 1), e.sub(rows, 1))
        outer = {d: self.place[d] for d in roles.outer}
        everything = Keys(0, 0, extents[roles.key])
        self.seen = Rows(e, roles).visible(outer, self.first, last, everything, plan.keys)
        self.turns = e.max(e.ceil_div(e.sub(self.seen.high, self.seen.low), plan.keys), 1)
        self.rows = rows

        self.full_q, self.full_k, self.empty_k, self.full_v, self.empty_v = (
            Barriers(e, ring, first) for first in (0, *(1 + i * plan.stages for i in range(4)))
        )

    def start(self) -> None:
        """By one thread: the barriers."""
        e, plan = self.e, self.plan
        self.full_q.start(0, 1)
        for stage in range(plan.stages):
            for full, empty in ((self.full_k, self.empty_k), (self.full_v, self.empty_v)):
                full.start(stage, 1)
                empty.start(stage, plan.groups * GROUP // WARP)
        start_barriers(e)

    def copy(self, q: Tiles, k: Tiles, v: Tiles) -> None:
        """By one thread: everything to shared memory."""
        e, stages = self.e, self.plan.stages
        q.copy(self.full_q, 0, 0, self.place, self.first)
        with e.loop(0, self.turns) as loop:
            stage, turn = e.rem(loop.index, stages), e.div(loop.index, stages)
            key = e.add(self.seen.low, e.mul(loop.index, self.plan.keys))
            for tiles, full, empty in ((k, self.full_k, self.empty_k), (v, self.full_v, self.empty_v)):
                # Of the same parity as the turn before this one.
                empty.wait(stage, e.add(turn, 1))
                tiles.copy(full, stage, stage, self.place, key)

    def multiply(self, q: Tiles, k: Tiles, v: Tiles, results: Results) -> None:
        """By the warpgroups that multiply."""
        e, roles, plan = self.e, self.roles, self.plan
        own = e.sub(self.thread, GROUP)
        group, lane, warp = e.div(own, GROUP), e.rem(own, WARP), e.rem(e.div(own, WARP), GROUP // WARP)
        speaks = e.compare("eq", lane, 0)  # for its warp
        row = e.add(self.first, e.mul(group, ROWS), e.mul(warp, 16), e.div(lane, 4))
        places = [self._at(e.add(row, half * 8)) for half in range(2)]
        softmax = Softmax(e, roles, plan.keys, places, e.mul(e.rem(lane, 4), 2), binary=True)
        products = Products(e, q, k, v, roles.q.buffer.element, group)

        def wait(full: Barriers, number: Index) -> Index:
            stage = e.rem(number, plan.stages)
            full.wait(stage, e.div(number, plan.stages))
            return stage

        def give_back(empty: Barriers, stage: Index) -> None:
            with e.when(speaks):
                empty.arrive(stage)

        def weigh(scores: str, number: Index, state: list[str]) -> tuple[list[str], list[str], list[str]]:
            first = e.add(self.seen.low, e.mul(number, plan.keys))
            weights, change, after = softmax.take(products.tiles(scores), first, state)
            return products.packed(weights), change, after

        self.full_q.wait(0, 0)
        stage = wait(self.full_k, 0)
        scores = products.scores(stage)
        wait_products(e, 0)
        give_back(self.empty_k, stage)
        weights, _, state = weigh(scores, 0, softmax.start())
        sums = [e.constant("0.0", "f32")] * (roles.static(roles.column) // 2)
        carried = [*state, *weights, *sums]
        kinds = [*softmax.kinds(), *["i32"] * len(weights), *["f32"] * len(sums)]
        held, packed = len(state), len(state) + len(weights)
        with e.loop(1, self.turns, 1, carried, kinds) as loop:
            state, weights, sums = loop.args[:held], loop.args[held:packed], loop.args[packed:]
            stage = wait(self.full_k, loop.index)
            scores = products.scores(stage)
            before = wait(self.full_v, e.add(loop.index, -1))
            sums = products.add(sums, weights, before)
            wait_products(e, 1)
            give_back(self.empty_k, stage)
            used = weights
            weights, change, state = weigh(scores, loop.index, state)
            # Over since then; but the assembler moves nothing across its loop, and would have the next wait, which is
            # for products that go on meanwhile, before the softmax.
            wait(self.full_v, e.add(loop.index, -1))
            wait_products(e, 0, [*used, *weights])
            weights = copied(e, weights)
            give_back(self.empty_v, before)
            # Of each 8 columns two of the first row, then two of the second.
            sums = [e.op(f"arith.mulf {value}, {change[i % 4 // 2]} : f32") for i, value in enumerate(sums)]
            loop.next = [*state, *weights, *sums]
        state, weights = loop.results[:held], loop.results[held:packed]
        sums = products.add(loop.results[packed:], weights, wait(self.full_v, e.sub(self.turns, 1)))
        wait_products(e, 0)
        factors = [inverse(e, roles, total) for total in softmax.totals(state)]
        sums = [e.op(f"arith.mulf {value}, {factors[i % 4 // 2]} : f32") for i, value in enumerate(sums)]
        results.store(sums, group, warp, lane, self._row_at(group))

    def _at(self, row: Index) -> list[Index]:
        """The place of a row; of the last one for those behind it."""
        e, here = self.e, list(self.place)
        here[self.roles.rows[0]] = e.max(e.min(row, e.sub(self.rows, 1)), 0)
        return here

    def _row_at(self, group: Index) -> Callable[[Index], tuple[list[Index], str]]:
        """The place of a warpgroup's row, and whether there is such a row."""
        e = self.e

        def at(row: Index) -> tuple[list[Index], str]:
            number = e.add(self.first, e.mul(group, ROWS), row)
            here = list(self.place)
            here[self.roles.rows[0]] = number
            return here, e.compare("slt", number, self.rows)

        return at
