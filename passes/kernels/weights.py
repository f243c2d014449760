"""Views and transposes of weights before kernels are formed: done at compile time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from aicc.bindings import ir
from aicc.dialects.types import TensorType
from aicc.passes.base import Pass, PassContext
from aicc.passes.kernels.ir_tools import defining_op, is_copy, main_of, maps, nested_ops
from aicc.passes.weight_ops import LOAD, declare_weight, load_weight, loaded_symbol
from aicc.weights import Recipe


@dataclass(frozen=True)
class FoldWeightViews(Pass):
    """A reshape or transpose of a weight becomes a weight of its own.

    before --> after
      %w = ml_program.global_load_const @w             --> %v = ml_program.global_load_const @w.view
      %v = tensor.expand_shape %w [[0, 1], [2]] …
    """

    pass_name: ClassVar[str] = "fold-weight-views"

    def run(self, module: Any, ctx: PassContext) -> None:
        for op in list(nested_ops(main_of(module).operation)):
            recipe = _recipe(op)
            if recipe is None:
                continue
            t = ir.RankedTensorType(op.results[0].type)
            source = recipe.inputs[0]
            assert source is not None
            shape = TensorType(tuple(t.shape), ctx.weights.type(source).dtype)
            sym = ctx.weights.add_recipe(f"{source}.{recipe.op}", shape, recipe)
            declare_weight(module, sym, t)
            with ir.InsertionPoint(op), op.location:
                load = load_weight(sym, t)
            op.results[0].replace_all_uses_with(load)
            op.erase()


def weight_symbol(value: Any) -> str | None:
    """The symbol a value is loaded from, None when it is no weight."""
    op = defining_op(value)
    return loaded_symbol(op) if op is not None and op.name == LOAD else None


def weight_part(value: Any) -> str | None:
    """The symbol of the weight of which a run chooses `value`, one entry of the first dim; None for other values.

    %p = tensor.extract_slice %w[%i, 0, 0] [1, 64, 32] [1, 1, 1] : tensor<8x64x32xf32> to tensor<64x32xf32>
    """
    op = defining_op(value)
    if op is None or op.name != "tensor.extract_slice" or len(op.operands) != 2:
        return None
    sym = weight_symbol(op.operands[0])
    if sym is None:
        return None
    source, part = (ir.RankedTensorType(v.type).shape for v in (op.operands[0], value))
    offsets = [int(x) for x in ir.DenseI64ArrayAttr(op.attributes["static_offsets"])]
    chosen = offsets[0] == ir.ShapedType.get_dynamic_size() and not any(offsets[1:])
    return sym if chosen and list(part) == list(source)[1:] else None


def _recipe(op: Any) -> Recipe | None:
    if op.name in ("tensor.expand_shape", "tensor.collapse_shape"):
        sym = weight_symbol(op.operands[0])
        t = ir.RankedTensorType(op.results[0].type)
        if sym is None or not t.has_static_shape:
            return None
        return Recipe("view", (("shape", tuple(t.shape)),), (sym,))
    if is_copy(op):
        sym = weight_symbol(op.operands[0])
        m, out = maps(op)
        dims = [e.position for e in m.results if isinstance(e, ir.AffineDimExpr)]
        if sym is None or sorted(dims) != list(range(m.n_dims)) or out != ir.AffineMap.get_identity(m.n_dims):
            return None
        # source dim k is read at out dim dims[k]: out dim d comes from source dim dims.index(d)
        return Recipe("permute", (("perm", tuple(dims.index(d) for d in range(m.n_dims))),), (sym,))
    return None
