"""All programs of a model in one module: from here on a program is a function, and kernels are kernels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from aicc.bindings import ir
from aicc.passes.base import Pass, PassContext, programs
from aicc.passes.buffers.entry import ENTRY, SHAPES
from aicc.passes.kernels.ir_tools import nested_ops
from aicc.passes.llvm.programs import entry_names

PROGRAM = "aicc.program"
"""Attribute of the entry of a program within the model's: its name."""


@dataclass(frozen=True)
class JoinPrograms(Pass):
    """Moves the functions of programs into the model's module, under names of their own.

    before --> after
      module @loop_0_body { func.func @aicc_model_main(…); func.func private @k0_rows(…) }
        --> func.func @aicc_main_loop_0_body(…) {aicc.program = "loop_0_body"}
            func.func private @loop_0_body_k0_rows(…)
    """

    pass_name: ClassVar[str] = "join-programs"
    whole: ClassVar[bool] = True

    def run(self, module: Any, ctx: PassContext) -> None:
        names = {_name(op) for op in module.body.operations}
        for program in programs(module)[:-1]:
            _join(module, program, names)
        functions = [op for op in module.body.operations if op.operation.name == "func.func"]
        ctx.stats["distinct_kernels"] = sum("aicc.kernel" in f.attributes for f in functions)
        hosts = [f for f in functions if "aicc.kernel" not in f.attributes]
        ctx.stats["kernels"] = sum(_launches(op) for f in hosts for op in nested_ops(f.operation))


def _join(module: Any, program: Any, names: set[str]) -> None:
    title = _name(program)
    main, shapes = entry_names(title)
    table = ir.SymbolTable(program.operation)
    for op in list(program.body.operations):
        old = _name(op)
        new = {ENTRY: main, SHAPES: shapes}.get(old)
        if new is None and (not old.startswith("aicc_") or op.operation.name != "func.func"):
            new = f"{title}_{old}"
        if new is not None:
            table.replace_all_symbol_uses(old, new, program.operation)
            op.operation.attributes["sym_name"] = ir.StringAttr.get(new)
        if old == ENTRY:
            op.operation.attributes[PROGRAM] = ir.StringAttr.get(title)
        if (new or old) in names:
            continue  # a function of the runtime, declared before
        names.add(new or old)
        op.operation.move_before(_first(module))
    program.operation.erase()


def _launches(op: Any) -> bool:
    """Whether an op of a host program calls a kernel."""
    return op.name == "func.call" and str(ir.FlatSymbolRefAttr(op.attributes["callee"]).value).endswith(
        "_launch"
    )


def _first(module: Any) -> Any:
    return next(iter(module.body.operations)).operation


def _name(op: Any) -> str:
    return str(ir.StringAttr(op.operation.attributes["sym_name"]).value)
