"""What `MODEL.(onnx|so)` on a command line means, and who else can run an ONNX model."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray

import aicc
from aicc.errors import CompileError, ImportError_, RuntimeError_
from aicc.executable import Executable
from aicc.importer.inputs import with_shapes
from aicc.runtime.library import TensorInfo
from aicc.runtime.values import MAPS, PACKED, SEQUENCE
from aicc.signature import ShapeChoice

Array = NDArray[Any]

_MAGIC = (b"\x7fELF", b"\xcf\xfa\xed\xfe")  # ELF, Mach-O


def is_compiled(path: Path) -> bool:
    """Whether the file is a shared library. Raises ImportError_ AICC-1001 when it cannot be read."""
    try:
        with path.open("rb") as file:
            return file.read(4).startswith(_MAGIC)
    except OSError as error:
        raise ImportError_("AICC-1001", f"'{path}' cannot be read: {error.strerror}.") from None


def open_model(path: Path, **options: Any) -> Executable:
    """Loads a compiled model; compiles an ONNX model with `options` (of `aicc.compile`) and loads that."""
    if is_compiled(path):
        return aicc.load(path)
    executable: Executable = aicc.compile(path, **options)
    return executable


def read_onnx(path: Path, shapes: Mapping[str, ShapeChoice] | None = None) -> onnx.ModelProto:
    """The graph of an ONNX file with the shapes given for its inputs; weights in other files are not read.

    Raises ImportError_ AICC-1001, AICC-1008.
    """
    try:
        model = onnx.load(path, load_external_data=False)
    except Exception as error:
        raise ImportError_("AICC-1001", f"'{path}' is no ONNX model: {error}.") from None
    if shapes:
        inputs, _ = with_shapes(model.graph.input, shapes)
        del model.graph.input[:]
        model.graph.input.extend(inputs)
    return model


class Reference:
    """Runs the ONNX model at `path` with somebody else's runtime: `onnxruntime`, or onnx's own `reference`.

    Raises CompileError AICC-4002 when that is not installed, RuntimeError_ AICC-5003 when it fails.
    """

    NAMES = ("onnxruntime", "reference")

    def __init__(self, name: str, path: Path, threads: int = 0) -> None:
        self.name = name
        if name == "onnxruntime" and importlib.util.find_spec("onnxruntime") is None:
            raise CompileError(
                "AICC-4002",
                "onnxruntime is not installed.",
                hint="pip install onnxruntime, or use reference.",
            )
        try:
            self._session = self._open(name, path, threads)
        except Exception as error:
            raise RuntimeError_("AICC-5003", f"{name} cannot load '{path}': {error}") from error

    @staticmethod
    def _open(name: str, path: Path, threads: int) -> Any:
        if name == "reference":
            from onnx.reference import ReferenceEvaluator

            return ReferenceEvaluator(str(path))
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.log_severity_level = 3
        return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])

    def run(self, inputs: Mapping[str, Array]) -> dict[str, Array]:
        """The outputs by name, in the model's order."""
        if self.name == "reference":
            names = list(self._session.output_names)
        else:
            names = [output.name for output in self._session.get_outputs()]
        try:
            with np.errstate(all="ignore"):
                return dict(zip(names, self._session.run(None, dict(inputs)), strict=True))
        except Exception as error:
            raise RuntimeError_("AICC-5003", f"{self.name} cannot run the model: {error}") from error


def tensors_of(executable: Executable, values: Mapping[str, Any]) -> dict[str, Array]:
    """The outputs of an ONNX model as the tensors by name that a compiled one has for them."""
    names = [info.name for info in executable.outputs]
    found: dict[str, Array] = {}
    for value in executable.values:
        given = values[value.name]
        own = names[value.first : value.first + value.count]
        if value.kind == PACKED:
            given = _packed(
                given, executable.outputs[value.first].shape[1], executable.outputs[value.first + 1]
            )
        elif value.kind == MAPS:
            given = [np.array([[row[key] for key in value.keys] for row in given], np.float32)]
        found.update(
            zip(own, given if value.kind in (SEQUENCE, MAPS, PACKED) else [given] * value.count, strict=True)
        )
    return found


def _packed(items: Sequence[Array], rank: int | str | None, elements: TensorInfo) -> list[Array]:
    """The sizes and elements of a sequence."""
    sizes = np.asarray([a.shape for a in items], np.int64).reshape(
        len(items), rank if isinstance(rank, int) else 0
    )
    flat = np.concatenate([a.reshape(-1) for a in items]) if items else np.empty(0, elements.dtype)
    return [sizes, flat]
