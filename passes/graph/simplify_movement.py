"""Simplifications of ops that only move elements or rename a shape.

Squeezes, unsqueezes and reshapes become one op, `reshape`, where the sizes are known well enough to
write the shape as a constant (at most one dynamic size, as -1); neighbouring ones merge.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from aicc.dialects.elementwise import BINARY
from aicc.passes.graph.facts import kind
from aicc.passes.graph.rewrite import Pattern, Rewriter, pattern

_VIEWS = ("reshape", "squeeze", "unsqueeze")


def constant_shape(source: Sequence[Any], wanted: Sequence[Any]) -> list[int] | None:
    """A reshape's operand that turns `source` into `wanted`, None when constants cannot say it.

    One unknown size is -1; others may be 0 where they equal the source's size at the same place.
    """
    out = [d if isinstance(d, int) else None for d in wanted]
    unknown = [i for i, d in enumerate(out) if d is None]
    has_zero = any(d == 0 for d in wanted if isinstance(d, int))
    while len(unknown) > 1 and not has_zero:
        kept = next((i for i in unknown if i < len(source) and source[i] == wanted[i]), None)
        if kept is None:
            return None
        out[kept] = 0
        unknown.remove(kept)
    if len(unknown) > 1 or (unknown and has_zero):
        return None
    return [-1 if d is None else d for d in out]


def build_reshape(rw: Rewriter, value: Any, wanted: Sequence[Any]) -> Any | None:
    """`value` in shape `wanted` by a constant shape, None when constants cannot say it."""
    if tuple(wanted) == rw.shape(value):
        return value
    shape = constant_shape(rw.shape(value), wanted)
    if shape is None:
        return None
    allowzero = any(d == 0 for d in wanted if isinstance(d, int))
    out = rw.build("reshape", value, rw.const(np.asarray(shape, np.int64)), allowzero=allowzero)
    rw.remember_shape(out, wanted)
    return out


@pattern(*_VIEWS, "expand", "tile", "slice", "pad")
def nothing_moves(rw: Rewriter, op: Any) -> bool:
    """An op that moves elements and whose result has the operand's shape is the operand."""
    x = op.operands[0]
    if rw.shape(x) != rw.shape(op.results[0]) or not _keeps_order(rw, op):
        return False
    return rw.replace(op, x)


def _keeps_order(rw: Rewriter, op: Any) -> bool:
    """Whether equal shapes mean equal tensors: not for slices backwards, or pads that crop and add."""
    if kind(op) == "slice":
        steps = rw.operands(op)[3]
        known = rw.ints(steps)
        return steps is None or (known is not None and all(s > 0 for s in known))
    if kind(op) == "pad":
        pads = rw.ints(rw.operands(op)[1])
        return pads is not None and not any(pads)
    return True


@pattern(*_VIEWS)
def merge_views(rw: Rewriter, op: Any) -> bool:
    """`reshape(reshape(x)) --> reshape(x)`, likewise for squeezes and unsqueezes"""
    before = rw.producer(op.operands[0], *_VIEWS)
    if before is None:
        return False
    x = before.operands[0]
    rw.at(op, before)
    merged = build_reshape(rw, x, rw.shape(op.results[0]))
    return merged is not None and rw.replace(op, merged)


@pattern("squeeze", "unsqueeze", "reshape")
def view_by_constant(rw: Rewriter, op: Any) -> bool:
    """`squeeze, unsqueeze, reshape by a computed shape --> reshape` by a constant shape"""
    x = op.operands[0]
    wanted = rw.shape(op.results[0])
    if kind(op) == "reshape" and rw.producer(op.operands[1], "constant") is not None:
        return False
    made = build_reshape(rw, x, wanted)
    return made is not None and rw.replace(op, made)


@pattern("expand")
def expand_before_broadcast(rw: Rewriter, op: Any) -> bool:
    """`f(expand(x), y) --> f(x, y)` when f broadcasts x to the same shape itself"""
    y = op.results[0]
    x = op.operands[0]
    for user in rw.users(y):
        if kind(user) not in BROADCASTING or rw.rank(x) > rw.rank(user.results[0]):
            continue
        others = [v for v in user.operands if v != y]
        shape = rw.shape(user.results[0])
        if others and _broadcast_shape(rw, [x, *others]) == shape:
            for i, v in enumerate(user.operands):
                if v == y:
                    rw.set_operand(user, i, x)
            return True
    return False


BROADCASTING = frozenset(
    (*BINARY, "pow", "prelu", "where", "equal", "less", "less_equal", "and", "or", "xor")
)
"""Ops whose operands broadcast."""


def _broadcast_shape(rw: Rewriter, values: Sequence[Any]) -> tuple[Any, ...] | None:
    """The shape all broadcast to, None unless that is certain."""
    shapes = [rw.shape(v) for v in values]
    rank = max(len(s) for s in shapes)
    out: list[Any] = []
    for i in range(rank):
        sizes = {s[i - rank + len(s)] for s in shapes if i - rank + len(s) >= 0} - {1}
        if len(sizes) > 1:
            return None
        out.append(sizes.pop() if sizes else 1)
    return tuple(out)


@pattern("concat")
def concat_of_concat(rw: Rewriter, op: Any) -> bool:
    """`concat(concat(a, b), c) --> concat(a, b, c)` along one axis; `concat(a) --> a`"""
    dim = rw.attrs(op)["dim"]
    inputs = rw.operands(op)
    if len(inputs) == 1:
        return rw.replace(op, inputs[0])
    flat: list[Any] = []
    for v in inputs:
        inner = rw.inner(v, "concat")
        if inner is not None and rw.attrs(inner)["dim"] == dim:
            flat += rw.operands(inner)
        elif rw.shape(v)[dim] != 0:
            flat.append(v)
    if len(flat) == len(inputs) or not flat:
        return False
    return rw.replace(op, rw.build("concat", *flat, dim=dim))


@pattern("slice")
def slice_of_concat(rw: Rewriter, op: Any) -> bool:
    """`slice(concat(a, b)) --> a` when the slice is exactly one operand"""
    source = rw.producer(op.operands[0], "concat")
    attrs = rw.attrs(op)
    if source is None or attrs["axes"] != (rw.attrs(source)["dim"],):
        return False
    axis = attrs["axes"][0]
    starts, steps = rw.ints(op.operands[1]), rw.operands(op)[3]
    if starts is None or starts[0] < 0 or (steps is not None and rw.ints(steps) != (1,)):
        return False
    offset: Any = 0
    for v in rw.operands(source):
        size = rw.shape(v)[axis]
        if offset == starts[0] and size == rw.shape(op.results[0])[axis]:
            return rw.replace(op, v)
        offset = offset + size
        if not isinstance(offset, int):
            return False
    return False


@pattern("gather")
def gather_one(rw: Rewriter, op: Any) -> bool:
    """`gather(x, i) --> slice(x, [i : i+1])` for one constant index, squeezed if the index is a scalar"""
    x, indices = op.operands
    axis = rw.attrs(op)["axis"]
    at = rw.ints(indices)
    size = rw.shape(x)[axis]
    if at is None or len(at) != 1 or rw.rank(indices) > 1 or not isinstance(size, int) or rw.is_weight(x):
        return False
    i = at[0] + size if at[0] < 0 else at[0]
    if not 0 <= i < size:
        return False
    bounds = [rw.const(np.asarray([n], np.int64)) for n in (i, i + 1)]
    part = rw.build("slice", x, *bounds, None, axes=(axis,))
    return rw.replace(op, part if rw.rank(indices) else rw.build("squeeze", part, axes=(axis,)))


@pattern("cast", "neg", "abs", "relu", "sigmoid", "tanh", "exp", "sqrt", "erf", "gelu", "silu", "not")
def unary_of_expand(rw: Rewriter, op: Any) -> bool:
    """`f(expand(x)) --> expand(f(x))`: fewer elements to compute"""
    grown = rw.inner(op.operands[0], "expand")
    if grown is None:
        return False
    x, shape = grown.operands
    attrs = rw.attrs(op)
    rw.at(op, grown)
    made = rw.build("expand", rw.build(kind(op), x, **attrs), shape)
    return rw.replace(op, made)


@pattern("reshape")
def shape_operand_type(rw: Rewriter, op: Any) -> bool:
    """A reshape's zeros that only repeat known sizes are written out: `[0, -1] --> [4, -1]`"""
    known = rw.constant(op.operands[1])
    if known is None or rw.attrs(op)["allowzero"]:
        return False
    wanted = rw.shape(op.results[0])
    new = constant_shape(rw.shape(op.operands[0]), wanted)
    if new is None or new == known.tolist() or any(d == 0 for d in wanted if isinstance(d, int)):
        return False
    return rw.replace(
        op, rw.build("reshape", op.operands[0], rw.const(np.asarray(new, np.int64)), allowzero=False)
    )


PATTERNS: tuple[Pattern, ...] = (
    nothing_moves,
    merge_views,
    view_by_constant,
    shape_operand_type,
    expand_before_broadcast,
    unary_of_expand,
    concat_of_concat,
    slice_of_concat,
    gather_one,
)
