"""Reads an ONNX file without its weights.

The protocol buffers' parser would hold the whole file twice. Here the file is walked along its fields (see
"Encoding" in the documentation of Protocol Buffers), and each large initializer's `raw_data` is replaced by
external data: its place in the very file. Everything else is left to the parser.

    initializer {name: "w" raw_data: <440 MB>} -->
    initializer {name: "w" data_location: EXTERNAL external_data: [{location, m.onnx}, {offset, …}, {length, …}]}
"""

from __future__ import annotations

import mmap
from collections.abc import Iterator
from pathlib import Path

import onnx

_SMALL = 1024
"""Up to this many bytes stay in the model."""

_GRAPH = onnx.ModelProto.GRAPH_FIELD_NUMBER
_INITIALIZER = onnx.GraphProto.INITIALIZER_FIELD_NUMBER
_RAW_DATA = onnx.TensorProto.RAW_DATA_FIELD_NUMBER

_VARINT, _I64, _LEN, _I32 = 0, 1, 2, 5


class MalformedFile(Exception):
    """Not a protocol buffer, or one with fields this reader does not know."""


def read_without_weights(path: Path) -> bytes:
    """The serialized model; `location` is the name of the file, which `path` leads to.

    Raises MalformedFile, OSError.
    """
    path = path.resolve()
    with path.open("rb") as file:
        try:
            data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        except ValueError as error:
            raise MalformedFile("it is empty") from error
    with data:
        return _Reader(data, path.name).model()


class _Reader:
    def __init__(self, data: mmap.mmap, name: str) -> None:
        self.data = data
        self.name = name

    def model(self) -> bytes:
        out = bytearray()
        for number, start, value, end in self._fields(0, len(self.data)):
            if number == _GRAPH:
                out += _delimited(_GRAPH, self._graph(value, end))
            else:
                out += self.data[start:end]
        return bytes(out)

    def _graph(self, start: int, end: int) -> bytes:
        out = bytearray()
        copied = start
        for number, begin, value, after in self._fields(start, end):
            if number == _INITIALIZER and after - value > _SMALL:
                out += self.data[copied:begin]
                out += _delimited(_INITIALIZER, self._tensor(value, after))
                copied = after
        out += self.data[copied:end]
        return bytes(out)

    def _tensor(self, start: int, end: int) -> bytes:
        out, last = bytearray(), b""
        for number, begin, value, after in self._fields(start, end):
            if number == _RAW_DATA and after - value > _SMALL:
                # last, for a file may say after its data that they lie here, and the last word counts
                place = onnx.TensorProto(data_location=onnx.TensorProto.EXTERNAL)
                for key, text in (("location", self.name), ("offset", value), ("length", after - value)):
                    place.external_data.add(key=key, value=str(text))
                last = place.SerializeToString()
            else:
                out += self.data[begin:after]
        return bytes(out) + last

    def _fields(self, start: int, end: int) -> Iterator[tuple[int, int, int, int]]:
        """Of each field between two positions: its number, and where it, its value and what follows begin."""
        at = start
        while at < end:
            begin = at
            tag, at = self._varint(at, end)
            kind = tag & 7
            value = at
            if kind == _LEN:
                length, value = self._varint(at, end)
                at = value + length
            elif kind == _VARINT:
                _, at = self._varint(at, end)
            elif kind in (_I64, _I32):
                at += 8 if kind == _I64 else 4
            else:
                raise MalformedFile(f"a field at byte {begin} is of an unknown kind")
            if at > end:
                raise MalformedFile("it is cut off")
            yield tag >> 3, begin, value, at

    def _varint(self, at: int, end: int) -> tuple[int, int]:
        value = shift = 0
        while at < end and shift < 70:
            byte = self.data[at]
            at += 1
            value |= (byte & 127) << shift
            if byte < 128:
                return value, at
            shift += 7
        raise MalformedFile("it is cut off")


def _delimited(number: int, body: bytes) -> bytes:
    """A field of bytes: tag, length, value."""
    out = bytearray([number << 3 | _LEN])
    length = len(body)
    while length > 127:
        out.append(length & 127 | 128)
        length >>= 7
    out.append(length)
    return bytes(out) + body
