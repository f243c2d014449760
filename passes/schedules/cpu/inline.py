"""Clones the body of a `linalg.generic` on vectors: every scalar type `t` becomes `vector<lanes x t>`.

before: `^bb0(%x: f32, %b: f32): %s = arith.addf %x, %b : f32  linalg.yield %s : f32`
after:  `%v3 = "arith.addf"(%v1, %v2) {…} : (vector<8xf32>, vector<8xf32>) -> vector<8xf32>`

What is the same in all lanes stays scalar until it meets a vector, and an index that counts up along the
lanes stays its first value: a gather of rows is then a vector load.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Callable, Sequence
from enum import Enum
from typing import Any, NamedTuple

from aicc.bindings import ir
from aicc.passes.schedules.cpu.emit import Emitter, Index, vector
from aicc.passes.schedules.schedule import NoMatch

# Products feeding sums may be fused: one rounding less, one instruction instead of two.
_CONTRACT = {"arith.mulf", "arith.addf", "arith.subf"}
_COUNTING = {"arith.addi", "arith.subi", "arith.index_cast", "arith.index_castui"}


class Kind(Enum):
    """How a value depends on the lane: not at all, its first value plus the lane, or anyhow."""

    UNIFORM = 0
    COUNTING = 1
    VECTOR = 2


class Lanes(NamedTuple):
    """A value in all lanes: `name` is a scalar unless the kind is VECTOR."""

    name: str
    kind: Kind


def varying(name: str) -> Lanes:
    """A vector."""
    return Lanes(name, Kind.VECTOR)


def uniform(name: str) -> Lanes:
    """A scalar, the same in all lanes."""
    return Lanes(name, Kind.UNIFORM)


def widened(e: Emitter, value: Lanes, element: str, lanes: int) -> str:
    """The vector of a value."""
    if value.kind is Kind.VECTOR or lanes == 1:
        return value.name
    whole = e.broadcast(value.name, element, lanes)
    if value.kind is Kind.UNIFORM:
        return whole
    count = f"dense<[{', '.join(str(lane) for lane in range(lanes))}]>"
    kind = vector(element, lanes)
    return e.op(f"arith.addi {whole}, {e.constant(count, kind)} : {kind}")


# (tensor, indices) -> element, for tensor.extract
Extract = Callable[[Any, list[Lanes]], Lanes]


class Inliner:
    """Inlines bodies for one vector length.

    `position(d)` is the index of dimension d in lane 0, and whether it counts up along the lanes;
    `captured(value)` the SSA name, in the new function, of a scalar value from outside; `extract` reads a
    tensor at computed indices.
    """

    def __init__(
        self,
        emitter: Emitter,
        lanes: int,
        position: Callable[[int], tuple[Index, bool]],
        captured: Callable[[Any], str],
        extract: Extract | None = None,
    ) -> None:
        self._e = emitter
        self._lanes = lanes
        self._position = position
        self._captured = captured
        self._extract = extract

    def inline(self, block: Any, args: Sequence[Lanes | None]) -> list[Lanes]:
        """The values that the body yields for `args`; an argument that is never read may be None.

        Raises NoMatch on ops that have no vector form.
        """
        values: dict[Any, Lanes | None] = dict(zip(block.arguments, args, strict=True))
        for op in block.operations:
            op = op.operation
            if op.name == "linalg.yield":
                return [self._value(operand, values) for operand in op.operands]
            for result in op.results:
                values[result] = self._op(op, values)
        raise NoMatch("a body that yields nothing")

    def _value(self, value: Any, values: dict[Any, Lanes | None]) -> Lanes:
        if value in values:
            known = values[value]
            if known is None:
                raise NoMatch("an output that is read before it is written")
            return known
        if isinstance(value.type, ir.RankedTensorType):
            raise NoMatch("a tensor read whole inside a body")
        result = uniform(self._captured(value))
        values[value] = result
        return result

    def _wide(self, value: Lanes, kind: Any) -> str:
        return widened(self._e, value, str(kind), self._lanes)

    def _op(self, op: Any, values: dict[Any, Lanes | None]) -> Lanes:
        if op.name == "arith.constant":
            return uniform(self._e.constant(literal(op.attributes["value"]), str(op.results[0].type)))
        if op.name == "linalg.index":
            index, counts = self._position(ir.IntegerAttr(op.attributes["dim"]).value)
            counts = counts and self._lanes > 1
            return Lanes(self._e.index(index), Kind.COUNTING if counts else Kind.UNIFORM)
        if op.name == "tensor.extract":
            if self._extract is None:
                raise NoMatch("tensor.extract in a body")
            return self._extract(op.operands[0], [self._value(x, values) for x in list(op.operands)[1:]])
        if op.regions or len(op.results) != 1 or not op.name.startswith(("arith.", "math.")):
            raise NoMatch(f"{op.name} in a body")
        args = [self._value(operand, values) for operand in op.operands]
        kinds = [arg.kind for arg in args]
        if all(kind is Kind.UNIFORM for kind in kinds):
            return uniform(self._emit(op, [arg.name for arg in args], 1))
        counting = kinds[0] is Kind.COUNTING and all(kind is Kind.UNIFORM for kind in kinds[1:])
        swapped = op.name == "arith.addi" and kinds == [Kind.UNIFORM, Kind.COUNTING]
        if op.name in _COUNTING and (counting or swapped):
            return Lanes(self._emit(op, [arg.name for arg in args], 1), Kind.COUNTING)
        wide = [self._wide(arg, operand.type) for arg, operand in zip(args, op.operands, strict=True)]
        return varying(self._emit(op, wide, self._lanes))

    def _emit(self, op: Any, args: list[str], lanes: int) -> str:
        if op.name in ("arith.maximumf", "arith.minimumf"):
            return self._extremum(op, args, lanes)
        attributes = []
        for entry in op.attributes:
            name = entry.name if hasattr(entry, "name") else entry
            if name == "fastmath" and op.name in _CONTRACT:
                continue
            attributes.append(f"{name} = {op.attributes[name]}")
        if op.name in _CONTRACT:
            attributes.append("fastmath = #arith.fastmath<contract>")
        types = ", ".join(vector(str(operand.type), lanes) for operand in op.operands)
        return self._e.op(
            f'"{op.name}"({", ".join(args)}) {{{", ".join(attributes)}}} : '
            f"({types}) -> {vector(str(op.results[0].type), lanes)}"
        )

    def _extremum(self, op: Any, args: list[str], lanes: int) -> str:
        """Maximum or minimum that propagates NaN, one instruction when an operand is a constant.

        `select(a > b, a, b)` is b when either is NaN: with the constant as `a` that is all there is to do.
        """
        e, kind, bits = self._e, vector(str(op.results[0].type), lanes), vector("i1", lanes)
        predicate = "ogt" if op.name == "arith.maximumf" else "olt"
        left, right = args
        first, second = (constant_of(operand) for operand in op.operands)
        if second is not None and not math.isnan(second):
            left, right = right, left
            first = second
        better = e.op(f"arith.cmpf {predicate}, {left}, {right} : {kind}")
        result = e.op(f"arith.select {better}, {left}, {right} : {bits}, {kind}")
        if first is not None and not math.isnan(first):
            return result
        unordered = e.op(f"arith.cmpf uno, {left}, {left} : {kind}")
        return e.op(f"arith.select {unordered}, {left}, {result} : {bits}, {kind}")


def constant_of(value: Any) -> float | None:
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
    kind = str(attribute.type)
    if kind == "f32":
        return f"0x{struct.unpack('<I', struct.pack('<f', ir.FloatAttr(attribute).value))[0]:08X}"
    if kind == "f64":
        return f"0x{struct.unpack('<Q', struct.pack('<d', ir.FloatAttr(attribute).value))[0]:016X}"
    return str(attribute).rsplit(" : ", 1)[0]
