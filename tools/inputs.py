"""Inputs for a model nobody gave inputs for: random, but values the model can take.

A token id beyond the vocabulary is an error and a mask of noise hides half the work, so the graph is asked
what an integer input is for.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

Array = NDArray[np.generic]

# Ops through which an index keeps its value on its way to a table.
_CARRIERS = {"Cast", "Identity", "Reshape", "Unsqueeze", "Squeeze", "Flatten", "Transpose", "Expand", "Slice"}
_FREE_SIZE = 16


def graph_inputs(model: onnx.ModelProto) -> list[onnx.ValueInfoProto]:
    """The inputs a caller gives: those without an initializer."""
    weights = {t.name for t in model.graph.initializer}
    return [i for i in model.graph.input if i.name not in weights]


def input_shape(value: onnx.ValueInfoProto, dims: Mapping[str, int]) -> tuple[int, ...]:
    """The static shape of an input. A symbolic dim not in `dims` is 1 if it is a batch, else 16."""
    shape = []
    for dim in value.type.tensor_type.shape.dim:
        if dim.HasField("dim_value"):
            shape.append(dim.dim_value)
        else:
            shape.append(dims.get(dim.dim_param, 1 if _is_batch(dim.dim_param) else _FREE_SIZE))
    return tuple(shape)


def random_inputs(
    model: onnx.ModelProto, dims: Mapping[str, int] | None = None, seed: int = 0
) -> dict[str, Array]:
    """One array per graph input, the same for the same seed.

    Floats are standard normal; inputs called a mask are ones; integers that index a constant table lie in it,
    positions count up, other integers are 0 or 1; bytes span their whole range. `dims` gives symbolic dims.
    """
    rng = np.random.default_rng(seed)
    tables = _table_sizes(model.graph)
    return {
        value.name: _random(value, input_shape(value, dims or {}), tables.get(value.name), rng)
        for value in graph_inputs(model)
    }


def _is_batch(symbol: str) -> bool:
    return not symbol or "batch" in symbol.lower() or symbol.lower() in ("n", "b")


def _random(
    value: onnx.ValueInfoProto, shape: tuple[int, ...], table: int | None, rng: np.random.Generator
) -> Array:
    code = value.type.tensor_type.elem_type
    if code == TensorProto.STRING:
        return np.full(shape, "text", dtype=object)
    dtype, name = helper.tensor_dtype_to_np_dtype(code), value.name.lower()
    if "mask" in name:
        return np.ones(shape, dtype)
    if dtype == np.bool_:
        return rng.integers(0, 2, shape).astype(dtype)
    if np.issubdtype(dtype, np.integer):
        if "position" in name:
            last = np.arange(shape[-1]) if shape else np.zeros((), np.int64)
            return np.broadcast_to(last, shape).astype(dtype)
        if dtype.itemsize == 1:
            info = np.iinfo(dtype)
            return rng.integers(info.min, info.max + 1, shape).astype(dtype)
        return rng.integers(0, table or 2, shape).astype(dtype)
    if np.issubdtype(dtype, np.complexfloating):
        return (rng.standard_normal(shape) + 1j * rng.standard_normal(shape)).astype(dtype)
    return rng.standard_normal(shape).astype(dtype)


def _table_sizes(graph: onnx.GraphProto) -> dict[str, int]:
    """Values that index a constant, by name, with the smallest number of rows they index."""
    rows: dict[str, int] = {}
    shapes = {t.name: tuple(t.dims) for t in graph.initializer}
    for node in graph.node:
        if node.op_type == "Constant":
            for attribute in node.attribute:
                if attribute.name == "value":
                    shapes[node.output[0]] = numpy_helper.to_array(attribute.t).shape
    for node in reversed(graph.node):
        if node.op_type == "Gather" and shapes.get(node.input[0]):
            axis = next((a.i for a in node.attribute if a.name == "axis"), 0)
            size = shapes[node.input[0]][axis]
            rows[node.input[1]] = min(rows.get(node.input[1], size), size)
        elif node.op_type in _CARRIERS and node.output[0] in rows:
            size = rows[node.output[0]]
            rows[node.input[0]] = min(rows.get(node.input[0], size), size)
    return rows
