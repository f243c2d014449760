"""Products with weights that stay small in memory: numbers of 4, 8 or 16 bits, a scale for each block of a column."""

from __future__ import annotations

import numpy as np

from aicc.dialects.attributes import Int
from aicc.dialects.numerics import Array
from aicc.dialects.op import Attribute, Op, Operand, TypeRuleError
from aicc.dialects.types import DType, TensorType

LEVELS = (0, 1, 2, 3, 4)
"""How accurate a product has to be, at least, as com.microsoft's MatMulNBits counts: as the compiler likes, f32, f16,
bf16, and rows rounded to bytes."""

BYTES_LEVEL = 4
"""The level at which rows may be rounded to bytes."""

F32 = frozenset({DType.F32})
STORED = frozenset({DType.U32, DType.I8, DType.F16, DType.BF16})
"""What weights are stored as; words of 32 bits hold eight numbers of 4."""

NARROW_INTEGERS = frozenset({DType.I4, DType.U4, DType.I8, DType.U8})

NIBBLES = 8
"""Numbers of 4 bits in a word."""

NIBBLE_SHIFTS = tuple(8 * (i % 4) + 4 * (i // 4) for i in range(NIBBLES))
"""Where the numbers lie in a word: the lower halves of its bytes are the first four, the upper ones the others, so that
either becomes four neighbours in bytes by a mask."""


class PackedMatMul(Op, name="packed_matmul"):
    """`x · W` in f32, `W[k, n] = (q[k, n] - zero[k / block, n]) · scale[k / block, n]`.

    `x` is `[..., K]`, the result `[..., N]`. `weights` hold q as `[K / block, block, N]` i8, f16 or bf16, or as words
    `[K / block, block / 8, N]` of eight numbers of 4 bits (`NIBBLE_SHIFTS`), of which 8 is to be subtracted. Weights of
    16 bits have no scale. Without zero points these are 0. `accuracy_level` is the least accuracy that the model asks
    for, of `LEVELS` (absent: 0): the pass `quantize-activations` makes use of it.
    """

    operands = (
        Operand("x", F32),
        Operand("weights", STORED),
        Operand("scale", F32, optional=True),
        Operand("zero", frozenset({DType.I8}), optional=True),
    )
    attributes = (Attribute("accuracy_level", Int, optional=True),)

    @staticmethod
    def infer(
        x: TensorType,
        weights: TensorType,
        scale: TensorType | None,
        zero: TensorType | None,
        *,
        accuracy_level: int | None,
    ) -> TensorType:
        if accuracy_level is not None and accuracy_level not in LEVELS:
            raise TypeRuleError(f"attribute 'accuracy_level' is {accuracy_level}; expected one of {LEVELS}")
        if weights.rank != 3 or not weights.is_static:
            raise TypeRuleError(f"operand 'weights' must be [blocks, block, columns], got {weights}")
        blocks, steps, columns = weights.shape
        depth = blocks * steps * per_word(weights.dtype)
        if x.rank < 1 or (isinstance(x.shape[-1], int) and x.shape[-1] != depth):
            raise TypeRuleError(f"operand 'x' is {x}; its last dim must be {depth}")
        if (scale is None) != weights.dtype.is_float or (scale is None and zero is not None):
            raise TypeRuleError("integers have a scale, floats have none")
        for name, t in (("scale", scale), ("zero", zero)):
            if t is not None and t.shape != (blocks, columns):
                raise TypeRuleError(f"operand '{name}' is {t}; expected shape [{blocks}, {columns}]")
        return TensorType((*x.shape[:-1], columns), DType.F32)

    @staticmethod
    def fold(
        x: Array, weights: Array, scale: Array | None, zero: Array | None, *, accuracy_level: int | None
    ) -> Array:
        out: Array = np.matmul(x, unpacked(weights, scale, zero))
        return out


class DequantizeBlocks(Op, name="dequantize_blocks"):
    """`(x - zero) · scale` in f32, with an entry of both for each `block` numbers along dim `axis` of x."""

    operands = (
        Operand("x", NARROW_INTEGERS),
        Operand("scale", F32),
        Operand("zero", NARROW_INTEGERS, optional=True, like="x"),
    )
    attributes = (Attribute("axis", Int), Attribute("block", Int))

    @staticmethod
    def infer(
        x: TensorType, scale: TensorType, zero: TensorType | None, *, axis: int, block: int
    ) -> TensorType:
        if not 0 <= axis < x.rank or block < 1:
            raise TypeRuleError(f"attributes 'axis' {axis} and 'block' {block} do not fit {x}")
        for name, t in (("scale", scale), ("zero", zero)):
            if t is None:
                continue
            for d, (size, count) in enumerate(zip(x.shape, t.shape, strict=False)):
                wanted = -(-size // block) if d == axis and isinstance(size, int) else size
                if isinstance(size, int) and isinstance(count, int) and count != wanted:
                    raise TypeRuleError(f"operand '{name}' is {t}, which does not fit {x}")
            if t.rank != x.rank:
                raise TypeRuleError(f"operand '{name}' is {t}, which does not fit {x}")
        return x.with_dtype(DType.F32)

    @staticmethod
    def fold(x: Array, scale: Array, zero: Array | None, *, axis: int, block: int) -> Array:
        size = x.shape[axis]
        wide = x.astype(np.int32)
        if zero is not None:
            wide = wide - np.repeat(zero.astype(np.int32), block, axis).take(range(size), axis)
        out: Array = wide.astype(np.float32) * np.repeat(scale, block, axis).take(range(size), axis)
        return out


def per_word(dtype: DType) -> int:
    """Numbers in an element of the stored weights."""
    return NIBBLES if dtype is DType.U32 else 1


def unpacked(weights: Array, scale: Array | None, zero: Array | None) -> Array:
    """The weights as f32 `[K, N]`."""
    if weights.dtype == np.uint32:
        shifts = np.array(NIBBLE_SHIFTS, np.uint32)[:, None]
        numbers = ((weights[:, :, None] >> shifts) & 15).astype(np.float32) - 8
        weights = numbers.reshape(weights.shape[0], -1, weights.shape[-1])
    out = weights.astype(np.float32)
    if zero is not None:
        out = out - zero.astype(np.float32)[:, None]
    if scale is not None:
        out = out * scale[:, None]
    return out.reshape(-1, out.shape[-1])
