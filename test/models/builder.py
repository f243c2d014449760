"""Writes an ONNX graph as expressions: `y = g.Relu(g.Conv(x, g.weight(64, 3, 7, 7), pads=[3] * 4))`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

Size = int | str


class Graph:
    """Ops are methods: positional arguments are inputs (value names, or arrays, which become constants),
    keyword arguments attributes; `outputs=n` gives a tuple of `n` values."""

    def __init__(self, name: str, seed: int = 0, opset: int = 17) -> None:
        self.name, self.opset = name, opset
        self.rng = np.random.default_rng(seed)
        self.nodes: list[onnx.NodeProto] = []
        self.inputs: list[onnx.ValueInfoProto] = []
        self.outputs: list[onnx.ValueInfoProto] = []
        self.weights: list[onnx.TensorProto] = []

    def input(self, name: str, *shape: Size, dtype: int = TensorProto.FLOAT) -> str:
        self.inputs.append(helper.make_tensor_value_info(name, dtype, shape))
        return name

    def output(self, value: str, *shape: Size | None, dtype: int = TensorProto.FLOAT, name: str = "") -> None:
        """Declares `value` as an output, renamed to `name` if one is given."""
        name = self.node("Identity", [value], 1, {}, [name])[0] if name else value
        self.outputs.append(helper.make_tensor_value_info(name, dtype, shape))

    def constant(self, array: Any) -> str:
        """A Constant node, as exporters write scalars and shapes."""
        return self.node("Constant", [], 1, {"value": numpy_helper.from_array(np.asarray(array))})[0]

    def initializer(self, array: Any, hint: str = "w") -> str:
        name = f"{hint}.{len(self.weights)}"
        self.weights.append(numpy_helper.from_array(np.asarray(array), name))
        return name

    def weight(self, *shape: int, scale: float | None = None, around: float = 0.0) -> str:
        """Random f32 of deviation `scale`; by default one over the square root of what is summed up."""
        fan_in = int(np.prod(shape[1:])) if len(shape) == 4 else shape[0]
        deviation = scale if scale is not None else fan_in**-0.5
        array = (around + deviation * self.rng.standard_normal(shape)).astype(np.float32)
        return self.initializer(array)

    def node(
        self,
        op: str,
        inputs: Sequence[Any],
        count: int,
        attributes: dict[str, Any],
        names: Sequence[str] = (),
    ) -> list[str]:
        values = [i if isinstance(i, str) else "" if i is None else self.constant(i) for i in inputs]
        number = len(self.nodes)
        suffixes = [""] if count == 1 else [f".{i}" for i in range(count)]
        outputs = list(names) or [f"{op.lower()}_{number}{suffix}" for suffix in suffixes]
        self.nodes.append(helper.make_node(op, values, outputs, f"/{op}_{number}", **attributes))
        return outputs

    def __getattr__(self, op: str) -> Any:
        if not op[0].isupper():
            raise AttributeError(op)

        def build(*inputs: Any, outputs: int = 1, **attributes: Any) -> Any:
            made = self.node(op, inputs, outputs, attributes)
            return made[0] if outputs == 1 else tuple(made)

        return build

    def model(self) -> onnx.ModelProto:
        """The model; checked unless it has operators of com.microsoft, which onnx does not know."""
        graph = helper.make_graph(self.nodes, self.name, self.inputs, self.outputs, self.weights)
        domains = sorted({node.domain for node in self.nodes} - {""})
        opsets = [helper.make_opsetid("", self.opset), *(helper.make_opsetid(d, 1) for d in domains)]
        model = helper.make_model(graph, opset_imports=opsets, ir_version=8, producer_name="aicc-test")
        if not domains:
            onnx.checker.check_model(model, full_check=True)
        return model
