"""Sizes of the model's outputs: computed ahead from those of the inputs, or told to the runtime when known.

An output all of whose sizes follow from the sizes of inputs is the caller's buffer, and
`aicc_model_shapes` computes its sizes before a run. Another one depends on data: `aicc_model_shapes`
says -1, and the host program asks the runtime for a buffer when it knows the sizes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from aicc.bindings import arith, func, ir
from aicc.bindings import llvm as llvm_dialect
from aicc.passes.buffers.entry import SHAPES, load_dims
from aicc.passes.buffers.layout import Size, as_value
from aicc.passes.kernels.ir_tools import defining_op
from aicc.passes.llvm.pointers import pointer_type

ALLOCATE = "aicc_output_allocate"


def follow_from(size: Size, known: set[Any]) -> bool:
    """Whether a size is an integer or scalar arithmetic on `known` values."""
    if isinstance(size, int) or size in known:
        return True
    op = defining_op(size)
    return op is not None and _is_arithmetic(op) and all(follow_from(v, known) for v in op.operands)


def _is_arithmetic(op: Any) -> bool:
    return bool(op.name.startswith(("arith.", "math.")))


def allocate_output(module: Any, context: Any, number: int, sizes: Sequence[Size]) -> Any:
    """Asks the runtime for the buffer of output `number`; returns its address."""
    pointer, i64, i32 = pointer_type(), ir.IntegerType.get_signless(64), ir.IntegerType.get_signless(32)
    if not any(
        o.operation.name == "func.func" and o.sym_name.value == ALLOCATE for o in module.body.operations
    ):
        with ir.InsertionPoint.at_block_begin(module.body), ir.Location.unknown():
            func.FuncOp(
                ALLOCATE, ir.FunctionType.get([pointer, i32, pointer], [pointer]), visibility="private"
            )
    rank = llvm_dialect.ConstantOp(i64, ir.IntegerAttr.get(i64, len(sizes))).result
    table = llvm_dialect.AllocaOp(pointer, rank, i64).result
    for position, size in enumerate(sizes):
        _store(arith.IndexCastOp(i64, as_value(size)).result, table, position)
    index = arith.ConstantOp(i32, ir.IntegerAttr.get(i32, number)).result
    return func.CallOp([pointer], ir.FlatSymbolRefAttr.get(ALLOCATE), [context, index, table]).results[0]


def build_shapes(
    main: Any,
    types: Sequence[Any],
    names: list[tuple[str | None, ...]],
    inputs: Sequence[Sequence[Size]],
    outputs: Sequence[Sequence[Size]],
) -> None:
    """Builds `func @aicc_model_shapes(dims, out_dims)` before `main`, of which some output's type is dynamic.

    `types` are those of the inputs, `names` the symbols of their dims; `inputs` and
    `outputs` their sizes in `main`, as integers or its values.
    """
    pointer, i64 = pointer_type(), ir.IntegerType.get_signless(64)
    with ir.InsertionPoint(main), ir.Location.unknown():
        shapes = func.FuncOp(SHAPES, ir.FunctionType.get([pointer, pointer], []))
        shapes.attributes["aicc.export"] = ir.UnitAttr.get()
        body = shapes.add_entry_block()
        with ir.InsertionPoint(body):
            copies: dict[Any, Any] = {}
            for here, there in zip(load_dims(body.arguments[0], list(types), names), inputs, strict=True):
                copies.update(
                    {old: new for old, new in zip(there, here, strict=True) if not isinstance(old, int)}
                )
            known, position = set(copies), 0
            for sizes in outputs:
                ahead = all(follow_from(size, known) for size in sizes)
                for size in sizes:
                    if ahead:
                        number = arith.IndexCastOp(i64, _copied(size, copies)).result
                    else:
                        number = llvm_dialect.ConstantOp(i64, ir.IntegerAttr.get(i64, -1)).result
                    _store(number, body.arguments[1], position)
                    position += 1
            func.ReturnOp([])


def _store(number: Any, table: Any, position: int) -> None:
    i64 = ir.IntegerType.get_signless(64)
    slot = llvm_dialect.GEPOp(
        pointer_type(), table, [], ir.DenseI32ArrayAttr.get([position]), i64, None
    ).result
    llvm_dialect.StoreOp(number, slot)


def _copied(size: Size, copies: dict[Any, Any]) -> Any:
    """The computation of a size, again; `copies` maps values done."""
    if isinstance(size, int):
        return as_value(size)
    if size not in copies:
        op = defining_op(size)
        assert op is not None
        operands = [_copied(v, copies) for v in op.operands]
        clone = op.clone()
        for i, v in enumerate(operands):
            clone.operands[i] = v
        copies[size] = clone.results[0]
    return copies[size]
