"""The compiler as a backend of ONNX's own test harness (`onnx.backend.base`).

>>> import aicc.backend as backend
>>> backend.prepare(model, device="CPU").run([x])
>>> backend.run_node(onnx.helper.make_node("Add", ["a", "b"], ["y"]), [a, b])

The Backend Scoreboard and `make conformance` both drive it: `BackendTest(aicc.backend, __name__)`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx
import onnx.helper
from onnx.backend.base import Backend, BackendRep

from aicc.driver import compile as compile_onnx
from aicc.errors import ImportError_
from aicc.executable import Executable
from aicc.flatten import flattened_model, graph_inputs, structure, takes_tensors


class Program(BackendRep):
    """A compiled model: inputs in the model's order or by name, a tuple of outputs.

    A compiled model takes and gives tensors. One of sequences and optionals is compiled at its first run, for what
    is in them; so is one where a small integer input decides about shapes, positions or rounds, for its value.
    Other values compile it again, and each is kept.
    """

    def __init__(self, model: onnx.ModelProto, options: dict[str, Any]) -> None:
        self._model = model
        self._options = options
        self._kept: dict[tuple[Any, ...], Executable] = {}
        self._names = [i.name for i in graph_inputs(model)]
        self._constants = not takes_tensors(model)
        self.executable: Executable | None = None
        """None for a model that is compiled at its first run."""
        if takes_tensors(model):
            try:
                self.executable = compile_onnx(model, **options)
            except ImportError_ as error:
                if error.code != "AICC-1005" or "constant" not in f"{error.message} {error.hint}":
                    raise
                self._constants = True

    def run(self, inputs: Any, **kwargs: Any) -> tuple[Any, ...]:
        """`inputs` is a list, a dict by name, or the one input. Raises AiccError."""
        if isinstance(inputs, np.ndarray):
            inputs = [inputs]
        if isinstance(inputs, dict):
            inputs = [inputs[name] for name in self._names]
        if self.executable is not None:
            return self._results(self.executable, inputs)
        key = structure(self._model, inputs, self._constants)
        model, arrays = flattened_model(self._model, inputs, self._constants)
        if key not in self._kept:
            self._kept[key] = compile_onnx(model, **self._options)
        return self._results(self._kept[key], arrays)

    @staticmethod
    def _results(executable: Executable, arrays: Any) -> tuple[Any, ...]:
        results = executable.run(arrays)
        return tuple(value.of(results) for value in executable.values)


class AiccBackend(Backend):
    """Keyword arguments of `prepare` and `run_model` are those of `aicc.Options`."""

    @classmethod
    def prepare(cls, model: onnx.ModelProto, device: str = "CPU", **kwargs: Any) -> Program:
        """Compiles `model`. Raises AiccError: what is not supported says so, by node."""
        return Program(model, kwargs)

    @classmethod
    def run_model(
        cls, model: onnx.ModelProto, inputs: Any, device: str = "CPU", **kwargs: Any
    ) -> tuple[Any, ...]:
        return cls.prepare(model, device, **kwargs).run(inputs)

    @classmethod
    def run_node(
        cls,
        node: onnx.NodeProto,
        inputs: Any,
        device: str = "CPU",
        outputs_info: Sequence[tuple[np.dtype[Any], tuple[int, ...]]] | None = None,
        **kwargs: Any,
    ) -> tuple[Any, ...]:
        """One node on arrays, as a model of its own; `opset_version` says which opset (newest by default)."""
        opset = kwargs.pop("opset_version", onnx.defs.onnx_opset_version())
        return cls.run_model(one_node_model(node, inputs, opset), inputs, device, **kwargs)

    @classmethod
    def supports_device(cls, device: str) -> bool:
        return device.split(":")[0] == "CPU"


def one_node_model(node: onnx.NodeProto, inputs: Sequence[Any], opset: int) -> onnx.ModelProto:
    """A model of one node whose inputs have the shapes and dtypes of `inputs`."""
    names = [name for name in node.input if name]
    arrays = [np.asarray(x) for x in inputs]
    infos = [
        onnx.helper.make_tensor_value_info(name, onnx.helper.np_dtype_to_tensor_dtype(x.dtype), x.shape)
        for name, x in zip(names, arrays, strict=True)
    ]
    outputs = [onnx.helper.make_tensor_value_info(name, 0, None) for name in node.output if name]
    graph = onnx.helper.make_graph([node], "one_node", infos, outputs)
    imports = [onnx.helper.make_opsetid("", opset)]
    if node.domain not in ("", "ai.onnx"):
        imports.append(onnx.helper.make_opsetid(node.domain, 1))
    return onnx.helper.make_model(graph, opset_imports=imports)


is_compatible = AiccBackend.is_compatible
prepare = AiccBackend.prepare
run_model = AiccBackend.run_model
run_node = AiccBackend.run_node
supports_device = AiccBackend.supports_device
