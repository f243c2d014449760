"""Reads narrow tensors where they are used, instead of a wide copy of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from aicc.bindings import ir
from aicc.passes.base import Pass, PassContext
from aicc.passes.kernels.ir_tools import body_of, inputs, is_parallel, main_of, maps, n_inputs, nested_ops

_MOST_OPS = 6


@dataclass(frozen=True)
class InlineWidening(Pass):
    """An elementwise op that makes wide elements of narrow ones goes into the elementwise ops that read it.

    before --> after
      %f = linalg.generic ins(%q) {extui, subi, sitofp, mulf}   --> %y = linalg.generic ins(%c, %q) {
      %y = linalg.generic ins(%c, %f) {addf}                           extui, subi, sitofp, mulf, addf }

    A residual that is quantized is then stored, and read, in bytes. Only where all readers are elementwise: rows that
    are reduced as well take the op itself.
    """

    pass_name: ClassVar[str] = "inline-widening"

    def run(self, module: Any, ctx: PassContext) -> None:
        for op in [o for o in nested_ops(main_of(module).operation) if is_widening(o)]:
            uses = [(use.owner.operation, use.operand_number) for use in op.results[0].uses]
            if uses and all(_takes(user, number) for user, number in uses):
                for user, number in uses:
                    _inline(op, user, number)
                op.erase()


def is_widening(op: Any) -> bool:
    """A cheap elementwise op of one input, read in order, whose elements have fewer bits than the result's."""
    if not is_parallel(op) or n_inputs(op) != 1 or len(op.results) != 1:
        return False
    if any(m != ir.AffineMap.get_identity(m.n_dims) for m in maps(op)):
        return False
    source, result = (str(v.type.element_type) for v in (op.operands[0], op.results[0]))
    ops = [o.operation.name for o in body_of(op).operations]
    return (
        source in ("i8", "i16")
        and result in ("i32", "f32")
        and len(ops) <= _MOST_OPS
        and all(name.startswith("arith.") or name == "linalg.yield" for name in ops)
        and not list(body_of(op).arguments[1].uses)
    )


def _takes(user: Any, number: int) -> bool:
    """Whether an op reads elements of that operand where it computes: an input of an elementwise generic."""
    if not is_parallel(user) or number >= n_inputs(user):
        return False
    return (
        not any(o.operation.name == "tensor.extract" for o in body_of(user).operations)
        and len(inputs(user)) > 0
    )


def _inline(op: Any, user: Any, number: int) -> None:
    """The body of `op` before that of `user`, on operand `number`, which becomes the input of `op`."""
    source, block = op.operands[0], body_of(user)
    user.operands[number] = source
    argument = block.arguments[number]
    readers = [(use.owner.operation, use.operand_number) for use in argument.uses]
    argument.set_type(source.type.element_type)
    values = {body_of(op).arguments[0]: argument}
    first = block.operations[0]
    for inner in body_of(op).operations:
        inner = inner.operation
        if inner.name == "linalg.yield":
            result = values[inner.operands[0]]
            for reader, place in readers:
                reader.operands[place] = result
            return
        copy = inner.clone(ip=ir.InsertionPoint(first))
        for place, operand in enumerate(inner.operands):
            if operand in values:
                copy.operation.operands[place] = values[operand]
        values.update(zip(inner.results, copy.operation.results, strict=True))
