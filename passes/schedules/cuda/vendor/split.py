"""A kernel in two: what the library computes, and the stages after that."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from aicc.bindings import PassManager, bufferization, func, ir
from aicc.passes.buffers.alignment import ALIGNMENT
from aicc.passes.gpu.launch import constant
from aicc.passes.gpu.temporaries import compact_view
from aicc.passes.kernels.ir_tools import is_generic, is_parallel, users
from aicc.passes.schedules.cuda.vendor.stages import sizes_of
from aicc.passes.schedules.schedule import COSTS, NoMatch


@dataclass(frozen=True)
class Split:
    """`first` computes what the library is to compute; `rest`, None when that is all the kernel computes, what the
    others do, from the result of `first`: its last argument. On buffers that is the last argument of `first`, too,
    unless that is the whole kernel."""

    first: Any
    rest: Any | None
    module: Any
    """Where the two are."""


def root_of(kernel: Any) -> Any:
    """The only reduction of a kernel. Raises NoMatch."""
    roots = [op for op in _ops(kernel.operation) if is_generic(op) and not is_parallel(op)]
    if len(roots) != 1 or len(roots[0].results) != 1:
        raise NoMatch("no single reduction")
    return roots[0]


def split(kernel: Any, value: Any) -> Split:
    """Of a kernel on tensors or on buffers (contracts 3 and 4), which stays as it is, after what makes `value`."""
    if _is_all(value):
        return Split(kernel, None, ir.Module.create(ir.Location.unknown()))
    return cut(kernel, lambda op: op == value.owner)


def cut(kernel: Any, last: Callable[[Any], bool]) -> Split:
    """The same, after the first op that `last` says true of."""
    operation = kernel.operation
    scratch = ir.Module.create(ir.Location.unknown())
    position = next(i for i, op in enumerate(_ops(operation)) if last(op))
    first, rest = (_clone(operation, scratch, suffix) for suffix in ("_first", "_rest"))
    if "aicc.alias" in first.attributes:
        del first.attributes["aicc.alias"]  # nothing is in the memory of its own result
    _cut_after(first, position)
    _cut_before(rest, position)
    PassManager.parse("builtin.module(canonicalize,cse)").run(scratch.operation)
    return Split(first.opview, rest.opview, scratch)


def _ops(function: Any) -> list[Any]:
    return [op.operation for op in function.regions[0].blocks[0].operations]


def _is_all(value: Any) -> bool:
    """Whether the kernel's only output is `value`."""
    found = users(value)
    if len(found) != 1:
        return False
    if found[0].name == "func.return":
        return len(found[0].operands) == 1
    ends = [op for op in _ops(found[0].parent) if op.name == "bufferization.materialize_in_destination"]
    return ends == found


def _clone(kernel: Any, scratch: Any, suffix: str) -> Any:
    copy = kernel.clone(ip=False)
    scratch.body.append(copy)
    name = ir.StringAttr(copy.attributes["sym_name"]).value
    copy.attributes["sym_name"] = ir.StringAttr.get(name + suffix)
    for attribute in (COSTS, "sym_visibility"):
        if attribute in copy.attributes:
            del copy.attributes[attribute]
    return copy


def _cut_after(function: Any, position: int) -> None:
    """The function ends with the value that op `position` makes: returned, or in a last argument."""
    block = function.regions[0].blocks[0]
    ops = _ops(function)
    on_buffers = len(ops[-1].operands) == 0
    for op in reversed(ops[position + 1 :]):
        op.erase()
    value = ops[position].results[0]
    with ir.InsertionPoint(block), ir.Location.unknown():
        if on_buffers:
            bufferization.MaterializeInDestinationOp(
                None, value, _last_buffer(function, value), restrict=True, writable=True
            )
        func.ReturnOp([] if on_buffers else [value])
    _set_type(function, [] if on_buffers else [value.type])


def _cut_before(function: Any, position: int) -> None:
    """The function begins with the value that op `position` makes: a last argument."""
    ops = _ops(function)
    value = ops[position].results[0]
    on_buffers = len(ops[-1].operands) == 0
    with ir.InsertionPoint(ops[position + 1]), ir.Location.unknown():
        if on_buffers:
            given = bufferization.ToTensorOp(value.type, _last_buffer(function, value), restrict=True).result
        else:
            given = function.regions[0].blocks[0].add_argument(value.type, function.location)
    value.replace_all_uses_with(given)
    results = [] if on_buffers else [operand.type for operand in ops[-1].operands]
    _set_type(function, results)


def _last_buffer(function: Any, value: Any) -> Any:
    """A last argument for a tensor, of static shape or (contract 4) the base of one that is not, as a memref with the
    tensor's shape at the insertion point."""
    block = function.regions[0].blocks[0]
    kind = value.type
    if kind.has_static_shape:
        shape = ir.MemRefType.get(list(kind.shape), kind.element_type)
        return block.add_argument(shape, function.location)
    base = block.add_argument(ir.MemRefType.get([], kind.element_type), function.location)
    dynamic = iter(sizes_of(value))
    sizes = [next(dynamic) if kind.is_dynamic_dim(d) else constant(kind.shape[d]) for d in range(kind.rank)]
    return compact_view(base, kind, sizes)


def _set_type(function: Any, results: list[Any]) -> None:
    """After an argument may have been added; temporaries are aligned."""
    types = [argument.type for argument in function.regions[0].blocks[0].arguments]
    before = len(ir.FunctionType(ir.TypeAttr(function.attributes["function_type"]).value).inputs)
    known = list(function.attributes["arg_attrs"]) if "arg_attrs" in function.attributes else []
    known += [ir.DictAttr.get({})] * (before - len(known))
    for kind in types[before:]:
        aligned = f"llvm.align = {ALIGNMENT} : i64" if isinstance(kind, ir.MemRefType) else ""
        known.append(ir.Attribute.parse(f"{{{aligned}}}"))
    function.attributes["arg_attrs"] = ir.ArrayAttr.get(known)
    function.attributes["function_type"] = ir.TypeAttr.get(ir.FunctionType.get(types, results))
    if "res_attrs" in function.attributes:
        del function.attributes["res_attrs"]
