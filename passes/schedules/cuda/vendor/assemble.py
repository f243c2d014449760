"""Kernels by other schedules, and their launches in the place of calls."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aicc.bindings import ir
from aicc.passes.kernels.ir_tools import nested_ops
from aicc.passes.schedules import registry
from aicc.passes.schedules.schedule import Choice, NoMatch
from aicc.target import Target

REST, OWN, PADDING = "aicc_other_stages", "aicc_other_schedule", "aicc_other_padding"
"""What the calls name that stand for launches of other schedules."""


def choices(kernel: Any, target: Target) -> list[tuple[float, Choice]]:
    """The schedules of aicc's own that match, with predicted seconds, the cheapest first. One always does."""
    matching = [s for s in registry.for_target(target) if s.matches(kernel, target)]
    found = [Choice(s, s.configs(kernel, target)[0]) for s in matching]
    priced = [(choice.schedule.cost(kernel, target, choice.config), choice) for choice in found]
    return sorted(priced, key=lambda pair: pair[0])


def lowered(kernel: Any, target: Target) -> Any:
    """A module with the kernel on buffers as the cheapest schedule lowers it. Raises NoMatch."""
    for _, choice in choices(kernel, target):
        module = ir.Module.create(ir.Location.unknown())
        copy = kernel.operation.clone(ip=False)
        module.body.append(copy)
        try:
            choice.schedule.lower(module, copy.opview, target, choice.config)
        except NoMatch:
            continue
        return module
    raise NoMatch("no other schedule lowers the kernel")


def put_together(kernel: Any, text: str, others: Mapping[str, Any]) -> None:
    """Puts the function of `text` in the place of `kernel`, with the launches of `others` (modules by the names that it
    calls) in the place of the calls."""
    operation = kernel.operation
    with operation.context, ir.Location.unknown():
        parsed = ir.Module.parse(text)
        new = next(op.operation for op in parsed.body.operations if op.operation.regions[0].blocks)
        for entry in operation.attributes:
            key = entry if isinstance(entry, str) else entry.name
            if key not in ("sym_name", "function_type", "arg_attrs", "res_attrs"):
                new.attributes[key] = operation.attributes[key]
        for call in [op for op in nested_ops(new) if op.name == "func.call"]:
            name = ir.FlatSymbolRefAttr(call.attributes["callee"]).value
            if name in others:
                _inline(call, others[name], parsed)
        known = set()
        for op in list(parsed.body.operations):
            name = _name(op.operation)
            if name not in others and name not in known:
                op.operation.move_before(operation)
            known.add(name)
        operation.erase()


def _inline(call: Any, module: Any, home: Any) -> None:
    """The only kernel of `module` in the place of a call of it; what it calls is declared in `home`."""
    functions = [op.operation for op in module.body.operations]
    (kernel,) = (f for f in functions if "aicc.kernel" in f.attributes)
    block = kernel.regions[0].blocks[0]
    for argument, value in zip(list(block.arguments), list(call.operands), strict=True):
        argument.replace_all_uses_with(value)
    for op in [op.operation for op in block.operations][:-1]:
        op.move_before(call)
    call.erase()
    for function in functions:
        if function != kernel:
            home.body.append(function)
    kernel.erase()


def _name(function: Any) -> str:
    return str(ir.StringAttr(function.attributes["sym_name"]).value)
