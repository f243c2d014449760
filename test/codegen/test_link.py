"""Linking a model put together by hand, the choice of a linker, and generated model_info.c."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from aicc.codegen.cache import ObjectCache
from aicc.codegen.link import External, link, sidecar
from aicc.codegen.link_weights import Embedded
from aicc.codegen.model_info import ModelInfo, SymbolInfo, TensorInfo, model_info_source
from aicc.codegen.toolchain import find_toolchain
from aicc.dialects.types import DType
from aicc.errors import CompileError
from aicc.knobs import knobs
from aicc.target import Target
from test.codegen.hand_made import HandMade


def test_external_weights_are_moved_beside_the_library(
    model: HandMade, cache: ObjectCache, tmp_path: Path
) -> None:
    out, file = tmp_path / "model.so", tmp_path / "some name.bin"
    with file.open("wb") as stream:
        model.write(stream)
        stream.write(b"id-1")
    text = model.info(weights_file=sidecar(out).name, weights_id="id-1")
    link(model.objects, text, out, Target.host(), External(file), cache=cache)
    assert {p.name for p in tmp_path.iterdir()} == {"model.so", "model.so.weights"}
    model.check(out)


def test_only_the_public_functions_are_exported(model: HandMade, cache: ObjectCache, tmp_path: Path) -> None:
    out = tmp_path / "model.so"
    weights = Embedded(model.size, model.write)
    link(model.objects, model.info(), out, Target.host(), weights, cache=cache)
    listing = subprocess.run(
        ["nm", "-D", "--defined-only", out], capture_output=True, text=True, check=True
    ).stdout
    names = [line.split()[-1].split("@")[0] for line in listing.splitlines()]
    assert "aicc_run" in names
    assert all(name.startswith("aicc_") for name in names)
    assert "aicc_model_main" not in names


def test_an_undefined_symbol_fails_the_link_and_leaves_nothing(
    model: HandMade, cache: ObjectCache, tmp_path: Path
) -> None:
    out = tmp_path / "model.so"
    out.write_text("what was there before")
    with pytest.raises(CompileError) as caught:
        link(model.objects[:1], model.info(weights_bytes=0), out, Target.host(), cache=cache)
    assert caught.value.code == "AICC-3004"
    assert any(model.symbol in note for note in caught.value.notes)
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
