"""The dot products of bytes that CPUs have: unsigned A times signed B, summed exactly in lanes of 32 bits.

| target | instruction | bytes a lane |
|---|---|---|
| AVX-512 VNNI, AVX-VNNI | `vpdpbusd`: four products, no saturation in between | 4 |
| x86 from SSE2 on | `pmaddwd` of bytes widened to 16 bits: two products | 2 |
| NEON with i8mm | `usdot` | 4 |
| NEON with dot product | `sdot` of A - 128; 128 times the columns' sums of B is put back | 4 |

`vpmaddubsw` is not among them: it saturates sums of two products to 16 bits.
"""

from __future__ import annotations

from dataclasses import dataclass

from aicc.passes.schedules.cpu.emit import vector
from aicc.passes.schedules.cpu.emit_kernel import KernelEmitter
from aicc.passes.schedules.schedule import NoMatch
from aicc.target import Target


@dataclass(frozen=True)
class Instruction:
    """`acc[lane] += Σ a[i] · b[lane, i]` over `group` elements; `lanes` of `sums`.

    `widened`: the operands are bytes widened to 16 bits. `signed`: A is read as signed, after 128 has been
    subtracted from it.
    """

    name: str
    group: int
    lanes: int
    widened: bool = False
    signed: bool = False
    element: str = "i8"
    sums: str = "i32"

    @property
    def elements(self) -> int:
        """Of a vector of B."""
        return self.lanes * self.group

    @property
    def operand(self) -> str:
        """The type of both operands."""
        return vector("i16" if self.widened else self.element, self.elements)

    def left(self, e: KernelEmitter, few: str) -> str:
        """`group` elements of A, the same for all lanes."""
        if self.signed:
            flip = e.splat("-128", "i8", self.group)
            few = e.op(f"arith.xori {few}, {flip} : {vector('i8', self.group)}")
        element = self.element
        if self.widened:
            few = e.op(f"arith.extui {few} : {vector('i8', self.group)} to {vector('i16', self.group)}")
            element = "i16"
        one = e.op(f"vector.bitcast {few} : {vector(element, self.group)} to vector<1xi32>")
        lanes = vector("i32", self.lanes)
        whole = e.op(f"vector.broadcast {one} : vector<1xi32> to {lanes}")
        return e.op(f"vector.bitcast {whole} : {lanes} to {self.operand}")

    def right(self, e: KernelEmitter, loaded: str) -> str:
        """A vector of B, as loaded."""
        if not self.widened:
            return loaded
        return e.op(f"arith.extsi {loaded} : {vector('i8', self.elements)} to {self.operand}")

    def dot(self, e: KernelEmitter, acc: str, left: str, right: str) -> str:
        """The sum with the products added."""
        lanes = vector(self.sums, self.lanes)
        if self.widened:
            sums = self._call(e, [left, right], [self.operand, self.operand])
            return e.op(f"arith.addi {acc}, {sums} : {lanes}")
        return self._call(e, [acc, left, right], [lanes, self.operand, self.operand])

    def _call(self, e: KernelEmitter, values: list[str], kinds: list[str]) -> str:
        lanes = vector(self.sums, self.lanes)
        return e.op(
            f'llvm.call_intrinsic "{self.name}"({", ".join(values)}) : ({", ".join(kinds)}) -> {lanes}'
        )


BF16 = Instruction("llvm.x86.avx512bf16.dpbf16ps.512", 2, 16, element="bf16", sums="f32")
"""Two products of bf16, summed in f32; numbers below 2**-126 count as zero."""


def instruction_for(target: Target) -> Instruction:
    """The best one of a CPU. Raises NoMatch when there is none."""
    features = target.features
    if target.triple.startswith("x86_64"):
        if target.vector_bits == 512 and "avx512vnni" in features:
            return Instruction("llvm.x86.avx512.vpdpbusd.512", 4, 16)
        if target.vector_bits == 512:
            return Instruction("llvm.x86.avx512.pmaddw.d.512", 2, 16, widened=True)
        if "avxvnni" in features:
            return Instruction("llvm.x86.avx512.vpdpbusd.256", 4, 8)
        if "avx2" in features:
            return Instruction("llvm.x86.avx2.pmadd.wd", 2, 8, widened=True)
        return Instruction("llvm.x86.sse2.pmadd.wd", 2, 4, widened=True)
    if target.triple.startswith("aarch64"):
        if "i8mm" in features:
            return Instruction("llvm.aarch64.neon.usdot.v4i32.v16i8", 4, 4)
        if "dotprod" in features:
            return Instruction("llvm.aarch64.neon.sdot.v4i32.v16i8", 4, 4, signed=True)
    raise NoMatch("the target has no dot product of bytes")
