"""The ops that join partial results of a reduction: which one a body uses, its neutral element, trees of it."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Any

from aicc.bindings import ir
from aicc.passes.schedules.cpu.emit import Emitter, vector
from aicc.passes.schedules.cpu.inline import literal
from aicc.passes.schedules.cpu.nest import Generic

_INTEGER = {
    "arith.addi": 0,
    "arith.muli": 1,
    "arith.ori": 0,
    "arith.xori": 0,
    "arith.maxui": 0,
    "arith.andi": -1,
    "arith.minui": -1,
}
_FLOAT = {
    "arith.addf": 0.0,
    "arith.mulf": 1.0,
    "arith.maximumf": float("-inf"),
    "arith.minimumf": float("inf"),
}
_SIGNED = {"arith.maxsi": -1, "arith.minsi": 1}
_CODES = {"f32": ("<f", "<I", 8), "f64": ("<d", "<Q", 16)}


def combiner_of(stage: Generic, number: int) -> str | None:
    """The op with which result `number` takes in an element: `acc = op(acc, f(x))`; None for other bodies."""
    block = stage.block
    operations = [op.operation for op in block.operations]
    accumulator = block.arguments[stage.inputs + number]
    last = operations[-1].operands[number].owner
    if isinstance(last, ir.Block) or last.operation not in operations:
        return None
    op = last.operation
    name = str(op.name)
    if name not in _INTEGER and name not in _FLOAT and name not in _SIGNED:
        return None
    if neutral_text(name, str(accumulator.type)) is None:
        return None
    if (
        len(list(accumulator.uses)) != 1
        or accumulator not in list(op.operands)
        or len(list(op.results[0].uses)) != 1
    ):
        return None
    return name


def neutral_text(name: str, element: str) -> str | None:
    """The literal of the element that changes nothing; None for types without one."""
    if name in _FLOAT:
        if element not in _CODES:
            return None
        value, bits, digits = _CODES[element]
        return f"0x{struct.unpack(bits, struct.pack(value, _FLOAT[name]))[0]:0{digits}X}"
    if not element.startswith("i") or element == "index":
        return None
    width = int(element[1:])
    if name in _SIGNED:
        return str(-(1 << (width - 1)) if _SIGNED[name] < 0 else (1 << (width - 1)) - 1)
    if width == 1:
        return "true" if _INTEGER[name] else "false"
    return str(_INTEGER[name])


def neutral(e: Emitter, name: str, element: str, lanes: int) -> str:
    """It in every lane."""
    text = neutral_text(name, element)
    assert text is not None
    return e.splat(text, element, lanes)


def combine(
    e: Emitter, name: str, left: str, right: str, element: str, lanes: int, ordered: bool = False
) -> str:
    """`left op right`; where `ordered`, extrema may lose a NaN, and are one instruction."""
    kind = vector(element, lanes)
    if name not in ("arith.maximumf", "arith.minimumf"):
        return e.op(f"{name} {left}, {right} : {kind}")
    bits = vector("i1", lanes)
    better = e.op(f"arith.cmpf {'ogt' if name == 'arith.maximumf' else 'olt'}, {left}, {right} : {kind}")
    result = e.op(f"arith.select {better}, {left}, {right} : {bits}, {kind}")
    if ordered:
        return result
    unordered = e.op(f"arith.cmpf uno, {left}, {left} : {kind}")
    return e.op(f"arith.select {unordered}, {left}, {result} : {bits}, {kind}")


def combine_all(
    e: Emitter, name: str, values: Sequence[str], element: str, lanes: int, ordered: bool = False
) -> str:
    """All of `values`, as a balanced tree."""
    left = list(values)
    while len(left) > 1:
        pairs = zip(left[::2], left[1::2], strict=False)
        joined = [combine(e, name, a, b, element, lanes, ordered) for a, b in pairs]
        left = joined + left[len(left) // 2 * 2 :]
    return left[0]


def across_lanes(e: Emitter, name: str, value: str, element: str, lanes: int, ordered: bool = False) -> str:
    """The scalar that joins all lanes (a power of two): halves are folded onto each other."""
    while lanes > 1:
        half = lanes // 2
        kind = vector(element, lanes)
        if half == 1:
            parts = [e.op(f"vector.extract {value}[{i}] : {element} from {kind}") for i in range(2)]
        else:
            parts = [_half(e, value, kind, start, half) for start in (0, half)]
        value = combine(e, name, parts[0], parts[1], element, half, ordered)
        lanes = half
    return value


def _half(e: Emitter, value: str, kind: str, start: int, count: int) -> str:
    lanes = ", ".join(str(start + i) for i in range(count))
    return e.op(f"vector.shuffle {value}, {value} [{lanes}] : {kind}, {kind}")


def same_constant(left: Any, text: str, element: str) -> bool:
    """Whether a start value (SSA or attribute) is the constant of that literal."""
    if hasattr(left, "owner"):
        owner = left.owner
        if isinstance(owner, ir.Block) or owner.operation.name != "arith.constant":
            return False
        left = owner.operation.attributes["value"]
    return str(left.type) == element and literal(left) == text
