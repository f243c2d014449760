"""Weights in few bits: rounding them in blocks, and the order the kernels of packed weights read them in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import ml_dtypes
import numpy as np

from aicc.dialects.packed_weights import NIBBLE_SHIFTS

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Rounding:
    """How weights are rounded: to `bits` (4 or 8), with a scale for each `block` numbers of a column (0: one for the
    whole column), around zero or, with `symmetric` off, between the least and the greatest of a block."""

    bits: int = 4
    block: int = 32
    symmetric: bool = True


@dataclass(frozen=True, eq=False)
class Blocks:
    """`(q - zero) · scale`: `q` `[K, N]` and `zero` `[K / block, N]` signed, i8, `scale` `[K / block, N]` f32."""

    q: Array
    scale: Array
    zero: Array | None
    block: int

    def dequantized(self) -> Array:
        """The numbers they stand for, f32 `[K, N]`."""
        out = self.q.astype(np.float32)
        if self.zero is not None:
            out -= np.repeat(self.zero, self.block, 0)[: len(out)]
        out *= np.repeat(self.scale, self.block, 0)[: len(out)]
        return out


def quantize_blocks(weights: Array, rounding: Rounding) -> Blocks:
    """Rounds `weights` `[K, N]` to nearest, even.

    A symmetric scale puts the number of greatest magnitude at the lower end, which reaches one further than the
    upper: of 4 bits -8 (Frantar et al. 2022 and llama.cpp's Q4_0 do so). 8 bits use -127 to 127 alike.
    """
    low, high = -(1 << (rounding.bits - 1)), (1 << (rounding.bits - 1)) - 1
    depth, columns = weights.shape
    block = rounding.block or depth
    padded = np.pad(weights.astype(np.float32), ((0, -depth % block), (0, 0)))
    w = padded.reshape(-1, block, columns)
    zero = None
    if rounding.symmetric:
        least, most = w.min(1), w.max(1)
        extreme = np.where(-least > most, least, most)
        scale = extreme / low if rounding.bits == 4 else np.abs(extreme) / high
    else:
        least, most = np.minimum(w.min(1), 0), np.maximum(w.max(1), 0)
        scale = (most - least) / (high - low)
    scale = np.where(scale == 0, 1, scale).astype(np.float32)
    if not rounding.symmetric:
        zero = np.clip(np.rint(low - least / scale), low, high).astype(np.int8)
    q = np.rint(w / scale[:, None])
    if zero is not None:
        q += zero[:, None]
    q = np.clip(q, low, high).astype(np.int8)
    return Blocks(q.reshape(-1, columns)[:depth], scale, zero, block)


def words_of(q: Array, bits: int, block: int) -> Array:
    """Signed numbers `[K, N]` as `packed_matmul` takes them: `[K / block, block / 8, N]` words, or the bytes.

    `block` divides K; of 4 bits, 8 divides it.
    """
    depth, columns = q.shape
    if bits == 8:
        return np.ascontiguousarray(q.astype(np.int8).reshape(depth // block, block, columns))
    nibbles = (q.astype(np.int16) + 8).astype(np.uint8).reshape(-1, 8, columns)
    words = np.zeros((len(nibbles), columns), np.uint32)
    for i, shift in enumerate(NIBBLE_SHIFTS):
        words |= nibbles[:, i].astype(np.uint32) << np.uint32(shift)
    return words.reshape(depth // block, block // 8, columns)


def words_of_bytes(q: Array) -> Array:
    """Signed bytes `[blocks, block, N]` as words `[blocks, block / 4, N]` of four unsigned ones, 128 more each."""
    blocks, block, columns = q.shape
    unsigned = (q.view(np.uint8) ^ np.uint8(128)).reshape(blocks, block // 4, 4, columns)
    words: Array = unsigned.transpose(0, 1, 3, 2).copy().view("<u4")[..., 0]
    return words


def numbers_of(packed: Array, bits: int) -> Array:
    """Each byte's numbers of `bits` (2, 4 or 8) side by side in the last dim, the lowest first."""
    count = 8 // bits
    out = np.empty((*packed.shape[:-1], count * packed.shape[-1]), np.uint8)
    for i in range(count):
        out[..., i::count] = (packed >> (i * bits)) & ((1 << bits) - 1)
    return out


def packable(depth: int, block: int, bits: int) -> bool:
    """Whether kernels read such blocks packed."""
    return depth > 0 and block > 0 and depth % block == 0 and (bits == 8 or block % 8 == 0)


def rounded_weights(
    array: Array, bits: int, block: int, symmetric: bool, transposed: bool, part: str
) -> Array:
    """The recipe of a weight `[K, N]`, or `[N, K]` when `transposed`: its `part` words, scale or zero, or the
    matrix itself in f16 or bf16; of a table `rows` and `row_scales`, a scale for each row."""
    matrix = array.T if transposed else array
    if bits == 16:
        half = np.float16 if part == "f16" else ml_dtypes.bfloat16
        return np.ascontiguousarray(matrix.astype(half))[None]
    if part in ("rows", "row_scales"):
        rows = quantize_blocks(array.T, Rounding(bits, 0, symmetric))
        return np.ascontiguousarray(rows.q.T if part == "rows" else rows.scale.T)
    blocks = quantize_blocks(matrix, Rounding(bits, block, symmetric))
    if part == "scale":
        return blocks.scale
    if part == "zero":
        assert blocks.zero is not None
        return blocks.zero
    return words_of(blocks.q, bits, block or len(matrix))
