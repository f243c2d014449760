"""Builds `gpu.launch` ops."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from aicc.bindings import arith, ir

MAX_BLOCKS = 1 << 30
"""Blocks of a grid along x: the hardware takes twice as many."""


@dataclass(frozen=True)
class Launch:
    """A `gpu.launch` under construction: its op, its body, and what a thread knows of its place (index values)."""

    op: Any
    body: Any
    block_ids: tuple[Any, Any, Any]
    thread_ids: tuple[Any, Any, Any]
    grid_sizes: tuple[Any, Any, Any]
    block_sizes: tuple[Any, Any, Any]

    @property
    def end(self) -> Any:
        """Insertion point at the end of the body, before its terminator."""
        return ir.InsertionPoint.at_block_terminator(self.body)


def constant(number: int) -> Any:
    """An `index` constant at the insertion point."""
    return arith.ConstantOp(ir.IndexType.get(), number).result


def launch(grid: Sequence[Any], block: Sequence[Any]) -> Launch:
    """A `gpu.launch` with an empty body at the insertion point; sizes are ints or index values, x first."""
    sizes = [constant(s) if isinstance(s, int) else s for s in (*grid, *block)]
    op = ir.Operation.create(
        "gpu.launch",
        operands=sizes,
        attributes={"operandSegmentSizes": ir.DenseI32ArrayAttr.get([0, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0])},
        regions=1,
    )
    index = ir.IndexType.get()
    body = op.regions[0].blocks.append(*[index] * 12, arg_locs=[ir.Location.unknown()] * 12)
    with ir.InsertionPoint(body):
        ir.Operation.create("gpu.terminator")
    a = list(body.arguments)
    return Launch(op, body, (a[0], a[1], a[2]), (a[3], a[4], a[5]), (a[6], a[7], a[8]), (a[9], a[10], a[11]))
