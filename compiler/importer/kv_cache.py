"""Keys and values of earlier tokens: what has been there joined with what is new, and who may see which of them."""

from __future__ import annotations

from typing import Any

import numpy as np

from aicc.dialects.types import DType
from aicc.importer.compose import Compose
from aicc.importer.node import Node


def appended(n: Node, past: Any | None, new: Any) -> Any:
    """Along axis 2: `[B, N, P, D]` and `[B, N, L, D]` to `[B, N, P + L, D]`."""
    return new if past is None else Compose(n).concat([past, new], 2)


def written(n: Node, past: Any, new: Any, starts: Any, total: Any) -> Any:
    """The cache after `new` `[B, N, L, D]` was written to it from `starts[b]` on: `[B, N, max(P, total), D]`.

    A cache that holds exactly what has been there grows by the new entries; a buffer for more keeps its size.
    `starts` is `[B]` and `total` a scalar, both i64.
    """
    c, length = Compose(n), n.info(past).shape[2]
    wanted = n.importer.constant_of(total)
    if isinstance(length, int) and wanted is not None:
        size: Any = n.ints([max(length, int(wanted))])
    else:
        size = c("max", c("shape", past, start=2, end=3), c.reshape(total, 1))
    y = c("cache_write", past, new, starts, size)
    grown = length + n.info(new).shape[2]
    if n.info(past).shape[0] == 1 and n.info(y).shape[2] == grown:
        return appended(
            n, past, new
        )  # one sample whose cache holds what has been there: new entries follow it
    return y


def positions(n: Node, value: Any, axis: int) -> Any:
    """`[0, 1 …]`, i64, as many as `value` has entries along `axis`."""
    c, size = Compose(n), n.info(value).shape[axis]
    if isinstance(size, int):
        return c.constant(np.arange(size))
    count = c.reshape(c("shape", value, start=axis, end=axis + 1))
    return c("range", n.const(0, DType.I64), count, n.const(1, DType.I64))


def additive(n: Node, allowed: Any, dtype: DType, excluded: float) -> Any:
    """0 where `allowed` (bool), `excluded` elsewhere, as far as `dtype` holds it."""
    lowest = {DType.F16: -65504.0}.get(dtype, float(np.finfo(np.float32).min))
    return Compose(n)("where", allowed, n.const(0.0, dtype), n.const(max(excluded, lowest), dtype))


def padding_mask(n: Node, mask: Any, q: Any, k: Any, excluded: float) -> Any:
    """A mask of ONNX Runtime's transformers, to be added to scores `[B, N, S, T]`.

    `mask` is integers: `[B, T]` or `[B, S, T]`, positive for keys that count; or `[B]`, how many count; or
    `[2B]`, the ends of those that count and then the starts; or `[3B + 2]`, how many count and offsets that
    nobody needs. `q` is `[B, N, S, H]`, `k` `[B, N, T, H]`.
    """
    c, t, dtype = Compose(n), n.info(mask), n.info(q).dtype
    if t.rank in (2, 3):
        allowed = c("less", n.const(0, t.dtype), mask)
        return additive(n, c.unsqueeze(allowed, *((1, 2) if t.rank == 2 else (1,))), dtype, excluded)
    if t.rank != 1:
        raise n.error("AICC-1005", f"a mask of rank {t.rank} is not supported.")
    batch = c("shape", q, start=0, end=1)
    at = c.reshape(positions(n, k, 2), 1, -1)
    mask = c.cast(mask, DType.I64)
    starts = None
    if t.shape[0] == n.info(q).shape[0]:
        ends = mask
    else:
        twice = c("add", batch, batch)
        ends = c("slice", mask, n.ints([0]), batch, None, axes=[0])
        starts = c("slice", mask, batch, twice, None, axes=[0])
        with_starts = c("equal", c("shape", mask, start=0, end=1), twice)
        starts = c("where", with_starts, starts, n.const(0, DType.I64))
    allowed = c("less", at, c.reshape(ends, -1, 1))
    if starts is not None:
        allowed = c("and", allowed, c("less_equal", c.reshape(starts, -1, 1), at))
    return additive(n, c.unsqueeze(allowed, 1, 2), dtype, excluded)
