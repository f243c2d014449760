"""Arrays on a GPU: what the caller gives (torch, CuPy, anything with `__dlpack__`) and what a model returns."""

from __future__ import annotations

import ctypes
import math
from ctypes import POINTER, byref, c_int64, c_void_p
from typing import Any

import numpy as np

from aicc.errors import RuntimeError_
from aicc.runtime import structs
from aicc.runtime.dtypes import from_dlpack_type, of_array
from aicc.runtime.library import Library, TensorInfo
from aicc.runtime.tensors import as_input, as_output, capsule_tensor

_NAME = b"dltensor"
_ON_DEVICE = (structs.CUDA, structs.CUDA_MANAGED)
_capsule_new = ctypes.pythonapi.PyCapsule_New
_capsule_new.restype = ctypes.py_object
_capsule_new.argtypes = [c_void_p, ctypes.c_char_p, c_void_p]
_capsule_valid = ctypes.pythonapi.PyCapsule_IsValid
_capsule_valid.argtypes = [c_void_p, ctypes.c_char_p]
_capsule_get = ctypes.PyDLL(None).PyCapsule_GetPointer
_capsule_get.restype = c_void_p
_capsule_get.argtypes = [c_void_p, ctypes.c_char_p]


class DeviceArray:
    """A compact array on a GPU. `owner` keeps its memory alive.

    Torch and CuPy take it without a copy (`torch.from_dlpack(a)`, `cupy.from_dlpack(a)`); `numpy()` copies it to the
    host.
    """

    def __init__(
        self, address: int, shape: tuple[int, ...], dtype: np.dtype[Any], library: Library, owner: object
    ) -> None:
        self.address, self.shape, self.dtype = address, shape, dtype
        self._library, self._owner = library, owner

    @property
    def device(self) -> int:
        """The number of the GPU."""
        return int(self._library.device or 0)

    @property
    def ndim(self) -> int:
        return len(self.shape)

    @property
    def nbytes(self) -> int:
        return math.prod(self.shape) * self.dtype.itemsize

    def __repr__(self) -> str:
        return f"<DeviceArray {self.dtype.name}{list(self.shape)} on GPU {self.device}>"

    def numpy(self) -> np.ndarray[Any, Any]:
        """A copy on the host. Raises RuntimeError_ AICC-5005."""
        out = np.empty(self.shape, self.dtype)
        _copy(self._library, int(out.ctypes.data), self.address, self.nbytes)
        return out

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray[Any, Any]:
        return self.numpy() if dtype is None else self.numpy().astype(dtype)

    @property
    def __cuda_array_interface__(self) -> dict[str, Any]:
        return {
            "version": 3,
            "shape": self.shape,
            "typestr": self.dtype.str,
            "data": (self.address, False),
            "strides": None,
        }

    def __dlpack_device__(self) -> tuple[int, int]:
        return structs.CUDA, self.device

    def __dlpack__(self, *, stream: Any = None, **_: Any) -> object:
        """The contents are complete, on any stream: a call of a model returns when it is done."""
        return _export(self)


def device_array(library: Library, shape: tuple[int, ...], dtype: np.dtype[Any]) -> DeviceArray:
    """A new array on the library's device, of any contents. Raises RuntimeError_ AICC-5003."""
    memory = _Memory(library, math.prod(shape) * dtype.itemsize)
    return DeviceArray(memory.address, shape, dtype, library, memory)


class _Memory:
    """Memory of the first context's device, released with this object."""

    __slots__ = ("_library", "address", "size")

    def __init__(self, library: Library, size: int) -> None:
        self.address = 0
        self._library, self.size = library, max(1, size)
        found = c_void_p()
        library.check(library.functions["allocate"](library.first_context, self.size, byref(found)))
        self.address = int(found.value or 0)
        library.allocations[self.address] = self.size

    def __del__(self) -> None:
        if self._library.allocations.pop(self.address, None) is not None:
            self._library.functions["release"](self._library.first_context, self.address, self.size)


def _copy(library: Library, target: int, source: int, size: int) -> None:
    if library.closed:
        raise RuntimeError_("AICC-5003", f"The model '{library.name}' was closed, and its memory with it.")
    library.check(library.functions["copy"](library.first_context, target, source, size))


# ---- what callers give -----------------------------------------------------------------------------------


def as_device_input(value: Any, info: TensorInfo, library: Library, stream: int) -> Any:
    """A DeviceArray or NumPy array that a run on `stream` can read in place; shapes are not checked.

    Raises RuntimeError_ AICC-5002.
    """
    what = f"Input '{info.name}'"
    if isinstance(value, DeviceArray):
        return _checked(value, info, what, "the model wants", library)
    if not _is_device(value):
        return as_input(value, info)
    return _checked(_imported(value, what, library, stream), info, what, "the model wants", library)


def as_device_output(value: Any, info: TensorInfo, library: Library, stream: int) -> Any:
    """The caller's memory for output `info`, on the device or the host. Raises RuntimeError_ AICC-5002."""
    what = f"Output '{info.name}'"
    if isinstance(value, DeviceArray):
        return _checked(value, info, what, "the model gives", library)
    if not _is_device(value):
        return as_output(value, info)
    return _checked(_imported(value, what, library, stream), info, what, "the model gives", library)


def _is_device(value: Any) -> bool:
    return hasattr(value, "__dlpack_device__") and int(value.__dlpack_device__()[0]) in _ON_DEVICE


def _checked(array: DeviceArray, info: TensorInfo, what: str, wants: str, library: Library) -> DeviceArray:
    if array.dtype != info.dtype:
        element = of_array(array.dtype)
        name = element.name if element else str(array.dtype)
        raise RuntimeError_("AICC-5002", f"{what} is {name}, {wants} {info.element.name}.")
    if array.device != library.device:
        raise RuntimeError_(
            "AICC-5002", f"{what} is on device {array.device}, the model on device {library.device}."
        )
    return array


def _imported(value: Any, what: str, library: Library, stream: int) -> DeviceArray:
    """The array behind `value.__dlpack__()`: its producer makes `stream` wait for it."""
    kind, number = (int(part) for part in value.__dlpack_device__())
    if kind == structs.CUDA and number != library.device:
        raise RuntimeError_(
            "AICC-5002", f"{what} is on device {number}, the model on device {library.device}."
        )
    capsule, tensor = capsule_tensor(value, what, stream=stream)
    element = from_dlpack_type(tensor.dtype.code, tensor.dtype.bits)
    shape = tuple(tensor.shape[i] for i in range(tensor.ndim))
    expected = 1
    for d in reversed(range(tensor.ndim)):
        if tensor.strides and shape[d] != 1 and tensor.strides[d] != expected and 0 not in shape:
            raise RuntimeError_(
                "AICC-5002",
                f"{what} is strided on the device.",
                hint="the model wants it compact: .contiguous()",
            )
        expected *= shape[d]
    return DeviceArray((tensor.data or 0) + tensor.byte_offset, shape, element.dtype, library, capsule)


# ---- what models return ----------------------------------------------------------------------------------

_exported: dict[int, tuple[Any, ...]] = {}
"""Keeps what capsules point to: address of the DLManagedTensor to all that belongs to it."""


def _delete(managed: int) -> None:
    _exported.pop(managed, None)


def _drop(capsule: int) -> None:
    """Whoever takes the tensor renames the capsule: this one nobody took."""
    if _capsule_valid(capsule, _NAME):
        _exported.pop(_capsule_get(capsule, _NAME), None)


_deleter = ctypes.CFUNCTYPE(None, c_void_p)(_delete)
_destructor = ctypes.PYFUNCTYPE(None, c_void_p)(_drop)


def _export(array: DeviceArray) -> object:
    element = of_array(array.dtype)
    if element is None:
        raise RuntimeError_("AICC-5002", f"{array.dtype} has no DLPack type.")
    dims = (c_int64 * max(1, array.ndim))(*array.shape)
    managed = structs.DLManagedTensor()
    tensor = managed.tensor
    tensor.data = array.address
    tensor.device = structs.DLDevice(structs.CUDA, array.device)
    tensor.ndim = array.ndim
    tensor.dtype = structs.DLDataType(element.code, element.bits, 1)
    tensor.shape = ctypes.cast(dims, POINTER(c_int64))
    managed.deleter = ctypes.cast(_deleter, c_void_p)
    address = ctypes.addressof(managed)
    _exported[address] = (managed, dims, array)
    return _capsule_new(address, _NAME, ctypes.cast(_destructor, c_void_p))
