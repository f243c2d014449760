"""One model, compiled again for each combination of sizes it meets."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from aicc.executable import Executable
from aicc.runtime.library import Library
from aicc.runtime.values import TENSOR
from aicc.signature import DimChoice

Sizes = tuple[tuple[str, int], ...]


class SpecializingExecutable(Executable):
    """An Executable of a model with symbolic dimensions that compiles itself for the sizes of each call.

    >>> exe = aicc.compile("bert.onnx", specialize=4)
    >>> y = exe(ids=np.zeros((1, 128), np.int64))      # compiles for batch=1, seq=128, and runs that
    >>> exe.specialized(batch=1, seq=128).profile()    # the Executable of these sizes

    `most` static executables are kept, those used longest ago go first. Each holds packed weights of its own.
    Inputs whose sizes do not fit together, or lie outside the bounds of `dims`, are told as the general
    executable tells them. Compiling happens in the call that meets the sizes first; calls of other threads with the
    same sizes wait for it, others do not. `profile` and `save` speak of the general executable.
    """

    def __init__(
        self,
        general: Library,
        compile_for: Callable[[dict[str, int]], Executable],
        dims: dict[str, DimChoice],
        most: int,
    ) -> None:
        super().__init__(general)
        self._compile_for = compile_for
        self._bounds = {name: choice for name, choice in dims.items() if isinstance(choice, tuple)}
        self._most = most
        self._kept: OrderedDict[Sizes, Executable] = OrderedDict()
        self._busy: dict[Sizes, threading.Lock] = {}
        self._lock = threading.Lock()

    def run(self, inputs: Sequence[Any], out: Sequence[Any] = ()) -> list[Any]:
        """As `Executable.run`. Raises besides what `aicc.compile` raises."""
        sizes = self._sizes(inputs)
        return super().run(inputs, out) if sizes is None else self.specialized(**dict(sizes)).run(inputs, out)

    def specialized(self, **sizes: int) -> Executable:
        """The executable for these sizes of the symbolic dimensions; compiled if need be."""
        key = tuple(sorted(sizes.items()))
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
                return self._kept[key]
            busy = self._busy.setdefault(key, threading.Lock())
        with busy:
            with self._lock:
                if key in self._kept:
                    return self._kept[key]
            made = self._compile_for(sizes)
            if self._threads:
                made.num_threads = self._threads
            with self._lock:
                self._kept[key] = made
                self._busy.pop(key, None)
                while len(self._kept) > self._most:
                    # A call that still runs it keeps it alive.
                    self._kept.popitem(last=False)
        return made

    @property
    def specializations(self) -> tuple[dict[str, int], ...]:
        """The sizes that are kept, those used last at the end."""
        with self._lock:
            return tuple(dict(key) for key in self._kept)

    def _for_all(self, function: str, value: int) -> None:
        super()._for_all(function, value)
        if function == "set_num_threads":
            with self._lock:
                for made in self._kept.values():
                    made.num_threads = value

    def _sizes(self, inputs: Sequence[Any]) -> Sizes | None:
        """The value of each symbol; None when the general executable has to say what is wrong, or there is none."""
        found: dict[str, int] = {}
        plain = {v.first for v in self.input_values if v.kind == TENSOR}
        for k, (value, info) in enumerate(zip(inputs, self.inputs, strict=True)):
            if k not in plain or (value is None and info.has_default and info.static):
                continue
            shape = np.shape(value)
            if len(shape) != len(info.shape):
                return None
            for size, known in zip(shape, info.shape, strict=True):
                if isinstance(known, int):
                    if size != known:
                        return None
                elif known is None or found.setdefault(known, size) != size:
                    return None
        for name, (low, high) in self._bounds.items():
            if not low <= found.get(name, low) <= high:
                return None
        return tuple(sorted(found.items())) or None
