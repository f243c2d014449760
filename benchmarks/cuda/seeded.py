"""Random numbers that are the same on every machine, and files of weights made of them. NumPy only.

NumPy promises that the raw bits of a Philox generator stay what they are; the rest is arithmetic on these.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]


def normal(seed: int, shape: Iterable[int], std: float = 1.0, mean: float = 0.0) -> Array:
    """f32, nearly normal: sums of four uniform numbers of 16 bits."""
    sizes = tuple(shape)
    raw = np.random.Philox(key=seed).random_raw(int(np.prod(sizes, dtype=np.int64)))
    total = sum((raw >> np.uint64(16 * i)) & np.uint64(0xFFFF) for i in range(4))
    unit = (total.astype(np.float32) - np.float32(131070)) / np.float32(65536 * 0.57735)
    return (unit * np.float32(std) + np.float32(mean)).reshape(sizes)


def integers(seed: int, shape: Iterable[int], below: int) -> Array:
    """int64 in [0, below)."""
    sizes = tuple(shape)
    raw = np.random.Philox(key=seed).random_raw(int(np.prod(sizes, dtype=np.int64)))
    return (raw % np.uint64(below)).astype(np.int64).reshape(sizes)


def bits(values: Array, dtype: str) -> Array:
    """f32 as an array of `dtype`; bfloat16, which NumPy lacks, as its bits in uint16 (rounded to nearest even)."""
    if dtype != "bfloat16":
        return values.astype(dtype)
    words = values.astype(np.float32).view(np.uint32)
    return ((words + np.uint32(0x7FFF) + ((words >> np.uint32(16)) & np.uint32(1))) >> np.uint32(16)).astype(
        np.uint16
    )


def make(spec: Mapping[str, Any]) -> Array:
    """The tensor of a spec {kind, shape, dtype, seed, std, mean, below}, `repeat` times along its first dim."""
    rows = spec.get("repeat", 1)
    row = _row(spec, spec["kind"], spec["shape"], spec["dtype"])
    return np.concatenate([row] * rows) if rows > 1 else row


def _row(spec: Mapping[str, Any], kind: str, shape: Iterable[int], dtype: str) -> Array:
    if kind == "integers":
        return integers(spec["seed"], shape, spec["below"]).astype(dtype)
    if kind in ("ones", "zeros"):
        return np.full(tuple(shape), kind == "ones", dtype)
    return bits(normal(spec["seed"], shape, spec.get("std", 1.0), spec.get("mean", 0.0)), dtype)


def write_weights(recipe: Mapping[str, Any], raw: bytes, path: Path) -> None:
    """The sidecar file `path`: seeded tensors where the recipe has one, bytes of `raw` elsewhere."""
    blob = bytearray(recipe["size"])
    for piece in recipe["raw"]:
        blob[piece["at"] : piece["at"] + piece["size"]] = raw[piece["from"] : piece["from"] + piece["size"]]
    for piece in recipe["planted"]:
        data = make(piece["tensor"]).transpose(piece["order"]).tobytes()
        blob[piece["at"] : piece["at"] + len(data)] = data
    path.write_bytes(blob)
