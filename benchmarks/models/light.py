"""The nine networks that travel with the onnx package as graphs without weights.

AlexNet, DenseNet-121, Inception v1 and v2, ResNet-50, ShuffleNet, SqueezeNet, VGG-19, ZFNet-512: real graphs of
early exporters, whose weights are all `ConstantOfShape`. `load` gives them seeded random ones.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import onnx.backend.test
from numpy.typing import NDArray
from onnx import numpy_helper

FOLDER = Path(onnx.backend.test.__file__).parent / "data" / "light"

SATURATING = {"resnet50": 100, "shufflenet": 1000}
"""Networks whose residual sums grow so much that one class would get all probability, and by how much: runtimes
could not be told apart by what they compute."""

FIRST_IR_WITH_PLAIN_WEIGHTS = 4
"""Before it every initializer had to be a graph input too."""


def names() -> list[str]:
    """`bvlc_alexnet`, `densenet121`, …"""
    return sorted(path.stem.removeprefix("light_") for path in FOLDER.glob("*.onnx"))


def load(name: str, random: bool = True) -> onnx.ModelProto:
    """The network `name`. With `random`, weights are He-initialized arrays and norms lie around one;
    otherwise the graph is as it is on disk, every weight a constant tensor computed in the graph."""
    model = onnx.load(FOLDER / f"light_{name}.onnx")
    return with_random_weights(model) if random else model


def standalone(name: str) -> onnx.ModelProto:
    """The network with random weights as a file users would have: its inputs are what a caller gives, and no
    weight is an input too, which runtimes must take for something that may change."""
    model = load(name)
    weights = {t.name for t in model.graph.initializer}
    if name in SATURATING:
        head = [node for node in model.graph.node if node.op_type == "Gemm"][-1].input[1]
        tensor = next(t for t in model.graph.initializer if t.name == head)
        tensor.CopyFrom(
            numpy_helper.from_array(numpy_helper.to_array(tensor) / np.float32(SATURATING[name]), head)
        )
    read = {value for node in model.graph.node for value in node.input}
    kept = [value for value in model.graph.input if value.name in read - weights]
    del model.graph.input[:]
    model.graph.input.extend(kept)
    model.ir_version = max(model.ir_version, FIRST_IR_WITH_PLAIN_WEIGHTS)
    return model


def with_random_weights(model: onnx.ModelProto, seed: int = 0) -> onnx.ModelProto:
    """Replaces each `ConstantOfShape` of an initializer by an initializer fit for what reads it."""
    rng = np.random.default_rng(seed)
    shapes = {t.name: numpy_helper.to_array(t) for t in model.graph.initializer}
    roles = _roles(model.graph)
    kept, made, used_shapes = [], [], set()
    for node in model.graph.node:
        if node.op_type == "ConstantOfShape" and node.input[0] in shapes:
            name = node.output[0]
            array = _weight(roles.get(name, "other"), tuple(shapes[node.input[0]]), rng)
            made.append(numpy_helper.from_array(array, name))
            used_shapes.add(node.input[0])
        else:
            kept.append(node)
    read = {value for node in kept for value in node.input}
    weights = [t for t in model.graph.initializer if t.name in read or t.name not in used_shapes]
    for field, values in ((model.graph.node, kept), (model.graph.initializer, [*weights, *made])):
        del field[:]
        field.extend(values)
    return model


def _roles(graph: onnx.GraphProto) -> dict[str, str]:
    """What each value is to the op that reads it: `matrix`, `head`, `scale`, `variance` or `other` (an offset)."""
    roles: dict[str, str] = {}
    last = [node for node in graph.node if node.op_type == "Gemm"][-1:]
    for node in reversed(graph.node):
        if node.op_type == "Unsqueeze":
            roles[node.input[0]] = roles.get(node.output[0], "other")
        slots = {"Conv": {1: "matrix"}, "Gemm": {1: "matrix"}, "Mul": {1: "scale"}}.get(node.op_type, {})
        if node in last:
            slots = {1: "head"}
        if node.op_type == "BatchNormalization":
            slots = {1: "scale", 4: "variance"}
        roles.update({node.input[i]: role for i, role in slots.items()})
    return roles


def _weight(role: str, shape: tuple[int, ...], rng: np.random.Generator) -> NDArray[np.float32]:
    if role in ("matrix", "head"):
        values = rng.standard_normal(shape) * np.sqrt(2 / np.prod(shape[1:]))
        if role == "head":  # residual sums grow: keeps the softmax behind it from saturating
            values *= 0.02
    elif role in ("scale", "variance"):
        values = rng.uniform(0.6, 1.2, shape)
    else:
        values = 0.1 * rng.standard_normal(shape)
    return values.astype(np.float32)
