"""Calls of functions of the runtime (`aicc_*` in compiler/runtime/model.h) in the host program, on tensors.

    func.func private @aicc_string_concat(tensor<?xi64>, tensor<?xi64>, index) -> tensor<?xi64>
        attributes {aicc.runtime}
    %y = func.call @aicc_string_concat(%a, %b, %n)
  --> (stage buffers)
    func.call @aicc_string_concat(%ctx, %a, %b, %y, %n) : (!llvm.ptr, memref<?xi64>, …, index) -> ()

All tensors have one dim of dynamic size, so that a function has one type. The first index operands are the sizes of
the results.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from aicc.bindings import func, ir, tensor
from aicc.dialects.locations import node_names
from aicc.dialects.types import DType, TensorType
from aicc.passes.linalg.builder import Builder

RUNTIME = "aicc.runtime"
"""Attribute of a function that the runtime defines."""

MESSAGE = "aicc.message"
"""Attribute of a call that may fail the run: a text for the message, which the function gets as its last argument."""


def call_runtime(
    b: Builder,
    name: str,
    operands: Sequence[Any],
    results: Sequence[TensorType | tuple[Any, DType]],
    numbers: Sequence[Any] = (),
) -> list[Any]:
    """Calls `name` on tensors of rank 1 and then `numbers` (index values), declaring it when it is new.

    `results` are types of rank 1, or sizes as index values with a dtype; the latter's tensors stay of dynamic size.
    """
    dynamic = ir.ShapedType.get_dynamic_size()

    def row(element: Any) -> Any:
        return ir.RankedTensorType.get([dynamic], element)

    values = [_cast(row(ir.RankedTensorType(v.type).element_type), v) for v in operands]
    sizes = [b.size(r.shape[0]) if isinstance(r, TensorType) else r[0] for r in results]
    dtypes = [r.dtype if isinstance(r, TensorType) else r[1] for r in results]
    types = [row(ir.Type.parse(d.storage)) for d in dtypes]
    arguments = [*values, *sizes, *numbers]
    declare_runtime(name, [v.type for v in arguments], types)
    call = func.CallOp(types, ir.FlatSymbolRefAttr.get(name), arguments)
    return [
        _cast(r.mlir(storage=True), v) if isinstance(r, TensorType) else v
        for r, v in zip(results, call.results, strict=True)
    ]


def call_naming(
    b: Builder,
    name: str,
    operands: Sequence[Any],
    result: TensorType,
    numbers: Sequence[Any] = (),
    kind: str = "node",
) -> Any:
    """As `call_runtime`, of one result; the call names the ONNX node, or another `kind` of thing, if the run fails."""
    found = call_runtime(b, name, operands, [result], numbers)[0]
    call = found.owner.operation
    while call.name != "func.call":
        call = call.operands[0].owner.operation
    nodes = list(node_names(ir.Location.current))
    call.attributes[MESSAGE] = ir.StringAttr.get(f"{kind} '{nodes[0]}'" if nodes else f"a {kind}")
    return found


def _cast(kind: Any, value: Any) -> Any:
    return value if value.type == kind else tensor.CastOp(kind, value).result


def declare_runtime(name: str, inputs: list[Any], results: list[Any]) -> None:
    """Declares a function of the runtime in the module that is being built, once."""
    block = ir.InsertionPoint.current.block
    module = block.owner
    while module.operation.name != "builtin.module":
        module = module.operation.parent
    body = module.operation.regions[0].blocks[0]
    known = {
        o.operation.attributes["sym_name"].value
        for o in body.operations
        if "sym_name" in o.operation.attributes
    }
    if name in known:
        return
    with ir.InsertionPoint.at_block_begin(body), ir.Location.unknown():
        declared = func.FuncOp(name, ir.FunctionType.get(inputs, results), visibility="private")
        declared.attributes[RUNTIME] = ir.UnitAttr.get()
