"""Kernels that may begin while the one before them runs: what waits for its end, and what lets the next begin."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from aicc.bindings import ir
from aicc.passes.base import Pass, PassContext
from aicc.passes.gpu.device import device_module
from aicc.passes.kernels.ir_tools import nested_ops

_DIALECTS = ("arith", "math")
_BEFORE = frozenset(
    (
        *("gpu.thread_id", "gpu.block_id", "gpu.block_dim", "gpu.grid_dim", "gpu.lane_id", "gpu.barrier"),
        *("gpu.dynamic_shared_memory", "memref.view", "memref.cast", "memref.subview", "memref.reinterpret_cast"),
        *("memref.extract_aligned_pointer_as_index", "llvm.inttoptr", "llvm.mlir.undef", "scf.if", "scf.yield"),
        *("nvvm.mbarrier.init", "nvvm.fence.mbarrier.init", "nvvm.cluster.arrive", "nvvm.cluster.wait"),
    )
)
"""Ops that touch no memory but that of the block. Others are thought to, whatever they do."""


@dataclass(frozen=True)
class WaitForGrids(Pass):
    """Kernels wait for the end of those before them, where they first need it. See `wait_for_grids`."""

    pass_name: ClassVar[str] = "wait-for-grids"

    def run(self, module: Any, ctx: PassContext) -> None:
        wait_for_grids(module)


def wait_for_grids(module: Any) -> None:
    """Lets functions of the `gpu.module` begin before the kernels launched before them have ended, in place.

        gpu.func @k_kernel(%a: memref<…>) kernel { … places, barriers of the block …  memref.load %a[…] … }
      -->
        gpu.func @k_kernel(%a: memref<…>) kernel {
          … places, barriers of the block …
          nvvm.griddepcontrol wait                  every thread, before memory that others may write or read
          nvvm.griddepcontrol launch_dependents     the next kernel may begin, as soon as all blocks are here
          memref.load %a[…] …
        }

    All kernels wait. Each lets the next begin only after its own wait, so that when that one begins, all kernels but
    the one before it have ended.
    """
    device = device_module(module)
    if device is None:
        return
    for function in device.regions[0].blocks[0].operations:
        if function.operation.name != "gpu.func":
            continue
        ops = [op.operation for op in function.operation.regions[0].blocks[0].operations]
        first = next(op for op in ops if _touches_memory(op))  # the end, if there is no other
        with ir.InsertionPoint(first), ir.Location.unknown():
            for kind in ("wait", "launch_dependents"):
                attribute = ir.Attribute.parse(f"#nvvm<grid_dep_action {kind}>")
                ir.Operation.create("nvvm.griddepcontrol", attributes={"kind": attribute})


def _touches_memory(op: Any) -> bool:
    """Whether an op, or one in it, may touch memory that other kernels see."""
    return any(
        inner.name not in _BEFORE and inner.name.split(".")[0] not in _DIALECTS for inner in nested_ops(op)
    )
