"""Merges matmuls of one input by several weights, as attention has them for queries, keys and values.

    %q = aicc.matmul %x, %wq                     %w = aicc.weight "wq ++ wk ++ wv"
    %k = aicc.matmul %x, %wk           -->       %y = aicc.matmul %x, %w
    %v = aicc.matmul %x, %wv                     %q, %k, %v = slices of %y

Constant biases added to all of them go along. Not part of the default pipeline: it pays where one matmul
alone has too few tiles for all cores.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from aicc.passes.base import Pass, PassContext
from aicc.passes.graph.facts import kind, module_ops
from aicc.passes.graph.rewrite import Rewriter


@dataclass(frozen=True)
class MergeMatmuls(Pass):
    """`max_columns`: matmuls with more columns are left alone."""

    pass_name: ClassVar[str] = "merge-matmuls"
    max_columns: int = 4096

    def run(self, module: Any, ctx: PassContext) -> None:
        rw = Rewriter(module, ctx)
        groups: dict[Any, list[Any]] = {}
        for op in module_ops(module):
            if kind(op) == "matmul" and self._mergeable(rw, op):
                x, w = op.operands
                groups.setdefault((x, rw.shape(w)[0], op.block), []).append(op)
        for ops in groups.values():
            if len(ops) > 1:
                _merge(rw, ops)
        rw.erase_dead()
        rw.finish()

    def _mergeable(self, rw: Rewriter, op: Any) -> bool:
        attrs = rw.attrs(op)
        x, w = op.operands
        if attrs["trans_a"] or attrs["trans_b"] or not rw.is_weight(w) or rw.is_weight(x):
            return False
        return rw.rank(w) == 2 and rw.rank(x) >= 2 and rw.shape(w)[1] <= self.max_columns


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


def _merge(rw: Rewriter, ops: list[Any]) -> None:
    """Replaces matmuls of one input, in program order, at the place of the first."""
    x = ops[0].operands[0]
    biases = [_bias(rw, op) for op in ops]
    with_bias = all(b is not None for b in biases)
    rw.at(ops[0], *ops[1:])
    for op in ops:
        w = op.operands[1].owner.operation
        w.move_before(ops[0])
        if with_bias:
            b = biases[ops.index(op)]
            assert b is not None
            b[1].owner.operation.move_before(ops[0])
    product = rw.build("matmul", x, rw.build("concat", *(op.operands[1] for op in ops), dim=1))
    if with_bias:
        product = rw.build(
            "add", product, rw.build("concat", *(b[1] for b in biases if b is not None), dim=0)
        )
    last = rw.rank(product) - 1
    start = 0
    for op, bias in zip(ops, biases, strict=True):
        end = start + int(rw.shape(op.operands[1])[1])
        bounds = [rw.const(np.asarray([n], np.int64)) for n in (start, end)]
        part = rw.build("slice", product, *bounds, None, axes=(last,))
        rw.replace(bias[0] if with_bias and bias is not None else op, part)
        start = end
