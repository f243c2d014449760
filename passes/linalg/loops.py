"""Loop nests over scalars, for what no generic can say."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from aicc.bindings import ir, scf
from aicc.passes.linalg.builder import Builder

Body = Callable[[Sequence[Any], Sequence[Any]], Sequence[Any]]
"""`body(indices, carried)` returns what is carried on."""


def loop(
    b: Builder, extent: Any, carried: Sequence[Any], body: Callable[[Any, Sequence[Any]], Sequence[Any]]
) -> list[Any]:
    """`for i in range(extent): carried = body(i, carried)`; returns what is carried in the end."""
    op = scf.ForOp(b.index(0), extent, b.index(1), list(carried))
    with ir.InsertionPoint(op.body):
        scf.YieldOp(list(body(op.induction_variable, list(op.inner_iter_args))))
    return list(op.results)


def loop_nest(b: Builder, extents: Sequence[Any], carried: Sequence[Any], body: Body) -> list[Any]:
    """Nested loops, the first extent outermost."""

    def level(outer: list[Any], values: Sequence[Any]) -> list[Any]:
        if len(outer) == len(extents):
            return list(body(outer, values))
        return loop(b, extents[len(outer)], values, lambda i, inner: level([*outer, i], inner))

    return level([], carried)
