"""Products of f32 on tensor cores of 16 bits: `--precision f16` and `bf16` on GPUs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from aicc.bindings import arith, ir, tensor
from aicc.dialects.types import DType, TensorType
from aicc.passes.base import Pass, PassContext
from aicc.passes.kernels.attention import is_softmax_of_product
from aicc.passes.kernels.casts import MOVES, narrow_source, pads_with_zero, rebuilt
from aicc.passes.kernels.ir_tools import defining_op, each_of, is_contraction, main_of, nested_ops
from aicc.passes.kernels.weights import weight_symbol
from aicc.passes.weight_ops import declare_weight, load_weight
from aicc.weights import Recipe


@dataclass(frozen=True)
class RoundOperands(Pass):
    """Contractions of f32 get operands that are rounded to `element`, f16 or bf16, and converted back, which
    `fold-casts` moves into them; sums stay in f32. Weights are rounded when the model is compiled, others where they
    are made: under views and padding, and once for all that read them. What a softmax makes of a product stays as it
    is: the schedule of attentions rounds it.

    before --> after
      %p = tensor.pad %x                     --> %h = linalg.generic ins(%x) { truncf }
                                                 %f = linalg.generic ins(%h) { extf }
                                                 %p = tensor.pad %f
      %c = linalg.generic ins(%p, %w) { mulf, addf }
    """

    pass_name: ClassVar[str] = "round-operands"
    element: str = "f16"

    def run(self, module: Any, ctx: PassContext) -> None:
        main = main_of(module)
        kind = ir.F16Type.get() if self.element == "f16" else ir.BF16Type.get()
        rounded: dict[Any, Any] = {}
        for op in [o for o in nested_ops(main.operation) if is_contraction(o)]:
            sources = [narrow_source(op.operands[i]) for i in range(2)]
            known = {str(s[0].type.element_type) for s in sources if s is not None}
            wide = all(str(op.operands[i].type.element_type) == "f32" for i in range(2))
            if not wide or known - {self.element}:
                continue  # the model has narrow operands of its own
            softmax = [is_softmax_of_product(op.operands[i]) for i in range(2)]
            for number, source in enumerate(sources):
                if source is None and not softmax[number]:
                    value = _rounded(module, ctx, op, op.operands[number], kind, rounded)
                    op.operands[number] = _converted_last(op, value) if any(softmax) else value


def _rounded(module: Any, ctx: PassContext, reader: Any, value: Any, kind: Any, known: dict[Any, Any]) -> Any:
    """`value` with its source rounded; the views on the way are made again, before the `reader`."""
    op = defining_op(value)
    if op is not None and (op.name in MOVES or pads_with_zero(op)):
        source = _rounded(module, ctx, reader, op.operands[0], kind, known)
        with ir.InsertionPoint(reader):
            view = op.clone()
        view.operation.operands[0] = source
        return view.operation.results[0]
    if value not in known:
        known[value] = _rounded_weight(module, ctx, value, kind) or _rounded_here(value, kind)
    return known[value]


def _converted_last(reader: Any, value: Any) -> Any:
    """The same views of the rounded source, converted back by an op of its own: the other operand keeps
    `fold-casts` from moving it, and an attention takes it in."""
    source = narrow_source(value)
    assert source is not None, "it was rounded"
    with ir.InsertionPoint(reader), reader.location:
        return _converted(rebuilt(value, source[0]), value.type.element_type)


def _rounded_weight(module: Any, ctx: PassContext, value: Any, kind: Any) -> Any | None:
    """Of a weight: another one, converted."""
    sym = weight_symbol(value)
    if sym is None:
        return None
    dtype = DType.F16 if str(kind) == "f16" else DType.BF16
    shape = ctx.weights.type(sym).shape
    recipe = Recipe("cast", (("to", dtype), ("saturate", None), ("rounding", None)), (sym,))
    new = ctx.weights.add_recipe(f"{sym}.{kind}", TensorType(shape, dtype), recipe)
    narrow = ir.RankedTensorType.get(list(value.type.shape), kind)
    declare_weight(module, new, narrow)
    with _after(value), value.owner.location:
        return _converted(load_weight(new, narrow), value.type.element_type)


def _rounded_here(value: Any, kind: Any) -> Any:
    with _after(value), ir.Location.unknown():
        return _converted(_converted(value, kind), value.type.element_type)


def _after(value: Any) -> Any:
    """The place right after a value is made."""
    if isinstance(value.owner, ir.Block):
        return ir.InsertionPoint.at_block_begin(value.owner)
    operations = list(value.owner.operation.block.operations)
    place = next(i for i, o in enumerate(operations) if o.operation == value.owner.operation)
    return ir.InsertionPoint(operations[place + 1])


def _converted(value: Any, kind: Any) -> Any:
    """A generic that converts each element to `kind`; at the insertion point."""
    source = ir.RankedTensorType(value.type)
    sizes = [
        tensor.DimOp(value, _index(d)).result if source.is_dynamic_dim(d) else int(source.shape[d])
        for d in range(source.rank)
    ]
    empty = tensor.EmptyOp(sizes, kind).result
    make = arith.TruncFOp if str(kind) != "f32" else arith.ExtFOp
    return each_of(value, empty, through=lambda x: make(kind, x).result)


def _index(number: int) -> Any:
    return arith.ConstantOp(ir.IndexType.get(), number).result
