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

    f is any tree of elementwise ops without other users; its leaves are transposes by the same p, constants
    and scalars.
    """
    perm = rw.attrs(op)["perm"]
    root = op.operands[0]
    found = _inner_perms(rw, root, len(perm), _TREE_DEPTH)
    if rw.producer(root, "transpose") is not None or found is None or len(found) != 1:
        return False
    merged = compose(perm, found.pop())

    def rebuild(value: Any) -> Any:
        t = rw.producer(value, "transpose")
        if t is not None:
            return _transposed(rw, t.operands[0], merged)
        if rw.rank(value) == 0:
            return value
        if rw.is_weight(value):
            return _transposed(rw, value, perm)
        f = rw.producer(value)
        operands = rw.operands(f)
        for i in _data(rw, f):
            operands[i] = rebuild(operands[i])
        return rw.at(op, f).build(kind(f), *operands, **rw.attrs(f))

    return rw.replace(op, rebuild(root))


_TREE_DEPTH = 12


def _inner_perms(rw: Rewriter, value: Any, rank: int, depth: int) -> set[Perm] | None:
    """The permutations at the leaves of an elementwise tree, None when another leaf stands in the way."""
    t = rw.producer(value, "transpose")
    if t is not None:
        return {rw.attrs(t)["perm"]}
    if rw.rank(value) == 0:
        return set()
    if rw.is_weight(value):
        return set() if rw.rank(value) == rank else None
    f = rw.inner(value, *_ELEMENTWISE)
    if f is None or depth == 0:
        return None
    out: set[Perm] = set()
    for i in _data(rw, f):
        found = _inner_perms(rw, f.operands[i], rank, depth - 1)
        if found is None:
            return None
        out |= found
    return out


def _data(rw: Rewriter, f: Any) -> list[int]:
    """The operands of an elementwise op that are tensors: not bounds."""
    return [0] if kind(f) == "clip" else [i for i, v in enumerate(rw.operands(f)) if v is not None]


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
