"""Transposes that cancel, merge, vanish into a matmul, or move to where they cost less."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from aicc.dialects.activation import ACTIVATIONS
from aicc.dialects.elementwise import UNARY
from aicc.passes.graph.facts import kind
from aicc.passes.graph.rewrite import Pattern, Rewriter, pattern
from aicc.passes.graph.simplify_movement import BROADCASTING, build_reshape

Perm = tuple[int, ...]


def compose(outer: Perm, inner: Perm) -> Perm:
    """The permutation of `transpose(transpose(x, inner), outer)`."""
    return tuple(inner[p] for p in outer)


def inverse(perm: Perm) -> Perm:
    """The permutation that undoes `perm`."""
    return tuple(perm.index(i) for i in range(len(perm)))


def moves_nothing(shape: Sequence[Any], perm: Perm) -> bool:
    """Whether only dims of size 1 change places, so that the elements stay in order."""
    kept = [p for p in perm if shape[p] != 1]
    return kept == sorted(kept)


@pattern("transpose")
def identity(rw: Rewriter, op: Any) -> bool:
    """`transpose(x, [0, 1, 2]) --> x`; one that moves dims of size 1 only is a reshape"""
    x = op.operands[0]
    perm = rw.attrs(op)["perm"]
    if perm == tuple(range(len(perm))):
        return rw.replace(op, x)
    if not moves_nothing(rw.shape(x), perm):
        return False
    made = build_reshape(rw, x, rw.shape(op.results[0]))
    return made is not None and rw.replace(op, made)


@pattern("transpose")
def transpose_of_transpose(rw: Rewriter, op: Any) -> bool:
    """`transpose(transpose(x, p), q) --> transpose(x, p∘q)`"""
    before = rw.producer(op.operands[0], "transpose")
    if before is None:
        return False
    perm = compose(rw.attrs(op)["perm"], rw.attrs(before)["perm"])
    rw.at(op, before)
    x = before.operands[0]
    return rw.replace(op, _transposed(rw, x, perm))


@pattern("matmul")
def into_matmul(rw: Rewriter, op: Any) -> bool:
    """`matmul(transpose(a), b) --> matmul(a, b) {trans_a}` when a's last two dims are exchanged"""
    attrs = rw.attrs(op)
    operands = list(op.operands)
    merged = []
    for i, flag in enumerate(("trans_a", "trans_b")):
        t = rw.producer(operands[i], "transpose")
        if t is None:
            continue
        perm = rw.attrs(t)["perm"]
        n = len(perm)
        if perm == (*range(n - 2), n - 1, n - 2):
            operands[i] = t.operands[0]
            attrs[flag] = not attrs[flag]
            merged.append(t)
    if not merged:
        return False
    rw.at(op, *merged)
    return rw.replace(op, rw.build("matmul", *operands, **attrs))


@pattern("transpose")
def through_elementwise(rw: Rewriter, op: Any) -> bool:
    """`transpose(f(transpose(x, p), y), q) --> f(transpose(x, p∘q), transpose(y, q))`: one transpose less

    y is a constant, a scalar, or transposed by p as well.
    """
    perm = rw.attrs(op)["perm"]
    f = rw.inner(op.operands[0], *_ELEMENTWISE)
    if f is None:
        return False
    operands = rw.operands(f)
    data = [
        i
        for i, v in enumerate(operands)
        if v is not None and rw.rank(v) > 0 and (i == 0 or kind(f) != "clip")
    ]
    found = {i: rw.producer(operands[i], "transpose") for i in data}
    before = {rw.attrs(t)["perm"] for t in found.values() if t is not None}
    if len(before) != 1:
        return False
    if any(
        found[i] is None and (not rw.is_weight(operands[i]) or rw.rank(operands[i]) != len(perm))
        for i in data
    ):
        return False
    merged = compose(perm, before.pop())
    rw.at(op, f)
    for i in data:
        t = found[i]
        operands[i] = (
            _transposed(rw, operands[i], perm) if t is None else _transposed(rw, t.operands[0], merged)
        )
    return rw.replace(op, rw.build(kind(f), *operands, **rw.attrs(f)))


_ELEMENTWISE = frozenset((*UNARY, *ACTIVATIONS, *BROADCASTING, "clip", "cast"))


def _transposed(rw: Rewriter, value: Any, perm: Perm) -> Any:
    return value if perm == tuple(range(len(perm))) else rw.build("transpose", value, perm=perm)


@pattern("transpose")
def through_softmax(rw: Rewriter, op: Any) -> bool:
    """`transpose(softmax(transpose(x, p)), q) --> softmax(transpose(x, p∘q))` along the axis where it went"""
    perm = rw.attrs(op)["perm"]
    f = rw.inner(op.operands[0], "softmax", "log_softmax", "hardmax")
    t = None if f is None else rw.producer(f.operands[0], "transpose")
    if f is None or t is None:
        return False
    rw.at(op, f, t)
    x = _transposed(rw, t.operands[0], compose(perm, rw.attrs(t)["perm"]))
    return rw.replace(op, rw.build(kind(f), x, axis=perm.index(rw.attrs(f)["axis"])))


@pattern(
    "reduce_sum", "reduce_mean", "reduce_max", "reduce_min", "reduce_prod", "reduce_l1", "reduce_l2",
    "reduce_sum_square", "reduce_log_sum", "reduce_log_sum_exp",
)  # fmt: skip
def out_of_reduction(rw: Rewriter, op: Any) -> bool:
    """`reduce(transpose(x)) --> transpose(reduce(x))`: fewer elements to move"""
    t = rw.inner(op.operands[0], "transpose")
    if t is None:
        return False
    attrs = rw.attrs(op)
    perm = rw.attrs(t)["perm"]
    axes = tuple(sorted(perm[a] for a in attrs["axes"]))
    rw.at(op, t)
    reduced = rw.build(kind(op), t.operands[0], axes=axes, keepdims=attrs["keepdims"])
    if not attrs["keepdims"]:
        kept = [p for p in perm if p not in axes]
        perm = tuple(sorted(kept).index(p) for p in kept)
    return rw.replace(op, _transposed(rw, reduced, perm))


@pattern("transpose")
def across_reshape(rw: Rewriter, op: Any) -> bool:
    """`transpose(reshape(transpose(x))) --> transpose(reshape(x))`

    when the reshape splits and merges dims that are neighbours in x already.
    """
    view = rw.inner(op.operands[0], "reshape")
    first = None if view is None else rw.producer(view.operands[0], "transpose")
    if view is None or first is None:
        return False
    x = first.operands[0]
    moved = move_across(rw.shape(view.operands[0]), rw.shape(view.results[0]), rw.attrs(first)["perm"])
    if moved is None:
        return False
    shape, after = moved
    rw.at(op, view, first)
    reshaped = build_reshape(rw, x, shape)
    if reshaped is None:
        return False
    perm = compose(rw.attrs(op)["perm"], after)
    return rw.replace(op, _transposed(rw, reshaped, perm))


def move_across(
    before: Sequence[Any], after: Sequence[Any], perm: Perm
) -> tuple[tuple[Any, ...], Perm] | None:
    """`reshape(transpose(x, perm), after)` as `transpose(reshape(x, s), q)`: (s, q), or None.

    `before` is the shape of `transpose(x, perm)`.
    """
    groups = dim_groups(before, after)
    if groups is None:
        return None
    pieces = []  # (first dim in x, dims of the result)
    for sources, targets in groups:
        origins = [perm[i] for i in sources]
        if origins != list(range(origins[0], origins[0] + len(origins))):
            return None
        pieces.append((origins[0], targets))
    order = [t for _, targets in sorted(pieces) for t in targets]
    return tuple(after[t] for t in order), tuple(order.index(i) for i in range(len(after)))


def dim_groups(before: Sequence[Any], after: Sequence[Any]) -> list[tuple[list[int], list[int]]] | None:
    """Smallest runs of dims with equal products: which dims of a reshape became which; None when unclear."""
    groups: list[tuple[list[int], list[int]]] = []
    i = j = 0
    while i < len(before) or j < len(after):
        sources, targets = [], []
        left: Any = 1
        right: Any = 1
        if i < len(before):
            left, i = left * before[i], i + 1
            sources.append(i - 1)
        if j < len(after):
            right, j = right * after[j], j + 1
            targets.append(j - 1)
        while left != right:
            smaller_left = _below(left, right)
            if smaller_left is None:
                return None
            if smaller_left:
                if i == len(before):
                    return None
                left, i = left * before[i], i + 1
                sources.append(i - 1)
            else:
                if j == len(after):
                    return None
                right, j = right * after[j], j + 1
                targets.append(j - 1)
        if not sources:  # trailing dims of size 1: they belong to the group before
            if not groups:
                return None
            groups[-1][1].extend(targets)
        elif not targets:
            if not groups:
                return None
            groups[-1][0].extend(sources)
        else:
            groups.append((sources, targets))
    return groups


def _below(left: Any, right: Any) -> bool | None:
    """Whether the left product is the one to grow, None when sizes cannot be compared."""
    if isinstance(left, int) and isinstance(right, int):
        return left < right if left and right else None
    if isinstance(left, int) != isinstance(right, int):
        return isinstance(left, int)
    from aicc.dialects.symbolic import floordiv

    for a, b, answer in ((right, left, True), (left, right, False)):
        q = floordiv(a, b)
        if isinstance(q, int) or "floordiv" not in str(q):
            return answer
    return None


PATTERNS: tuple[Pattern, ...] = (
    identity,
    transpose_of_transpose,
    into_matmul,
    out_of_reduction,
    through_elementwise,
    through_softmax,
    across_reshape,
)
