"""ai.onnx.ml: linear models and support vector machines."""

from __future__ import annotations

from typing import Any

import numpy as np

from aicc.dialects.types import DType
from aicc.importer.compose import Compose
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

Array = np.ndarray[Any, np.dtype[Any]]


def _floats(n: Node, name: str) -> Array:
    return np.asarray(n.attr(name) or [], np.float32)


def _affine(n: Node, x: Any, weights: Array, bias: Array) -> Any:
    """`x weightsᵀ + bias`, of the rows of `weights`."""
    c = Compose(n)
    y = c("matmul", x, c.constant(np.ascontiguousarray(weights.T)))
    return c("add", y, c.constant(bias)) if bias.size else y


def _rows(n: Node) -> Any:
    """The input as f32 `[rows, features]`; a vector is one row."""
    c, x = Compose(n), n.required(0)
    x = c.cast(x, DType.F32)
    return c.reshape(x, 1, -1) if n.info(x).rank == 1 else x


@onnx_op("LinearRegressor", domain=DOMAIN)
def linear_regressor(n: Node) -> Any:
    weights = _floats(n, "coefficients").reshape(n.attr("targets", 1), -1)
    return transformed(n, _affine(n, _rows(n), weights, _floats(n, "intercepts")), post_transform(n))


@onnx_op("LinearClassifier", domain=DOMAIN)
def linear_classifier(n: Node) -> Any:
    """One score for two classes is that of the second."""
    c, labels, how = Compose(n), class_labels(n), post_transform(n)
    bias = _floats(n, "intercepts")
    count = bias.size or max(len(labels), 1)
    scores = _affine(n, _rows(n), _floats(n, "coefficients").reshape(count, -1), bias)
    if count > 1:
        return labelled(n, labels, best(c, scores)), transformed(n, scores, how)
    index = chosen(c, c("less", n.const(0.0, DType.F32), scores))
    if len(labels) != 2:
        return labelled(n, labels if len(labels) > 1 else np.arange(2), index), transformed(n, scores, how)
    return labelled(n, labels, index), two_classes(n, scores, how, complement=True)


def _kernel(n: Node, x: Any, vectors: Array) -> Any:
    """K(row, vector), `[rows, vectors]`. Raises ImportError_ AICC-1006 for an unknown kernel."""
    c, kind = Compose(n), n.attr("kernel_type", "LINEAR")
    gamma, offset, degree = [*(n.attr("kernel_params") or []), 0.0, 0.0, 0.0][:3]
    if kind == "RBF":
        difference = c("sub", c.unsqueeze(x, 1), c.constant(vectors))
        return c("exp", c("mul", c("reduce_sum_square", difference, axes=[2], keepdims=False), -gamma))
    product = _affine(n, x, vectors, np.zeros(0))
    if kind == "LINEAR":
        return product
    y = c("add", c("mul", product, gamma), offset)
    if kind == "POLY":
        return c("pow", y, degree)
    if kind == "SIGMOID":
        return c("tanh", y)
    raise n.error("AICC-1006", f"attribute 'kernel_type' is '{kind}'.")


@onnx_op("SVMRegressor", domain=DOMAIN)
def svm_regressor(n: Node) -> Any:
    """Without support vectors the coefficients are those of a linear model."""
    c, x, count = Compose(n), _rows(n), n.attr("n_supports", 0)
    coefficients, rho = _floats(n, "coefficients"), _floats(n, "rho")[:1]
    if count:
        x, vectors = _kernel(n, x, _floats(n, "support_vectors").reshape(count, -1)), coefficients
    else:
        x, vectors = _kernel(n, x, coefficients.reshape(1, -1)), np.ones(1, np.float32)
    y = _affine(n, x, vectors.reshape(1, -1), rho)
    if n.attr("one_class", 0):
        inside = c("less", n.const(0.0, DType.F32), y)
        y = c("where", inside, n.const(1.0, DType.F32), n.const(-1.0, DType.F32))
    return transformed(n, y, post_transform(n))


@onnx_op("SVMClassifier", domain=DOMAIN)
def svm_classifier(n: Node) -> Any:
    """Every pair of classes votes on the label; with `prob_a` and `prob_b` the scores are probabilities of the
    classes, without them those of the pairs."""
    c, x, labels, how = Compose(n), _rows(n), class_labels(n), post_transform(n)
    coefficients, rho = _floats(n, "coefficients"), _floats(n, "rho")
    vectors, classes = n.attr("vectors_per_class") or [], max(len(labels), 1)
    if not sum(vectors):
        scores = _kernel(n, x, coefficients.reshape(classes, -1))
        scores = c("add", scores, c.constant(rho[:1]))
        return _decided(n, scores, scores, labels, how)
    pairs = [(i, j) for i in range(classes) for j in range(i + 1, classes)]
    kernel = _kernel(n, x, _floats(n, "support_vectors").reshape(sum(vectors), -1))
    scores = _affine(n, kernel, _pairwise(coefficients, vectors, pairs), rho)
    won = c.cast(c("less", n.const(0.0, DType.F32), scores), DType.F32)
    first, second = (np.zeros((len(pairs), classes), np.float32) for _ in range(2))
    for k, (i, j) in enumerate(pairs):
        first[k, i] = second[k, j] = 1
    votes = _affine(n, won, (first - second).T, second.sum(0))
    if len(_floats(n, "prob_a")):
        scores = _probabilities(n, scores, pairs, classes)
    elif classes == 2:
        return labelled(n, labels, best(c, votes)), two_classes(n, scores, how, complement=how != "NONE")
    return _decided(n, scores, votes, labels, how)


def _pairwise(coefficients: Array, vectors: list[int], pairs: list[tuple[int, int]]) -> Array:
    """The weight of each vector in the decision of each pair of classes."""
    table = coefficients.reshape(-1, sum(vectors))
    ends = np.cumsum(vectors)
    out = np.zeros((len(pairs), table.shape[1]), np.float32)
    for k, (i, j) in enumerate(pairs):
        of_i, of_j = (slice(ends[p] - vectors[p], ends[p]) for p in (i, j))
        out[k, of_i], out[k, of_j] = table[j - 1, of_i], table[i, of_j]
    return out


def _decided(n: Node, scores: Any, votes: Any, labels: Array, how: str) -> Any:
    """Labels by `votes`, and `scores` transformed."""
    c = Compose(n)
    return labelled(n, labels, best(c, votes)), transformed(n, scores, how)


_ROUNDS = 6
"""Random probabilities of 2 to 10 classes need 4 at most."""


def _probabilities(n: Node, scores: Any, pairs: list[tuple[int, int]], classes: int) -> Any:
    """Class probabilities out of those of pairs: the second method of Wu, Lin and Weng, "Probability estimates
    for multi-class classification by pairwise coupling", iterated as in libsvm."""
    c = Compose(n)
    a, b = (c.constant(_floats(n, f"prob_{x}")) for x in "ab")
    r = c("clip", c("sigmoid", c("neg", c("add", c("mul", scores, a), b))), 1e-7, 1 - 1e-7)
    column = {pair: c.slice(r, 1, k, k + 1) for k, pair in enumerate(pairs)}
    column |= {(j, i): c("sub", 1.0, column[i, j]) for i, j in pairs}
    others = [[s for s in range(classes) if s != t] for t in range(classes)]
    rows = []
    for t in range(classes):
        square = [c("mul", column[s, t], column[s, t]) for s in others[t]]
        total = square[0]
        for more in square[1:]:
            total = c("add", total, more)
        cells = [total if s == t else c("neg", c("mul", column[s, t], column[t, s])) for s in range(classes)]
        rows.append(c.concat(cells, 1))
    p = c("mul", c("add", c("mul", rows[0], 0.0), 1.0), 1.0 / classes)
    return _coupled(c, p, rows, 0.005 / classes)


def _coupled(c: Compose, p: Any, q: list[Any], close: float) -> Any:
    """The fixed point of libsvm's `multiclass_probability`; rows that are `close` stay as they are."""
    diagonal = [c.slice(row, 1, t, t + 1) for t, row in enumerate(q)]
    for _ in range(_ROUNDS):
        moved = c("mul", q[0], c.slice(p, 1, 0, 1))
        for t in range(1, len(q)):
            moved = c("add", moved, c("mul", q[t], c.slice(p, 1, t, t + 1)))
        value = c.sum(c("mul", p, moved), 1, keepdims=True)
        error = c("reduce_max", c("abs", c("sub", moved, value)), axes=[1], keepdims=True)
        done, new = c("less", error, c.constant_like(close, error)), p
        for t, row in enumerate(q):
            at = c.slice(moved, 1, t, t + 1)
            step = c("div", c("sub", value, at), diagonal[t])
            scale = c("add", step, 1.0)
            value = c(
                "div",
                c("add", value, c("mul", step, c("add", c("mul", step, diagonal[t]), c("mul", at, 2.0)))),
                c("mul", scale, scale),
            )
            moved = c("div", c("add", moved, c("mul", step, row)), scale)
            unit = np.zeros((1, len(q)), np.float32)
            unit[0, t] = 1
            new = c("div", c("add", new, c("mul", step, c.constant(unit))), scale)
        p = c("where", done, p, new)
    return p
