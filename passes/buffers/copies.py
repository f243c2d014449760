"""Copies between buffers: kernels of their own, so that they use vectors and all threads."""

from __future__ import annotations

from math import prod
from typing import Any

from aicc.bindings import arith, func, ir, tensor
from aicc.passes.buffers.layout import Buffer, contiguous_strides
from aicc.passes.kernels.ir_tools import each_of

# Elements from which a launch costs less than the host's loop over scalars, and than one call of memcpy.
_STRIDED, _CONTIGUOUS = 256, 1 << 16


def wants_kernel(source: Buffer, target: Buffer, device: bool = False) -> bool:
    """Whether a copy is worth a kernel; on a device everything is that the runtime cannot copy as one block."""
    if not target.sizes:
        return False
    if not all(isinstance(s, int) for s in target.sizes):
        return True
    dense = _is_dense(source) and _is_dense(target)
    if device:
        return not dense
    return prod(int(s) for s in target.sizes) >= (_CONTIGUOUS if dense else _STRIDED)


def _is_dense(buffer: Buffer) -> bool:
    """Whether its elements follow each other."""
    expected = contiguous_strides(buffer.sizes)
    found = zip(buffer.sizes, buffer.strides, expected, strict=True)
    return all(size == 1 or stride == dense for size, stride, dense in found)


def copy_kernel(main: Any, kernels: dict[str, Any], source: Buffer) -> str:
    """The name of the kernel `y = x` for tensors of the sizes of `source`; made once.

    func.func private @copy_128x1536_f32(%x: tensor<128x1536xf32>) -> tensor<128x1536xf32> { linalg.generic … }
    """
    dynamic = ir.ShapedType.get_dynamic_size()
    shape = [s if isinstance(s, int) else dynamic for s in source.sizes]
    label = "x".join("n" if s == dynamic else str(s) for s in shape)
    name = f"copy_copy_{label}_{source.element}"
    if name in kernels:
        return name
    kind = ir.RankedTensorType.get(shape, source.element)
    with ir.InsertionPoint(main), ir.Location.unknown():
        kernel = func.FuncOp(name, ir.FunctionType.get([kind], [kind]), visibility="private")
    kernel.attributes["aicc.kernel"] = ir.UnitAttr.get()
    kernel.attributes["aicc.schedule"] = ir.StringAttr.get("pointwise")
    kernel.attributes["aicc.config"] = ir.StringAttr.get("")
    with ir.InsertionPoint(kernel.add_entry_block()), ir.Location.unknown():
        x = kernel.arguments[0]
        index = ir.IndexType.get()
        sizes = [
            tensor.DimOp(x, arith.ConstantOp(index, ir.IntegerAttr.get(index, d)).result).result
            if s == dynamic
            else s
            for d, s in enumerate(shape)
        ]
        empty = tensor.EmptyOp(sizes, source.element).result
        func.ReturnOp([each_of(x, empty)])
    kernels[name] = kernel
    return name
