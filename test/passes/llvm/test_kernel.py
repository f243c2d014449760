"""Kernels over tiles to the llvm dialect: launcher, aliasing, companions, small floats, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest

from aicc.bindings import ir
from aicc.bindings import llvm as llvm_dialect
from aicc.codegen.jit import LoadedKernel, aligned
from aicc.codegen.objects import check_imports, compile_llvm_text
from aicc.errors import CompileError
from aicc.passes.llvm import KernelInterface, lower_kernel
from aicc.target import Target

V3 = Target.cpu_named("x86-64-v3")

ADD_ONE = """
func.func @k(%a: memref<16x8xf32>, %o: memref<16x8xf32, strided<[16, 1]>> {llvm.align = 64 : i64},
             %lo: index, %hi: index, %s: memref<32xi8>)
    attributes {aicc.kernel, aicc.outputs = 1 : i64, aicc.tiles = 16 : i64, aicc.grain = 2 : i64,
                aicc.scratch = 32 : i64} {
  %c1 = arith.constant 1 : index
  %c0 = arith.constant 0 : index
  %v = arith.constant dense<1.1> : vector<8xf32>
  %b = memref.view %s[%c0][] : memref<32xi8> to memref<8xf32>
  scf.for %i = %lo to %hi step %c1 {
    %x = vector.load %a[%i, %c0] : memref<16x8xf32>, vector<8xf32>
    %y = arith.addf %x, %v : vector<8xf32>
    vector.store %y, %b[%c0] : memref<8xf32>, vector<8xf32>
    %z = vector.load %b[%c0] : memref<8xf32>, vector<8xf32>
    vector.store %z, %o[%i, %c0] : memref<16x8xf32, strided<[16, 1]>>, vector<8xf32>
  }
  return
}
"""


def lower(text: str, target: Target = V3) -> tuple[str, KernelInterface, str]:
    """MLIR of the llvm dialect, the interface, LLVM's text."""
    with ir.Context(), ir.Location.unknown():
        module = ir.Module.parse(text)
        interface = lower_kernel(module, target)
        return str(module), interface, llvm_dialect.translate_module_to_llvmir(module.operation)


def line_of(text: str, start: str) -> str:
    return next(line for line in text.splitlines() if start in line)


def test_linkage_and_argument_attributes() -> None:
    mlir, interface, text = lower(ADD_ONE)
    assert interface == KernelInterface("k", buffers=2, indices=0, tiles=16, grain=2, scratch=32)
    kernel = line_of(mlir, "func internal @k(")
    assert kernel.count("llvm.noalias") == 3
    assert "llvm.align = 64" in kernel
    assert "no_inline" in kernel
    assert "llvm.func hidden @k_range" in mlir
    assert "llvm.func hidden @k_launch" in mlir
    assert "aicc." not in mlir
    assert "prefer-vector-width" not in text


def test_wide_vectors_are_asked_for_where_schedules_use_them() -> None:
    assert '"prefer-vector-width"="512"' in lower(ADD_ONE, Target.cpu_named("x86-64-v4"))[2]


def test_a_declared_alias_is_not_noalias() -> None:
    mlir, _, _ = lower(ADD_ONE.replace("aicc.kernel,", "aicc.kernel, aicc.alias = [[0, 1]],"))
    assert line_of(mlir, "func internal @k(").count("llvm.noalias") == 1  # the scratch


def test_tiles_run_in_chunks(rng: np.random.Generator) -> None:
    target = Target.host()
    obj = compile_llvm_text(lower(ADD_ONE, target)[2], target)
    check_imports(obj)
    a = rng.standard_normal((16, 8)).astype(np.float32)
    with LoadedKernel(obj, "k") as kernel:
        for chunk in (None, 1, 3, 16):
            o = aligned(1024).view(np.float32).reshape(16, 16)  # as llvm.align says
            o[...] = 0
            region = kernel.run([a, o], chunk=chunk)
            np.testing.assert_array_equal(o[:, :8], a + np.float32(1.1))
            assert not o[:, 8:].any()
            assert (region.tiles, region.grain, region.scratch) == (16, 2, 32)


def test_companions_compute_tiles_and_scratch(rng: np.random.Generator) -> None:
    text = """
    func.func private @kd_tiles(%n: index, %m: index) -> index {
      %c4 = arith.constant 4 : index
      %t = arith.ceildivui %n, %c4 : index
      return %t : index
    }
    func.func private @kd_scratch(%n: index, %m: index) -> index {
      %c8 = arith.constant 8 : index
      %t = arith.muli %m, %c8 : index
      return %t : index
    }
    func.func @kd(%a: memref<i64>, %o: memref<i64>, %n: index, %m: index, %lo: index, %hi: index, %s: memref<i8>)
        attributes {aicc.kernel, aicc.outputs = 1 : i64, aicc.tiles = @kd_tiles, aicc.scratch = @kd_scratch} {
      %x = memref.reinterpret_cast %a to offset: [0], sizes: [%n], strides: [1]
        : memref<i64> to memref<?xi64, strided<[1]>>
      %y = memref.reinterpret_cast %o to offset: [0], sizes: [%n], strides: [1]
        : memref<i64> to memref<?xi64, strided<[1]>>
      %c4 = arith.constant 4 : index
      %c1 = arith.constant 1 : index
      scf.for %t = %lo to %hi step %c1 {
        %b = arith.muli %t, %c4 : index
        %e0 = arith.addi %b, %c4 : index
        %e = arith.minui %e0, %n : index
        scf.for %i = %b to %e step %c1 {
          %v = memref.load %x[%i] : memref<?xi64, strided<[1]>>
          %mi = arith.index_cast %m : index to i64
          %w = arith.muli %v, %mi : i64
          memref.store %w, %y[%i] : memref<?xi64, strided<[1]>>
        }
      }
      return
    }
    """
    target = Target.host()
    mlir, interface, llvm_text = lower(text, target)
    assert (interface.tiles, interface.scratch, interface.indices) == ("kd_tiles", "kd_scratch", 2)
    a = rng.integers(-100, 100, 11)
    o = np.zeros_like(a)
    with LoadedKernel(compile_llvm_text(llvm_text, target), "kd") as kernel:
        region = kernel.run([a, o], sizes=[11, 7], chunk=2)
    np.testing.assert_array_equal(o, a * 7)
    assert (region.tiles, region.scratch) == (3, 56)


def body(text: str, memory: str = "memref<8xf32>") -> str:
    return f"""
    func.func @k(%a: {memory}, %o: {memory}, %lo: index, %hi: index, %s: memref<0xi8>)
        attributes {{aicc.kernel, aicc.outputs = 1 : i64}} {{
      %c0 = arith.constant 0 : index
      {text}
      return
    }}"""


VECTOR = """
%x = vector.load %a[%c0] : memref<8x{t}>, vector<8x{t}>
{op}
vector.store %y, %o[%c0] : memref<8x{t}>, vector<8x{t}>
"""


@pytest.mark.parametrize("kind", ["bf16", "f16"])
def test_arithmetic_on_small_floats_needs_no_helpers(kind: str, rng: np.random.Generator) -> None:
    import ml_dtypes

    text = body(
        VECTOR.format(
            t=kind, op=f"%m = arith.mulf %x, %x : vector<8x{kind}>\n%y = arith.addf %m, %x : vector<8x{kind}>"
        ),
        f"memref<8x{kind}>",
    )
    obj = compile_llvm_text(lower(text)[2], V3)
    check_imports(obj)
    dtype = ml_dtypes.bfloat16 if kind == "bf16" else np.float16
    a = rng.standard_normal(8).astype(dtype)
    o = np.zeros_like(a)
    with LoadedKernel(obj, "k") as kernel:
        kernel.run([a, o])
    # In float, rounded once at the end: at least as accurate as rounding after each operation.
    wide = a.astype(np.float32)
    np.testing.assert_array_equal(o, (wide * wide + wide).astype(dtype))


def test_fma_on_a_cpu_without_it_is_two_operations() -> None:
    for op in ("math.fma", "vector.fma"):
        text = body(VECTOR.format(t="f32", op=f"%y = {op} %x, %x, %x : vector<8xf32>"))
        old = Target.cpu_named("x86-64")
        assembly = compile_llvm_text(lower(text, old)[2], old, emit="asm").decode()
        assert "mulps" in assembly and "addps" in assembly and "fma" not in assembly
        assert "vfmadd" in compile_llvm_text(lower(text, V3)[2], V3, emit="asm").decode()


def test_vector_functions_that_nobody_expanded_are_named() -> None:
    text = body(VECTOR.format(t="f32", op="%y = math.erf %x : vector<8xf32>"))
    with pytest.raises(CompileError, match="math.erf") as caught:
        lower(text)
    assert caught.value.code == "AICC-2002"
    assert "expand-math" in (caught.value.hint or "")


@pytest.mark.parametrize(
    "text",
    [
        "func.func @f() { return }",
        "func.func @k(%o: memref<8xf32>) attributes {aicc.kernel} { return }",
        "func.func @k(%o: memref<8xf32>, %lo: index, %hi: index) attributes {aicc.kernel} { return }",
    ],
)
def test_what_is_no_kernel_over_tiles_is_refused(text: str) -> None:
    with pytest.raises(CompileError) as caught:
        lower(text)
    assert caught.value.code == "AICC-2002"


def test_dynamic_memref_arguments_are_refused_instead_of_crashing() -> None:
    with pytest.raises(CompileError, match="no sizes"):
        lower(body("", "memref<?xf32>"))
