"""Between memrefs and bare pointers, inside functions: for what calls and tables of pointers need.

A memref of static or dynamic shape is, after conversion, the struct `{allocated, aligned, offset, sizes,
strides}`. `pointer_to_memref` builds that struct and casts it; the cast disappears with the conversion.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

from aicc.bindings import arith, ir, memref
from aicc.bindings import llvm as llvm_dialect


def memref_to_pointer(value: Any) -> Any:
    """The `!llvm.ptr` of a memref's first element, its offset included, at the current insertion point.

    %p = inttoptr(extract_aligned_pointer_as_index(%m) + offset(%m) * sizeof(element))
    """
    i64 = ir.IntegerType.get_signless(64)
    index = ir.IndexType.get()
    kind = ir.MemRefType(value.type)
    address = memref.ExtractAlignedPointerAsIndexOp(value).result
    offset = _offset(value, kind)
    if offset is not None:
        size = arith.ConstantOp(index, element_bytes(kind.element_type)).result
        scaled = arith.MulIOp(offset, size).result
        address = arith.AddIOp(address, scaled).result
    number = arith.IndexCastOp(i64, address).result
    return llvm_dialect.IntToPtrOp(pointer_type(), number).result


def string_constant(module: Any, text: str) -> Any:
    """The address of `text`, zero-terminated UTF-8, at the current insertion point; equal texts share one."""
    data = text.encode() + b"\0"
    name = f"text_{hashlib.sha256(data).hexdigest()[:16]}"
    names = [op.operation.attributes for op in module.body.operations]
    if not any("sym_name" in a and ir.StringAttr(a["sym_name"]).value == name for a in names):
        escaped = "".join(f"\\{byte:02X}" for byte in data)
        constant = ir.Operation.parse(
            f'llvm.mlir.global internal constant @{name}("{escaped}") : !llvm.array<{len(data)} x i8>'
        )
        ir.InsertionPoint.at_block_begin(module.body).insert(constant)
    return llvm_dialect.AddressOfOp(pointer_type(), ir.FlatSymbolRefAttr.get(name)).result


def pointer_to_memref(pointer: Any, kind: Any, sizes: Sequence[Any] = ()) -> Any:
    """A memref of type `kind` at an `!llvm.ptr`, at the current insertion point.

    `sizes` are the values (index) of the dynamic dims in order; with any of them the layout must be the
    identity. Static shapes may have static strides and offset.
    """
    i64 = ir.IntegerType.get_signless(64)
    rank = kind.rank

    def constant(number: int) -> Any:
        return llvm_dialect.ConstantOp(i64, ir.IntegerAttr.get(i64, number)).result

    dynamic = iter(sizes)
    shape = [
        arith.IndexCastOp(i64, next(dynamic)).result if kind.is_dynamic_dim(i) else constant(kind.shape[i])
        for i in range(rank)
    ]
    if kind.has_static_shape:
        steps, start = kind.get_strides_and_offset()
        strides, offset = [constant(step) for step in steps], constant(start)
    else:
        offset, strides = constant(0), [constant(1)] * rank
        for i in reversed(range(rank - 1)):
            strides[i] = _product(strides[i + 1], shape[i + 1])
    arrays = f", array<{rank} x i64>, array<{rank} x i64>" if rank else ""
    struct = ir.Type.parse(f"!llvm.struct<(ptr, ptr, i64{arrays})>")
    out = llvm_dialect.UndefOp(struct).result
    fields: list[tuple[tuple[int, ...], Any]] = [((0,), pointer), ((1,), pointer), ((2,), offset)]
    fields += [((3, i), size) for i, size in enumerate(shape)] + [
        ((4, i), step) for i, step in enumerate(strides)
    ]
    for position, value in fields:
        where = ir.DenseI64ArrayAttr.get(list(position))
        out = llvm_dialect.InsertValueOp(out, value, where).result
    cast = ir.Operation.create("builtin.unrealized_conversion_cast", results=[kind], operands=[out])
    return cast.results[0]


def _product(a: Any, b: Any) -> Any:
    return ir.Operation.create("llvm.mul", results=[a.type], operands=[a, b]).results[0]


def pointer_type() -> Any:
    return ir.Type.parse("!llvm.ptr")


def element_bytes(kind: Any) -> int:
    """Bytes an element takes in memory. i1 takes one byte; kernels hold bools as i8."""
    if isinstance(kind, ir.IndexType):
        return 8
    bits: int = kind.width
    return (bits + 7) // 8


def _offset(value: Any, kind: Any) -> Any | None:
    """The offset in elements as an index value, or None for 0."""
    index = ir.IndexType.get()
    _, offset = kind.get_strides_and_offset()
    if offset == 0:
        return None
    if offset == ir.ShapedType.get_dynamic_stride_or_offset():
        return memref.ExtractStridedMetadataOp(value).results[1]
    return arith.ConstantOp(index, offset).result
