"""Host programs to the llvm dialect: pointers of any memref, copies between layouts, names of kernels."""

from __future__ import annotations

import ctypes

import llvmlite.binding as llvm
import numpy as np
import pytest

from aicc.bindings import func, ir, memref
from aicc.bindings import llvm as llvm_dialect
from aicc.codegen.llvm_text import downgrade
from aicc.errors import CompileError
from aicc.passes.llvm import lower_host, memref_to_pointer, pointer_to_memref
from aicc.target import Target


def lower(text: str, symbols: dict[str, str] | None = None) -> tuple[str, str]:
    """MLIR of the llvm dialect, and LLVM's text."""
    with ir.Context(), ir.Location.unknown():
        module = ir.Module.parse(text)
        lower_host(module, Target.host(), symbols)
        return str(module), llvm_dialect.translate_module_to_llvmir(module.operation)


class Loaded:
    """LLVM text as functions of this process."""

    def __init__(self, text: str) -> None:
        llvm.initialize_native_target()
        llvm.initialize_native_asmprinter()
        machine = llvm.Target.from_default_triple().create_target_machine()
        self.engine = llvm.create_mcjit_compiler(llvm.parse_assembly(downgrade(text)), machine)
        self.engine.finalize_object()

    def call(self, name: str, *arguments: object) -> None:
        kinds = [ctypes.c_void_p if isinstance(a, np.ndarray) else ctypes.c_int64 for a in arguments]
        function = ctypes.CFUNCTYPE(None, *kinds)(self.engine.get_function_address(name))
        function(*(a.ctypes.data if isinstance(a, np.ndarray) else a for a in arguments))


def test_calls_pass_the_first_element_of_any_memref() -> None:
    mlir, text = lower("""
    func.func private @note(memref<?x?xi32, strided<[?, ?], offset: ?>>, index)
    func.func @main(%m: memref<4x6xi32>, %i: index) attributes {aicc.export} {
      %c2 = arith.constant 2 : index
      %s = memref.subview %m[%i, 3] [%c2, 2] [1, 2] : memref<4x6xi32> to memref<?x2xi32, strided<[6, 2], offset: ?>>
      %d = memref.cast %s : memref<?x2xi32, strided<[6, 2], offset: ?>> to memref<?x?xi32, strided<[?, ?], offset: ?>>
      func.call @note(%d, %i) : (memref<?x?xi32, strided<[?, ?], offset: ?>>, index) -> ()
      return
    }""")
    assert "llvm.func @note(!llvm.ptr, i64)" in mlir
    seen: list[tuple[int, int]] = []
    callback = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_int64)(lambda p, n: seen.append((p, n)))
    llvm.add_symbol("note", ctypes.cast(callback, ctypes.c_void_p).value)
    m = np.zeros((4, 6), np.int32)
    Loaded(text).call("main", m, 2)
    assert seen == [(m.ctypes.data + 4 * (2 * 6 + 3), 2)]


def test_copies_between_layouts_are_loops_and_dense_ones_are_memcpy() -> None:
    mlir, text = lower("""
    func.func @main(%a: memref<3x4xf32>, %b: memref<3x8xf32>, %c: memref<3x4xf32>) attributes {aicc.export} {
      %s = memref.subview %b[0, 4] [3, 4] [1, 1] : memref<3x8xf32> to memref<3x4xf32, strided<[8, 1], offset: 4>>
      memref.copy %a, %s : memref<3x4xf32> to memref<3x4xf32, strided<[8, 1], offset: 4>>
      memref.copy %a, %c : memref<3x4xf32> to memref<3x4xf32>
      return
    }""")
    assert "memrefCopy" not in mlir
    assert "llvm.intr.memcpy" in mlir
    a, b, c = (
        np.arange(12, dtype=np.float32).reshape(3, 4),
        np.zeros((3, 8), np.float32),
        np.zeros((3, 4), np.float32),
    )
    Loaded(text).call("main", a, b, c)
    np.testing.assert_array_equal(b[:, 4:], a)
    np.testing.assert_array_equal(c, a)
    assert not b[:, :4].any()


def test_a_pointer_becomes_a_memref_and_back() -> None:
    with ir.Context(), ir.Location.unknown():
        module = ir.Module.parse("""
        func.func private @note(!llvm.ptr, index)
        func.func @main(%p: !llvm.ptr, %n: index) attributes {aicc.export} { return }
        """)
        main = module.body.operations[1]
        block = main.regions[0].blocks[0]
        pointer, n = block.arguments
        with ir.InsertionPoint.at_block_terminator(block):
            kind = ir.MemRefType(ir.Type.parse("memref<3x?x5xf32>"))
            value = pointer_to_memref(pointer, kind, [n])
            sub = memref.SubViewOp(
                ir.Type.parse("memref<1x1x1xf32, strided<[?, 5, 1], offset: ?>>"),
                value,
                [],
                [],
                [],
                [2, 0, 1],
                [1, 1, 1],
                [1, 1, 1],
            ).result
            last = memref_to_pointer(sub)
            func.CallOp([], "note", [last, n])
        lower_host(module, Target.host())
        text = llvm_dialect.translate_module_to_llvmir(module.operation)
    seen: list[int] = []
    callback = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_int64)(lambda p, _: seen.append(p))
    llvm.add_symbol("note", ctypes.cast(callback, ctypes.c_void_p).value)
    memory = np.zeros(64, np.float32)
    Loaded(text).call("main", memory, 4)
    assert seen == [memory.ctypes.data + 4 * (2 * 4 * 5 + 1)]


def test_kernels_that_are_the_same_share_a_launcher() -> None:
    mlir, _ = lower(
        """
    func.func private @k0_launch(!llvm.ptr, memref<4xf32>)
    func.func private @k1_launch(!llvm.ptr, memref<4xf32>)
    func.func private @k2_launch(!llvm.ptr, memref<4xf32>)
    func.func @main(%c: !llvm.ptr, %m: memref<4xf32>) attributes {aicc.export} {
      func.call @k0_launch(%c, %m) : (!llvm.ptr, memref<4xf32>) -> ()
      func.call @k1_launch(%c, %m) : (!llvm.ptr, memref<4xf32>) -> ()
      func.call @k2_launch(%c, %m) : (!llvm.ptr, memref<4xf32>) -> ()
      return
    }""",
        {"k0": "k_aa", "k1": "k_bb", "k2": "k_aa"},
    )
    assert mlir.count("llvm.func @k_aa_launch") == 1
    assert mlir.count("llvm.call @k_aa_launch") == 2
    assert mlir.count("llvm.call @k_bb_launch") == 1


def test_functions_without_export_are_internal() -> None:
    mlir, _ = lower("""
    func.func @helper(%m: memref<4xf32>) { return }
    func.func @main(%m: memref<4xf32>) attributes {aicc.export} {
      func.call @helper(%m) : (memref<4xf32>) -> ()
      return
    }""")
    assert "llvm.func internal @helper" in mlir
    assert "llvm.func @main" in mlir


def test_dynamic_arguments_are_refused_with_advice() -> None:
    with pytest.raises(CompileError) as caught:
        lower("func.func @main(%m: memref<?xf32>) { return }")
    assert caught.value.code == "AICC-2002"
    assert "memref<T>" in (caught.value.hint or "")
