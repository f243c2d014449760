"""Weights of a captured graph: inputs that stay the same from call to call become constants of it.

before: f(weight, x) = linear(x, weight)        the graph as torch.compile hands it over, module state among the inputs
after:  f(x) = linear(x, self.constant_0)       what is left are the inputs that a call gives
"""

from __future__ import annotations

import copy
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch.fx import GraphModule, Node

# Where dynamo says so of an input.
_STATE = "_dynamo_static_input_type"


@dataclass(frozen=True)
class Input:
    """An input of the graph: `position` among the arguments of a call, `name` in the graph, `example` what it was when
    the graph was captured: a tensor or a number; `sizes` that may differ from call to call are a SymInt in `value`."""

    position: int
    name: str
    example: Any
    value: Any


@dataclass(frozen=True, eq=False)
class Captured:
    """A graph and its inputs; `positions` are those of the arguments behind inputs and constants, by name."""

    module: GraphModule
    inputs: tuple[Input, ...]
    positions: dict[str, int]


def with_constants(gm: GraphModule, examples: Sequence[Any], changed: Collection[int] = ()) -> Captured:
    """The graph with module state as constants, other than the arguments at the positions `changed`, which the graph
    itself writes to, and then returns before its results. Tensors are shared with the module, not copied."""
    module = GraphModule(gm, copy.deepcopy(gm.graph))
    inputs, positions, returned = [], {}, []
    for position, (node, example) in enumerate(zip(_placeholders(module), examples, strict=True)):
        if not is_state(node, example) or position in changed:
            inputs.append(Input(position, node.name, example, node.meta.get("example_value", example)))
            positions[node.name] = position
            if position in changed:
                returned.append(node)
            continue
        name = f"constant_{position}"
        module.register_buffer(name, example.detach())
        positions[name] = position
        with module.graph.inserting_before(node):
            constant = module.graph.get_attr(name)
        constant.meta = node.meta
        node.replace_all_uses_with(constant)
        module.graph.erase_node(node)
    output = next(node for node in module.graph.nodes if node.op == "output")
    output.args = ((*returned, *output.args[0]),)
    module.recompile()
    return Captured(module, tuple(inputs), positions)


def is_state(node: Node, example: Any) -> bool:
    """Whether an input is a parameter or a buffer of the module."""
    marked = _STATE in node.meta.get("tensor_dict", {})
    return isinstance(example, torch.nn.Parameter) or (marked and isinstance(example, torch.Tensor))


def mark_state(node: Node) -> None:
    """Makes a parameter or a buffer of an input."""
    node.meta["tensor_dict"] = {_STATE: True}


def _placeholders(module: GraphModule) -> list[Node]:
    return [node for node in module.graph.nodes if node.op == "placeholder"]
