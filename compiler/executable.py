"""A compiled model, ready to run. Needs NumPy and the standard library only."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from aicc.errors import RuntimeError_
from aicc.runtime.device_runner import DeviceRunner
from aicc.runtime.input_values import input_tensors
from aicc.runtime.library import Library, TensorInfo
from aicc.runtime.profile import KernelInfo, Profile, collect, kernel_infos
from aicc.runtime.runner import DEFAULT, Array, Runner
from aicc.runtime.tensors import as_input, as_output
from aicc.runtime.values import TENSOR, ValueInfo

_ndarray = np.ndarray

INITIALIZERS = (
    "an initializer is a constant unless the model is compiled with --overridable NAME (overridable=[...])"
)


class Executable:
    """Call it with one array per input, in order, by name, or as one dict:

    >>> y = exe(x)
    >>> y = exe(input=x)
    >>> y = exe({"input": x})

    Arrays are NumPy arrays or anything with `__dlpack__`; what is on the host, compact and row-major is read
    in place. The result is one NumPy array, or a tuple if the model has several outputs. `out=` gives arrays
    to write the outputs to: one array, a sequence with None where the result should be new, or a dict by name. Where an
    output has an `alias`, a decoder's cache, that may be the input's own array: only what is new is written then.

    >>> logits, _, _ = exe(ids, key, value, position, out={"new_key": key, "new_value": value})

    An output that is no
    tensor in the ONNX model is a list of arrays (a sequence), a list of dicts (ZipMap) or None (an empty optional):
    see `values`; an input that is a sequence there is given as a list of arrays: see `input_values`. An input that is
    a map there is a dict, given by name: `exe(m={1: 0.5})`. An input that `has_default` may be left out, or None.

    A model compiled for CUDA also reads and writes arrays on its device in place (torch, CuPy); with
    `outputs_on_device` the results are `DeviceArray`s, which torch.from_dlpack and cupy.from_dlpack take as they are:

    >>> exe.outputs_on_device = True
    >>> y = torch.from_dlpack(exe(torch.ones(8, 64, device="cuda")))

    It may be called from several threads: calls at the same time get contexts of their own (an arena and a
    pool of threads each) and share the weights.
    """

    def __init__(self, library: Library) -> None:
        self._library = library
        self._runner = Runner if library.device is None else DeviceRunner
        on_host = library.device is None
        self._as_input: Callable[[Any, TensorInfo], Any] = as_input if on_host else _as_given
        self._as_output: Callable[[Any, TensorInfo], Any] = as_output if on_host else _as_given
        self._outputs_on_device = False
        self._free = [self._runner(library, library.first_context)]
        self._contexts = [library.first_context]
        self._threads = 0
        self._profiling = False
        self._dtypes = [info.dtype for info in library.inputs]
        self._names = [value.name for value in library.input_values]
        self._with_default = {info.name for info in library.inputs if info.has_default}
        self._takes_tensors = all(v.kind == TENSOR for v in library.input_values)
        self._single = len(library.outputs) == 1
        self._plain = all(v.kind == TENSOR for v in library.values)

    # ---- what it is ----------------------------------------------------------------------------------------

    @property
    def inputs(self) -> tuple[TensorInfo, ...]:
        """Name, dtype and shape of each input."""
        return self._library.inputs

    @property
    def outputs(self) -> tuple[TensorInfo, ...]:
        """Name, dtype and shape of each output."""
        return self._library.outputs

    @property
    def values(self) -> tuple[ValueInfo, ...]:
        """The outputs of the ONNX model: which of `outputs` each is made of."""
        return self._library.values

    @property
    def input_values(self) -> tuple[ValueInfo, ...]:
        """The inputs of the ONNX model: which of `inputs` each is made of."""
        return self._library.input_values

    @property
    def path(self) -> Path:
        """The file it was loaded from (which may be gone)."""
        return self._library.path

    @property
    def name(self) -> str:
        return self._library.name

    @property
    def target(self) -> str:
        """What it was compiled for: LLVM triple and CPU."""
        return self._library.target

    @property
    def producer(self) -> str:
        """The version of aicc it was compiled with."""
        return self._library.producer

    @property
    def kernels(self) -> tuple[KernelInfo, ...]:
        """What the compiler knew of each kernel: nodes, schedule, predicted seconds, bytes, calls."""
        return kernel_infos(self._library)

    @property
    def memory_bytes(self) -> int:
        """Bytes held by arenas, scratch and dynamic buffers now; weights are not counted."""
        bytes_of = self._library.functions["memory_bytes"]
        return sum(int(bytes_of(context)) for context in self._contexts)

    def __repr__(self) -> str:
        signature = ", ".join(map(str, self.inputs))
        return f"<Executable {self.name}({signature}) -> ({', '.join(map(str, self.outputs))})>"

    # ---- running -------------------------------------------------------------------------------------------

    def __call__(self, *args: Any, out: Any = None, **kwargs: Any) -> Any:
        """Raises RuntimeError_ AICC-5002 (inputs, outputs), AICC-5003 (the model failed, memory ran out)."""
        if kwargs or len(args) != len(self._names) or isinstance(args[0] if args else None, Mapping):
            args = self._by_name(args, kwargs)
        results = self.run(self.tensors(args), () if out is None else self._by_output(out))
        if self._single and self._plain:
            return results[0]
        values = [v.of(results) for v in self.values]
        return values[0] if len(values) == 1 else tuple(values)

    def tensors(self, values: Sequence[Any]) -> Sequence[Any]:
        """One tensor per entry of `inputs` for one value per entry of `input_values`, both in order.

        Raises RuntimeError_ AICC-5002.
        """
        if self._takes_tensors:
            return values
        return input_tensors(values, self.input_values, self.inputs)

    def run(self, inputs: Sequence[Any], out: Sequence[Any] = ()) -> list[Array]:
        """One array per entry of `outputs` for one tensor per input, both in order (None: its default); `out` as in a
        call."""
        arrays = []
        for n, (value, dtype) in enumerate(zip(inputs, self._dtypes, strict=True)):
            if type(value) is not _ndarray or value.dtype is not dtype or not value.flags.carray:
                info = self._library.inputs[n]
                value = DEFAULT if value is None and info.has_default else self._as_input(value, info)
            arrays.append(value)
        targets = self._targets(out) if len(out) else ()
        if self._library.closed:
            raise RuntimeError_("AICC-5003", f"The model '{self.name}' was closed.")
        runner = self._acquire()
        try:
            results = runner.run(arrays, targets)
        finally:
            self._free.append(runner)
        return (
            [given if given is not None else new for given, new in zip(out, results, strict=True)]
            if out
            else results
        )

    def _targets(self, out: Sequence[Any]) -> list[Array | None]:
        if len(out) != len(self.outputs):
            raise RuntimeError_(
                "AICC-5002", f"out has {len(out)} entries, the model has {len(self.outputs)} outputs."
            )
        return [
            None if value is None else self._as_output(value, info)
            for value, info in zip(out, self.outputs, strict=True)
        ]

    def _by_name(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any, ...]:
        """Inputs in order, from positional arguments, keywords and a dict."""
        given: dict[str, Any] = {}
        if len(args) == 1 and isinstance(args[0], Mapping):
            given.update(args[0])
            args = ()
        if len(args) > len(self._names):
            raise self._signature(f"{len(args)} inputs given, the model has {len(self._names)}.")
        for name, value in [*zip(self._names, args, strict=False), *kwargs.items()]:
            if name in given:
                raise self._signature(f"Input '{name}' is given twice.")
            given[name] = value
        unknown = [name for name in given if name not in self._names]
        missing = [name for name in self._names if name not in given and name not in self._with_default]
        if unknown:
            raise self._signature(f"The model has no input '{unknown[0]}'.", initializer=True)
        if missing:
            raise self._signature(f"Input '{missing[0]}' is missing.")
        return tuple(given.get(name) for name in self._names)

    def _by_output(self, out: Any) -> Sequence[Any]:
        """One entry per output, in order, for `out` of a call."""
        if isinstance(out, Mapping):
            names = [info.name for info in self.outputs]
            unknown = [name for name in out if name not in names]
            if unknown:
                hint = f"the outputs are {', '.join(names)}."
                raise RuntimeError_("AICC-5002", f"The model has no output '{unknown[0]}'.", hint=hint)
            return [out.get(name) for name in names]
        return out if isinstance(out, (list, tuple)) or not self._single else [out]

    def _signature(self, message: str, initializer: bool = False) -> RuntimeError_:
        """`initializer`: the name of one may have been given."""
        inputs = "; ".join(map(str, self.inputs))
        more = f"; {INITIALIZERS}" if initializer else ""
        return RuntimeError_("AICC-5002", message, hint=f"the inputs are {inputs or 'none'}{more}.")

    def _acquire(self) -> Runner:
        """A runner nobody uses. Lists' pop and append are atomic, so that this needs no lock."""
        try:
            return self._free.pop()
        except IndexError:
            pass
        context = self._library.create_context()
        functions = self._library.functions
        if self._threads:
            self._library.check(functions["set_num_threads"](context, self._threads))
        if self._profiling:
            self._library.check(functions["set_profiling"](context, 1))
        self._contexts.append(context)
        return self._new_runner(context)

    def _new_runner(self, context: int) -> Runner:
        runner = self._runner(self._library, context)
        runner.outputs_on_device = self._outputs_on_device
        return runner

    # ---- settings ------------------------------------------------------------------------------------------

    @property
    def device(self) -> int | None:
        """The number of the GPU the model runs on; None: it runs on the CPU."""
        return self._library.device

    @property
    def outputs_on_device(self) -> bool:
        """Whether results that the caller gave no memory for stay on the device, as `DeviceArray`s."""
        return self._outputs_on_device

    @outputs_on_device.setter
    def outputs_on_device(self, on: bool) -> None:
        if on and self.device is None:
            raise RuntimeError_(
                "AICC-5002", f"The model '{self.name}' runs on the CPU: its outputs are there."
            )
        self._outputs_on_device = on
        for runner in self._free:
            runner.outputs_on_device = on

    @property
    def num_threads(self) -> int:
        """Threads one call may use; 0 sets the default: AICC_NUM_THREADS, else the number of cores."""
        return int(self._library.functions["get_num_threads"](self._contexts[0]))

    @num_threads.setter
    def num_threads(self, threads: int) -> None:
        self._threads = threads
        self._for_all("set_num_threads", threads)

    @contextmanager
    def profile(self) -> Iterator[Profile]:
        """Measures the calls within the block, kernel by kernel; `print(profile)` shows a table.

        >>> with exe.profile() as profile:
        ...     exe(x)
        """
        result = Profile()
        self._for_all("set_profiling", 1)
        self._profiling = True
        try:
            yield result
        finally:
            self._profiling = False
            self._for_all("set_profiling", 0)
            found = collect(self._library, self._contexts)
            result.runs, result.seconds, result.kernels = found.runs, found.seconds, found.kernels

    def _for_all(self, function: str, value: int) -> None:
        """Raises RuntimeError_ AICC-5003 while a call is running."""
        for context in self._contexts:
            self._library.check(self._library.functions[function](context, value))

    # ---- files ---------------------------------------------------------------------------------------------

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Copies the model to `path`, external weights to `path` + ".weights"; each appears whole or not at all.

        Raises CompileError AICC-4001.
        """
        target = Path(path)
        self._library.copy(target)
        return target

    def close(self) -> None:
        """Gives back memory and threads now rather than when the object goes; no call may be running."""
        self._free.clear()
        self._library.close()


def _as_given(value: Any, info: TensorInfo) -> Any:
    """Runners for devices see to it themselves: their stream has to wait for what the caller's does."""
    return value
