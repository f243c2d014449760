"""Tensors that nothing has been written to yet."""

from __future__ import annotations

from typing import Any

from aicc.bindings import ir
from aicc.passes.kernels.ir_tools import nested_ops


def separate_empties(main: Any) -> None:
    """Gives every use of a `tensor.empty` one of its own.

    Two loops that start from one (cse made it so) fill different tensors; in one buffer the second would
    overwrite the first's.
    """
    for op in [o for o in nested_ops(main.operation) if o.name == "tensor.empty"]:
        for use in list(op.results[0].uses)[1:]:
            use.owner.operands[use.operand_number] = op.clone(ir.InsertionPoint(op)).results[0]
