"""The dot products of bytes that CPUs have: unsigned A times signed B, summed exactly in lanes of 32 bits.

| target | instruction | bytes a lane |
|---|---|---|
| AVX-512 VNNI, AVX-VNNI | `vpdpbusd`: four products, no saturation in between | 4 |
| x86 from SSE2 on | `pmaddwd` of bytes widened to 16 bits: two products, of the even bytes and of the odd | 4 |
| NEON with i8mm | `usdot` | 4 |
| NEON with dot product | `sdot` of A - 128; 128 times the columns' sums of B is put back | 4 |

| x86 from SSE4.2 on, narrow weights | `pmaddubsw` of bytes, its sums of two products added in pairs by `pmaddwd` | 4 |

`pmaddubsw` saturates sums of two products to 16 bits. It is used where that cannot happen: every weight of the kernel
is narrow, from -`NARROW_LIMIT` to `NARROW_LIMIT`, which is found out where the weights are known (`kernels/narrow.py`).

Words of 32 bits are widened where they lie, two of their bytes by a mask or a shift: a broadcast from memory takes no
vector unit, where bytes that are spread out into 16 bits would take two shuffles for each row. A CPU that starts three
vector operations a cycle does 24 products of bytes in 256 bits (each pair takes a product and an addition), against
16 multiply-adds of f32.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from aicc.passes.schedules.cpu.emit import vector
from aicc.passes.schedules.cpu.emit_kernel import KernelEmitter
from aicc.passes.schedules.schedule import NoMatch
from aicc.target import Target

# 2 * 255 * 64 = 32640 is less than 2**15.
NARROW_LIMIT = 64


@dataclass(frozen=True)
class Instruction:
    """`acc[lane] += Σ a[i] · b[lane, i]` over `group` elements; `lanes` of `sums`.

    `widened`: the operands are bytes widened to 16 bits, half of them at a time. `signed`: A is read as signed, after
    128 has been subtracted from it. `pairs`: what sums products of bytes in pairs, to 16 bits, before `name` sums
    those in pairs with ones.
    """

    name: str
    group: int
    lanes: int
    widened: bool = False
    signed: bool = False
    element: str = "i8"
    sums: str = "i32"
    pairs: str = ""

    @property
    def elements(self) -> int:
        """Of a vector of B."""
        return self.lanes * self.group

    @property
    def operand(self) -> str:
        """The type of both operands."""
        return vector("i16", self.elements // 2) if self.widened else vector(self.element, self.elements)

    @property
    def parts(self) -> int:
        """Operands that a vector of B, and as many elements of A, are taken apart into."""
        return 2 if self.widened else 1

    def left(self, e: KernelEmitter, few: str) -> tuple[str, ...]:
        """`group` elements of A, the same for all lanes: its parts."""
        if self.signed:
            flip = e.splat("-128", "i8", self.group)
            few = e.op(f"arith.xori {few}, {flip} : {vector('i8', self.group)}")
        one = e.op(f"vector.bitcast {few} : {vector(self.element, self.group)} to vector<1xi32>")
        lanes = vector("i32", self.lanes)
        whole = e.op(f"vector.broadcast {one} : vector<1xi32> to {lanes}")
        whole = e.op(f"vector.bitcast {whole} : {lanes} to {self.operand}")
        if not self.widened:
            return (whole,)
        even = e.op(f"arith.andi {whole}, {self._all(e, 255)} : {self.operand}")
        return even, e.op(f"arith.shrui {whole}, {self._all(e, 8)} : {self.operand}")

    def right(self, e: KernelEmitter, loaded: str) -> tuple[str, ...]:
        """A vector of B, as loaded: its parts."""
        if not self.widened:
            return (loaded,)
        both = e.op(f"vector.bitcast {loaded} : {vector('i8', self.elements)} to {self.operand}")
        even = e.op(f"arith.shli {both}, {self._all(e, 8)} : {self.operand}")
        return tuple(e.op(f"arith.shrsi {x}, {self._all(e, 8)} : {self.operand}") for x in (even, both))

    def _all(self, e: KernelEmitter, value: int) -> str:
        return e.splat(str(value), "i16", self.elements // 2)

    def dot(self, e: KernelEmitter, acc: str, left: tuple[str, ...], right: tuple[str, ...]) -> str:
        """The sum with the products added."""
        lanes = vector(self.sums, self.lanes)
        for a, b in zip(left, right, strict=True):
            if self.widened or self.pairs:
                acc = e.op(f"arith.addi {acc}, {self._sums(e, a, b)} : {lanes}")
            else:
                acc = self._call(e, [acc, a, b], [lanes, self.operand, self.operand])
        return acc

    def _sums(self, e: KernelEmitter, a: str, b: str) -> str:
        """The products of one step."""
        if not self.pairs:
            return self._call(e, [a, b], [self.operand, self.operand])
        halves = vector("i16", self.elements // 2)
        kinds = f"({self.operand}, {self.operand}) -> {halves}"
        pairs = e.op(f'llvm.call_intrinsic "{self.pairs}"({a}, {b}) : {kinds}')
        return self._call(e, [pairs, self._all(e, 1)], [halves, halves])

    def _call(self, e: KernelEmitter, values: list[str], kinds: list[str]) -> str:
        lanes = vector(self.sums, self.lanes)
        return e.op(
            f'llvm.call_intrinsic "{self.name}"({", ".join(values)}) : ({", ".join(kinds)}) -> {lanes}'
        )


BF16 = Instruction("llvm.x86.avx512bf16.dpbf16ps.512", 2, 16, element="bf16", sums="f32")
"""Two products of bf16, summed in f32; numbers below 2**-126 count as zero."""


def gains_from_narrow(target: Target) -> bool:
    """Whether a CPU has an instruction for narrow weights alone that is better than its others."""
    try:
        return instruction_for(target, narrow=True) != instruction_for(target)
    except NoMatch:
        return False


def instruction_for(target: Target, narrow: bool = False) -> Instruction:
    """The best one of a CPU, for `narrow` weights where that is said; `group` and `lanes` do not depend on it. Raises
    NoMatch when there is none."""
    found = _instruction_for(target)
    if not narrow or not found.widened:
        return found
    for feature, lanes, pairs in (
        ("avx512bw", 16, "llvm.x86.avx512.pmaddubs.w.512"),
        ("avx2", 8, "llvm.x86.avx2.pmadd.ub.sw"),
        ("sse4.2", 4, "llvm.x86.ssse3.pmadd.ub.sw.128"),
    ):
        if found.lanes == lanes and feature in target.features:
            return replace(found, widened=False, pairs=pairs)
    return found


def _instruction_for(target: Target) -> Instruction:
    features = target.features
    if target.triple.startswith("x86_64"):
        if target.vector_bits == 512 and "avx512vnni" in features:
            return Instruction("llvm.x86.avx512.vpdpbusd.512", 4, 16)
        if target.vector_bits == 512:
            return Instruction("llvm.x86.avx512.pmaddw.d.512", 4, 16, widened=True)
        if "avxvnni" in features:
            return Instruction("llvm.x86.avx512.vpdpbusd.256", 4, 8)
        if "avx2" in features:
            return Instruction("llvm.x86.avx2.pmadd.wd", 4, 8, widened=True)
        return Instruction("llvm.x86.sse2.pmadd.wd", 4, 4, widened=True)
    if target.triple.startswith("aarch64"):
        if "i8mm" in features:
            return Instruction("llvm.aarch64.neon.usdot.v4i32.v16i8", 4, 4)
        if "dotprod" in features:
            return Instruction("llvm.aarch64.neon.sdot.v4i32.v16i8", 4, 4, signed=True)
    raise NoMatch("the target has no dot product of bytes")
