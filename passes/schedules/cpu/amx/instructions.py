"""Tile registers of Intel AMX: eight of 16 rows of 64 bytes, and the products of two.

Intel, "Intrinsics Guide" and "Software Developer's Manual", volume 1, chapter 18. Registers are named here, by
number: LLVM allocates none of its own when it is told so, and code in between does not touch them.

| registers | hold | rows | bytes of a row |
|---|---|---|---|
| 0 to 3 | sums: those of columns `v` and A's tile `i` in 2 i + v | `rows` | 64 |
| 4, 5 | A | `rows` | 4 * `depth` |
| 6, 7 | B: a step of the sum in a row, for 16 columns | `depth` | 64 |
"""

from __future__ import annotations

from aicc.passes.schedules.cpu.emit import Index, element_bits
from aicc.passes.schedules.cpu.emit_kernel import KernelEmitter
from aicc.passes.schedules.cpu.nest import Buffer

ROWS = 16
"""Rows of a tile register, and lanes of 32 bits of each."""
SIDE = 2
"""Tiles of A, and of B, that are multiplied with each other at once."""
_BYTES = 64
_SUMS, _LEFT, _RIGHT = 0, 4, 6


class Tiles:
    """Emits the instructions of tile registers. `product`: `tdpbusd` (A unsigned bytes, B signed) or `tdpbf16ps`."""

    def __init__(self, e: KernelEmitter, product: str) -> None:
        self._e = e
        self._product = product

    def configure(self, rows: Index, depth: int) -> None:
        """Sets the shapes of all registers, which are zero then; `depth` steps of the sum in a tile."""
        e = self._e
        kind = f"vector<{_BYTES}xi8>"
        # byte 0 is the palette; from 16 on the bytes of rows, in 16 bits each; from 48 on the numbers of rows
        shape = [0] * _BYTES
        shape[0] = 1
        of_rows = [False] * _BYTES
        for register in range(8):
            left, right = _LEFT <= register < _RIGHT, register >= _RIGHT
            shape[16 + 2 * register] = 4 * depth if left else _BYTES
            shape[48 + register] = depth if right else rows if isinstance(rows, int) else 0
            of_rows[48 + register] = not right
        value = e.constant(f"dense<{shape}>", kind)
        if not isinstance(rows, int):
            number = e.op(f"arith.index_cast {e.index(rows)} : index to i8")
            mask = ", ".join("true" if there else "false" for there in of_rows)
            mask = e.constant(f"dense<[{mask}]>", f"vector<{_BYTES}xi1>")
            everywhere = e.broadcast(number, "i8", _BYTES)
            value = e.op(f"arith.select {mask}, {everywhere}, {value} : vector<{_BYTES}xi1>, {kind}")
        place = e.reserve(_BYTES, "i8")
        e.store(value, e.base(place), 0, "i8", _BYTES)
        self._call("ldtilecfg", [self._pointer(place, 0)])

    def release(self) -> None:
        """Gives the registers back: the system saves none of them for this thread any more."""
        self._call("tilerelease", [])

    def zero(self, i: int, v: int) -> None:
        """Starts sums at zero."""
        self._call("tilezero", [self._number(_SUMS + SIDE * i + v)])

    def resume(self, i: int, v: int, buffer: Buffer, at: Index, stride: Index) -> None:
        """Starts sums at those that `store` has put there."""
        self._move("tileloadd64", _SUMS + SIDE * i + v, buffer, at, stride)

    def load_left(self, i: int, buffer: Buffer, at: Index, stride: Index) -> None:
        """Loads A from element `at` on; rows are `stride` elements apart."""
        self._move("tileloadd64", _LEFT + i, buffer, at, stride)

    def load_right(self, v: int, buffer: Buffer, at: Index, stride: Index) -> None:
        """Loads B from element `at` on; steps are `stride` elements apart."""
        self._move("tileloadd64", _RIGHT + v, buffer, at, stride)

    def store(self, i: int, v: int, buffer: Buffer, at: Index, stride: Index) -> None:
        """Stores sums from element `at` on; rows are `stride` elements apart."""
        self._move("tilestored64", _SUMS + SIDE * i + v, buffer, at, stride)

    def multiply(self, i: int, v: int) -> None:
        """Adds the product of A's tile `i` and B's tile `v`."""
        registers = (_SUMS + SIDE * i + v, _LEFT + i, _RIGHT + v)
        self._call(self._product, [self._number(register) for register in registers])

    def _move(self, name: str, register: int, buffer: Buffer, at: Index, stride: Index) -> None:
        e = self._e
        size = element_bits(buffer.element) // 8
        apart = e.pure(f"arith.index_cast {e.index(e.mul(stride, size))} : index to i64")
        self._call(name, [self._number(register), self._pointer(buffer, at), (apart, "i64")])

    def _pointer(self, buffer: Buffer, at: Index) -> tuple[str, str]:
        """Where element `at` is."""
        e = self._e
        kind = f"memref<?x{buffer.element}>"
        start = e.pure(f"memref.extract_aligned_pointer_as_index {e.base(buffer)} : {kind} -> index")
        place = e.index(e.add(start, e.mul(at, element_bits(buffer.element) // 8)))
        number = e.pure(f"arith.index_cast {place} : index to i64")
        return e.pure(f"llvm.inttoptr {number} : i64 to !llvm.ptr"), "!llvm.ptr"

    def _number(self, register: int) -> tuple[str, str]:
        return self._e.constant(str(register), "i8"), "i8"

    def _call(self, name: str, values: list[tuple[str, str]]) -> None:
        names, kinds = (", ".join(part) for part in zip(*values, strict=True)) if values else ("", "")
        self._e.do(f'llvm.call_intrinsic "llvm.x86.{name}"({names}) : ({kinds}) -> ()')
