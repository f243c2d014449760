"""Expands ONNX functions: model-local ones, and schema-defined ones that have no import rule."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import onnx
import onnx.inliner
import onnx.shape_inference

from aicc.errors import ImportError_
from aicc.importer.registry import normalize_domain, rules


def expand_functions(model: onnx.ModelProto) -> onnx.ModelProto:
    """`model` with every call to a model-local function, and every operator without an import rule
    that its schema defines as a function, replaced by the function's body.

    Initializers stay out of the expansion (it serializes the model): they are declared to it as typed values.
    """
    if model.functions:
        model = _without_initializers(model, onnx.inliner.inline_local_functions)
    for _ in range(8):  # a function's body may use functions
        wanted = sorted(set(_nodes_without_rule(model.graph)))
        if not wanted:
            return model
        model = _without_initializers(model, lambda m, w=wanted: _inline_schema_functions(m, w))
    return model


def _nodes_without_rule(graph: onnx.GraphProto) -> Iterator[tuple[str, str]]:
    for node in graph.node:
        domain = normalize_domain(node.domain)
        if (domain, node.op_type) not in rules() and _is_function(node.op_type, node.domain):
            yield (node.domain, node.op_type)
        for attribute in node.attribute:
            if attribute.type == onnx.AttributeProto.GRAPH:
                yield from _nodes_without_rule(attribute.g)


def _is_function(op_type: str, domain: str) -> bool:
    try:
        schema: Any = onnx.defs.get_schema(op_type, normalize_domain(domain))  # its stubs lack these two
    except onnx.defs.SchemaError:
        return False
    return bool(schema.has_function or schema.has_context_dependent_function)


def _inline_schema_functions(model: onnx.ModelProto, wanted: list[tuple[str, str]]) -> onnx.ModelProto:
    _write_defaults(model.graph, set(wanted))
    try:
        return onnx.inliner.inline_selected_functions(
            model, wanted, exclude=False, inline_schema_functions=True
        )
    except RuntimeError as error:
        # onnx's inliner gives up on an absent optional input whose type the body asks for
        names = ", ".join(op for _, op in wanted)
        raise ImportError_(
            "AICC-1003",
            f"operator {names} is not supported with these inputs: onnx cannot write out its definition "
            f"({str(error).splitlines()[0]}).",
            stage="import",
        ) from error


def _write_defaults(graph: onnx.GraphProto, wanted: set[tuple[str, str]]) -> None:
    """Attributes that a node leaves out get their defaults: onnx's inliner does not put those into a body."""
    for node in graph.node:
        if (node.domain, node.op_type) in wanted:
            given = {a.name for a in node.attribute}
            schema = onnx.defs.get_schema(node.op_type, normalize_domain(node.domain))
            for name, attribute in schema.attributes.items():
                default = attribute.default_value
                if name not in given and default.type != onnx.AttributeProto.UNDEFINED:
                    node.attribute.append(default)
        for inner in node.attribute:
            if inner.type == onnx.AttributeProto.GRAPH:
                _write_defaults(inner.g, wanted)


def _without_initializers(model: onnx.ModelProto, expand: object) -> onnx.ModelProto:
    """Applies `expand` to the model with its initializers taken out, then puts them back."""
    assert callable(expand)
    bare = onnx.ModelProto()
    bare.CopyFrom(_skeleton(model))
    expanded: onnx.ModelProto = expand(bare)
    names = {t.name for t in model.graph.initializer}
    kept = [i for i in expanded.graph.input if i.name not in names or i.name in _input_names(model)]
    del expanded.graph.input[:]
    expanded.graph.input.extend(kept)
    expanded.graph.initializer.extend(model.graph.initializer)
    return expanded


def _input_names(model: onnx.ModelProto) -> set[str]:
    return {i.name for i in model.graph.input}


def _skeleton(model: onnx.ModelProto) -> onnx.ModelProto:
    """`model` with each initializer declared as an input of its type."""
    bare = onnx.ModelProto(ir_version=model.ir_version, producer_name=model.producer_name)
    bare.opset_import.extend(model.opset_import)
    bare.functions.extend(model.functions)
    graph = bare.graph
    graph.name = model.graph.name or "main"
    graph.node.extend(model.graph.node)
    graph.input.extend(model.graph.input)
    graph.output.extend(model.graph.output)
    graph.value_info.extend(model.graph.value_info)
    present = _input_names(model)
    for t in model.graph.initializer:
        if t.name not in present:
            graph.input.append(onnx.helper.make_tensor_value_info(t.name, t.data_type, list(t.dims)))
    return bare
