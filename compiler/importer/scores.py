"""Scores of models of classical machine learning: post-transforms, and labels of the best class.

Formulas and special cases are those of ONNX Runtime (`core/providers/cpu/ml/ml_common.h`), since the
specification names the transforms without defining them.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from aicc.dialects.types import DType
from aicc.importer.compose import Compose
from aicc.importer.node import Node

TRANSFORMS = ("NONE", "SOFTMAX", "LOGISTIC", "SOFTMAX_ZERO", "PROBIT")


def post_transform(n: Node) -> str:
    """The attribute by name: TreeEnsemble numbers them. Raises ImportError_ AICC-1006."""
    how = n.attr("post_transform", "NONE")
    if isinstance(how, int) and 0 <= how < len(TRANSFORMS):
        return TRANSFORMS[how]
    if how not in TRANSFORMS:
        raise n.error("AICC-1006", f"attribute 'post_transform' is {how}, which is not supported.")
    return str(how)


def transformed(n: Node, y: Any, how: str) -> Any:
    """Scores `[rows, classes]` after the transform `how`."""
    c = Compose(n)
    if how == "LOGISTIC":
        return c("sigmoid", y)
    if how == "SOFTMAX":
        return c("softmax", y, axis=1)
    if how == "SOFTMAX_ZERO":
        return _softmax_zero(c, y)
    return _probit(c, y) if how == "PROBIT" else y


def _softmax_zero(c: Compose, y: Any) -> Any:
    """Softmax in which a score of zero weighs nothing."""
    top = c("reduce_max", y, axes=[1], keepdims=True)
    is_zero = c("less_equal", c("abs", y), c.constant_like(1e-7, y))
    weights = c("where", is_zero, c("mul", y, c("exp", c("neg", top))), c("exp", c("sub", y, top)))
    return c("div", weights, c.sum(weights, 1, keepdims=True))


def _probit(c: Compose, y: Any) -> Any:
    """`sqrt(2) erfinv(2 y - 1)`, the inverse error function as Winitzki approximates it."""
    x = c("sub", c("mul", y, 2.0), 1.0)
    log = c("log", c("mul", c("sub", 1.0, x), c("add", x, 1.0)))
    half = c("add", c("mul", log, 0.5), 2.0 / (3.14159 * 0.147))
    root = c("sqrt", c("sub", c("mul", half, half), c("mul", log, 1.0 / 0.147)))
    return c("mul", c("mul", c("sign", x), c("sqrt", c("sub", root, half))), 1.41421356)


def two_classes(n: Node, score: Any, how: str, complement: bool) -> Any:
    """Scores of two classes out of `[rows, 1]` of the second one: `1 - s` and `s`, or `-s` and `s`.

    LOGISTIC takes `-s` and `s` always, PROBIT leaves one score, and the other transforms do nothing.
    """
    c = Compose(n)
    if how == "PROBIT":
        return transformed(n, score, how)
    if how == "LOGISTIC":
        return transformed(n, c.concat([c("neg", score), score], 1), how)
    return c.concat([c("sub", 1.0, score) if complement else c("neg", score), score], 1)


def class_labels(n: Node, ints: str = "classlabels_ints") -> np.ndarray[Any, Any]:
    """The labels, i64 or strings; an empty array when there are none."""
    strings = n.attr("classlabels_strings")
    return np.asarray(strings, object) if strings else np.asarray(n.attr(ints) or [], np.int64)


def labelled(n: Node, labels: np.ndarray[Any, Any], index: Any) -> Any:
    """The labels at `index`, `[rows]`."""
    c = Compose(n)
    index = c.cast(index, DType.I64)
    if labels.dtype != object and np.array_equal(labels, np.arange(len(labels))):
        return index
    return c("gather", n.const(labels), index, axis=0)


def best(c: Compose, scores: Any) -> Any:
    """The first of the largest scores of each row."""
    return c("arg_max", scores, axis=1, keepdims=False)


def chosen(c: Compose, second: Any) -> Any:
    """0 or 1, by a bool `[rows, 1]`."""
    return c.cast(c.reshape(second, -1), DType.I64)
