"""Arithmetic on sizes as early as it can be: who computes a piece of a bigger tensor knows then where it belongs."""

from __future__ import annotations

from typing import Any

from aicc.bindings import ir


def hoist_scalars(main: Any) -> None:
    """Moves arithmetic on the sizes of inputs to the start of the program.

    before --> after
      %y = call @k0(%x)                             %c = arith.addi %a, %b
      %c = arith.addi %a, %b                   -->  %y = call @k0(%x)
      %z = tensor.insert_slice %y into %e[%c]       %z = tensor.insert_slice %y into %e[%c]
    """
    block = main.regions[0].blocks[0]
    first: Any = None
    early: set[Any] = set()
    for op in [o.operation for o in block.operations]:
        if not _is_scalar(op) or not all(isinstance(v.owner, ir.Block) or v in early for v in op.operands):
            first = first or op
            continue
        early.update(op.results)
        if first is not None:
            op.move_before(first)


def _is_scalar(op: Any) -> bool:
    """A constant or arithmetic on numbers, or a size of an input (as the caller checks)."""
    if op.name == "tensor.dim":
        return True
    return bool(op.name.startswith("arith.")) and not any(
        isinstance(v.type, ir.RankedTensorType) for v in op.results
    )
