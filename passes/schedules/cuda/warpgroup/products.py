"""The sums of a warpgroup: 64 rows of the tile, in registers as `wgmma` has them."""

from __future__ import annotations

from aicc.passes.schedules.cpu.emit import Index
from aicc.passes.schedules.cuda.asynchronous import (
    GROUP,
    Operand,
    accumulators,
    address,
    begin_products,
    descriptor,
    end_products,
    meet,
    product,
    product_depth,
)
from aicc.passes.schedules.cuda.contraction.roles import Roles
from aicc.passes.schedules.cuda.contraction.sums import Sums, Take
from aicc.passes.schedules.cuda.emitter import WARP, GpuEmitter, Shared
from aicc.passes.schedules.cuda.warpgroup.plan import SLAB_COLUMNS, SLAB_ROWS, Plan


class WarpgroupSums(Sums):
    """Of warpgroup `group` of those that multiply; `thread` counts within it. Bytes are signed as `roles` say."""

    def __init__(self, e: GpuEmitter, plan: Plan, roles: Roles, thread: Index, group: Index) -> None:
        super().__init__(e, thread, GROUP, SLAB_COLUMNS)
        self.plan, self.group, self.sum_type = plan, group, roles.sum_type
        element = roles.left.element
        left, right = (("s8" if one else "u8") if element == "i8" else element for one in roles.signed)
        self.elements, self.depth = (left, right), product_depth(element)

    @property
    def kind(self) -> str:
        """The type of the sums."""
        return accumulators(self.plan.columns, self.sum_type)

    def add(
        self, sums: str | None, left: tuple[Operand, Shared], right: tuple[Operand, Shared], stage: Index
    ) -> str:
        """The sums (None: 0) after the products of a stage; they are a group that is not waited for."""
        e = self.e
        starts = []
        for (operand, array), rows in ((left, left[0].rows(e, e.mul(self.group, 64))), (right, 0)):
            place = e.add(e.mul(stage, operand.bytes), rows)
            starts.append(descriptor(e, address(e, array, place), operand.fixed()))
        begin_products(e)
        for k in range(0, left[0].depth, self.depth):
            parts = [
                self._ahead(start, side[0].step(k)) for start, side in zip(starts, (left, right), strict=True)
            ]
            by_sums = (left[0].by_sums, right[0].by_sums)
            sums = product(e, parts[0], parts[1], sums, self.plan.columns, self.elements, by_sums)
        end_products(e)
        assert sums is not None
        return sums

    def _ahead(self, start: str, bytes_: int) -> str:
        """The descriptor of what lies `bytes_` further."""
        if not bytes_:
            return start
        return self.e.pure(f"arith.addi {start}, {self.e.constant(str(bytes_ // 16), 'i64')} : i64")

    # Given away ------------------------------------------------------------------------------------

    @property
    def slabs(self) -> tuple[int, int]:
        return self.plan.columns // SLAB_COLUMNS, SLAB_ROWS

    def give(self, sums: list[str], slab: int, take: Take) -> None:
        e, lane = self.e, self.e.rem(self.thread, WARP)
        row = e.add(e.mul(e.div(self.thread, WARP), 16), e.div(lane, 4))
        for j in range(SLAB_COLUMNS // 8):
            column = e.add(e.mul(e.rem(lane, 4), 2), j * 8)
            for half in range(2):
                first = (slab * (SLAB_COLUMNS // 8) + j) * 4 + half * 2
                take(e.add(row, half * 8), column, self.pair(sums[0], first), 2)

    def pair(self, sums: str, first: int) -> str:
        """Sums `first` and the next as a vector: of two neighbours in a row."""
        e = self.e
        values = [e.op(f"llvm.extractvalue {sums}[{first + i}] : {self.kind}") for i in range(2)]
        return e.from_elements(values, self.sum_type)

    def first_row(self, slab: int, row: Index) -> Index:
        return self.e.add(self.e.mul(self.group, 64), row)

    def first_column(self, slab: int) -> int:
        return slab * SLAB_COLUMNS

    def meet(self) -> None:
        meet(self.e, self.e.add(self.group, 1), GROUP)

    def place(self, row: Index, column: Index) -> list[Index]:
        """Groups of 8 columns are exchanged, so that the four rows a quarter of a warp writes lie in different
        banks."""
        e = self.e
        turn = e.mul(e.rem(row, 4), 8)
        other = e.pure(f"arith.xori {e.index(column)}, {e.index(turn)} : index")
        return [e.add(e.mul(self.group, SLAB_ROWS), row), other]
