"""Operators on sequences and optionals (see `compound`). Positions and lengths must be known at import."""

from __future__ import annotations

from typing import Any

import numpy as np

from aicc.dialects.movement import Concat, Slice
from aicc.dialects.shape import Squeeze, Unsqueeze
from aicc.importer.compound import OptionalValue, TensorSequence
from aicc.importer.movement import axis_of
from aicc.importer.node import Node
from aicc.importer.registry import onnx_op


def sequence_of(n: Node, i: int) -> TensorSequence:
    """Input `i`, also out of an optional. Raises ImportError_ AICC-1005."""
    value = n.anything(i)
    if isinstance(value, OptionalValue):
        value = value.value
    if not isinstance(value, TensorSequence):
        raise n.error("AICC-1005", f"input {i} must be a sequence.")
    return value


@onnx_op("SequenceEmpty")
def sequence_empty(n: Node) -> Any:
    return TensorSequence(())


@onnx_op("SequenceConstruct")
def sequence_construct(n: Node) -> Any:
    return TensorSequence(tuple(n.required(i) for i in range(len(n.inputs))))


@onnx_op("SequenceLength")
def sequence_length(n: Node) -> Any:
    return n.const(np.int64(len(sequence_of(n, 0).items)))


@onnx_op("SequenceAt")
def sequence_at(n: Node) -> Any:
    items = sequence_of(n, 0).items
    return items[_position(n, 1, len(items))]


@onnx_op("SequenceInsert")
def sequence_insert(n: Node) -> Any:
    items = list(sequence_of(n, 0).items)
    at = len(items) if n.input(2) is None else _position(n, 2, len(items), end=True)
    return TensorSequence((*items[:at], n.required(1), *items[at:]))


@onnx_op("SequenceErase")
def sequence_erase(n: Node) -> Any:
    items = list(sequence_of(n, 0).items)
    at = len(items) - 1 if n.input(1) is None else _position(n, 1, len(items))
    return TensorSequence((*items[:at], *items[at + 1 :]))


def _position(n: Node, i: int, length: int, end: bool = False) -> int:
    """Input `i` counted from the front. Raises ImportError_ AICC-1005."""
    known = n.constant(i)
    if known is None:
        raise n.error("AICC-1005", "the position in a sequence must be a constant.")
    at = int(known.item())
    if not -length <= at < length + end:
        raise n.error("AICC-1005", f"position {at} is out of range for a sequence of {length}.")
    return at + length if at < 0 else at


@onnx_op("SplitToSequence")
def split_to_sequence(n: Node) -> Any:
    """Parts of the sizes given, or of one size (the last may be smaller); without sizes, of one element each."""
    x = n.required(0)
    axis = axis_of(n, n.attr("axis", 0), n.info(x).rank)
    size = n.info(x).shape[axis]
    given = n.constant(1)
    if not isinstance(size, int) or (given is None and n.input(1) is not None):
        raise n.error("AICC-1005", "the sizes of the parts of a sequence must be constants.")
    if given is None or given.ndim == 0:
        part = 1 if given is None else int(given)
        if part < 1:
            raise n.error("AICC-1005", f"parts of {part} elements are impossible.")
        sizes = [min(part, size - start) for start in range(0, size, part)]
    else:
        sizes = [int(s) for s in given]
    starts = np.cumsum([0, *sizes])
    if starts[-1] != size:
        raise n.error("AICC-1005", f"parts {sizes} do not add up to {size}.")
    items = [
        n.build(Slice, x, n.ints([a]), n.ints([z]), axes=[axis])
        for a, z in zip(starts[:-1], starts[1:], strict=True)
    ]
    if given is None and not n.attr("keepdims", 1):
        items = [n.build(Squeeze, item, axes=[axis]) for item in items]
    return TensorSequence(tuple(items))


@onnx_op("ConcatFromSequence")
def concat_from_sequence(n: Node) -> Any:
    items = list(sequence_of(n, 0).items)
    if not items:
        raise n.error("AICC-1005", "an empty sequence cannot be concatenated.")
    stacks = bool(n.attr("new_axis", 0))
    axis = axis_of(n, n.required_attr("axis"), n.info(items[0]).rank + stacks)
    if stacks:
        items = [n.build(Unsqueeze, item, axes=[axis]) for item in items]
    return items[0] if len(items) == 1 else n.build(Concat, *items, dim=axis)


@onnx_op("Optional")
def optional(n: Node) -> Any:
    return OptionalValue(n.anything(0))


@onnx_op("OptionalGetElement")
def optional_get_element(n: Node) -> Any:
    value = n.anything(0)
    value = value.value if isinstance(value, OptionalValue) else value
    if value is None:
        raise n.error("AICC-1005", "the optional is empty.")
    return value


@onnx_op("OptionalHasElement")
def optional_has_element(n: Node) -> Any:
    value = n.anything(0)
    value = value.value if isinstance(value, OptionalValue) else value
    return n.const(np.bool_(value is not None))


@onnx_op("SequenceMap")
def sequence_map(n: Node) -> Any:
    """The body once for each element; what is no sequence is the same in each."""
    inputs = [n.anything(i) for i in range(len(n.inputs))]
    results = []
    for i in range(len(sequence_of(n, 0).items)):
        row = []
        for k, value in enumerate(inputs):
            is_sequence = isinstance(value, (TensorSequence, OptionalValue))
            row.append(sequence_of(n, k).items[i] if is_sequence else value)
        results.append(n.importer.subgraph(n.required_attr("body"), row))
    return [TensorSequence(tuple(r[k] for r in results)) for k in range(len(n.outputs))]
