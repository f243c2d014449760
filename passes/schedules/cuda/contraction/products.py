"""The sums of a tile, in registers: by tensor cores, or by multiply-adds of each thread."""

from __future__ import annotations

from abc import abstractmethod

from aicc.passes.schedules.cpu.emit import Index, element_bits
from aicc.passes.schedules.cuda.contraction.plan import Plan
from aicc.passes.schedules.cuda.contraction.sums import Sums, Take
from aicc.passes.schedules.cuda.contraction.tiles import Tile, chunk_place
from aicc.passes.schedules.cuda.emitter import ACCESS_BITS, WARP, GpuEmitter


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

    sum_type = "f32"

    def __init__(self, e: GpuEmitter, plan: Plan, left: Tile, right: Tile, thread: Index) -> None:
        super().__init__(e, plan, left, right, thread)
        self.lane, warp = e.rem(thread, WARP), e.div(thread, WARP)
        self.row_tiles = plan.rows // plan.warps[0] // 16
        self.column_tiles = plan.columns // plan.warps[1] // 8
        self.row = e.mul(e.div(warp, plan.warps[1]), plan.rows // plan.warps[0])
        self.column = e.mul(e.rem(warp, plan.warps[1]), plan.columns // plan.warps[1])
        self.warp = warp
        self.chunk = ACCESS_BITS // element_bits(left.side.element)

    def start(self) -> tuple[list[str], list[str]]:
        kind = f"vector<2x2x{self.sum_type}>"
        zero = self.e.constant("dense<0>" if self.sum_type == "i32" else "dense<0.0>", kind)
        count = self.row_tiles * self.column_tiles
        return [zero] * count, [kind] * count

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
        e, kind = self.e, self._fragment(4, tile)
        at = ", ".join(e.index(i) for i in (stage, line, chunk_place(e, tile, line, column)))
        return e.op(
            f"nvgpu.ldmatrix {tile.array.name}[{at}] {{numTiles = 4 : i32, transpose = {str(turned).lower()}}} : "
            f"{tile.array.kind} -> {kind}"
        )

    def _left(self, stage: Index, number: int, k: int) -> str:
        """Rows 0-7 and 8-15 of the first chunk of products, then of the second."""
        e, lane, first = self.e, self.lane, self.e.add(self.row, number * 16)
        if self.left.by_sums:
            line, column = e.add(first, e.rem(lane, 16)), e.add(e.mul(e.div(lane, 16), self.chunk), k)
        else:
            line = e.add(e.rem(lane, 8), e.mul(e.div(lane, 16), 8), k)
            column = e.add(first, e.mul(e.rem(e.div(lane, 8), 2), 8))
        return self._matrices(self.left, stage, line, column, not self.left.by_sums)

    def _right(self, stage: Index, number: int, k: int) -> list[str]:
        """Of two tiles of 8 columns: both chunks of products of the first, then of the second."""
        e, lane = self.e, self.lane
        first = e.add(self.column, number * 8)
        if self.right.by_sums:
            line = e.add(first, e.rem(lane, 8), e.mul(e.div(lane, 16), 8))
            column = e.add(e.mul(e.rem(e.div(lane, 8), 2), self.chunk), k)
        else:
            line = e.add(e.rem(lane, 16), k)
            column = e.add(first, e.mul(e.div(lane, 16), 8))
        both = self._matrices(self.right, stage, line, column, not self.right.by_sums)
        return self._halves(both)

    def _fragment(self, registers: int, tile: Tile) -> str:
        """The type of some registers of elements."""
        return f"vector<{registers}x{32 // element_bits(tile.side.element)}x{tile.side.element}>"

    def _halves(self, both: str) -> list[str]:
        """Registers 0 and 1 as one operand, 2 and 3 as another."""
        e, t = self.e, self.right.side.element
        parts = []
        pair, kind = f"vector<2x{t}>", self._fragment(2, self.right)
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
                kind = f"vector<2x{self.sum_type}> from vector<2x2x{self.sum_type}>"
                pair = e.op(f"vector.extract {value}[{half}] : {kind}")
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


class ByteProducts(TensorProducts):
    """`mma.sync.m16n8k32` of bytes, each side signed or not; sums in i32, which wrap."""

    sum_type = "i32"

    def __init__(
        self, e: GpuEmitter, plan: Plan, left: Tile, right: Tile, thread: Index, *, signed: tuple[bool, bool]
    ) -> None:
        super().__init__(e, plan, left, right, thread)
        a, b = ("s8" if one else "u8" for one in signed)
        self.attributes = (
            "intOverflowBehavior = #nvvm.mma_int_overflow<wrapped>, layoutA = #nvvm.mma_layout<row>, "
            "layoutB = #nvvm.mma_layout<col>, shape = #nvvm.shape<m = 16, n = 8, k = 32>, "
            f"multiplicandAPtxType = #nvvm.mma_type<{a}>, multiplicandBPtxType = #nvvm.mma_type<{b}>"
        )

    def add(self, sums: list[str], stage: Index) -> list[str]:
        result = list(sums)
        for k in range(0, self.plan.depth, 32):
            rows = [self._registers(self._left(stage, i, k)) for i in range(self.row_tiles)]
            columns = [part for j in range(0, self.column_tiles, 2) for part in self._pairs(stage, j, k)]
            for i, left in enumerate(rows):
                for j, right in enumerate(columns):
                    at = i * self.column_tiles + j
                    result[at] = self._product(left, right, result[at])
        return result

    def _halves(self, both: str) -> list[str]:
        return [both]

    def _pairs(self, stage: Index, number: int, k: int) -> list[list[str]]:
        (both,) = self._right(stage, number, k)
        registers = self._registers(both)
        return [registers[:2], registers[2:]]

    def _registers(self, matrices: str) -> list[str]:
        """Four bytes each, as `i32`."""
        e, found = self.e, []
        for i in range(4):
            four = e.op(f"vector.extract {matrices}[{i}] : vector<4xi8> from vector<4x4xi8>")
            one = e.op(f"vector.bitcast {four} : vector<4xi8> to vector<1xi32>")
            found.append(e.op(f"vector.extract {one}[0] : i32 from vector<1xi32>"))
        return found

    def _product(self, left: list[str], right: list[str], total: str) -> str:
        e, kind = self.e, "!llvm.struct<(i32, i32, i32, i32)>"
        before = [
            e.op(f"vector.extract {total}[{half}, {i}] : i32 from vector<2x2xi32>")
            for half in range(2)
            for i in range(2)
        ]
        found = e.op(
            f"nvvm.mma.sync A[{', '.join(left)}] B[{', '.join(right)}] C[{', '.join(before)}] "
            f"{{{self.attributes}}} : (i32, i32, i32) -> {kind}"
        )
        values = [e.op(f"llvm.extractvalue {found}[{i}] : {kind}") for i in range(4)]
        return e.op(f"vector.from_elements {', '.join(values)} : vector<2x2xi32>")
