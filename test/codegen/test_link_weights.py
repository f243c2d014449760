"""Weights within the library: appended as a segment or included by the assembler, with every linker there is."""

from __future__ import annotations

import importlib.util
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from aicc.codegen import link_weights
from aicc.codegen.cache import ObjectCache
from aicc.codegen.link import link
from aicc.codegen.link_weights import SECTION, Embedded
from aicc.errors import CompileError
from aicc.target import Target
from test.codegen.hand_made import HandMade, hand_made

LINKERS = {
    "cc": (None, True),
    "lld": ("cc -fuse-ld=lld", shutil.which("ld.lld")),
    "gold": ("cc -fuse-ld=gold", shutil.which("ld.gold")),
    "clang": ("clang", shutil.which("clang")),
    "zig": (f"{sys.executable} -m ziglang cc", importlib.util.find_spec("ziglang")),
}
FAR = 3 << 30


def build(model: HandMade, out: Path, cache: ObjectCache, linker: str | None = None) -> Path:
    weights = Embedded(model.size, model.write)
    link(model.objects, model.info(), out, Target.host(), weights, linker, cache)
    return out


def section_of(library: Path) -> list[str]:
    """Name, type, address, offset and size in hexadecimal, … of the weights' section."""
    text = subprocess.run(["readelf", "-SW", library], capture_output=True, text=True, check=True).stdout
    (line,) = (line.split("]")[1].split() for line in text.splitlines() if SECTION in line)
    return line


def segments_of(library: Path) -> list[list[str]]:
    """The PT_LOADs: type, offset, address, …"""
    text = subprocess.run(["readelf", "-lW", library], capture_output=True, text=True, check=True).stdout
    return [line.split() for line in text.splitlines() if line.split()[:1] == ["LOAD"]]


@pytest.fixture
def appended(monkeypatch: pytest.MonkeyPatch) -> None:
    """However few weights there are, they are appended."""
    monkeypatch.setattr(link_weights, "APPENDED_FROM", 0)


def test_few_weights_are_included(model: HandMade, cache: ObjectCache, tmp_path: Path) -> None:
    out = build(model, tmp_path / "model.so", cache)
    assert [p.name for p in tmp_path.iterdir()] == ["model.so"]
    assert int(section_of(out)[4], 16) == model.size
    model.check(out)


@pytest.mark.parametrize("name", LINKERS)
@pytest.mark.usefixtures("appended")
def test_appended_weights(name: str, model: HandMade, cache: ObjectCache, tmp_path: Path) -> None:
    linker, found = LINKERS[name]
    if not found:
        pytest.skip(f"{name} is not installed")
    out = build(model, tmp_path / "model.so", cache, linker)
    assert [p.name for p in tmp_path.iterdir()] == ["model.so"]
    _, kind, address, offset, size, *_ = section_of(out)
    assert (kind, int(size, 16)) == ("PROGBITS", model.size)
    assert int(address, 16) == int(offset, 16) and int(offset, 16) % 4096 == 0
    loads = segments_of(out)
    assert int(loads[-1][2], 16) == int(address, 16) and loads[-1][6] == "R"
    addresses = [int(load[2], 16) for load in loads]
    assert addresses == sorted(addresses)
    assert out.stat().st_mode & 0o111
    model.check(out)


@pytest.mark.parametrize("tool", ["strip", "objcopy --strip-debug", "llvm-strip", "eu-strip"])
@pytest.mark.usefixtures("appended")
def test_appended_weights_survive_tools(
    tool: str, model: HandMade, cache: ObjectCache, tmp_path: Path
) -> None:
    command = tool.split()
    if shutil.which(command[0]) is None:
        pytest.skip(f"{command[0]} is not installed")
    out = build(model, tmp_path / "model.so", cache)
    subprocess.run([*command, out], check=True)
    assert int(section_of(out)[4], 16) == model.size
    model.check(out)


@pytest.mark.usefixtures("appended")
def test_a_library_larger_than_expected_is_linked_again(
    monkeypatch: pytest.MonkeyPatch, model: HandMade, cache: ObjectCache, tmp_path: Path
) -> None:
    distances = iter([0, 1 << 20])
    monkeypatch.setattr(link_weights, "_pages", lambda size: next(distances))
    out = build(model, tmp_path / "model.so", cache)
    assert int(section_of(out)[2], 16) == 1 << 20
    model.check(out)


@pytest.mark.parametrize("lacks", ["program header", "__ehdr_start"])
@pytest.mark.usefixtures("appended")
def test_linkers_that_lack_something_get_them_included(
    lacks: str, monkeypatch: pytest.MonkeyPatch, model: HandMade, cache: ObjectCache, tmp_path: Path
) -> None:
    written: list[int] = []

    def write(file: Any) -> None:
        written.append(file.tell())
        model.write(file)

    info = model.info()
    if lacks == "program header":
        monkeypatch.setattr(link_weights, "SPARE_NOTE", ".note.other")
    else:
        info = info.replace("__ehdr_start", "no__ehdr_start")
    out = tmp_path / "model.so"
    link(model.objects, info, out, Target.host(), Embedded(model.size, write), cache=cache)
    assert len(written) == 2 and written[1] == 0
    assert int(section_of(out)[4], 16) == model.size
    model.check(out)


def test_too_many_to_include(
    monkeypatch: pytest.MonkeyPatch, model: HandMade, cache: ObjectCache, tmp_path: Path
) -> None:
    monkeypatch.setattr(link_weights, "INCLUDED_LIMIT", 100)
    with pytest.raises(CompileError) as caught:
        build(model, tmp_path / "model.so", cache)
    assert caught.value.code == "AICC-3004" and "--weights external" in (caught.value.hint or "")


@pytest.mark.usefixtures("appended")
def test_weights_that_cannot_be_written_leave_nothing(
    model: HandMade, cache: ObjectCache, tmp_path: Path
) -> None:
    def write(file: Any) -> None:
        raise OSError(28, "No space left on device")

    out = tmp_path / "model.so"
    out.write_text("what was there before")
    with pytest.raises(CompileError) as caught:
        link(model.objects, model.info(), out, Target.host(), Embedded(model.size, write), cache=cache)
    assert caught.value.code == "AICC-4001" and "No space left" in caught.value.message
    assert out.read_text() == "what was there before"
    assert [p.name for p in tmp_path.iterdir()] == ["model.so"]


_LAZY = """
import sys
from pathlib import Path
from aicc.loader import load

def resident():
    return next(int(line.split()[1]) for line in Path("/proc/self/status").open() if line.startswith("VmRSS"))

before = resident()
model = load(sys.argv[1])
print(resident() - before)
"""


def test_more_than_a_relocation_reaches(cache: ObjectCache, tmp_path: Path) -> None:
    """3 GiB, nearly all of it a hole: addresses are right, and loading reads nothing."""
    model = hand_made(cache, FAR)
    out = build(model, tmp_path / "model.so", cache)
    assert out.stat().st_size > FAR
    assert out.stat().st_blocks * 512 < 64 << 20
    model.check(out)
    done = subprocess.run([sys.executable, "-c", _LAZY, out], capture_output=True, text=True, check=True)
    assert int(done.stdout) < 16 << 10
