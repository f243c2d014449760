"""The ways in which a test's inputs reach its model: sizes as numbers, sizes with names, or values in the model.

What an operator computes must not depend on when its inputs are known; what the official tests give as inputs of
static shape is tried in the other ways, too.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx
import onnx.numpy_helper

from aicc.flatten import graph_inputs

STATIC = "static"
"""As the test has it."""
DYNAMIC = "dynamic"
"""Every dimension of every input has a name of its own, but for those that say a rank, or how many results there are:
the length of an integer vector, and `RANKS`."""
CONSTANT = "constant"
"""All inputs but the first are initializers; of a single one, that one."""
WAYS = (STATIC, DYNAMIC, CONSTANT)

RANKS = {
    ("Resize", 1): 0,
    ("Resize", 2): 0,
    ("Upsample", 1): 0,
    ("GatherND", 1): -1,
    ("ScatterND", 1): -1,
}
"""By operator and input, the dimension that says a rank."""


def in_way(model: onnx.ModelProto, inputs: Sequence[Any], way: str) -> tuple[onnx.ModelProto, list[Any]]:
    """The model of a test and its inputs, in that way; inputs that are no tensors stay as they are."""
    if way == STATIC:
        return model, list(inputs)
    changed = onnx.ModelProto()
    changed.CopyFrom(model)
    _forget_shapes(changed.graph)
    if way == DYNAMIC:
        for value in graph_inputs(changed):
            _name_dims(value, _ranks(changed.graph, value.name))
        return changed, list(inputs)
    return changed, _fix(changed, inputs)


def _forget_shapes(graph: onnx.GraphProto) -> None:
    """Drops what was inferred from static sizes."""
    del graph.value_info[:]
    for output in graph.output:
        if output.type.HasField("tensor_type"):
            output.type.tensor_type.ClearField("shape")


def _ranks(graph: onnx.GraphProto, name: str) -> set[int]:
    """The dimensions of an input that say a rank, negative ones counted from the end."""
    return {
        RANKS[node.op_type, i]
        for node in graph.node
        for i, used in enumerate(node.input)
        if used == name and (node.op_type, i) in RANKS
    }


def _name_dims(value: onnx.ValueInfoProto, kept: set[int]) -> None:
    tensor = value.type.tensor_type
    dims = tensor.shape.dim
    if len(dims) == 1 and tensor.elem_type in (onnx.TensorProto.INT64, onnx.TensorProto.INT32):
        return
    for i, dim in enumerate(dims):
        if not kept & {i, i - len(dims)}:
            dim.dim_param = f"{value.name}_{i}"


def _fix(model: onnx.ModelProto, inputs: Sequence[Any]) -> list[Any]:
    """Moves inputs into the model; returns those that are left."""
    values = list(graph_inputs(model))
    kept = []
    for i, (value, x) in enumerate(zip(values, inputs, strict=True)):
        if (i == 0 and len(values) > 1) or not isinstance(x, np.ndarray):
            kept.append(x)
            continue
        model.graph.initializer.append(onnx.numpy_helper.from_array(x, value.name))
        model.graph.input.remove(value)
    return kept
