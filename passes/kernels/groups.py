"""Which ops become one kernel: a root with its epilogue, rows, chains of elementwise ops."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from aicc.bindings import ir
from aicc.passes.kernels.attention import attention_groups, merge
from aicc.passes.kernels.graph import BlockGraph
from aicc.passes.kernels.ir_tools import (
    body_of,
    inits,
    inputs,
    is_contraction,
    is_generic,
    is_parallel,
    is_projection,
    iterators,
    maps,
    n_inputs,
    nested_ops,
)
from aicc.passes.kernels.shape_keys import shape_key
from aicc.passes.schedules.cpu.recurrent.reader import is_recurrence

MOST_OPS = 128
"""Of one kernel: schedules walk a kernel's ops by recursion, and time to compile grows faster than their number."""
LONE_ROOTS = {"tensor.pad", "linalg.pack"}


def form_groups(graph: BlockGraph, accepts: Callable[[list[Any]], bool] | None = None) -> list[int]:
    """Merges ops of `graph` into kernels; returns the nodes that are kernels.

    Attentions that `accepts(ops)` takes are kernels as a whole. Roots (contractions, windows) take the elementwise
    ops after them; rows take elementwise ops and further reductions over the same rows, before and after; what
    is left elementwise forms chains.
    """
    kernels: list[int] = []
    taken: set[int] = set()

    def claim(node: int) -> None:
        kernels.append(node)
        taken.update(graph.members[node])

    if accepts is not None:
        for members in attention_groups(graph, accepts):
            claim(merge(graph, members))
    kinds = [kind_of(op) for op in graph.ops]
    for i, kind in enumerate(kinds):
        if kind == "root" and i not in taken:
            _absorb(graph, i, _EpilogueRule(graph.ops[i]), taken, backward=False)
            claim(i)
    for i, kind in enumerate(kinds):
        if kind == "row" and i not in taken:
            _absorb(graph, i, _RowRule(graph.ops[i]), taken, backward=True)
            claim(graph.node[i])
    for i, kind in enumerate(kinds):
        if kind == "pointwise" and i not in taken:
            _absorb(graph, i, _ChainRule(graph.ops[i]), taken, backward=True)
            claim(graph.node[i])
    for i, kind in enumerate(kinds):
        if kind == "lone" and i not in taken:
            claim(i)
    return kernels


def kind_of(op: Any) -> str:
    """root, row, pointwise, lone (a kernel by itself), or host."""
    if is_generic(op):
        if is_parallel(op):
            return "pointwise"
        return "row" if row_space(op) is not None else "root"
    if op.name in LONE_ROOTS or (op.name == "scf.for" and is_kernel_loop(op)):
        return "lone"
    if op.name == "linalg.fill":
        return "lone" if not _is_init_only(op) else "host"
    return "host"


def _is_init_only(fill: Any) -> bool:
    """A fill that only initializes reductions is made again inside each kernel."""
    for use in fill.results[0].uses:
        user = use.owner.operation
        if not is_generic(user) or use.operand_number < n_inputs(user):
            return False
    return True


def is_kernel_loop(op: Any) -> bool:
    """A loop nest over scalars and tensor elements, its temporaries included, or a recurrent layer's over time;
    another one that holds linalg ops is host control flow."""
    return (
        is_recurrence(op)
        or all(
            o.name in ("scf.for", "scf.if", "scf.yield", "tensor.empty", "tensor.extract", "tensor.insert")
            or o.name.startswith(("arith.", "math."))
            for o in nested_ops(op)
        )
        and any(isinstance(r.type, ir.RankedTensorType) for r in op.results)
    )


@dataclass(frozen=True)
class RowSpace:
    """A reduction of full inputs: their sizes, and the dims that are kept, in order."""

    full: tuple[Any, ...]
    kept: tuple[int, ...]

    @property
    def rows(self) -> tuple[Any, ...]:
        return tuple(self.full[i] for i in self.kept)

    @property
    def row_map(self) -> Any:
        """From a position to its row."""
        return ir.AffineMap.get(len(self.full), 0, [ir.AffineExpr.get_dim(i) for i in self.kept])


def row_space(op: Any) -> RowSpace | None:
    """The row space of a reduction along dims of an input that is read in order, else None."""
    its = iterators(op)
    ms = maps(op)
    identity = ir.AffineMap.get_identity(len(its))
    full = next((v for v, m in zip(inputs(op), ms, strict=False) if m == identity), None)
    if full is None:
        return None
    space = RowSpace(shape_key(full), tuple(i for i, kind in enumerate(its) if kind == "parallel"))
    if any(m != space.row_map for m in ms[n_inputs(op) :]):
        return None
    if any(not is_projection(m) for m in ms):
        return None
    if is_contraction(op) and any(m != identity for m in ms[:2]):
        return None
    return space


def _is_simple_body(op: Any) -> bool:
    """Only arithmetic: what any schedule can inline on vectors."""
    return all(
        o.operation.name.startswith(("arith.", "math."))
        or o.operation.name in ("linalg.yield", "linalg.index")
        for o in body_of(op).operations
    )


class _EpilogueRule:
    """Elementwise ops over the root's result, read and written at the same position."""

    def __init__(self, root: Any) -> None:
        self.shape = shape_key(root.results[0])

    def fits(self, op: Any, values: set[Any]) -> bool:
        if not is_parallel(op) or not _is_simple_body(op):
            return False
        if any(shape_key(r) != self.shape for r in op.results) or len(op.results) != 1:
            return False
        return _reads_by(op, values, lambda m: m == ir.AffineMap.get_identity(len(self.shape)))


class _ChainRule(_EpilogueRule):
    """Elementwise ops of one shape."""

    def __init__(self, root: Any) -> None:
        super().__init__(root)
        self.is_gather = not _is_simple_body(root)

    def fits(self, op: Any, values: set[Any]) -> bool:
        return not self.is_gather and super().fits(op, values)


class _RowRule:
    """Ops over the same rows: reductions of them, and elementwise ops on whole rows or on row values."""

    def __init__(self, root: Any) -> None:
        space = row_space(root)
        assert space is not None
        self.space = space

    def fits(self, op: Any, values: set[Any]) -> bool:
        if not is_generic(op) or not _is_simple_body(op) or len(op.results) != 1:
            return False
        s = self.space
        full_map, row_map = ir.AffineMap.get_identity(len(s.full)), s.row_map
        if not is_parallel(op):
            return row_space(op) == s and _reads_by(op, values, lambda m: m in (full_map, row_map))
        shape = shape_key(op.results[0])
        if shape == s.full:
            return _reads_by(op, values, lambda m: m in (full_map, row_map))
        if shape == s.rows:
            return _reads_by(op, values, lambda m: m == ir.AffineMap.get_identity(len(s.kept)))
        return False


def _reads_by(op: Any, values: set[Any], allowed: Any) -> bool:
    """Every operand among `values` is read by an allowed map, and results are written in order."""
    ms = maps(op)
    for v, m in zip(inputs(op), ms, strict=False):
        if v in values and not allowed(m):
            return False
    return not any(v in values for v in inits(op))


def _absorb(graph: BlockGraph, start: int, rule: Any, taken: set[int], backward: bool) -> None:
    """Grows the node of `start` by single ops that fit, until nothing changes or it has as many as a kernel may."""
    node = graph.node[start]
    changed = True
    while changed and len(graph.members[node]) < MOST_OPS:
        changed = False
        members = graph.members[node]
        values = {r for m in members for r in graph.ops[m].results}
        candidates = {s for m in members for s in graph.succs[m]}
        if backward:
            candidates |= {p for m in members for p in _input_definitions(graph, m)}
        for c in sorted(candidates):
            if c in taken or len(graph.members[graph.node[c]]) > 1 or c in members:
                continue
            op = graph.ops[c]
            is_producer = any(r in _operands(graph, members) for r in op.results)
            if not rule.fits(op, values) or graph.would_cycle(node, c):
                continue
            if is_producer and not all(
                _consumer_fits(rule, graph.ops[m], set(op.results)) for m in members if c in graph.preds[m]
            ):
                continue
            graph.merge(node, c)
            changed = True
            break


def _consumer_fits(rule: Any, op: Any, values: set[Any]) -> bool:
    return bool(rule.fits(op, values))


def _operands(graph: BlockGraph, members: list[int]) -> set[Any]:
    return {v for m in members for v in graph.ops[m].operands}


def _input_definitions(graph: BlockGraph, i: int) -> list[int]:
    """Positions of the generics that define the inputs (not the inits) of a generic."""
    op = graph.ops[i]
    if not is_generic(op):
        return []
    found = [graph.definition(v) for v in inputs(op)]
    return [d for d in found if d is not None and is_generic(graph.ops[d])]
