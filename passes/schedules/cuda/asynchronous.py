"""What sm_90a does by itself while threads go on: copies of tiles, products of warpgroups, and the barriers that tell
when they are done. Ops of the nvvm dialect.
"""

from __future__ import annotations

from collections.abc import Sequence

from aicc.passes.schedules.cpu.emit import Index, element_bits
from aicc.passes.schedules.cuda.emitter import GpuEmitter, Shared

GROUP = 128
"""Threads of a warpgroup."""

ATOM = 1024
"""Shared memory that copies and products see as 8 lines of 128 bytes, whose chunks of 16 bytes are exchanged; it lies
at multiples of that."""

_POINTER = "!llvm.ptr<3>"
_CLUSTER_POINTER = "!llvm.ptr<7>"
_PATIENCE = 1000000
"""Ticks after which a wait looks again; it waits on."""


def address(e: GpuEmitter, array: Shared, offset: Index = 0) -> str:
    """Where byte `offset` of an array is in shared memory, as `i64`."""
    start = e.pure(f"memref.extract_aligned_pointer_as_index {array.name} : {array.kind} -> index")
    return e.pure(f"arith.index_cast {e.index(e.add(start, offset))} : index to i64")


def pointer(e: GpuEmitter, array: Shared, offset: Index = 0) -> str:
    """The same as a pointer."""
    return e.pure(f"llvm.inttoptr {address(e, array, offset)} : i64 to {_POINTER}")


def narrow(e: GpuEmitter, value: Index) -> str:
    """An index as `i32`."""
    if isinstance(value, int):
        return e.constant(str(value), "i32")
    return e.pure(f"arith.index_cast {e.index(value)} : index to i32")


class Barriers:
    """`mbarrier`s: the phase of one ends when all arrivals and all bytes have come."""

    def __init__(self, e: GpuEmitter, array: Shared, first: int) -> None:
        self.e, self.array, self.first = e, array, first

    def _at(self, number: Index) -> str:
        return pointer(self.e, self.array, self.e.mul(self.e.add(number, self.first), 8))

    def start(self, number: int, arrivals: int) -> None:
        """By one thread, before a barrier of all."""
        count = self.e.constant(str(arrivals), "i32")
        self.e.do(f"nvvm.mbarrier.init {self._at(number)}, {count} : {_POINTER}, i32")

    def arrive(self, number: Index) -> None:
        """One arrival."""
        self.e.op(f"nvvm.mbarrier.arrive {self._at(number)} : {_POINTER} -> i64")

    def arrive_in(self, number: Index, rank: Index) -> None:
        """One arrival at the same barrier of block `rank` of the cluster. Products that have been waited for are over
        for its threads, too; what this thread wrote is not for them (a scope of the cluster would be a fence for all
        memory, in each turn)."""
        there = self.e.pure(
            f"nvvm.mapa {self._at(number)}, {narrow(self.e, rank)} : {_POINTER} -> {_CLUSTER_POINTER}"
        )
        self.e.do(f"nvvm.mbarrier.arrive {there} : {_CLUSTER_POINTER}")

    def expect(self, number: Index, bytes_: int) -> None:
        """One arrival; the phase lasts until copies have brought so many bytes."""
        count = self.e.constant(str(bytes_), "i32")
        self.e.do(f"nvvm.mbarrier.arrive.expect_tx {self._at(number)}, {count} : {_POINTER}, i32")

    def wait(self, number: Index, turn: Index) -> None:
        """Until phase `turn` (counted from 0) is over. That before the first is."""
        parity, ticks = narrow(self.e, self.e.rem(turn, 2)), self.e.constant(str(_PATIENCE), "i32")
        self.e.do(
            f"nvvm.mbarrier.try_wait.parity {self._at(number)}, {parity}, {ticks} : {_POINTER}, i32, i32"
        )

    def copy(
        self,
        number: Index,
        tensor_map: str,
        place: Sequence[Index],
        array: Shared,
        offset: Index,
        blocks: int = 1,
    ) -> None:
        """Starts the copy of a box at `place` (innermost first) to an array; the barrier gets its bytes. `blocks` of a
        cluster, if there are more than one: all of these get it, at the same place each, and their barriers."""
        e = self.e
        target = e.pure(f"llvm.addrspacecast {pointer(e, array, offset)} : {_POINTER} to {_CLUSTER_POINTER}")
        at = ", ".join(narrow(e, position) for position in place)
        all_of_them = f" multicast_mask = {e.constant(str((1 << blocks) - 1), 'i16')}" if blocks > 1 else ""
        e.do(
            f"nvvm.cp.async.bulk.tensor.shared.cluster.global {target}, {tensor_map}, {self._at(number)}, "
            f"box[{at}]{all_of_them} : {_CLUSTER_POINTER}, !llvm.ptr"
        )


def start_barriers(e: GpuEmitter) -> None:
    """After `Barriers.start`, by the same thread: copies see them."""
    e.do("nvvm.fence.mbarrier.init")


def meet_cluster(e: GpuEmitter) -> None:
    """A barrier of all threads of the cluster; they see what others wrote before it."""
    e.do("nvvm.cluster.arrive")
    e.do("nvvm.cluster.wait")


def meet(e: GpuEmitter, number: Index, threads: int) -> None:
    """A barrier of some threads of the block; 0 is that of all."""
    count = e.constant(str(threads), "i32")
    e.do(f"nvvm.barrier id = {narrow(e, number)} number_of_threads = {count}")


def begin_stores(e: GpuEmitter) -> None:
    """After writes to shared memory, by each thread that wrote: copies from there see them."""
    e.do("nvvm.fence.proxy {kind = #nvvm.proxy_kind<async.shared>, space = #nvvm.shared_space<cta>}")


def store_box(e: GpuEmitter, tensor_map: str, place: Sequence[Index], array: Shared, offset: Index) -> None:
    """Starts the copy of a box from an array to `place` (innermost first); it is a group. What lies outside of the
    tensor is left out."""
    at = ", ".join(narrow(e, position) for position in place)
    e.do(
        f"nvvm.cp.async.bulk.tensor.global.shared.cta {tensor_map}, {pointer(e, array, offset)}, box[{at}] : "
        f"!llvm.ptr, {_POINTER}"
    )
    e.do("nvvm.cp.async.bulk.commit.group")


def wait_stores(e: GpuEmitter, left: int) -> None:
    """Until at most so many groups of this thread have not read what they copy."""
    e.do(f"nvvm.cp.async.bulk.wait_group {left} {{read}}")


def store_matrices(e: GpuEmitter, values: Sequence[str], array: Shared, offset: Index) -> None:
    """Four matrices of 8 x 8 elements of 16 bits, by a warp: lane i says where row `i % 8` of matrix `i / 8` goes (16
    bytes), and has two elements of row `i / 4` of each, from column `2 * (i % 4)` on, as an `i32`."""
    e.do(
        f"nvvm.stmatrix {pointer(e, array, offset)}, {', '.join(values)} {{layout = #nvvm.mma_layout<row>, "
        f"shape = #nvvm.ld_st_matrix_shape<m = 8, n = 8>, eltType = #nvvm.ld_st_matrix_elt_type<b16>}} : "
        f"{_POINTER}, {', '.join(['i32'] * len(values))}"
    )


def tensor_map(
    e: GpuEmitter, base: str, element: str, offset: Index, dims: Sequence[tuple[Index, Index, int, int]]
) -> str:
    """On the host: what copies of boxes from an argument need, a `!llvm.ptr` that launches capture.

    `dims` are size, step in elements (1 for the first), how many positions a box has and how far they are apart,
    innermost first; the box's innermost is 128 bytes. Outside of the tensor are zeros.
    """
    kind = f"memref<?x{element}>"
    start = e.op(f"memref.extract_aligned_pointer_as_index {base} : {kind} -> index")
    start = e.index(e.add(start, e.mul(offset, element_bits(element) // 8)))
    numbers = [e.index(dim[column]) for column in range(4) for dim in dims]
    name = f"aicc_tensor_map_{element}_{len(dims)}"
    kinds = ", ".join(["index"] * (1 + len(numbers)))
    e.declare(f"func.func private @{name}({kinds}) -> !llvm.ptr")
    return e.op(f"func.call @{name}({', '.join([start, *numbers])}) : ({kinds}) -> !llvm.ptr")


def multiprocessors(e: GpuEmitter) -> str:
    """On the host: how many the device has."""
    e.declare("func.func private @aicc_multiprocessors() -> index")
    return e.op("func.call @aicc_multiprocessors() : () -> index")


LINE = 128
"""Bytes that copies with exchanged chunks lay out one after the other; an operand's products of a stage."""

_PRODUCT = 32
"""Bytes along the sums that one product takes of each operand."""


def depth_of(element: str) -> int:
    """Products of a stage."""
    return LINE * 8 // element_bits(element)


def product_depth(element: str) -> int:
    """Products of one instruction."""
    return _PRODUCT * 8 // element_bits(element)


class Operand:
    """`positions` x `depth` elements (of 16 or 8 bits) in shared memory, as copies with exchanged chunks lay them out.

    `by_sums`: a line of 128 bytes goes along the sums, and one box has all positions; else (16 bits only) along the
    positions, 64 of them in each box of 64 lines. So many blocks of a cluster as `shared_by` says copy a share each.
    """

    def __init__(self, by_sums: bool, positions: int, element: str, shared_by: int = 1) -> None:
        assert by_sums or element_bits(element) == 16, "products of bytes read lines along the sums"
        self.by_sums, self.positions, self.element, self.shared_by = by_sums, positions, element, shared_by
        self.depth = depth_of(element)

    @property
    def bytes(self) -> int:
        """Of a stage."""
        return self.positions * LINE

    @property
    def share(self) -> int:
        """The positions that a block copies."""
        return self.positions // self.shared_by

    def boxes(self) -> list[int]:
        """The first position of each within a share."""
        return [0] if self.by_sums else list(range(0, self.share, 64))

    def box(self) -> tuple[int, int]:
        """Extents, innermost first."""
        return (self.depth, self.share) if self.by_sums else (64, self.depth)

    def fixed(self) -> int:
        """The parts of the descriptor that are no address: how far the next 64 positions and the next 8 lines are."""
        leading = 1 if self.by_sums else self.depth * LINE // 16
        return (1 << 62) | (ATOM // 16 << 32) | (leading << 16)

    def step(self, k: int) -> int:
        """Bytes to product `k`, the first of an instruction."""
        return k * LINE // self.depth if self.by_sums else k * LINE

    def rows(self, e: GpuEmitter, first: Index) -> Index:
        """Bytes to position `first`, the first of a box."""
        return e.mul(first, LINE)


def descriptor(e: GpuEmitter, start: str, fixed: int) -> str:
    """An operand of `wgmma` at the address `start` (i64), a multiple of 16 below 2^18."""
    low = e.pure(f"arith.andi {start}, {e.constant(str(0x3FFFF), 'i64')} : i64")
    low = e.pure(f"arith.shrui {low}, {e.constant('4', 'i64')} : i64")
    return e.pure(f"arith.ori {low}, {e.constant(str(fixed), 'i64')} : i64")


def accumulators(columns: int, kind: str) -> str:
    """The type of a thread's sums (`kind`: f32 or i32) of 64 x `columns`."""
    return f"!llvm.struct<({', '.join([kind] * (columns // 2))})>"


def product(
    e: GpuEmitter,
    left: str,
    right: str,
    sums: str | None,
    columns: int,
    elements: tuple[str, str],
    by_sums: tuple[bool, bool],
) -> str:
    """sums (None: 0) + left * right, 64 x `columns` x 32 bytes, of a warpgroup; done when `wait_products` says so.

    `elements` of both operands: f16 or bf16 with sums in f32; u8 or s8 with sums in i32, which wrap.
    """
    whole = elements[0] in ("u8", "s8")
    kind, total, depth = (
        accumulators(columns, "i32" if whole else "f32"),
        "s32" if whole else "f32",
        32 if whole else 16,
    )
    one = "#nvvm.wgmma_scale_in<one>"
    a, b = ("row" if by_sums[0] else "col"), ("col" if by_sums[1] else "row")
    scale = "zero" if sums is None else "one"
    before = e.op(f"llvm.mlir.undef : {kind}") if sums is None else sums
    return e.op(
        f"nvvm.wgmma.mma_async {left}, {right}, {before}, #nvvm.shape<m = 64, n = {columns}, k = {depth}>, "
        f"D[<{total}>, #nvvm.wgmma_scale_out<{scale}>], A[<{elements[0]}>, {one}, <{a}>], "
        f"B[<{elements[1]}>, {one}, <{b}>] : "
        f"{kind} -> {kind}"
    )


def product_of_registers(
    e: GpuEmitter, left: Sequence[str], right: str, sums: Sequence[str], element: str, by_sums: bool
) -> list[str]:
    """sums + left * right, 64 x 2 len(sums) x 16 of f16 or bf16; sums are f32. `left` is four `i32` of two elements
    each, of a warp's 16 rows as `mma.sync.m16n8k16` has them. The nvvm dialect knows left operands in memory only."""
    count = len(sums)
    results = ", ".join(f"${i}" for i in range(count))
    fragment = ", ".join(f"${count + i}" for i in range(4))
    text = (
        "{ .reg .pred p; setp.ne.b32 p, 1, 0; "
        f"wgmma.mma_async.sync.aligned.m64n{2 * count}k16.f32.{element}.{element} {{{results}}}, {{{fragment}}}, "
        f"${count + 4}, p, 1, 1, {int(not by_sums)}; }}"
    )
    constraints = ",".join(["=f"] * count + ["r"] * 4 + ["l"] + [str(i) for i in range(count)])
    kind = accumulators(2 * count, "f32")
    operands = ", ".join([*left, right, *sums])
    kinds = ", ".join(["i32"] * 4 + ["i64"] + ["f32"] * count)
    found = e.op(
        f'llvm.inline_asm has_side_effects asm_dialect = att "{text}", "{constraints}" {operands} : ({kinds}) -> {kind}'
    )
    return [e.op(f"llvm.extractvalue {found}[{i}] : {kind}") for i in range(count)]


def copied(e: GpuEmitter, values: Sequence[str]) -> list[str]:
    """The same values (`i32`) in registers of their own: operands of products must not be written while others are
    being computed."""
    count = len(values)
    text = " ".join(f"mov.b32 ${i}, ${count + i};" for i in range(count))
    kinds = ", ".join(["i32"] * count)
    found = e.op(
        f'llvm.inline_asm has_side_effects asm_dialect = att "{text}", "{",".join(["=r"] * count + ["r"] * count)}" '
        f"{', '.join(values)} : ({kinds}) -> !llvm.struct<({kinds})>"
    )
    return [e.op(f"llvm.extractvalue {found}[{i}] : !llvm.struct<({kinds})>") for i in range(count)]


def begin_products(e: GpuEmitter) -> None:
    """Before the first product that reads registers written otherwise."""
    e.do("nvvm.wgmma.fence.aligned")


def end_products(e: GpuEmitter) -> None:
    """Makes the products since the last one a group."""
    e.do("nvvm.wgmma.commit.group.sync.aligned")


def wait_products(e: GpuEmitter, left: int, kept: Sequence[str] = ()) -> None:
    """Until at most so many groups are being computed. Registers `kept` (`i32`) are written before, and get no other
    value until then."""
    if not kept:
        e.do(f"nvvm.wgmma.wait.group.sync.aligned {left}")
        return
    e.do(
        f'llvm.inline_asm has_side_effects asm_dialect = att "wgmma.wait_group.sync.aligned {left};", '
        f'"{",".join(["r"] * len(kept))},~{{memory}}" {", ".join(kept)} : ({", ".join(["i32"] * len(kept))}) -> ()'
    )


def keep_registers(e: GpuEmitter, count: int, more: bool) -> None:
    """Takes registers for the threads of this warpgroup from those that others gave, or gives some. A multiple of 8."""
    e.do(f"nvvm.setmaxregister {'increase' if more else 'decrease'} {count}")
