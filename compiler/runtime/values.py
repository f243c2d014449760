"""The outputs of an ONNX model out of the tensors of a compiled one: see `aicc_value` in aicc.h."""

from __future__ import annotations

import ctypes
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from aicc.errors import RuntimeError_

if TYPE_CHECKING:
    from aicc.runtime.library import TensorInfo

TENSOR, SEQUENCE, EMPTY, MAPS = range(4)


@dataclass(frozen=True)
class ValueInfo:
    """`type` as ONNX writes it; its tensors are outputs `first … first + count - 1`; `keys` are those of maps."""

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
        return None if self.kind == EMPTY else self._maps(own[0])

    def _maps(self, table: Any) -> list[dict[Any, Any]]:
        rows = np.from_dlpack(table) if not isinstance(table, np.ndarray) else table
        if rows.shape[1] != len(self.keys):
            raise RuntimeError_(
                "AICC-5003",
                f"'{self.name}' has {rows.shape[1]} columns for the {len(self.keys)} keys of its maps.",
            )
        return [dict(zip(self.keys, row, strict=True)) for row in rows.tolist()]


def value_infos(functions: Mapping[str, Any], outputs: Sequence[TensorInfo]) -> tuple[ValueInfo, ...]:
    """What the library says of its model's outputs; each is a tensor where it says nothing."""
    count = functions["value_count"]() if "value_count" in functions else 0
    if not count:
        return tuple(
            ValueInfo(o.name, TENSOR, f"tensor({o.element.onnx})", n, 1) for n, o in enumerate(outputs)
        )
    return tuple(_info(functions["value_info"](n).contents) for n in range(count))


def _info(v: Any) -> ValueInfo:
    keys: list[Any] = []
    if v.int_keys:
        keys = [v.int_keys[i] for i in range(v.n_keys)]
    elif v.string_keys:
        texts = (v.string_keys[i] for i in range(v.n_keys))
        keys = [ctypes.string_at(t.data, t.size).decode() for t in texts]
    return ValueInfo(v.name.decode(), v.kind, v.type.decode(), v.first, v.count, tuple(keys))
