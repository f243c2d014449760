"""Halos: a pad whose source already lies inside the padded buffer only has to write the border."""

from __future__ import annotations

import hashlib
from typing import Any

from aicc.bindings import arith, func, ir, linalg, memref
from aicc.passes.buffers.kernels import argument_type
from aicc.passes.buffers.layout import Buffer
from aicc.passes.kernels.ir_tools import nested_ops, pad_of


def pad_amounts_of(op: Any, kernels: dict[str, Any]) -> tuple[tuple[int, ...], tuple[int, ...]] | None:
    """(low, high) per dim when `op` calls a kernel that is one static tensor.pad with a constant, else None."""
    pad = pad_of(op, kernels)
    if pad is None:
        return None
    low, high = (
        tuple(int(x) for x in ir.DenseI64ArrayAttr(pad.attributes[k])) for k in ("static_low", "static_high")
    )
    static = ir.RankedTensorType(pad.results[0].type).has_static_shape and len(pad.operands) == 1
    return (low, high) if static and min((*low, *high), default=0) >= 0 else None


def border_kernel(module: Any, kernels: dict[str, Any], call: Any, padded: Buffer) -> str:
    """The name of the kernel that fills the border of `padded` for a pad `call`; made once per layout.

    before --> after
      call @k_pad(%x, %p)    --> call @border(%p)     (where %x is the interior of %p)
    """
    pad = pad_of(call, kernels)
    amounts = pad_amounts_of(call, kernels)
    assert pad is not None and amounts is not None
    value = (
        next(o for o in nested_ops(pad) if o.name == "tensor.yield")
        .operands[0]
        .owner.operation.attributes["value"]
    )
    key = f"{padded.sizes} {padded.strides} {amounts} {value}"
    name = f"border_{hashlib.sha256(key.encode()).hexdigest()[:12]}"
    if any(f.operation.name == "func.func" and f.sym_name.value == name for f in module.body.operations):
        return name
    t = argument_type((padded.sizes, padded.strides), padded.element)
    with ir.InsertionPoint.at_block_begin(module.body), ir.Location.unknown():
        kernel = func.FuncOp(name, ir.FunctionType.get([t], []))
        kernel.attributes["aicc.kernel"] = ir.UnitAttr.get()
        kernel.attributes["aicc.schedule"] = ir.StringAttr.get("affine")
        kernel.attributes["aicc.config"] = ir.StringAttr.get("")
        kernel.attributes["aicc.outputs"] = ir.IntegerAttr.get(ir.IntegerType.get_signless(64), 1)
        with ir.InsertionPoint(kernel.add_entry_block()):
            scalar = arith.ConstantOp(value.type, value).result
            for offsets, sizes in border_boxes(padded.sizes, *amounts):
                piece = memref.subview(kernel.arguments[0], list(offsets), list(sizes), [1] * len(sizes))
                linalg.fill(scalar, outs=[piece])
            func.ReturnOp([])
    return name


def border_boxes(
    sizes: tuple[int, ...], low: tuple[int, ...], high: tuple[int, ...]
) -> list[tuple[tuple[int, ...], tuple[int, ...]]]:
    """Disjoint boxes (offsets, sizes) that cover everything outside the interior, largest runs first."""
    boxes = []
    inner_offset, inner_size = [0] * len(sizes), list(sizes)
    for d in range(len(sizes)):
        for start, count in ((0, low[d]), (sizes[d] - high[d], high[d])):
            if count:
                offsets, extents = list(inner_offset), list(inner_size)
                offsets[d], extents[d] = start, count
                boxes.append((tuple(offsets), tuple(extents)))
        inner_offset[d], inner_size[d] = low[d], sizes[d] - low[d] - high[d]
    return boxes
