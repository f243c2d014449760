"""Arrays of strings to and from the elements of `aicc_string` (aicc.h): an address and a size each."""

from __future__ import annotations

import ctypes
from typing import Any

import numpy as np

from aicc.errors import RuntimeError_

Array = np.ndarray[Any, Any]

WORDS = 2
"""8-byte words of one element."""


def as_texts(value: Any, what: str) -> Array:
    """An object array of str out of what onnxruntime takes: arrays of str, bytes (UTF-8) or objects, nested lists.

    Raises RuntimeError_ AICC-5002 for other things than strings.
    """
    array = value if isinstance(value, np.ndarray) else np.asarray(value, object)
    if array.dtype.kind not in "OSU":
        raise RuntimeError_("AICC-5002", f"{what} is {array.dtype}, the model wants strings.")
    return np.ascontiguousarray(array.astype(object)).reshape(array.shape)


def pack(texts: Array, what: str) -> tuple[Array, bytes]:
    """Elements for `texts`, int64 `[…, 2]`, and the bytes they point into, to be kept as long."""
    parts = [_encoded(text, what) for text in texts.flat]
    data = b"".join(parts)
    sizes = np.fromiter(map(len, parts), np.int64, len(parts))
    elements = np.empty((*texts.shape, WORDS), np.int64)
    rows = elements.reshape(-1, WORDS)
    start = ctypes.cast(ctypes.c_char_p(data), ctypes.c_void_p).value or 0
    rows[:, 0] = start + np.cumsum(sizes) - sizes
    rows[:, 1] = sizes
    return elements, data


def _encoded(text: Any, what: str) -> bytes:
    if isinstance(text, bytes):
        return text
    if isinstance(text, str):
        return text.encode("utf-8", "surrogateescape")
    raise RuntimeError_("AICC-5002", f"{what} holds a {type(text).__name__}, the model wants strings.")


def unpack(elements: Array) -> Array:
    """The strings behind elements `[…, 2]`, as an object array of str."""
    texts = np.empty(elements.shape[:-1], object)
    found = texts.reshape(-1)
    for i, (address, size) in enumerate(elements.reshape(-1, WORDS).tolist()):
        found[i] = ctypes.string_at(address, size).decode("utf-8", "surrogateescape") if size else ""
    return found.reshape(texts.shape)
