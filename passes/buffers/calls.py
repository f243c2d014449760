"""Calls in the host program: of kernels, of programs, of the runtime."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aicc.bindings import ir
from aicc.dialects.programs import control_of
from aicc.passes.buffers.border import border_kernel, pad_amounts_of
from aicc.passes.buffers.host_rules import host_rule
from aicc.passes.buffers.layout import Buffer, as_value, either
from aicc.passes.buffers.programs import call_programs
from aicc.passes.buffers.runtime_calls import is_compact, on_device, row
from aicc.passes.buffers.sizes import result_sizes
from aicc.passes.buffers.updates import updated_operands
from aicc.passes.linalg.broadcasts import EITHER
from aicc.passes.linalg.runtime_calls import MESSAGE
from aicc.passes.llvm.pointers import string_constant

if TYPE_CHECKING:
    from aicc.passes.buffers.host import Host


@host_rule("func.call")
def _call(host: Host, op: Any) -> None:
    """A kernel writes where its results belong; a function that is no kernel is the runtime's."""
    control = control_of(op)
    if control is not None:
        call_programs(host, op, control)
        return
    name = str(ir.FlatSymbolRefAttr(op.attributes["callee"]).value)
    if name not in host.sources:
        _runtime_call(host, name, op)
        return
    kernel = host.sources[name]
    updated = updated_operands(kernel)
    tensors = [
        host.writable(v, op, op.results[updated[n]]) if n in updated else host.written(v)
        for n, v in enumerate(op.operands)
        if isinstance(v.type, ir.RankedTensorType)
    ]
    indices = [as_value(host.scalar(v)) for v in op.operands if isinstance(v.type, ir.IndexType)]
    operands = [*tensors, *indices]
    results: list[Buffer] = []
    places = {k: tensors[n] for n, k in updated.items()}
    for k, result in enumerate(op.results):
        home: Buffer | None = places.get(k)
        if home is None:
            host.note_sizes(result, result_sizes(kernel, k, operands))
            home = host.destinations.place(result)
        assert home is not None
        host.buffers[result] = home
        results.append(home)
    amounts = pad_amounts_of(op, host.sources)
    if amounts is not None and tensors[0].same_place(
        results[0].slice(amounts[0], tensors[0].sizes, [1] * tensors[0].rank)
    ):
        host.launch(border_kernel(host.module, host.sources, op, results[0]), results, [])
        return
    buffers = [*(t for n, t in enumerate(tensors) if n not in updated), *results]
    variant = host.kernels.variant(name, buffers, indices, len(results))
    host.launch(variant, buffers, indices)


def _runtime_call(host: Host, name: str, op: Any) -> None:
    """A function of the runtime; the first numbers are the results' sizes."""
    said = []
    if MESSAGE in op.attributes:
        said = [string_constant(host.module, str(ir.StringAttr(op.attributes[MESSAGE]).value))]
    if not len(op.results):
        host.call(name, [host.entry.context, *(as_value(host.scalar(v)) for v in op.operands), *said])
        return
    if name.startswith(EITHER):
        first, second = (host.written(v) for v in list(op.operands)[:2])
        size, condition = (as_value(host.scalar(v)) for v in list(op.operands)[2:])
        host.buffers[op.results[0]] = either(condition, first, second, size)
        return
    if host.device:
        raise on_device(op)
    given = [host.written(v) for v in op.operands if isinstance(v.type, ir.RankedTensorType)]
    tensors = [t if is_compact(t) else host.contiguous(t) for t in given]
    numbers = [as_value(host.scalar(v)) for v in op.operands if isinstance(v.type, ir.IndexType)]
    for result, size in zip(op.results, numbers, strict=False):
        host.note_sizes(result, (size,))
    homes = [host.written(r) for r in op.results]
    results = [h if is_compact(h) else host.alloc(h.element, h.sizes) for h in homes]
    host.call(name, [host.entry.context, *map(row, tensors + results), *numbers, *said])
    for written, home in zip(results, homes, strict=True):
        host.copy(written, home)
