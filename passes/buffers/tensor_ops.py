"""Ops on tensors in the host program: views of buffers, and elements the host reads or writes itself."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from aicc.bindings import ir, memref
from aicc.passes.buffers.destinations import kept_dims, slice_of
from aicc.passes.buffers.host_rules import host_rule
from aicc.passes.buffers.layout import Buffer, as_value, const_index, whole
from aicc.passes.kernels.ir_tools import reassociation_of
from aicc.passes.weight_ops import loaded_symbol

if TYPE_CHECKING:
    from aicc.passes.buffers.host import Host


@host_rule("ml_program.global_load_const")
def _load_weight(host: Host, op: Any) -> None:
    sym = loaded_symbol(op)
    t = ir.RankedTensorType(op.results[0].type)
    root = memref.ViewOp(
        ir.MemRefType.get(t.shape, t.element_type), host.weights, const_index(host.offsets[sym]), []
    ).result
    host.buffers[op.results[0]] = whole(root, tuple(t.shape), owned=False)


@host_rule("tensor.empty")
def _empty(host: Host, op: Any) -> None:
    """Memory is found when something is written."""


@host_rule("tensor.expand_shape")
def _expand_shape(host: Host, op: Any) -> None:
    source = host.written(op.operands[0])
    groups = reassociation_of(op)
    t = ir.RankedTensorType(op.results[0].type)
    sizes = host.mixed(t, list(op.operands)[1:])
    assert sizes is not None
    host.buffers[op.results[0]] = source.expand(groups, sizes)


@host_rule("tensor.collapse_shape")
def _collapse_shape(host: Host, op: Any) -> None:
    source = host.written(op.operands[0])
    groups = reassociation_of(op)
    merged = (
        source.collapse(groups)
        if groups
        else Buffer(source.root, source.element, source.offset, (), (), source.owned)
    )
    if merged is None:
        merged = host.contiguous(source).collapse(groups)
        assert merged is not None
    host.buffers[op.results[0]] = merged


@host_rule("tensor.extract_slice")
def _extract_slice(host: Host, op: Any) -> None:
    where = slice_of(op, host.mapped_scalar)
    assert where is not None
    small = host.written(op.operands[0]).slice(*where)
    host.buffers[op.results[0]] = small.keep(kept_dims(op.results[0].type, where[1]))


@host_rule("tensor.insert_slice")
def _insert_slice(host: Host, op: Any) -> None:
    source = host.written(op.operands[0])
    where = slice_of(op, host.mapped_scalar)
    assert where is not None
    dest = host.writable(op.operands[1], op, op.results[0])
    host.copy(source, dest.slice(*where).keep(kept_dims(op.operands[0].type, where[1])))
    host.buffers[op.results[0]] = dest


@host_rule("tensor.cast")
def _cast(host: Host, op: Any) -> None:
    """The same place; sizes that the result knows to be static are."""
    buffer, t = host.written(op.operands[0]), ir.RankedTensorType(op.results[0].type)
    sizes = [s if t.is_dynamic_dim(d) else int(t.shape[d]) for d, s in enumerate(buffer.sizes)]
    host.buffers[op.results[0]] = replace(buffer, sizes=tuple(sizes))


@host_rule("tensor.dim")
def _dim(host: Host, op: Any) -> None:
    d = host.scalar(op.operands[1])
    sizes = host.sizes(op.operands[0])
    assert sizes is not None and isinstance(d, int)
    host.scalars[op.results[0]] = as_value(sizes[d])


@host_rule("tensor.extract")
def _extract(host: Host, op: Any) -> None:
    buffer = host.written(op.operands[0])
    position = [as_value(host.scalar(v)) for v in list(op.operands)[1:]]
    host.scalars[op.results[0]] = memref.LoadOp(buffer.materialize(), position).result


@host_rule("tensor.from_elements")
def _from_elements(host: Host, op: Any) -> None:
    buffer = host.written(op.results[0])
    view = buffer.materialize()
    shape = [int(s) for s in ir.RankedTensorType(op.results[0].type).shape]
    for k, v in enumerate(op.operands):
        position: list[Any] = []
        for s in reversed(shape):
            position.insert(0, const_index(k % s))
            k //= s
        memref.StoreOp(as_value(host.scalar(v)), view, position)


@host_rule("tensor.insert")
def _insert(host: Host, op: Any) -> None:
    dest = host.writable(op.operands[1], op, op.results[0])
    position = [as_value(host.scalar(v)) for v in list(op.operands)[2:]]
    memref.StoreOp(as_value(host.scalar(op.operands[0])), dest.materialize(), position)
    host.buffers[op.results[0]] = dest


@host_rule("linalg.fill")
def _fill(host: Host, op: Any) -> None:
    """Only initializes reductions: made again inside each kernel."""
