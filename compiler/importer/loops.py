"""Loop and Scan.

A short loop whose number of rounds is known is unrolled, and so is one of sequences, or one that only makes sense
then, since its carried values change rank. Any other becomes a program that a run calls round by round; a size of a
carried value that a round changes is one that only the run knows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx

from aicc.dialects import OPS
from aicc.dialects.movement import Concat, Slice, Transpose
from aicc.dialects.programs import Control
from aicc.dialects.shape import Reshape, Squeeze, Unsqueeze
from aicc.dialects.symbolic import Dim, DimLike, fresh_dim, has_elements
from aicc.dialects.types import DType, TensorType
from aicc.importer.compound import Element, OptionalValue, RunTimeSequence, TensorSequence, is_compound
from aicc.importer.control_flow import size_of
from aicc.importer.element_types import dtype_of
from aicc.importer.movement import axis_of
from aicc.importer.node import Node
from aicc.importer.programs import Program, building, call
from aicc.importer.registry import onnx_op
from aicc.importer.run_time_sequences import at_run_time, common, scalar

MOST_ROUNDS = 1024
"""Loops of more rounds are never unrolled."""
UNROLLED_NODES = 256
"""A loop is unrolled when its body's nodes, as often as it runs, are no more."""
_FOREVER = 2**63 - 1

Body = Callable[[list[Any]], list[Any]]
"""From (round, condition, carried values) to (condition, carried values, rows)."""


@onnx_op(
    "Loop",
    limits="of rounds that only the run knows: carried values keep their rank; optionals are never empty",
)
def loop(n: Node) -> Any:
    graph: onnx.GraphProto = n.required_attr("body")
    carried = [n.anything(2 + i) for i in range(len(n.inputs) - 2)]
    _check_body(n, graph, 2 + len(carried), 1 + len(carried))
    scans = [_declared(n, o) for o in graph.output[1 + len(carried) :]]

    def body(values: list[Any]) -> list[Any]:
        return n.importer.subgraph(graph, values)

    limit = n.constant(0)
    rounds = _FOREVER if n.input(0) is None else None if limit is None else int(limit.item())
    condition = n.const(np.bool_(True)) if n.input(1) is None else n.required(1)
    sequences = any(isinstance(v, TensorSequence) for v in carried)
    if rounds is not None and (_is_short(graph, rounds) or (sequences and rounds <= MOST_ROUNDS)):
        unrolled = _unrolled(n, body, rounds, condition, carried, scans)
        if unrolled is not None:
            return unrolled
    trip = n.const(np.int64(_FOREVER)) if n.input(0) is None else scalar(n, n.required(0))
    reason = _obstacle(n, carried)
    if reason is None:
        names = [o.name for o in graph.output]
        optional = {k for k, v in enumerate(carried) if isinstance(v, OptionalValue)}
        bare = [v.value if isinstance(v, OptionalValue) else v for v in carried]
        typed = [_typed(n, v, i) for v, i in zip(bare, graph.input[2:], strict=True)]
        rounds_of = Rounds(
            n, lambda values: _bare(body(_wrapped(values, 2, optional)), optional), names, scans
        )
        found = rounds_of.run(trip, scalar(n, condition), typed)
        if isinstance(found, list):
            return _wrapped(found, 0, optional)
        reason = found
    if rounds is not None and rounds <= MOST_ROUNDS:
        unrolled = _unrolled(n, body, rounds, condition, carried, scans)
        if unrolled is not None:
            return unrolled
    raise n.error(
        "AICC-1005",
        f"{reason}: the number of rounds of such a loop must be a constant, of at most {MOST_ROUNDS}.",
    )


def _check_body(n: Node, graph: onnx.GraphProto, inputs: int, fewest: int) -> None:
    """Raises ImportError_ AICC-1005 when a body has not so many inputs, or fewer outputs."""
    if len(graph.input) != inputs or len(graph.output) < fewest:
        raise n.error(
            "AICC-1005",
            f"the body has {len(graph.input)} inputs and {len(graph.output)} outputs; "
            f"expected were {inputs} inputs, and {fewest} outputs or more.",
        )


def _is_short(graph: onnx.GraphProto, rounds: int) -> bool:
    return rounds <= 1 or rounds * _count(graph) <= UNROLLED_NODES


def _count(graph: onnx.GraphProto) -> int:
    """Nodes of a graph and of those in it."""
    return sum(
        1 + sum(_count(g) for a in node.attribute for g in (*a.graphs, *([a.g] if a.HasField("g") else [])))
        for node in graph.node
    )


def _declared(n: Node, output: onnx.ValueInfoProto) -> TensorType | None:
    """The type that a body declares of its rows; None where it declares none."""
    declared = output.type.tensor_type
    if not declared.elem_type or not declared.HasField("shape"):
        return None
    what = f"output '{output.name}' of the body of {n.title}"
    shape = tuple(d.dim_value if d.HasField("dim_value") else 0 for d in declared.shape.dim)
    return TensorType(shape, dtype_of(declared.elem_type, what))


def _obstacle(n: Node, carried: Sequence[Any]) -> str | None:
    """Why values cannot be carried by a run."""
    for k, value in enumerate(carried):
        if value is None or (isinstance(value, OptionalValue) and value.value is None):
            return f"carried value {k} is an empty optional"
    return None


def _wrapped(values: Sequence[Any], first: int, optional: set[int]) -> list[Any]:
    """`values`, of which the carried ones begin at `first`, with optionals of what they hold."""
    return [OptionalValue(v) if k - first in optional else v for k, v in enumerate(values)]


def _bare(out: list[Any], optional: set[int]) -> list[Any]:
    """What a round gives, with what is in its optionals; None for an empty one."""
    return [v.value if k - 1 in optional and isinstance(v, OptionalValue) else v for k, v in enumerate(out)]


def _typed(n: Node, value: Any, declared: onnx.ValueInfoProto) -> Any:
    """A carried value; of an empty sequence the body says what it is to hold."""
    if not isinstance(value, TensorSequence) or value.items or not declared.type.HasField("sequence_type"):
        return value
    held = declared.type.sequence_type.elem_type.tensor_type
    if not held.HasField("shape"):
        return value
    shape = tuple(d.dim_value if d.HasField("dim_value") else -1 for d in held.shape.dim)
    dtype = dtype_of(held.elem_type, f"input '{declared.name}' of the body of {n.title}")
    return RunTimeSequence(at_run_time(n, value).number, Element(shape, dtype))


def _unrolled(
    n: Node,
    body: Body,
    rounds: int,
    condition: Any,
    carried: list[Any],
    scans: Sequence[TensorType | None],
) -> list[Any] | None:
    """The results of as many copies of the body; None when a condition turns out to be unknown."""
    rows: list[list[Any]] = [[] for _ in scans]
    for i in range(min(rounds, MOST_ROUNDS + 1)):
        known = n.importer.constant_of(condition)
        if known is None:
            return None
        if not bool(known.item()):
            break
        if i == MOST_ROUNDS:
            raise n.error("AICC-1003", f"a loop of more than {MOST_ROUNDS} rounds is not unrolled.")
        condition, *out = body([n.const(np.int64(i)), condition, *carried])
        carried = out[: len(carried)]
        for found, value in zip(rows, out[len(carried) :], strict=True):
            found.append(n.build(Unsqueeze, value, axes=[0]))
    return [*carried, *(_joined(n, found, t) for found, t in zip(rows, scans, strict=True))]


def _joined(n: Node, rows: Sequence[Any], declared: TensorType | None) -> Any:
    """The rounds' rows; of no rounds, an empty tensor of the type that the body declares."""
    if rows:
        return rows[0] if len(rows) == 1 else n.build(Concat, *rows, dim=0)
    if declared is None:
        raise n.error("AICC-1005", "a loop without rounds has a scan output of no declared type.")
    return n.const(np.zeros((0, *declared.shape), declared.dtype.numpy))


@dataclass
class Rounds:
    """A loop whose body is a program; `names` of the body's outputs, the condition first."""

    n: Node
    body: Body
    names: Sequence[str]
    scans: Sequence[TensorType | None]

    def run(self, trip: Any, condition: Any, carried: list[Any]) -> list[Any] | str:
        """The loop's results, or why it cannot be a program."""
        n = self.n
        name = f"loop_{next(n.importer.numbers)}"
        kinds = (TensorSequence, RunTimeSequence)
        starts = [at_run_time(n, v) if isinstance(v, kinds) else v for v in carried]
        held = {k: v.element for k, v in enumerate(starts) if isinstance(v, RunTimeSequence)}
        starts = [v.number if isinstance(v, RunTimeSequence) else v for v in starts]
        changing: set[tuple[int, int]] = set()
        while True:
            program = Program(n.importer, f"{name}_body")
            arguments = self._inputs(program, starts, changing)
            with building(n.importer, program):
                found = self._round(arguments, held)
            if isinstance(found, str):
                program.discard()
                return found
            out, after = found
            changed = set(self._changes(arguments[2:], out[1 : 1 + len(carried)])) - changing
            if not changed and after == held:
                break
            changing |= changed
            held = after
            program.discard()
        program.finish(out, self.names)
        known = n.importer.constant_of(condition)
        holds = out[0] == arguments[1] or _is_true(n.importer.constant_of(out[0]))
        always = holds and _is_true(known)
        operands = [trip, condition, *starts, *program.captured]
        control, types = self._results(program, operands, arguments[2:], out[1:], always)
        results = call(n.importer, name, operands, types, control)
        return [RunTimeSequence(v, held[k]) if k in held else v for k, v in enumerate(results)]

    def _inputs(self, program: Program, carried: list[Any], changing: set[tuple[int, int]]) -> list[Any]:
        inputs = [
            program.input("round", TensorType((), DType.I64)),
            program.input("condition", TensorType((), DType.BOOL)),
        ]
        for k, value in enumerate(carried):
            t = self.n.info(value)
            shape = [program.fresh_size() if (k, d) in changing else s for d, s in enumerate(t.shape)]
            inputs.append(program.input(f"carried_{k}", TensorType(tuple(shape), t.dtype)))
        return inputs

    def _round(
        self, arguments: list[Any], held: dict[int, Element | None]
    ) -> tuple[list[Any], dict[int, Element | None]] | str:
        """What a round gives, and what its sequences hold then; or why it is no round of a program."""
        n = self.n
        values = [RunTimeSequence(v, held[k - 2]) if k - 2 in held else v for k, v in enumerate(arguments)]
        out = self.body(values)
        out[0] = scalar(n, out[0])
        after: dict[int, Element | None] = {}
        for k, before in held.items():
            if not isinstance(out[1 + k], (TensorSequence, RunTimeSequence)):
                return f"carried value {k} is a sequence, and no longer one after a round"
            found = at_run_time(n, out[1 + k])
            out[1 + k] = found.number
            after[k] = common(n, before, found.element)
        return self._unfit(arguments[2:], out) or (out, after)

    def _unfit(self, arguments: list[Any], out: list[Any]) -> str | None:
        n = self.n
        for k, value in enumerate(out):
            if value is None or is_compound(value):
                return f"output '{self.names[k]}' of the body is no tensor, or an optional that is empty after a round"
        for k, (before, after) in enumerate(zip(arguments, out[1:], strict=False)):
            a, b = n.info(before), n.info(after)
            if a.dtype is not b.dtype:
                raise n.error(
                    "AICC-1004", f"carried value {k} is {a.dtype.mlir}, after a round it is {b.dtype.mlir}."
                )
            if a.rank != b.rank:
                return f"carried value {k} has rank {a.rank}, after a round it has {b.rank}"
        return None

    def _changes(self, before: list[Any], after: list[Any]) -> Iterator[tuple[int, int]]:
        """Sizes that are not the same after a round, by (carried value, dim)."""
        for k, (a, b) in enumerate(zip(before, after, strict=True)):
            for d, (x, y) in enumerate(zip(self.n.info(a).shape, self.n.info(b).shape, strict=True)):
                if x != y:
                    yield k, d

    def _results(
        self, program: Program, operands: list[Any], arguments: list[Any], out: list[Any], always: bool
    ) -> tuple[Control, list[TensorType]]:
        n = self.n
        results: list[TensorType] = []
        dims: list[tuple[int | str, ...]] = []
        for value in out[: len(arguments)]:
            t = n.info(value)
            shape = tuple(_known_or_fresh(program.outer_dim(d)) for d in t.shape)
            results.append(TensorType(shape, t.dtype))
            dims.append(tuple(size_of(n, d, operands) for d in shape))
        count = self._rounds(operands[0]) if always else None
        for value in out[len(arguments) :]:
            t = n.info(value)
            row = tuple(_known_or_fresh(program.outer_dim(d)) for d in t.shape)
            results.append(TensorType((_known_or_fresh(count), *row), t.dtype))
            first: int | str = -1 if count is None else count if isinstance(count, int) else "0"
            dims.append((first, *(size_of(n, d, operands) for d in row)))
        control = Control("loop", (program.name,), tuple(dims), len(arguments), always)
        return control, results

    def _rounds(self, trip: Any) -> DimLike | None:
        """How many rounds a loop has that nothing ends early; None when only the run knows."""
        known = self.n.info(trip).value
        if known is None:
            return None
        count = np.asarray(known, dtype=object).reshape(-1)[0]
        if isinstance(count, Dim):
            return None if has_elements(count) else count
        return max(int(count), 0) if count < _FOREVER else None


def _known_or_fresh(dim: DimLike | None) -> DimLike:
    return fresh_dim() if dim is None else dim


def _is_true(known: Any) -> bool:
    return known is not None and bool(known.item())


# ---- Scan --------------------------------------------------------------------------------------


@onnx_op("Scan", limits="opset 8: a static batch")
def scan(n: Node) -> Any:
    """Opset 8 scans each entry of a batch by itself."""
    if n.opset >= 9:
        return _scan(n, [n.required(i) for i in range(len(n.inputs))])
    values = [n.required(i) for i in range(1, len(n.inputs))]
    batch = n.info(values[0]).shape[0]
    if not isinstance(batch, int) or batch > MOST_ROUNDS:
        raise n.error("AICC-1005", "the batch of Scan must have a static size.")
    entries = [n.const(np.int64(b)) for b in range(batch)]
    lengths = [None if n.input(0) is None else _at(n, n.required(0), 0, b) for b in entries]
    rows = [_scan(n, [_at(n, v, 0, b) for v in values], s) for b, s in zip(entries, lengths, strict=True)]
    columns = [[n.build(Unsqueeze, r[k], axes=[0]) for r in rows] for k in range(len(rows[0]))]
    return [c[0] if len(c) == 1 else n.build(Concat, *c, dim=0) for c in columns]


def _scan(n: Node, values: list[Any], only: Any | None = None) -> list[Any]:
    """A loop over the entries of the scan inputs, whose rows are put where and in the order they belong.

    There are `only` so many entries, a scalar; behind the rows of these are zeros.
    """
    graph: onnx.GraphProto = n.required_attr("body")
    count = n.required_attr("num_scan_inputs")
    if not 1 <= count <= len(values):
        raise n.error("AICC-1006", f"attribute 'num_scan_inputs' is {count}, of {len(values)} inputs.")
    _check_body(n, graph, len(values), len(values) - count)
    for name, entries in (
        ("scan_input_axes", count),
        ("scan_input_directions", count),
        ("directions", count),
        ("scan_output_axes", len(graph.output) - len(values) + count),
        ("scan_output_directions", len(graph.output) - len(values) + count),
    ):
        given = n.attr(name)
        if given is not None and len(given) != entries:
            raise n.error("AICC-1006", f"attribute '{name}' has {len(given)} entries, expected {entries}.")
    states, inputs = values[: len(values) - count], values[len(values) - count :]
    outputs = graph.output[len(states) :]
    axes = [
        axis_of(n, a, n.info(v).rank)
        for a, v in zip(n.attr("scan_input_axes", [0] * count), inputs, strict=True)
    ]
    reverse_in = n.attr("scan_input_directions", n.attr("directions", [0] * count))
    reverse_out = n.attr("scan_output_directions", [0] * len(outputs))
    out_axes = n.attr("scan_output_axes", [0] * len(outputs))
    true = n.const(np.bool_(True))
    size = n.build(OPS["shape"], inputs[0], start=axes[0], end=axes[0] + 1)
    size = whole = scalar(n, size)
    if only is not None:
        size = only if n.info(only).dtype is DType.I64 else n.build(OPS["cast"], only, to=DType.I64)
    last = n.build(OPS["sub"], size, n.const(np.int64(1)))
    length: DimLike | None = n.info(inputs[0]).shape[axes[0]]
    if only is not None:
        known = n.importer.constant_of(size)
        if known is not None and isinstance(length, int) and not 0 <= int(known) <= length:
            raise n.error(
                "AICC-1005", f"a sequence of {int(known)} entries is impossible: there are {length}."
            )
        length = None if known is None else int(known)
    level = len(n.importer.programs)

    def body(carried: list[Any]) -> list[Any]:
        position, condition, *before = carried
        slices = []
        for value, axis, reverse in zip(inputs, axes, reverse_in, strict=True):
            at = n.build(OPS["sub"], n.importer.inner(last, level), position) if reverse else position
            slices.append(_at(n, n.importer.inner(value, level), axis, at))
        return [condition, *n.importer.subgraph(graph, [*before, *slices])]

    scans = [_declared(n, o) for o in outputs]
    found: list[Any] | str | None = None
    if isinstance(length, int) and _is_short(graph, length):
        found = _unrolled(n, body, length, true, states, scans)
    if found is None:
        names = ["condition", *(o.name for o in graph.output)]
        found = Rounds(n, body, names, scans).run(size, true, states)
    if isinstance(found, str):
        raise n.error("AICC-1005", f"{found}.")
    if only is not None:
        found[len(states) :] = [_filled(n, value, size, whole) for value in found[len(states) :]]
    rows = [
        _placed(n, value, axis, bool(reverse))
        for value, axis, reverse in zip(found[len(states) :], out_axes, reverse_out, strict=True)
    ]
    return [*found[: len(states)], *rows]


def _filled(n: Node, rows: Any, size: Any, whole: Any) -> Any:
    """`size` rows, and zeros up to `whole` of them; ends the run when there are more."""
    zero = n.const(np.int64(0))
    missing = n.build(OPS["max"], n.build(OPS["sub"], whole, size), zero)
    pads = n.build(Concat, n.ints([0]), n.build(Reshape, missing, n.ints([1])), dim=0)
    padded = n.build(OPS["pad"], rows, pads, None, mode="constant", axes=[0])
    shape = [n.build(Reshape, whole, n.ints([1]))]
    if n.info(rows).rank > 1:
        shape.append(n.build(OPS["shape"], rows, start=1, end=n.info(rows).rank))
    return n.build(Reshape, padded, n.build(Concat, *shape, dim=0) if len(shape) > 1 else shape[0])


def _placed(n: Node, rows: Any, axis: int, reverse: bool) -> Any:
    """Rows stacked along dim 0, stacked along `axis` instead, perhaps the last first."""
    rank = n.info(rows).rank
    if reverse:
        rows = n.build(Slice, rows, n.ints([-1]), n.ints([-_FOREVER]), n.ints([-1]), axes=[0])
    axis = axis_of(n, axis, rank)
    order = [*range(1, axis + 1), 0, *range(axis + 1, rank)]
    return rows if axis == 0 else n.build(Transpose, rows, perm=order)


def _at(n: Node, value: Any, axis: int, position: Any) -> Any:
    """Entry `position`, a scalar, along `axis`, which goes."""
    known = n.importer.constant_of(position)
    if known is None:
        return n.build(OPS["gather"], value, position, axis=axis)
    start = int(known.item())
    row = n.build(Slice, value, n.ints([start]), n.ints([start + 1]), axes=[axis])
    return n.build(Squeeze, row, axes=[axis])
