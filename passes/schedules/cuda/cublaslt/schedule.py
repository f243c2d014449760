"""Products of matrices by cuBLASLt."""

from __future__ import annotations

from typing import Any

from aicc.passes.schedules.cuda.cublaslt.epilogue import absorb
from aicc.passes.schedules.cuda.cublaslt.matrices import matrices_of
from aicc.passes.schedules.cuda.vendor import LibrarySchedule, Work
from aicc.passes.schedules.cuda.vendor.costs import product_seconds
from aicc.passes.schedules.cuda.vendor.split import root_of, split
from aicc.target import Target


def workspace_bytes(target: Target) -> int:
    """What the library's documentation recommends: 32 MiB for Hopper and later, 4 MiB before."""
    return (32 if target.compute_capability >= 90 else 4) << 20


class CublasLt(LibrarySchedule):
    """See the package."""

    name = "cublaslt"

    def read(self, kernel: Any, target: Target) -> Work:
        """Raises NoMatch."""
        epilogue = absorb(root_of(kernel))
        parts = split(kernel, epilogue.value)
        matrices = matrices_of(parts.first, epilogue, target)
        product, arrangement = matrices.product, matrices.arrangement
        rows, columns, sums, batches = (
            matrices.guess(name) for name in ("rows", "columns", "sums", "batches")
        )
        kind = "tf32" if product.tf32 else product.element
        return Work(
            parts,
            product,
            arrangement.tree.nest,
            matrices.accesses,
            arrangement.layout.extents,
            matrices.numbers,
            matrices.accesses[2].buffer,
            product_seconds(kind, rows, columns, sums, batches, target),
            workspace_bytes(target),
        )


SCHEDULE = CublasLt()
