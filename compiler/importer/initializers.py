"""Initializers of graphs: dense tensors, and sparse ones, which become dense when they are read."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx

from aicc.errors import ImportError_
from aicc.importer.model import tensor_loader

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Initializer:
    """A tensor of a graph with its name; `code` is ONNX's of its element type."""

    name: str
    shape: tuple[int, ...]
    code: int
    proto: onnx.TensorProto | onnx.SparseTensorProto

    def loader(self, directory: Path) -> Callable[[], Array]:
        """A function that gives the array; `directory` has external data. Raises ImportError_ AICC-1001, AICC-1002."""
        proto = self.proto
        if isinstance(proto, onnx.TensorProto):
            return tensor_loader(proto, directory)
        return lambda: dense(proto, lambda tensor: tensor_loader(tensor, directory)())


def initializers_of(graph: onnx.GraphProto) -> dict[str, Initializer]:
    """All of a graph by name. Raises ImportError_ AICC-1001 for two of one name."""
    found: dict[str, Initializer] = {}
    tensors = [Initializer(t.name, tuple(t.dims), t.data_type, t) for t in graph.initializer]
    tensors += [
        Initializer(s.values.name, tuple(s.dims), s.values.data_type, s) for s in graph.sparse_initializer
    ]
    for tensor in tensors:
        if tensor.name in found:
            raise ImportError_(
                "AICC-1001", f"the graph has two initializers '{tensor.name}'.", stage="import"
            )
        found[tensor.name] = tensor
    return found


def dense(sparse: onnx.SparseTensorProto, load: Callable[[onnx.TensorProto], Array]) -> Array:
    """The array of a sparse tensor: zeros (or empty strings) but for `values[n]`, which lie at positions of the
    flattened array, `indices[n]`, or at coordinates, `indices[n, rank]`. Raises ImportError_ AICC-1001."""
    shape = tuple(sparse.dims)
    what = f"sparse tensor '{sparse.values.name}' of shape {list(shape)}"
    if min(shape, default=0) < 0:
        raise ImportError_("AICC-1001", f"{what}: sizes go from 0 upwards.", stage="import")
    values, indices = load(sparse.values), load(sparse.indices)
    count = values.shape[0] if values.ndim == 1 else -1
    if indices.dtype != np.int64 or indices.shape not in ((count,), (count, len(shape))):
        raise ImportError_(
            "AICC-1001",
            f"{what} has {values.dtype} values {list(values.shape)} at {indices.dtype} indices "
            f"{list(indices.shape)}; expected were values [n] and int64 indices [n] or [n, {len(shape)}].",
            stage="import",
        )
    limits = np.asarray((math.prod(shape),) if indices.ndim == 1 else shape, np.int64)
    rows = indices.reshape(count, -1)
    if ((rows < 0) | (rows >= limits)).any():
        raise ImportError_("AICC-1001", f"{what} has an index out of range.", stage="import")
    out = np.full(shape, "", object) if values.dtype == object else np.zeros(shape, values.dtype)
    if indices.ndim == 1:
        out.reshape(-1)[indices] = values
    else:
        out[tuple(indices.T)] = values
    return out
