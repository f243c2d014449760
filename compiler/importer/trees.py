"""Ensembles of trees: all rows go down all trees at once, a level per round.

Nodes and leaves become tables; a row's place in a tree is an index into them, and leaves lead to themselves.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from aicc.dialects.types import DType
from aicc.importer.compose import Compose
from aicc.importer.forest import Forest, of_leaves, of_nodes
from aicc.importer.ml import DOMAIN
from aicc.importer.node import Node
from aicc.importer.registry import onnx_op
from aicc.importer.scores import (
    best,
    chosen,
    class_labels,
    labelled,
    post_transform,
    transformed,
    two_classes,
)

_AGGREGATES = ("AVERAGE", "SUM", "MIN", "MAX")
_UNSCORED = {"MIN": np.inf, "MAX": -np.inf}


@onnx_op("TreeEnsemble", domain=DOMAIN)
def tree_ensemble(n: Node) -> Any:
    how = _AGGREGATES[n.attr("aggregate_function", 1)]
    y = _aggregated(n, of_leaves(n, _UNSCORED.get(how, 0.0)), how)
    return transformed(n, y, post_transform(n))


@onnx_op("TreeEnsembleRegressor", domain=DOMAIN)
def tree_ensemble_regressor(n: Node) -> Any:
    how = n.attr("aggregate_function", "SUM")
    if how not in _AGGREGATES:
        raise n.error("AICC-1006", f"attribute 'aggregate_function' is '{how}'.")
    targets = n.required_attr("n_targets")
    y = _aggregated(n, of_nodes(n, "target", targets, _UNSCORED.get(how, 0.0)), how)
    y = _with_base(n, y, _base(n))
    return Compose(n).cast(transformed(n, y, post_transform(n)), DType.F32)


@onnx_op("TreeEnsembleClassifier", domain=DOMAIN)
def tree_ensemble_classifier(n: Node) -> Any:
    """Of two classes, leaves may weigh one alone: then that says whether it is the second one, by a sum over 0, or
    over one half when no weight is negative. The first class's sums count as the second's."""
    c, labels, how = Compose(n), class_labels(n, "classlabels_int64s"), post_transform(n)
    ids, base = set(n.required_attr("class_ids")), _base(n)
    forest = of_nodes(n, "class", max(len(labels), *(i + 1 for i in ids)), 0.0)
    y = _aggregated(n, forest, "SUM")
    if len(labels) > 2 or len(ids) > 1 or base.size > 1:
        y = c.cast(_with_base(n, y, base), DType.F32)
        return labelled(n, labels, best(c, y)), transformed(n, y, how)
    if len(labels) == 2 and ids == {1}:
        y = c.cast(y, DType.F32)  # the base value is the first class's, which has no score
        decisive = c.slice(y, 1, 1, 2)
    else:
        decisive = y = c.cast(_with_base(n, c.slice(y, 1, 0, 1), base), DType.F32)
    positive = bool((forest.scores >= 0).all())
    index = chosen(c, c("less", n.const(0.5 if positive else 0.0, DType.F32), decisive))
    if len(labels) == 1:
        return labelled(n, np.arange(2), index), transformed(n, y, how)
    y = two_classes(n, y, how, complement=positive) if ids == {0} else transformed(n, y, how)
    return labelled(n, labels, index), y


def _base(n: Node) -> Any:
    base = n.attr("base_values_as_tensor")
    return np.asarray((n.attr("base_values") or []) if base is None else base, np.float64)


def _with_base(n: Node, y: Any, base: Any) -> Any:
    return y if not base.size else Compose(n)("add", y, n.const(base, n.info(y).dtype))


def _aggregated(n: Node, forest: Forest, how: str) -> Any:
    """Of each row, what its leaves give the targets: `[rows, targets]`."""
    c, x = Compose(n), n.required(0)
    dtype = n.info(x).dtype if n.info(x).dtype.is_float else DType.F32
    x = c.cast(x, dtype)
    x = c.reshape(x, 1, -1) if n.info(x).rank == 1 else x
    shape = c.concat([c("shape", x, start=0, end=1), n.ints([len(forest.roots)])], 0)
    place = c("expand", c.constant(forest.roots), shape)
    for _ in range(forest.depth):
        place = _descend(c, x, forest, place, dtype)
    scores = c("gather", n.const(forest.scores, dtype), place, axis=0)
    if how in _UNSCORED:
        y = c("reduce_min" if how == "MIN" else "reduce_max", scores, axes=[1], keepdims=False)
        return c("where", c("is_inf", y), n.const(0.0, dtype), y)
    y = c("reduce_sum", scores, axes=[1], keepdims=False)
    return y if how == "SUM" else c("div", y, float(len(forest.roots)))


def _descend(c: Compose, x: Any, f: Forest, place: Any, dtype: DType) -> Any:
    """Each row's next place in each tree."""

    def at(table: Any) -> Any:
        return c("gather", c.constant(table), place, axis=0)

    value = c("gather_elements", x, at(f.features), axis=1)
    split = c("gather", c.n.const(f.splits, dtype), place, axis=0)
    tests = {
        0: lambda: c("less_equal", value, split),
        1: lambda: c("less", value, split),
        2: lambda: c("less_equal", split, value),
        3: lambda: c("less", split, value),
        4: lambda: c("equal", value, split),
        5: lambda: c("not", c("equal", value, split)),
        6: lambda: _is_member(c, f, place, value, dtype),
    }
    holds: Any = None
    kinds = sorted({int(m) for m, yes, i in zip(f.modes, f.yes, range(len(f.yes)), strict=True) if yes != i})
    mode = at(f.modes) if len(kinds) > 1 else None
    for number in kinds:
        test = tests[number]()
        if holds is None:
            holds = test
        else:
            holds = c("where", c("equal", mode, c.constant(np.int64(number))), test, holds)
    if f.missing.any():
        holds = c("or", holds, c("and", at(f.missing), c("is_nan", value)))
    return c("where", holds, at(f.yes), at(f.no))


def _is_member(c: Compose, f: Forest, place: Any, value: Any, dtype: DType) -> Any:
    """Sets are rows of one length, filled up with NaN, which equals nothing."""
    sets = c("gather", c.n.const(f.members, dtype), place, axis=0)
    hits = c("equal", c.unsqueeze(value, 2), sets)
    return c("reduce_max", hits, axes=[2], keepdims=False)
