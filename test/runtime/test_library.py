"""The library's file: saved, deleted, replaced, unloaded; refused when it is no model or made for another machine."""

from __future__ import annotations

import gc
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from aicc.errors import CompileError, RuntimeError_
from aicc.loader import load

from .conftest import Fake

W = np.arange(8, dtype=np.float32)


def test_save_is_a_copy_even_of_a_deleted_file(fake: Fake, tmp_path: Path) -> None:
    original = Path(shutil.copy(fake("affine"), tmp_path / "a.so"))
    exe = load(original)
    original.unlink()
    x = np.ones((2, 8), np.float32)
    np.testing.assert_array_equal(exe(x), 2 * x + W)
    assert exe.save(tmp_path / "b.so") == tmp_path / "b.so"
    assert [p.name for p in tmp_path.iterdir()] == ["b.so"]
    np.testing.assert_array_equal(load(tmp_path / "b.so")(x), 2 * x + W)
    with pytest.raises(CompileError, match="AICC-4001"):
        exe.save(tmp_path / "no" / "such" / "folder.so")


def test_a_path_compiled_again_is_the_new_model(fake: Fake, tmp_path: Path) -> None:
    path = tmp_path / "model.so"
    x = np.ones((2, 8), np.float32)
    models = []
    for scale in (2, 3, 4):
        fresh = shutil.copy(fake("affine", f"SCALE={scale}"), tmp_path / "new.so")
        os.replace(fresh, path)
        models.append(load(path))
    for scale, model in zip((2, 3, 4), models, strict=True):
        np.testing.assert_array_equal(model(x), scale * x + W)


def test_two_of_one_path_are_independent(fake: Fake) -> None:
    first, second = load(fake("affine"), num_threads=1), load(fake("affine"), num_threads=2)
    assert (first.num_threads, second.num_threads) == (1, 2)
    x = np.ones((2, 8), np.float32)
    y = first(x)
    first.close()
    np.testing.assert_array_equal(second(x), y)
    with pytest.raises(RuntimeError_, match="AICC-5003.*closed"):
        first(x)


def test_the_library_is_unloaded_with_its_executable(fake: Fake, tmp_path: Path) -> None:
    path = shutil.copy(fake("affine"), tmp_path / "unloaded.so")
    exe = load(path)
    exe(np.ones((2, 8), np.float32))
    assert "unloaded.so" in Path("/proc/self/maps").read_text()
    del exe
    gc.collect()
    assert "unloaded.so" not in Path("/proc/self/maps").read_text()


@pytest.mark.parametrize(
    ("content", "message"),
    [(b"text", "cannot be loaded"), (b"", "cannot be loaded"), (None, "cannot be opened")],
)
def test_what_is_no_model(tmp_path: Path, content: bytes | None, message: str) -> None:
    path = tmp_path / "x.so"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(RuntimeError_, match=f"AICC-5001.*{message}"):
        load(path)


def test_another_library_is_no_model() -> None:
    import _ctypes

    with pytest.raises(RuntimeError_, match="AICC-5001.*is not an aicc model"):
        load(_ctypes.__file__)


def test_other_versions_and_cpus(fake: Fake) -> None:
    with pytest.raises(RuntimeError_, match="AICC-5001.*generated for version 7 of the runtime, this is 1"):
        load(fake("affine", "VERSION=7"))
    # No CPU has both a feature of the newest servers that virtual machines hide and all others.
    flags = Path("/proc/cpuinfo").read_text().split()
    if "amx_fp16" not in flags and "sse2" in flags:
        with pytest.raises(
            RuntimeError_, match="AICC-5001.*This CPU lacks amx-fp16: the model was compiled for anything"
        ):
            load(fake("affine", 'FEATURE="amx-fp16"'))
    load(fake("affine", 'FEATURE="a-feature-nobody-tests"'))


def test_cpu_features_agree_with_the_system(fake: Fake) -> None:
    flags = Path("/proc/cpuinfo").read_text().split()
    if "sse2" not in flags:
        pytest.skip("x86 only")
    for llvm, linux in {"avx2": "avx2", "fma": "fma", "avx512f": "avx512f", "avx512bf16": "avx512_bf16", "lzcnt": "abm",
                        "avxvnni": "avx_vnni", "bmi2": "bmi2", "avx512vnni": "avx512_vnni"}.items():  # fmt: skip
        path = fake("affine", f'FEATURE="{llvm}"')
        if linux in flags:
            load(path)
        else:
            with pytest.raises(RuntimeError_, match=f"lacks {llvm}"):
                load(path)


def test_tile_registers_that_the_system_refuses(fake: Fake) -> None:
    """Linux refuses them while a thread has an alternate signal stack that is too small to save them on."""
    if "amx_tile" not in Path("/proc/cpuinfo").read_text().split():
        pytest.skip("this machine has no tile registers")
    load(fake("affine", 'FEATURE="amx-tile"'))
    script = """
import ctypes, sys
class Stack(ctypes.Structure):
    _fields_ = [("start", ctypes.c_void_p), ("flags", ctypes.c_int), ("size", ctypes.c_size_t)]
memory = ctypes.create_string_buffer(8192)
stack = Stack(ctypes.addressof(memory), 0, len(memory))
assert ctypes.CDLL(None).sigaltstack(ctypes.byref(stack), None) == 0
from aicc.loader import load
from aicc.target import Target
assert not any(name.startswith("amx") for name in Target.host().features)
load(sys.argv[1])
"""
    command = [sys.executable, "-c", script, str(fake("affine", 'FEATURE="amx-tile"'))]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert re.search(
        r"AICC-5001.*the system does not let this process use amx-tile", done.stderr, re.IGNORECASE
    )


def test_an_arena_larger_than_memory_is_a_message(fake: Fake) -> None:
    with pytest.raises(
        RuntimeError_, match=r"AICC-5003.*the model needs an arena of 4611686018427387904 bytes"
    ):
        load(fake("affine", "ARENA=1ll<<62"))
