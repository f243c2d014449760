"""The end of the host program: results reach the caller's buffers, memory of the pool goes back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aicc.bindings import arith, func, ir
from aicc.passes.buffers.host_rules import host_rule
from aicc.passes.buffers.layout import Buffer, Size
from aicc.passes.buffers.output_sizes import allocate_output, follow_from
from aicc.passes.buffers.programs import RELEASE

if TYPE_CHECKING:
    from aicc.passes.buffers.host import Host


@host_rule("func.return")
def _return(host: Host, op: Any) -> None:
    for k, value in enumerate(op.operands):
        buffer = host.written(value)
        out = host.outputs[k]
        if out is None:
            t = ir.RankedTensorType(value.type)
            out = _dynamic_output(host, k, t, buffer.sizes)
        host.copy(buffer, out)
    for pointer in host.kept:
        host.call(RELEASE, [host.entry.context, pointer])
    zero = ir.IntegerAttr.get(ir.IntegerType.get_signless(32), 0)
    func.ReturnOp([arith.ConstantOp(zero.type, zero).result])


def _dynamic_output(host: Host, k: int, t: Any, sizes: tuple[Size, ...]) -> Buffer:
    """The caller's buffer when its sizes follow from those of the inputs, else one of the runtime."""
    arguments = list(host.main.regions[0].blocks[0].arguments)
    known = {s for a in arguments for s in host.buffers[a].sizes if not isinstance(s, int)}
    if all(follow_from(s, known) for s in sizes):
        return host.entry.output(len(arguments) + k, t, sizes)
    return host.entry.allocated_output(allocate_output(host.module, host.entry.context, k, sizes), t, sizes)
