"""Inputs for a model nobody gave inputs for: random, but values the model can take.

A token id beyond the vocabulary is an error and a mask of noise hides half the work, so the graph is asked
what an integer input is for.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from aicc.errors import CompileError
from aicc.importer.initializers import initializers_of

if TYPE_CHECKING:
    from aicc.runtime.library import TensorInfo

Array = NDArray[Any]

# Ops through which an index keeps its value on its way to a table.
_CARRIERS = {
    "Cast",
    "Identity",
    "Reshape",
    "Unsqueeze",
    "Squeeze",
    "Flatten",
    "Transpose",
    "Expand",
    "Slice",
}
_FREE_SIZE = 16


@dataclass(frozen=True)
class InputSpec:
    """One input: `shape` has an int per static dim, a name or None per dynamic one; `rows` is the size of the
    smallest constant table it indexes, None when it indexes none."""

    name: str
    dtype: np.dtype[Any]
    shape: tuple[int | str | None, ...]
    rows: int | None = None

    def static_shape(self, dims: Mapping[str, int]) -> tuple[int, ...]:
        """The shape with dynamic dims filled in: from `dims`, else 1 for a batch and 16 for anything else."""
        return tuple(
            dim if isinstance(dim, int) else dims.get(dim or "", 1 if _is_batch(dim) else _FREE_SIZE)
            for dim in self.shape
        )


def specs_of_model(model: onnx.ModelProto) -> list[InputSpec]:
    """The inputs a caller gives: those without an initializer.

    Raises CompileError AICC-4002 for one that is no tensor, or has no rank.
    """
    weights = initializers_of(model.graph)
    tables = _table_sizes(model.graph)
    specs = []
    for value in model.graph.input:
        if value.name not in weights:
            kind = value.type.tensor_type
            if not value.type.HasField("tensor_type"):
                raise CompileError(
                    "AICC-4002",
                    f"input '{value.name}' is no tensor: no value can be made up for it.",
                    hint="run the compiled model: --input takes the tensors that such an input is made of.",
                )
            if not kind.HasField("shape"):
                raise CompileError(
                    "AICC-4002",
                    f"input '{value.name}' has no rank: no value can be made up for it.",
                    hint=f"--shape {value.name}=1,3,n says what it is.",
                )
            shape = tuple(
                d.dim_value if d.HasField("dim_value") else d.dim_param or None for d in kind.shape.dim
            )
            string = kind.elem_type == TensorProto.STRING
            dtype = np.dtype(object) if string else helper.tensor_dtype_to_np_dtype(kind.elem_type)
            specs.append(InputSpec(value.name, dtype, shape, tables.get(value.name)))
    return specs


def specs_of_library(inputs: Sequence[TensorInfo]) -> list[InputSpec]:
    """The inputs of a compiled model, which no longer tells what an integer is for."""
    return [InputSpec(info.name, info.dtype, info.shape) for info in inputs]


def random_inputs(
    model: onnx.ModelProto | Sequence[InputSpec], dims: Mapping[str, int] | None = None, seed: int = 0
) -> dict[str, Array]:
    """One array per input, the same for the same seed.

    Floats are standard normal; inputs called a mask are ones; integers that index a constant table lie in it,
    positions count up, other integers are 0 or 1; bytes span their whole range. `dims` gives symbolic dims.
    """
    rng = np.random.default_rng(seed)
    specs = specs_of_model(model) if isinstance(model, onnx.ModelProto) else model
    return {spec.name: random_input(spec, dims or {}, rng) for spec in specs}


def random_input(spec: InputSpec, dims: Mapping[str, int], rng: np.random.Generator) -> Array:
    """One input as in `random_inputs`."""
    shape, dtype, name = spec.static_shape(dims), spec.dtype, spec.name.lower()
    if dtype.kind == "O":
        return np.full(shape, "text", dtype=object)
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
        return rng.integers(0, spec.rows or 2, shape).astype(dtype)
    if np.issubdtype(dtype, np.complexfloating):
        return (rng.standard_normal(shape) + 1j * rng.standard_normal(shape)).astype(dtype)
    return rng.standard_normal(shape).astype(dtype)


def _is_batch(symbol: str | None) -> bool:
    return not symbol or "batch" in symbol.lower() or symbol.lower() in ("n", "b")


def _table_sizes(graph: onnx.GraphProto) -> dict[str, int]:
    """Values that index a constant, by name, with the smallest number of rows they index."""
    rows: dict[str, int] = {}
    shapes = {t.name: t.shape for t in initializers_of(graph).values()}
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
