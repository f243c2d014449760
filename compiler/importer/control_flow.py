"""If.

A condition that is known picks its branch. Small branches are both computed, and each result is chosen, since no op
has side effects. Others become programs, of which a run computes the one.
"""

from __future__ import annotations

from typing import Any

import onnx

from aicc.dialects.elementwise import Where
from aicc.dialects.programs import Control
from aicc.dialects.symbolic import Dim, DimLike, fresh_dim
from aicc.dialects.types import TensorType
from aicc.importer.compound import OptionalValue, RunTimeSequence, TensorSequence, is_compound
from aicc.importer.node import Node
from aicc.importer.programs import Program, building, call
from aicc.importer.registry import onnx_op
from aicc.importer.run_time_sequences import at_run_time, common, scalar

_SMALL = 6
"""Nodes of a branch that is worth computing in vain."""
_CHEAP = {
    *("Identity", "Constant", "Cast", "Add", "Sub", "Mul", "Div", "Neg", "Abs", "Min", "Max", "Clip", "Relu"),
    *("Where", "Not", "And", "Or", "Equal", "Less", "Greater", "LessOrEqual", "GreaterOrEqual"),
    *("Shape", "Size", "Gather", "Unsqueeze", "Squeeze", "Reshape", "Concat", "Flatten"),
}


@onnx_op("If", limits="by a condition of the run: outputs of one rank; no optionals")
def if_(n: Node) -> Any:
    branches = [n.required_attr(b) for b in ("then_branch", "else_branch")]
    counts = {len(b.output) for b in branches} | {len(n.outputs)}
    if len(counts) != 1 or any(b.input for b in branches):
        raise n.error("AICC-1005", "both branches have no inputs, and as many outputs as the node.")
    condition = n.constant(0)
    if condition is not None:
        return n.importer.subgraph(branches[0 if bool(condition.item()) else 1], [])
    n.importer.undecided += 1
    try:
        return _of_a_run(n, branches)
    finally:
        n.importer.undecided -= 1


def _of_a_run(n: Node, branches: list[onnx.GraphProto]) -> list[Any]:
    """Branches that a run chooses from."""
    if all(_is_small(b) for b in branches):
        sides = [n.importer.subgraph(b, []) for b in branches]
        pairs = list(zip(*sides, strict=True))
        if all(_is_choice(n, a, b) for a, b in pairs):
            return [_chosen(n, n.required(0), a, b) for a, b in pairs]
    return _branch(n, branches)


def _is_small(graph: onnx.GraphProto) -> bool:
    """Whether a branch costs next to nothing."""
    return len(graph.node) <= _SMALL and all(not n.domain and n.op_type in _CHEAP for n in graph.node)


def _is_choice(n: Node, a: Any, b: Any) -> bool:
    """Whether two results are alike, so that a run can choose between them element by element."""
    if is_compound(a) or is_compound(b):
        return a is b
    first, second = n.info(a), n.info(b)
    return first.shape == second.shape and first.dtype is second.dtype


def _chosen(n: Node, condition: Any, a: Any, b: Any) -> Any:
    """`condition ? a : b` of two tensors of one shape."""
    return a if a is b else n.build(Where, scalar(n, condition), a, b)


def _branch(n: Node, graphs: list[onnx.GraphProto]) -> list[Any]:
    """A call of the one program or of the other."""
    name = f"if_{next(n.importer.numbers)}"
    programs: list[Program] = []
    outputs: list[list[Any]] = []
    sequences: list[dict[int, RunTimeSequence]] = []
    for kind, graph in zip(("then", "else"), graphs, strict=True):
        program = Program(n.importer, f"{name}_{kind}")
        if programs:
            program.take_like(programs[0])
        with building(n.importer, program):
            found = [_result(n, k, v) for k, v in enumerate(n.importer.subgraph(graph, []))]
        sequences.append({k: v for k, v in enumerate(found) if isinstance(v, RunTimeSequence)})
        outputs.append([v.number if isinstance(v, RunTimeSequence) else v for v in found])
        program.finish(outputs[-1], [o.name for o in graph.output])
        programs.append(program)
    programs[0].take_like(programs[1])
    programs[0].seal([n.info(v) for v in outputs[0]], [o.name for o in graphs[0].output])
    operands = [scalar(n, n.required(0)), *programs[1].captured]
    results = [
        _either(n, k, [n.info(v) for v in values], programs)
        for k, values in enumerate(zip(*outputs, strict=True))
    ]
    dims = tuple(tuple(size_of(n, d, operands) for d in t.shape) for t in results)
    control = Control("if", tuple(p.name for p in programs), dims)
    values = call(n.importer, name, operands, results, control)
    if sequences[0].keys() != sequences[1].keys():
        raise n.error("AICC-1004", "an output is a tensor in one branch and a sequence in the other.")
    for k, first in sequences[0].items():
        values[k] = RunTimeSequence(values[k], common(n, first.element, sequences[1][k].element))
    return values


def _result(n: Node, k: int, value: Any) -> Any:
    """A tensor, or a sequence of the run. Raises ImportError_ AICC-1005."""
    if value is None or isinstance(value, OptionalValue):
        raise n.error(
            "AICC-1005", f"output {k} is an optional: the condition of such an If must be a constant."
        )
    return at_run_time(n, value) if isinstance(value, (TensorSequence, RunTimeSequence)) else value


def _either(n: Node, k: int, found: list[TensorType], programs: list[Program]) -> TensorType:
    """The type of a result: what both branches' have in common. Raises ImportError_ AICC-1005, AICC-1004."""
    a, b = found
    if a.rank != b.rank:
        raise n.error(
            "AICC-1005",
            f"the condition must be a constant: output {k} has rank {a.rank} or {b.rank} by it.",
            hint="branches that a run chooses from must give tensors of one rank.",
            notes=[f"then: {a}", f"else: {b}"],
        )
    if a.dtype is not b.dtype:
        raise n.error(
            "AICC-1004", f"output {k} is {a.dtype.mlir} in one branch, {b.dtype.mlir} in the other."
        )
    shape: list[DimLike] = []
    for x, y in zip(a.shape, b.shape, strict=True):
        first, second = programs[0].outer_dim(x), programs[1].outer_dim(y)
        shape.append(first if first is not None and first == second else fresh_dim())
    return TensorType(tuple(shape), a.dtype)


def size_of(n: Node, dim: DimLike, operands: list[Any]) -> int | str:
    """A size of a result as `aicc.result_dims` says it: by an operand that has it, -1 if none has."""
    if not isinstance(dim, Dim):
        return dim
    for k, operand in enumerate(operands):
        shape = n.info(operand).shape
        if dim in shape:
            return f"{k}:{shape.index(dim)}"
    return -1
