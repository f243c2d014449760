"""Caches of keys and values of earlier tokens."""

from __future__ import annotations

import numpy as np

from aicc.dialects.numerics import Array
from aicc.dialects.op import Op, Operand, TypeRuleError
from aicc.dialects.sizes import sizes
from aicc.dialects.symbolic import Dim
from aicc.dialects.types import ANY, DType, TensorType

I64 = frozenset({DType.I64})


class CacheWrite(Op, name="cache_write"):
    """A cache of `size` entries: `y[b, n, t] = new[b, n, t - starts[b]]` where there is such an entry of `new`
    `[B, N, L, D]`, else `past[b, n, t]`.

    `past` is `[B, N, P, D]`, `starts` `[B]` and `size` `[1]`. Entries that are in neither say nothing.
    """

    operands = (
        Operand("past", ANY),
        Operand("new", ANY, like="past"),
        Operand("starts", I64),
        Operand("size", I64),
    )

    @staticmethod
    def infer(past: TensorType, new: TensorType, starts: TensorType, size: TensorType) -> TensorType:
        if past.rank != 4 or new.rank != 4 or starts.rank != 1:
            raise TypeRuleError(f"a cache {past}, new entries {new} and starts {starts} do not fit")
        pairs = [*((past.shape[d], new.shape[d]) for d in (0, 1, 3)), (past.shape[0], starts.shape[0])]
        if any(isinstance(a, int) and isinstance(b, int) and a != b for a, b in pairs):
            raise TypeRuleError(f"a cache {past}, new entries {new} and starts {starts} do not fit")
        batch, heads, width = (
            a if not isinstance(a, Dim) else b for a, b in ((past.shape[d], new.shape[d]) for d in (0, 1, 3))
        )
        return past.with_shape(batch, heads, *sizes(size, "size"), width)

    @staticmethod
    def fold(past: Array, new: Array, starts: Array, size: Array) -> Array:
        y = np.zeros((*past.shape[:2], int(size.item()), past.shape[3]), past.dtype)
        kept = min(past.shape[2], y.shape[2])
        y[:, :, :kept] = past[:, :, :kept]
        for row, entries, start in zip(y, new, starts, strict=True):
            count = max(min(entries.shape[1], y.shape[2] - int(start)), 0)
            row[:, int(start) : int(start) + count] = entries[:, :count]
        return y
