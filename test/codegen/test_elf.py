"""One more segment for a library: what the headers say afterwards, and what is refused."""

from __future__ import annotations

import struct
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aicc.codegen.elf import PAGE, UnsuitableElf, extend
from aicc.codegen.toolchain import find_toolchain
from aicc.target import Target

SOURCE = """
__asm__(".pushsection .note.spare,\\"a\\",%note\\n.balign 8\\n.long 11, 0, 1\\n"
        ".asciz \\"aicc.model\\"\\n.balign 8\\n.popsection");
int answer(void) { return 42; }
"""
SIZE, DISTANCE = 12345, 16 * PAGE


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    folder: Path = tmp_path_factory.mktemp("elf")
    (folder / "a.c").write_text(SOURCE)
    find_toolchain(Target.host()).run(["-shared", "-fPIC", "-o", "a.so", "a.c"], "the link", cwd=folder)
    return (folder / "a.so").read_bytes()


def whole(library: bytes, size: int = SIZE) -> bytes:
    new = extend(library, ".new", ".note.spare", DISTANCE, size)
    return (new.head.ljust(DISTANCE, b"\0") + b"W" * size).ljust(new.tail_offset, b"\0") + new.tail


def sections(file: bytes) -> dict[str, tuple[int, ...]]:
    """By name: the fields of the section header."""
    shoff, shentsize, shnum, shstrndx = struct.unpack_from("<Q10xHHH", file, 0x28)
    rows = [struct.unpack_from("<IIQQQQIIQQ", file, shoff + i * shentsize) for i in range(shnum)]
    strings = file[rows[shstrndx][4] : rows[shstrndx][4] + rows[shstrndx][5]]
    return {strings[r[0] : strings.index(b"\0", r[0])].decode(): r for r in rows}


def segments(file: bytes) -> list[tuple[int, ...]]:
    phoff, phentsize, phnum = struct.unpack_from("<Q14xHH", file, 0x20)
    return [struct.unpack_from("<IIQQQQQQ", file, phoff + i * phentsize) for i in range(phnum)]


def test_the_section_holds_the_bytes(library: bytes) -> None:
    file = whole(library)
    before, after = sections(library), sections(file)
    assert list(after) == [*before, ".new"]
    _, kind, flags, address, offset, size, *_ = after[".new"]
    assert (kind, flags, offset, size) == (1, 2, DISTANCE, SIZE)
    assert file[offset : offset + size] == b"W" * SIZE
    assert address - DISTANCE == min(s[3] for s in segments(file) if s[0] == 1)
    unchanged = set(before) - {".shstrtab"}
    assert all(before[name] == after[name] for name in unchanged)


def test_the_spare_header_becomes_the_last_load(library: bytes) -> None:
    before, after = segments(library), segments(whole(library))
    assert len(before) == len(after)
    loads = [i for i, s in enumerate(after) if s[0] == 1]
    new = after[loads[-1]]
    assert (new[1], new[2], new[5], new[6]) == (4, DISTANCE, SIZE, SIZE)
    assert new[2] % new[7] == new[3] % new[7]
    note = next(s for s in before if s[0] == 4 and s[3] <= sections(library)[".note.spare"][3] < s[3] + s[6])
    assert sorted([*before, new]) == sorted([*after, note])


def test_a_distance_that_is_too_small_says_which_is_needed(library: bytes) -> None:
    with pytest.raises(UnsuitableElf) as caught:
        extend(library, ".new", ".note.spare", PAGE // 64, SIZE)
    needed = caught.value.needed
    assert needed is not None and needed >= len(library)
    extend(library, ".new", ".note.spare", -(-needed // PAGE) * PAGE, SIZE)


def test_sizes_beyond_32_bits(library: bytes) -> None:
    new = extend(library, ".new", ".note.spare", DISTANCE, 5 << 32)
    assert new.tail_offset == DISTANCE + (5 << 32)


@pytest.mark.parametrize(
    "change",
    [
        lambda b: b"",
        lambda b: b"MZ" + b[2:],
        lambda b: b[:4] + b"\x01" + b[5:],
        lambda b: b[:5] + b"\x02" + b[6:],
        lambda b: b.replace(b".note.spare", b".note.other"),
        lambda b: b[:0x28] + b"\xff" * 8 + b[0x30:],
    ],
)
def test_other_files_are_refused(change, library: bytes) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(UnsuitableElf) as caught:
        extend(change(library), ".new", ".note.spare", DISTANCE, SIZE)
    assert caught.value.needed is None


@given(st.data())
def test_damaged_files_end_in_one_error(library: bytes, data: st.DataObject) -> None:
    damaged = bytearray(library[: data.draw(st.integers(0, len(library)))])
    for _ in range(3):
        if damaged:
            at = data.draw(st.integers(0, min(len(damaged), 1024) - 1))
            damaged[at] = data.draw(st.integers(0, 255))
    with suppress(UnsuitableElf):
        extend(bytes(damaged), ".new", ".note.spare", DISTANCE, SIZE)
