"""What is left of run-time sizes that are known by now: choices that are made, and generics over nothing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from aicc.bindings import ir
from aicc.passes.base import Pass, PassContext
from aicc.passes.kernels.ir_tools import defining_op, is_generic, main_of, maps, n_inputs, nested_ops
from aicc.passes.linalg.broadcasts import EITHER


@dataclass(frozen=True)
class FoldSettled(Pass):
    """One of two tensors is taken where the choice is made; what computes no element is what it starts from.

    before --> after
      %y = call @aicc_either_f32(%a, %b, %n, %true)             --> %a
      %y = linalg.generic ins(%x) outs(%e : tensor<1x0x32xf32>)   --> %e
    """

    pass_name: ClassVar[str] = "fold-settled"

    def run(self, module: Any, ctx: PassContext) -> None:
        for op in list(nested_ops(main_of(module).operation)):
            taken = _taken(op)
            if taken is not None:
                for result, value in zip(op.results, taken, strict=True):
                    result.replace_all_uses_with(value)
                op.erase()


def _taken(op: Any) -> list[Any] | None:
    """What an operation's results are without it."""
    if op.name == "func.call" and ir.FlatSymbolRefAttr(op.attributes["callee"]).value.startswith(EITHER):
        condition = defining_op(op.operands[3])
        if condition is not None and condition.name == "arith.constant":
            return [op.operands[0 if ir.IntegerAttr(condition.attributes["value"]).value else 1]]
    if is_generic(op) and op.results and _is_empty(op):
        return list(op.operands)[n_inputs(op) :]
    return None


def _is_empty(op: Any) -> bool:
    """Whether a dim of a generic's iterations is 0."""
    return any(
        isinstance(e, ir.AffineDimExpr) and size == 0
        for m, value in zip(maps(op), op.operands, strict=True)
        if isinstance(value.type, ir.RankedTensorType)
        for e, size in zip(m.results, value.type.shape, strict=True)
    )
