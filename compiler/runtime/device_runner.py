"""One context of a model on a GPU: each tensor of a run is on the host or on the device."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from aicc.runtime import structs
from aicc.runtime.device_arrays import DeviceArray, as_device_input, as_device_output, device_array
from aicc.runtime.library import Library
from aicc.runtime.runner import DEFAULT, Runner, Shape, address


class DeviceRunner(Runner):
    """As `Runner`, which knows the host alone; `run` takes what callers give and looks at it itself."""

    def __init__(self, library: Library, context: int) -> None:
        super().__init__(library, context)
        self._stream = int(library.functions["get_stream"](context) or 0)
        self._device = int(library.device or 0)

    def run(self, inputs: Sequence[Any], out: Sequence[Any]) -> list[Any]:
        """NumPy arrays, or DeviceArrays if `outputs_on_device`. Raises RuntimeError_ AICC-5002, -5003, -5005."""
        library, stream = self.library, self._stream
        given = [
            value if value is DEFAULT else as_device_input(value, info, library, stream)
            for value, info in zip(inputs, library.inputs, strict=True)
        ]
        targets = [
            None if value is None else as_device_output(value, info, library, stream)
            for value, info in zip(out, library.outputs, strict=False)
        ]
        shapes = tuple([array.shape for array in given])
        if shapes != self._current:
            self._set_shapes(shapes)
        for n, array in enumerate(given):
            self._place(self.inputs.tensors[n], None if array is DEFAULT else array)
        results: list[Any] = []
        for n, shape in enumerate(self._out_shapes):
            result = self._caller_output(n, shape, targets[n]) if targets else None
            if result is None and shape is not None:
                result = self._new_output(n, shape)
            results.append(result)
            self._place(self.outputs.tensors[n], result)
        library.check(self._run())
        for n, result in enumerate(results):
            if result is None:
                results[n] = self._take_own(n)
        return results

    def _place(self, tensor: Any, array: Any) -> None:
        """The DLTensor's memory; None: the library's own, where results are wanted."""
        on_device = self.outputs_on_device if array is None else isinstance(array, DeviceArray)
        tensor.device.device_type = structs.CUDA if on_device else structs.CPU
        tensor.device.device_id = self._device if on_device else 0
        if array is None:
            tensor.data = None
        else:
            tensor.data = array.address if isinstance(array, DeviceArray) else address(array)

    def _new_output(self, n: int, shape: Shape) -> Any:
        if self.outputs_on_device:
            return device_array(self.library, shape, self._dtypes[n])
        return self._memory[n].empty(shape, self._dtypes[n])

    def _take_own(self, n: int) -> Any:
        """A copy of the library's own output, whose size only the run told."""
        if not self.outputs_on_device:
            return self._take(n)
        tensor = self.outputs.tensors[n]
        array = device_array(
            self.library, tuple(tensor.shape[i] for i in range(tensor.ndim)), self._dtypes[n]
        )
        if array.nbytes:
            self.library.check(
                self.library.functions["copy"](self.context, array.address, tensor.data, array.nbytes)
            )
        self.outputs.own_shape(n)
        return array
