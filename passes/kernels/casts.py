"""Contractions read 16-bit operands as they are, for targets that multiply them so."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, ClassVar, TypeAlias

from aicc.bindings import arith, ir, tensor
from aicc.passes.base import Pass, PassContext
from aicc.passes.kernels.ir_tools import (
    body_of,
    defining_op,
    is_contraction,
    is_generic,
    is_parallel,
    main_of,
    maps,
    n_inputs,
    nested_ops,
)
from aicc.passes.kernels.weights import weight_symbol

# A 16-bit tensor, and the map its conversion reads it by, if that is not the identity.
_Narrow: TypeAlias = tuple[Any, Any | None]

MOVES = ("tensor.expand_shape", "tensor.collapse_shape", "tensor.extract_slice")


@dataclass(frozen=True)
class FoldCasts(Pass):
    """Moves conversions from f16 and bf16 to f32 into the contractions that read them, through padding and views.

    before --> after
      %w = linalg.generic ins(%x : f16) { extf }
      %c = linalg.generic ins(%w, %v) { mulf, addf }  --> %c = linalg.generic ins(%x, %v) { extf, mulf, addf }

    `elements`: the types that are folded, f16 and bf16 in the option's text separated by "+"; `weights`: only where one
    operand is a weight; `alone`: only the second operand, where it is a weight: the first stays f32.
    """

    pass_name: ClassVar[str] = "fold-casts"
    elements: str = "f16+bf16"
    weights: bool = False
    alone: bool = False

    def run(self, module: Any, ctx: PassContext) -> None:
        main = main_of(module)
        count = 0
        for op in [o for o in nested_ops(main.operation) if is_generic(o)]:
            if not is_contraction(op):
                continue
            if self.alone:
                # a recurrence reads its weights in every step, and has schedules of its own
                count += _fold_weight(op, self.elements.split("+")) if op.parent == main.operation else 0
            elif not self.weights or _has_weight(op):
                count += _fold(op, self.elements.split("+"))
        ctx.stats["folded_casts"] = count
        _erase_unused(main.operation)


def _has_weight(op: Any) -> bool:
    """Whether an operand of a contraction is the conversion of a weight, perhaps under views."""
    return any(_is_weight(narrow_source(op.operands[i])) for i in range(2))


def _is_weight(source: _Narrow | None) -> bool:
    return source is not None and weight_symbol(_origin(source[0])) is not None


def _origin(value: Any) -> Any:
    """What `value` is a view of."""
    op = defining_op(value)
    while op is not None and op.name in MOVES:
        value = op.operands[0]
        op = defining_op(value)
    return value


def _fold_weight(op: Any, elements: Collection[str]) -> int:
    """Folds the cast of the second operand, if that is a weight."""
    source = narrow_source(op.operands[1])
    if source is None or not _is_weight(source) or str(source[0].type.element_type) not in elements:
        return 0
    _take(op, 1, source)
    return 1


def _fold(op: Any, elements: Collection[str]) -> int:
    """Folds the casts of both operands or none: products have one type."""
    sources = [narrow_source(op.operands[i]) for i in range(2)]
    if any(source is None for source in sources):
        return 0
    kinds = {str(source[0].type.element_type) for source in sources if source is not None}
    if len(kinds) != 1 or not kinds <= set(elements):
        return 0
    for number, source in enumerate(sources):
        assert source is not None
        _take(op, number, source)
    return 2


def _take(op: Any, number: int, source: _Narrow) -> None:
    """Operand `number` becomes the 16-bit tensor, which the body converts."""
    value, m = source
    with ir.InsertionPoint(op), op.location:
        value = rebuilt(op.operands[number], value)
    op.operands[number] = value
    if m is not None:
        _compose(op, number, m)
    _retype(body_of(op), number, value.type.element_type)


def narrow_source(value: Any) -> _Narrow | None:
    """The 16-bit tensor that `value` is a conversion of, under views and padding with zeros, and the map of the
    conversion; None if it is none."""
    op = defining_op(value)
    while op is not None and (op.name in MOVES or pads_with_zero(op)):
        op = defining_op(op.operands[0])
    if op is None or not _widens(op):
        return None
    m = maps(op)[0]
    direct = defining_op(value) == op
    identity = m == ir.AffineMap.get_identity(m.n_dims)
    if not direct and not identity:
        return None
    return op.operands[0], None if identity else m


def _widens(op: Any) -> bool:
    """A generic that only converts one f16 or bf16 tensor to f32, and writes in order."""
    if not is_parallel(op) or n_inputs(op) != 1 or len(op.results) != 1:
        return False
    operations = [o.operation for o in body_of(op).operations]
    ms = maps(op)
    return (
        len(operations) == 2
        and operations[0].name == "arith.extf"
        and str(op.operands[0].type.element_type) in ("f16", "bf16")
        and str(op.results[0].type.element_type) == "f32"
        and operations[0].operands[0] == body_of(op).arguments[0]
        and operations[1].operands[0] == operations[0].results[0]
        and ms[1] == ir.AffineMap.get_identity(ms[1].n_dims)
    )


def pads_with_zero(op: Any) -> bool:
    if op.name != "tensor.pad":
        return False
    operations = [o.operation for o in op.regions[0].blocks[0].operations]
    source = defining_op(operations[-1].operands[0])
    if source is None or source.name != "arith.constant":
        return False
    return bool(ir.FloatAttr(source.attributes["value"]).value == 0.0)


def rebuilt(value: Any, narrow: Any) -> Any:
    """The views and paddings between `narrow` and `value`, on the narrow type; at the insertion point."""
    op = defining_op(value)
    assert op is not None
    if _widens(op):
        return narrow
    source = rebuilt(op.operands[0], narrow)
    kind = ir.RankedTensorType.get(list(value.type.shape), narrow.type.element_type)
    if op.name == "tensor.pad":
        return _padded(op, source, kind)
    names = [a if isinstance(a, str) else a.name for a in op.attributes]
    return ir.Operation.create(
        op.name,
        results=[kind],
        operands=[source, *list(op.operands)[1:]],
        attributes={name: op.attributes[name] for name in names},
    ).results[0]


def _padded(op: Any, source: Any, kind: Any) -> Any:
    names = [a if isinstance(a, str) else a.name for a in op.attributes]
    new = ir.Operation.create(
        "tensor.pad",
        results=[kind],
        operands=[source, *list(op.operands)[1:]],
        attributes={name: op.attributes[name] for name in names},
        regions=1,
    )
    count = len(list(op.regions[0].blocks[0].arguments))
    index = ir.IndexType.get()
    block = new.regions[0].blocks.append(*[index] * count, arg_locs=[ir.Location.unknown()] * count)
    with ir.InsertionPoint(block):
        zero = arith.ConstantOp(kind.element_type, ir.FloatAttr.get(kind.element_type, 0.0)).result
        tensor.YieldOp(zero)
    return new.results[0]


def _compose(op: Any, number: int, m: Any) -> None:
    """Operand `number` is read through the map of the conversion that stood before it."""
    own = maps(op)
    results = [expression.compose(own[number]) for expression in m.results]
    own[number] = ir.AffineMap.get(own[number].n_dims, 0, results)
    op.attributes["indexing_maps"] = ir.ArrayAttr.get([ir.AffineMapAttr.get(x) for x in own])


def _retype(block: Any, number: int, kind: Any) -> None:
    """The body takes `kind`, and converts it first."""
    argument = block.arguments[number]
    wide = argument.type
    argument.set_type(kind)
    with ir.InsertionPoint.at_block_begin(block), ir.Location.unknown():
        converted = arith.ExtFOp(wide, argument)
    argument.replace_all_uses_except(converted.result, [converted.operation])


def _erase_unused(main: Any) -> None:
    for op in reversed(list(nested_ops(main))[1:]):
        if op.name in ("linalg.generic", "tensor.pad", *MOVES) and not any(
            True for result in op.results for _ in result.uses
        ):
            op.erase()
