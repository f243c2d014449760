"""Whatever holds a tensor → a NumPy array the model can read or write in place.

Zero-copy for NumPy arrays and anything with `__dlpack__` (PyTorch, JAX, TensorFlow, …) that is on the host,
compact and row-major; another layout is copied. DLPack capsules are read here rather than by
`np.from_dlpack`, which refuses the types NumPy lacks (bfloat16, float8).
"""

from __future__ import annotations

import ctypes
from typing import Any

import numpy as np

from aicc.errors import RuntimeError_
from aicc.runtime import structs
from aicc.runtime.dtypes import from_dlpack_type, of_array
from aicc.runtime.library import TensorInfo
from aicc.runtime.strings import as_texts

_capsule_pointer = ctypes.pythonapi.PyCapsule_GetPointer
_capsule_pointer.restype = ctypes.c_void_p
_capsule_pointer.argtypes = [ctypes.py_object, ctypes.c_char_p]


class _Memory:
    """Memory of a DLPack capsule for NumPy, which keeps this object, and so the capsule, alive."""

    def __init__(self, tensor: structs.DLTensor, capsule: object, raw: np.dtype[Any]) -> None:
        shape = tuple(tensor.shape[i] for i in range(tensor.ndim))
        strides = (
            tuple(tensor.strides[i] * raw.itemsize for i in range(tensor.ndim)) if tensor.strides else None
        )
        self.capsule = capsule
        self.__array_interface__ = {
            "version": 3,
            "shape": shape,
            "strides": strides,
            "typestr": raw.str,
            "data": ((tensor.data or 0) + tensor.byte_offset, False),
        }


def from_dlpack(value: Any, what: str) -> np.ndarray[Any, Any]:
    """The array behind `value.__dlpack__()`, not copied. Raises RuntimeError_ AICC-5002."""
    device = int(value.__dlpack_device__()[0]) if hasattr(value, "__dlpack_device__") else structs.CPU
    if device not in (structs.CPU, structs.CUDA_HOST):
        raise RuntimeError_(
            "AICC-5002", f"{what} is on a device (DLPack type {device}).", hint="copy it to the host first."
        )
    capsule, tensor = capsule_tensor(value, what)
    element = from_dlpack_type(tensor.dtype.code, tensor.dtype.bits)
    if any(tensor.shape[i] == 0 for i in range(tensor.ndim)):
        return np.empty(tuple(tensor.shape[i] for i in range(tensor.ndim)), element.dtype)
    array = np.asarray(_Memory(tensor, capsule, element.dtype if element.native else element.raw))
    return array if element.native else array.view(element.dtype)


def capsule_tensor(value: Any, what: str, **arguments: Any) -> tuple[object, structs.DLTensor]:
    """`value.__dlpack__(…)` and the tensor in it, valid as long as the capsule. Raises RuntimeError_ AICC-5002."""
    try:
        capsule = value.__dlpack__(**arguments)
        tensor = structs.DLTensor.from_address(_capsule_pointer(capsule, b"dltensor"))
    except Exception as error:  # each framework raises its own
        raise RuntimeError_("AICC-5002", f"{what} does not give its memory: {error}.") from None
    if tensor.dtype.lanes != 1:
        raise RuntimeError_("AICC-5002", f"{what} has vector elements ({tensor.dtype.lanes} lanes).")
    return capsule, tensor


def as_input(value: Any, info: TensorInfo) -> np.ndarray[Any, Any]:
    """An aligned, compact array with `info.dtype`; its shape is not checked.

    Python numbers and lists are converted; an array of another dtype is refused (AICC-5002), because a silent
    conversion hides a mistake and costs time in each run.
    """
    if info.element.is_string:
        return as_texts(value, f"Input '{info.name}'")
    if isinstance(value, np.ndarray):
        array = value
    elif hasattr(value, "__dlpack__") and not isinstance(value, np.generic):
        array = from_dlpack(value, f"Input '{info.name}'")
    elif hasattr(value, "__array__") or hasattr(value, "__array_interface__"):
        array = np.asarray(value)
    else:
        array = _from_python(value, info)
    if array.dtype != info.dtype:
        # Raw bits are accepted for the types NumPy lacks.
        if info.element.native or array.dtype != info.element.raw:
            raise RuntimeError_(
                "AICC-5002", f"Input '{info.name}' is {_name(array)}, the model wants {info.element.name}."
            )
        array = array.view(info.dtype)
    # ascontiguousarray makes a scalar's shape (1,): ask first.
    return array if array.flags.c_contiguous and array.flags.aligned else np.array(array, order="C")


def as_output(value: Any, info: TensorInfo) -> np.ndarray[Any, Any]:
    """The caller's memory for output `info`, to be written in place; shapes are not checked. Raises AICC-5002."""
    what = f"Output '{info.name}'"
    array = value if isinstance(value, np.ndarray) else None
    if array is None and hasattr(value, "__dlpack__"):
        array = from_dlpack(value, what)
    if array is None:
        raise RuntimeError_("AICC-5002", f"{what} must be an array, not {type(value).__name__}.")
    if array.dtype != info.dtype and (info.element.native or array.dtype != info.element.raw):
        raise RuntimeError_("AICC-5002", f"{what} is {_name(array)}, the model gives {info.element.name}.")
    if not array.flags.carray:
        raise RuntimeError_("AICC-5002", f"{what} must be compact, row-major, aligned and writable.")
    return array


def _from_python(value: Any, info: TensorInfo) -> np.ndarray[Any, Any]:
    """Numbers and (nested) lists."""
    try:
        return np.asarray(value, info.dtype)
    except (TypeError, ValueError, OverflowError) as error:
        raise RuntimeError_(
            "AICC-5002", f"Input '{info.name}' cannot be made from {type(value).__name__}: {error}."
        ) from None


def _name(array: np.ndarray[Any, Any]) -> str:
    element = of_array(array.dtype)
    return element.name if element else str(array.dtype)
