"""What must hold of the IR after each stage (docs/contracts.md), as code."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from aicc.bindings import ir
from aicc.errors import CompileError
from aicc.passes.base import programs

_AICC = ("aicc.", "tensor.concat", "func.")
_LINALG = ("linalg.", "tensor.", "arith.", "math.", "scf.", "ml_program.", "func.")
_HOST_ON_TENSORS = ("func.", "tensor.", "arith.", "scf.", "ml_program.", "linalg.fill")
_HOST_ON_BUFFERS = ("func.", "memref.", "arith.", "scf.", "llvm.", "builtin.unrealized_conversion_cast")


def check(module: Any, stage: str) -> None:
    """Raises CompileError AICC-2002 when `module` breaks the contract of `stage` or does not verify."""
    try:
        module.operation.verify()
    except ir.MLIRError as error:
        raise CompileError("AICC-2002", f"the IR does not verify: {error}", stage=stage) from error
    rule = _RULES.get(stage)
    if rule is not None:
        rule(module, stage)


def _only(prefixes: tuple[str, ...], in_kernels: bool) -> Callable[[Any, str], None]:
    def rule(module: Any, stage: str) -> None:
        for f in (f for program in programs(module) for f in program.body.operations):
            if f.operation.name == "builtin.module" or (not in_kernels and "aicc.kernel" in f.attributes):
                continue
            for name in _op_names(f.operation):
                if not name.startswith(prefixes):
                    raise CompileError(
                        "AICC-2002", f"op '{name}' does not belong to this level.", stage=stage
                    )

    return rule


def _op_names(op: Any) -> set[str]:
    names: set[str] = set()

    def visit(o: Any) -> Any:
        names.add(o.name)
        return ir.WalkResult.ADVANCE

    op.walk(visit)
    return names - {"builtin.module"}


def _buffers(module: Any, stage: str) -> None:
    _only(_HOST_ON_BUFFERS, in_kernels=False)(module, stage)
    for f in module.body.operations:
        if "aicc.kernel" not in f.attributes and "memref.alloc" in _op_names(f.operation):
            raise CompileError("AICC-2002", "an allocation is left in the host program.", stage=stage)
        if "aicc.kernel" in f.attributes and "aicc.schedule" not in f.attributes:
            raise CompileError("AICC-2002", f"kernel {f.sym_name.value} has no schedule.", stage=stage)


_RULES: dict[str, Callable[[Any, str], None]] = {
    "import": _only(_AICC, in_kernels=True),
    "graph": _only(_AICC, in_kernels=True),
    "linalg": _only(_LINALG, in_kernels=True),
    "kernels": _only(_HOST_ON_TENSORS, in_kernels=False),
    "buffers": _buffers,
}
