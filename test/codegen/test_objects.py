"""LLVM text to objects for several targets, and what a kernel's object may ask the linker for."""

from __future__ import annotations

import re

import pytest

from aicc.codegen.objects import check_imports, compile_llvm_text, defined_symbols, undefined_symbols
from aicc.errors import CompileError
from aicc.target import Target

ADD = """
define void @add(ptr noalias %a, ptr noalias %b) {
  %x = load <8 x float>, ptr %a, align 4
  %y = fadd <8 x float> %x, splat (float f0x3F8CCCCD)
  store <8 x float> %y, ptr %b, align 4
  ret void
}
"""
V3 = Target.cpu_named("x86-64-v3")


def test_an_object_defines_what_the_text_defines() -> None:
    obj = compile_llvm_text(ADD, V3)
    assert obj[:4] == b"\x7fELF"
    assert defined_symbols(obj) == {"add"}
    assert not undefined_symbols(obj) - {"_GLOBAL_OFFSET_TABLE_"}


def test_the_same_input_gives_the_same_bytes() -> None:
    assert compile_llvm_text(ADD, V3) == compile_llvm_text(ADD, V3)


@pytest.mark.parametrize(
    ("cpu", "triple", "register"),
    [
        ("x86-64", "x86_64-unknown-linux-gnu", "xmm"),
        ("x86-64-v3", "x86_64-unknown-linux-gnu", "ymm"),
        ("neoverse-n1", "aarch64-unknown-linux-gnu", ".4s"),
    ],
)
def test_code_is_for_the_target_and_not_for_this_machine(cpu: str, triple: str, register: str) -> None:
    text = compile_llvm_text(ADD, Target.cpu_named(cpu, triple), emit="asm").decode()
    assert register in text
    assert "zmm" not in text


def test_optimized_ir_can_be_asked_for() -> None:
    assert "define void @add" in compile_llvm_text(ADD, V3, emit="llvm").decode()


@pytest.mark.parametrize(("element", "store"), [("i8", "movb|vpextrb"), ("i16", "movw|vpextrw")])
@pytest.mark.parametrize("lane", [0, 5])
@pytest.mark.parametrize("cpu", ["znver5", "sapphirerapids", "x86-64-v3"])
def test_a_masked_store_of_one_lane_writes_one_element(cpu: str, lane: int, element: str, store: str) -> None:
    """LLVM 22 makes it a store of four bytes when the value is truncated before."""
    mask = ", ".join(f"i1 {str(i == lane).lower()}" for i in range(16))
    text = f"""
define void @f(ptr %p, ptr %q) {{
  %x = load <16 x i32>, ptr %q, align 4
  %t = trunc <16 x i32> %x to <16 x {element}>
  call void @llvm.masked.store.v16{element}.p0(<16 x {element}> %t, ptr align 1 %p, <16 x i1> <{mask}>)
  ret void
}}
declare void @llvm.masked.store.v16{element}.p0(<16 x {element}>, ptr, <16 x i1>)
"""
    code = compile_llvm_text(text, Target.cpu_named(cpu), emit="asm").decode()
    stores = [line for line in code.splitlines() if re.search(r", -?\d*\(%rdi\)", line)]
    assert len(stores) == 1 and re.search(store, stores[0]), stores


@pytest.mark.parametrize("cpu", ["znver2", "znver5"])
def test_code_with_avx_has_no_instructions_of_sse4a(cpu: str) -> None:
    """LLVM takes a byte out of a vector by EXTRQ where a CPU has it, in the old encoding, which is slow beside AVX."""
    byte, zeros = "i32 2, i32 16, i32 16, i32 16", ", ".join(["i32 poison"] * 12)
    text = f"""
define void @f(ptr %p, ptr %q) {{
  %x = load <16 x i8>, ptr %p, align 1
  %y = shufflevector <16 x i8> %x, <16 x i8> zeroinitializer, <16 x i32> <{byte}, {zeros}>
  store <16 x i8> %y, ptr %q
  ret void
}}
"""
    code = compile_llvm_text(text, Target.cpu_named(cpu), emit="asm").decode()
    assert "vmov" in code
    assert not re.search("extrq|insertq", code)


@pytest.mark.parametrize(
    "text",
    ["define void @f( {", "define i32 @f() {\n ret void\n}", "define void @f() { %x = fadd float 1.0, 2.0 }"],
)
def test_invalid_ir_is_an_error_of_ours(text: str) -> None:
    with pytest.raises(CompileError) as caught:
        compile_llvm_text(text, V3)
    assert caught.value.code == "AICC-3002"


def test_an_unknown_triple_is_an_error_of_ours() -> None:
    with pytest.raises(CompileError) as caught:
        compile_llvm_text(ADD, Target(triple="vax-dec-ultrix", cpu="generic"))
    assert caught.value.code == "AICC-3002"
    assert caught.value.hint


def call(function: str) -> bytes:
    return compile_llvm_text(
        f"declare float @{function}(float)\n"
        f"define float @f(float %x) {{ %y = call float @{function}(float %x) ret float %y }}",
        V3,
    )


def test_kernels_may_call_the_runtime_and_exact_math_only() -> None:
    check_imports(call("aicc_something"))
    check_imports(call("fmodf"))
    for function in ("expf", "malloc", "memrefCopy"):
        with pytest.raises(CompileError, match=function):
            check_imports(call(function))
    check_imports(call("k_launch"), frozenset({"k_launch"}))
