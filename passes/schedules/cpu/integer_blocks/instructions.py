"""How CPUs sum products of unsigned weights in words and of signed bytes, in lanes of 32 bits.

| target | weights of | instructions |
|---|---|---|
| AVX-512 VNNI, AVX-VNNI | 4, 8 bits | `vpdpbusd`: four products |
| NEON with i8mm | 4, 8 bits | `usdot` |
| NEON with dot product | 4, 8 bits | `sdot`; bytes are made signed, numbers of 4 bits are either |
| x86 from SSE4.2 on | 4 bits | `pmaddubsw`, whose sums of 16 bits are added in pairs by `pmaddwd` after some steps |
| x86 from SSE2 on | 8 bits | `pmaddwd` of the even bytes and of the odd, widened to 16 bits |
| others | 4, 8 bits | products of 32 bits |

`w & 0x0f0f0f0f` and `(w >> 4) & 0x0f0f0f0f` of a word of 4-bit numbers are four neighbours each
(`dialects/packed_weights.py`): A is read as it lies, four bytes at a time, the same for all columns.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

from aicc.passes.schedules.cpu.emit import Index, vector
from aicc.passes.schedules.cpu.emit_kernel import KernelEmitter
from aicc.target import Target

GROUP = 4
"""Bytes of A that are multiplied at once: a word of 32 bits."""

# The sums of two products in 16 bits that no saturation can have met, of numbers up to 15 and bytes from -128 on.
_SUMS = (2**15 - 1) // (2 * 15 * 128)

Parts = tuple[str, ...]
"""Four numbers of each column, or four bytes of A for all columns, in the vectors they are multiplied in."""


@dataclass(frozen=True)
class ByteProducts(ABC):
    """`acc[lane] += Σ w[lane, i] · a[i]` over `GROUP` numbers. `signed`: bytes of weights are read as signed, less
    128."""

    lanes: int
    signed = False

    @property
    def steps(self) -> int:
        """Words of weights that may be summed before `total` is asked for; 0: any number."""
        return 0

    def groups(self, e: KernelEmitter, words: str, bits: int) -> list[Parts]:
        """The numbers in a vector of words, `GROUP` neighbours each."""
        if bits == 8:
            return [self._right(e, self._flipped(e, words) if self.signed else words)]
        kind, mask = vector("i32", self.lanes), e.splat(str(0x0F0F0F0F), "i32", self.lanes)
        four = e.splat("4", "i32", self.lanes)
        high = e.op(f"arith.shrui {words}, {four} : {kind}")
        return [self._right(e, e.op(f"arith.andi {x}, {mask} : {kind}")) for x in (words, high)]

    def left(self, e: KernelEmitter, base: str, at: Index) -> Parts:
        """`GROUP` bytes of A, from `at` on."""
        return (self._bytes(e, self._everywhere(e, base, at)),)

    def start(self, e: KernelEmitter) -> str:
        """A sum of nothing."""
        return e.splat("0", "i32", self.lanes)

    @abstractmethod
    def add(self, e: KernelEmitter, partial: str, right: Parts, left: Parts) -> str:
        """The sum with the products added."""

    def total(self, e: KernelEmitter, partials: Sequence[str]) -> str:
        """The sum in i32 of what `start` and `add` have made."""
        total = partials[0]
        for more in partials[1:]:
            total = e.op(f"arith.addi {total}, {more} : {vector('i32', self.lanes)}")
        return total

    def _right(self, e: KernelEmitter, words: str) -> Parts:
        return (self._bytes(e, words),)

    def _everywhere(self, e: KernelEmitter, base: str, at: Index) -> str:
        """Four bytes of A in every word."""
        few = e.load(base, at, "i8", GROUP)
        one = e.op(f"vector.bitcast {few} : {vector('i8', GROUP)} to vector<1xi32>")
        return e.op(f"vector.broadcast {one} : vector<1xi32> to {vector('i32', self.lanes)}")

    def _flipped(self, e: KernelEmitter, words: str) -> str:
        half = e.splat(str(0x80808080 - 2**32), "i32", self.lanes)
        return e.op(f"arith.xori {words}, {half} : {vector('i32', self.lanes)}")

    def _bytes(self, e: KernelEmitter, words: str) -> str:
        return self._as(e, words, vector("i8", GROUP * self.lanes))

    def _halves(self, e: KernelEmitter, words: str) -> str:
        return self._as(e, words, vector("i16", 2 * self.lanes))

    def _as(self, e: KernelEmitter, words: str, kind: str) -> str:
        return e.op(f"vector.bitcast {words} : {vector('i32', self.lanes)} to {kind}")


@dataclass(frozen=True)
class Dot(ByteProducts):
    """One instruction `name`."""

    name: str
    signed: bool = False

    def add(self, e: KernelEmitter, partial: str, right: Parts, left: Parts) -> str:
        """The sum with the products added."""
        lanes, operand = vector("i32", self.lanes), vector("i8", GROUP * self.lanes)
        values = f"{partial}, {right[0]}, {left[0]}"
        return e.op(
            f'llvm.call_intrinsic "{self.name}"({values}) : ({lanes}, {operand}, {operand}) -> {lanes}'
        )


@dataclass(frozen=True)
class Pairs(ByteProducts):
    """`pairs` sums two products of numbers of 4 bits in 16, `name` two of those sums in 32."""

    pairs: str
    name: str

    @property
    def steps(self) -> int:
        """Words whose two groups fit what 16 bits can sum."""
        return _SUMS // 2

    def start(self, e: KernelEmitter) -> str:
        """A sum of nothing."""
        return e.splat("0", "i16", 2 * self.lanes)

    def add(self, e: KernelEmitter, partial: str, right: Parts, left: Parts) -> str:
        """The sum with the products added."""
        operand, halves = vector("i8", GROUP * self.lanes), vector("i16", 2 * self.lanes)
        found = e.op(
            f'llvm.call_intrinsic "{self.pairs}"({right[0]}, {left[0]}) : ({operand}, {operand}) -> {halves}'
        )
        return e.op(f"arith.addi {partial}, {found} : {halves}")

    def total(self, e: KernelEmitter, partials: Sequence[str]) -> str:
        """The sum in i32 of what `start` and `add` have made."""
        halves, lanes = vector("i16", 2 * self.lanes), vector("i32", self.lanes)
        ones = e.splat("1", "i16", 2 * self.lanes)
        wide = [
            e.op(f'llvm.call_intrinsic "{self.name}"({x}, {ones}) : ({halves}, {halves}) -> {lanes}')
            for x in partials
        ]
        return super().total(e, wide)


@dataclass(frozen=True)
class Widened(ByteProducts):
    """`name` sums two products of 16 bits: of the even bytes, and of the odd."""

    name: str

    def left(self, e: KernelEmitter, base: str, at: Index) -> Parts:
        """`GROUP` bytes of A, from `at` on."""
        both = self._halves(e, self._everywhere(e, base, at))
        even = self._shift(e, "arith.shli", both)
        return self._shift(e, "arith.shrsi", even), self._shift(e, "arith.shrsi", both)

    def add(self, e: KernelEmitter, partial: str, right: Parts, left: Parts) -> str:
        """The sum with the products added."""
        halves, lanes = vector("i16", 2 * self.lanes), vector("i32", self.lanes)
        for w, a in zip(right, left, strict=True):
            found = e.op(f'llvm.call_intrinsic "{self.name}"({w}, {a}) : ({halves}, {halves}) -> {lanes}')
            partial = e.op(f"arith.addi {partial}, {found} : {lanes}")
        return partial

    def _right(self, e: KernelEmitter, words: str) -> Parts:
        both, halves = self._halves(e, words), vector("i16", 2 * self.lanes)
        even = e.op(f"arith.andi {both}, {e.splat('255', 'i16', 2 * self.lanes)} : {halves}")
        return even, self._shift(e, "arith.shrui", both)

    def _shift(self, e: KernelEmitter, op: str, value: str) -> str:
        eight = e.splat("8", "i16", 2 * self.lanes)
        return e.op(f"{op} {value}, {eight} : {vector('i16', 2 * self.lanes)}")


@dataclass(frozen=True)
class Plain(ByteProducts):
    """Products of 32 bits."""

    def left(self, e: KernelEmitter, base: str, at: Index) -> Parts:
        """`GROUP` bytes of A, from `at` on."""
        loaded = (e.load(base, e.add(at, i), "i8") for i in range(GROUP))
        wide = [e.op(f"arith.extsi {x} : i8 to i32") for x in loaded]
        return tuple(e.broadcast(x, "i32", self.lanes) for x in wide)

    def add(self, e: KernelEmitter, partial: str, right: Parts, left: Parts) -> str:
        """The sum with the products added."""
        for w, a in zip(right, left, strict=True):
            partial = e.fma(w, a, partial, "i32", self.lanes)
        return partial

    def _right(self, e: KernelEmitter, words: str) -> Parts:
        kind, mask = vector("i32", self.lanes), e.splat("255", "i32", self.lanes)
        shifted = [words]
        for i in range(1, GROUP):
            shifted.append(e.op(f"arith.shrui {words}, {e.splat(str(8 * i), 'i32', self.lanes)} : {kind}"))
        return tuple(e.op(f"arith.andi {x}, {mask} : {kind}") for x in shifted)


def products_for(target: Target, bits: int) -> ByteProducts:
    """The best ones of a CPU for weights of `bits`; `lanes` do not depend on these."""
    features = target.features
    if target.triple.startswith("x86_64"):
        wide = target.vector_bits == 512
        if wide and "avx512vnni" in features:
            return Dot(16, "llvm.x86.avx512.vpdpbusd.512")
        if not wide and "avxvnni" in features:
            return Dot(8, "llvm.x86.avx512.vpdpbusd.256")
        if wide and "avx512bw" in features:
            return _pairs(16, bits, "llvm.x86.avx512.pmaddubs.w.512", "llvm.x86.avx512.pmaddw.d.512")
        if not wide and "avx2" in features:
            return _pairs(8, bits, "llvm.x86.avx2.pmadd.ub.sw", "llvm.x86.avx2.pmadd.wd")
        if target.vector_bits == 128:
            narrow = "llvm.x86.ssse3.pmadd.ub.sw.128" if "sse4.2" in features else ""
            return _pairs(4, bits, narrow, "llvm.x86.sse2.pmadd.wd")
    if target.triple.startswith("aarch64") and target.vector_bits == 128:
        if "i8mm" in features:
            return Dot(4, "llvm.aarch64.neon.usdot.v4i32.v16i8")
        if "dotprod" in features:
            return Dot(4, "llvm.aarch64.neon.sdot.v4i32.v16i8", signed=True)
    return Plain(target.lanes(32))


def _pairs(lanes: int, bits: int, pairs: str, name: str) -> ByteProducts:
    return Pairs(lanes, pairs, name) if bits == 4 and pairs else Widened(lanes, name)
