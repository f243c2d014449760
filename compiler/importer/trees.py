"""TreeEnsemble: all rows go down all trees at once, a level per round.

Nodes and leaves become tables; a row's place in a tree is an index into them, and leaves lead to themselves.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from aicc.dialects.types import DType
from aicc.importer.compose import Compose, static_shape
from aicc.importer.ml import DOMAIN, transformed
from aicc.importer.node import Node
from aicc.importer.registry import onnx_op

_COMPARISONS = ("less_equal", "less", "greater_equal", "greater", "equal", "not_equal", "member")
_AGGREGATES = {1: "reduce_sum", 2: "reduce_min", 3: "reduce_max"}


@dataclass
class Forest:
    """Tables over nodes and then leaves: `modes` index `_COMPARISONS`; `members` are the sets of mode 6."""

    features: Any
    splits: Any
    modes: Any
    yes: Any
    no: Any
    missing: Any
    members: Any
    weights: Any
    targets: Any
    roots: Any
    depth: int


@onnx_op("TreeEnsemble", domain=DOMAIN)
def tree_ensemble(n: Node) -> Any:
    c, x = Compose(n), n.required(0)
    static_shape(n, x, "the input")
    forest = _forest(n)
    dtype = n.info(x).dtype
    rows, trees = n.info(x).shape[0], len(forest.roots)
    assert isinstance(rows, int)
    place = c.constant(np.broadcast_to(forest.roots, (rows, trees)).copy())
    for _ in range(forest.depth):
        place = _descend(c, x, forest, place, dtype)
    weights = c("gather", n.const(forest.weights, dtype), place, axis=0)
    targets = c("gather", c.constant(forest.targets), place, axis=0)
    return transformed(n, _aggregated(n, weights, targets, dtype), n.attr("post_transform", 0))


def _descend(c: Compose, x: Any, f: Forest, place: Any, dtype: DType) -> Any:
    """Each row's next place in each tree."""
    value = c("gather_elements", x, c("gather", c.constant(f.features), place, axis=0), axis=1)
    split = c("gather", c.n.const(f.splits, dtype), place, axis=0)
    mode = c("gather", c.constant(f.modes), place, axis=0)
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
    for number in sorted({int(m) for m in f.modes}):
        test = tests[number]()
        if holds is None:
            holds = test
        else:
            holds = c("where", c("equal", mode, c.constant(np.int64(number))), test, holds)
    if f.missing.any():
        tracks = c("gather", c.constant(f.missing), place, axis=0)
        holds = c("or", holds, c("and", tracks, c("is_nan", value)))
    yes, no = (c("gather", c.constant(t), place, axis=0) for t in (f.yes, f.no))
    return c("where", holds, yes, no)


def _is_member(c: Compose, f: Forest, place: Any, value: Any, dtype: DType) -> Any:
    """Sets are rows of one length, filled up with NaN, which equals nothing."""
    sets = c("gather", c.n.const(f.members, dtype), place, axis=0)
    hits = c("equal", c.unsqueeze(value, 2), sets)
    return c("reduce_max", hits, axes=[2], keepdims=False)


def _aggregated(n: Node, weights: Any, targets: Any, dtype: DType) -> Any:
    """Of each row, the leaves' weights by target: `[rows, targets]`."""
    c = Compose(n)
    function, count = n.attr("aggregate_function", 1), n.required_attr("n_targets")
    hits = c("equal", c.unsqueeze(targets, 2), c.constant(np.arange(count)))
    neutral = {2: np.inf, 3: -np.inf}.get(function, 0.0)
    spread = c("where", hits, c.unsqueeze(weights, 2), n.const(neutral, dtype))
    if function in _AGGREGATES:
        return c(_AGGREGATES[function], spread, axes=[1], keepdims=False)
    if function != 0:
        raise n.error("AICC-1006", f"attribute 'aggregate_function' is {function}.")
    return c(
        "div", c("reduce_sum", spread, axes=[1], keepdims=False), float(len(n.required_attr("tree_roots")))
    )


def _forest(n: Node) -> Forest:
    features = np.asarray(n.required_attr("nodes_featureids"), np.int64)
    nodes = len(features)
    modes = np.asarray(n.required_attr("nodes_modes")).astype(np.int64)
    weights = np.asarray(n.required_attr("leaf_weights"), np.float64)
    leaves = len(weights)
    itself = nodes + np.arange(leaves)

    def following(side: str) -> Any:
        ids = np.asarray(n.required_attr(f"nodes_{side}nodeids"), np.int64)
        is_leaf = np.asarray(n.required_attr(f"nodes_{side}leafs"), np.int64) != 0
        return np.concatenate([np.where(is_leaf, ids + nodes, ids), itself])

    def padded(values: Any, dtype: Any) -> Any:
        return np.concatenate([np.asarray(values, dtype), np.zeros(leaves, dtype)])

    yes, no = following("true"), following("false")
    roots = np.asarray(n.required_attr("tree_roots"), np.int64)
    missing = n.attr("nodes_missing_value_tracks_true") or [0] * nodes
    return Forest(
        padded(features, np.int64),
        padded(n.required_attr("nodes_splits"), np.float64),
        padded(modes, np.int64),
        yes,
        no,
        padded(missing, np.bool_),
        _members(n, modes, leaves),
        np.concatenate([np.zeros(nodes), weights]),
        np.concatenate([np.zeros(nodes, np.int64), np.asarray(n.required_attr("leaf_targetids"), np.int64)]),
        roots,
        _depth(n, yes, no, roots, nodes),
    )


def _members(n: Node, modes: Any, leaves: int) -> Any:
    """The sets of the nodes of mode 6, which are listed one after the other with NaN between them."""
    sets: list[list[float]] = [[]]
    for value in np.asarray(n.attr("membership_values", np.zeros(0)), np.float64):
        if np.isnan(value):
            sets.append([])
        else:
            sets[-1].append(float(value))
    width = max(1, *(len(s) for s in sets))
    out = np.full((len(modes) + leaves, width), np.nan)
    for number, node in enumerate(np.flatnonzero(modes == 6)):
        if number >= len(sets):
            raise n.error("AICC-1006", "attribute 'membership_values' has too few sets.")
        out[node, : len(sets[number])] = sets[number]
    return out


def _depth(n: Node, yes: Any, no: Any, roots: Any, nodes: int) -> int:
    """Rounds until every row is at a leaf. Raises ImportError_ AICC-1006 for a circle."""
    level, depth = {int(r) for r in roots}, 0
    while any(p < nodes for p in level):
        level = {int(t[p]) for p in level for t in (yes, no)}
        depth += 1
        if depth > nodes + 1:
            raise n.error("AICC-1006", "the nodes of a tree form a circle.")
    return depth
