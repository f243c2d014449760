"""Operators on sequences and optionals (see `compound`).

Positions and lengths that are known at import pick tensors; others make the sequence one of the run.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from aicc.dialects import OPS
from aicc.dialects.movement import Concat, Slice
from aicc.dialects.sequences import SequenceConcat, SequenceErase, SequenceLength, SequenceSplit
from aicc.dialects.shape import Squeeze, Unsqueeze
from aicc.dialects.types import DType
from aicc.importer.compound import Element, OptionalValue, RunTimeSequence, TensorSequence
from aicc.importer.loops import Rounds
from aicc.importer.movement import axis_of
from aicc.importer.node import Node
from aicc.importer.registry import onnx_op
from aicc.importer.run_time_sequences import at_run_time, element, element_of, inserted, item_at, scalar


def sequence_of(n: Node, i: int) -> TensorSequence | RunTimeSequence:
    """Input `i`, also out of an optional. Raises ImportError_ AICC-1005."""
    value = n.anything(i)
    if isinstance(value, OptionalValue):
        value = value.value
    if not isinstance(value, (TensorSequence, RunTimeSequence)):
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
    sequence = sequence_of(n, 0)
    if isinstance(sequence, RunTimeSequence):
        return n.build(SequenceLength, sequence.number)
    return n.const(np.int64(len(sequence.items)))


@onnx_op("SequenceAt")
def sequence_at(n: Node) -> Any:
    sequence = sequence_of(n, 0)
    if isinstance(sequence, TensorSequence):
        at = _position(n, 1, len(sequence.items))
        if at is not None:
            return sequence.items[at]
    return item_at(n, at_run_time(n, sequence), n.required(1))


@onnx_op("SequenceInsert")
def sequence_insert(n: Node) -> Any:
    sequence, x = sequence_of(n, 0), n.required(1)
    if isinstance(sequence, TensorSequence):
        items = list(sequence.items)
        at = len(items) if n.input(2) is None else _position(n, 2, len(items), end=True)
        if at is not None:
            return TensorSequence((*items[:at], x, *items[at:]))
    return inserted(n, at_run_time(n, sequence), x, n.input(2))


@onnx_op("SequenceErase")
def sequence_erase(n: Node) -> Any:
    sequence = sequence_of(n, 0)
    if isinstance(sequence, TensorSequence):
        items = list(sequence.items)
        at = len(items) - 1 if n.input(1) is None else _position(n, 1, len(items))
        if at is not None:
            return TensorSequence((*items[:at], *items[at + 1 :]))
    sequence = at_run_time(n, sequence)
    at_value = None if n.input(1) is None else scalar(n, n.required(1))
    return RunTimeSequence(n.build(SequenceErase, sequence.number, at_value), sequence.element)


def _position(n: Node, i: int, length: int, end: bool = False) -> int | None:
    """Input `i` counted from the front; None when only a run knows it. Raises ImportError_ AICC-1005."""
    known = n.constant(i)
    if known is None:
        return None
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
    keepdims = bool(n.attr("keepdims", 1)) or n.input(1) is not None
    if not isinstance(size, int) or (given is None and n.input(1) is not None):
        return _split_at_run_time(n, x, axis, keepdims)
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
    if not keepdims:
        items = [n.build(Squeeze, item, axes=[axis]) for item in items]
    return TensorSequence(tuple(items))


def _split_at_run_time(n: Node, x: Any, axis: int, keepdims: bool) -> RunTimeSequence:
    sizes = n.const(np.int64(1)) if n.input(1) is None else n.required(1)
    if n.info(sizes).dtype is not DType.I64:
        sizes = n.build(OPS["cast"], sizes, to=DType.I64)
    shape = list(element_of(n.info(x)).shape)
    known = n.constant(1) if n.input(1) is not None else np.int64(1)
    shape[axis] = 1 if known is not None and known.ndim == 0 and known == 1 else -1
    if not keepdims:
        del shape[axis]
    number = n.build(SequenceSplit, x, sizes, axis=axis, keepdims=keepdims)
    return RunTimeSequence(number, Element(tuple(shape), n.info(x).dtype))


@onnx_op("ConcatFromSequence")
def concat_from_sequence(n: Node) -> Any:
    sequence = sequence_of(n, 0)
    stacks = bool(n.attr("new_axis", 0))
    if isinstance(sequence, RunTimeSequence):
        return _concat_at_run_time(n, sequence, stacks)
    items = list(sequence.items)
    if not items:
        raise n.error("AICC-1005", "an empty sequence cannot be concatenated.")
    axis = axis_of(n, n.required_attr("axis"), n.info(items[0]).rank + stacks)
    if stacks:
        items = [n.build(Unsqueeze, item, axes=[axis]) for item in items]
    return items[0] if len(items) == 1 else n.build(Concat, *items, dim=axis)


def _concat_at_run_time(n: Node, sequence: RunTimeSequence, stacks: bool) -> Any:
    held = element(n, sequence)
    axis = axis_of(n, n.required_attr("axis"), len(held.shape) + stacks)
    shape = list(held.shape)
    if stacks:
        shape.insert(axis, -1)
    shape[axis] = -1
    return n.build(SequenceConcat, sequence.number, axis=axis, stacks=stacks, shape=shape, dtype=held.dtype)


@onnx_op("Optional")
def optional(n: Node) -> Any:
    return OptionalValue(n.anything(0))


@onnx_op("OptionalGetElement")
def optional_getelement(n: Node) -> Any:
    value = n.anything(0)
    value = value.value if isinstance(value, OptionalValue) else value
    if value is None:
        raise n.error("AICC-1005", "the optional is empty.")
    return value


@onnx_op("OptionalHasElement")
def optional_haselement(n: Node) -> Any:
    value = n.anything(0)
    value = value.value if isinstance(value, OptionalValue) else value
    return n.const(np.bool_(value is not None))


@onnx_op("SequenceMap")
def sequence_map(n: Node) -> Any:
    """The body once for each element; what is no sequence is the same in each."""
    inputs = [n.anything(i) for i in range(len(n.inputs))]
    mapped = [isinstance(v, (TensorSequence, RunTimeSequence, OptionalValue)) for v in inputs]
    sequences = [sequence_of(n, k) if m else None for k, m in enumerate(mapped)]
    first = sequences[0]
    if any(isinstance(s, RunTimeSequence) for s in sequences):
        found = [v if s is None else at_run_time(n, s) for v, s in zip(inputs, sequences, strict=True)]
        return _map_at_run_time(n, found)
    if not isinstance(first, TensorSequence):
        raise n.error("AICC-1005", "input 0 must be a sequence.")
    results = []
    for i in range(len(first.items)):
        row = [
            s.items[i] if isinstance(s, TensorSequence) else v for v, s in zip(inputs, sequences, strict=True)
        ]
        results.append(n.importer.subgraph(n.required_attr("body"), row))
    return [TensorSequence(tuple(r[k] for r in results)) for k in range(len(n.outputs))]


def _map_at_run_time(n: Node, inputs: Sequence[Any]) -> list[Any]:
    """A loop over the positions of the first sequence, which carries the sequences of results."""
    graph = n.required_attr("body")
    level = len(n.importer.programs)

    def body(values: list[Any]) -> list[Any]:
        position, condition, *carried = values
        around = [n.importer.inner(v, level) for v in inputs]
        row = [item_at(n, v, position) if isinstance(v, RunTimeSequence) else v for v in around]
        results = n.importer.subgraph(graph, row)
        pairs = zip(carried, results, strict=True)
        return [condition, *(inserted(n, at_run_time(n, s), x) for s, x in pairs)]

    count = n.build(SequenceLength, inputs[0].number)
    names = ["condition", *(o.name for o in graph.output)]
    empty = [TensorSequence(()) for _ in graph.output]
    found = Rounds(n, body, names, []).run(count, n.const(np.bool_(True)), empty)
    if isinstance(found, str):
        raise n.error("AICC-1005", f"{found}.")
    return found
