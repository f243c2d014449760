"""If, Loop and Scan.

A condition that is known picks its branch. Otherwise both branches are computed (no op has side effects) and
each result is chosen. Loops whose number of rounds is known are unrolled: carried values may change shape.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx

from aicc.dialects.elementwise import Where
from aicc.dialects.movement import Concat, Slice
from aicc.dialects.shape import Reshape, Squeeze, Unsqueeze
from aicc.importer.compound import is_compound
from aicc.importer.graph import dtype_of
from aicc.importer.movement import axis_of
from aicc.importer.node import Node
from aicc.importer.registry import onnx_op

MOST_ROUNDS = 1024
"""Loops of more rounds are refused rather than unrolled."""


@onnx_op("If")
def if_(n: Node) -> Any:
    condition = n.constant(0)
    if condition is not None:
        branch = "then_branch" if bool(condition.item()) else "else_branch"
        return n.importer.subgraph(n.required_attr(branch), [])
    sides = [n.importer.subgraph(n.required_attr(b), []) for b in ("then_branch", "else_branch")]
    return [_chosen(n, n.required(0), a, b) for a, b in zip(*sides, strict=True)]


def _chosen(n: Node, condition: Any, a: Any, b: Any) -> Any:
    """`condition ? a : b` of two tensors of one shape. Raises ImportError_ AICC-1005."""
    if a is b:
        return a
    if is_compound(a) or is_compound(b):
        raise n.error("AICC-1005", "a condition that picks sequences must be a constant.")
    first, second = n.info(a), n.info(b)
    if first.shape != second.shape or first.dtype is not second.dtype:
        raise n.error("AICC-1005", f"the condition must be a constant: it picks {first} or {second}.")
    if n.info(condition).rank:
        condition = n.build(Reshape, condition, n.ints([]))
    return n.build(Where, condition, a, b)


@onnx_op("Loop")
def loop(n: Node) -> Any:
    """Unrolled; a condition that only run time knows decides in each round whether the values go on."""
    body: onnx.GraphProto = n.required_attr("body")
    count = len(n.inputs) - 2
    carried = [n.anything(2 + i) for i in range(count)]
    scans: list[list[Any]] = [[] for _ in range(len(body.output) - 1 - count)]
    condition = n.const(np.bool_(True)) if n.input(1) is None else n.input(1)
    for i in range(_rounds(n)):
        known = n.importer.constant_of(condition)
        if known is not None and not bool(known.item()):
            break
        if known is None and scans:
            raise n.error("AICC-1005", "the condition of a loop with scan outputs must be a constant.")
        out = n.importer.subgraph(body, [n.const(np.int64(i)), condition, *carried])
        following, values = out[0], out[1 : 1 + count]
        if known is None:
            values = [_chosen(n, condition, new, old) for new, old in zip(values, carried, strict=True)]
            following = _chosen(n, condition, following, n.const(np.bool_(False)))
        carried, condition = values, following
        for rows, value in zip(scans, out[1 + count :], strict=True):
            rows.append(n.build(Unsqueeze, value, axes=[0]))
    results = [_joined(n, rows, 0, o) for rows, o in zip(scans, body.output[1 + count :], strict=True)]
    return [*carried, *results]


def _rounds(n: Node) -> int:
    """At most so many. Raises ImportError_ AICC-1005, AICC-1003."""
    if n.input(0) is None:
        limit = MOST_ROUNDS + 1
        if n.constant(1) is None and n.input(1) is not None:
            raise n.error("AICC-1005", "the number of rounds of a loop must be a constant.")
        return limit
    known = n.constant(0)
    if known is None:
        raise n.error("AICC-1005", "the number of rounds of a loop must be a constant.")
    return _limited(n, int(known.item()))


def _limited(n: Node, rounds: int) -> int:
    if rounds > MOST_ROUNDS:
        raise n.error("AICC-1003", f"a loop of {rounds} rounds is not supported (at most {MOST_ROUNDS}).")
    return rounds


def _joined(n: Node, rows: Sequence[Any], axis: int, output: onnx.ValueInfoProto) -> Any:
    """The rounds' rows along `axis`; of no rounds, an empty tensor of the type that the body declares."""
    if rows:
        return rows[0] if len(rows) == 1 else n.build(Concat, *rows, dim=axis)
    declared = output.type.tensor_type
    shape = [d.dim_value for d in declared.shape.dim]
    dtype = dtype_of(declared.elem_type, f"output '{output.name}' of the body of {n.title}")
    return n.const(np.zeros([*shape[:axis], 0, *shape[axis:]], dtype.numpy))


@onnx_op("Scan")
def scan(n: Node) -> Any:
    """Opset 8 scans each entry of a batch by itself."""
    if n.opset >= 9:
        return _scan(n, [n.required(i) for i in range(len(n.inputs))])
    if n.input(0) is not None:
        raise n.error("AICC-1005", "input 'sequence_lens' is not supported.")
    values = [n.required(i) for i in range(1, len(n.inputs))]
    batch = n.info(values[0]).shape[0]
    if not isinstance(batch, int):
        raise n.error("AICC-1005", "the batch of Scan must have a static size.")
    rows = [_scan(n, [_at(n, v, 0, b) for v in values]) for b in range(_limited(n, batch))]
    columns = [[n.build(Unsqueeze, r[k], axes=[0]) for r in rows] for k in range(len(rows[0]))]
    return [c[0] if len(c) == 1 else n.build(Concat, *c, dim=0) for c in columns]


def _scan(n: Node, values: list[Any]) -> list[Any]:
    body: onnx.GraphProto = n.required_attr("body")
    count = n.required_attr("num_scan_inputs")
    states, inputs = values[: len(values) - count], values[len(values) - count :]
    outputs = len(body.output) - len(states)
    axes = [
        axis_of(n, a, n.info(v).rank)
        for a, v in zip(n.attr("scan_input_axes", [0] * count), inputs, strict=True)
    ]
    reverse_in = n.attr("scan_input_directions", n.attr("directions", [0] * count))
    reverse_out = n.attr("scan_output_directions", [0] * outputs)
    length = n.info(inputs[0]).shape[axes[0]]
    if not isinstance(length, int):
        raise n.error("AICC-1005", "the length of Scan must be static.")
    rows: list[list[Any]] = [[] for _ in range(outputs)]
    for t in range(_limited(n, length)):
        slices = [
            _at(n, v, axis, length - 1 - t if reverse else t)
            for v, axis, reverse in zip(inputs, axes, reverse_in, strict=True)
        ]
        out = n.importer.subgraph(body, [*states, *slices])
        states = out[: len(states)]
        for kept, value in zip(rows, out[len(states) :], strict=True):
            kept.append(value)
    results = []
    given = n.attr("scan_output_axes", [0] * outputs)
    for k, kept in enumerate(rows):
        rank = n.info(kept[0]).rank if kept else len(body.output[len(states) + k].type.tensor_type.shape.dim)
        axis = axis_of(n, given[k], rank + 1)
        kept = [n.build(Unsqueeze, v, axes=[axis]) for v in (reversed(kept) if reverse_out[k] else kept)]
        results.append(_joined(n, kept, axis, body.output[len(states) + k]))
    return [*states, *results]


def _at(n: Node, value: Any, axis: int, position: int) -> Any:
    """Entry `position` along `axis`, which goes."""
    row = n.build(Slice, value, n.ints([position]), n.ints([position + 1]), axes=[axis])
    return n.build(Squeeze, row, axes=[axis])
