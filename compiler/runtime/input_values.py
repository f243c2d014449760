"""The tensors of a compiled model's inputs out of the values of an ONNX model's: see `aicc_value` in aicc.h."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from aicc.errors import RuntimeError_
from aicc.runtime.library import TensorInfo
from aicc.runtime.tensors import as_input
from aicc.runtime.values import MAP, PACKED, ValueInfo

Array = np.ndarray[Any, Any]


def input_tensors(
    values: Sequence[Any], infos: Sequence[ValueInfo], tensors: Sequence[TensorInfo]
) -> list[Any]:
    """What `tensors` are given for one value per ONNX input. Raises RuntimeError_ AICC-5002."""
    found: list[Any] = []
    for value, info in zip(values, infos, strict=True):
        own = tensors[info.first : info.first + info.count]
        make = {PACKED: _packed, MAP: _map}.get(info.kind)
        found += make(info.name, value, *own) if make else [value]
    return found


def _map(name: str, value: Any, keys: TensorInfo, values: TensorInfo) -> tuple[Array, Array]:
    """The keys, integers in ascending order, and values of a dict."""
    if not isinstance(value, Mapping):
        raise RuntimeError_(
            "AICC-5002", f"Input '{name}' is a {type(value).__name__}; the model wants a dict."
        )
    kind, want = (str, "strings") if keys.element.is_string else ((int, np.integer), "integers")
    wrong = next((k for k in value if not isinstance(k, kind) or isinstance(k, bool)), None)
    if wrong is not None:
        raise RuntimeError_("AICC-5002", f"Input '{name}' has the key {wrong!r}; the model wants {want}.")
    order = list(value) if keys.element.is_string else sorted(value)
    given = [value[k] for k in order]
    odd = next((v for v in given if isinstance(v, str) != values.element.is_string), None)
    if odd is not None:
        raise RuntimeError_("AICC-5002", f"Input '{name}' has the value {odd!r}; the model wants {values}.")
    try:
        return (
            np.array(order, object if keys.element.is_string else np.int64),
            np.array(given, object if values.element.is_string else values.dtype),
        )
    except (TypeError, ValueError, OverflowError) as error:
        raise RuntimeError_("AICC-5002", f"Input '{name}' is no map of numbers: {error}.") from None


def _packed(name: str, value: Any, sizes: TensorInfo, elements: TensorInfo) -> tuple[Array, Array]:
    """The sizes and elements of a list of arrays."""
    if not isinstance(value, (list, tuple)):
        raise RuntimeError_(
            "AICC-5002", f"Input '{name}' is a {type(value).__name__}; the model wants a list of arrays."
        )
    rank = sizes.shape[1]
    assert isinstance(rank, int)
    items: list[Array] = []
    for i, item in enumerate(value):
        array = as_input(item, replace(elements, name=f"{name}[{i}]"))
        if array.ndim != rank:
            raise RuntimeError_(
                "AICC-5002", f"Input '{name}[{i}]' has rank {array.ndim}, the model wants {rank}."
            )
        items.append(array)
    shapes = np.asarray([a.shape for a in items], np.int64).reshape(len(items), rank)
    flat = np.concatenate([a.reshape(-1) for a in items]) if items else np.empty(0, elements.dtype)
    return shapes, flat
