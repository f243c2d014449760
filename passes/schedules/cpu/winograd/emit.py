"""The loops of a Winograd convolution: transform a block's inputs, multiply, transform its results.

The last tile of a line that is no multiple of m starts earlier, so that it reads nothing outside the image;
the results it shares with the tile before are not stored again.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

from aicc.passes.schedules.cpu.contraction.plan import max_rows, split_evenly, unroll
from aicc.passes.schedules.cpu.emit import Index, vector
from aicc.passes.schedules.cpu.emit_kernel import KernelEmitter
from aicc.passes.schedules.cpu.epilogue import Epilogue
from aicc.passes.schedules.cpu.winograd.conv import Convolution
from aicc.passes.schedules.cpu.winograd.math import Transforms
from aicc.passes.schedules.cpu.winograd.plan import Plan
from aicc.target import Target

_LINE = 16


class _Tile(NamedTuple):
    """Tile `number` of its block: the outer dimensions, its first result, the results to leave out."""

    number: Index
    outer: dict[int, Index]
    y: Index
    x: Index
    skip_y: Index
    skip_x: Index


class WinogradEmitter:
    """Emits one kernel by one plan."""

    def __init__(self, e: KernelEmitter, conv: Convolution, plan: Plan, target: Target) -> None:
        self._e = e
        self._conv = conv
        self._plan = plan
        self._lanes = plan.lanes
        self._kind = vector("f32", plan.lanes)
        self._rows = max_rows(target, plan.config.nv)
        self._ahead = plan.u_bytes > target.l2 // 2
        self._transforms = Transforms(e, plan.config.m, plan.lanes)
        matrices = plan.size**2
        self._v = e.base(e.reserve(matrices * plan.v_plane, "f32"))
        self._m = e.base(e.reserve(matrices * plan.m_plane, "f32"))
        stages = conv.roles.epilogue
        # Functions that become polynomials are emitted once, not for each of the m x m results.
        self._long = any(op.operation.name.startswith("math.") for s in stages for op in s.block.operations)
        self._edges = bool(conv.height % plan.config.m or conv.width % plan.config.m)
        if self._long or self._edges:
            self._results = e.base(e.reserve(plan.config.m**2 * plan.lanes, "f32"))

    def emit(self) -> None:
        """The tiles of the kernel: blocks, each for every group of panels."""
        e, plan = self._e, self._plan
        total = e.size(plan.total_of(self._conv.images))
        with e.loop("%lo", "%hi") as loop:
            group = e.rem(loop.index, plan.config.groups)
            first = e.mul(e.div(loop.index, plan.config.groups), plan.config.tiles)
            count: Index = plan.config.tiles
            if not isinstance(total, int) or total % plan.config.tiles:
                count = e.min(plan.config.tiles, e.sub(total, first))
            low = e.mul(group, plan.group)
            high = e.min(e.add(low, plan.group), plan.panels) if plan.config.groups > 1 else plan.panels
            self._inputs(first, count)
            self._products(low, high)
            self._outputs(first, count, low, high)

    # Tiles -----------------------------------------------------------------------------------------

    @contextmanager
    def _tiles(self, first: Index, count: Index) -> Iterator[_Tile]:
        e, conv, plan, m = self._e, self._conv, self._plan, self._plan.config.m
        many = conv.images.static != 1
        with e.loop(0, count) as loop:
            rest = e.add(first, loop.index)
            x = e.mul(e.rem(rest, plan.wide), m)
            rest = e.div(rest, plan.wide)
            y = e.mul(e.rem(rest, plan.high) if many else rest, m)
            rest = e.div(rest, plan.high)
            outer: dict[int, Index] = {}
            for dim in reversed(conv.outer):
                extent = e.size(conv.roles.root.extents[dim])
                outer[dim] = e.rem(rest, extent) if many else 0
                rest = e.div(rest, extent)
            start_y = e.min(y, conv.height - m) if conv.height % m else y
            start_x = e.min(x, conv.width - m) if conv.width % m else x
            skip_y = e.sub(y, start_y) if conv.height % m else 0
            skip_x = e.sub(x, start_x) if conv.width % m else 0
            yield _Tile(loop.index, outer, start_y, start_x, skip_y, skip_x)

    # Inputs ----------------------------------------------------------------------------------------

    def _inputs(self, first: Index, count: Index) -> None:
        e, conv, plan = self._e, self._conv, self._plan
        access, channels = conv.roles.a, conv.channels
        whole = channels // self._lanes * self._lanes
        with self._tiles(first, count) as tile:
            places = {**tile.outer, conv.h: tile.y, conv.w: tile.x}
            start = e.size(access.offset)
            for dim, place in places.items():
                start = e.add(start, e.mul(place, e.size(access.coefs[dim])))
            row = e.mul(tile.number, plan.v_row)
            if whole:
                with e.loop(0, whole, self._lanes) as loop:
                    self._input(e.add(start, loop.index), e.add(row, loop.index), None)
            if whole < channels:
                mask = e.mask(channels - whole, self._lanes)
                self._input(e.add(start, whole), e.add(row, whole), mask)

    def _input(self, source: Index, target: Index, mask: str | None) -> None:
        """`B^T d B` of a vector of channels of one tile."""
        e, plan, access = self._e, self._plan, self._conv.roles.a
        base, size = e.base(access.buffer), plan.size
        line, pixel = e.size(access.coefs[self._conv.h]), e.size(access.coefs[self._conv.w])
        columns = []
        for x in range(size):
            places = [e.add(source, e.mul(y, line), e.mul(x, pixel)) for y in range(size)]
            loaded = [e.load(base, place, "f32", self._lanes, mask) for place in places]
            columns.append(self._transforms.input(loaded))
        for y in range(size):
            for x, value in enumerate(self._transforms.input([column[y] for column in columns])):
                place = e.add(target, (y * size + x) * plan.v_plane)
                e.store(value, self._v, place, "f32", self._lanes)

    # Products --------------------------------------------------------------------------------------

    def _products(self, low: Index, high: Index) -> None:
        """`M = V U` for each place in a tile, by register tiles that keep their sums to the end."""
        e, plan = self._e, self._plan
        pieces = split_evenly(plan.config.tiles, self._rows)
        size = self._conv.channels * plan.panel
        with e.loop(0, plan.size**2) as matrix, e.loop(low, high) as panel:
            u = e.mul(e.add(e.mul(matrix.index, plan.panels), panel.index), size)
            v = e.mul(matrix.index, plan.v_plane)
            m = e.add(e.mul(matrix.index, plan.m_plane), e.mul(e.sub(panel.index, low), plan.panel))
            done = 0
            for start, count, rows in pieces.pieces:
                with e.loop(0, count) as loop:
                    row = e.add(e.mul(loop.index, rows), start)
                    ahead = e.add(u, size, e.mul(e.add(loop.index, done), size // pieces.count))
                    self._product(
                        rows,
                        e.add(v, e.mul(row, plan.v_row)),
                        u,
                        e.add(m, e.mul(row, plan.m_row)),
                        ahead,
                        pieces.count,
                    )
                done += count

    def _product(self, rows: int, v: Index, u: Index, m: Index, ahead: Index, shares: int) -> None:
        e, plan, channels = self._e, self._plan, self._conv.channels
        zero = e.splat("0.0", "f32", self._lanes)
        sums = [zero] * (rows * plan.config.nv)
        steps = unroll(channels, plan.config.ku)
        whole = channels // steps * steps
        lines = -(-steps * plan.panel // (_LINE * shares))
        with e.loop(0, whole, steps, sums, [self._kind] * len(sums)) as loop:
            if self._ahead:
                at = e.add(ahead, e.div(e.mul(loop.index, lines * _LINE), steps))
                for line in range(lines):
                    e.prefetch(self._u, e.add(at, line * _LINE), "f32")
            values = loop.args
            for step in range(steps):
                values = self._step(values, e.add(v, loop.index, step), e.add(u, self._row(loop.index, step)))
            loop.next = values
        sums = loop.results
        for k in range(whole, channels):
            sums = self._step(sums, e.add(v, k), e.add(u, k * plan.panel))
        for number, value in enumerate(sums):
            row, column = divmod(number, plan.config.nv)
            e.store(value, self._m, e.add(m, row * plan.m_row + column * self._lanes), "f32", self._lanes)

    @property
    def _u(self) -> str:
        return self._e.base(self._conv.weights)

    def _row(self, k: Index, step: int) -> Index:
        return self._e.add(self._e.mul(k, self._plan.panel), step * self._plan.panel)

    def _step(self, sums: list[str], v: Index, u: Index) -> list[str]:
        e, nv = self._e, self._plan.config.nv
        columns = [e.load(self._u, e.add(u, n * self._lanes), "f32", self._lanes) for n in range(nv)]
        result = []
        for row in range(len(sums) // nv):
            scalar = e.load(self._v, e.add(v, row * self._plan.v_row), "f32")
            left = e.broadcast(scalar, "f32", self._lanes)
            result += [e.fma(left, columns[n], sums[row * nv + n], "f32", self._lanes) for n in range(nv)]
        return result

    # Outputs ---------------------------------------------------------------------------------------

    def _outputs(self, first: Index, count: Index, low: Index, high: Index) -> None:
        e, plan = self._e, self._plan
        with self._tiles(first, count) as tile:
            start = e.sub(e.mul(tile.number, plan.m_row), e.mul(low, plan.panel))
            if self._long or not self._edges:
                self._columns(tile, start, low, high, self._long)
                return
            with e.when(e.compare("eq", e.add(tile.skip_y, tile.skip_x), 0)):
                self._columns(tile, start, low, high, False)
                e.otherwise()
                self._columns(tile, start, low, high, True)

    def _columns(self, tile: _Tile, start: Index, low: Index, high: Index, looped: bool) -> None:
        """The vectors of channels of a tile; `looped`: results one by one."""
        e, filters, panel = self._e, self._conv.filters, self._plan.panel
        whole = filters // self._lanes * self._lanes
        end = e.min(e.mul(high, panel), whole)
        with e.loop(e.mul(low, panel), end, self._lanes) as loop:
            self._output(tile, e.add(start, loop.index), loop.index, None, looped)
        if whole == filters:
            return
        if isinstance(high, int):
            self._output(tile, e.add(start, whole), whole, filters, looped)
            return
        with e.when(e.compare("eq", high, self._plan.panels)):
            self._output(tile, e.add(start, whole), whole, filters, looped)

    def _output(self, tile: _Tile, source: Index, column: Index, columns: int | None, looped: bool) -> None:
        """`A^T m A` of a vector of channels of one tile, the stages after, and the store."""
        e, conv, plan = self._e, self._conv, self._plan
        size, m, lanes = plan.size, plan.config.m, self._lanes
        done = []
        for x in range(size):
            places = [e.add(source, (y * size + x) * plan.m_plane) for y in range(size)]
            done.append(self._transforms.output([e.load(self._m, p, "f32", lanes) for p in places]))
        values: list[str] = []
        for y in range(m):
            values += self._transforms.output([one[y] for one in done])
        at = {**tile.outer, conv.h: tile.y, conv.w: tile.x, conv.f: column}
        if not looped:
            rows = tuple((y, x) for y in range(m) for x in range(m))
            Epilogue(e, conv.roles, lanes, "f32").emit(at, rows, 1, columns, values)
            return
        for number, value in enumerate(values):
            e.store(value, self._results, number * lanes, "f32", lanes)
        with e.loop(tile.skip_y, m) as y_loop, e.loop(tile.skip_x, m) as x_loop:
            place = e.mul(e.add(e.mul(y_loop.index, m), x_loop.index), lanes)
            value = e.load(self._results, place, "f32", lanes)
            here = dict(at)
            here[conv.h] = e.add(tile.y, y_loop.index)
            here[conv.w] = e.add(tile.x, x_loop.index)
            Epilogue(e, conv.roles, lanes, "f32").emit(here, ((0, 0),), 1, columns, [value])
