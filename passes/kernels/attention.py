"""Attention as one kernel: the two products, and the softmax between them.

%s = generic {mulf, addf} ins(%q, %k)     members of one group, when nothing else
…    scale, mask                          reads the values between them and a
…    softmax                              schedule takes the whole
%y = generic {mulf, addf} ins(%p, %v)
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from aicc.passes.kernels.graph import BlockGraph
from aicc.passes.kernels.ir_tools import (
    body_op_names,
    defining_op,
    inputs,
    is_contraction,
    is_generic,
    is_parallel,
)

# Stages of a softmax, and of scale and mask before it.
_MOST = 12
_SOFTMAX = ("arith.maximumf", "math.exp", "arith.addf")


def is_softmax_of_product(value: Any) -> bool:
    """Whether a value is computed by a softmax, perhaps with stages before it, of a product: that of an attention."""
    names: set[str] = set()
    seen: list[Any] = []
    pending, product = [value], False
    while pending and len(seen) < _MOST:
        op = defining_op(pending.pop())
        if op is None or not is_generic(op) or op in seen:
            continue
        seen.append(op)
        names |= set(body_op_names(op))
        product = product or is_contraction(op)
        if not is_contraction(op):
            pending += inputs(op)
    return product and all(name in names for name in _SOFTMAX)


def attention_groups(graph: BlockGraph, accepts: Callable[[list[Any]], bool]) -> Iterator[list[int]]:
    """Positions of the ops of each attention in `graph` that `accepts(ops)` takes, in order."""
    for i, op in enumerate(graph.ops):
        if is_contraction(op):
            members = _members(graph, i)
            if members and accepts([graph.ops[m] for m in members]):
                yield members


def merge(graph: BlockGraph, members: list[int]) -> int:
    """Makes a group of `members`; returns its node."""
    *others, last = members
    node = graph.node[last]
    # From the last to the first: what a member feeds is in the group before it.
    for i in reversed(others):
        graph.merge(node, i)
    return node


def _members(graph: BlockGraph, last: int) -> list[int]:
    """From the product before the softmax to the one after it; empty when there is none."""
    for value in inputs(graph.ops[last]):
        found: set[int] = set()
        start = graph.definition(value)
        if start is not None and is_parallel(graph.ops[start]) and _collect(graph, start, found):
            names = {name for i in found for name in body_op_names(graph.ops[i])}
            members = {*found, last}
            if not all(name in names for name in _SOFTMAX) or not _private(graph, members, last):
                continue
            members |= _casts(graph, members, "arith.extf")
            after = [i for i in graph.users(last) if body_names(graph, i) == ["arith.truncf"]]
            if len(after) == 1 and graph.users(last) == after:
                members.add(after[0])
            return sorted(members)
    return []


def _collect(graph: BlockGraph, i: int, found: set[int]) -> bool:
    """Adds the stages from op `i` back to a contraction to `found`; false when none is reached."""
    op = graph.ops[i]
    if not is_generic(op) or len(op.results) != 1 or len(found) >= _MOST:
        return False
    if i in found:
        return True
    found.add(i)
    if is_contraction(op):
        return True
    reached = False
    for value in inputs(op):
        producer = graph.definition(value)
        if producer is None:
            continue
        branch = set(found)
        if _collect(graph, producer, branch):
            found |= branch
            reached = True
    return reached


def _private(graph: BlockGraph, members: set[int], last: int) -> bool:
    """Whether only members read what members compute, the last one's result excepted."""
    return all(set(graph.users(i)) <= members for i in members if i != last)


def _casts(graph: BlockGraph, members: set[int], name: str) -> set[int]:
    """Ops that only widen an operand, for members alone."""
    found = set()
    for i in members:
        for value in inputs(graph.ops[i]) if is_contraction(graph.ops[i]) else ():
            d = graph.definition(value)
            if d is None or d in members or body_names(graph, d) != [name]:
                continue
            if set(graph.users(d)) <= members:
                found.add(d)
    return found


def body_names(graph: BlockGraph, i: int) -> list[str]:
    """Names of the ops in the body of op `i`; empty unless it is an elementwise generic."""
    op = graph.ops[i]
    return body_op_names(op) if is_parallel(op) else []
