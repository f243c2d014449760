"""Sizes of the results of kernels, as the host can compute them before the call."""

from __future__ import annotations

from typing import Any

from aicc.bindings import ir
from aicc.passes.buffers.layout import Size, add
from aicc.passes.kernels.ir_tools import defining_op, inits


def result_sizes(kernel: Any, number: int, operands: list[Any]) -> tuple[Size, ...]:
    """Sizes of result `number` of a call of `kernel` with the (host) `operands`; arithmetic is built in place."""
    block = kernel.regions[0].blocks[0]
    ret = block.operations[len(block.operations) - 1].operation
    value = ret.operands[number]
    return tuple(_size(value, d, operands) for d in range(ir.RankedTensorType(value.type).rank))


def _size(value: Any, d: int, operands: list[Any]) -> Size:
    t = ir.RankedTensorType(value.type)
    if not t.is_dynamic_dim(d):
        return int(t.shape[d])
    op = defining_op(value)
    if op is None:
        return operands[ir.BlockArgument(value).arg_number].sizes[d]
    nth = sum(1 for i in range(d) if t.is_dynamic_dim(i))
    if op.name == "tensor.empty":
        return _index(op.operands[nth], operands)
    if op.name == "linalg.fill":
        return _size(op.operands[1], d, operands)
    if op.name == "linalg.generic":
        return _size(inits(op)[list(op.results).index(value)], d, operands)
    if op.name == "scf.for":
        return _size(op.operands[3 + list(op.results).index(value)], d, operands)
    if op.name == "tensor.insert":
        return _size(op.operands[1], d, operands)
    if op.name == "tensor.pad":
        low, high = _padding(op, d, operands)
        return add(add(_argument_size(op.operands[0], d, operands), low), high)
    raise AssertionError(f"no size rule for {op.name}")


def _padding(op: Any, d: int, operands: list[Any]) -> tuple[Size, Size]:
    """Elements a `tensor.pad` adds before and after dim `d`; dynamic ones are operands, all low ones first."""
    marker, taken = ir.ShapedType.get_dynamic_size(), 1
    out: list[Size] = []
    for key in ("static_low", "static_high"):
        static = [int(v) for v in ir.DenseI64ArrayAttr(op.attributes[key])]
        if static[d] == marker:
            out.append(_index(op.operands[taken + static[:d].count(marker)], operands))
        else:
            out.append(static[d])
        taken += static.count(marker)
    return out[0], out[1]


def _argument_size(value: Any, d: int, operands: list[Any]) -> Size:
    t = ir.RankedTensorType(value.type)
    if not t.is_dynamic_dim(d):
        return int(t.shape[d])
    if isinstance(value.owner, ir.Block):
        return operands[ir.BlockArgument(value).arg_number].sizes[d]
    return _size(value, d, operands)


def _index(value: Any, operands: list[Any]) -> Size:
    """An index value of a kernel's body, on the host."""
    if isinstance(value.owner, ir.Block):
        return operands[ir.BlockArgument(value).arg_number]
    op = defining_op(value)
    assert op is not None
    if op.name == "arith.constant":
        return int(ir.IntegerAttr(op.attributes["value"]).value)
    if op.name == "tensor.dim":
        d = defining_op(op.operands[1])
        assert d is not None and d.name == "arith.constant"
        return _argument_size(op.operands[0], int(ir.IntegerAttr(d.attributes["value"]).value), operands)
    clone = op.clone()
    for i, v in enumerate(op.operands):
        host = _index(v, operands)
        from aicc.passes.buffers.layout import as_value

        clone.operands[i] = as_value(host)
    return clone.results[0]
