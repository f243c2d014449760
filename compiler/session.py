"""onnxruntime's interface over a compiled model: programs written for it need another import, no more.

>>> session = aicc.InferenceSession("model.onnx")          # compiled now; "model.so" is loaded
>>> session.run(None, {session.get_inputs()[0].name: x})
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aicc.errors import RuntimeError_
from aicc.executable import INITIALIZERS, Executable
from aicc.io_binding import IOBinding
from aicc.loader import load
from aicc.runtime.library import TensorInfo
from aicc.runtime.values import TENSOR, ValueInfo

_SHARED_LIBRARY = (b"\x7fELF", b"\xcf\xfa\xed\xfe")  # ELF, Mach-O


@dataclass
class SessionOptions:
    """onnxruntime's options that mean something here; others may be set and are kept but not used.

    `intra_op_num_threads`: 0 for AICC_NUM_THREADS, else the number of cores. `compile_options` go to
    `aicc.compile` when the model is ONNX.
    """

    intra_op_num_threads: int = 0
    inter_op_num_threads: int = 0
    graph_optimization_level: Any = None
    execution_mode: Any = None
    enable_profiling: bool = False
    log_severity_level: int = 2
    compile_options: dict[str, Any] = field(default_factory=dict)
    config_entries: dict[str, str] = field(default_factory=dict)

    def add_session_config_entry(self, key: str, value: str) -> None:
        self.config_entries[key] = value

    def get_session_config_entry(self, key: str) -> str:
        return self.config_entries[key]


@dataclass(frozen=True)
class NodeArg:
    """An input or output: `type` as "tensor(float)"; `shape` has ints, symbols' names, or None (empty of what is no
    tensor)."""

    name: str
    type: str
    shape: list[int | str | None]


@dataclass(frozen=True)
class ModelMeta:
    graph_name: str
    producer_name: str
    description: str
    custom_metadata_map: dict[str, str]


class InferenceSession:
    """Runs a model: the path or the bytes of an ONNX file, or of a compiled model.

    `run` may be called from several threads. `providers` is accepted and ignored: what the model runs on was
    chosen when it was compiled.
    """

    def __init__(
        self,
        path_or_bytes: str | os.PathLike[str] | bytes,
        sess_options: SessionOptions | None = None,
        providers: Sequence[Any] | None = None,
        provider_options: Sequence[Mapping[str, Any]] | None = None,
        **kwargs: Any,
    ) -> None:
        self._options = sess_options or SessionOptions()
        self._executable = _open(path_or_bytes, self._options)
        threads = int(getattr(self._options, "intra_op_num_threads", 0) or 0)
        if threads:
            self._executable.num_threads = threads
        self._position = {info.name: n for n, info in enumerate(self._executable.input_values)}
        self._with_default = {info.name for info in self._executable.inputs if info.has_default}
        self._values = {value.name: value for value in self._executable.values}

    @property
    def executable(self) -> Executable:
        """The compiled model."""
        return self._executable

    def run(
        self, output_names: Sequence[str] | None, input_feed: Mapping[str, Any], run_options: Any = None
    ) -> list[Any]:
        """The named outputs, all for None or an empty list: arrays, lists of arrays (sequences), lists of dicts
        (ZipMap), None (an empty optional). An input that is a sequence is a list, too.
        Raises RuntimeError_ AICC-5002, AICC-5003."""
        return self._run(output_names, input_feed, ())

    def io_binding(self) -> IOBinding:
        """Memory for runs, to be bound: see `aicc.io_binding`."""
        return IOBinding(self)

    def run_with_iobinding(self, iobinding: IOBinding, run_options: Any = None) -> None:
        """A run on bound memory. Raises RuntimeError_ AICC-5002, AICC-5003."""
        infos = self._executable.outputs
        tensors = {v.name: infos[v.first].name for v in self._values.values() if v.kind == TENSOR}
        out = {tensors[n]: x for n, x in iobinding.outputs.items() if n in tensors and x is not None}
        memory = [out.get(info.name) for info in infos] if out else ()
        iobinding.keep(self._run(list(iobinding.outputs), iobinding.inputs, memory))

    def _run(
        self, output_names: Sequence[str] | None, input_feed: Mapping[str, Any], out: Sequence[Any]
    ) -> list[Any]:
        inputs: list[Any] = [None] * len(self._position)
        for name, value in input_feed.items():
            if name not in self._position:
                raise self._unknown("input", name, self._position, f"; {INITIALIZERS}")
            inputs[self._position[name]] = value
        if len(input_feed) != len(inputs):
            for missing in self._position.keys() - input_feed.keys() - self._with_default:
                raise RuntimeError_("AICC-5002", f"Input '{missing}' is missing.")
        for name in output_names or ():
            if name not in self._values:
                raise self._unknown("output", name, self._values)
        results = self._executable.run(self._executable.tensors(inputs), out)
        return [self._values[name].of(results) for name in output_names or self._values]

    def get_inputs(self) -> list[NodeArg]:
        """Those that must be given."""
        found = _node_args(self._executable.input_values, self._executable.inputs)
        return [arg for arg in found if arg.name not in self._with_default]

    def get_overridable_initializers(self) -> list[NodeArg]:
        """The inputs with a default: of the initializers that the model lists as inputs, too, those that were compiled
        so (`Options.overridable`). The others are constants."""
        found = _node_args(self._executable.input_values, self._executable.inputs)
        return [arg for arg in found if arg.name in self._with_default]

    def get_outputs(self) -> list[NodeArg]:
        return _node_args(self._executable.values, self._executable.outputs)

    def get_providers(self) -> list[str]:
        return ["AiccExecutionProvider"]

    def get_session_options(self) -> SessionOptions:
        return self._options

    def get_modelmeta(self) -> ModelMeta:
        return ModelMeta(self._executable.name, self._executable.producer, "", {})

    @staticmethod
    def _unknown(kind: str, name: str, known: Mapping[str, Any], more: str = "") -> RuntimeError_:
        return RuntimeError_(
            "AICC-5002", f"The model has no {kind} '{name}'.", hint=f"it has {', '.join(known)}{more}."
        )


def _node_args(values: Sequence[ValueInfo], tensors: Sequence[TensorInfo]) -> list[NodeArg]:
    return [NodeArg(v.name, v.type, list(tensors[v.first].shape) if v.kind == TENSOR else []) for v in values]


def _open(source: str | os.PathLike[str] | bytes, options: SessionOptions) -> Executable:
    if isinstance(source, bytes):
        if source.startswith(_SHARED_LIBRARY):
            return _load_bytes(source)
    elif _starts_with(Path(source), _SHARED_LIBRARY):
        return load(source)
    from aicc.driver import compile as compile_model

    executable: Executable = compile_model(source, **getattr(options, "compile_options", {}))
    return executable


def _starts_with(path: Path, prefixes: tuple[bytes, ...]) -> bool:
    try:
        with path.open("rb") as file:
            return file.read(4).startswith(prefixes)
    except OSError:
        return False  # the compiler says why it cannot be read


def _load_bytes(library: bytes) -> Executable:
    with tempfile.TemporaryDirectory(prefix="aicc-") as folder:
        path = Path(folder) / "model.so"
        path.write_bytes(library)
        return load(path)
