"""Kernels as functions of their own: group, clone into a function, call it, merge identical ones."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

from aicc.bindings import func, ir, tensor
from aicc.passes.base import Pass, PassContext
from aicc.passes.kernels.graph import BlockGraph
from aicc.passes.kernels.groups import form_groups, is_kernel_loop
from aicc.passes.kernels.ir_tools import (
    ancestor_in,
    defining_op,
    is_contraction,
    is_copy,
    is_generic,
    is_parallel,
    is_projection,
    iterators,
    loop_extents,
    main_of,
    maps,
    outside_operands,
)
from aicc.passes.schedules import registry
from aicc.passes.schedules.cpu.recurrent.reader import is_recurrence

CHEAP = {"arith.constant", "tensor.empty", "linalg.fill"}
"""Ops that every kernel makes for itself instead of taking their result as an argument."""


@dataclass(frozen=True)
class FormKernels(Pass):
    """Moves all computation out of `main` into kernels.

    before --> after
      %c = linalg.generic {mulf, addf} …      --> %r = call @k0_contraction(%x, %w, %b)
      %r = linalg.generic {addf, maximumf} …      func.func private @k0_contraction(…) { both generics }
    """

    pass_name: ClassVar[str] = "form-kernels"

    def run(self, module: Any, ctx: PassContext) -> None:
        main = main_of(module)
        outliner = _Outliner(module, main, _fusing_schedule(ctx))
        for block in _host_blocks(main.regions[0].blocks[0]):
            outliner.block(block)
        ctx.stats["kernels"] = outliner.calls
        ctx.stats["distinct_kernels"] = len(outliner.by_text)


def _host_blocks(block: Any) -> list[Any]:
    """`block` and the blocks of host control flow in it, innermost first."""
    out: list[Any] = []
    for op in block.operations:
        o = op.operation
        if o.name.startswith("scf.") and not (o.name == "scf.for" and is_kernel_loop(o)):
            for region in o.regions:
                for inner in region.blocks:
                    out += _host_blocks(inner)
    return [*out, block]


class _Outliner:
    def __init__(self, module: Any, main: Any, takes: Callable[[Any], bool] | None) -> None:
        self.module = module
        self.main = main
        self.takes = takes
        self.by_text: dict[str, str] = {}
        self.calls = 0

    def block(self, block: Any) -> None:
        graph = BlockGraph(block)
        accepts = None if self.takes is None else lambda members: self._accepts(block, members)
        kernels = set(form_groups(graph, accepts))
        last = graph.ops[-1]
        erase: list[Any] = []
        for node in graph.order():
            members = [graph.ops[m] for m in graph.members[node]]
            if node in kernels:
                self._outline(block, members, last)
                erase += members
            elif members[0] != last:
                members[0].move_before(last)
        for op in reversed(erase):
            op.erase()
        # what only served as an init is now made inside the kernels
        for op in reversed([o.operation for o in block.operations]):
            if op.name in CHEAP and not any(True for r in op.results for _ in r.uses):
                op.erase()

    def _outline(self, block: Any, members: list[Any], before: Any) -> None:
        captured, body, outputs = _contents(block, members)
        with ir.InsertionPoint(before), members[-1].location:
            arguments = [_boxed(v) for v in captured]
        kernel = self._function(captured, body, outputs)
        name = self._merged(kernel, members)
        with ir.InsertionPoint(before), ir.Location.fused([m.location for m in members]):
            call = func.CallOp([v.type for v in outputs], ir.FlatSymbolRefAttr.get(name), arguments)
        self.calls += 1
        for old, new in zip(outputs, call.results, strict=True):
            old.replace_all_uses_with(new)

    def _accepts(self, block: Any, members: list[Any]) -> bool:
        """Whether a schedule takes a kernel of `members`: it is asked about one that is made for that."""
        assert self.takes is not None
        kernel = self._function(*_contents(block, members))
        try:
            return self.takes(kernel)
        finally:
            kernel.operation.erase()

    def _function(self, captured: list[Any], body: list[Any], outputs: list[Any]) -> Any:
        types = ir.FunctionType.get([_boxed_type(v.type) for v in captured], [v.type for v in outputs])
        with ir.InsertionPoint(self.main), ir.Location.unknown():
            kernel = func.FuncOp("kernel", types, visibility="private")
            kernel.attributes["aicc.kernel"] = ir.UnitAttr.get()
        entry = kernel.add_entry_block()
        mapping: dict[Any, Any] = {}
        with ir.InsertionPoint(entry), ir.Location.unknown():
            for value, argument in zip(captured, entry.arguments, strict=True):
                is_box = argument.type != value.type
                mapping[value] = tensor.ExtractOp(argument, []).result if is_box else argument
        for op in body:
            copy = op.clone(ir.InsertionPoint(entry))
            for user, i, value in outside_operands(copy):
                if value in mapping:
                    user.operands[i] = mapping[value]
            mapping.update(zip(op.results, copy.results, strict=True))
        with ir.InsertionPoint(entry), ir.Location.unknown():
            func.ReturnOp([mapping[v] for v in outputs])
        return kernel

    def _merged(self, kernel: Any, members: list[Any]) -> str:
        """The name of an identical earlier kernel (this one is then erased), or a new name."""
        text = kernel.operation.get_asm(enable_debug_info=False, use_local_scope=True)
        key = hashlib.sha256(text.encode()).hexdigest()
        if key in self.by_text:
            kernel.operation.erase()
            return self.by_text[key]
        name = f"k{len(self.by_text)}_{_label(members)}"
        kernel.attributes["sym_name"] = ir.StringAttr.get(name)
        self.by_text[key] = name
        return name


def _contents(block: Any, members: list[Any]) -> tuple[list[Any], list[Any], list[Any]]:
    """A kernel's arguments (values from outside), its ops with the cheap ones they need, and its results."""
    inside = set(members)
    captured: list[Any] = []
    body: list[Any] = []
    seen: set[Any] = set()

    def need(value: Any) -> None:
        op = defining_op(value)
        if op is not None and (op in inside):
            return
        if op is None or not _is_cheap(op):
            if value not in captured:
                captured.append(value)
        elif op not in seen:
            seen.add(op)
            for _, _, v in outside_operands(op):
                need(v)
            body.append(op)

    for m in members:
        for _, _, v in outside_operands(m):
            need(v)
        body.append(m)
    outputs = [
        r
        for m in members
        for r in m.results
        if any(ancestor_in(u.owner.operation, block) not in inside for u in r.uses)
    ]
    # contract: tensors first (other scalars travel as such), then index values
    captured.sort(key=lambda v: isinstance(v.type, ir.IndexType))
    return captured, body, outputs


def _fusing_schedule(ctx: PassContext) -> Callable[[Any], bool] | None:
    """Whether a kernel of several contractions can be compiled; None when no schedule for such may be chosen."""
    names = registry.SCHEDULES[ctx.target.kind]
    if ctx.opt_level <= 1 or "attention" not in names or "attention" in ctx.excluded:
        return None
    schedule = registry.get("attention", ctx.target.kind)
    return lambda kernel: schedule.matches(kernel, ctx.target)


def _is_cheap(op: Any) -> bool:
    if op.name == "arith.constant":
        return not isinstance(op.results[0].type, ir.RankedTensorType)
    if op.name == "linalg.fill":
        value = defining_op(op.operands[0])
        return value is not None and value.name == "arith.constant"
    return op.name in CHEAP


def _boxed(value: Any) -> Any:
    """Kernels take tensors and indices: another scalar travels as a tensor of rank 0."""
    kind = _boxed_type(value.type)
    return value if kind == value.type else tensor.FromElementsOp(kind, [value]).result


def _boxed_type(kind: Any) -> Any:
    if isinstance(kind, (ir.RankedTensorType, ir.IndexType)):
        return kind
    return ir.RankedTensorType.get([], kind)


def _label(members: list[Any]) -> str:
    """A readable hint at what a kernel does: `conv_56x56x64_by_3x3x64`, `matmul_128x768_by_3072`, `rows_128x768`."""
    root = next((m for m in members if is_generic(m) and not is_parallel(m)), members[0])
    if not is_generic(root):
        names = {"scf.for": "recurrence" if is_recurrence(root) else "loop"}
        return names.get(root.name) or str(root.name).split(".")[1]
    extents = loop_extents(root)
    kept = [e for e, i in zip(extents, iterators(root), strict=True) if i == "parallel" and e != "1"]
    summed = [e for e, i in zip(extents, iterators(root), strict=True) if i == "reduction" and e != "1"]
    if is_parallel(root):
        kind = "copy" if is_copy(root) and len(members) == 1 else "pointwise"
    elif sum(is_contraction(m) for m in members) > 1:
        kind = "attention"
    elif is_contraction(root):
        kind = "matmul" if all(is_projection(m) for m in maps(root)) else "conv"
    else:
        kind = "rows" if len(members) > 1 else "reduce"
    return "_".join([kind, "x".join(kept) or "1", *(["by", "x".join(summed)] if summed else [])])
