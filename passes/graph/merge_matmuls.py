"""Merges products of one input by several weights, as attention has them for queries, keys and values.

    %q = aicc.matmul %x, %wq                     %w = aicc.weight "wq ++ wk ++ wv"
    %k = aicc.matmul %x, %wk           -->       %y = aicc.matmul %x, %w
    %v = aicc.matmul %x, %wv                     %q, %k, %v = slices of %y

The same of packed weights, which have the columns' scales and zero points beside them. Constant biases go along; where
some have one, that of the others is 0.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from aicc.passes.base import Pass, PassContext
from aicc.passes.graph.facts import kind, module_ops
from aicc.passes.graph.merge_costs import worth_merging
from aicc.passes.graph.rewrite import Rewriter


@dataclass(frozen=True)
class MergeMatmuls(Pass):
    """Where `merge_costs.py` predicts that to be faster on the target; `always`: wherever it is right.

    before --> after
      aicc.matmul(%x, %wq), aicc.matmul(%x, %wk)                --> slices of aicc.matmul(%x, aicc.concat(%wq, %wk))
      aicc.packed_matmul(%x, %w, %s), aicc.packed_matmul(%x, …) --> slices of aicc.packed_matmul(%x, concats of each)
    """

    pass_name: ClassVar[str] = "merge-matmuls"
    always: bool = False

    def run(self, module: Any, ctx: PassContext) -> None:
        rw = Rewriter(module, ctx)
        groups: dict[Any, list[Any]] = {}
        for op in module_ops(module):
            if kind(op) in _COLUMNS and _is_mergeable(rw, op):
                groups.setdefault(_alike(rw, op), []).append(op)
        for ops in groups.values():
            chosen = ops if self.always else worth_merging(rw, ops, ctx.target)
            if len(chosen) > 1:
                _merge(rw, chosen)
        rw.erase_dead()
        rw.finish()


# Of each operand after the input, counted from the last dim: along which one its columns are.
_COLUMNS = {"matmul": (1,), "packed_matmul": (1, 1, 1)}


def _columns(rw: Rewriter, op: Any) -> list[int | None]:
    """Of each operand after the input, the dim of its columns; None for an absent one."""
    places = (2,) if rw.attrs(op).get("trans_b") else _COLUMNS[kind(op)]
    return [
        None if value is None else rw.rank(value) - place
        for value, place in zip(rw.operands(op)[1:], places, strict=True)
    ]


def _is_mergeable(rw: Rewriter, op: Any) -> bool:
    """Whether it is an input by a weight without batches."""
    x, w, *rest = rw.operands(op)
    if kind(op) == "matmul" and (rw.attrs(op)["trans_a"] or rw.rank(w) != 2 or rw.rank(x) < 2):
        return False
    return not rw.is_weight(x) and all(v is None or rw.is_weight(v) for v in (w, *rest))


def _alike(rw: Rewriter, op: Any) -> Any:
    """What products have in common that can be one: all but the number of columns."""
    x, *others = rw.operands(op)
    stored = [
        None if value is None else (rw.dtype(value), *_without(rw.shape(value), dim or 0))
        for value, dim in zip(others, _columns(rw, op), strict=True)
    ]
    return x, op.block, kind(op), tuple(sorted(rw.attrs(op).items())), tuple(stored)


def _without(shape: Sequence[Any], dim: int) -> tuple[Any, ...]:
    return (*shape[:dim], *shape[dim + 1 :])


def _bias(rw: Rewriter, op: Any) -> tuple[Any, Any] | None:
    """The add of a constant `[columns]` that is the only user, and the constant."""
    y = op.results[0]
    if not rw.has_one_use(y):
        return None
    add = rw.users(y)[0]
    if kind(add) != "add":
        return None
    other = add.operands[1] if add.operands[0] == y else add.operands[0]
    if not rw.is_weight(other) or rw.shape(other) != rw.shape(y)[-1:]:
        return None
    return add, other


def _merge(rw: Rewriter, ops: Sequence[Any]) -> None:
    """Replaces products of one input, in program order, at the place of the first."""
    first, last = ops[0], rw.rank(ops[0].results[0]) - 1
    counts = [int(rw.shape(op.results[0])[last]) for op in ops]
    biases = [_bias(rw, op) for op in ops]
    rw.at(first, *ops[1:])
    operands = [rw.operands(op)[1:] for op in ops]
    merged = [
        None if dim is None else rw.build("concat", *(_again(rw, v[i]) for v in operands), dim=dim)
        for i, dim in enumerate(_columns(rw, first))
    ]
    product = rw.build(kind(first), rw.operands(first)[0], *merged, **rw.attrs(first))
    if any(biases):
        dtype = rw.dtype(product).numpy
        parts = [
            rw.const(np.zeros(count, dtype)) if bias is None else _again(rw, bias[1])
            for bias, count in zip(biases, counts, strict=True)
        ]
        product = rw.build("add", product, rw.build("concat", *parts, dim=0))
    start = 0
    for op, bias, count in zip(ops, biases, counts, strict=True):
        bounds = [rw.const(np.asarray([n], np.int64)) for n in (start, start + count)]
        part = rw.build("slice", product, *bounds, None, axes=(last,))
        rw.replace(op if bias is None else bias[0], part)
        start += count


def _again(rw: Rewriter, weight: Any) -> Any:
    """A weight read once more, before the first product: where it is read now may come after that."""
    op = rw.producer(weight, "weight")
    if op is None:
        return rw.const(rw.constant(weight))
    return rw.build("weight", **rw.attrs(op))
