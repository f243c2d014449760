"""Sequences and optionals: values of the import alone, made of tensors.

Their lengths, and whether an optional is empty, are known when a model is imported, so that nothing of them is
left in the program: each op on them picks, adds or drops tensors.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class TensorSequence:
    """The tensors of a sequence, in order."""

    items: tuple[Any, ...]


@dataclass(frozen=True)
class OptionalValue:
    """A tensor, a sequence, or nothing (None)."""

    value: Any | None


def is_compound(value: Any) -> bool:
    return isinstance(value, (TensorSequence, OptionalValue))


def flattened(name: str, value: Any) -> Iterator[tuple[str, Any]]:
    """The tensors of a value with names: of a sequence `name[0]`, `name[1]` …; of an optional what is in it."""
    if isinstance(value, OptionalValue):
        if value.value is not None:
            yield from flattened(name, value.value)
    elif isinstance(value, TensorSequence):
        for i, item in enumerate(value.items):
            yield item_name(name, i), item
    else:
        yield name, value


def item_name(name: str, i: int) -> str:
    """What tensor `i` of the sequence `name` is called in a compiled model."""
    return f"{name}[{i}]"
