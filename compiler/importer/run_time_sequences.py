"""Sequences whose length only a run knows, as import rules build them (`dialects/sequences.py`)."""

from __future__ import annotations

from typing import Any

import numpy as np

from aicc.dialects.sequences import SequenceAt, SequenceInsert
from aicc.dialects.shape import Reshape
from aicc.dialects.types import TensorType
from aicc.importer.compound import Element, RunTimeSequence, TensorSequence
from aicc.importer.node import Node


def item_at(n: Node, sequence: RunTimeSequence, position: Any) -> Any:
    """A tensor of a sequence of the run."""
    held = element(n, sequence)
    return n.build(SequenceAt, sequence.number, scalar(n, position), shape=held.shape, dtype=held.dtype)


def inserted(n: Node, sequence: RunTimeSequence, x: Any, position: Any | None = None) -> RunTimeSequence:
    """A sequence of the run with `x` at a position, or at its end. Raises ImportError_ AICC-1004, AICC-1005."""
    at = None if position is None else scalar(n, position)
    held = common(n, sequence.element, element_of(n.info(x)))
    return RunTimeSequence(n.build(SequenceInsert, sequence.number, x, at), held)


def at_run_time(n: Node, sequence: TensorSequence | RunTimeSequence) -> RunTimeSequence:
    """A sequence that the runtime's table holds."""
    if isinstance(sequence, RunTimeSequence):
        return sequence
    found = RunTimeSequence(n.const(np.int64(0)), None)
    for item in sequence.items:
        found = inserted(n, found, item)
    return found


def common(n: Node, a: Element | None, b: Element | None) -> Element | None:
    """What two tensors have in common. Raises ImportError_ AICC-1004, AICC-1005."""
    if a is None or b is None:
        return a or b
    if a.dtype is not b.dtype:
        raise n.error("AICC-1004", f"a sequence holds {a.dtype.mlir}, and {b.dtype.mlir} does not fit.")
    if len(a.shape) != len(b.shape):
        raise n.error(
            "AICC-1005",
            f"a sequence whose length only a run knows holds tensors of rank {len(a.shape)} and of {len(b.shape)}.",
            hint="its tensors must have one rank, or its length must be a constant.",
        )
    return Element(tuple(x if x == y else -1 for x, y in zip(a.shape, b.shape, strict=True)), a.dtype)


def element_of(t: TensorType) -> Element:
    """What a sequence of one such tensor holds."""
    return Element(tuple(d if isinstance(d, int) else -1 for d in t.shape), t.dtype)


def element(n: Node, sequence: RunTimeSequence) -> Element:
    """What a sequence holds. Raises ImportError_ AICC-1005 when nothing is known of it."""
    if sequence.element is None:
        raise n.error("AICC-1005", "the sequence is empty: it must be a constant what it holds.")
    return sequence.element


def scalar(n: Node, value: Any) -> Any:
    """A value of one element without dims."""
    return n.build(Reshape, value, n.ints([])) if n.info(value).rank else value
