"""What the bodies around attention's products say: the steps of a softmax, and limits on the keys of a row."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from aicc.bindings import ir
from aicc.passes.schedules.cpu.inline import constant_of
from aicc.passes.schedules.cpu.nest import Generic, Result

MAXIMUM = frozenset({"maximumf(%1, %0)", "maximumf(%0, %1)"})
SUM = frozenset({"addf(%1, %0)", "addf(%0, %1)"})
# The factors may be widened in the body.
_FACTORS = ("%0, %1", "%1, %0", "extf(%0), extf(%1)", "extf(%1), extf(%0)")
PRODUCT = frozenset({f"addf(%2, mulf({x}))" for x in _FACTORS}) | frozenset(
    {f"addf(mulf({x}), %2)" for x in _FACTORS}
)
# Each with and without the case of a row in which nothing is allowed.
EXPONENTIAL = {"exp(subf(%0, %1))": False, "exp(subf(%0, select(cmpf.1(%1, -inf), 0.0, %1)))": True}
QUOTIENT = {
    "mulf(%0, divf(1.0, %1))": False,
    "divf(%0, %1)": False,
    "mulf(%0, divf(1.0, select(cmpf.1(%1, 0.0), 1.0, %1)))": True,
}
WIDENING = frozenset({"extf(%0)"})
NARROWING = frozenset({"truncf(%0)"})


# No form above has as many operations. The text of a body in which values are used twice grows with the number of
# paths through it, so longer ones are not written out.
_MOST_OPERATIONS = 16


def body_text(stage: Generic) -> str:
    """The yielded value as an expression over the body's arguments: `addf(%2, mulf(%0, %1))`.

    Empty for a body that yields several, or that is longer than any that is looked for.
    """
    block = stage.block
    if len(block.operations) > _MOST_OPERATIONS:
        return ""
    arguments = {argument: number for number, argument in enumerate(block.arguments)}

    def text(value: Any) -> str:
        if value in arguments:
            return f"%{arguments[value]}"
        number = constant_of(value)
        if number is not None:
            return str(number)
        if isinstance(value.owner, ir.Block):
            return "?"
        op = value.owner.operation
        kind = f".{ir.IntegerAttr(op.attributes['predicate']).value}" if "predicate" in op.attributes else ""
        return f"{op.name.split('.')[-1]}{kind}({', '.join(text(x) for x in op.operands)})"

    end = list(block.operations)[-1].operation
    return text(end.operands[0]) if len(end.operands) == 1 else ""


def scaling_of(stage: Generic) -> tuple[Any, float] | None:
    """The operation by which a stage multiplies its computed operand with a constant, and that; None when it does
    anything else with it but to replace what is not allowed by -inf: `x * c`, `select(condition, x * c, -inf)`."""
    product = _only_use(_computed(stage))
    if product is None or product.name != "arith.mulf":
        return None
    factors = [constant_of(x) for x in product.operands if x != _computed(stage)]
    factor = factors[0] if len(factors) == 1 else None
    return (product, factor) if factor is not None and _is_kept(product.results[0]) else None


def only_forbids(stage: Generic) -> bool:
    """Whether a stage is `select(condition, x, -inf)` of its computed operand, which has no other use."""
    computed = _computed(stage)
    return computed is not None and _is_kept(computed)


def _computed(stage: Generic) -> Any | None:
    found = [
        argument
        for argument, operand in zip(stage.block.arguments, stage.operands, strict=True)
        if isinstance(operand.source, Result)
    ]
    return found[0] if len(found) == 1 else None


def _only_use(value: Any | None) -> Any | None:
    uses = [] if value is None else list(value.uses)
    return uses[0].owner.operation if len(uses) == 1 else None


def _is_kept(value: Any) -> bool:
    """Whether a value is what the body yields, or -inf where a condition says so."""
    user = _only_use(value)
    if user is not None and user.name == "arith.select" and user.operands[1] == value:
        forbidden = constant_of(user.operands[2]) == -math.inf
        user = _only_use(user.results[0]) if forbidden else None
    return user is not None and user.name == "linalg.yield"


@dataclass(frozen=True)
class Limit:
    """A bound on the keys of a row: `key <= row + shift` (`upper`), or `key >= row + shift`.

    `row` is a dimension of the stage, or None. `shift` is the sum of `terms`, SSA values outside the body or
    arguments of it (then the operand of that number), each with its sign, and `constant`.
    """

    stage: Generic
    upper: bool
    row: int | None
    terms: tuple[tuple[int, Any], ...]
    constant: int


def limits_of(stage: Generic, key: int) -> list[Limit]:
    """What a stage of the form `select(a and b …, x, -inf)` says of the keys (its dimension `key`) it lets pass.

    Conditions that are none of the known ones only make fewer keys pass.
    """
    end = list(stage.block.operations)[-1].operation
    if len(end.operands) != 1 or isinstance(end.operands[0].owner, ir.Block):
        return []
    select = end.operands[0].owner.operation
    if select.name != "arith.select" or constant_of(select.operands[2]) != -math.inf:
        return []
    found = [_limit(stage, condition, key) for condition in _conditions(select.operands[0])]
    return [limit for limit in found if limit is not None]


def _conditions(value: Any) -> list[Any]:
    if isinstance(value.owner, ir.Block):
        return []
    op = value.owner.operation
    if op.name == "arith.andi":
        return [x for operand in op.operands for x in _conditions(operand)]
    return [op] if op.name == "arith.cmpi" else []


_LESS = {"slt": 2, "sle": 3, "sgt": 4, "sge": 5}


def _limit(stage: Generic, compare: Any, key: int) -> Limit | None:
    """`left < right` as a linear form that is to be negative: left - right."""
    predicate = ir.IntegerAttr(compare.attributes["predicate"]).value
    left, right = compare.operands
    if predicate in (_LESS["sgt"], _LESS["sge"]):
        left, right = right, left
    elif predicate not in (_LESS["slt"], _LESS["sle"]):
        return None
    strict = predicate in (_LESS["slt"], _LESS["sgt"])
    form = _Linear(stage)
    if not (form.take(left, 1) and form.take(right, -1)):
        return None
    factor = form.dims.pop(key, 0)
    rows = [(dim, times) for dim, times in form.dims.items() if times]
    if factor not in (1, -1) or len(rows) > 1 or any(times != -factor for _, times in rows):
        return None
    # factor * key - factor * row + terms + constant <= 0, or < 0
    constant = form.constant + (1 if strict else 0)
    terms = tuple((-factor * sign, value) for sign, value in form.terms)
    return Limit(stage, factor == 1, rows[0][0] if rows else None, terms, -factor * constant)


class _Linear:
    """A sum of dimensions, outer values and a constant."""

    def __init__(self, stage: Generic) -> None:
        self.dims: dict[int, int] = {}
        self.terms: list[tuple[int, Any]] = []
        self.constant = 0
        self._arguments = list(stage.block.arguments)
        self._inside = {op.operation for op in stage.block.operations}

    def take(self, value: Any, sign: int) -> bool:
        """Adds `sign * value`; false when it is no such sum."""
        if value in self._arguments:
            self.terms.append((sign, self._arguments.index(value)))
            return True
        owner = value.owner
        if isinstance(owner, ir.Block):
            self.terms.append((sign, value))
            return True
        op = owner.operation
        if op.name == "arith.constant":
            self.constant += sign * int(ir.IntegerAttr(op.attributes["value"]).value)
            return True
        if op not in self._inside:
            self.terms.append((sign, value))
            return True
        if op.name == "linalg.index":
            dim = int(ir.IntegerAttr(op.attributes["dim"]).value)
            self.dims[dim] = self.dims.get(dim, 0) + sign
            return True
        if op.name in ("arith.index_cast", "arith.extsi"):
            return self.take(op.operands[0], sign)
        if op.name in ("arith.addi", "arith.subi"):
            second = sign if op.name == "arith.addi" else -sign
            return self.take(op.operands[0], sign) and self.take(op.operands[1], second)
        return False
