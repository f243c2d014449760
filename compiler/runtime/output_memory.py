"""Memory of large outputs, used again once the caller has let go of the array.

A fresh array of some 100 KiB comes from the kernel page by page: 0.25 to 1 µs for each 4 KiB touched, more
than a kernel needs to write it. An array made here gives its memory back when it, and all views of it,
are gone; the next run takes it from there.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]

SMALLEST = 64 << 10
"""Bytes from which on memory is kept; malloc itself keeps what is smaller."""
_STEP = 64 << 10
_ALIGNMENT = 64
_BITS: dict[int, np.dtype[Any]] = {
    1: np.dtype(np.uint8),
    2: np.dtype(np.uint16),
    4: np.dtype(np.uint32),
    8: np.dtype(np.uint64),
}


class _Block:
    """Memory and the address in it from which on it is aligned; `size` bytes are there."""

    __slots__ = ("address", "memory", "size")

    def __init__(self, size: int) -> None:
        self.memory = np.empty(-(-(size + _ALIGNMENT) // _STEP) * _STEP, np.uint8)
        start = self.memory.ctypes.data
        self.address = start + -start % _ALIGNMENT
        self.size = self.memory.nbytes - _ALIGNMENT


class _Lease:
    """Memory that an array and its views stand on; the last of them to go gives it back."""

    __slots__ = ("__array_interface__", "_block", "_kept")

    def __init__(self, block: _Block, kept: list[_Block], interface: dict[str, Any]) -> None:
        self._block, self._kept, self.__array_interface__ = block, kept, interface

    def __del__(self) -> None:
        if not self._kept:
            self._kept.append(self._block)


class OutputMemory:
    """Makes the arrays of one output; keeps at most one block that nobody uses.

    >>> memory = OutputMemory()
    >>> y = memory.empty((512, 512), np.dtype("float32"))  # as np.empty
    """

    def __init__(self) -> None:
        self._kept: list[_Block] = []

    @property
    def kept_bytes(self) -> int:
        """Bytes held for the next run."""
        return sum(block.memory.nbytes for block in self._kept)

    def empty(self, shape: tuple[int, ...], dtype: np.dtype[Any]) -> Array:
        """An array of any contents, compact, aligned to 64 bytes when large."""
        size = math.prod(shape) * dtype.itemsize
        if size < SMALLEST or dtype.itemsize not in _BITS:
            return np.empty(shape, dtype)
        block = self._block(size)
        native = dtype.kind in "biuf"
        interface = {
            "version": 3,
            "shape": shape,
            "typestr": (dtype if native else _BITS[dtype.itemsize]).str,
            "data": (block.address, False),
        }
        array: Array = np.asarray(_Lease(block, self._kept, interface))
        return array if native else array.view(dtype)

    def _block(self, size: int) -> _Block:
        """The kept block if it fits and is not far too large, else a new one, with room to grow."""
        try:
            block = self._kept.pop()
        except IndexError:
            return _Block(size + size // 8)
        return block if size <= block.size <= 2 * size + _STEP else _Block(size + size // 8)
