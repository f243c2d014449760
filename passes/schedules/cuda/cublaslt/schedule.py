"""Matching, costs, lowering."""

from __future__ import annotations

from math import ceil
from typing import Any

from aicc.passes.schedules.cpu.access import touched_bytes
from aicc.passes.schedules.cuda.costs import LAUNCH, rates
from aicc.passes.schedules.cuda.cublaslt.assemble import OWN, REST, choices, lowered, put_together
from aicc.passes.schedules.cuda.cublaslt.host import emit_call
from aicc.passes.schedules.cuda.cublaslt.matrices import Matrices, matrices_of
from aicc.passes.schedules.cuda.cublaslt.split import Split, split
from aicc.passes.schedules.schedule import Config, NoMatch, Schedule
from aicc.target import Target

_RATES = {"f16": 1.0, "bf16": 1.0, "i8": 2.0, "tf32": 0.5}
_TILES = ((128, 256, 0.75), (256, 128, 0.75), (128, 128, 0.65), (64, 128, 0.5), (128, 64, 0.5), (64, 64, 0.4))
"""Rows and columns of a multiprocessor's tile, and the share of the peak it reaches."""
_PLAIN_SHARE = 0.8
"""Of the peak of the CUDA cores, in f32."""


class CublasLt(Schedule):
    """See the package."""

    name = "cublaslt"

    def check(self, kernel: Any, target: Target) -> None:
        """Raises NoMatch."""
        _read(kernel, target)

    def cost(self, kernel: Any, target: Target, config: Config) -> float:
        """Multiply-adds of whole tiles on all multiprocessors, or the bytes; then what other stages take."""
        parts, matrices = _read(kernel, target)
        touched = touched_bytes(matrices.accesses, matrices.arrangement.layout.extents)
        moved = touched / rates(target).bandwidth
        rest = 0.0 if parts.rest is None else choices(parts.rest, target)[0][0]
        return max(_seconds(matrices, target), moved) + LAUNCH + rest

    def lower(self, module: Any, func: Any, target: Target, config: Config) -> None:
        """Raises NoMatch."""
        parts, matrices = _read(func, target)
        text = emit_call(func, parts, matrices, target)
        others = {OWN: lowered(func, target)}
        if parts.rest is not None:
            others[REST] = lowered(parts.rest, target)
        put_together(func, text, others)


def _read(kernel: Any, target: Target) -> tuple[Split, Matrices]:
    parts = split(kernel)
    if parts.rest is None and "aicc.alias" in kernel.attributes:
        raise NoMatch("an output in the memory of an input")
    return parts, matrices_of(parts.product, parts.epilogue, target)


def _seconds(matrices: Matrices, target: Target) -> float:
    """Of the products."""
    product = matrices.product
    kind = "tf32" if product.tf32 else product.element
    if kind == "f32":
        return (
            2.0 * matrices.guess("rows", "columns", "sums", "batches") / (rates(target).flops * _PLAIN_SHARE)
        )
    peak = rates(target).tensor_flops * _RATES[kind]
    rows, columns, sums, batches = (matrices.guess(name) for name in ("rows", "columns", "sums", "batches"))
    times = []
    for down, across, share in _TILES:
        waves = ceil(ceil(rows / down) * ceil(columns / across) * batches / target.cores)
        times.append(waves * 2.0 * down * across * sums * target.cores / (peak * share))
    return min(times)


SCHEDULE = CublasLt()
