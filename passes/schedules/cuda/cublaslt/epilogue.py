"""Which of the stages after a product the library computes with it: a bias, an activation, a narrower result."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, TypeAlias

from aicc.bindings import ir
from aicc.passes.kernels.ir_tools import (
    body_of,
    dynamic_sizes,
    inits,
    inputs,
    is_parallel,
    is_projection,
    maps,
    n_inputs,
    users,
)

Term: TypeAlias = "str | float | tuple[Any, ...]"
"""What a body computes: "x" and "b" are its inputs; sums and products are flat and sorted, and hold one constant."""


@dataclass(frozen=True)
class Epilogue:
    """`value` is the tensor that the library computes."""

    value: Any
    bias: Any | None = None
    activation: str = "none"


def absorb(root: Any) -> Epilogue:
    """The stages from a contraction on that are a bias by column, then an activation, and conversions that narrow."""
    found = Epilogue(root.results[0])
    element = str(root.operands[0].type.element_type)
    while (further := _absorb_one(found, element)) is not None:
        found = further
    return found


def _absorb_one(found: Epilogue, element: str) -> Epilogue | None:
    stage = _only_stage(found.value)
    if stage is None or _element(found.value) == "i32":
        return None
    result = stage.results[0]
    if _element(result) not in (_element(found.value), element) or _bits(result) > _bits(found.value):
        return None
    others = [value for value in inputs(stage) if value != found.value]
    names = ["x" if value == found.value else "b" for value in inputs(stage)]
    term = term_of(stage, names)
    if term == "x" and not others:
        return replace(found, value=result)
    if found.activation != "none":
        return None
    if not others:
        activation = next((name for name, known in _ACTIVATIONS.items() if term == known), None)
        return replace(found, value=result, activation=activation) if activation else None
    if term == ("add", "b", "x") and found.bias is None and _by_column(stage, others[0], result):
        return replace(found, value=result, bias=others[0])
    return None


def _only_stage(value: Any) -> Any | None:
    """The elementwise generic that alone reads `value`, each element where it writes its own."""
    found = users(value)
    if len(found) != 1 or not is_parallel(found[0]) or len(found[0].results) != 1:
        return None
    stage = found[0]
    read = [i for i, operand in enumerate(inputs(stage)) if operand == value]
    all_maps = maps(stage)
    place = all_maps[n_inputs(stage)]
    if len(read) != 1 or n_inputs(stage) > 2 or all_maps[read[0]] != place or not is_projection(place):
        return None
    return stage if place.n_dims == len(place.results) else None


def _by_column(stage: Any, bias: Any, result: Any) -> bool:
    """Whether `bias` has the result's type and one number for each position along its last dim."""
    all_maps = maps(stage)
    place = all_maps[n_inputs(stage)]
    own = [m for value, m in zip(inputs(stage), all_maps, strict=False) if value == bias][0]
    dims = [e for e in own.results if isinstance(e, ir.AffineDimExpr)]
    rest = [e for e in own.results if not isinstance(e, ir.AffineDimExpr)]
    zeros = all(isinstance(e, ir.AffineConstantExpr) and e.value == 0 for e in rest)
    return zeros and dims == [place.results[len(place.results) - 1]] and _element(bias) == _element(result)


def _element(value: Any) -> str:
    return str(value.type.element_type)


def _bits(value: Any) -> int:
    return int(value.type.element_type.width)


def sizes_of(value: Any) -> list[Any]:
    """The values of a tensor's dynamic sizes."""
    sizes = dynamic_sizes(value)
    assert sizes is not None, "stages write tensors that the kernel makes"
    return sizes


# Terms ---------------------------------------------------------------------------------------------


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
        return _rounded(ir.FloatAttr(op.attributes["value"]).value)
    name = _OPERATIONS.get(op.name)
    if name is None:
        return ("unknown",)
    return _flat(name, [_term(operand, known) for operand in op.operands])


_OPERATIONS = {"arith.addf": "add", "arith.mulf": "mul", "arith.maximumf": "max", "math.tanh": "tanh"}


def _rounded(number: float) -> float:
    """To six digits: constants of f32 and f64 that mean the same are the same."""
    return float(f"{number:.5e}")


def _flat(name: str, parts: list[Term]) -> Term:
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
        parts += [_rounded(constant)] if constant != neutral else []
    return (name, *sorted(parts, key=str))


_INNER = _flat("add", ["x", _flat("mul", [0.044715, "x", "x", "x"])])
_ACTIVATIONS: dict[str, Term] = {
    "relu": _flat("max", ["x", 0.0]),
    "gelu_tanh": _flat(
        "mul",
        [0.5, "x", _flat("add", [1.0, _flat("tanh", [_flat("mul", [_rounded(0.7978845608), _INNER])])])],
    ),
}
"""GELU is the library's by its approximation with tanh, as the graph has to ask for it."""
