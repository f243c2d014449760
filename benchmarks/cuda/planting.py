"""Models whose weights can be made again from seeds: here in ONNX, there in the sidecar file of the compiled model."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, numpy_helper

from benchmarks.cuda import seeded

SMALLEST = 4096
"""Elements from which on a weight is planted; smaller ones travel as they are."""


@dataclass(frozen=True)
class Planted:
    """The ONNX model, and the spec of each weight it was given."""

    model: onnx.ModelProto
    specs: list[dict[str, Any]]


def planted(path: Path, half: bool) -> Planted:
    """The model at `path` with seeded weights as large as its own; in f16 all through with `half`."""
    model = onnx.load(path)
    specs: list[dict[str, Any]] = []
    for number, tensor in enumerate(model.graph.initializer):
        if tensor.data_type != TensorProto.FLOAT:
            continue
        values = numpy_helper.to_array(tensor)
        if values.size >= SMALLEST:
            dtype = "float16" if half else "float32"
            spec = {"kind": "normal", "seed": 1000 + number, "shape": list(values.shape), "dtype": dtype}
            spec |= {"std": float(values.std()), "mean": float(values.mean())}
            specs.append(spec)
            values = seeded.make(spec)
        elif half:
            values = _half(values)
        tensor.CopyFrom(numpy_helper.from_array(values, tensor.name))
    if half:
        _to_half(model)
    return Planted(model, specs)


def _half(values: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    return np.clip(values, -65504, 65504).astype(np.float16)


def _to_half(model: onnx.ModelProto) -> None:
    """Every f32 of the graph is f16."""
    for info in (*model.graph.input, *model.graph.output):
        if info.type.tensor_type.elem_type == TensorProto.FLOAT:
            info.type.tensor_type.elem_type = TensorProto.FLOAT16
    del model.graph.value_info[:]
    for node in model.graph.node:
        for attribute in node.attribute:
            if attribute.type == onnx.AttributeProto.TENSOR and attribute.t.data_type == TensorProto.FLOAT:
                values = _half(numpy_helper.to_array(attribute.t))
                attribute.t.CopyFrom(numpy_helper.from_array(values, attribute.t.name))
            elif node.op_type == "Cast" and attribute.name == "to" and attribute.i == TensorProto.FLOAT:
                attribute.i = TensorProto.FLOAT16


def recipe_of(blob: bytes, specs: list[dict[str, Any]]) -> tuple[dict[str, Any], bytes]:
    """What `seeded.write_weights` makes the blob from: where each planted weight lies and in which order of dims, and
    the bytes of all the rest."""
    covered: list[tuple[int, int]] = []
    pieces = []
    for spec in specs:
        values = seeded.make(spec)
        found = _find(blob, values)
        if found is not None:
            at, order = found
            covered.append((at, at + values.nbytes))
            pieces.append({"at": at, "order": order, "tensor": spec})
    raw, parts, position = bytearray(), [], 0
    for start, end in [*sorted(covered), (len(blob), len(blob))]:
        if start > position:
            parts.append({"at": position, "from": len(raw), "size": start - position})
            raw += blob[position:start]
        position = max(position, end)
    return {"size": len(blob), "planted": pieces, "raw": parts}, bytes(raw)


def _find(blob: bytes, values: np.ndarray[Any, Any]) -> tuple[int, list[int]] | None:
    for order in itertools.permutations(range(values.ndim)):
        data = values.transpose(order).tobytes()
        at = blob.find(data[:256])
        if at >= 0 and blob[at : at + len(data)] == data:
            return at, list(order)
    return None
