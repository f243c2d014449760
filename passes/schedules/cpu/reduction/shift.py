"""Recognizes softmax: exponentials of `x - max(x)`, and sums of them.

Such an exponential is at most 1, so it needs no care for large arguments and may flush results below the
smallest normal number. Where every output depends on a sum of them, a NaN among the x makes that sum NaN
anyway, and the maximum may ignore it: one instruction instead of three.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from aicc.bindings import ir
from aicc.passes.schedules.cpu.nest import Generic
from aicc.passes.schedules.cpu.pointwise.tree import Body, Given, Load, Node, Picked
from aicc.passes.schedules.cpu.reduction.tree import Reductions, Step, children


@dataclass(eq=False)
class Shifted:
    """`maxima`: stages whose maximum may ignore NaN; `exponentials`: ops (by stage) of arguments up to 0."""

    maxima: set[Generic] = field(default_factory=set)
    exponentials: set[tuple[Generic, Any]] = field(default_factory=set)


def find_shifted(tree: Reductions) -> Shifted:
    """Looks at all maxima of one operand."""
    found = Shifted()
    bodies = _all_bodies(tree)
    for step in tree.steps:
        operand = _maximum_of(step)
        if operand is None:
            continue
        exponentials = {(body.stage, op) for body in bodies for op in _shifted_by(body, step.stage, operand)}
        found.exponentials |= exponentials
        sums = {s.stage for s in tree.steps if s.combiners == ("arith.addf",) and _adds(s, exponentials)}
        if sums and all(_reads(output.node, sums) for output in tree.outputs):
            found.maxima.add(step.stage)
    return found


def _maximum_of(step: Step) -> Node | None:
    """x of `acc = max(acc, x)`."""
    if step.combiners != ("arith.maximumf",):
        return None
    return _argument(step.body, _taken_in(step))


def _taken_in(step: Step) -> Any:
    """The operand that the op which joins gets besides the accumulator."""
    block = step.stage.block
    accumulator = block.arguments[step.stage.inputs]
    op = list(block.operations)[-1].operation.operands[0].owner.operation
    left, right = op.operands
    return right if left == accumulator else left


def _argument(body: Body, value: Any) -> Node | None:
    """The node of a block argument, conversions to a wider float skipped."""
    while not isinstance(value.owner, ir.Block):
        if value.owner.operation.name != "arith.extf":
            return None
        value = value.owner.operation.operands[0]
    if value.owner != body.stage.block:
        return None
    return body.args[value.arg_number]


def _shifted_by(body: Body, maximum: Generic, operand: Node) -> list[Any]:
    """The ops `exp(operand - maximum)` in a stage."""
    found = []
    for op in body.stage.block.operations:
        if op.operation.name != "math.exp":
            continue
        owner = op.operation.operands[0].owner
        if isinstance(owner, ir.Block) or owner.operation.name != "arith.subf":
            continue
        left, right = (_argument(body, x) for x in owner.operation.operands)
        if isinstance(right, Given) and right.stage is maximum and left is not None and _same(left, operand):
            found.append(op.operation)
    return found


def _same(left: Node, right: Node) -> bool:
    if isinstance(left, Load) and isinstance(right, Load):
        return left.access == right.access
    if isinstance(left, Picked) and isinstance(right, Picked):
        return left.body is right.body and left.number == right.number
    return left is right


def _adds(step: Step, exponentials: set[tuple[Generic, Any]]) -> bool:
    """Whether the step sums one of the exponentials."""
    value, body = _taken_in(step), step.body
    while True:
        owner = value.owner
        if not isinstance(owner, ir.Block):
            return (body.stage, owner.operation) in exponentials
        node = _argument(body, value)
        if not isinstance(node, Picked):
            return False
        body = node.body
        value = list(body.stage.block.operations)[-1].operation.operands[node.number]


def _reads(node: Node, stages: set[Generic]) -> bool:
    if isinstance(node, Given):
        return node.stage in stages
    return any(_reads(child, stages) for child in children(node))


def _all_bodies(tree: Reductions) -> list[Body]:
    found: dict[Body, None] = {}

    def visit(body: Body) -> None:
        if body not in found:
            found[body] = None
            for arg in body.args:
                if arg is not None:
                    walk(arg)

    def walk(node: Node) -> None:
        if isinstance(node, Picked):
            visit(node.body)
        for child in children(node):
            walk(child)

    for step in tree.steps:
        visit(step.body)
    for output in tree.outputs:
        walk(output.node)
    return list(found)
