"""Tiles of q, k and v: through registers to shared memory, and from there to fragments for tensor cores."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from aicc.passes.schedules.cpu.access import Access
from aicc.passes.schedules.cpu.emit import Index, element_bits
from aicc.passes.schedules.cuda.emitter import ACCESS_BITS, GpuEmitter, Shared


def chunk_of(element: str) -> int:
    """Elements of 16 bytes."""
    return ACCESS_BITS // element_bits(element)


def vector_of(access: Access, dim: int, extent: int) -> int:
    """Elements along `dim` that can be read at once where the argument is aligned."""
    chunk = chunk_of(access.buffer.element)
    if access.coef(dim) != 1 or extent % chunk or not access.linear:
        return 1
    steps = [access.offset.static, *(access.coef(d) for d in range(len(access.coefs)) if d != dim)]
    return chunk if all(step is not None and step % chunk == 0 for step in steps) else 1


class Matrix:
    """`lines x width` of an operand: line numbers are positions of a block, `width` its contiguous dimension.

    Chunks of a line are exchanged so that the eight lines that `ldmatrix` reads lie in different banks. `address`
    gives that of element (line, column).
    """

    def __init__(
        self,
        e: GpuEmitter,
        access: Access,
        lines: int,
        width: int,
        vector: int,
        thread: Index,
        threads: int,
    ) -> None:
        self.e, self.access, self.lines, self.width, self.vector = e, access, lines, width, vector
        self.array: Shared = e.shared((lines, width), access.buffer.element)
        each = width // vector
        total = lines * each
        self.slots = []
        for number in range(-(-total // threads)):
            at = e.add(thread, number * threads)
            self.slots.append((e.div(at, each), e.mul(e.rem(at, each), vector)))
        assert total % threads == 0, "tiles are multiples of a block's threads"

    @property
    def element(self) -> str:
        """Its type."""
        return self.access.buffer.element

    def read(self, address: Callable[[Index, Index], Index]) -> list[str]:
        """This thread's part, from memory."""
        e = self.e
        base = e.base(self.access.buffer)
        return [e.load(base, address(line, column), self.element, self.vector) for line, column in self.slots]

    def write(self, values: Sequence[str]) -> None:
        """This thread's part, to shared memory."""
        for (line, column), value in zip(self.slots, values, strict=True):
            self.e.store_shared(value, self.array, [line, self._place(line, column)], self.vector)

    def load(self, line: Index, column: Index, lanes: int) -> str:
        """Neighbours of a line, within 16 bytes, from shared memory."""
        return self.e.load_shared(self.array, [line, self._place(line, column)], lanes)

    def _place(self, line: Index, column: Index) -> Index:
        e, chunk = self.e, chunk_of(self.element)
        count = self.width // chunk
        mask = 7 if count % 8 == 0 else 3 if count % 4 == 0 else 1
        # Lines of less than 128 bytes share a row of banks.
        turn = e.rem(e.div(line, max(1, 8 // (mask + 1))), mask + 1)
        number = e.op(f"arith.xori {e.index(e.div(column, chunk))}, {e.index(turn)} : index")
        return e.add(e.mul(number, chunk), e.rem(column, chunk))

    def fragments(self, line: Index, column: Index, turned: bool) -> str:
        """Four matrices of 8 x 8; this lane gives the line of its row."""
        e, t = self.e, self.element
        at = f"{e.index(line)}, {e.index(self._place(line, column))}"
        return e.op(
            f"nvgpu.ldmatrix {self.array.name}[{at}] {{numTiles = 4 : i32, transpose = {str(turned).lower()}}} : "
            f"{self.array.kind} -> vector<4x2x{t}>"
        )


def halves(e: GpuEmitter, matrices: str, element: str) -> list[str]:
    """Four 8 x 8 matrices as two operands B of `mma.sync`."""
    pair, kind = f"vector<2x{element}>", f"vector<2x2x{element}>"
    parts = []
    for first in (0, 2):
        part = e.constant("dense<0.0>", kind)
        for i in range(2):
            one = e.op(f"vector.extract {matrices}[{first + i}] : {pair} from vector<4x2x{element}>")
            part = e.op(f"vector.insert {one}, {part} [{i}] : {pair} into {kind}")
        parts.append(part)
    return parts


def multiply(e: GpuEmitter, a: str, b: str, c: str, element: str) -> str:
    """c + a b."""
    kinds = f"(vector<4x2x{element}>, vector<2x2x{element}>, vector<2x2xf32>) -> vector<2x2xf32>"
    return e.op(f"nvgpu.mma.sync({a}, {b}, {c}) {{mmaShape = [16, 8, 16]}} : {kinds}")
