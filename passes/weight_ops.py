"""Weights in the IR from the linalg level on: a declared symbol, and loads of it."""

from __future__ import annotations

from typing import Any

from aicc.bindings import ir

LOAD = "ml_program.global_load_const"


def declare_weight(module: Any, sym: str, t: Any) -> None:
    """Declares the weight `sym` of type `t`, once. The store may know a weight the module does not: IR that a
    compilation is resumed from comes with the weights of all its stages."""
    if sym in ir.SymbolTable(module.operation):
        return
    with ir.InsertionPoint.at_block_begin(module.body), ir.Location.unknown():
        ir.Operation.create(
            "ml_program.global",
            attributes={
                "sym_name": ir.StringAttr.get(sym),
                "type": ir.TypeAttr.get(t),
                "value": ir.Attribute.parse(f"#ml_program.extern<{t}>"),
                "sym_visibility": ir.StringAttr.get("private"),
            },
            regions=0,
        )


def load_weight(sym: str, t: Any) -> Any:
    """Loads the weight `sym` of type `t` at the current insertion point."""
    attributes = {"global": ir.FlatSymbolRefAttr.get(sym)}
    return ir.Operation.create(LOAD, results=[t], attributes=attributes).results[0]


def loaded_symbol(op: Any) -> str:
    """The symbol a load reads."""
    return str(ir.FlatSymbolRefAttr(op.attributes["global"]).value)
