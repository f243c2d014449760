"""Expands ONNX functions: model-local ones ahead, operators that their schema defines as one when they are met.

A schema's function may be written for the call at hand: which optional inputs it has and of which types its
inputs are. Both are known where the node is imported, so that is where its body takes its place.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import onnx
import onnx.inliner

from aicc.dialects.symbolic import Dim
from aicc.errors import ImportError_
from aicc.importer.compound import is_compound
from aicc.importer.initializers import initializers_of
from aicc.importer.node import Node
from aicc.importer.registry import normalize_domain

_Defaults = Mapping[tuple[str, str], Sequence[onnx.AttributeProto]]
"""Attributes that a model's functions have values for, by domain and name."""


def expand_functions(model: onnx.ModelProto) -> onnx.ModelProto:
    """`model` with every call to a model-local function replaced by the function's body.

    Initializers stay out of the expansion (it serializes the model): they are declared to it as typed values.
    Raises ImportError_ AICC-1001, for functions that call each other in a circle for one.
    """
    if not model.functions:
        return model
    names = initializers_of(model.graph)
    inputs = {i.name for i in model.graph.input}
    skeleton = _skeleton(model, inputs)
    try:
        expanded: onnx.ModelProto = onnx.inliner.inline_local_functions(skeleton)
    except (onnx.checker.ValidationError, RuntimeError) as error:
        raise ImportError_("AICC-1001", f"the model's functions cannot be expanded: {error}.") from error
    kept = [i for i in expanded.graph.input if i.name not in names or i.name in inputs]
    del expanded.graph.input[:]
    expanded.graph.input.extend(kept)
    expanded.graph.initializer.extend(model.graph.initializer)
    expanded.graph.sparse_initializer.extend(model.graph.sparse_initializer)
    return expanded


def _skeleton(model: onnx.ModelProto, inputs: set[str]) -> onnx.ModelProto:
    """`model` with each initializer declared as an input of its type."""
    bare = onnx.ModelProto(ir_version=model.ir_version, producer_name=model.producer_name)
    bare.opset_import.extend(model.opset_import)
    bare.functions.extend(model.functions)
    defaults = {(normalize_domain(f.domain), f.name): f.attribute_proto for f in model.functions}
    for function in bare.functions:
        _put_defaults(function.node, defaults)
    graph = bare.graph
    graph.name = model.graph.name or "main"
    graph.node.extend(model.graph.node)
    _put_defaults(graph.node, defaults)
    graph.input.extend(model.graph.input)
    graph.output.extend(model.graph.output)
    graph.value_info.extend(model.graph.value_info)
    for t in initializers_of(model.graph).values():
        if t.name not in inputs:
            graph.input.append(onnx.helper.make_tensor_value_info(t.name, t.code, t.shape))
    return bare


def _put_defaults(nodes: Iterable[onnx.NodeProto], defaults: _Defaults) -> None:
    """Calls of functions get the attributes that they leave to the function's defaults: onnx's inliner drops those."""
    for node in nodes:
        given = {a.name for a in node.attribute}
        called = defaults.get((normalize_domain(node.domain), node.op_type), ())
        node.attribute.extend(a for a in called if a.name not in given)
        for attribute in node.attribute:
            for graph in (attribute.g, *attribute.graphs):
                _put_defaults(graph.node, defaults)


def body_of(n: Node) -> onnx.FunctionProto | None:
    """The function that defines the operator of `n` for its inputs and opset, attributes put in.

    None when the operator is none. Raises ImportError_ AICC-1003 when its definition does not cover the call,
    AICC-1005 when it is written for static sizes alone.
    """
    domain = normalize_domain(n.proto.domain)
    try:
        schema: Any = onnx.defs.get_schema(n.op_type, n.opset, domain)  # its stubs lack functions
    except onnx.defs.SchemaError:
        return None
    if not (schema.has_function or schema.has_context_dependent_function):
        return None
    try:
        text = _written(n, schema)
    except RuntimeError as error:
        raise n.error(
            "AICC-1003",
            f"operator {n.op_type} is not supported with these inputs: "
            f"its definition cannot be written out ({str(error).splitlines()[0]}).",
        ) from error
    if not text:
        shapes = ", ".join(str(n.info(v)) for v in n.inputs if v is not None and not is_compound(v))
        raise n.error(
            "AICC-1005",
            f"operator {n.op_type} is defined only for sizes that are known here; the inputs are {shapes}.",
            hint="give its inputs static sizes: --dim NAME=SIZE, for one.",
        )
    body = onnx.FunctionProto.FromString(text)
    attributes = {a.name: a for a in n.proto.attribute}
    for name, declared in schema.attributes.items():
        default = declared.default_value
        if name not in attributes and default.type != onnx.AttributeProto.UNDEFINED:
            attributes[name] = default
    _put_in(body.node, attributes)
    return body


def _written(n: Node, schema: Any) -> bytes:
    """The definition of the newest opset that is not newer than the node's, serialized."""
    if schema.has_function:
        versions = [v for v in schema.function_opset_versions if v <= n.opset]
        return bytes(schema.get_function_with_opset_version(max(versions, default=schema.since_version)))
    versions = [v for v in schema.context_dependent_function_opset_versions if v <= n.opset]
    kinds = [_type_of(n, value).SerializeToString() for value in n.inputs]
    return bytes(
        schema.get_context_dependent_function_with_opset_version(
            max(versions, default=schema.since_version), n.proto.SerializeToString(), kinds
        )
    )


def _type_of(n: Node, value: object) -> onnx.TypeProto:
    """What is known of an input; nothing of an absent one, a sequence or an optional."""
    if value is None or is_compound(value):
        return onnx.TypeProto()
    info = n.info(value)
    shape = [str(d) if isinstance(d, Dim) else d for d in info.shape]
    return onnx.helper.make_tensor_type_proto(info.dtype.onnx, shape)


def _put_in(nodes: Iterable[onnx.NodeProto], attributes: dict[str, onnx.AttributeProto]) -> None:
    """Attributes that refer to the function's become its call's; those that the call lacks go."""
    for node in nodes:
        kept = []
        for attribute in node.attribute:
            if attribute.ref_attr_name:
                given = attributes.get(attribute.ref_attr_name)
                if given is None:
                    continue
                named = onnx.AttributeProto()
                named.CopyFrom(given)
                named.name = attribute.name
                kept.append(named)
                continue
            if attribute.type == onnx.AttributeProto.GRAPH:
                _put_in(attribute.g.node, attributes)
            kept.append(attribute)
        kept = [onnx.AttributeProto.FromString(a.SerializeToString()) for a in kept]
        del node.attribute[:]
        node.attribute.extend(kept)
