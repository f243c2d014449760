"""What a captured graph returns: values that have to be computed, arguments as they are, and plain values."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch.fx import GraphModule, Node

from aicc.pytorch.tensors import as_tensor

_COMPUTED, _GIVEN, _VALUE = range(3)


@dataclass(frozen=True)
class Results:
    """Of each result: what it is, and its number among the computed, that among the arguments, or the value.
    `tensors` says of the computed ones which are tensors; the others are numbers."""

    found: tuple[tuple[int, Any], ...]
    tensors: tuple[bool, ...]

    def of_call(self, arguments: Sequence[Any], computed: Sequence[Any]) -> tuple[Any, ...]:
        """The results of a call, from arrays, or from tensors and numbers."""
        values = [as_tensor(x) if t else _number(x) for x, t in zip(computed, self.tensors, strict=True)]
        sources = {_COMPUTED: values, _GIVEN: arguments}
        return tuple(what if kind == _VALUE else sources[kind][what] for kind, what in self.found)


def _number(value: Any) -> Any:
    return value.item() if hasattr(value, "item") else value


def split_results(gm: GraphModule) -> tuple[GraphModule, Results]:
    """A copy of the graph that returns what it computes, each value once, and how its results are made of that."""
    module = GraphModule(gm, copy.deepcopy(gm.graph))
    nodes = list(module.graph.nodes)
    arguments = [node for node in nodes if node.op == "placeholder"]
    (returned,) = nodes[-1].args
    computed: dict[Node, int] = {}
    found: list[tuple[int, Any]] = []
    for value in returned:
        if not isinstance(value, Node):
            found.append((_VALUE, value))
        elif value in arguments:
            found.append((_GIVEN, arguments.index(value)))
        else:
            found.append((_COMPUTED, computed.setdefault(value, len(computed))))
    nodes[-1].args = (tuple(computed),)
    module.recompile()
    tensors = tuple(isinstance(node.meta.get("example_value"), torch.Tensor) for node in computed)
    return module, Results(tuple(found), tensors)
