"""What a call of programs (`passes/buffers/programs.py`) does: it fills a table and asks the runtime.

    func.func private @if_0_run(ptr ctx, i64 condition, ptr buffers, ptr dims, ptr sizes, ptr…) {aicc.control = "if", …}
  -->
    llvm.func internal @if_0_run(…) {
      // the addresses of inputs and results go to `buffers`
      llvm.call @aicc_call_if(%ctx, @aicc_program_if_0_then, …_else, %condition, %buffers, %dims, %sizes)
    }

The addresses are operands of one call, so that whoever plans memory sees that the buffers are in use.
"""

from __future__ import annotations

from typing import Any

from aicc.bindings import ir
from aicc.dialects.programs import CONTROL, Control, control_of

PTR, I64 = "!llvm.ptr", "i64"


def descriptor(program: str) -> str:
    """The symbol of a program's `aicc_program_desc`, which `model_info.c` defines."""
    return f"aicc_program_{program}"


def entry_names(program: str) -> tuple[str, str]:
    """The symbols of a program's `main` and `shapes`."""
    return f"aicc_main_{program}", f"aicc_shapes_{program}"


def program_calls(module: Any) -> dict[str, Control]:
    """The functions of a host module that call programs, by name."""
    found: dict[str, Control] = {}
    for op in module.body.operations:
        if CONTROL in op.operation.attributes:
            control = control_of(op.operation)
            assert control is not None
            found[str(ir.StringAttr(op.operation.attributes["sym_name"]).value)] = control
    return found


def define_calls(module: Any, calls: dict[str, Control]) -> None:
    """Gives the declarations of `calls`, by now in the llvm dialect, their bodies."""
    texts: dict[str, str] = {}
    for op in [o.operation for o in module.body.operations]:
        name = str(ir.StringAttr(op.attributes["sym_name"]).value) if "sym_name" in op.attributes else ""
        if name not in calls:
            continue
        types = str(ir.TypeAttr(op.attributes["function_type"]).value)
        parameters = types[types.index("(") + 1 : types.rindex(")")].split(", ")
        op.erase()
        texts |= _declarations(calls[name])
        texts[name] = _definition(name, calls[name], len(parameters))
    made = ir.Module.parse("\n".join(texts.values()))  # lives as long as its ops are read
    for op in made.body.operations:
        module.body.append(op.operation.clone(ip=False))


def _declarations(control: Control) -> dict[str, str]:
    """What a body refers to, by symbol."""
    numbers = [I64] * (1 if control.kind == "if" else 4)
    kinds = [PTR, *[PTR] * len(control.programs), *numbers, PTR, PTR, PTR]
    runtime = f"aicc_call_{control.kind}"
    texts = {runtime: f"llvm.func @{runtime}({', '.join(kinds)})"}
    for name in map(descriptor, control.programs):
        texts[name] = f"llvm.mlir.global external hidden constant @{name}() : i8"
    return texts


def _definition(name: str, control: Control, parameters: int) -> str:
    scalars = control.first_input
    tables = scalars + 1
    types = [PTR] + [I64] * scalars + [PTR] * (parameters - tables)
    arguments = ", ".join(f"%a{i}: {kind}" for i, kind in enumerate(types))
    lines = [f"llvm.func internal @{name}({arguments}) {{"]
    buffers, dims, sizes = (f"%a{tables + i}" for i in range(3))
    for slot, i in enumerate(range(tables + 3, parameters)):
        lines.append(f"  %s{i} = llvm.getelementptr inbounds {buffers}[{slot}] : ({PTR}) -> {PTR}, {PTR}")
        lines.append(f"  llvm.store %a{i}, %s{i} : {PTR}, {PTR}")
    for k, program in enumerate(control.programs):
        lines.append(f"  %p{k} = llvm.mlir.addressof @{descriptor(program)} : {PTR}")
    numbers = [f"%a{1 + i}" for i in range(scalars)]
    if control.kind == "loop":
        for constant, value in (("carried", control.carried), ("always", int(control.always))):
            lines.append(f"  %{constant} = llvm.mlir.constant({value} : i64) : i64")
            numbers.append(f"%{constant}")
    operands = ["%a0", *(f"%p{k}" for k in range(len(control.programs))), *numbers, buffers, dims, sizes]
    kinds = [PTR, *[PTR] * len(control.programs), *[I64] * len(numbers), PTR, PTR, PTR]
    lines.append(f"  llvm.call @aicc_call_{control.kind}({', '.join(operands)}) : ({', '.join(kinds)}) -> ()")
    return "\n".join([*lines, "  llvm.return", "}"])
