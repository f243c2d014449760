"""What every graph and node must satisfy, whatever its operators: names defined once and before their uses, and
the attributes and numbers of inputs that the operator's schema declares."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache
from typing import Any

import onnx

from aicc.errors import ImportError_
from aicc.importer.initializers import initializers_of

_KINDS = onnx.AttributeProto.AttributeType


def check_names(graph: onnx.GraphProto) -> None:
    """Raises ImportError_ AICC-1001 for a name that is not UTF-8: protocol buffers give its bytes."""
    names: list[Any] = [v.name for v in (*graph.input, *graph.output)]
    names += [t.name for t in graph.initializer] + [s.values.name for s in graph.sparse_initializer]
    names += [d.dim_param for i in graph.input for d in i.type.tensor_type.shape.dim]
    for node in graph.node:
        names += [node.name, node.op_type, node.domain, *node.input, *node.output]
        for attribute in node.attribute:
            names.append(attribute.name)
            for inner in (attribute.g, *attribute.graphs):
                check_names(inner)
    wrong = next((name for name in names if isinstance(name, bytes)), None)
    if wrong is not None:
        raise ImportError_("AICC-1001", f"a name in the model is not UTF-8: {wrong!r}.", stage="import")


def unique(values: Sequence[onnx.ValueInfoProto], what: str) -> None:
    """Raises ImportError_ AICC-1001 when two values of a graph have one name."""
    seen: set[str] = set()
    for value in values:
        if value.name in seen:
            raise ImportError_("AICC-1001", f"the graph has two {what} '{value.name}'.", stage="import")
        seen.add(value.name)


def in_order(nodes: Sequence[onnx.NodeProto]) -> list[onnx.NodeProto]:
    """The nodes with each one after those that it reads from; in the order given as far as that allows.

    Raises ImportError_ AICC-1001 for a cycle.
    """
    made = {name: k for k, node in enumerate(nodes) for name in node.output if name}
    before = [sorted({made[name] for name in _reads(node) if name in made}) for node in nodes]
    if all(k < at for at, needed in enumerate(before) for k in needed):
        return list(nodes)
    order: list[int] = []
    state = [0] * len(nodes)  # 0: not met, 1: what it needs is being placed, 2: placed
    for root in range(len(nodes)):
        stack = [root]
        while stack:
            at = stack[-1]
            waiting = [k for k in before[at] if state[k] != 2]
            if state[at] == 0:
                state[at] = 1
            if state[at] == 1 and waiting:
                if state[waiting[0]] == 1:
                    raise _cycle(nodes[at], nodes[waiting[0]])
                stack.append(waiting[0])
                continue
            stack.pop()
            if state[at] == 1:
                state[at] = 2
                order.append(at)
    return [nodes[k] for k in order]


def _reads(node: onnx.NodeProto) -> Iterator[str]:
    """The names a node reads, those that its subgraphs take from around them included."""
    yield from node.input
    for attribute in node.attribute:
        for graph in [attribute.g, *attribute.graphs]:
            own = {i.name for i in graph.input} | initializers_of(graph).keys()
            own |= {name for inner in graph.node for name in inner.output}
            inner_reads = [name for inner in graph.node for name in _reads(inner)]
            yield from (n for n in [*inner_reads, *(o.name for o in graph.output)] if n not in own)


def _cycle(node: onnx.NodeProto, other: onnx.NodeProto) -> ImportError_:
    return ImportError_(
        "AICC-1001",
        f"the graph has a cycle: this node needs a result of {title(other)}, which needs one of this node.",
        node=title(node),
        stage="import",
    )


def title(node: onnx.NodeProto) -> str:
    """A node in messages: `"name" (Op)`."""
    return f'"{node.name or next(iter(node.output), "")}" ({node.op_type})'


def check_node(node: onnx.NodeProto, domain: str, opset: int) -> None:
    """Compares a node with its operator's schema; a node whose operator has none passes.

    Raises ImportError_ AICC-1005 for too few or too many inputs or outputs, AICC-1006 for attributes.
    """
    declared = _schema(node.op_type, opset, domain)
    if declared is None:
        _check_kinds(node, _schema(node.op_type, onnx.defs.onnx_opset_version(), domain))
        return
    for values, fewest, most, what in (
        (node.input, declared.min_input, declared.max_input, "input"),
        (node.output, declared.min_output, declared.max_output, "output"),
    ):
        if not fewest <= len(values) <= most:
            plural = what if len(values) == 1 else f"{what}s"
            wanted = (
                str(fewest)
                if fewest == most
                else f"{fewest} or more"
                if most > 999
                else f"{fewest} to {most}"
            )
            raise _error(node, "AICC-1005", f"it has {len(values)} {plural}; the operator takes {wanted}.")
    for attribute in node.attribute:
        known = declared.attributes.get(attribute.name)
        if known is None:
            names = ", ".join(sorted(declared.attributes)) or "none"
            raise _error(
                node,
                "AICC-1006",
                f"the operator has no attribute '{attribute.name}' in opset {opset}.",
                f"its attributes are: {names}.",
            )
        if attribute.type != known.type.value:
            raise _kind_error(node, attribute, known)


def _check_kinds(node: onnx.NodeProto, newest: Any | None) -> None:
    """The kinds of attributes of an operator that ONNX has in later opsets only, as some writers use them.

    Raises ImportError_ AICC-1006.
    """
    if newest is None:
        return
    for attribute in node.attribute:
        known = newest.attributes.get(attribute.name)
        if known is not None and attribute.type != known.type.value:
            raise _kind_error(node, attribute, known)


def _kind_error(node: onnx.NodeProto, attribute: onnx.AttributeProto, known: Any) -> ImportError_:
    return _error(
        node,
        "AICC-1006",
        f"attribute '{attribute.name}' is of kind {_KINDS.Name(attribute.type)}; "
        f"the operator takes {known.type.name}.",
    )


@cache
def _schema(op: str, opset: int, domain: str) -> Any | None:
    try:
        return onnx.defs.get_schema(op, opset, domain)
    except onnx.defs.SchemaError:
        return None


def _error(node: onnx.NodeProto, code: str, message: str, hint: str | None = None) -> ImportError_:
    return ImportError_(code, message, node=title(node), stage="import", hint=hint)
