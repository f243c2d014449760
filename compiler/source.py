"""What a compilation starts from: an ONNX model, or IR of some stage with its weight manifest."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from aicc.bindings import ir
from aicc.dialects.types import TensorType
from aicc.errors import CompileError, ImportError_
from aicc.signature import DimChoice, ShapeChoice
from aicc.weights import WeightStore


@dataclass(frozen=True)
class Source:
    """`kind` is "onnx" or "mlir"; `origin` the path, bytes or ModelProto."""

    kind: str
    origin: Any

    def module(
        self,
        dims: Mapping[str, DimChoice],
        shapes: Mapping[str, ShapeChoice] | None = None,
        overridable: Sequence[str] = (),
    ) -> tuple[Any, WeightStore]:
        """The module and weights in the current MLIR context. Raises AiccError."""
        if self.kind == "onnx":
            from aicc.importer import import_model

            return import_model(self.origin, dims, shapes, overridable)
        return _read_ir(Path(self.origin))


def open_source(source: Any) -> Source:
    """Tells IR (a path ending in .mlir) from models."""
    if isinstance(source, (str, os.PathLike)):
        path = Path(source)
        return Source("mlir" if path.suffix == ".mlir" else "onnx", path)
    return Source("onnx", source)


def _read_ir(path: Path) -> tuple[Any, WeightStore]:
    try:
        module = ir.Module.parse(path.read_text())
    except OSError as error:
        raise CompileError("AICC-2001", f"{path} cannot be read: {error.strerror or error}.") from error
    except ir.MLIRError as error:
        raise CompileError("AICC-2001", f"{path} is not valid IR: {error}") from error
    manifest = path.with_name("weights.json")
    return module, WeightStore.restore(manifest, _open_origin) if manifest.exists() else WeightStore()


def _open_origin(origin: dict[str, Any], t: TensorType) -> Callable[[], np.ndarray[Any, Any]]:
    """Finds a weight of a dumped compilation again: an initializer of the model it came from."""
    from aicc.importer.initializers import initializers_of
    from aicc.importer.model import load_model

    model_path = Path(origin["model"])
    if not model_path.exists():
        raise ImportError_("AICC-1002", f"the model the weights came from is gone: {model_path}.")
    model = _models.setdefault(model_path, None) or load_model(model_path)
    _models[model_path] = model
    found = initializers_of(model.graph).get(origin["initializer"])
    if found is not None:
        return found.loader(model_path.parent)
    raise ImportError_("AICC-1002", f"{model_path} has no initializer '{origin['initializer']}'.")


_models: dict[Path, Any] = {}
