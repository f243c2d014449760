"""Waits for barriers in shared memory, as a loop of their own."""

from __future__ import annotations

from typing import Any

from aicc.bindings import ir
from aicc.passes.kernels.ir_tools import nested_ops

# `mbarrier.try_wait` gives up after some time. Threads of a warp may get different answers.
_LOOP = """{
.reg .pred done;
again:
mbarrier.try_wait.parity.shared::cta.b64 done, [$0], $1, $2;
@done bra over;
bra again;
over:
}"""


def write_waits(module: Any) -> None:
    """Replaces the waits that `convert-nvvm-to-llvm` would make loops with uniform branches.

    nvvm.mbarrier.try_wait.parity %barrier, %parity, %ticks  -->  llvm.inline_asm "… mbarrier.try_wait.parity …"
    """
    for op in [o for o in nested_ops(module) if o.name == "nvvm.mbarrier.try_wait.parity"]:
        with ir.InsertionPoint(op), op.location:
            ir.Operation.create(
                "llvm.inline_asm",
                operands=list(op.operands),
                attributes={
                    "asm_string": ir.StringAttr.get(_LOOP),
                    "constraints": ir.StringAttr.get("r,r,r,~{memory}"),
                    "has_side_effects": ir.UnitAttr.get(),
                },
            )
        op.erase()
