"""Clones the body of a `linalg.generic` on vectors: every scalar type `t` becomes `vector<lanes x t>`.

before: `^bb0(%x: f32, %b: f32): %s = arith.addf %x, %b : f32  linalg.yield %s : f32`
after:  `%v3 = "arith.addf"(%v1, %v2) {…} : (vector<8xf32>, vector<8xf32>) -> vector<8xf32>`
"""

from __future__ import annotations

import math
import struct
from collections.abc import Callable, Sequence
from typing import Any

from aicc.bindings import ir
from aicc.passes.schedules.cpu.emit import Emitter, Index, vector
from aicc.passes.schedules.schedule import NoMatch

# Products feeding sums may be fused: one rounding less, one instruction instead of two.
_CONTRACT = {"arith.mulf", "arith.addf", "arith.subf"}

# (indices as scalars per lane or one index) -> value
Extract = Callable[[Any, list[str]], str]


class Inliner:
    """Inlines bodies for one vector length.

    `position(d)` is the index of dimension d; `vector_dim` the dimension whose lanes count up (None: all
    lanes are at the same point); `captured(value)` the SSA name, in the new function, of a scalar value
    from outside; `extract` reads a tensor at computed indices (vectors of `index`).
    """

    def __init__(
        self,
        emitter: Emitter,
        lanes: int,
        position: Callable[[int], Index],
        vector_dim: int | None,
        captured: Callable[[Any], str],
        extract: Extract | None = None,
    ) -> None:
        self._e = emitter
        self._lanes = lanes
        self._position = position
        self._vector_dim = vector_dim
        self._captured = captured
        self._extract = extract

    def inline(self, block: Any, args: Sequence[str | None]) -> list[str]:
        """The values that the body yields for `args`; an argument that is never read may be None.

        Raises NoMatch on ops that have no vector form.
        """
        values: dict[Any, str | None] = dict(zip(block.arguments, args, strict=True))
        for op in block.operations:
            op = op.operation
            if op.name == "linalg.yield":
                return [self._value(operand, values) for operand in op.operands]
            for result, name in zip(op.results, self._op(op, values), strict=True):
                values[result] = name
        raise NoMatch("a body that yields nothing")

    def _type(self, kind: Any) -> str:
        return vector(str(kind), self._lanes)

    def _value(self, value: Any, values: dict[Any, str | None]) -> str:
        if value in values:
            name = values[value]
            if name is None:
                raise NoMatch("an output that is read before it is written")
            return name
        name = self._outside(value)
        values[value] = name
        return name

    def _outside(self, value: Any) -> str:
        owner = value.owner
        if not isinstance(owner, ir.Block) and owner.operation.name == "arith.constant":
            return self.constant(owner.operation.attributes["value"], str(value.type))
        if isinstance(value.type, ir.RankedTensorType):
            raise NoMatch("a tensor read whole inside a body")
        return self._e.broadcast(self._captured(value), str(value.type), self._lanes)

    def constant(self, attribute: Any, element: str) -> str:
        """A scalar constant attribute in every lane."""
        return self._e.splat(literal(attribute), element, self._lanes)

    def _op(self, op: Any, values: dict[Any, str | None]) -> list[str]:
        if op.name == "arith.constant":
            return [self.constant(op.attributes["value"], str(op.results[0].type))]
        if op.name == "linalg.index":
            return [self._index(ir.IntegerAttr(op.attributes["dim"]).value)]
        if op.name == "tensor.extract":
            if self._extract is None:
                raise NoMatch("tensor.extract in a body")
            return [self._extract(op.operands[0], [self._value(x, values) for x in list(op.operands)[1:]])]
        if op.regions or not op.name.startswith(("arith.", "math.")):
            raise NoMatch(f"{op.name} in a body")
        args = [self._value(operand, values) for operand in op.operands]
        if op.name in ("arith.maximumf", "arith.minimumf"):
            return [self._extremum(op, args)]
        return [self._clone(op, args)]

    def _index(self, dim: int) -> str:
        start = self._e.index(self._position(dim))
        value = self._e.broadcast(start, "index", self._lanes)
        if dim != self._vector_dim or self._lanes == 1:
            return value
        kind = vector("index", self._lanes)
        return self._e.op(f"arith.addi {value}, {self._e.op(f'vector.step : {kind}')} : {kind}")

    def _clone(self, op: Any, args: list[str]) -> str:
        attributes = []
        for entry in op.attributes:
            name = entry.name if hasattr(entry, "name") else entry
            if name == "fastmath" and op.name in _CONTRACT:
                continue
            attributes.append(f"{name} = {op.attributes[name]}")
        if op.name in _CONTRACT:
            attributes.append("fastmath = #arith.fastmath<contract>")
        types = ", ".join(self._type(operand.type) for operand in op.operands)
        return self._e.op(
            f'"{op.name}"({", ".join(args)}) {{{", ".join(attributes)}}} : '
            f"({types}) -> {self._type(op.results[0].type)}"
        )

    def _extremum(self, op: Any, args: list[str]) -> str:
        """Maximum or minimum that propagates NaN, one instruction when an operand is a constant.

        `select(a > b, a, b)` is b when either is NaN: with the constant as `a` that is all there is to do.
        """
        e, kind = self._e, self._type(op.results[0].type)
        bits = vector("i1", self._lanes)
        predicate = "ogt" if op.name == "arith.maximumf" else "olt"
        left, right = args
        first, second = (_constant(operand) for operand in op.operands)
        if second is not None and not math.isnan(second):
            left, right = right, left
            first = second
        greater = e.op(f"arith.cmpf {predicate}, {left}, {right} : {kind}")
        result = e.op(f"arith.select {greater}, {left}, {right} : {bits}, {kind}")
        if first is not None and not math.isnan(first):
            return result
        unordered = e.op(f"arith.cmpf uno, {left}, {left} : {kind}")
        return e.op(f"arith.select {unordered}, {left}, {result} : {bits}, {kind}")


def _constant(value: Any) -> float | None:
    """The float an SSA value is, if it is a constant."""
    owner = value.owner
    if isinstance(owner, ir.Block) or owner.operation.name != "arith.constant":
        return None
    attribute = owner.operation.attributes["value"]
    return ir.FloatAttr(attribute).value if isinstance(attribute, ir.FloatAttr) else None


def literal(attribute: Any) -> str:
    """The text of a scalar constant without its type, exact and accepted inside `dense<…>`."""
    if isinstance(attribute, ir.BoolAttr):
        return "true" if attribute.value else "false"
    text = str(attribute)
    value = text.rsplit(" : ", 1)[0] if " : " in text else text
    if str(attribute.type) in ("f32", "f64") and not value.startswith("0x"):
        number = ir.FloatAttr(attribute).value
        if str(attribute.type) == "f32":
            return f"0x{struct.unpack('<I', struct.pack('<f', number))[0]:08X}"
        return f"0x{struct.unpack('<Q', struct.pack('<d', number))[0]:016X}"
    return value
