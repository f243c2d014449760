"""What the body of an elementwise stage computes, as a term that equal bodies have in common."""

from __future__ import annotations

from typing import Any, TypeAlias

from aicc.bindings import ir
from aicc.passes.kernels.ir_tools import body_of, inits

Term: TypeAlias = "str | float | tuple[Any, ...]"
"""What a body computes: "x" and "b" are its inputs; sums and products are flat and sorted, and hold one constant."""


def term_of(stage: Any, names: list[str]) -> Term:
    """What the body of an elementwise generic yields, conversions of floats left out."""
    block = body_of(stage)
    arguments = list(block.arguments)
    known: dict[Any, Term] = dict(zip(arguments[: len(names)], names, strict=True))
    assert len(inits(stage)) == 1
    return _term(list(block.operations)[-1].operation.operands[0], known)


def _term(value: Any, known: dict[Any, Term]) -> Term:
    if value in known:
        return known[value]
    owner = value.owner
    if isinstance(owner, ir.Block):
        return ("unknown",)
    op = owner.operation
    if op.name in ("arith.extf", "arith.truncf"):
        return _term(op.operands[0], known)
    if op.name == "arith.constant" and isinstance(op.attributes["value"], ir.FloatAttr):
        return rounded(ir.FloatAttr(op.attributes["value"]).value)
    name = _OPERATIONS.get(op.name)
    if op.name == "arith.cmpf":
        name = f"compare_{ir.IntegerAttr(op.attributes['predicate']).value}"
    if name is None:
        return ("unknown",)
    return flat(name, [_term(operand, known) for operand in op.operands])


LESS = "compare_4"
"""arith.cmpf olt."""

_SORTED = ("add", "mul", "max", "min")
_OPERATIONS = {
    "arith.addf": "add",
    "arith.mulf": "mul",
    "arith.maximumf": "max",
    "arith.minimumf": "min",
    "arith.divf": "div",
    "arith.negf": "neg",
    "arith.select": "select",
    "math.tanh": "tanh",
    "math.exp": "exp",
    "math.expm1": "expm1",
    "math.erf": "erf",
}


def rounded(number: float) -> float:
    """To six digits: constants of f32 and f64 that mean the same are the same."""
    return float(f"{number:.5e}")


def flat(name: str, parts: list[Term]) -> Term:
    """A sum of sums is a sum; constants are one."""
    if name in ("add", "mul"):
        inner = [part[1:] if isinstance(part, tuple) and part[0] == name else (part,) for part in parts]
        parts = [part for group in inner for part in group]
        constant = 0.0 if name == "add" else 1.0
        neutral = constant
        for part in parts:
            if isinstance(part, float):
                constant = constant + part if name == "add" else constant * part
        parts = [part for part in parts if not isinstance(part, float)]
        parts += [rounded(constant)] if constant != neutral else []
    return (name, *(sorted(parts, key=str) if name in _SORTED else parts))


RELU = flat("max", ["x", 0.0])
_CUBIC = flat("add", ["x", flat("mul", [0.044715, "x", "x", "x"])])
GELU_TANH = flat(
    "mul", [0.5, "x", flat("add", [1.0, flat("tanh", [flat("mul", [rounded(0.7978845608), _CUBIC])])])]
)
"""GELU by its approximation with tanh."""
GELU = flat("mul", [0.5, "x", flat("add", [1.0, flat("erf", [flat("mul", [rounded(0.7071067812), "x"])])])])
_GROWTH = flat("add", [1.0, flat("exp", [flat("neg", ["x"])])])
SIGMOID = flat("div", [1.0, _GROWTH])
SWISH = flat("div", ["x", _GROWTH])
TANH = flat("tanh", ["x"])
ELU = flat("select", [flat(LESS, ["x", 0.0]), flat("expm1", ["x"]), "x"])
