"""Predicted seconds of what a library computes on tensor cores, or on CUDA cores."""

from __future__ import annotations

from math import ceil

from aicc.passes.schedules.cuda.costs import rates
from aicc.target import Target

_RATES = {"f16": 1.0, "bf16": 1.0, "i8": 2.0, "tf32": 0.5}
_TILES = ((128, 256, 0.75), (256, 128, 0.75), (128, 128, 0.65), (64, 128, 0.5), (128, 64, 0.5), (64, 64, 0.4))
"""Rows and columns of a multiprocessor's tile, and the share of the peak it reaches."""
_PLAIN_SHARE = 0.8
"""Of the peak of the CUDA cores, in f32."""

FIRST_CAPABILITY = {"f32": 50, "f16": 70, "bf16": 80, "i8": 75}
"""By type of the operands: where products of it are fast."""


def plain_seconds(rows: int, columns: int, sums: int, batches: int, target: Target) -> float:
    """On CUDA cores."""
    return 2.0 * rows * columns * sums * batches / (rates(target).flops * _PLAIN_SHARE)


def product_seconds(kind: str, rows: int, columns: int, sums: int, batches: int, target: Target) -> float:
    """Of products of matrices whose operands are of `kind`: f32, tf32, f16, bf16 or i8."""
    if kind == "f32":
        return plain_seconds(rows, columns, sums, batches, target)
    peak = rates(target).tensor_flops * _RATES[kind]
    times = []
    for down, across, share in _TILES:
        waves = ceil(ceil(rows / down) * ceil(columns / across) * batches / target.cores)
        times.append(waves * 2.0 * down * across * sums * target.cores / (peak * share))
    return min(times)
