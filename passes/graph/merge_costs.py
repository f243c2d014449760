"""Which products of one input are worth merging (`merge_matmuls.py`), and for whom.

On a device each product that is no launch of its own saves what a launch takes, and until its first operands are there
and its last results are gone. On CPUs it saves too little to be seen: BERT with 16 tokens and a decoder with one row
take as long, by two threads of a Zen 3.

Elementwise ops that would be the end of a product's own kernel become a launch, as what a run returns and what is
joined becomes a copy.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

from aicc.dialects.activation import ACTIVATIONS
from aicc.dialects.elementwise import BINARY, UNARY
from aicc.passes.graph.facts import key, kind
from aicc.passes.graph.rewrite import Rewriter
from aicc.passes.schedules.cuda.costs import LAUNCH, START, rates
from aicc.target import Target

_LEAST_GAIN = 0.01
"""Of the time of the products: weights are joined when the model is compiled, which takes time and memory there."""
_ROWS = 128
"""Where only a run knows how many there are."""
_ELEMENTWISE = frozenset((*UNARY, *ACTIVATIONS, *BINARY, "clip", "where", "cast"))
_VIEWS = frozenset(("reshape", "squeeze", "unsqueeze", "transpose"))
_MOST_OPS = 16
"""Elementwise ops after a product that are looked at."""


def worth_merging(rw: Rewriter, ops: Sequence[Any], target: Target) -> Sequence[Any]:
    """Of `ops`, products of one input by weights alike, in program order, those to merge; fewer than two: none."""
    if not target.is_device:
        return ()
    own = [op for op in ops if _has_own_weights(rw, op)]
    plain = [op for op in own if not _ends(rw, op) and not _is_copied(rw, op)]
    gain, best = max(((_gain(rw, some, target), some) for some in (own, plain)), key=lambda found: found[0])
    return best if gain > _LEAST_GAIN * _seconds(rw, best, target) else ()


def _has_own_weights(rw: Rewriter, op: Any) -> bool:
    """Whether nobody else reads them: they would stay in memory beside the joined ones."""
    return all(value is None or rw.has_one_use(value) for value in rw.operands(op)[1:])


def _gain(rw: Rewriter, ops: Sequence[Any], target: Target) -> float:
    """Seconds that merging saves."""
    if len(ops) < 2:
        return 0.0
    lost = LAUNCH * sum(_is_copied(rw, op) for op in ops)
    for together in _kernels([(op, _ends(rw, op)) for op in ops]):
        moved = 2 * sum(_result_bytes(rw, op) for op in together)
        lost += LAUNCH + moved / rates(target).bandwidth
    return (len(ops) - 1) * (LAUNCH + START) - lost


def _ends(rw: Rewriter, op: Any) -> frozenset[Any]:
    """The elementwise ops that follow a product, a bias excepted, position by position: they end its kernel."""
    shape = rw.shape(op.results[0])
    found: set[Any] = set()
    pending = [user for user in rw.users(op.results[0]) if not _is_bias(rw, user)]
    pending += [
        u for user in rw.users(op.results[0]) if _is_bias(rw, user) for u in rw.users(user.results[0])
    ]
    while pending and len(found) < _MOST_OPS:
        user = pending.pop()
        if kind(user) in _ELEMENTWISE and key(user) not in found and rw.shape(user.results[0]) == shape:
            found.add(key(user))
            pending += rw.users(user.results[0])
    return frozenset(found)


def _kernels(ends: Sequence[tuple[Any, frozenset[Any]]]) -> list[list[Any]]:
    """Products by the elementwise kernels that would follow the merged one: those that share an op share one."""
    kernels: list[tuple[list[Any], frozenset[Any]]] = []
    for op, found in ends:
        if not found:
            continue
        same = [k for k in kernels if k[1] & found]
        kernels = [k for k in kernels if not k[1] & found]
        kernels.append(([*(o for k in same for o in k[0]), op], found.union(*(k[1] for k in same))))
    return [members for members, _ in kernels]


def _is_copied(rw: Rewriter, op: Any) -> bool:
    """Whether a product's result, a bias added, is to lie in a place that others decide about."""
    pending = list(rw.users(op.results[0]))
    while pending:
        user = pending.pop()
        if user.name == "func.return" or kind(user) == "concat":
            return True
        if kind(user) in _VIEWS or _is_bias(rw, user):
            pending += rw.users(user.results[0])
    return False


def _is_bias(rw: Rewriter, op: Any) -> bool:
    return kind(op) == "add" and any(rw.is_weight(value) and rw.rank(value) == 1 for value in op.operands)


def _rows(rw: Rewriter, op: Any) -> int:
    return prod(d if isinstance(d, int) else _ROWS for d in rw.shape(op.results[0])[:-1])


def _result_bytes(rw: Rewriter, op: Any) -> float:
    result = op.results[0]
    return _rows(rw, op) * int(rw.shape(result)[-1]) * rw.dtype(result).bits / 8


def _seconds(rw: Rewriter, ops: Sequence[Any], target: Target) -> float:
    """Of the products, at the peak of what they need most."""
    speed, total = rates(target), 0.0
    for op in ops:
        x, *weights = rw.operands(op)
        present = [value for value in weights if value is not None]
        read = sum(prod(rw.shape(value)) * rw.dtype(value).bits / 8 for value in present)
        depth, columns = rw.shape(x)[-1], rw.shape(op.results[0])[-1]
        flops = 2.0 * _rows(rw, op) * (depth if isinstance(depth, int) else _ROWS) * columns
        peak = speed.tensor_flops if rw.dtype(x).bits == 16 else speed.flops
        total += max(read / speed.bandwidth, flops / peak)
    return total
