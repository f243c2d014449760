"""Runs the convolutional parts of a network with channels last (NHWC).

    %y = aicc.conv %x, %w {layout = "NCHW"}        %t = aicc.transpose %x   (NCHW to NHWC)
    %z = aicc.relu %y                         -->  %y = aicc.conv %t, %w' {layout = "NHWC", kernel_layout = "HWIO"}
    return %z                                      %z = aicc.relu %y
                                                   return (aicc.transpose %z)

Convolutions take channels last. Everything else takes the layout that makes the transposes at the borders
cheapest in bytes: a minimum cut over the ops that can follow either layout (`layout_rules`), between the
convolutions and what needs channels second (graph inputs and outputs, ops with an order of their own). A
value crosses the border once, however many read it; tensors whose transpose moves nothing cross almost for free.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from aicc.passes.base import Pass, PassContext
from aicc.passes.graph.facts import key, kind, module_ops
from aicc.passes.graph.layout_rules import (
    FOLLOWERS,
    Follower,
    data_operands,
    is_layout_change,
    moves_nothing,
    owner,
    to_last,
    to_second,
)
from aicc.passes.graph.minimum_cut import INFINITE, FlowGraph
from aicc.passes.graph.rewrite import Rewriter, pattern
from aicc.passes.graph.simplify_movement import build_reshape, constant_shape

_UNKNOWN_SIZE = 64
"""Elements a dynamic dim is taken to have."""
_LAUNCH = 1024
"""What a transpose costs besides its bytes, in bytes: of equal choices, the one with fewer transposes is better."""


@dataclass(frozen=True)
class AssignLayout(Pass):
    """See the module."""

    pass_name: ClassVar[str] = "assign-layout"

    def run(self, module: Any, ctx: PassContext) -> None:
        rw = Rewriter(module, ctx)
        if not any(kind(op) in ("conv", "integer_conv") for op in module_ops(module)):
            return
        rw.run((channel_shuffle,))
        ops = [op for op in top_level_ops(rw.main) if not len(op.results) or not rw.is_dead(op)]
        followers = {key(op): f for op in ops if (f := _follower(rw, op)) is not None}
        chosen = _choose(rw, ops, followers)
        _Converter(rw, followers).run(ops, chosen)
        rw.erase_dead()
        rw.finish()


def top_level_ops(main: Any) -> list[Any]:
    """The ops of the function's own block."""
    return [view.operation for view in main.regions[0].blocks[0].operations]


@pattern("reshape")
def channel_shuffle(rw: Rewriter, op: Any) -> bool:
    """Shuffled channels, `[N, g, c, …] --> [N, c, g, …]` between reshapes, as the same with channels last

    `x --> transpose (to last), reshape [N, …, g, c], transpose, reshape [N, …, C], transpose (to second)`.
    """
    swap = rw.inner(op.operands[0], "transpose")
    split = None if swap is None else rw.inner(swap.operands[0], "reshape")
    if swap is None or split is None:
        return False
    x, y = split.operands[0], op.results[0]
    shape, parts = rw.shape(x), rw.shape(split.results[0])
    rank = len(shape)
    if (
        rank < 3
        or rw.shape(y) != shape
        or len(parts) != rank + 1
        or parts[0] != shape[0]
        or parts[3:] != shape[2:]
    ):
        return False
    if rw.attrs(swap)["perm"] != (0, 2, 1, *range(3, rank + 1)):
        return False
    last = (shape[0], *shape[2:])
    if constant_shape((*last, shape[1]), (*last, *parts[1:3])) is None:
        return False
    if constant_shape((*last, parts[2], parts[1]), (*last, shape[1])) is None:
        return False
    rw.at(op, swap, split)
    grouped = build_reshape(rw, rw.build("transpose", x, perm=to_last(rank)), (*last, *parts[1:3]))
    shuffled = rw.build("transpose", grouped, perm=(*range(rank - 1), rank, rank - 1))
    merged = build_reshape(rw, shuffled, (*last, shape[1]))
    return rw.replace(op, rw.build("transpose", merged, perm=to_second(rank)))


def _follower(rw: Rewriter, op: Any) -> Follower | None:
    """The op's rule, when it can run with channels last."""
    f = FOLLOWERS.get(kind(op))
    if f is None or _rank(rw, op, f) < 3 or not f.fits(rw, op):
        return None
    return f


def _rank(rw: Rewriter, op: Any, follower: Follower) -> int:
    """The rank of the tensors in the layout."""
    return max((rw.rank(op.operands[i]) for i in data_operands(rw, op, follower)), default=0)


def _cost(rw: Rewriter, value: Any, rank: int) -> int:
    """Bytes moved by transposing a value to or from channels last: none for constants, next to none for reshapes."""
    if rw.is_weight(value):
        return 0
    t = rw.info(value)
    shape = (1,) * (rank - t.rank) + t.shape
    if moves_nothing(shape, to_last(rank)):
        return 1
    count = 1
    for d in shape:
        count *= d if isinstance(d, int) else _UNKNOWN_SIZE
    return _LAUNCH + count * t.dtype.numpy.itemsize


def _choose(rw: Rewriter, ops: list[Any], followers: dict[Any, Follower]) -> set[Any]:
    """The ops (by key) to run with channels last."""
    graph = FlowGraph()
    nodes: dict[Any, int] = {k: graph.node() for k in followers}
    for k, f in followers.items():
        if f.required:
            graph.edge(FlowGraph.SOURCE, nodes[k], INFINITE)
        elif f.preferred:
            graph.edge(FlowGraph.SOURCE, nodes[k], _cost(rw, k, rw.rank(k)) // 2)
    readers: dict[Any, list[tuple[int, int]]] = {}
    for op in ops:
        for value, node, rank in _reads(rw, op, followers, nodes):
            readers.setdefault(value, []).append((node, rank))
    for value, found in readers.items():
        rank = max(r for _, r in found) or rw.rank(value)
        cost = _cost(rw, value, rank) if rank >= 3 else 0
        ends = {node for node, _ in found}
        start = _producer_node(rw, value, followers, nodes)
        if cost == 0 or ends == {start}:
            continue
        there, back = graph.node(), graph.node()
        graph.edge(start, there, cost)
        graph.edge(back, start, cost)
        for end in ends:
            graph.edge(there, end, INFINITE)
            graph.edge(end, back, INFINITE)
    side = graph.source_side()
    return {k for k, node in nodes.items() if node in side}


def _reads(
    rw: Rewriter, op: Any, followers: dict[Any, Follower], nodes: dict[Any, int]
) -> list[tuple[Any, int, int]]:
    """The values an op reads: value, the node that says in which layout, rank of the layout (0: none)."""
    f = followers.get(key(op)) if len(op.results) else None
    if f is None:
        node = FlowGraph.SOURCE if is_layout_change(rw, op) == "last" else FlowGraph.SINK
        return [(v, node, 0) for v in op.operands if str(v.type) != "none"]
    rank = _rank(rw, op, f)
    return [(op.operands[i], nodes[key(op)], rank) for i in data_operands(rw, op, f)]


def _producer_node(rw: Rewriter, value: Any, followers: dict[Any, Follower], nodes: dict[Any, int]) -> int:
    """The node that says in which layout a value is made."""
    op = owner(value)
    if op is None:
        return FlowGraph.SINK
    f = followers.get(key(op))
    if f is None:
        return FlowGraph.SOURCE if is_layout_change(rw, op) == "second" else FlowGraph.SINK
    return nodes[key(op)] if f.result_in_layout(rw, op) else FlowGraph.SINK


class _Converter:
    """Rebuilds chosen ops with channels last, in program order."""

    def __init__(self, rw: Rewriter, followers: dict[Any, Follower]) -> None:
        self.rw = rw
        self.followers = followers
        self._last: dict[Any, Any] = {}

    def run(self, ops: list[Any], chosen: set[Any]) -> None:
        for op in ops:
            if not len(op.results):
                continue
            if key(op) in chosen:
                self._convert(op)
            elif is_layout_change(self.rw, op) == "second":
                self._last[op.results[0]] = op.operands[0]

    def _convert(self, op: Any) -> None:
        rw = self.rw
        f = self.followers[key(op)]
        rank = _rank(rw, op, f)
        rw.at(op)
        operands = rw.operands(op)
        for i in data_operands(rw, op, f):
            operands[i] = self._in_layout(operands[i], rank)
        operands, attrs = f.rebuild(rw, op, operands, to_last(rank))
        out = rw.build(kind(op), *operands, **attrs)
        made = out if isinstance(out, list) else [out]
        if not f.result_in_layout(rw, op):
            rw.replace(op, *made)
            return
        back = [rw.build("transpose", v, perm=to_second(rw.rank(v))) for v in made]
        for old, second, last in zip(op.results, back, made, strict=True):
            rw.remember_shape(second, rw.shape(old))
            self._last[second] = last
        rw.replace(op, *back)

    def _in_layout(self, value: Any, rank: int) -> Any:
        """`value` with channels last; operands of lower rank, which broadcast, get dims of size 1 first."""
        rw = self.rw
        if value in self._last and rw.rank(value) == rank:
            return self._last[value]
        full = value
        if rw.rank(value) < rank:
            shape = (1,) * (rank - rw.rank(value)) + rw.shape(value)
            if all(d == 1 for d in shape):
                return value
            full = build_reshape(rw, value, shape)
            if full is None:
                full = rw.build("unsqueeze", value, axes=tuple(range(rank - rw.rank(value))))
        moved = rw.build("transpose", full, perm=to_last(rank))
        if rw.rank(value) == rank:
            self._last[value] = moved
        return moved
