"""What graph passes ask of the IR: types, constants, producers, uses."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from aicc.bindings import ir
from aicc.dialects.op import declaration, operand_values
from aicc.dialects.shapes import Shapes
from aicc.dialects.types import DType, TensorType
from aicc.errors import CompileError

Array = np.ndarray[Any, Any]


def main_function(module: Any) -> Any:
    """The public function of the module."""
    for op in module.body.operations:
        if op.operation.name == "func.func" and ir.StringAttr(op.attributes["sym_name"]).value == "main":
            return op
    raise CompileError("AICC-2001", "the module has no function @main.", stage="graph")


def block_ops(block: Any) -> Iterator[Any]:
    """The ops of a block in program order, each before the ops of its regions."""
    for view in list(block.operations):
        op = view.operation
        yield op
        for region in op.regions:
            for inner in region.blocks:
                yield from block_ops(inner)


def module_ops(module: Any) -> list[Any]:
    """All ops of `main`, nested ones included."""
    body = main_function(module).regions[0].blocks[0]
    return list(block_ops(body))


def key(op: Any) -> Any:
    """What an op is known by in sets and dicts: its first result (the hash of an op follows its contents)."""
    return op.results[0]


def kind(op: Any) -> str:
    """The op's name in `OPS`; that of an op of another dialect stays whole."""
    name = op.name
    if name.startswith("aicc."):
        return str(name[5:])
    declared = declaration(op)
    return name if declared is None else declared.name


class Facts:
    """Answers about values and ops of `main`; shapes are inferred once per value."""

    def __init__(self, module: Any) -> None:
        self.module = module
        self.main = main_function(module)
        self.shapes = Shapes()

    def info(self, value: Any) -> TensorType:
        """Symbolic shape, dtype and, where known, the value."""
        return self.shapes.info(value)

    def shape(self, value: Any) -> tuple[Any, ...]:
        return self.shapes.info(value).shape

    def rank(self, value: Any) -> int:
        return len(self.shapes.info(value).shape)

    def dtype(self, value: Any) -> DType:
        return self.shapes.info(value).dtype

    def constant(self, value: Any) -> Array | None:
        """The elements of a small constant or of shape arithmetic that is fully known, else None."""
        return None if value is None else self.shapes.value(value)

    def ints(self, value: Any) -> tuple[int, ...] | None:
        """A known integer tensor as a tuple."""
        known = self.constant(value)
        return None if known is None else tuple(int(x) for x in known.reshape(-1))

    def scalar(self, value: Any) -> float | None:
        """The one number a constant consists of (of any shape), else None."""
        known = self.constant(value)
        if known is None or known.size == 0 or known.dtype == object:
            return None
        first = known.reshape(-1)[0]
        return float(first) if known.size == 1 or bool((known == first).all()) else None

    def operands(self, op: Any) -> list[Any]:
        """The operands, None for absent ones, padded to the declared number."""
        found = operand_values(op)
        declared = declaration(op)
        fixed = 0 if declared is None else sum(not o.variadic for o in declared.operands)
        return found + [None] * (fixed - len(found))

    def attrs(self, op: Any) -> dict[str, Any]:
        """The attributes as Python values, defaults filled in."""
        declared = declaration(op)
        assert declared is not None, op.name
        return declared.decode_attributes(op)

    def producer(self, value: Any, *names: str) -> Any | None:
        """The op that makes `value`, when it is one of `names` (any aicc op if none are given)."""
        if value is None:
            return None
        owner = value.owner
        if isinstance(owner, ir.Block):
            return None
        op = owner.operation
        if names:
            return op if kind(op) in names else None
        return op if declaration(op) is not None else None

    def inner(self, value: Any, *names: str) -> Any | None:
        """`producer`, when `value` has no other use than the one that asks."""
        op = self.producer(value, *names)
        return op if op is not None and self.has_one_use(value) else None

    def users(self, value: Any) -> list[Any]:
        """The using ops, one entry per use."""
        return [use.owner.operation for use in value.uses]

    def has_one_use(self, value: Any) -> bool:
        uses = iter(value.uses)
        return next(uses, None) is not None and next(uses, None) is None

    def is_weight(self, value: Any) -> bool:
        """Whether a value is a constant or comes from the weight store."""
        return self.producer(value, "constant", "weight") is not None

    def is_constant(self, value: Any) -> bool:
        """Whether a value is a weight or will fold to one: ops on weights alone, not too deep."""

        def read(v: Any, depth: int) -> bool:
            if self.is_weight(v) or str(v.type) == "none":
                return True
            op = self.producer(v)
            if op is None or depth == 0:
                return False
            declared = declaration(op)
            return (
                declared is not None
                and declared.fold is not None
                and all(read(o, depth - 1) for o in op.operands)
            )

        return read(value, 8)
