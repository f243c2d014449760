"""Models of tensors out of models whose inputs are sequences and optionals.

A compiled model takes tensors. What is in a sequence, and whether an optional is empty, is fixed here:

    main(xs: sequence)  -->  main(xs[0], xs[1]) { xs = SequenceConstruct(xs[0], xs[1]); … }
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx
import onnx.helper
import onnx.numpy_helper

from aicc.errors import RuntimeError_
from aicc.importer.compound import item_name
from aicc.importer.initializers import initializers_of

Array = np.ndarray[Any, Any]

SMALL = 16
"""Inputs of up to so many integers or bools may be made constants, and single floats."""


def may_be_constant(array: Array) -> bool:
    """Whether an input is one that shapes, positions or numbers of rounds come from."""
    return array.size <= (SMALL if array.dtype.kind in "iub" else 1)


def takes_tensors(model: onnx.ModelProto) -> bool:
    """Whether all inputs are tensors."""
    return all(i.type.HasField("tensor_type") for i in graph_inputs(model))


def graph_inputs(model: onnx.ModelProto) -> list[onnx.ValueInfoProto]:
    """The inputs that are not initializers."""
    given = initializers_of(model.graph)
    return [i for i in model.graph.input if i.name not in given]


def flattened_model(
    model: onnx.ModelProto, values: Sequence[Any], constants: bool
) -> tuple[onnx.ModelProto, list[Array]]:
    """The model for values of the structure of `values`, and these as one list of arrays.

    With `constants` small inputs are constants of it: where shapes, positions and numbers of rounds come
    from. Raises RuntimeError_ AICC-5002 for a value that is none of its input's type.
    """
    infos = graph_inputs(model)
    if len(values) != len(infos):
        raise RuntimeError_("AICC-5002", f"{len(values)} inputs given, the model has {len(infos)}.")
    out = onnx.ModelProto()
    out.CopyFrom(model)
    inputs, nodes, arrays = [], [], []
    for info, value in zip(infos, values, strict=True):
        if info.type.HasField("tensor_type"):
            array = np.asarray(value)
            if constants and may_be_constant(array):
                out.graph.initializer.append(onnx.numpy_helper.from_array(array, info.name))
            else:
                inputs.append(info)
                arrays.append(array)
            continue
        made, found, built = _compound(info, value)
        inputs += made
        arrays += found
        nodes += built
    kept = [*nodes, *out.graph.node]
    del out.graph.input[:]
    out.graph.input.extend(inputs)
    del out.graph.node[:]
    out.graph.node.extend(kept)
    return out, arrays


def structure(model: onnx.ModelProto, values: Sequence[Any], constants: bool) -> tuple[Any, ...]:
    """What `flattened_model` depends on, to be looked up by."""
    key: list[Any] = []
    for value in values:
        if value is None or isinstance(value, (list, tuple)):
            key.append(
                None if value is None else tuple((str(v.dtype), v.shape) for v in map(np.asarray, value))
            )
            continue
        array = np.asarray(value)
        if constants and may_be_constant(array):
            key.append((str(array.dtype), array.shape, array.tobytes()))
        else:
            key.append((str(array.dtype), array.shape))
    return tuple(key)


def _compound(
    info: onnx.ValueInfoProto, value: Any
) -> tuple[list[onnx.ValueInfoProto], list[Array], list[onnx.NodeProto]]:
    """Inputs, their arrays, and the nodes that make of them what the graph calls `info.name`."""
    kind = info.type
    node = onnx.helper.make_node
    if not kind.HasField("optional_type"):
        return _sequence(info.name, info.name, kind, value)
    inner = kind.optional_type.elem_type
    if value is None:
        return [], [], [node("Optional", [], [info.name], type=inner)]
    wrapped = f"{info.name}.value"
    if inner.HasField("sequence_type"):
        inputs, arrays, nodes = _sequence(info.name, wrapped, inner, value)
        return inputs, arrays, [*nodes, node("Optional", [wrapped], [info.name])]
    array = np.asarray(value)
    return [_tensor(wrapped, array)], [array], [node("Optional", [wrapped], [info.name])]


def _sequence(
    name: str, result: str, kind: onnx.TypeProto, value: Any
) -> tuple[list[onnx.ValueInfoProto], list[Array], list[onnx.NodeProto]]:
    if not kind.HasField("sequence_type") or not isinstance(value, (list, tuple)):
        raise RuntimeError_(
            "AICC-5002",
            f"Input '{name}' must be a list of arrays.",
            hint="other compound types are not supported.",
        )
    arrays = [np.asarray(v) for v in value]
    names = [item_name(name, i) for i in range(len(arrays))]
    operator = "SequenceConstruct" if arrays else "SequenceEmpty"
    inputs = [_tensor(n, a) for n, a in zip(names, arrays, strict=True)]
    return inputs, arrays, [onnx.helper.make_node(operator, names, [result])]


def _tensor(name: str, array: Array) -> onnx.ValueInfoProto:
    code = onnx.helper.np_dtype_to_tensor_dtype(array.dtype)
    return onnx.helper.make_tensor_value_info(name, code, array.shape)
