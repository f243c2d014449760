"""Each quantized tensor of a QDQ model by itself, computed from the float emulation's integers.

A model is cut at every QuantizeLinear: what reads its result reads an input of the model instead, which is given the
emulation's integers. So that one layer's differences do not become the next one's, and each can be explained.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import helper

Array = np.ndarray[Any, Any]
_GIVEN = "_given"


def compare_tensors(path: Path, feed: dict[str, Array]) -> dict[str, dict[str, Any]]:
    """By operator that computes what is rounded: tensors, integers, how many differ, by how many steps at most, and how
    far (in steps) the emulation's numbers there lay from a tie at most.

    Raises AssertionError when the emulation's QuantizeLinear is not the one that ONNX defines.
    """
    import aicc

    model = onnx.load(str(path))
    nodes = [n for n in model.graph.node if n.op_type == "QuantizeLinear"]
    constants = {t.name: onnx.numpy_helper.to_array(t) for t in model.graph.initializer}
    names = [name for n in nodes for name in (n.input[0], n.output[0])]
    seen = emulate(model, feed, names)
    makers = {name: n.op_type for n in model.graph.node for name in n.output}
    cut = aicc.compile(cut_model(model, nodes, seen))
    given = {f"{n.output[0]}{_GIVEN}": seen[n.output[0]] for n in nodes} | feed
    results = cut.run([given[i.name] for i in cut.inputs])
    ours = dict(zip((o.name for o in cut.outputs), results, strict=True))
    found: dict[str, dict[str, Any]] = {}
    for n in nodes:
        scale, zero = (constants[name] for name in n.input[1:3])
        x, wanted = seen[n.input[0]], seen[n.output[0]]
        place = x / scale
        limits = np.iinfo(zero.dtype)
        spec = np.clip(np.rint(place) + zero.astype(np.float32), limits.min, limits.max).astype(zero.dtype)
        assert np.array_equal(spec, wanted), f"{n.name}: the emulation does not round as ONNX defines"
        steps = np.abs(ours[n.output[0]].astype(np.int32) - wanted.astype(np.int32))
        row = found.setdefault(
            makers.get(n.input[0], "input"),
            {"tensors": 0, "integers": 0, "differ": 0, "steps": 0, "from_tie": 0.0},
        )
        row["tensors"] += 1
        row["integers"] += steps.size
        row["differ"] += int((steps > 0).sum())
        row["steps"] = max(row["steps"], int(steps.max(initial=0)))
        from_tie = np.abs(np.abs(place - np.trunc(place)) - 0.5)[steps > 0]
        row["from_tie"] = max(row["from_tie"], float(from_tie.max(initial=0)))
    return found


def emulate(model: onnx.ModelProto, feed: dict[str, Array], names: list[str]) -> dict[str, Array]:
    """Tensors inside a model, computed op by op in float."""
    import onnxruntime

    watched = onnx.ModelProto()
    watched.CopyFrom(model)
    del watched.graph.output[:]
    wanted = [name for name in dict.fromkeys(names) if name not in feed]
    watched.graph.output.extend(onnx.ValueInfoProto(name=name) for name in wanted)
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(watched.SerializeToString(), options)
    return dict(zip(wanted, session.run(wanted, feed), strict=True)) | {
        name: feed[name] for name in names if name in feed
    }


def cut_model(model: onnx.ModelProto, nodes: list[onnx.NodeProto], seen: dict[str, Array]) -> onnx.ModelProto:
    """The model whose outputs are all quantized tensors, and whose inputs stand for them where they are read."""
    cut = onnx.ModelProto()
    cut.CopyFrom(model)
    tensors = {n.output[0]: seen[n.output[0]] for n in nodes}
    for node in cut.graph.node:
        for i, name in enumerate(node.input):
            if name in tensors:
                node.input[i] = f"{name}{_GIVEN}"
    del cut.graph.output[:]
    for name, array in tensors.items():
        kind = helper.np_dtype_to_tensor_dtype(array.dtype)
        cut.graph.output.append(helper.make_tensor_value_info(name, kind, array.shape))
        cut.graph.input.append(helper.make_tensor_value_info(f"{name}{_GIVEN}", kind, array.shape))
    return cut
