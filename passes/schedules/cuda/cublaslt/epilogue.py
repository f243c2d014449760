"""Which of the stages after a product the library computes with it: a bias, an activation, a narrower result."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from aicc.passes.kernels.ir_tools import inputs
from aicc.passes.schedules.cuda.vendor.stages import by_column, element_of, narrows, only_stage
from aicc.passes.schedules.cuda.vendor.terms import GELU_TANH, RELU, term_of

_ACTIVATIONS = {"relu": RELU, "gelu_tanh": GELU_TANH}
"""GELU is the library's by its approximation with tanh, as the graph has to ask for it."""


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
    stage = only_stage(found.value)
    if stage is None or element_of(found.value) == "i32":
        return None
    result = stage.results[0]
    if not narrows(found.value, result, element):
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
    if term == ("add", "b", "x") and found.bias is None and by_column(stage, others[0], result):
        return replace(found, value=result, bias=others[0])
    return None
