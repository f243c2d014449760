"""A model put together by hand: host program and kernel from MLIR, weights both ways, run through the C ABI."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from aicc.bindings import ir
from aicc.bindings import llvm as llvm_dialect
from aicc.codegen.cache import ObjectCache
from aicc.codegen.jobs import KernelJob
from aicc.codegen.link import Weights, link, sidecar
from aicc.codegen.model_info import KernelInfo, ModelInfo, SymbolInfo, TensorInfo, model_info_source
from aicc.codegen.objects import compile_llvm_text
from aicc.codegen.toolchain import find_toolchain
from aicc.codegen.workers import build_kernels
from aicc.dialects.types import DType
from aicc.errors import CompileError
from aicc.knobs import knobs
from aicc.loader import load
from aicc.passes.llvm import lower_host
from aicc.target import Target
from test.codegen.kernel_text import MATMUL_BIAS_RELU as TEXT

HOST = """
func.func private @k0_matmul_launch(!llvm.ptr, !llvm.ptr, memref<40x48xf32>, memref<48xf32>, !llvm.ptr)
func.func @aicc_model_main(%ctx: !llvm.ptr, %buffers: !llvm.ptr, %dims: !llvm.ptr, %w: memref<7872xi8>,
                           %arena: !llvm.ptr) -> i32 attributes {aicc.export} {
  %c0 = arith.constant 0 : index
  %at = arith.constant 7680 : index
  %b = memref.view %w[%c0][] : memref<7872xi8> to memref<40x48xf32>
  %bias = memref.view %w[%at][] : memref<7872xi8> to memref<48xf32>
  %x = llvm.load %buffers : !llvm.ptr -> !llvm.ptr
  %slot = llvm.getelementptr %buffers[1] : (!llvm.ptr) -> !llvm.ptr, !llvm.ptr
  %y = llvm.load %slot : !llvm.ptr -> !llvm.ptr
  func.call @k0_matmul_launch(%ctx, %x, %b, %bias, %y)
    : (!llvm.ptr, !llvm.ptr, memref<40x48xf32>, memref<48xf32>, !llvm.ptr) -> ()
  %ok = arith.constant 0 : i32
  return %ok : i32
}
"""


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> ObjectCache:
    return ObjectCache(tmp_path_factory.mktemp("cache"), 1 << 30)


@pytest.fixture(scope="module")
def objects(cache: ObjectCache) -> tuple[list[bytes], str]:
    """The objects of host and kernel, and the kernel's symbol."""
    target = Target.host()
    result = build_kernels([KernelJob(TEXT, ("affine",), target)], cache)[0]
    with ir.Context(), ir.Location.unknown():
        module = ir.Module.parse(HOST)
        lower_host(module, target, {"k0_matmul": result.symbol})
        text = llvm_dialect.translate_module_to_llvmir(module.operation)
    return [compile_llvm_text(text, target), result.built.object], result.symbol


def info(symbol: str, **fields: object) -> str:
    base: dict[str, object] = {
        "name": "hand made",
        "producer": "aicc test",
        "target": Target.host(),
        "inputs": (TensorInfo('x "é" ??/', DType.F32, (24, 40)),),
        "outputs": (TensorInfo("y", DType.F32, (24, 48)),),
        "kernels": (KernelInfo("k0_matmul", symbol),),
        "weights_bytes": 7872,
    }
    return model_info_source(ModelInfo(**{**base, **fields}))  # type: ignore[arg-type]


def blob(folder: Path, rng: np.random.Generator) -> tuple[Path, np.ndarray, np.ndarray]:
    b, bias = rng.standard_normal((40, 48)).astype(np.float32), rng.standard_normal(48).astype(np.float32)
    path = folder / 'we"ird name.bin'
    path.write_bytes(b.tobytes() + bias.tobytes())
    return path, b, bias


@pytest.mark.parametrize("mode", ["embedded", "external"])
def test_a_model_with_weights(
    mode: str, objects: tuple[list[bytes], str], cache: ObjectCache, tmp_path: Path, rng: np.random.Generator
) -> None:
    path, b, bias = blob(tmp_path, rng)
    out = tmp_path / "model.so"
    external = {"weights_file": sidecar(out).name, "weights_id": "id-1"} if mode == "external" else {}
    weights = Weights(path, "external" if mode == "external" else "embedded", "id-1")
    link(objects[0], info(objects[1], **external), out, Target.host(), weights, cache=cache)
    # The blob's file becomes the sidecar; nothing else is left behind.
    left = {"model.so", path.name if mode == "embedded" else sidecar(out).name}
    assert {p.name for p in tmp_path.iterdir()} == left

    model = load(out)
    x = rng.standard_normal((24, 40)).astype(np.float32)
    y = model(x)
    y = y if isinstance(y, np.ndarray) else next(iter(y.values() if isinstance(y, dict) else y))
    np.testing.assert_allclose(y, np.maximum(x @ b + bias, 0), rtol=1e-5, atol=1e-5)


def test_only_the_public_functions_are_exported(
    objects: tuple[list[bytes], str], cache: ObjectCache, tmp_path: Path, rng: np.random.Generator
) -> None:
    path, _, _ = blob(tmp_path, rng)
    out = tmp_path / "model.so"
    link(objects[0], info(objects[1]), out, Target.host(), Weights(path), cache=cache)
    listing = subprocess.run(
        ["nm", "-D", "--defined-only", out], capture_output=True, text=True, check=True
    ).stdout
    names = [line.split()[-1].split("@")[0] for line in listing.splitlines()]
    assert "aicc_run" in names
    assert all(name.startswith("aicc_") for name in names)
    assert "aicc_model_main" not in names


def test_an_undefined_symbol_fails_the_link_and_leaves_nothing(
    objects: tuple[list[bytes], str], cache: ObjectCache, tmp_path: Path
) -> None:
    out = tmp_path / "model.so"
    out.write_text("what was there before")
    with pytest.raises(CompileError) as caught:
        link(objects[0][:1], info(objects[1], weights_bytes=0), out, Target.host(), cache=cache)
    assert caught.value.code == "AICC-3004"
    assert any(objects[1] in note for note in caught.value.notes)
    assert out.read_text() == "what was there before"
    assert [p.name for p in tmp_path.iterdir()] == ["model.so"]


def test_an_output_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "folder.so").mkdir()
    for out in (tmp_path / "missing" / "model.so", tmp_path / "folder.so"):
        with pytest.raises(CompileError) as caught:
            link([], "", out, Target.host())
        assert caught.value.code == "AICC-4001"


def test_a_linker_that_does_not_exist() -> None:
    for text in ("no-such-linker", "'unbalanced", " "):
        with pytest.raises(CompileError) as caught:
            find_toolchain(Target.host(), text)
        assert caught.value.code == "AICC-3003"
        assert "aicc[zig]" in (caught.value.hint or "")


def test_no_compiler_at_all(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CC", raising=False)
    monkeypatch.setattr("aicc.codegen.toolchain.importlib.util.find_spec", lambda name: None)
    with pytest.raises(CompileError) as caught:
        find_toolchain(Target.host())
    assert caught.value.code == "AICC-3003"


def test_the_order_of_choice(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("first", "second", "third", "cc"):
        (tmp_path / name).write_text("#!/bin/sh\n")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CC", raising=False)

    def program(linker: str | None = None) -> str:
        return os.path.basename(find_toolchain(Target.host(), linker).command[0])

    assert program() == "cc"
    monkeypatch.setenv("CC", "third -m64")
    assert find_toolchain(Target.host()).command[1:] == ("-m64",)
    with knobs.scope(linker="second"):
        assert program() == "second"
        assert program("first -fuse-ld=lld") == "first"


def test_zig_where_there_is_nothing_else(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CC", raising=False)
    monkeypatch.setattr("aicc.codegen.toolchain.importlib.util.find_spec", lambda name: object())
    command = find_toolchain(Target.cpu_named("generic", "aarch64-unknown-linux-gnu")).command
    assert command == (sys.executable, "-m", "ziglang", "cc", "-target", "aarch64-linux-gnu")


def test_model_info_of_dynamic_and_empty_things(tmp_path: Path) -> None:
    text = model_info_source(
        ModelInfo(
            "m",
            "aicc",
            Target.cpu_named("x86-64-v3"),
            inputs=(TensorInfo("ids", DType.I64, ("batch", None, 4)), TensorInfo("scalar", DType.BOOL, ())),
            outputs=(TensorInfo("y", DType.BF16, ("2*batch", -1)),),
            symbols=(SymbolInfo("batch", 1, 512), SymbolInfo("seq")),
            has_shapes=True,
        )
    )
    assert "{-1, -1, 4}" in text
    assert "in0_symbols[] = {0, -1, -1}" in text
    assert '{"batch", 1, 512}, {"seq", 0, -1}' in text
    assert "kDLBfloat, 16" in text and "kDLBool, 8" in text and "kDLInt, 64" in text
    assert ".shapes = aicc_model_shapes" in text
    source = tmp_path / "model_info.c"
    source.write_text(text)
    from aicc import runtime

    find_toolchain(Target.host()).run(
        [
            *runtime.CFLAGS,
            "-Wall",
            "-Werror",
            "-I",
            str(runtime.include_dir()),
            "-c",
            "-o",
            str(tmp_path / "m.o"),
            str(source),
        ],
        "compiling",
    )
