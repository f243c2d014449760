"""The host program's signature: tables of pointers and sizes in, a status out."""

from __future__ import annotations

from typing import Any

from aicc.bindings import arith, func, ir
from aicc.bindings import llvm as llvm_dialect
from aicc.passes.buffers.layout import Buffer, Size, whole
from aicc.passes.kernels.ir_tools import defining_op
from aicc.passes.llvm.pointers import pointer_to_memref, pointer_type

ENTRY = "aicc_model_main"
SHAPES = "aicc_model_shapes"


class Entry:
    """`func @aicc_model_main(ctx, buffers, dims, weights, arena) -> i32`, being built.

    Every dynamic size of an input is loaded once, at the entry.
    """

    def __init__(self, main: Any) -> None:
        pointer = pointer_type()
        t = ir.FunctionType.get([pointer] * 5, [ir.IntegerType.get_signless(32)])
        with ir.InsertionPoint(main), ir.Location.unknown():
            self.func = func.FuncOp(ENTRY, t)
        self.func.attributes["aicc.export"] = ir.UnitAttr.get()
        self.block = self.func.add_entry_block()
        self.context, self.buffers, self.dims, self.weights, self.arena = self.block.arguments

    def inputs(self, types: list[Any]) -> list[Buffer]:
        """Buffers of the arguments; reading them only."""
        out: list[Buffer] = []
        for number, (t, sizes) in enumerate(zip(types, load_dims(self.dims, types), strict=True)):
            out.append(self._buffer(number, t, sizes, owned=False))
        return out

    def output(self, number: int, t: Any, sizes: tuple[Size, ...]) -> Buffer:
        """The caller's buffer of a result; `number` counts after the inputs."""
        return self._buffer(number, t, sizes, owned=True)

    def _buffer(self, number: int, t: Any, sizes: tuple[Size, ...], owned: bool) -> Buffer:
        slot = llvm_dialect.GEPOp(
            pointer_type(), self.buffers, [], ir.DenseI32ArrayAttr.get([number]), pointer_type(), None
        ).result
        base = llvm_dialect.LoadOp(pointer_type(), slot).result
        kind = ir.MemRefType.get(t.shape, t.element_type)
        root = pointer_to_memref(base, kind, [s for s in sizes if not isinstance(s, int)])
        return whole(root, sizes, owned)


def load_dims(table: Any, types: list[Any]) -> list[tuple[Size, ...]]:
    """Sizes of the inputs from the table of all their dims, concatenated."""
    i64, index = ir.IntegerType.get_signless(64), ir.IndexType.get()
    out: list[tuple[Size, ...]] = []
    position = 0
    for t in types:
        sizes: list[Size] = []
        for d in range(t.rank):
            if t.is_dynamic_dim(d):
                slot = llvm_dialect.GEPOp(
                    pointer_type(), table, [], ir.DenseI32ArrayAttr.get([position]), i64, None
                ).result
                sizes.append(arith.IndexCastOp(index, llvm_dialect.LoadOp(i64, slot).result).result)
            else:
                sizes.append(int(t.shape[d]))
            position += 1
        out.append(tuple(sizes))
    return out


def build_shapes(main: Any, size_of: Any) -> bool:
    """Builds `func @aicc_model_shapes(dims, out_dims)` from the scalar code of `main`.

    A size that depends on data is -1. `size_of(value, d)` is the size expression of a returned value: an int,
    an index value of `main`, (argument of `main`, dim), or None. Returns whether any output is dynamic.
    """
    block = main.regions[0].blocks[0]
    returned = list(block.operations[len(block.operations) - 1].operation.operands)
    types = [ir.RankedTensorType(v.type) for v in returned]
    if all(t.has_static_shape for t in types):
        return False
    pointer, i64 = pointer_type(), ir.IntegerType.get_signless(64)
    with ir.InsertionPoint(main), ir.Location.unknown():
        shapes = func.FuncOp(SHAPES, ir.FunctionType.get([pointer, pointer], []))
        shapes.attributes["aicc.export"] = ir.UnitAttr.get()
        body = shapes.add_entry_block()
        with ir.InsertionPoint(body):
            inputs = [ir.RankedTensorType(a.type) for a in block.arguments]
            sizes = dict(zip(block.arguments, load_dims(body.arguments[0], inputs), strict=True))
            memo: dict[Any, Any] = {}
            position = 0
            for value, t in zip(returned, types, strict=True):
                for d in range(t.rank):
                    size = size_of(value, d)
                    if isinstance(size, tuple):
                        scalar = sizes[size[0]][size[1]]
                    else:
                        scalar = _constant(size) if isinstance(size, int) else _evaluate(size, sizes, memo)
                    if scalar is None:
                        number = llvm_dialect.ConstantOp(i64, ir.IntegerAttr.get(i64, -1)).result
                    else:
                        number = arith.IndexCastOp(i64, scalar).result
                    slot = llvm_dialect.GEPOp(
                        pointer, body.arguments[1], [], ir.DenseI32ArrayAttr.get([position]), i64, None
                    ).result
                    llvm_dialect.StoreOp(number, slot)
                    position += 1
            func.ReturnOp([])
    return True


def _constant(n: int) -> Any:
    return arith.ConstantOp(ir.IndexType.get(), n).result


def _evaluate(value: Any, sizes: dict[Any, tuple[Size, ...]], memo: dict[Any, Any]) -> Any | None:
    """A copy of the scalar computation of `value`; None when it reads data."""
    if value is None:
        return None
    if value in memo:
        return memo[value]
    op = defining_op(value)
    out: Any | None = None
    if op is not None and op.name == "tensor.dim" and op.operands[0] in sizes:
        d = defining_op(op.operands[1])
        if d is not None and d.name == "arith.constant":
            size = sizes[op.operands[0]][int(ir.IntegerAttr(d.attributes["value"]).value)]
            out = _constant(size) if isinstance(size, int) else size
    elif op is not None and op.name.startswith("arith."):
        operands = [_evaluate(v, sizes, memo) for v in op.operands]
        if all(v is not None for v in operands):
            clone = op.clone()
            for i, v in enumerate(operands):
                clone.operands[i] = v
            out = clone.results[0]
    memo[value] = out
    return out
