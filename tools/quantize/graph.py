"""A model being rewritten: its constants by name, new nodes before old ones, names that are free."""

from __future__ import annotations

import hashlib
from collections import Counter
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
from onnx import helper, numpy_helper
from onnx.version_converter import ConvertError

from aicc.errors import CompileError
from aicc.tools.quantize.bodies import all_graphs, hoist_weights, names_read
from aicc.tools.quantize.options import QuantizeOptions

Array = np.ndarray[Any, Any]
PRODUCTS = ("MatMul", "Gemm")
CONVOLUTIONS = ("Conv", "ConvTranspose")
RECURRENT = ("LSTM", "GRU", "RNN")
WEIGHTS_ALONE = ("Gather", *RECURRENT)
"""Tables, and layers whose activations stay in float inside: only weights are rounded."""
TARGETS = (*PRODUCTS, *CONVOLUTIONS, *WEIGHTS_ALONE)
_OPERANDS = {"Gather": (0,), **dict.fromkeys(RECURRENT, (1, 2))}
"""Which inputs are weights; of other operators the second."""
_RANKS = {**dict.fromkeys(PRODUCTS, 2), "Gather": 2, **dict.fromkeys(RECURRENT, 3)}
_SHORTEST_ROW = 8
"""Numbers of a table's row that are worth a scale."""


@dataclass(frozen=True)
class Layer:
    """A node and an input of it, `operand`, that is constant weights: of a product `[K, N]`, or `[N, K]` when
    `transposed`, of Conv `[F, C, …]`, of ConvTranspose `[C, F / groups, …]`, of Gather `[rows, columns]`, of recurrent
    layers `[directions, gates · hidden, …]`. `turned`: the node reads them through a Transpose. `graph` counts the
    model's graphs: 0, or that of a body (of If, Loop, Scan), whose nodes only it can read."""

    node: onnx.NodeProto
    weight: str
    transposed: bool
    graph: int = 0
    operand: int = 1
    turned: bool = False

    @property
    def name(self) -> str:
        """For people: the node's name, else its output's."""
        return self.node.name or self.result

    @property
    def result(self) -> str:
        """The first of the node's outputs that has a name: recurrent layers may leave out any."""
        return next(name for name in self.node.output if name)

    @property
    def channel_axis(self) -> int:
        """The dim of the weights that is an output channel, or a table's row."""
        return 0 if self.transposed or self.node.op_type in ("Conv", "Gather") else 1

    @property
    def weights_alone(self) -> bool:
        """Whether activations stay in float."""
        return self.node.op_type in WEIGHTS_ALONE


class Rewriting:
    """Edits `model` in place, with `bodies` also the nodes of bodies (of If, Loop, Scan)."""

    def __init__(self, model: onnx.ModelProto, bodies: bool = False) -> None:
        self.model = model
        self.graph = model.graph
        graphs = all_graphs(self.graph)
        self._names = {t.name for g in graphs for t in g.initializer} | {
            v.name for g in graphs for v in g.input
        }
        self._names |= {name for g in graphs for node in g.node for name in node.output}
        if bodies:
            hoist_weights(self.graph, lambda node: node.op_type in (*TARGETS, "Transpose"), self.unique)
        self.graphs = graphs if bodies else graphs[:1]
        self.initializers = {t.name: t for t in self.graph.initializer}
        self.constants = {
            node.output[0]: attribute.t
            for node in self.graph.node
            if node.op_type == "Constant"
            for attribute in node.attribute
            if attribute.name == "value"
        }
        self._moves = [_moves(graph) for graph in self.graphs]
        self._turns: dict[tuple[str, int], str] = {}
        self._added: dict[tuple[str, int, bytes], str] = {}
        self._before: dict[int, list[onnx.NodeProto]] = {}
        self._instead: dict[int, list[onnx.NodeProto]] = {}

    def layers(self, options: QuantizeOptions, kinds: tuple[str, ...]) -> list[Layer]:
        """The nodes to quantize, of f32 weights that are no input of the model, and of activations."""
        return [
            layer
            for number, graph in enumerate(self.graphs)
            for node in graph.node
            if node.op_type in kinds and not node.domain and not options.excludes(node)
            for layer in self._layers_of(node, number)
        ]

    def _layers_of(self, node: onnx.NodeProto, graph: int) -> list[Layer]:
        """A layer for each input of a node that is weights to quantize."""
        operands = _OPERANDS.get(node.op_type, (1,))
        data = next(i for i in (0, 1) if i not in operands)
        transposed = _orientation(node)
        if transposed is None or len(node.input) <= max(*operands, data):
            return []
        if self.tensor(node.input[data]) is not None:
            return []
        found = []
        for i in operands:
            name, turned = self._source(node.input[i], graph)
            if self._is_weight(node, name) and (node.op_type in PRODUCTS or not turned):
                found.append(Layer(node, name, transposed != turned, graph, i, turned))
        return found

    def _source(self, name: str, graph: int) -> tuple[str, bool]:
        """The constant that `name` is in a graph, behind any Identity and Transpose, and whether these turn it around;
        else a name that is no constant."""
        turned = False
        while self.tensor(name) is None:
            move = self._moves[graph].get(name) or self._moves[0].get(name)
            if move is None:
                break
            name, turned = move[0], turned != move[1]
        return name, turned

    def _is_weight(self, node: onnx.NodeProto, name: str) -> bool:
        """Whether `name` holds weights of f32 in the form that is quantized for a node of this kind."""
        tensor = self.tensor(name)
        if tensor is None or tensor.data_type != onnx.TensorProto.FLOAT or 0 in tensor.dims:
            return False
        rank = len(tensor.dims)
        if rank != _RANKS.get(node.op_type, rank) or (node.op_type in CONVOLUTIONS and rank < 3):
            return False
        if node.op_type == "Gather" and tensor.dims[1] < _SHORTEST_ROW:
            return False
        return all(name != value.name for value in self.graph.input)

    def tensor(self, name: str) -> onnx.TensorProto | None:
        """A constant, None when `name` is none."""
        return self.initializers.get(name) or self.constants.get(name)

    def array(self, name: str) -> Array:
        """The elements of a constant. Raises CompileError AICC-4004 when they are not finite."""
        tensor = self.tensor(name)
        assert tensor is not None
        array = numpy_helper.to_array(tensor)
        if array.dtype.kind == "f" and not np.isfinite(array).all():
            raise CompileError("AICC-4004", f"the weights '{name}' hold infinities or NaN.")
        return array

    def unique(self, name: str) -> str:
        """A name that nothing has: `name`, or with a number."""
        found, n = name, 1
        while found in self._names:
            found, n = f"{name}_{n}", n + 1
        self._names.add(found)
        return found

    def add_array(self, name: str, array: Array, graph: int = 0) -> str:
        """A new initializer of a graph, or one that was added to it under this name with the same elements."""
        return self.add_tensor(numpy_helper.from_array(np.ascontiguousarray(array), name), graph)

    def add_tensor(self, tensor: onnx.TensorProto, graph: int = 0) -> str:
        """`tensor` as a new initializer, like `add_array`."""
        key = tensor.name, graph, hashlib.sha256(tensor.SerializeToString()).digest()
        if key not in self._added:
            tensor.name = self.unique(tensor.name)
            self.graphs[graph].initializer.append(tensor)
            self._added[key] = tensor.name
        return self._added[key]

    def connect(self, layer: Layer, weights: str) -> None:
        """The layer reads `weights`, in the order its weights are stored in, for its own."""
        layer.node.input[layer.operand] = self.turn(layer, weights) if layer.turned else weights

    def turn(self, layer: Layer, weights: str) -> str:
        """A Transpose of `weights` that the layer can read."""
        key = weights, layer.graph
        if key not in self._turns:
            self._turns[key] = self.unique(f"{weights}_transposed")
            self.put_before(layer.node, self.node("Transpose", [weights], self._turns[key], perm=[1, 0]))
        return self._turns[key]

    def node(self, op: str, inputs: list[str], output: str, **attributes: Any) -> onnx.NodeProto:
        """A node of one result; it is not in the graph yet."""
        domain = attributes.pop("domain", "")
        return helper.make_node(op, inputs, [output], name=output, domain=domain, **attributes)

    def put_before(self, old: onnx.NodeProto, *new: onnx.NodeProto) -> None:
        """Nodes to run before `old`."""
        self._before.setdefault(id(old), []).extend(new)

    def replace(self, old: onnx.NodeProto, *new: onnx.NodeProto) -> None:
        """Nodes in the place of `old`."""
        self._instead[id(old)] = list(new)

    def finish(self) -> onnx.ModelProto:
        """The model with all changes, without the constants that nothing reads any more."""
        for graph in reversed(self.graphs):  # the copy of a node takes its bodies with it
            nodes: list[onnx.NodeProto] = []
            for node in graph.node:
                nodes += self._before.get(id(node), [])
                nodes += self._instead.get(id(node), [node])
            kept = [onnx.NodeProto.FromString(node.SerializeToString()) for node in nodes]
            del graph.node[:]
            graph.node.extend(kept)
        bodies = len(self.graphs) > 1
        for graph in reversed(all_graphs(self.graph) if bodies else [self.graph]):
            _remove_unused(graph)
        return self.model


def _orientation(node: onnx.NodeProto) -> bool | None:
    """Whether the node transposes its weights; None for attributes that make it no plain layer."""
    attributes = {a.name: helper.get_attribute_value(a) for a in node.attribute}
    if attributes.get("transA", 0) or any(attributes.get(k, 1.0) != 1.0 for k in ("alpha", "beta")):
        return None
    if node.op_type == "Gather" and attributes.get("axis", 0) not in (0, -2):
        return None
    return bool(attributes.get("transB", 0))


def _moves(graph: onnx.GraphProto) -> dict[str, tuple[str, bool]]:
    """What Identities of a graph read, and Transposes that turn two dims around (True), by their result."""
    return {
        node.output[0]: (node.input[0], node.op_type == "Transpose")
        for node in graph.node
        if node.op_type == "Identity"
        or node.op_type == "Transpose"
        and all(list(a.ints) == [1, 0] for a in node.attribute if a.name == "perm")
    }


def _remove_unused(graph: onnx.GraphProto) -> None:
    """Removes the constants that nothing reads, and what only turned these around or named them again."""
    used = Counter(names_read(graph))
    for node in reversed([n for n in graph.node if n.op_type in ("Identity", "Transpose")]):
        if not used[node.output[0]]:
            graph.node.remove(node)
            used[node.input[0]] -= 1
    unused = [t for t in graph.initializer if not used[t.name]]
    for tensor in unused:
        graph.initializer.remove(tensor)
    inputs = [v for v in graph.input if any(v.name == t.name for t in unused)]
    for value in inputs:
        graph.input.remove(value)
    for node in [n for n in graph.node if n.op_type == "Constant" and not used[n.output[0]]]:
        graph.node.remove(node)


def require_opset(model: onnx.ModelProto, version: int) -> onnx.ModelProto:
    """The model, converted when its opset is older. Raises CompileError AICC-4004 when that fails.

    Models of IR 3 and before list all initializers as inputs, which no caller may give: those stop being inputs.
    """
    old = model.ir_version < 4
    for entry in model.opset_import:
        if entry.domain in ("", "ai.onnx") and entry.version < version:
            try:
                model = onnx.version_converter.convert_version(model, version)
            except (RuntimeError, ValueError, onnx.checker.ValidationError, ConvertError) as error:
                raise CompileError(
                    "AICC-4004",
                    f"the model has opset {entry.version}, and cannot be converted to {version}: {error}",
                    hint="--format nbits needs no newer opset.",
                ) from error
    if old:
        constants = {t.name for t in model.graph.initializer}
        kept = [v for v in model.graph.input if v.name not in constants]
        del model.graph.input[:]
        model.graph.input.extend(kept)
    model.ir_version = max(model.ir_version, 10 if version >= 21 else 8)
    return model
