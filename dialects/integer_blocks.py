"""Products of integers with scales of blocks: rows are rounded to bytes in the run, weights are when compiled."""

from __future__ import annotations

import numpy as np

from aicc.dialects.attributes import Int
from aicc.dialects.numerics import Array
from aicc.dialects.op import Attribute, Op, Operand, TypeRuleError
from aicc.dialects.packed_weights import NIBBLE_SHIFTS
from aicc.dialects.types import DType, TensorType

F32 = frozenset({DType.F32})

LARGEST = 127
"""The greatest magnitude of a rounded number."""

LEAST_ABSOLUTE = 2.0**-119
"""What the numbers of a block are scaled by at least: its quotients are normal numbers. Smaller ones become 0, or less
than `LARGEST`."""

SHIFTS = {4: NIBBLE_SHIFTS, 8: (0, 8, 16, 24)}
"""Where the unsigned numbers of so many bits lie in a word of 32 bits."""


class QuantizeRows(Op, name="quantize_rows"):
    """Bytes with a scale for each `block` numbers of a row: `x[.., block b + k] ≈ q[b, .., k] · scale[b, ..]`.

    `m = max(|x|, 2^-119)` of a block, `scale = m / 127`, `q = round(x · (127 / m))`, half to even, all in f32; and
    `mean` is that of the q of a block. A block with an infinity or NaN has that as scale, and 0 where the quotient is
    NaN. `x` is `[..., K]`, `q` `[K / block, ..., block]`, `scale` and `mean` `[K / block, ...]`: products take a block
    of all rows together.
    """

    operands = (Operand("x", F32),)
    attributes = (Attribute("block", Int),)
    results = ("q", "scale", "mean")

    @staticmethod
    def infer(x: TensorType, *, block: int) -> tuple[TensorType, TensorType, TensorType]:
        depth = x.shape[-1] if x.rank else 1
        if not isinstance(depth, int) or block < 1 or depth % block:
            raise TypeRuleError(f"operand 'x' is {x}; its last dim must be a multiple of 'block', {block}")
        blocks = TensorType((depth // block, *x.shape[:-1]), DType.F32)
        return TensorType((*blocks.shape, block), DType.I8), blocks, blocks

    @staticmethod
    def fold(x: Array, *, block: int) -> tuple[Array, Array, Array]:
        x = np.moveaxis(x.reshape(*x.shape[:-1], -1, block), -2, 0)
        largest = np.maximum(np.abs(x).max(-1), np.float32(LEAST_ABSOLUTE))
        with np.errstate(invalid="ignore"):
            q = np.rint(x * (np.float32(LARGEST) / largest)[..., None])
        q = np.where(np.isnan(q), np.float32(0), q)
        mean = q.sum(-1, dtype=np.int32).astype(np.float32) / np.float32(block)
        return q.astype(np.int8), largest / np.float32(LARGEST), mean


class BlockIntegerMatMul(Op, name="block_integer_matmul"):
    """Rows in bytes times weights in bytes or less, a scale for each block of both, in f32.

    `y[m, n] = Σ_b scale[b, m] · weight_scale[b, n] · Σ_k (q[b, m, k] · w[b, k, n] - c[b, n] · mean[b, m])`: c is half
    the range of w, 2^(bits - 1), and `zero[b, n]`: of the numbers w - c products are summed. `q`, `scale` and
    `mean` are those of `quantize_rows`; `weights` hold the unsigned w of `bits` 4 or 8 in words of 32 bits
    `[K / block, block · bits / 32, N]`, a word's numbers at `SHIFTS`. The sum over a block is one of integers up to the
    mean: how it is rounded is up to the kernel.
    """

    operands = (
        Operand("q", frozenset({DType.I8})),
        Operand("scale", F32),
        Operand("mean", F32),
        Operand("weights", frozenset({DType.U32})),
        Operand("weight_scale", F32),
        Operand("zero", frozenset({DType.I8}), optional=True),
    )
    attributes = (Attribute("bits", Int),)

    @staticmethod
    def infer(
        q: TensorType,
        scale: TensorType,
        mean: TensorType,
        weights: TensorType,
        weight_scale: TensorType,
        zero: TensorType | None,
        *,
        bits: int,
    ) -> TensorType:
        if bits not in SHIFTS:
            raise TypeRuleError(f"attribute 'bits' is {bits}; expected 4 or 8")
        if weights.rank != 3 or not weights.is_static:
            raise TypeRuleError(f"operand 'weights' must be [blocks, words, columns], got {weights}")
        blocks, words, columns = weights.shape
        block = words * len(SHIFTS[bits])
        if q.rank < 2 or q.shape[0] != blocks or q.shape[-1] != block:
            raise TypeRuleError(f"operand 'q' is {q}; expected shape [{blocks}, ..., {block}]")
        for name, t in (("scale", scale), ("mean", mean)):
            if t.rank != q.rank - 1 or t.shape[0] != blocks:
                raise TypeRuleError(f"operand '{name}' is {t}, which does not fit {q}")
        for name, of_weights in (("weight_scale", weight_scale), ("zero", zero)):
            if of_weights is not None and of_weights.shape != (blocks, columns):
                raise TypeRuleError(f"operand '{name}' is {of_weights}; expected shape [{blocks}, {columns}]")
        return TensorType((*q.shape[1:-1], columns), DType.F32)

    @staticmethod
    def fold(
        q: Array,
        scale: Array,
        mean: Array,
        weights: Array,
        weight_scale: Array,
        zero: Array | None,
        *,
        bits: int,
    ) -> Array:
        w = numbers(weights, bits).astype(np.int32)
        blocks, block, columns = w.shape
        sums = np.matmul(q.reshape(blocks, -1, block).astype(np.int32), w).astype(np.float32)
        c = np.float32(1 << (bits - 1)) + (0 if zero is None else zero.astype(np.float32))
        sums -= block * mean.reshape(blocks, -1, 1) * np.broadcast_to(c, weight_scale.shape)[:, None]
        total = (sums * scale.reshape(blocks, -1, 1) * weight_scale[:, None]).sum(0, dtype=np.float32)
        out: Array = total.reshape(*q.shape[1:-1], columns)
        return out


def numbers(words: Array, bits: int) -> Array:
    """The unsigned numbers in `[blocks, words, columns]`: `[blocks, block, columns]`."""
    shifts = np.array(SHIFTS[bits], np.uint32)[:, None]
    found: Array = (words[:, :, None] >> shifts) & np.uint32((1 << bits) - 1)
    return found.reshape(words.shape[0], -1, words.shape[-1])
