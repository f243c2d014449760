"""Gives a linked ELF library one more segment and section, whose bytes are not there yet.

Layout after Tool Interface Standard, "Executable and Linking Format", and the System V gABI (64-bit,
little-endian). A linker is told to reserve a program header with a note section of its own; that header becomes
the new PT_LOAD. Loaders want the PT_LOADs in ascending order of addresses, so it goes behind the last one.

    before                               after
      file: ELF header, segments,          file: the same | the new segment's bytes | section names, section headers
            sections' headers
      PT_LOAD … PT_NOTE(spare)             PT_LOAD … PT_LOAD(new)
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import NamedTuple, NoReturn

PT_LOAD, PT_NOTE = 1, 4
_PF_R = 4
_SHT_PROGBITS, _SHT_NOTE = 1, 7
_SHF_ALLOC = 2
_LIMIT = 0xFF00
"""Numbers of sections from here on are stored elsewhere."""

PAGE = 64 << 10
"""Alignment of the new segment in file and memory: the largest page size of the targets."""


class UnsuitableElf(Exception):
    """The library cannot be given a segment: `needed` is the distance it takes if only that was too small."""

    def __init__(self, reason: str, needed: int | None = None) -> None:
        super().__init__(reason)
        self.needed = needed


class _Header(NamedTuple):
    ident: bytes
    type: int
    machine: int
    version: int
    entry: int
    phoff: int
    shoff: int
    flags: int
    ehsize: int
    phentsize: int
    phnum: int
    shentsize: int
    shnum: int
    shstrndx: int


class _Segment(NamedTuple):
    type: int
    flags: int
    offset: int
    vaddr: int
    paddr: int
    filesz: int
    memsz: int
    align: int


class _Section(NamedTuple):
    name: int
    type: int
    flags: int
    addr: int
    offset: int
    size: int
    link: int
    info: int
    addralign: int
    entsize: int


_HEADER = struct.Struct("<16sHHIQQQIHHHHHH")
_SEGMENT = struct.Struct("<IIQQQQQQ")
_SECTION = struct.Struct("<IIQQQQIIQQ")


@dataclass(frozen=True)
class Extended:
    """What to write: `head` from the file's first byte on, `tail` at `tail_offset`, behind the new bytes."""

    head: bytes
    tail: bytes
    tail_offset: int


def extend(library: bytes, name: str, spare: str, distance: int, size: int) -> Extended:
    """Adds the read-only section `name` of `size` bytes, in a segment of its own.

    It lies `distance` bytes (a multiple of PAGE) above the first byte of the file, both in the file and in
    memory: there, `__ehdr_start + distance`. `spare` names the note section whose program header is given up; the
    section itself stays. Raises UnsuitableElf.
    """
    header, segments, sections = _parse(library)
    names = _names(library, sections, header)
    loads = [s for s in segments if s.type == PT_LOAD]
    if not loads:
        _unsuitable("it has no segment")
    first = loads[0]
    if first.offset or first.vaddr % PAGE or [s.vaddr for s in loads] != sorted(s.vaddr for s in loads):
        _unsuitable("its segments do not start with the file's first byte, or are not in order")
    end = max(len(library), *(s.vaddr + s.memsz - first.vaddr for s in loads))
    if end > distance:
        raise UnsuitableElf("it is larger than expected", needed=end)
    address = first.vaddr + distance
    align = min(PAGE, max(s.align for s in loads))
    new = _Segment(PT_LOAD, _PF_R, distance, address, address, size, size, align)
    table = _with_segment(segments, _spare(segments, sections, names, spare), new)
    head = bytearray(library)
    for number, segment in enumerate(table):
        _SEGMENT.pack_into(head, header.phoff + number * _SEGMENT.size, *segment)

    strings = sections[header.shstrndx]
    text = library[strings.offset : strings.offset + strings.size]
    tail_offset = -(-(distance + size) // 16) * 16
    table_offset = tail_offset + -(-(len(text) + len(name) + 1) // 16) * 16
    sections[header.shstrndx] = strings._replace(offset=tail_offset, size=len(text) + len(name) + 1)
    sections.append(_Section(len(text), _SHT_PROGBITS, _SHF_ALLOC, address, distance, size, 0, 0, align, 0))
    tail = (text + name.encode() + b"\0").ljust(table_offset - tail_offset, b"\0")
    tail += b"".join(_SECTION.pack(*s) for s in sections)
    _HEADER.pack_into(head, 0, *header._replace(shoff=table_offset, shnum=len(sections)))
    return Extended(bytes(head), tail, tail_offset)


def _parse(library: bytes) -> tuple[_Header, list[_Segment], list[_Section]]:
    if library[:6] != b"\x7fELF\x02\x01" or len(library) < _HEADER.size:
        _unsuitable("it is no 64-bit little-endian ELF file")
    header = _Header(*_HEADER.unpack_from(library))
    if (header.phentsize, header.shentsize) != (_SEGMENT.size, _SECTION.size):
        _unsuitable("its headers have an unknown size")
    if not 0 < header.shstrndx < header.shnum < _LIMIT - 1:
        _unsuitable("it has no section names, or too many sections")
    try:
        segments = [
            _Segment(*_SEGMENT.unpack_from(library, header.phoff + i * _SEGMENT.size))
            for i in range(header.phnum)
        ]
        sections = [
            _Section(*_SECTION.unpack_from(library, header.shoff + i * _SECTION.size))
            for i in range(header.shnum)
        ]
    except (struct.error, OverflowError):
        _unsuitable("it is cut off")
    return header, segments, sections


def _names(library: bytes, sections: list[_Section], header: _Header) -> list[str]:
    strings = sections[header.shstrndx]
    text = library[strings.offset : strings.offset + strings.size]
    return [text[s.name : text.find(b"\0", s.name)].decode(errors="replace") for s in sections]


def _spare(segments: list[_Segment], sections: list[_Section], names: list[str], spare: str) -> int:
    """The number of the program header that is there for the section `spare`."""
    for section, name in zip(sections, names, strict=True):
        if name == spare and section.type == _SHT_NOTE:
            for number, s in enumerate(segments):
                if s.type == PT_NOTE and s.vaddr <= section.addr < s.vaddr + s.memsz:
                    return number
    return _unsuitable(f"it has no program header for {spare}")


def _with_segment(segments: list[_Segment], given_up: int, new: _Segment) -> list[_Segment]:
    """`new` behind the last PT_LOAD, instead of segment `given_up`."""
    table: list[_Segment] = []
    last = max(i for i, s in enumerate(segments) if s.type == PT_LOAD)
    for number, segment in enumerate(segments):
        if number != given_up:
            table.append(segment)
        if number == last:
            table.append(new)
    return table


def _unsuitable(reason: str) -> NoReturn:
    raise UnsuitableElf(reason)
