"""Register tiles of products of integer blocks: the sums of a block are exact, in i32, then scaled and added in f32.

    acc += scale · weight_scale · (Σ q w - block · c · mean)

Sums of all blocks stay in registers beside those of one block where there is room for both; else they lie in the
thread's scratch, in the first-level cache, and are read and written once for each block.
"""

from __future__ import annotations

from aicc.passes.schedules.cpu.access import Access
from aicc.passes.schedules.cpu.emit import Index, vector
from aicc.passes.schedules.cpu.emit_kernel import KernelEmitter
from aicc.passes.schedules.cpu.integer_blocks.instructions import GROUP, ByteProducts
from aicc.passes.schedules.cpu.integer_blocks.roles import BlockRoles
from aicc.passes.schedules.cpu.nest import Buffer
from aicc.passes.schedules.cpu.packed.tile import PackedTile
from aicc.target import Target

# Registers for weights, bytes of A and constants, beside the sums.
_OTHERS = 8
# Rows of a register tile: unpacking takes a tenth of the time of so many.
_ROWS = 12
# Words of each column in an iteration of the loop over a block.
_UNROLL = 4


def most_rows(target: Target, vectors: int) -> int:
    """Rows of a register tile."""
    return max(1, min((target.registers - _OTHERS) // vectors, _ROWS))


def stay_in_registers(sums: int, registers: int) -> bool:
    """Whether so many sums of all blocks have registers, beside those of a block."""
    return 2 * sums + _OTHERS <= registers


class BlockTile(PackedTile):
    """Emits register tiles of one product of integer blocks, of at most `rows` rows."""

    def __init__(
        self,
        e: KernelEmitter,
        roles: BlockRoles,
        products: ByteProducts,
        vectors: int,
        target: Target,
        rows: int,
    ) -> None:
        # unrolled here, not by the engine
        super().__init__(e, roles, products.lanes, 1, vectors, target)
        self._blocks = roles
        self._products = products
        self._waiting_sums: Buffer | None = None
        if not stay_in_registers(rows * vectors, target.registers):
            self._waiting_sums = e.reserve(rows * vectors * products.lanes, "f32")

    def _sum(self, level: int, acc: list[str], a_at: Index, b_at: Index, done: Index) -> list[str]:
        """The whole sum: the loop over blocks around that over a block's words."""
        e, roles = self._e, self._blocks
        lanes, axis = self._lanes, roles.blocks
        assert axis is not None
        # sums of a block are short, and each starts anew: they need no copies that are added up in the end
        count = len(self._rows) * self._place.vectors
        acc, copies = acc[:count], acc[count:]
        saved = self._waiting_sums
        if stay_in_registers(count, self._registers):
            saved = None

        def at_block(at: Index, access: Access, number: Index) -> Index:
            return e.add(at, e.mul(number, e.size(access.coefs[axis])))

        def block(number: Index, values: list[str] | None) -> list[str]:
            found = self._block_sums(at_block(a_at, roles.a, number), at_block(b_at, roles.b, number))
            return self._scaled_sums(number, values, found)

        if saved is None:
            with e.loop(0, e.size(roles.axes.extents[axis]), 1, acc, [self._kind] * count) as loop:
                loop.next = block(loop.index, loop.args)
            return [*loop.results, *copies]
        base = e.base(saved)
        for i, value in enumerate(acc):
            e.store(value, base, i * lanes, "f32", lanes)
        with e.loop(0, e.size(roles.axes.extents[axis])) as loop:
            block(loop.index, None)
        return [*(e.load(base, i * lanes, "f32", lanes) for i in range(count)), *copies]

    # Sums of a block -------------------------------------------------------------------------------

    def _block_sums(self, a_at: Index, b_at: Index) -> list[str]:
        """The exact sums of products of a block, in i32, row by row."""
        e, roles, products = self._e, self._blocks, self._products
        axis = roles.axes.sums[-1]
        words = roles.axes.extents[axis].static
        assert words is not None
        count = len(self._rows) * self._place.vectors
        each = products.steps or _UNROLL
        whole = words // each * each
        a_step, b_step = roles.numbers, roles.panel

        def some(sums: list[str] | None, first: Index, steps: int) -> list[str]:
            return self._words(
                sums, e.add(a_at, e.mul(first, a_step)), e.add(b_at, e.mul(first, b_step)), steps
            )

        if words <= max(each, 2 * _UNROLL):
            result: list[str] | None = None
            for first in range(0, words, each):
                result = some(result, first, min(each, words - first))
            return result or []
        kind, zero = vector("i32", self._lanes), e.splat("0", "i32", self._lanes)
        with e.loop(0, whole, each, [zero] * count, [kind] * count) as loop:
            loop.next = some(loop.args, loop.index, each)
        return some(loop.results, whole, words - whole) if whole < words else loop.results

    def _words(self, sums: list[str] | None, a_at: Index, b_at: Index, steps: int) -> list[str]:
        """The sums with those of `steps` words of each column added."""
        e, products, vectors = self._e, self._products, self._place.vectors
        base, element = self._b
        bits, count = self._blocks.bits, len(self._rows) * vectors
        narrow = bool(products.steps)
        partial = [products.start(e)] * count if narrow or sums is None else list(sums)
        for step in range(steps):
            at = e.add(b_at, step * self._roles.panel)
            self._prefetch_panels(self._roles.b, at, step)
            groups = [
                products.groups(e, e.load(base, e.add(at, self._in_panels(v)), element, self._lanes), bits)
                for v in range(vectors)
            ]
            for n in range(len(groups[0])):
                for number, row in enumerate(self._rows):
                    place = e.add(a_at, row, step * self._blocks.numbers + n * GROUP)
                    left = products.left(e, self._a[0], place)
                    for v in range(vectors):
                        i = number * vectors + v
                        partial[i] = products.add(e, partial[i], groups[v][n], left)
        if not narrow:
            return partial
        kind, found = vector("i32", self._lanes), [products.total(e, [x]) for x in partial]
        if sums is None:
            return found
        return [e.op(f"arith.addi {x}, {y} : {kind}") for x, y in zip(sums, found, strict=True)]

    # Sums of all blocks ----------------------------------------------------------------------------

    def _scaled_sums(self, number: Index, values: list[str] | None, found: list[str]) -> list[str]:
        """The sums of all blocks so far: `values`, or those in the scratch, which get the new ones."""
        e, roles, vectors, lanes = self._e, self._blocks, self._place.vectors, self._lanes
        integers, saved = vector("i32", lanes), self._waiting_sums
        parameters = self._parameters(number)
        middles = [self._middle(zero) for _, zero in parameters]
        result = []
        for r, row in enumerate(self._place.rows):
            scale = self._of_row(roles.row_scale, row, number)
            mean = None if middles[0] is None else self._of_row(roles.row_mean, row, number)
            for v in range(vectors):
                i = r * vectors + v
                value = e.op(f"arith.sitofp {found[i]} : {integers} to {self._kind}")
                middle, of_weights = middles[v], parameters[v][0]
                if middle is not None and mean is not None:
                    value = e.fma(middle, mean, value, "f32", lanes)
                assert of_weights is not None
                value = e.op(f"arith.mulf {value}, {of_weights} : {self._kind}")
                if values is not None:
                    result.append(e.fma(value, scale, values[i], "f32", lanes))
                    continue
                assert saved is not None
                before = e.load(e.base(saved), i * lanes, "f32", lanes)
                e.store(e.fma(value, scale, before, "f32", lanes), e.base(saved), i * lanes, "f32", lanes)
        return result

    def _middle(self, zero: str | None) -> str | None:
        """What the mean of A's block is multiplied by: `-block · c`; None where c is 0."""
        e, roles, lanes = self._e, self._blocks, self._lanes
        c = self._offset()
        if zero is None:
            return e.splat(f"{-c * roles.block}.0", "f32", lanes) if c else None
        value = e.op(f"arith.addf {zero}, {e.splat(f'{c}.0', 'f32', lanes)} : {self._kind}")
        return e.op(f"arith.mulf {value}, {e.splat(f'{-roles.block}.0', 'f32', lanes)} : {self._kind}")

    def _offset(self) -> int:
        """What is to be subtracted from a weight as it is multiplied, without its zero point."""
        bits = self._blocks.bits
        return 0 if self._products.signed and bits == 8 else 1 << (bits - 1)

    def _of_row(self, access: Access | None, row: tuple[int, ...], block: Index) -> str:
        """What belongs to a block of a row, for all columns."""
        assert access is not None and self._blocks.blocks is not None
        e, axes = self._e, self._roles.axes
        at = e.add(e.size(access.offset), e.mul(block, e.size(access.coefs[self._blocks.blocks])))
        for axis in axes.rows:
            at = e.add(at, e.mul(self._place.at[axis], e.size(access.coefs[axis])))
        at = e.add(at, self._row_offset(access, row))
        return e.broadcast(e.load(e.base(access.buffer), at, "f32"), "f32", self._lanes)
