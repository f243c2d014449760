"""What a channels-last layout means to each op: which values follow it, and how attributes change.

A *rule* rebuilds an op for operands whose channels are last. `perm` takes a tensor of the op's rank from
channels second (NCHW) to channels last (NHWC): `(0, 2, 3, 1)`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from aicc.bindings import ir
from aicc.dialects.activation import ACTIVATIONS
from aicc.dialects.elementwise import BINARY, UNARY
from aicc.dialects.op import OPS
from aicc.dialects.reduction import REDUCTIONS
from aicc.passes.graph.facts import kind
from aicc.passes.graph.rewrite import Rewriter
from aicc.passes.graph.simplify_movement import constant_shape

Perm = tuple[int, ...]


def to_last(rank: int) -> Perm:
    """NCHW to NHWC, for any number of spatial dims."""
    return (0, *range(2, rank), 1)


def to_second(rank: int) -> Perm:
    """NHWC to NCHW."""
    return (0, rank - 1, *range(1, rank - 1))


@dataclass(frozen=True)
class Follower:
    """How an op follows the layout.

    `data`: operands that are tensors in the layout (None: all of them). `rebuild(rw, op, operands, perm)`
    gives operands and attributes of the new op. `fits(rw, op)`: whether the op can follow at all.
    `result_in_layout`: whether results have channels last too, or are the same in both layouts.
    """

    data: tuple[int, ...] | None
    rebuild: Callable[[Rewriter, Any, list[Any], Perm], tuple[list[Any], dict[str, Any]]]
    fits: Callable[[Rewriter, Any], bool] = lambda rw, op: True
    result_in_layout: Callable[[Rewriter, Any], bool] = lambda rw, op: True
    preferred: bool = False
    """Whether the op runs faster with channels last."""
    required: bool = False
    """Whether the op must have channels last: what the layout is for."""


def _unchanged(rw: Rewriter, op: Any, operands: list[Any], perm: Perm) -> tuple[list[Any], dict[str, Any]]:
    return operands, rw.attrs(op)


def _axis(rw: Rewriter, op: Any, operands: list[Any], perm: Perm) -> tuple[list[Any], dict[str, Any]]:
    attrs = rw.attrs(op)
    axis = attrs["axis"]
    return operands, {**attrs, "axis": perm.index(axis % len(perm))}


def _dim(rw: Rewriter, op: Any, operands: list[Any], perm: Perm) -> tuple[list[Any], dict[str, Any]]:
    return operands, {"dim": perm.index(rw.attrs(op)["dim"] % len(perm))}


def _axes(rw: Rewriter, op: Any, operands: list[Any], perm: Perm) -> tuple[list[Any], dict[str, Any]]:
    attrs = rw.attrs(op)
    return operands, {**attrs, "axes": tuple(sorted(perm.index(a) for a in attrs["axes"]))}


def _unsorted_axes(
    rw: Rewriter, op: Any, operands: list[Any], perm: Perm
) -> tuple[list[Any], dict[str, Any]]:
    attrs = rw.attrs(op)
    return operands, {**attrs, "axes": tuple(perm.index(a) for a in attrs["axes"])}


def _layout(rw: Rewriter, op: Any, operands: list[Any], perm: Perm) -> tuple[list[Any], dict[str, Any]]:
    return operands, {**rw.attrs(op), "layout": "NHWC"}


def _conv(rw: Rewriter, op: Any, operands: list[Any], perm: Perm) -> tuple[list[Any], dict[str, Any]]:
    x, w, *rest = operands
    attrs = {**rw.attrs(op), "layout": "NHWC"}
    if rw.is_weight(w) and attrs["kernel_layout"] == "OIHW":
        rank = len(perm)
        w = rw.build("transpose", w, perm=(*range(2, rank), 1, 0))
        attrs["kernel_layout"] = "HWIO"
    return [x, w, *rest], attrs


def _per_dim(index: int) -> Callable[[Rewriter, Any, list[Any], Perm], tuple[list[Any], dict[str, Any]]]:
    """For ops with a constant operand that has an element per dim."""

    def rebuild(rw: Rewriter, op: Any, operands: list[Any], perm: Perm) -> tuple[list[Any], dict[str, Any]]:
        known = rw.constant(operands[index])
        assert known is not None
        rank = len(perm)
        padded = np.concatenate([np.ones(rank - known.size, known.dtype), known])
        out = list(operands)
        out[index] = rw.const(padded[list(perm)])
        return out, rw.attrs(op)

    return rebuild


def _reshape(rw: Rewriter, op: Any, operands: list[Any], perm: Perm) -> tuple[list[Any], dict[str, Any]]:
    after = rw.shape(op.results[0])
    wanted = [after[i] for i in to_last(len(after))]
    shape = constant_shape([rw.shape(op.operands[0])[i] for i in perm], wanted)
    assert shape is not None
    return [operands[0], rw.const(np.asarray(shape, np.int64))], {"allowzero": False}


def _reshapes_space(rw: Rewriter, op: Any) -> bool:
    """Whether batch and channels stay dims of their own: only spatial dims are split or merged."""
    before, after = rw.shape(op.operands[0]), rw.shape(op.results[0])
    if len(before) < 3 or len(after) < 3 or before[:2] != after[:2] or 0 in (*before, *after):
        return False
    source, wanted = ([s[i] for i in to_last(len(s))] for s in (before, after))
    return constant_shape(source, wanted) is not None


def _known(index: int) -> Callable[[Rewriter, Any], bool]:
    return lambda rw, op: rw.constant(rw.operands(op)[index]) is not None


def _keepdims(rw: Rewriter, op: Any) -> bool:
    return bool(rw.attrs(op)["keepdims"])


def _reduces_in_order(rw: Rewriter, op: Any) -> bool:
    """Whether the result is in the layout, or what is left has the same order in both layouts."""
    attrs = rw.attrs(op)
    if attrs["keepdims"]:
        return True
    axes = attrs["axes"] if "axes" in attrs else (attrs["axis"],)
    kept = [p for p in to_last(rw.rank(op.operands[0])) if p not in axes]
    return kept == sorted(kept)


def _is_nchw(rw: Rewriter, op: Any) -> bool:
    return bool(rw.attrs(op)["layout"] == "NCHW")


def _is_split_nchw(rw: Rewriter, op: Any) -> bool:
    """Without a zero point of the weights, which would have to be laid out as they are."""
    return _is_nchw(rw, op) and rw.operands(op)[3] is None


def _followers() -> dict[str, Follower]:
    table: dict[str, Follower] = {}
    elementwise = Follower(None, _unchanged)
    for name in (*UNARY, *BINARY, *ACTIVATIONS, "pow", "prelu", "where", "cast", "bit_shift"):
        table[name] = elementwise
    for name in ("equal", "less", "less_equal", "is_nan", "is_inf"):
        table[name] = elementwise
    table["clip"] = Follower((0,), _unchanged)
    for name in REDUCTIONS:
        table[name] = Follower((0,), _axes, _reduces_in_order, _keepdims)
    for name in ("arg_max", "arg_min"):
        table[name] = Follower((0,), _axis, _reduces_in_order, _keepdims)
    for name in ("softmax", "log_softmax", "hardmax"):
        table[name] = Follower(None, _axis)
    table["concat"] = Follower(None, _dim)
    table["lrn"] = Follower((0,), _axis, preferred=True)
    table["slice"] = Follower((0,), _unsorted_axes)
    table["pad"] = Follower((0,), _unsorted_axes)
    table["resize"] = Follower((0,), _unsorted_axes, preferred=True)
    table["expand"] = Follower((0,), _per_dim(1), _known(1))
    table["tile"] = Follower((0,), _per_dim(1), _known(1))
    table["reshape"] = Follower((0,), _reshape, _reshapes_space)
    table["conv"] = Follower((0,), _conv, _is_nchw, required=True)
    table["integer_conv"] = Follower((0,), _conv, _is_split_nchw, required=True)
    table["quantize"] = table["dequantize"] = Follower((0,), _axis)
    for name in ("max_pool", "average_pool", "lp_pool", "depth_to_space", "space_to_depth"):
        table[name] = Follower((0,), _layout, _is_nchw, preferred=True)
    return {name: f for name, f in table.items() if name in OPS}


FOLLOWERS = _followers()
"""By op name. An op that is not here keeps channels second."""


def data_operands(rw: Rewriter, op: Any, follower: Follower) -> list[int]:
    """Indices of the operands that must be in the layout: absent ones and scalars are not."""
    operands = rw.operands(op)
    chosen = range(len(operands)) if follower.data is None else follower.data
    return [i for i in chosen if operands[i] is not None and rw.rank(operands[i]) > 0]


def moves_nothing(shape: Sequence[Any], perm: Perm) -> bool:
    """Whether a transpose leaves the elements in order."""
    kept = [p for p in perm if shape[p] != 1]
    return kept == sorted(kept)


def is_layout_change(rw: Rewriter, op: Any) -> str | None:
    """ "last" for a transpose to channels last, "second" for one back, else None."""
    if kind(op) != "transpose" or rw.rank(op.operands[0]) < 3:
        return None
    perm = rw.attrs(op)["perm"]
    rank = len(perm)
    if perm == to_last(rank):
        return "last"
    return "second" if perm == to_second(rank) else None


def owner(value: Any) -> Any | None:
    """The op that makes a value, None for an argument."""
    made = value.owner
    return None if isinstance(made, ir.Block) else made.operation
