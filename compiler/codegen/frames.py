"""Objects over a stream socket: eight bytes of length, then a pickle. Both ends are aicc's own processes."""

from __future__ import annotations

import pickle
import socket
import struct
from typing import Any

_LENGTH = struct.Struct("<Q")


def send(stream: socket.socket, value: Any) -> None:
    """Sends one object."""
    data = pickle.dumps(value, protocol=pickle.HIGHEST_PROTOCOL)
    stream.sendall(_LENGTH.pack(len(data)) + data)


def receive(stream: socket.socket) -> Any | None:
    """The next object, None when the other end closed between two. Raises EOFError within one."""
    head = _read(stream, _LENGTH.size)
    if head is None:
        return None
    data = _read(stream, _LENGTH.unpack(head)[0])
    if data is None:
        raise EOFError
    return pickle.loads(data)


def _read(stream: socket.socket, count: int) -> bytes | None:
    parts, missing = [], count
    while missing:
        part = stream.recv(min(missing, 1 << 20))
        if not part:
            if missing == count:
                return None
            raise EOFError
        parts.append(part)
        missing -= len(part)
    return b"".join(parts)
