"""A model's shared library in this process: found, opened, checked, closed."""

from __future__ import annotations

import ctypes
import os
import shutil
import tempfile
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from ctypes import POINTER, byref, c_char_p, c_int32, c_int64, c_void_p
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from aicc.errors import CompileError, RuntimeError_
from aicc.runtime import structs
from aicc.runtime.dtypes import ElementType, from_dlpack_type
from aicc.runtime.values import value_infos
from aicc.runtime.vendor_packages import offer_libraries

_PROTOTYPES: dict[str, tuple[Any, list[Any]]] = {
    "last_error": (c_char_p, []),
    "abi_version": (c_int32, []),
    "model_name": (c_char_p, []),
    "model_producer": (c_char_p, []),
    "model_target": (c_char_p, []),
    "weights_path": (c_char_p, []),
    "input_count": (c_int32, []),
    "output_count": (c_int32, []),
    "input_info": (POINTER(structs.TensorInfo), [c_int32]),
    "output_info": (POINTER(structs.TensorInfo), [c_int32]),
    "context_create": (c_int32, [POINTER(c_void_p)]),
    "context_destroy": (None, [c_void_p]),
    "set_num_threads": (c_int32, [c_void_p, c_int32]),
    "get_num_threads": (c_int32, [c_void_p]),
    "memory_bytes": (c_int64, [c_void_p]),
    "output_dims": (c_int32, [c_void_p, c_void_p, c_int32, c_void_p]),
    "run": (c_int32, [c_void_p, c_void_p, c_int32, c_void_p, c_int32]),
    "set_profiling": (c_int32, [c_void_p, c_int32]),
    "profile_count": (c_int32, [c_void_p]),
    "profile_get": (c_int32, [c_void_p, c_int32, POINTER(structs.ProfileEntry)]),
    "kernel_count": (c_int32, []),
    "kernel_info": (POINTER(structs.Kernel), [c_int32]),
    "context_create_on": (c_int32, [POINTER(c_void_p), structs.DLDevice]),
    "get_device": (structs.DLDevice, [c_void_p]),
    "allocate": (c_int32, [c_void_p, c_int64, POINTER(c_void_p)]),
    "release": (c_int32, [c_void_p, c_void_p, c_int64]),
    "copy": (c_int32, [c_void_p, c_void_p, c_void_p, c_int64]),
    "get_stream": (c_void_p, [c_void_p]),
    "set_stream": (c_int32, [c_void_p, c_void_p, c_int32]),
    "value_count": (c_int32, []),
    "value_info": (POINTER(structs.Value), [c_int32]),
    "input_value_count": (c_int32, []),
    "input_value_info": (POINTER(structs.Value), [c_int32]),
    "input_has_default": (c_int32, [c_int32]),
    "output_alias": (c_int32, [c_int32]),
}

_LATER = (
    "kernel_count",
    "kernel_info",
    "context_create_on",
    "get_device",
    "allocate",
    "release",
    "copy",
    "get_stream",
    "set_stream",
    "value_count",
    "value_info",
    "input_value_count",
    "input_value_info",
    "input_has_default",
    "output_alias",
)
"""What the first libraries of this ABI version lack: versions append."""


@dataclass(frozen=True)
class TensorInfo:
    """One input or output: `shape` has an int per static dim, a symbol's name or None per dynamic one; an input that
    `has_default` need not be given. `alias` of an output is the input whose array it may be given, or None."""

    name: str
    shape: tuple[int | str | None, ...]
    element: ElementType = field(repr=False)
    has_default: bool = field(default=False, repr=False)
    alias: str | None = field(default=None, repr=False)

    @property
    def dtype(self) -> np.dtype[Any]:
        """NumPy dtype of its arrays."""
        return self.element.dtype

    @property
    def static(self) -> bool:
        return all(isinstance(d, int) for d in self.shape)

    def __str__(self) -> str:
        dtype = "string" if self.element.is_string else self.element.name
        return f"{self.name}: {dtype}[{', '.join('?' if d is None else str(d) for d in self.shape)}]"


class Library:
    """The functions of `aicc.h` of one model.

    Keeps the model's files open, so that they can be copied after they were deleted. `close` destroys every
    context; the garbage collector calls it too.
    """

    def __init__(self, path: str | os.PathLike[str], device: int | None = None) -> None:
        """`device`: of a model for CUDA, the number of the GPU; None: AICC_CUDA_DEVICE, else 0.

        Raises RuntimeError_ AICC-5001 (not a model, other ABI, other CPU), AICC-5004 (weights), AICC-5005 (device),
        AICC-5006 (a vendor's library).
        """
        self._device = device
        self.path = Path(path).absolute()
        self.file = _open_file(self.path, "AICC-5001")
        files = [self.file]
        self._contexts: list[int] = []
        self.allocations: dict[int, int] = {}
        """Memory of the device that arrays hold: address to bytes. It goes with the library at the latest."""
        offer_libraries()
        with _loadable(self.path, self.file) as loadable:
            handle, self.functions = _load(loadable, self.file)
            self._finalizer = weakref.finalize(
                self, _close, handle, self.functions, self._contexts, self.allocations, files
            )
            # At exit the system takes everything back; a thread of the program may still be in a run then.
            self._finalizer.atexit = False
            self.first_context = self.create_context()
        self.device = self._device_number()
        self.name, self.producer, self.target = (
            (self.functions[f"model_{what}"]() or b"").decode() for what in ("name", "producer", "target")
        )
        self.inputs = tuple(self._info("input", i) for i in range(self.functions["input_count"]()))
        self.outputs = tuple(self._info("output", i) for i in range(self.functions["output_count"]()))
        self.values = value_infos(self.functions, "value", self.outputs)
        """The outputs of the ONNX model: what tensors they are made of."""
        self.input_values = value_infos(self.functions, "input_value", self.inputs)
        """The inputs of the ONNX model, likewise."""
        weights = self.functions["weights_path"]()
        self.weights_path = Path(os.fsdecode(weights)) if weights else None
        self.weights_file: int | None = None
        if self.weights_path:
            self.weights_file = _open_file(self.weights_path, "AICC-5004")
            files.append(self.weights_file)

    @property
    def closed(self) -> bool:
        return not self._finalizer.alive

    def close(self) -> None:
        """Destroys all contexts and unloads the library; nothing may be running."""
        self._finalizer()

    def create_context(self) -> int:
        """A new context; raises RuntimeError_."""
        pointer = c_void_p()
        if self._device is None:
            status = self.functions["context_create"](byref(pointer))
        elif "context_create_on" in self.functions:
            where = structs.DLDevice(structs.CUDA, self._device)
            status = self.functions["context_create_on"](byref(pointer), where)
        else:
            raise RuntimeError_("AICC-5002", f"'{self.path}' runs on the CPU: it takes no device.")
        self.check(status)
        context = int(pointer.value or 0)
        self._contexts.append(context)
        return context

    def _device_number(self) -> int | None:
        """The GPU of all contexts; None for models on the CPU."""
        if "get_device" not in self.functions:
            return None
        found = self.functions["get_device"](self.first_context)
        return int(found.device_id) if found.device_type == structs.CUDA else None

    def check(self, status: int) -> None:
        """Raises the error `status` stands for, with the message the library left on this thread."""
        if status:
            raise self.error(status)

    def error(self, status: int) -> RuntimeError_:
        message = self.functions["last_error"]().decode(errors="replace")
        return RuntimeError_(structs.STATUS.get(status, "AICC-5003"), message[:1].upper() + message[1:] + ".")

    def copy(self, path: Path) -> None:
        """Writes the library to `path`, external weights to `path` + ".weights". Raises CompileError AICC-4001."""
        if self.weights_file is not None:
            _copy(self.weights_file, path.with_name(path.name + ".weights"))
        _copy(self.file, path)

    def _info(self, kind: str, index: int) -> TensorInfo:
        info = self.functions[f"{kind}_info"](index).contents
        shape: list[int | str | None] = []
        for i in range(info.ndim):
            name = info.dim_names[i] if info.dim_names else None
            shape.append(info.dims[i] if info.dims[i] >= 0 else name.decode() if name else None)
        element = from_dlpack_type(info.dtype.code, info.dtype.bits)
        has_default = self.functions.get("input_has_default") if kind == "input" else None
        found = self.functions.get("output_alias") if kind == "output" else None
        source = found(index) if found else -1
        return TensorInfo(
            info.name.decode(),
            tuple(shape),
            element,
            bool(has_default and has_default(index)),
            self.inputs[source].name if source >= 0 else None,
        )


# ---- files -------------------------------------------------------------------------------------------


def _open_file(path: Path, code: str) -> int:
    try:
        return os.open(path, os.O_RDONLY | getattr(os, "O_CLOEXEC", 0))
    except OSError as error:
        raise RuntimeError_(code, f"'{path}' cannot be opened: {error.strerror}.") from None


def _copy(file: int, path: Path) -> None:
    """Atomic: a reader sees the old file or the new one."""
    part = None
    try:
        with tempfile.NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.", delete=False) as target:
            part = target.name
            with os.fdopen(os.dup(file), "rb") as source:
                source.seek(0)
                shutil.copyfileobj(source, target, 1 << 20)
        os.chmod(part, os.fstat(file).st_mode & 0o777)
        os.replace(part, path)
    except OSError as error:
        if part and os.path.exists(part):
            os.unlink(part)
        raise CompileError("AICC-4001", f"'{path}' cannot be written: {error.strerror}.") from None


# ---- loading -----------------------------------------------------------------------------------------

_loaded: dict[Path, tuple[int, int]] = {}
"""Path to (device, inode) of its last load."""


@contextmanager
def _loadable(path: Path, file: int) -> Iterator[Path]:
    """A name under which the dynamic loader opens `file`, valid within the block.

    It answers a path it knows with the library it has, even after the file was replaced (a model compiled
    again to the same name): then a link with a new name makes it look at the file.
    """
    status = os.fstat(file)
    identity = (status.st_dev, status.st_ino)
    if _loaded.setdefault(path, identity) == identity:
        yield path
        return
    with tempfile.TemporaryDirectory(prefix="aicc-") as folder:
        link = Path(folder) / path.name
        link.symlink_to(path)
        yield link
    _loaded[path] = identity


def _load(path: Path, file: int) -> tuple[int, dict[str, Any]]:
    try:
        library = ctypes.CDLL(str(path))
    except OSError as error:
        os.close(file)
        raise RuntimeError_("AICC-5001", f"'{path}' cannot be loaded: {error}.") from None
    functions: dict[str, Any] = {}
    for name, (result, arguments) in _PROTOTYPES.items():
        function = getattr(library, f"aicc_{name}", None)
        if function is None:
            if name in _LATER:
                continue
            break
        function.restype, function.argtypes = result, arguments
        functions[name] = function
    version = functions["abi_version"]() if "abi_version" in functions else None
    if not functions.keys() >= _PROTOTYPES.keys() - set(_LATER) or version != structs.ABI_VERSION:
        _close(library._handle, functions, [], {}, [file])
        what = (
            "is not an aicc model"
            if version is None
            else f"has ABI version {version}, not {structs.ABI_VERSION}"
        )
        raise RuntimeError_("AICC-5001", f"'{path}' {what}.", hint="compile the model again with this aicc.")
    return library._handle, functions


def _close(
    handle: int, functions: dict[str, Any], contexts: list[int], allocations: dict[int, int], files: list[int]
) -> None:
    import _ctypes

    for address, size in allocations.items():
        functions["release"](contexts[0], address, size)
    allocations.clear()
    for context in contexts:
        functions["context_destroy"](context)
    functions.clear()
    contexts.clear()
    _ctypes.dlclose(handle)
    for file in files:
        os.close(file)
