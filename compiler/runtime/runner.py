"""One context of a model and the prepared arguments of its C calls.

A call from Python costs a few microseconds: the DLTensors of all inputs and outputs lie in one block of
memory that is filled in once; a run writes pointers and dynamic dims into it.
"""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np

from aicc.errors import RuntimeError_
from aicc.runtime import structs
from aicc.runtime.library import Library, TensorInfo
from aicc.runtime.output_memory import OutputMemory
from aicc.runtime.strings import WORDS, pack, unpack

Array = np.ndarray[Any, Any]
Shape = tuple[int, ...]
Shapes = tuple[Shape | None, ...]
"""Of inputs; None: its default."""
OutputShapes = tuple[Shape | None, ...]

_WORDS = ctypes.sizeof(structs.DLTensor) // 8  # 8-byte words of a DLTensor; the first is its data pointer
_SHAPES_KEPT = 256
_ABSENT: Array = np.empty(0)


class Default:
    """Stands for the default of an input."""

    shape = None


DEFAULT: Any = Default()
_int64_pointer = ctypes.POINTER(ctypes.c_int64)
_byte: Any = ctypes.c_char.from_buffer
_address = ctypes.addressof


class _Tensors:
    """DLTensors for `infos`: `data` and `dims` are views of their memory."""

    def __init__(self, infos: Sequence[TensorInfo]) -> None:
        self.tensors = (structs.DLTensor * len(infos))()
        self.first = [sum(len(i.shape) for i in infos[:n]) for n in range(len(infos) + 1)]
        self._dims = (ctypes.c_int64 * self.first[-1])()
        for n, (info, tensor) in enumerate(zip(infos, self.tensors, strict=True)):
            tensor.device.device_type = structs.CPU
            tensor.ndim = len(info.shape)
            tensor.dtype = structs.DLDataType(info.element.code, info.element.bits, 1)
            self.own_shape(n)
        # A view of nothing cannot be cast.
        self.data = memoryview(self.tensors).cast("B").cast("Q") if infos else memoryview(b"")
        self.dims = memoryview(self._dims).cast("B").cast("q") if self.first[-1] else memoryview(b"")
        self.pointer = ctypes.c_void_p(ctypes.addressof(self.tensors))
        self.count = ctypes.c_int32(len(infos))

    def own_shape(self, n: int) -> None:
        """Points tensor `n` at its part of `dims`."""
        self.tensors[n].shape = ctypes.cast(ctypes.byref(self._dims, 8 * self.first[n]), _int64_pointer)

    def set_shape(self, n: int, shape: Shape) -> None:
        first = self.first[n]
        for i, dim in enumerate(shape):
            self.dims[first + i] = dim


def address(array: Array) -> int:
    """Address of the array's data; several times faster than `array.ctypes.data` where it can be."""
    if array.flags.writeable and array.size:
        try:
            return _address(_byte(array))
        except (TypeError, ValueError, BufferError):
            pass  # dtypes without a buffer interface (ml_dtypes)
    return int(array.ctypes.data)


class Runner:
    """Runs one request at a time; `Executable` has as many as requests ran at the same time."""

    outputs_on_device = False

    def __init__(self, library: Library, context: int) -> None:
        self.library, self.context = library, context
        self.inputs, self.outputs = _Tensors(library.inputs), _Tensors(library.outputs)
        self._dtypes = [info.dtype for info in library.outputs]
        self._memory = [OutputMemory() for _ in library.outputs]
        self._text_inputs, self._text_outputs = (
            [n for n, info in enumerate(infos) if info.element.is_string]
            for infos in (library.inputs, library.outputs)
        )
        self._current: Shapes | None = None  # the input shapes that are in the DLTensors now
        self._out_shapes: OutputShapes = ()
        self._known: dict[Shapes, OutputShapes] = {}
        i, o = self.inputs, self.outputs
        self._run = partial(
            library.functions["run"], ctypes.c_void_p(context), i.pointer, i.count, o.pointer, o.count
        )

    def run(self, inputs: Sequence[Array], out: Sequence[Array | None]) -> list[Array]:
        """`inputs` have the model's dtypes and are compact and aligned, or are DEFAULT; `out` (empty, or one per
        output) too, and writable. Shapes are checked here. Raises RuntimeError_ AICC-5002, AICC-5003."""
        shapes = tuple([array.shape for array in inputs])
        if shapes != self._current:
            self._set_shapes(shapes)
        kept: list[bytes] = []
        if self._text_inputs:
            inputs = self._packed(inputs, kept)
        data, word = self.inputs.data, 0
        for array in inputs:
            data[word] = 0 if array is DEFAULT else address(array)
            word += _WORDS
        results: list[Array] = []
        data, word = self.outputs.data, 0
        for n, shape in enumerate(self._out_shapes):
            result = self._caller_output(n, shape, out[n]) if out else None
            if n in self._text_outputs and shape is not None:
                result = np.empty((*shape, WORDS), np.int64)
                data[word] = result.ctypes.data
            elif result is not None:
                data[word] = address(result)
            elif shape is not None:
                result = self._memory[n].empty(shape, self._dtypes[n])
                data[word] = address(result)
            else:
                data[word] = 0  # the library allocates it
                result = _ABSENT
            results.append(result)
            word += _WORDS
        self.library.check(self._run())
        for n, shape in enumerate(self._out_shapes):
            if shape is None:
                results[n] = self._take(n)
        for n in self._text_outputs:
            results[n] = _given_back(unpack(results[n]), out[n] if out else None)
        return results

    def _packed(self, inputs: Sequence[Array], kept: list[bytes]) -> list[Array]:
        """`inputs` with strings as elements of the C interface; `kept` gets what these point into."""
        arrays = list(inputs)
        for n in self._text_inputs:
            arrays[n], data = pack(inputs[n], f"Input '{self.library.inputs[n].name}'")
            kept.append(data)
        return arrays

    def _set_shapes(self, shapes: Shapes) -> None:
        found = self._known.get(shapes)
        if found is None:
            found = self._output_shapes(shapes)
            if len(self._known) >= _SHAPES_KEPT:
                self._known.clear()
            self._known[shapes] = found
        for n, shape in enumerate(shapes):
            self.inputs.tensors[n].dtype.lanes = int(shape is not None)
            if shape is not None:
                self.inputs.set_shape(n, shape)
        for n, out_shape in enumerate(found):
            if out_shape is not None:
                self.outputs.set_shape(n, out_shape)
        self._current, self._out_shapes = shapes, found

    def _output_shapes(self, shapes: Shapes) -> OutputShapes:
        """Asks the library, which checks ranks and dims; None for a shape that depends on data."""
        tensors = (structs.DLTensor * len(shapes))(*self.inputs.tensors)
        kept = [(ctypes.c_int64 * max(1, len(shape or ())))(*shape or ()) for shape in shapes]
        for tensor, shape, dims in zip(tensors, shapes, kept, strict=True):
            tensor.dtype.lanes, tensor.data = int(shape is not None), None
            tensor.ndim, tensor.shape = len(shape or ()), ctypes.cast(dims, _int64_pointer)
        first = self.outputs.first
        found = (ctypes.c_int64 * max(1, first[-1]))()
        self.library.check(self.library.functions["output_dims"](self.context, tensors, len(shapes), found))
        out_shapes = [tuple(found[first[n] : first[n + 1]]) for n in range(len(first) - 1)]
        return tuple(None if any(dim < 0 for dim in shape) else shape for shape in out_shapes)

    def _caller_output(self, n: int, shape: Shape | None, array: Array | None) -> Array | None:
        if array is None or array.shape == shape:
            return array
        wanted = (
            "depends on data, so that only the model can allocate it" if shape is None else f"must be {shape}"
        )
        name = self.library.outputs[n].name
        raise RuntimeError_(
            "AICC-5002", f"Output '{name}' has shape {array.shape}; for these inputs it {wanted}."
        )

    def _take(self, n: int) -> Array:
        """A copy of a library-owned output."""
        tensor = self.outputs.tensors[n]
        shape = tuple(tensor.shape[i] for i in range(tensor.ndim))
        if n in self._text_outputs:
            array = np.empty((*shape, WORDS), np.int64)
        else:
            array = self._memory[n].empty(shape, self._dtypes[n])
        ctypes.memmove(address(array), tensor.data, array.nbytes)
        self.outputs.own_shape(n)
        return array


def _given_back(texts: Array, out: Array | None) -> Array:
    """`texts` in the caller's array, if there is one."""
    if out is None:
        return texts
    out[...] = texts
    return out
