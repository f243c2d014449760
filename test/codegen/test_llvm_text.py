"""The literal rewrite is bit exact: constants go through MLIR, the rewrite and LLVM 22, and are read back."""

from __future__ import annotations

import ctypes

import llvmlite.binding as llvm
import numpy as np
import pytest

from aicc.bindings import ir
from aicc.bindings import llvm as llvm_dialect
from aicc.codegen.llvm_text import downgrade

TYPES = {"f16": np.uint16, "bf16": np.uint16, "f32": np.uint32, "f64": np.uint64}


def read_back(text: str, symbol: str, dtype: type, count: int) -> np.ndarray:
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    module = llvm.parse_assembly(text)
    machine = llvm.Target.from_default_triple().create_target_machine()
    with llvm.create_mcjit_compiler(module, machine) as engine:
        engine.finalize_object()
        address = engine.get_global_value_address(symbol)
        size = count * np.dtype(dtype).itemsize
        return np.frombuffer(ctypes.string_at(address, size), dtype).copy()


@pytest.mark.parametrize("name", TYPES)
def test_random_bit_patterns(name: str, rng: np.random.Generator) -> None:
    dtype = TYPES[name]
    bits = np.iinfo(dtype).bits
    raw = rng.integers(0, 1 << bits, 4000, dtype=np.uint64).astype(dtype)
    exponent = {"f16": 10, "bf16": 7, "f32": 23, "f64": 52}[name]
    special = np.uint64((1 << (bits - 1)) - (1 << exponent))  # infinity; the next ones are signalling NaNs
    raw[:64] = (special + np.arange(64, dtype=np.uint64)).astype(dtype)
    raw[64:128] = raw[:64] | dtype(1 << (bits - 1))
    raw[128:192] = np.arange(64)  # zero and denormals
    # Decimals that are short but not exact in the type.
    with np.errstate(over="ignore"):
        decimals = rng.integers(1, 1000, 200) / 10.0
    if name == "bf16":
        raw[200:400] = (decimals.astype(np.float32).view(np.uint32) >> 16).astype(dtype)
    else:
        raw[200:400] = decimals.astype(np.dtype(f"f{bits // 8}")).view(dtype)
    # Unlike elements keep LLVM's printer from writing a string or a splat.
    with ir.Context(), ir.Location.unknown():
        element = ir.Type.parse(name)
        tensor = ir.RankedTensorType.get([len(raw)], element)
        value = ir.DenseElementsAttr.get(raw, type=tensor)
        module = ir.Module.parse(
            f"llvm.mlir.global external constant @data() : !llvm.array<{len(raw)} x {name}>"
        )
        module.body.operations[0].attributes["value"] = value
        text = llvm_dialect.translate_module_to_llvmir(module.operation)
    rewritten = downgrade(text)
    np.testing.assert_array_equal(read_back(rewritten, "data", dtype, len(raw)), raw)


def test_instructions_of_every_form() -> None:
    source = """
    llvm.func @f(%a: f32, %v: vector<4xf32>, %h: f16, %b: bf16, %d: f64, %c: i1) -> f32 {
      %0 = llvm.mlir.constant(1.100000e+00 : f32) : f32
      %1 = llvm.mlir.constant(dense<1.100000e+00> : vector<4xf32>) : vector<4xf32>
      %2 = llvm.mlir.constant(dense<[1.1, -0.0, 0xFF800000, 0x7FC00001]> : vector<4xf32>) : vector<4xf32>
      %3 = llvm.mlir.constant(0.1 : f16) : f16
      %4 = llvm.mlir.constant(0.1 : bf16) : bf16
      %5 = llvm.mlir.constant(0.1 : f64) : f64
      %6 = llvm.fmul %a, %0 : f32
      %7 = llvm.fadd %v, %1 : vector<4xf32>
      %8 = llvm.fadd %7, %2 : vector<4xf32>
      %9 = llvm.fadd %h, %3 : f16
      %10 = llvm.fadd %b, %4 : bf16
      %11 = llvm.fadd %d, %5 : f64
      %12 = llvm.select %c, %6, %0 : i1, f32
      %13 = llvm.fptrunc %11 : f64 to f32
      %14 = llvm.fpext %9 : f16 to f32
      %15 = llvm.fpext %10 : bf16 to f32
      %16 = llvm.mlir.constant(0 : i32) : i32
      %17 = llvm.extractelement %8[%16 : i32] : vector<4xf32>
      llvm.cond_br %c, ^bb1(%0 : f32), ^bb1(%17 : f32)
    ^bb1(%p: f32):
      %18 = llvm.fadd %p, %12 : f32
      %19 = llvm.fadd %18, %13 : f32
      %20 = llvm.fadd %19, %14 : f32
      %21 = llvm.fadd %20, %15 : f32
      %22 = llvm.fcmp "olt" %21, %0 : f32
      llvm.return %21 : f32
    }"""
    with ir.Context(), ir.Location.unknown():
        text = llvm_dialect.translate_module_to_llvmir(ir.Module.parse(source).operation)
    with pytest.raises(RuntimeError):
        llvm.parse_assembly(text)  # else the rewrite is not needed any more
    llvm.parse_assembly(downgrade(text)).verify()


def test_text_without_literals_is_untouched() -> None:
    text = (
        '@m = constant [20 x i8] c"float 1.5 and -inf 2\\00"\ndefine i32 @f(i32 %x.1) {\n  ret i32 %x.1\n}\n'
    )
    assert downgrade(text) == text
