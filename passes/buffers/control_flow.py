"""Loops and branches of the host program on buffers."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from aicc.bindings import ir, scf
from aicc.errors import CompileError
from aicc.passes.buffers.host_rules import host_rule
from aicc.passes.buffers.layout import Buffer, as_value
from aicc.passes.kernels.ir_tools import defining_op

if TYPE_CHECKING:
    from aicc.passes.buffers.host import Host


@host_rule("scf.for")
def _for(host: Host, op: Any) -> None:
    """Loop-carried tensors live in slots; the body's results are copied into them before the next round."""
    low, high, step, *starts = op.operands
    slots = _slots(host, starts)
    bounds = [as_value(host.scalar(v)) for v in (low, high, step)]
    scalars = [v for v in starts if not isinstance(v.type, ir.RankedTensorType)]
    loop = scf.ForOp(*bounds, [as_value(host.scalar(v)) for v in scalars])
    body = op.regions[0].blocks[0]
    host.scalars[body.arguments[0]] = loop.induction_variable
    _place(host, list(body.arguments)[1:], slots, loop.inner_iter_args)
    with ir.InsertionPoint(loop.body):
        yielded = _region(host, body)
        scf.YieldOp(_yield_into(host, yielded, slots))
    _place(host, op.results, slots, loop.results)


def _place(host: Host, values: Iterable[Any], slots: list[Buffer | None], scalars: Iterable[Any]) -> None:
    """Values of the old program are in their slots, or the next of `scalars`."""
    numbers = iter(scalars)
    for value, slot in zip(values, slots, strict=True):
        if slot is None:
            host.scalars[value] = next(numbers)
        else:
            host.buffers[value] = slot


def _region(host: Host, block: Any) -> list[Any]:
    """Builds the ops of a region; returns what it yields (values of the old program)."""
    ops = [o.operation for o in block.operations]
    for o in ops[:-1]:
        with o.location:
            host.op(o)
    return list(ops[-1].operands)


def _slots(host: Host, starts: list[Any]) -> list[Buffer | None]:
    slots: list[Buffer | None] = []
    for start in starts:
        if not isinstance(start.type, ir.RankedTensorType):
            slots.append(None)
            continue
        op = defining_op(start)
        if op is not None and op.name == "tensor.empty":
            slot = host.destinations.place(start)
            assert slot is not None
        else:
            source = host.written(start)
            slot = host.alloc(source.element, source.sizes)
            host.copy(source, slot)
        slots.append(slot)
    return slots


def _yield_into(host: Host, values: list[Any], slots: list[Buffer | None]) -> list[Any]:
    """Copies yielded tensors into their slots; returns the scalars to yield."""
    roots = [s.root for s in slots if s is not None]
    moves: list[tuple[Buffer, Buffer]] = []
    scalars: list[Any] = []
    for value, slot in zip(values, slots, strict=True):
        if slot is None:
            scalars.append(as_value(host.scalar(value)))
            continue
        buffer = host.written(value)
        if not buffer.same_place(slot) and buffer.root in roots:
            buffer = host.contiguous(buffer)  # slots that change places
        moves.append((buffer, slot))
    for source, slot in moves:
        host.copy(source, slot)
    return scalars


@host_rule("scf.if")
def _if(host: Host, op: Any) -> None:
    condition = as_value(host.scalar(op.operands[0]))
    slots: list[Buffer | None] = []
    for r in op.results:
        if isinstance(r.type, ir.RankedTensorType):
            t = ir.RankedTensorType(r.type)
            if not t.has_static_shape:
                raise CompileError(
                    "AICC-2002", "an scf.if yields a tensor of dynamic shape.", stage="buffers"
                )
            slots.append(host.alloc(t.element_type, tuple(t.shape)))
        else:
            slots.append(None)
    scalar_types = [r.type for r, s in zip(op.results, slots, strict=True) if s is None]
    has_else = len(op.regions[1].blocks) > 0
    branch = scf.IfOp(condition, scalar_types, has_else=has_else)
    for region, block in zip(
        op.regions, [branch.then_block] + ([branch.else_block] if has_else else []), strict=False
    ):
        with ir.InsertionPoint(block):
            scf.YieldOp(_yield_into(host, _region(host, region.blocks[0]), slots))
    _place(host, op.results, slots, branch.results)
