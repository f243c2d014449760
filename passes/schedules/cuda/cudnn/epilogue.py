"""Which of the stages after a convolution the library computes with it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeVar

from aicc.passes.gpu.library_convolutions import MAX_OPERANDS, MAX_STEPS, Step
from aicc.passes.kernels.ir_tools import inputs, maps, n_inputs
from aicc.passes.schedules.cuda.vendor.stages import by_column, by_element, element_of, narrows, only_stage
from aicc.passes.schedules.cuda.vendor.terms import (
    ELU,
    GELU,
    GELU_TANH,
    LESS,
    RELU,
    SIGMOID,
    SWISH,
    TANH,
    Term,
    flat,
    term_of,
)

T = TypeVar("T")

_ACTIVATIONS = {
    "relu": RELU,
    "sigmoid": SIGMOID,
    "tanh": TANH,
    "swish": SWISH,
    "gelu": GELU,
    "gelu_tanh": GELU_TANH,
    "elu": ELU,
}


@dataclass(frozen=True)
class Epilogue:
    """`value` is the tensor that the library computes."""

    value: Any
    steps: tuple[Step, ...] = ()


def absorb(root: Any) -> Epilogue:
    """The stages from a convolution on that are steps of the library, and conversions that narrow."""
    found = Epilogue(root.results[0])
    element, columns = str(root.operands[0].type.element_type), 2 if _has_groups(root) else 1
    while (further := _absorb_one(found, element, columns)) is not None:
        found = further
    return found


def in_known_order(steps: tuple[Step, ...], operands: list[T]) -> tuple[tuple[Step, ...], list[T]]:
    """A tensor is added before a number for each filter: what the library's own kernels compute is that and an
    activation; other orders are left to those that it compiles in the run."""
    if steps[:2] == (Step("add", "filters"), Step("add", "all")):
        return (*steps[1::-1], *steps[2:]), [*operands[1::-1], *operands[2:]]
    return steps, operands


def _has_groups(root: Any) -> bool:
    """Whether filters are by group and place in it: both operands depend on the group, one on the place."""
    if n_inputs(root) != 2 or len(maps(root)[2].results) < 3:
        return False
    x, w, out = ([str(e) for e in m.results] for m in maps(root))
    return out[-2] in x and out[-2] in w and (out[-1] in x) != (out[-1] in w)


def _absorb_one(found: Epilogue, element: str, columns: int) -> Epilogue | None:
    stage = only_stage(found.value)
    if stage is None:
        return None
    result = stage.results[0]
    if not narrows(found.value, result, element):
        return None
    others = [value for value in inputs(stage) if value != found.value]
    term = term_of(stage, ["x" if value == found.value else "b" for value in inputs(stage)])
    if term == "x" and not others:
        return Epilogue(result, found.steps)
    step = _with_operand(stage, others[0], result, term, columns) if others else _alone(term)
    if step is None:
        return None
    steps = (*found.steps, step)
    if len(steps) > MAX_STEPS or sum(bool(s.operand) for s in steps) > MAX_OPERANDS:
        return None
    return Epilogue(result, steps)


def _with_operand(stage: Any, other: Any, result: Any, term: Term, columns: int) -> Step | None:
    op = next((op for op in ("add", "mul") if term == (op, "b", "x")), None)
    if op is None or element_of(other) != element_of(result):
        return None
    if by_column(stage, other, result, columns):
        return Step(op, "filters")
    return Step(op, "all") if by_element(stage, other, result) else None


def _alone(term: Term) -> Step | None:
    name = next((name for name, known in _ACTIVATIONS.items() if term == known), None)
    if name is not None:
        return Step(name)
    return _clip(term) or _leaky_relu(term)


def _clip(term: Term) -> Step | None:
    """min(max(x, lower), upper), the lower bound below the upper one."""
    if not isinstance(term, tuple) or term[0] != "min":
        return None
    upper = next((part for part in term[1:] if isinstance(part, float)), None)
    inner = next((part for part in term[1:] if isinstance(part, tuple) and part[0] == "max"), None)
    lower = next((part for part in inner[1:] if isinstance(part, float)), None) if inner else None
    if (
        upper is None
        or lower is None
        or lower > upper
        or term != flat("min", [flat("max", ["x", lower]), upper])
    ):
        return None
    return Step("relu", lower=lower, upper=upper)


def _leaky_relu(term: Term) -> Step | None:
    """x, below zero times a slope."""
    below = term[2] if isinstance(term, tuple) and term[0] == "select" else None
    slope = next((part for part in below[1:] if isinstance(part, float)), None) if below else None
    if slope is None or term != ("select", flat(LESS, ["x", 0.0]), flat("mul", ["x", slope]), "x"):
        return None
    return Step("relu", slope=slope)
