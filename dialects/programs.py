"""Programs within a program: branches and bodies of loops that a run decides about.

    module {
      module @if_0_then { func.func @main(%x: tensor<?x4xf32> {aicc.dims = ["n", 4]}) -> … { … } }
      module @if_0_else { … }
      func.func private @if_0(tensor<i1>, tensor<?x4xf32>) -> tensor<?x4xf32>
      func.func @main(…) {
        %y = call @if_0(%condition, %x) {aicc.control = "if", aicc.programs = ["if_0_then", "if_0_else"],
                                         aicc.result_dims = [["1:0", 4]]} : …

A program is a module like that of the model: it sees nothing from outside, and takes what it needs as inputs. The
call says what is done with programs, and what is known of the sizes of its results: an integer, `"k:d"` for dim `d`
of operand `k`, `"k"` for the number that operand `k` is, -1 for what only the run knows.

* `if`: operands are a condition and the inputs. The call is the first program's results on these, or the second's.
* `loop`: operands are the number of rounds, a condition, `aicc.carried` carried values, and further inputs. As long as
  the condition holds, the program is called on (round, condition, carried values, inputs): it gives the next condition,
  the next carried values, and rows. The call's results are the last carried values, and the rows, stacked.

With `aicc.always` a loop runs all its rounds: nothing looks at the condition. Programs are pure, as ops are.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from aicc.bindings import ir
from aicc.dialects.symbolic import Dim, DimLike, fresh_dim
from aicc.dialects.types import TensorType, type_of

CONTROL, PROGRAMS, CARRIED = "aicc.control", "aicc.programs", "aicc.carried"
ALWAYS, RESULT_DIMS = "aicc.always", "aicc.result_dims"


@dataclass(frozen=True)
class Control:
    """What a call does with programs; `result_dims` as in the attribute, a list per result."""

    kind: str
    programs: tuple[str, ...]
    result_dims: tuple[tuple[int | str, ...], ...]
    carried: int = 0
    always: bool = False

    @property
    def first_input(self) -> int:
        """The number of the first operand that all programs take as an input of their own."""
        return 1 if self.kind == "if" else 2

    def write(self, call: Any) -> None:
        """Sets the attributes of a `func.call`."""
        i64 = ir.IntegerType.get_signless(64)
        call.attributes[CONTROL] = ir.StringAttr.get(self.kind)
        call.attributes[PROGRAMS] = ir.ArrayAttr.get([ir.StringAttr.get(p) for p in self.programs])
        rows = [
            [ir.IntegerAttr.get(i64, d) if isinstance(d, int) else ir.StringAttr.get(d) for d in dims]
            for dims in self.result_dims
        ]
        call.attributes[RESULT_DIMS] = ir.ArrayAttr.get([ir.ArrayAttr.get(row) for row in rows])
        if self.kind == "loop":
            call.attributes[CARRIED] = ir.IntegerAttr.get(i64, self.carried)
        if self.always:
            call.attributes[ALWAYS] = ir.UnitAttr.get()


def control_of(op: Any) -> Control | None:
    """What a call, or the function it calls, does with programs; None for any other op."""
    if op.name not in ("func.call", "func.func") or CONTROL not in op.attributes:
        return None
    attributes = op.attributes
    return Control(
        str(ir.StringAttr(attributes[CONTROL]).value),
        tuple(str(ir.StringAttr(p).value) for p in attributes[PROGRAMS]),
        tuple(
            tuple(
                int(ir.IntegerAttr(d).value) if isinstance(d, ir.IntegerAttr) else str(ir.StringAttr(d).value)
                for d in row
            )
            for row in attributes[RESULT_DIMS]
        ),
        int(ir.IntegerAttr(attributes[CARRIED]).value) if CARRIED in attributes else 0,
        ALWAYS in attributes,
    )


def result_types(call: Any, control: Control, operands: Sequence[TensorType]) -> list[TensorType]:
    """The types of a call's results, with the symbolic sizes that follow from those of its operands."""
    out = []
    for result, dims in zip(call.results, control.result_dims, strict=True):
        found = type_of(result)
        shape = [
            have if isinstance(have, int) else _size(dim, operands)
            for have, dim in zip(found.shape, dims, strict=True)
        ]
        out.append(TensorType(tuple(shape), found.dtype))
    return out


def _size(dim: int | str, operands: Sequence[TensorType]) -> DimLike:
    if isinstance(dim, int):
        return dim if dim >= 0 else fresh_dim()
    number, _, d = dim.partition(":")
    t = operands[int(number)]
    if d:
        return t.shape[int(d)]
    if t.value is None:
        return fresh_dim()
    known = np.asarray(t.value, dtype=object).reshape(-1)[0]
    return known if isinstance(known, Dim) else int(known)
