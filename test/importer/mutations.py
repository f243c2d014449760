"""Mutations of valid models: what a careless exporter, an editor of models or a bad disk makes of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import onnx
from onnx import AttributeProto, TensorProto, helper, numpy_helper

Rng = np.random.Generator
NUMBERS = (0, 1, -1, 2, 3, -3, 7, 99, -99, 1 << 20, 1 << 31, -(1 << 31), (1 << 63) - 1, -(1 << 63))
FLOATS = (0.0, -1.0, 1e30, -1e30, float("inf"), float("nan"))
TYPES = (1, 2, 3, 6, 7, 8, 9, 10, 11, 14, 16, 17, 22, 23, 0, 77)
TEXTS = ("", "NOTSET", "linear", "99", "é", "sum")


def nodes_of(graph: onnx.GraphProto) -> list[onnx.NodeProto]:
    """The nodes of a graph and of those in it."""
    found = list(graph.node)
    for node in graph.node:
        for attribute in node.attribute:
            for inner in ([attribute.g] if attribute.HasField("g") else []) + list(attribute.graphs):
                found += nodes_of(inner)
    return found


def _node(model: onnx.ModelProto, rng: Rng) -> onnx.NodeProto:
    nodes = nodes_of(model.graph)
    return nodes[rng.integers(len(nodes))]


def _attribute(model: onnx.ModelProto, rng: Rng) -> AttributeProto | None:
    with_some = [a for n in nodes_of(model.graph) for a in n.attribute]
    return with_some[rng.integers(len(with_some))] if with_some else None


def attribute_value(model: onnx.ModelProto, rng: Rng) -> None:
    """An absurd number, one more or one less of a list, another text."""
    a = _attribute(model, rng)
    if a is None:
        return
    if a.type == AttributeProto.INT:
        a.i = int(rng.choice(np.array(NUMBERS, object)))
    elif a.type == AttributeProto.FLOAT:
        a.f = float(rng.choice(FLOATS))
    elif a.type == AttributeProto.STRING:
        a.s = str(rng.choice(TEXTS)).encode()
    elif a.type == AttributeProto.INTS:
        _change(a.ints, [int(n) for n in NUMBERS], rng)
    elif a.type == AttributeProto.FLOATS:
        _change(a.floats, list(FLOATS), rng)
    elif a.type == AttributeProto.STRINGS:
        _change(a.strings, [t.encode() for t in TEXTS], rng)
    elif a.type == AttributeProto.TENSOR:
        _tensor(a.t, rng)


def _change(values: Any, choices: list[Any], rng: Rng) -> None:
    kind = rng.integers(4)
    if kind == 0 and len(values):
        del values[int(rng.integers(len(values)))]
    elif kind == 1:
        values.append(choices[rng.integers(len(choices))])
    elif kind == 2:
        del values[:]
    elif len(values):
        values[int(rng.integers(len(values)))] = choices[rng.integers(len(choices))]


def attribute_kind(model: onnx.ModelProto, rng: Rng) -> None:
    """An attribute of another kind of value."""
    a = _attribute(model, rng)
    if a is not None:
        values = [1, 1.5, "text", [1, 2], [0.5], ["a"], numpy_helper.from_array(np.zeros(3, np.float32))]
        a.CopyFrom(helper.make_attribute(a.name, values[rng.integers(len(values))]))


def attribute_dropped(model: onnx.ModelProto, rng: Rng) -> None:
    node = _node(model, rng)
    if node.attribute:
        del node.attribute[int(rng.integers(len(node.attribute)))]


def attribute_added(model: onnx.ModelProto, rng: Rng) -> None:
    """One that the operator has, with an absurd number."""
    node = _node(model, rng)
    try:
        known = onnx.defs.get_schema(node.op_type, model.opset_import[0].version, node.domain).attributes
    except onnx.defs.SchemaError:
        return
    names = sorted(set(known) - {a.name for a in node.attribute})
    if not names:
        return
    name = names[rng.integers(len(names))]
    number = int(rng.choice(np.array(NUMBERS, object)))
    kinds = {
        AttributeProto.INT: number,
        AttributeProto.INTS: [number] * int(rng.integers(1, 4)),
        AttributeProto.FLOAT: float(rng.choice(FLOATS)),
        AttributeProto.STRING: str(rng.choice(TEXTS)),
    }
    if (value := kinds.get(known[name].type.value)) is not None:
        node.attribute.append(helper.make_attribute(name, value))


def input_changed(model: onnx.ModelProto, rng: Rng) -> None:
    """An input left out, empty, once more, or another value of the graph."""
    node, kind = _node(model, rng), rng.integers(4)
    names = [i.name for i in model.graph.input] + [t.name for t in model.graph.initializer]
    names += [o for n in model.graph.node for o in n.output]
    if kind == 0 and node.input:
        del node.input[int(rng.integers(len(node.input)))]
    elif kind == 1 and node.input:
        node.input[int(rng.integers(len(node.input)))] = ""
    elif kind == 2 and names:
        node.input.append(names[rng.integers(len(names))])
    elif node.input and names:
        node.input[int(rng.integers(len(node.input)))] = names[rng.integers(len(names))]


def output_changed(model: onnx.ModelProto, rng: Rng) -> None:
    node = _node(model, rng)
    if rng.integers(2) and node.output:
        del node.output[int(rng.integers(len(node.output)))]
    else:
        node.output.append(f"more{rng.integers(3)}")


def input_type(model: onnx.ModelProto, rng: Rng) -> None:
    """Another element type, rank or size of an input of the model."""
    if not model.graph.input:
        return
    value = model.graph.input[int(rng.integers(len(model.graph.input)))]
    if not value.type.HasField("tensor_type"):
        return
    tensor, kind = value.type.tensor_type, rng.integers(6)
    dims = tensor.shape.dim
    if kind == 0:
        tensor.elem_type = int(rng.choice(TYPES))
    elif kind == 1 and dims:
        del dims[int(rng.integers(len(dims)))]
    elif kind == 2:
        dims.add().dim_value = int(rng.integers(4))
    elif kind == 3 and dims:
        dims[int(rng.integers(len(dims)))].dim_value = int(rng.choice(np.array(NUMBERS, object)))
    elif kind == 4 and dims:
        dims[int(rng.integers(len(dims)))].dim_param = str(rng.choice(["n", "m", ""]))
    else:
        tensor.ClearField("shape")


def _tensor(tensor: TensorProto, rng: Rng) -> None:
    kind = rng.integers(5)
    if kind == 0:
        tensor.data_type = int(rng.choice(TYPES))
    elif kind == 1 and tensor.dims:
        tensor.dims[int(rng.integers(len(tensor.dims)))] = int(rng.choice(np.array(NUMBERS, object)))
    elif kind == 2:
        tensor.dims.append(int(rng.integers(3)))
    elif kind == 3 and tensor.raw_data:
        tensor.raw_data = tensor.raw_data[: int(rng.integers(len(tensor.raw_data)))]
    else:
        try:
            array = numpy_helper.to_array(tensor)
            if array.size and array.dtype.kind in "iu":
                flat = array.reshape(-1).copy()
                limits = np.iinfo(array.dtype)
                flat[rng.integers(flat.size)] = rng.choice(
                    np.array([n for n in NUMBERS if limits.min <= n <= limits.max], array.dtype)
                )
                tensor.CopyFrom(numpy_helper.from_array(flat.reshape(array.shape), tensor.name))
        except (ValueError, TypeError, KeyError):
            return


def initializer(model: onnx.ModelProto, rng: Rng) -> None:
    """Another type, shape or value of a constant, or fewer bytes than it takes."""
    if model.graph.initializer:
        _tensor(model.graph.initializer[int(rng.integers(len(model.graph.initializer)))], rng)


def input_to_constant(model: onnx.ModelProto, rng: Rng) -> None:
    """An integer input of the model becomes a constant of absurd numbers: shapes, axes, positions."""
    inputs = [
        i for i in model.graph.input if i.type.tensor_type.elem_type in (TensorProto.INT64, TensorProto.INT32)
    ]
    if not inputs:
        return
    value = inputs[rng.integers(len(inputs))]
    shape = [d.dim_value for d in value.type.tensor_type.shape.dim]
    if max(shape, default=0) > 64:
        return
    dtype = helper.tensor_dtype_to_np_dtype(value.type.tensor_type.elem_type)
    fitting = [n for n in NUMBERS if np.iinfo(dtype).min <= n <= np.iinfo(dtype).max]
    array = rng.choice(np.array(fitting if rng.integers(2) else fitting[:6], dtype), shape)
    model.graph.input.remove(value)
    model.graph.initializer.append(numpy_helper.from_array(np.asarray(array, dtype), value.name))


def opset(model: onnx.ModelProto, rng: Rng) -> None:
    model.opset_import[0].version = int(rng.choice([0, 1, 6, 8, 11, 13, 17, 21, 99]))


def operator(model: onnx.ModelProto, rng: Rng) -> None:
    """Another operator on the same inputs."""
    _node(model, rng).op_type = str(
        rng.choice(
            ["Relu", "Add", "Concat", "Reshape", "Gather", "Conv", "MatMul", "Loop", "Nope", "Slice", "LSTM"]
        )
    )


def output_list(model: onnx.ModelProto, rng: Rng) -> None:
    """A result nobody makes, or no result."""
    if rng.integers(2) and model.graph.output:
        del model.graph.output[int(rng.integers(len(model.graph.output)))]
    elif model.graph.output:
        model.graph.output[0].name = "nobody"


MUTATIONS: dict[str, Callable[[onnx.ModelProto, Rng], None]] = {
    f.__name__: f
    for f in (
        *(attribute_value, attribute_kind, attribute_dropped, attribute_added),
        *(
            input_changed,
            output_changed,
            input_type,
            initializer,
            input_to_constant,
            opset,
            operator,
            output_list,
        ),
    )
}


def mutated(model: onnx.ModelProto, rng: Rng) -> tuple[onnx.ModelProto, list[str]]:
    """A copy with one to three mutations, and their names."""
    out = onnx.ModelProto()
    out.CopyFrom(model)
    names = [str(n) for n in rng.choice(list(MUTATIONS), rng.integers(1, 4))]
    for name in names:
        try:
            MUTATIONS[name](out, rng)
        except (ValueError, TypeError):  # the protocol buffer does not take such a value
            continue
    return out, names


def damaged(data: bytes, rng: Rng) -> bytes:
    """A serialized model cut off, or with some bytes changed."""
    if rng.integers(2):
        return data[: int(rng.integers(len(data)))]
    out = bytearray(data)
    for _ in range(int(rng.integers(1, 6))):
        out[int(rng.integers(len(out)))] = int(rng.integers(256))
    return bytes(out)
