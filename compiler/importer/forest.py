"""The trees of a node of ai.onnx.ml as tables: of all trees' nodes, and of what leaves give each target."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from aicc.importer.node import Node

Array = np.ndarray[Any, np.dtype[Any]]

MODES = ("BRANCH_LEQ", "BRANCH_LT", "BRANCH_GTE", "BRANCH_GT", "BRANCH_EQ", "BRANCH_NEQ", "BRANCH_MEMBER")
MEMBER = 6


@dataclass(frozen=True)
class Forest:
    """Tables over the places of a tree: `modes` index `MODES`; `members` are the sets of `MEMBER`, filled up with
    NaN; `scores` is `[places, targets]`. Leaves lead to themselves."""

    features: Array
    splits: Array
    modes: Array
    yes: Array
    no: Array
    missing: Array
    members: Array
    scores: Array
    roots: Array
    depth: int


def of_leaves(n: Node, unscored: float) -> Forest:
    """TreeEnsemble: nodes and leaves have lists of their own; leaves follow the nodes here."""
    features = np.asarray(n.required_attr("nodes_featureids"), np.int64)
    nodes = len(features)
    modes = np.asarray(n.required_attr("nodes_modes")).astype(np.int64)
    weights = np.asarray(n.required_attr("leaf_weights"), np.float64)
    leaves = len(weights)
    itself = nodes + np.arange(leaves)

    def following(side: str) -> Array:
        ids = np.asarray(n.required_attr(f"nodes_{side}nodeids"), np.int64)
        is_leaf = np.asarray(n.required_attr(f"nodes_{side}leafs"), np.int64) != 0
        return np.concatenate([np.where(is_leaf, ids + nodes, ids), itself])

    def padded(values: Any, dtype: Any) -> Array:
        return np.concatenate([np.asarray(values, dtype), np.zeros(leaves, dtype)])

    yes, no = following("true"), following("false")
    roots = np.asarray(n.required_attr("tree_roots"), np.int64)
    scores = np.full((nodes + leaves, n.required_attr("n_targets")), unscored)
    scores[itself, np.asarray(n.required_attr("leaf_targetids"), np.int64)] = weights
    return Forest(
        features=padded(features, np.int64),
        splits=padded(n.required_attr("nodes_splits"), np.float64),
        modes=padded(modes, np.int64),
        yes=yes,
        no=no,
        missing=padded(n.attr("nodes_missing_value_tracks_true") or [0] * nodes, np.bool_),
        members=_members(n, modes, leaves),
        scores=scores,
        roots=roots,
        depth=_depth(n, yes, no, roots),
    )


def of_nodes(n: Node, what: str, targets: int, unscored: float) -> Forest:
    """TreeEnsembleClassifier and -Regressor: leaves are nodes; `what` is "class" or "target", which they weigh.

    A node is named by its tree and a number in it. Raises ImportError_ AICC-1006.
    """
    trees, numbers = n.required_attr("nodes_treeids"), n.required_attr("nodes_nodeids")
    place = {name: i for i, name in enumerate(zip(trees, numbers, strict=True))}
    names = n.required_attr("nodes_modes")
    leaf = np.asarray([m == "LEAF" for m in names])
    if unknown := sorted(set(names) - {*MODES[:MEMBER], "LEAF"}):
        raise n.error("AICC-1006", f"attribute 'nodes_modes' holds '{unknown[0]}'.")
    count = len(place)

    def following(side: str) -> Array:
        ids = n.required_attr(f"nodes_{side}nodeids")
        try:
            found = [i if leaf[i] else place[tree, ids[i]] for i, tree in enumerate(trees)]
        except KeyError as error:
            raise n.error("AICC-1006", f"tree and node {error} do not exist.") from None
        return np.asarray(found, np.int64)

    yes, no = following("true"), following("false")
    followers = set(np.concatenate([yes[~leaf], no[~leaf]]).tolist())
    first: dict[int, int] = {}
    for i, tree in enumerate(trees):
        if i not in followers:
            first.setdefault(tree, i)
    roots = np.asarray(list(first.values()), np.int64)
    scores = np.full((count, targets), unscored)
    owners = zip(n.required_attr(f"{what}_treeids"), n.required_attr(f"{what}_nodeids"), strict=True)
    ids = n.required_attr(f"{what}_ids")
    for owner, target, weight in zip(owners, ids, _floats(n, f"{what}_weights"), strict=True):
        if owner not in place or not 0 <= target < targets:
            raise n.error("AICC-1006", f"a weight belongs to tree and node {owner} and {what} {target}.")
        at = place[owner], target
        scores[at] = weight if scores[at] == unscored else scores[at] + weight
    missing = n.attr("nodes_missing_value_tracks_true") or [0] * count
    return Forest(
        features=np.asarray(n.required_attr("nodes_featureids"), np.int64),
        splits=_floats(n, "nodes_values"),
        modes=np.asarray([0 if m == "LEAF" else MODES.index(m) for m in names], np.int64),
        yes=yes,
        no=no,
        missing=np.asarray(missing, np.bool_),
        members=np.full((count, 1), np.nan),
        scores=scores,
        roots=roots,
        depth=_depth(n, yes, no, roots),
    )


def _floats(n: Node, name: str) -> Array:
    """An attribute of floats, or since version 3 a tensor."""
    values = n.attr(f"{name}_as_tensor")
    return np.asarray(n.required_attr(name) if values is None else values, np.float64)


def _members(n: Node, modes: Array, leaves: int) -> Array:
    """The sets of the nodes of mode 6, which are listed one after the other with NaN between them."""
    sets: list[list[float]] = [[]]
    for value in np.asarray(n.attr("membership_values", np.zeros(0)), np.float64):
        if np.isnan(value):
            sets.append([])
        else:
            sets[-1].append(float(value))
    width = max(1, *(len(s) for s in sets))
    out = np.full((len(modes) + leaves, width), np.nan)
    for number, node in enumerate(np.flatnonzero(modes == MEMBER)):
        if number >= len(sets):
            raise n.error("AICC-1006", "attribute 'membership_values' has too few sets.")
        out[node, : len(sets[number])] = sets[number]
    return out


def _depth(n: Node, yes: Array, no: Array, roots: Sequence[int] | Array) -> int:
    """Rounds until every row is at a leaf. Raises ImportError_ AICC-1006 for a circle."""
    level, depth = {int(r) for r in roots}, 0
    while inner := {p for p in level if yes[p] != p}:
        level = {int(t[p]) for p in inner for t in (yes, no)}
        depth += 1
        if depth > len(yes):
            raise n.error("AICC-1006", "the nodes of a tree form a circle.")
    return depth
