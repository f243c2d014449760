"""Takes zero points out of integer products, and makes their operands unsigned times signed.

    integer_matmul(a: ui8, b: i8, az, bz)  -->  Σ a · b  - az · Σ b  - bz · (Σ a - K · az)
    a: i8   -->  a xor 128: ui8,  az + 128
    b: ui8  -->  b xor 128: i8,   bz - 128

Likewise convolutions. Sums over constant weights are constants; sums over rows are only there when weights have a
zero point. All of it is exact, sums wrap.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from aicc.dialects.types import DType
from aicc.passes.base import Pass, PassContext
from aicc.passes.graph.quantized_values import array_of
from aicc.passes.graph.rewrite import Rewriter, apply, pattern


@dataclass(frozen=True)
class SplitZeroPoints(Pass):
    """See the module."""

    pass_name: ClassVar[str] = "split-zero-points"

    def run(self, module: Any, ctx: PassContext) -> None:
        apply(module, ctx, PATTERNS)


@dataclass(frozen=True)
class _Bytes:
    """An operand in the signedness that is wanted, and its zero point as an i32 tensor; None: there is none."""

    x: Any
    zero: Any | None


def _bytes(rw: Rewriter, x: Any, zero: Any | None, to: DType) -> _Bytes:
    moved = 0
    if rw.dtype(x) is not to:
        moved = 128 if to is DType.U8 else -128
        bits = rw.build("bitwise_xor", rw.build("bitcast", x, to=DType.U8), rw.const(np.uint8(128)))
        x = bits if to is DType.U8 else rw.build("bitcast", bits, to=DType.I8)
    if zero is None:
        return _Bytes(x, rw.const(np.int32(moved)) if moved else None)
    known = array_of(rw, zero)
    if known is not None:
        centered = known.astype(np.int32) + moved
        return _Bytes(x, rw.const(centered) if centered.any() else None)
    wide = rw.build("cast", zero, to=DType.I32)
    return _Bytes(x, rw.build("add", wide, rw.const(np.int32(moved))) if moved else wide)


def _is_split(rw: Rewriter, op: Any) -> bool:
    a, b, a_zero, b_zero = rw.operands(op)
    return a_zero is None and b_zero is None and rw.dtype(a) is DType.U8 and rw.dtype(b) is DType.I8


def _wide(rw: Rewriter, x: Any) -> Any:
    return rw.build("cast", x, to=DType.I32)


@pattern("integer_matmul")
def split_matmul(rw: Rewriter, op: Any) -> bool:
    """`integer_matmul(a, b, az, bz) --> integer_matmul(a, b) - az · Σ b - bz · Σ (a - az)`"""
    if _is_split(rw, op) or min(rw.rank(v) for v in op.operands[:2]) < 2:
        return False
    a, b, a_zero, b_zero = rw.operands(op)
    left, right = _bytes(rw, a, a_zero, DType.U8), _bytes(rw, b, b_zero, DType.I8)
    y = rw.build("integer_matmul", left.x, right.x)
    if left.zero is not None:
        columns = rw.build("reduce_sum", _wide(rw, right.x), axes=(rw.rank(b) - 2,), keepdims=True)
        if rw.rank(b) == 2:
            columns = rw.build("reshape", columns, rw.const(np.asarray([-1], np.int64)), allowzero=False)
        y = rw.build("add", y, rw.build("neg", rw.build("mul", columns, left.zero)))
    if right.zero is not None:
        wide = _wide(rw, left.x)
        wide = wide if left.zero is None else rw.build("sub", wide, left.zero)
        rows = rw.build("reduce_sum", wide, axes=(rw.rank(a) - 1,), keepdims=True)
        y = rw.build("sub", y, rw.build("mul", rows, right.zero))
    return rw.replace(op, y)


@pattern("integer_conv")
def split_conv(rw: Rewriter, op: Any) -> bool:
    """`integer_conv(x, w, xz, wz) --> integer_conv(x, w) - xz · Σ w - wz · Σ (x - xz)`"""
    if _is_split(rw, op):
        return False
    x, w, x_zero, w_zero = rw.operands(op)
    attrs = rw.attrs(op)
    shape = rw.shape(w)
    if not all(isinstance(d, int) for d in shape):
        return False
    left, right = _bytes(rw, x, x_zero, DType.U8), _bytes(rw, w, w_zero, DType.I8)
    attrs["pad_value"] += 128 if rw.dtype(x) is DType.I8 else 0
    per_channel = (shape[0], *[1] * (len(shape) - 2))
    y = rw.build("integer_conv", left.x, right.x, **attrs)
    if left.zero is not None:
        filters = rw.build("reduce_sum", _wide(rw, right.x), axes=tuple(range(1, len(shape))), keepdims=False)
        filters = rw.build("neg", rw.build("mul", filters, left.zero))
        y = rw.build("add", y, _reshaped(rw, filters, per_channel))
    if right.zero is not None:
        group = attrs["group"]
        if group not in (1, shape[0]):
            return False
        ones = rw.const(np.ones((group, *shape[1:]), np.int8), hint="ones")
        sums = rw.build("integer_conv", left.x, ones, **attrs)
        if left.zero is not None:
            count = rw.const(np.int32(int(np.prod(shape[1:]))))
            sums = rw.build("sub", sums, rw.build("mul", left.zero, count))
        zero = right.zero
        if rw.rank(zero):
            zero = _reshaped(rw, zero, per_channel if rw.shape(zero)[0] == shape[0] else (1,))
        y = rw.build("sub", y, rw.build("mul", sums, zero))
    return rw.replace(op, y)


def _reshaped(rw: Rewriter, value: Any, shape: tuple[int, ...]) -> Any:
    return rw.build("reshape", value, rw.const(np.asarray(shape, np.int64)), allowzero=False)


PATTERNS = (split_matmul, split_conv)
