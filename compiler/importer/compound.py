"""Sequences, optionals and maps, made of tensors.

Where lengths, and whether an optional is empty, are known when a model is imported, they are values of the import
alone, and nothing of them is left in the program: each op on them picks, adds or drops tensors. A sequence whose
length only a run knows is a number in the program, and the runtime's table has its tensors
(`dialects/sequences.py`). What results of the model were, its metadata say.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import onnx

from aicc.dialects.types import DType
from aicc.values import EMPTY, MAP, MAPS, PACKED, SEQUENCE, TENSOR, Value


@dataclass(frozen=True)
class TensorSequence:
    """The tensors of a sequence, in order."""

    items: tuple[Any, ...]


@dataclass(frozen=True)
class RunTimeSequence:
    """The number of a sequence, an i64 scalar, and what its tensors have in common: None while there are none. A size
    that differs, or that only the run knows, is -1."""

    number: Any
    element: Element | None


@dataclass(frozen=True)
class Element:
    """What is known of each tensor of a sequence."""

    shape: tuple[int, ...]
    dtype: DType


@dataclass(frozen=True)
class PackedSequence:
    """A sequence of the run as an input or output of a model: `sizes[n, rank]` of its tensors and their `elements`."""

    sizes: Any
    elements: Any


@dataclass(frozen=True)
class OptionalValue:
    """A tensor, a sequence, or nothing (None)."""

    value: Any | None


@dataclass(frozen=True)
class RowMaps:
    """A sequence of maps with one set of keys: item i maps `keys[j]` to `table[i, j]`."""

    keys: tuple[int, ...] | tuple[str, ...]
    table: Any


@dataclass(frozen=True)
class MapValue:
    """A map: `keys[n]` and its `values[n]`, in the order of the keys where those are numbers."""

    keys: Any
    values: Any


def is_compound(value: Any) -> bool:
    return isinstance(value, (TensorSequence, RunTimeSequence, OptionalValue, RowMaps, MapValue))


def flattened(name: str, value: Any) -> Iterator[tuple[str, Any]]:
    """The tensors of a value with names: of a sequence `name[0]`, `name[1]` …; of an optional what is in it."""
    if isinstance(value, OptionalValue):
        if value.value is not None:
            yield from flattened(name, value.value)
    elif isinstance(value, TensorSequence):
        for i, item in enumerate(value.items):
            yield item_name(name, i), item
    elif isinstance(value, PackedSequence):
        yield from zip(packed_names(name), (value.sizes, value.elements), strict=True)
    elif isinstance(value, RowMaps):
        yield name, value.table
    elif isinstance(value, MapValue):
        yield from zip(map_names(name), (value.keys, value.values), strict=True)
    else:
        yield name, value


def described(name: str, value: Any, of: onnx.TypeProto, first: int, dtype: Callable[[Any], DType]) -> Value:
    """What is to be said of a graph's output `name` whose tensors are outputs from `first` on; `of` is its type in
    the file, which may lack element types, `dtype` that of a tensor."""
    while isinstance(value, OptionalValue):
        of = of.optional_type.elem_type
        if value.value is None:
            return Value(name, EMPTY, f"optional({type_text(of)})", first, 0)
        value = value.value
    if isinstance(value, TensorSequence):
        item = (
            tensor_text(dtype(value.items[0]).onnx) if value.items else type_text(of.sequence_type.elem_type)
        )
        return Value(name, SEQUENCE, f"seq({item})", first, len(value.items))
    if isinstance(value, PackedSequence):
        return Value(name, PACKED, f"seq({tensor_text(dtype(value.elements).onnx)})", first, 2)
    if isinstance(value, RowMaps):
        key = "string" if isinstance(value.keys[0], str) else "int64"
        text = f"seq(map({key},{tensor_text(dtype(value.table).onnx)}))"
        return Value(name, MAPS, text, first, 1, value.keys)
    if isinstance(value, MapValue):
        text = map_text(dtype(value.keys), dtype(value.values))
        return Value(name, MAP, text, first, 2)
    return Value(name, TENSOR, tensor_text(dtype(value).onnx), first, 1)


def tensor_text(code: int) -> str:
    return f"tensor({onnx.TensorProto.DataType.Name(code).lower()})"


def type_text(of: onnx.TypeProto) -> str:
    if of.HasField("sequence_type"):
        return f"seq({type_text(of.sequence_type.elem_type)})"
    return tensor_text(of.tensor_type.elem_type)


def packed_names(name: str) -> tuple[str, str]:
    """What the two tensors of the sequence `name`, whose length only a run knows, are called in a compiled model."""
    return f"{name}.sizes", f"{name}.elements"


def map_text(keys: DType, values: DType) -> str:
    """The type of a map in ONNX's words."""
    return f"map({'string' if keys is DType.STRING else 'int64'},{tensor_text(values.onnx)})"


def map_names(name: str) -> tuple[str, str]:
    """What the two tensors of a map are called in a compiled model."""
    return f"{name}.keys", f"{name}.values"


def item_name(name: str, i: int) -> str:
    """What tensor `i` of the sequence `name` is called in a compiled model."""
    return f"{name}[{i}]"
