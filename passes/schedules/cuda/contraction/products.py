"""The sums of a tile, in registers: by tensor cores, or by multiply-adds of each thread."""

from __future__ import annotations

from abc import abstractmethod

from aicc.passes.schedules.cpu.emit import Index
from aicc.passes.schedules.cuda.contraction.plan import Plan
from aicc.passes.schedules.cuda.contraction.sums import Sums, Take
from aicc.passes.schedules.cuda.contraction.tiles import Tile, chunk_place
from aicc.passes.schedules.cuda.emitter import WARP, GpuEmitter


class Products(Sums):
    """Accumulators of a thread, as SSA values between turns of the loop over the sums."""

    def __init__(self, e: GpuEmitter, plan: Plan, left: Tile, right: Tile, thread: Index) -> None:
        super().__init__(e, thread, plan.threads, plan.columns)
        self.plan, self.left, self.right = plan, left, right

    @abstractmethod
    def start(self) -> tuple[list[str], list[str]]:
        """Zeros, and their types."""

    @abstractmethod
    def add(self, sums: list[str], stage: Index) -> list[str]:
        """The sums after the products of a stage."""


class PlainProducts(Products):
    """Multiply-adds: thread (y, x) of 16 x 16 (or fewer rows of them) has groups of 4 x 4 results, 4 * rows of
    threads and 64 apart."""

    def __init__(self, e: GpuEmitter, plan: Plan, left: Tile, right: Tile, thread: Index) -> None:
        super().__init__(e, plan, left, right, thread)
        self.across, self.down = 16, plan.threads // 16
        self.x, self.y = e.rem(thread, self.across), e.div(thread, self.across)
        self.row_groups = plan.rows // (4 * self.down)
        self.column_groups = plan.columns // (4 * self.across)

    def start(self) -> tuple[list[str], list[str]]:
        count = self.row_groups * 4 * self.column_groups
        return [self.e.splat("0.0", "f32", 4)] * count, ["vector<4xf32>"] * count

    def add(self, sums: list[str], stage: Index) -> list[str]:
        e, result = self.e, list(sums)
        for k in range(self.plan.depth):
            rows = [
                e.load_shared(self.left.array, [stage, k, e.add(e.mul(self.y, 4), group * 4 * self.down)], 4)
                for group in range(self.row_groups)
            ]
            columns = [
                e.load_shared(
                    self.right.array, [stage, k, e.add(e.mul(self.x, 4), group * 4 * self.across)], 4
                )
                for group in range(self.column_groups)
            ]
            for r, row in enumerate(rows):
                for i in range(4):
                    one = e.op(f"vector.extract {row}[{i}] : f32 from vector<4xf32>")
                    wide = e.broadcast(one, "f32", 4)
                    for c, column in enumerate(columns):
                        at = (r * 4 + i) * self.column_groups + c
                        result[at] = e.fma(wide, column, result[at], "f32", 4)
        return result

    @property
    def slabs(self) -> tuple[int, int]:
        return self.row_groups * 4, self.down

    def give(self, sums: list[str], slab: int, take: Take) -> None:
        for c in range(self.column_groups):
            column = self.e.add(self.e.mul(self.x, 4), c * 4 * self.across)
            take(self.y, column, sums[slab * self.column_groups + c], 4)

    def first_row(self, slab: int, row: Index) -> Index:
        group, i = divmod(slab, 4)
        return self.e.add(self.e.mul(row, 4), group * 4 * self.down + i)


class TensorProducts(Products):
    """`mma.sync.m16n8k16`: a warp has `rows / warps[0]` x `columns / warps[1]` results, fragments by `ldmatrix`."""

    def __init__(self, e: GpuEmitter, plan: Plan, left: Tile, right: Tile, thread: Index) -> None:
        super().__init__(e, plan, left, right, thread)
        self.lane, warp = e.rem(thread, WARP), e.div(thread, WARP)
        self.row_tiles = plan.rows // plan.warps[0] // 16
        self.column_tiles = plan.columns // plan.warps[1] // 8
        self.row = e.mul(e.div(warp, plan.warps[1]), plan.rows // plan.warps[0])
        self.column = e.mul(e.rem(warp, plan.warps[1]), plan.columns // plan.warps[1])
        self.warp = warp

    def start(self) -> tuple[list[str], list[str]]:
        zero = self.e.constant("dense<0.0>", "vector<2x2xf32>")
        count = self.row_tiles * self.column_tiles
        return [zero] * count, ["vector<2x2xf32>"] * count

    def add(self, sums: list[str], stage: Index) -> list[str]:
        e, result = self.e, list(sums)
        t = self.left.side.element
        kinds = f"(vector<4x2x{t}>, vector<2x2x{t}>, vector<2x2xf32>) -> vector<2x2xf32>"
        for k in range(0, self.plan.depth, 16):
            a = [self._left(stage, i, k) for i in range(self.row_tiles)]
            b = [part for j in range(0, self.column_tiles, 2) for part in self._right(stage, j, k)]
            for i, left in enumerate(a):
                for j, right in enumerate(b):
                    at = i * self.column_tiles + j
                    result[at] = e.op(
                        f"nvgpu.mma.sync({left}, {right}, {result[at]}) {{mmaShape = [16, 8, 16]}} : {kinds}"
                    )
        return result

    def _matrices(self, tile: Tile, stage: Index, line: Index, column: Index, turned: bool) -> str:
        e, t = self.e, tile.side.element
        at = ", ".join(e.index(i) for i in (stage, line, chunk_place(e, tile, line, column)))
        return e.op(
            f"nvgpu.ldmatrix {tile.array.name}[{at}] {{numTiles = 4 : i32, transpose = {str(turned).lower()}}} : "
            f"{tile.array.kind} -> vector<4x2x{t}>"
        )

    def _left(self, stage: Index, number: int, k: int) -> str:
        """Rows 0-7 and 8-15 of products 0-7, then of 8-15."""
        e, lane, first = self.e, self.lane, self.e.add(self.row, number * 16)
        if self.left.by_sums:
            line, column = e.add(first, e.rem(lane, 16)), e.add(e.mul(e.div(lane, 16), 8), k)
        else:
            line = e.add(e.rem(lane, 8), e.mul(e.div(lane, 16), 8), k)
            column = e.add(first, e.mul(e.rem(e.div(lane, 8), 2), 8))
        return self._matrices(self.left, stage, line, column, not self.left.by_sums)

    def _right(self, stage: Index, number: int, k: int) -> list[str]:
        """Of two tiles of 8 columns: products 0-7 and 8-15 of the first, then of the second."""
        e, lane, t = self.e, self.lane, self.right.side.element
        first = e.add(self.column, number * 8)
        if self.right.by_sums:
            line = e.add(first, e.rem(lane, 8), e.mul(e.div(lane, 16), 8))
            column = e.add(e.mul(e.rem(e.div(lane, 8), 2), 8), k)
        else:
            line = e.add(e.rem(lane, 16), k)
            column = e.add(first, e.mul(e.div(lane, 16), 8))
        both = self._matrices(self.right, stage, line, column, not self.right.by_sums)
        parts = []
        pair, kind = f"vector<2x{t}>", f"vector<2x2x{t}>"
        for first_of in (0, 2):
            part = e.constant("dense<0.0>", kind)
            for i in range(2):
                one = e.op(f"vector.extract {both}[{first_of + i}] : {pair} from vector<4x2x{t}>")
                part = e.op(f"vector.insert {one}, {part} [{i}] : {pair} into {kind}")
            parts.append(part)
        return parts

    @property
    def slabs(self) -> tuple[int, int]:
        return self.row_tiles, 16 * self.plan.warps[0]

    def give(self, sums: list[str], slab: int, take: Take) -> None:
        e, lane = self.e, self.lane
        group = e.div(self.warp, self.plan.warps[1])
        for j in range(self.column_tiles):
            value = sums[slab * self.column_tiles + j]
            column = e.add(self.column, j * 8, e.mul(e.rem(lane, 4), 2))
            for half in range(2):
                pair = e.op(f"vector.extract {value}[{half}] : vector<2xf32> from vector<2x2xf32>")
                take(e.add(e.mul(group, 16), e.div(lane, 4), half * 8), column, pair, 2)

    def first_row(self, slab: int, row: Index) -> Index:
        e, each = self.e, self.plan.rows // self.plan.warps[0]
        return e.add(e.mul(e.div(row, 16), each), e.rem(row, 16), slab * 16)


class Tf32Products(TensorProducts):
    """`mma.sync.m16n8k8` of f32 operands, rounded to 10 bits of mantissa when they are read from shared memory."""

    def add(self, sums: list[str], stage: Index) -> list[str]:
        e, result = self.e, list(sums)
        kinds = "(vector<4x1xf32>, vector<2x1xf32>, vector<2x2xf32>) -> vector<2x2xf32>"
        for k in range(0, self.plan.depth, 8):
            rows = [
                self._rounded(self.left, stage, self.row, i * 16, k, (0, 8)) for i in range(self.row_tiles)
            ]
            columns = [
                self._rounded(self.right, stage, self.column, j * 8, k, (0,))
                for j in range(self.column_tiles)
            ]
            for i, left in enumerate(rows):
                for j, right in enumerate(columns):
                    at = i * self.column_tiles + j
                    factors = f"{left}, {right}, {result[at]}"
                    result[at] = e.op(
                        f"nvgpu.mma.sync({factors}) {{mmaShape = [16, 8, 8], tf32Enabled}} : {kinds}"
                    )
        return result

    def _rounded(
        self, tile: Tile, stage: Index, start: Index, first: int, k: int, apart: tuple[int, ...]
    ) -> str:
        """Of 8 positions from `start + first + apart`: products k to k + 3, then k + 4 to k + 7."""
        e, values = self.e, []
        for further in (0, 4):
            for distance in apart:
                position = e.add(start, e.div(self.lane, 4), first + distance)
                summed = e.add(e.rem(self.lane, 4), k + further)
                place = [position, summed] if tile.by_sums else [summed, position]
                value = e.load_shared(tile.array, [stage, *place])
                bits = e.op(f"nvvm.convert.float.to.tf32 {value} {{rnd = #nvvm.fp_rnd_mode<rna>}}")
                values.append(e.op(f"arith.bitcast {bits} : i32 to f32"))
        return e.op(f"vector.from_elements {', '.join(values)} : vector<{len(values)}x1xf32>")
