"""The pass that takes `main` from the aicc dialect to linalg, op by op."""

from __future__ import annotations

import importlib
import pkgutil
from dataclasses import dataclass
from functools import cache
from typing import Any, ClassVar

from aicc.bindings import func, ir
from aicc.dialects.op import declaration, operand_values
from aicc.dialects.programs import Control, control_of
from aicc.dialects.shapes import Shapes
from aicc.dialects.types import type_of
from aicc.errors import CompileError
from aicc.passes.base import Pass, PassContext
from aicc.passes.graph.facts import main_function
from aicc.passes.linalg.builder import RULES, Builder, Lowered, dense_constant
from aicc.passes.weight_ops import LOAD, declare_weight, loaded_symbol
from aicc.signature import BOUNDS

_NOT_RULES = {"broadcasts", "builder", "scalars", "lower", "requirements", "runtime_calls"}


@cache
def rules() -> dict[str, Any]:
    """All lowerings; the family files are imported on first use."""
    package = importlib.import_module("aicc.passes.linalg")
    for module in pkgutil.iter_modules(package.__path__):
        if module.name not in _NOT_RULES:
            importlib.import_module(f"aicc.passes.linalg.{module.name}")
    return RULES


@dataclass(frozen=True)
class LowerToLinalg(Pass):
    """Rebuilds `main` with linalg on tensors of storage types.

    before --> after
      %w = "aicc.weight"() {sym = "w"}        --> %w = ml_program.global_load_const @w
      %y = "aicc.matmul"(%x, %w)              --> %y = linalg.generic {… mulf, addf} ins(%x, %w) outs(%zero)
    """

    pass_name: ClassVar[str] = "lower-to-linalg"

    def run(self, module: Any, ctx: PassContext) -> None:
        old = main_function(module)
        shapes = Shapes()
        block = old.regions[0].blocks[0]
        types = [type_of(a) for a in block.arguments]
        with ir.InsertionPoint(old), old.location:
            new = func.FuncOp("main", ([t.mlir(storage=True) for t in types], []))
        for key in ("arg_attrs", "res_attrs", BOUNDS):
            if key in old.attributes:
                new.attributes[key] = old.attributes[key]
        entry = new.add_entry_block()
        b = Builder(ctx.weights, device=ctx.target.is_device)
        values: dict[Any, Any] = {}
        with ir.InsertionPoint(entry):
            for argument, value in zip(block.arguments, entry.arguments, strict=True):
                values[argument] = value
                with ir.Location.unknown():
                    b.bind(value, shapes.info(argument))
            for op in block.operations:
                with op.location:
                    _lower_op(op.operation, b, shapes, values)
        returned = [v.type for v in entry.operations[len(entry.operations) - 1].operation.operands]
        new.attributes["function_type"] = ir.TypeAttr.get(
            ir.FunctionType.get([a.type for a in entry.arguments], returned)
        )
        _signature_dtypes(old, new)
        old.operation.erase()
        _declare_weights(module, new)


def _lower_op(op: Any, b: Builder, shapes: Shapes, values: dict[Any, Any]) -> None:
    if op.name == "func.return":
        func.ReturnOp([values[v] for v in op.operands])
        return
    decl = declaration(op)
    control = control_of(op) if decl is None else None
    if control is not None:
        _call_programs(op, control, b, shapes, values)
        return
    if decl is None:
        raise CompileError("AICC-2002", f"op '{op.name}' has no place at this level.", stage="linalg")
    if decl.name == "none":
        return
    infos = [None if v is None else shapes.info(v) for v in operand_values(op)]
    attrs = decl.decode_attributes(op)
    if decl.name == "weight":
        values[op.results[0]] = b.weight(attrs["sym"])
        return
    if decl.name == "constant":
        values[op.results[0]] = dense_constant(attrs["value"])
        return
    results = [shapes.info(r) for r in op.results]
    known = [b.known_value(t) for t in results]
    if all(v is not None for v in known):
        values.update(zip(op.results, known, strict=True))
        return
    rule = rules().get(decl.name)
    if rule is None:
        raise CompileError(
            "AICC-2002", f"aicc.{decl.name} has no lowering to linalg.", node=_node(op), stage="linalg"
        )
    operands = [None if v is None else values[v] for v in operand_values(op)]
    out = rule(b, Lowered(decl, operands, infos, results, attrs))
    for result, value, t in zip(
        op.results, out if isinstance(out, (list, tuple)) else [out], results, strict=True
    ):
        want = t.mlir(storage=True)
        if value.type != want:
            value = _cast(value, want)
        values[result] = value
        b.bind(value, t)


def _call_programs(op: Any, control: Control, b: Builder, shapes: Shapes, values: dict[Any, Any]) -> None:
    """The same call on storage types; its declaration follows."""
    operands = [values[v] for v in op.operands]
    results = [shapes.info(r) for r in op.results]
    callee = str(ir.FlatSymbolRefAttr(op.attributes["callee"]).value)
    call = func.CallOp([t.mlir(storage=True) for t in results], ir.FlatSymbolRefAttr.get(callee), operands)
    control.write(call.operation)
    module = ir.InsertionPoint.current.block.owner.operation.parent
    table = ir.SymbolTable(module.operation)
    types = ir.FunctionType.get([v.type for v in operands], [r.type for r in call.results])
    table[callee].operation.attributes["function_type"] = ir.TypeAttr.get(types)
    for old, new, t in zip(op.results, call.results, results, strict=True):
        values[old] = new
        b.bind(new, t)


def _cast(value: Any, want: Any) -> Any:
    """Static and dynamic spellings of one shape may meet; anything else is a defect of the rule."""
    from aicc.bindings import tensor

    return tensor.CastOp(want, value).result


def _node(op: Any) -> str:
    return str(op.location).removeprefix("loc(").removesuffix(")")


def _signature_dtypes(old: Any, new: Any) -> None:
    """`aicc.dtype` on arguments and results keeps what storage types lose (bool, unsigned).

    Sizes that became static since the import are no names any more.
    """
    for key, types in (("arg_attrs", old.type.inputs), ("res_attrs", old.type.results)):
        attrs = new.attributes[key] if key in new.attributes else [ir.DictAttr.get({})] * len(types)
        out = []
        for a, t in zip(attrs, types, strict=True):
            named = {n.name: n.attr for n in ir.DictAttr(a)}
            tensor_type = ir.RankedTensorType(t)
            named["aicc.dtype"] = ir.TypeAttr.get(tensor_type.element_type)
            if "aicc.dims" in named:
                named["aicc.dims"] = _refined(named["aicc.dims"], tensor_type)
            out.append(ir.DictAttr.get(named))
        new.attributes[key] = ir.ArrayAttr.get(out)


def _refined(dims: Any, t: Any) -> Any:
    """`aicc.dims` with the static sizes of `t`."""
    i64 = ir.IntegerType.get_signless(64)
    return ir.ArrayAttr.get(
        [d if t.is_dynamic_dim(i) else ir.IntegerAttr.get(i64, t.get_dim_size(i)) for i, d in enumerate(dims)]
    )


def _declare_weights(module: Any, main: Any) -> None:
    used: dict[str, Any] = {}

    def visit(op: Any) -> Any:
        if op.name == LOAD:
            used.setdefault(loaded_symbol(op), op.results[0].type)
        return ir.WalkResult.ADVANCE

    main.operation.walk(visit)
    # each declaration goes to the top: reversed, they stand in order of use
    for sym, t in reversed(used.items()):
        declare_weight(module, sym, t)
