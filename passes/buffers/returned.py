"""The end of the host program: results reach the caller's buffers, memory of the pool goes back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aicc.bindings import arith, func, ir
from aicc.passes.buffers.host_rules import host_rule
from aicc.passes.buffers.layout import Buffer, Size
from aicc.passes.buffers.output_sizes import allocate_output
from aicc.passes.buffers.programs import RELEASE

if TYPE_CHECKING:
    from aicc.passes.buffers.host import Host


@host_rule("func.return")
def _return(host: Host, op: Any) -> None:
    for k, value in enumerate(op.operands):
        buffer = host.written(value)
        out = host.outputs[k]
        if out is None:
            out = host.output(k, buffer.sizes) or _allocated(host, k, value, buffer.sizes)
        host.copy(buffer, out)
    for pointer in host.kept:
        host.call(RELEASE, [host.entry.context, pointer])
    zero = ir.IntegerAttr.get(ir.IntegerType.get_signless(32), 0)
    func.ReturnOp([arith.ConstantOp(zero.type, zero).result])


def _allocated(host: Host, k: int, value: Any, sizes: tuple[Size, ...]) -> Buffer:
    """A buffer of the runtime, for sizes that depend on data."""
    base = allocate_output(host.module, host.entry.context, k, sizes)
    return host.entry.allocated_output(base, ir.RankedTensorType(value.type), sizes)
