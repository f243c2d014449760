"""The reader of assembly that the tests of test/codegen/targets stand on."""

from test.hot_loops import heat, kernels, spills

X86 = """# ---- kernel matmul_8x8_1234
k:
\tvxorps\t%xmm0, %xmm0, %xmm0
.LBB0_1:                                # =>This Loop Header: Depth=1
\tmovq\t%rax, %rbx
.LBB0_2:                                #   Parent Loop BB0_1 Depth=1
\tvbroadcastss\t(%rdi), %zmm1
\tvfmadd231ps\t%zmm1, %zmm2, %zmm0
\tvfmadd231ps\t-64(%rsp), %zmm2, %zmm3    # 64-byte Folded Reload
\tmovq\t8(%rsp), %rcx
\tjb\t.LBB0_2
\tcallq\texpf@PLT
\tcallq\taicc_fail
\tjne\t.LBB0_1
\tretq
# ---- host program
main:
\tretq
"""

ARM = """# ---- kernel exp
k:
.LBB0_1:                                // %loop
\tfmla\tv0.4s, v1.4s, v2.s[0]
\tstr\tq1, [sp, #16]                      // 16-byte Spill
\tcbnz\tx3, .LBB0_1
\tbl\texpf
"""


def test_x86() -> None:
    (kernel,) = kernels(X86)
    assert (kernel.name, kernel.calls) == ("matmul_8x8_1234", ["expf"])
    (loop,) = kernel.loops()
    assert [line.split()[0] for line in loop] == ["vbroadcastss", "vfmadd231ps", "vfmadd231ps", "movq", "jb"]
    assert spills(loop) == 1 and heat(loop) == (False, 2)


def test_arm() -> None:
    (kernel,) = kernels(ARM)
    (loop,) = kernel.loops()
    assert kernel.calls == ["expf"] and spills(loop) == 1 and len(loop) == 3
