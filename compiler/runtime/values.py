"""The outputs of an ONNX model out of the tensors of a compiled one: see `aicc_value` in aicc.h."""

from __future__ import annotations

import ctypes
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from aicc.errors import RuntimeError_

if TYPE_CHECKING:
    from aicc.runtime.library import TensorInfo

Array = np.ndarray[Any, Any]

TENSOR, SEQUENCE, EMPTY, MAPS, PACKED, MAP = range(6)


@dataclass(frozen=True)
class ValueInfo:
    """`type` as ONNX writes it; its tensors are outputs (of an input: inputs) `first … first + count - 1`; `keys` are
    those of maps."""

    name: str
    kind: int
    type: str
    first: int
    count: int
    keys: tuple[Any, ...] = ()

    def of(self, arrays: Sequence[Any]) -> Any:
        """The value out of all outputs: an array, a list of arrays, None, or a list of dicts of Python numbers.

        Raises RuntimeError_ AICC-5003 for a table that has not a column per key.
        """
        own = arrays[self.first : self.first + self.count]
        if self.kind == TENSOR:
            return own[0]
        if self.kind == SEQUENCE:
            return list(own)
        if self.kind == PACKED:
            return _unpacked(own[0], own[1])
        if self.kind == MAP:
            return dict(zip(own[0].tolist(), own[1].tolist(), strict=True))
        return None if self.kind == EMPTY else self._maps(own[0])

    def _maps(self, table: Any) -> list[dict[Any, Any]]:
        rows = np.from_dlpack(table) if not isinstance(table, np.ndarray) else table
        if rows.shape[1] != len(self.keys):
            raise RuntimeError_(
                "AICC-5003",
                f"'{self.name}' has {rows.shape[1]} columns for the {len(self.keys)} keys of its maps.",
            )
        return [dict(zip(self.keys, row, strict=True)) for row in rows.tolist()]


def _unpacked(sizes: Array, elements: Array) -> list[Array]:
    """The tensors of a sequence: views of their elements."""
    shapes = [tuple(row) for row in sizes.tolist()]
    ends = np.cumsum([math.prod(shape) for shape in shapes])[:-1]
    parts = np.split(elements, ends) if shapes else []
    return [part.reshape(shape) for part, shape in zip(parts, shapes, strict=True)]


def value_infos(
    functions: Mapping[str, Any], kind: str, tensors: Sequence[TensorInfo]
) -> tuple[ValueInfo, ...]:
    """What the library says of its model's outputs (`kind` "value") or inputs ("input_value"), which are made of
    `tensors`; each is a tensor where it says nothing."""
    count = functions[f"{kind}_count"]() if f"{kind}_count" in functions else 0
    if not count:
        return tuple(
            ValueInfo(t.name, TENSOR, f"tensor({t.element.onnx})", n, 1) for n, t in enumerate(tensors)
        )
    return tuple(_info(functions[f"{kind}_info"](n).contents) for n in range(count))


def _info(v: Any) -> ValueInfo:
    keys: list[Any] = []
    if v.int_keys:
        keys = [v.int_keys[i] for i in range(v.n_keys)]
    elif v.string_keys:
        texts = (v.string_keys[i] for i in range(v.n_keys))
        keys = [ctypes.string_at(t.data, t.size).decode() for t in texts]
    return ValueInfo(v.name.decode(), v.kind, v.type.decode(), v.first, v.count, tuple(keys))
