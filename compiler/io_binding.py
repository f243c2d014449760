"""onnxruntime's way to give a run its memory: outputs are written where the caller says, perhaps over an input.

>>> binding = session.io_binding()
>>> binding.bind_cpu_input("past", cache)
>>> binding.bind_output("present", "cpu", 0, cache.dtype, cache.shape, cache.ctypes.data)
>>> session.run_with_iobinding(binding)                    # writes what is new into `cache`
"""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

from aicc.errors import RuntimeError_

if TYPE_CHECKING:
    from aicc.session import InferenceSession

Array = np.ndarray[Any, Any]


class IOBinding:
    """What a session's run reads and writes, by name; made by `InferenceSession.io_binding`.

    Memory is on the host. Given by address it is the caller's to keep as long as it is bound.
    """

    def __init__(self, session: InferenceSession) -> None:
        self._session = session
        self.inputs: dict[str, Any] = {}
        self.outputs: dict[str, Array | None] = {}
        """By name; None: new with each run."""
        self._results: list[Any] = []

    def bind_cpu_input(self, name: str, value: Any) -> None:
        """An array, or what else a session's `run` takes."""
        self.inputs[name] = value

    def bind_input(
        self,
        name: str,
        device_type: str,
        device_id: int,
        element_type: Any,
        shape: Sequence[int],
        buffer_ptr: int,
    ) -> None:
        """The compact tensor at an address. Raises RuntimeError_ AICC-5002."""
        self.inputs[name] = _at(name, device_type, element_type, shape, buffer_ptr)

    def bind_output(
        self,
        name: str,
        device_type: str = "cpu",
        device_id: int = 0,
        element_type: Any = None,
        shape: Sequence[int] | None = None,
        buffer_ptr: int | None = None,
    ) -> None:
        """To the compact tensor at an address, or without one to new memory. Raises RuntimeError_ AICC-5002."""
        if buffer_ptr is None:
            _check_device(name, device_type)
            self.outputs[name] = None
            return
        self.outputs[name] = _at(name, device_type, element_type, shape or (), buffer_ptr)

    def clear_binding_inputs(self) -> None:
        self.inputs.clear()

    def clear_binding_outputs(self) -> None:
        self.outputs.clear()

    def copy_outputs_to_cpu(self) -> list[Any]:
        """The outputs of the last run, in the order they were bound in."""
        return list(self._results)

    get_outputs = copy_outputs_to_cpu

    def keep(self, results: list[Any]) -> None:
        """Notes the outputs of a run."""
        self._results = results


def _check_device(name: str, device_type: str) -> None:
    if device_type != "cpu":
        raise RuntimeError_(
            "AICC-5002", f"'{name}' is bound on device '{device_type}'; a session binds on 'cpu'."
        )


def _at(name: str, device_type: str, element_type: Any, shape: Sequence[int], address: int) -> Array:
    """The memory at an address as an array."""
    _check_device(name, device_type)
    try:
        dtype = np.dtype(element_type)
    except TypeError:
        raise RuntimeError_(
            "AICC-5002", f"'{name}' is bound with {element_type!r}, which is no dtype."
        ) from None
    size = prod(shape) * dtype.itemsize
    if not size:
        return np.empty(tuple(shape), dtype)
    memory = (ctypes.c_uint8 * size).from_address(address)
    return np.frombuffer(memory, dtype).reshape(tuple(shape))
