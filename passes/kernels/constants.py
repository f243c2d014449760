"""Constant tensors before kernels are formed: splats become scalars, others go to the weight store."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from aicc.bindings import arith, ir
from aicc.dialects.attributes import Dense
from aicc.passes.base import Pass, PassContext
from aicc.passes.kernels.ir_tools import body_of, defining_op, is_generic, main_of, maps, n_inputs, nested_ops
from aicc.passes.weight_ops import declare_weight, load_weight


@dataclass(frozen=True)
class InlineConstants(Pass):
    """Generics read splat constants as scalars; other constant tensors become weights.

    before --> after
      %c = arith.constant dense<2.0> : tensor<f32>         --> %s = arith.constant 2.0 : f32
      linalg.generic ins(%x, %c) { mulf %in, %in_0 }       --> linalg.generic ins(%x) { mulf %in, %s }
    """

    pass_name: ClassVar[str] = "inline-constants"

    def run(self, module: Any, ctx: PassContext) -> None:
        main = main_of(module)
        generics = [o for o in nested_ops(main.operation) if is_generic(o)]
        for op in generics:
            _inline_splats(op)
        entry = main.regions[0].blocks[0]
        constants = [
            o
            for o in nested_ops(main.operation)
            if o.name == "arith.constant" and isinstance(o.results[0].type, ir.RankedTensorType)
        ]
        for op in constants:
            if not list(op.results[0].uses):
                op.erase()
                continue
            sym = ctx.weights.add_array("constant", _array(op))
            declare_weight(module, sym, op.results[0].type)
            with ir.InsertionPoint.at_block_begin(entry), op.location:
                load = load_weight(sym, op.results[0].type)
            op.results[0].replace_all_uses_with(load)
            op.erase()


def _inline_splats(op: Any) -> None:
    """Rebuilds a generic without its splat inputs."""
    n = n_inputs(op)
    splats = {i: s for i in range(n) if (s := _splat(op.operands[i])) is not None}
    if not splats:
        return
    kept = [i for i in range(len(op.operands)) if i not in splats]
    if len(kept) == len(op.results) and len(op.results[0].type.shape) == 0:
        return  # a generic keeps the operands its loop bounds come from
    kept_maps = [maps(op)[i] for i in kept]
    if not _covers(kept_maps):
        return
    with ir.InsertionPoint(op), op.location:
        scalars = {i: arith.ConstantOp(a.type, a).result for i, a in splats.items()}
        attributes = {name: op.attributes[name] for name in op.attributes}
        attributes["indexing_maps"] = ir.ArrayAttr.get([ir.AffineMapAttr.get(m) for m in kept_maps])
        attributes["operandSegmentSizes"] = ir.DenseI32ArrayAttr.get([n - len(splats), len(op.results)])
        new = ir.Operation.create(
            "linalg.generic",
            results=[r.type for r in op.results],
            operands=[op.operands[i] for i in kept],
            attributes=attributes,
            regions=1,
        )
    block = body_of(op)
    for i, scalar in scalars.items():
        block.arguments[i].replace_all_uses_with(scalar)
    block.append_to(new.regions[0])
    for i in sorted(splats, reverse=True):
        new.regions[0].blocks[0].erase_argument(i)
    for old, value in zip(op.results, new.results, strict=True):
        old.replace_all_uses_with(value)
    op.erase()


def _covers(all_maps: list[Any]) -> bool:
    """Whether every loop dim can still be read off an operand."""
    n = all_maps[0].n_dims
    seen = {e.position for m in all_maps for e in m.results if isinstance(e, ir.AffineDimExpr)}
    return len(seen) == n


def _splat(value: Any) -> Any | None:
    """The scalar attribute of a splat constant tensor."""
    op = defining_op(value)
    if op is None or op.name != "arith.constant":
        return None
    attr = op.attributes["value"]
    if not isinstance(attr.type, ir.RankedTensorType):
        return None
    dense = ir.DenseElementsAttr(attr)
    return dense.get_splat_value() if dense.is_splat else None


def _array(op: Any) -> Any:
    """The constant's elements in a NumPy dtype of its storage type."""
    return Dense.decode(op.attributes["value"])
