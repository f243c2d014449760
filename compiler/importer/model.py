"""Reads ONNX files: protobuf, external data by memory map, functions expanded."""

from __future__ import annotations

import mmap
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import google.protobuf.message
import numpy as np
import onnx
import onnx.external_data_helper
import onnx.numpy_helper

from aicc.dialects.narrow import INTEGER_BITS
from aicc.dialects.types import DType
from aicc.errors import ImportError_
from aicc.importer.element_types import dtype_of
from aicc.importer.lazy import MalformedFile, read_without_weights
from aicc.signature import DimChoice, ShapeChoice
from aicc.weights import WeightStore

Array = np.ndarray[Any, Any]
OPSETS = range(1, onnx.defs.onnx_opset_version() + 1)


def load_model(path: Path) -> onnx.ModelProto:
    """The model without its external data, and its own large initializers as if they were external.

    Raises ImportError_ AICC-1001, AICC-1007.
    """
    try:
        try:
            model = onnx.load_model_from_string(read_without_weights(path))
        except (MalformedFile, google.protobuf.message.DecodeError):  # or text, JSON, …: the suffix tells
            model = onnx.load(str(path), load_external_data=False)
    except OSError as error:
        raise ImportError_("AICC-1001", f"{path} cannot be read: {error.strerror or error}.") from error
    except (google.protobuf.message.DecodeError, ValueError) as error:
        raise ImportError_("AICC-1001", f"{path} is not an ONNX model: {error}.") from error
    check_model(model, str(path))
    return model


def check_model(model: onnx.ModelProto, what: str) -> None:
    """The parts of a model that everything else relies on."""
    from aicc.importer.wellformed import check_names

    if not model.HasField("graph") or not model.opset_import:
        raise ImportError_("AICC-1001", f"{what} is not an ONNX model: it has no graph or no opset.")
    for opset in model.opset_import:
        if opset.domain in ("", "ai.onnx") and opset.version not in OPSETS:
            raise ImportError_(
                "AICC-1007",
                f"{what} uses opset {opset.version}; supported are {OPSETS.start} to {OPSETS.stop - 1}.",
                hint="onnx.version_converter can convert it.",
            )
    check_names(model.graph)


_PACKED = {**INTEGER_BITS, DType.F4E2M1: 4}
"""Bits of an element of the types that ONNX stores several to a byte."""


def tensor_loader(proto: onnx.TensorProto, directory: Path) -> Callable[[], Array]:
    """A function that gives the tensor's array: a view of a memory map for external data.

    Raises ImportError_ AICC-1001, AICC-1002 when what is stored is not what the shape and the element type take.
    """
    if min(proto.dims, default=0) < 0:
        raise ImportError_(
            "AICC-1001", f"tensor '{proto.name}' has the shape {list(proto.dims)}.", stage="import"
        )
    if proto.data_location == onnx.TensorProto.EXTERNAL:
        return _external_loader(proto, directory)
    return lambda: _stored(proto)


def _stored(proto: onnx.TensorProto) -> Array:
    try:
        return onnx.numpy_helper.to_array(proto)
    except (ValueError, TypeError) as error:
        raise ImportError_(
            "AICC-1001",
            f"the elements of tensor '{proto.name}' do not fit its shape {list(proto.dims)} "
            f"and element type: {error}.",
            stage="import",
        ) from error


def _external_loader(proto: onnx.TensorProto, directory: Path) -> Callable[[], Array]:
    try:
        info = onnx.external_data_helper.ExternalDataInfo(proto)
        path = (directory / info.location).resolve()
        offset, length = int(info.offset or 0), None if info.length is None else int(info.length)
    except ValueError as error:  # no numbers, or a path with a zero in it
        raise _misplaced(proto, str(error)) from error
    if not info.location or offset < 0:
        raise _misplaced(proto, f"file '{info.location}', offset {offset}")
    dtype = dtype_of(proto.data_type, f"tensor '{proto.name}'")
    count = int(np.prod(list(proto.dims), dtype=np.int64))
    bits = _PACKED.get(dtype)
    size = count * dtype.numpy.itemsize if bits is None else -(-count * bits // 8)
    if not path.is_relative_to(directory.resolve()):
        raise ImportError_(
            "AICC-1002", f"external data of '{proto.name}' lies outside the model's folder: {path}."
        )
    if not path.is_file():
        raise ImportError_(
            "AICC-1002",
            f"external data of initializer '{proto.name}' is missing: {path}.",
            stage="import",
            hint="keep the data file beside the .onnx file under the name it was saved with.",
        )
    if length is not None and length != size:
        raise ImportError_(
            "AICC-1001",
            f"initializer '{proto.name}' has {length} bytes; its shape and element type take {size}.",
            stage="import",
        )
    if path.stat().st_size < offset + size:
        raise ImportError_(
            "AICC-1002",
            f"external data of initializer '{proto.name}' needs {offset + size} bytes of {path}, "
            f"which has {path.stat().st_size}.",
            stage="import",
        )

    def load() -> Array:
        if count == 0:
            return np.zeros(list(proto.dims), dtype.numpy)
        if bits is not None:
            return _unpacked(proto, path, offset, size)
        with path.open("rb") as file:
            page = offset // mmap.ALLOCATIONGRANULARITY * mmap.ALLOCATIONGRANULARITY
            mapped = mmap.mmap(file.fileno(), size + offset - page, offset=page, access=mmap.ACCESS_READ)
        return np.frombuffer(mapped, dtype.numpy, count, offset - page).reshape(list(proto.dims))

    return load


def _misplaced(proto: onnx.TensorProto, why: str) -> ImportError_:
    return ImportError_(
        "AICC-1001", f"where the external data of '{proto.name}' lies is not valid: {why}.", stage="import"
    )


def _unpacked(proto: onnx.TensorProto, path: Path, offset: int, size: int) -> Array:
    """Elements of less than a byte, from a file."""
    with path.open("rb") as file:
        file.seek(offset)
        packed = onnx.TensorProto(
            name=proto.name, data_type=proto.data_type, dims=proto.dims, raw_data=file.read(size)
        )
    return onnx.numpy_helper.to_array(packed)


def import_model(
    source: Path | str | bytes | onnx.ModelProto,
    dims: Mapping[str, DimChoice] | None = None,
    shapes: Mapping[str, ShapeChoice] | None = None,
    overridable: Sequence[str] = (),
) -> tuple[Any, WeightStore]:
    """Imports a model into the current MLIR context: the module of the `import` stage and its weights.

    `source` is a path, serialized bytes or a ModelProto; `dims`, `shapes` and `overridable` as in
    `aicc.driver.Options`. Raises ImportError_ (codes 1xxx).
    """
    from aicc.importer.functions import expand_functions
    from aicc.importer.graph import GraphImporter

    directory, path = Path.cwd(), None
    if isinstance(source, onnx.ModelProto):
        model = source
        check_model(model, "the model")
    elif isinstance(source, bytes):
        try:
            model = onnx.load_model_from_string(source)
        except (google.protobuf.message.DecodeError, ValueError) as error:
            raise ImportError_("AICC-1001", f"the bytes given are not an ONNX model: {error}.") from error
        check_model(model, "the model")
    else:
        path = Path(source).resolve()
        directory = path.parent
        model = load_model(Path(source))
    model = expand_functions(model)
    weights = WeightStore()
    module = GraphImporter(model, directory, weights, path).run(model.graph, dims or {}, shapes, overridable)
    return module, weights
