"""ai.onnx.ml: classical machine learning, without strings."""

from __future__ import annotations

from typing import Any

import numpy as np

from aicc.dialects.types import DType
from aicc.importer.compose import Compose
from aicc.importer.node import Node
from aicc.importer.registry import onnx_op

DOMAIN = "ai.onnx.ml"


@onnx_op("ArrayFeatureExtractor", domain=DOMAIN)
def array_feature_extractor(n: Node) -> Any:
    """Columns of the last dim; a vector counts as one row."""
    c, x = Compose(n), n.required(0)
    rank = n.info(x).rank
    y = c("gather", x, c.reshape(n.required(1), -1), axis=rank - 1)
    return y if rank > 1 else c.reshape(y, 1, -1)


@onnx_op("Binarizer", domain=DOMAIN)
def binarizer(n: Node) -> Any:
    c, x = Compose(n), n.required(0)
    dtype = n.info(x).dtype
    return c.cast(c("less", n.const(n.attr("threshold", 0.0), dtype), x), dtype)


@onnx_op("Scaler", domain=DOMAIN)
def scaler(n: Node) -> Any:
    c = Compose(n)
    x = c.cast(n.required(0), DType.F32)
    offset, scale = (np.asarray(n.attr(a, [d]), np.float32) for a, d in (("offset", 0.0), ("scale", 1.0)))
    return c("mul", c("sub", x, c.constant(offset)), c.constant(scale))


@onnx_op("Imputer", domain=DOMAIN)
def imputer(n: Node) -> Any:
    c, x = Compose(n), n.required(0)
    dtype = n.info(x).dtype
    kind = "float" if dtype.is_float else "int64"
    values = n.attr(f"imputed_value_{kind}s")
    replaced = n.attr(f"replaced_value_{kind}", 0)
    if values is None:
        raise n.error("AICC-1006", f"attribute 'imputed_value_{kind}s' is missing.")
    missing = c("is_nan", x) if np.isnan(replaced) else c("equal", x, n.const(replaced, dtype))
    return c("where", missing, n.const(np.asarray(values), dtype), x)


@onnx_op("Normalizer", domain=DOMAIN)
def normalizer(n: Node) -> Any:
    """Rows over their largest absolute value, sum of absolute values, or length; zeros stay."""
    c = Compose(n)
    x = c.cast(n.required(0), DType.F32)
    axis, norm = n.info(x).rank - 1, n.attr("norm", "MAX")
    reductions = {"MAX": "reduce_max", "L1": "reduce_l1", "L2": "reduce_l2"}
    if norm not in reductions:
        raise n.error("AICC-1006", f"attribute 'norm' is '{norm}'.")
    y = c("abs", x) if norm == "MAX" else x
    size = c(reductions[norm], y, axes=[axis], keepdims=True)
    zero = n.const(0.0, DType.F32)
    return c("div", x, c("where", c("equal", size, zero), n.const(1.0, DType.F32), size))


@onnx_op("LinearRegressor", domain=DOMAIN)
def linear_regressor(n: Node) -> Any:
    c = Compose(n)
    x = c.cast(n.required(0), DType.F32)
    targets = n.attr("targets", 1)
    weights = np.asarray(n.required_attr("coefficients"), np.float32).reshape(targets, -1)
    y = c("matmul", x, c.constant(weights.T.copy()))
    bias = n.attr("intercepts")
    y = c("add", y, c.constant(np.asarray(bias, np.float32))) if bias else y
    return transformed(n, y, n.attr("post_transform", "NONE"))


def transformed(n: Node, y: Any, how: str | int) -> Any:
    """A model's scores after `post_transform`. Raises ImportError_ AICC-1006."""
    c = Compose(n)
    names = ("NONE", "SOFTMAX", "LOGISTIC", "SOFTMAX_ZERO", "PROBIT")
    name = names[how] if isinstance(how, int) and 0 <= how < len(names) else how
    if name == "NONE":
        return y
    if name == "LOGISTIC":
        return c("sigmoid", y)
    if name == "SOFTMAX":
        return c("softmax", y, axis=n.info(y).rank - 1)
    raise n.error("AICC-1006", f"attribute 'post_transform' is {how}, which is not supported.")


@onnx_op("LabelEncoder", domain=DOMAIN)
def label_encoder(n: Node) -> Any:
    """Each element's value in a table of few numbers: all keys are compared."""
    c, x = Compose(n), n.required(0)
    keys, values, default = _table(n)
    if keys.dtype.kind not in "iuf" or values.dtype.kind not in "iuf":
        raise n.error("AICC-1004", "tables of strings are not supported.")
    dtype = n.info(x).dtype
    x = c.unsqueeze(x, n.info(x).rank)
    hits = c("equal", x, n.const(keys, dtype))
    if dtype.is_float and np.isnan(keys).any():
        hits = c("or", hits, c("and", c("is_nan", x), c.constant(np.isnan(keys))))
    last = n.info(x).rank - 1
    place = c("arg_max", c.cast(hits, DType.I32), axis=last, keepdims=False)
    hit = c("reduce_max", hits, axes=[last], keepdims=False)
    return c("where", hit, c("gather", c.constant(values), place, axis=0), c.constant(default))


def _table(n: Node) -> tuple[Any, Any, Any]:
    """Keys, values, and the value of what is no key."""
    defaults = {"floats": -0.0, "int64s": -1, "strings": "_Unused"}
    dtypes = {"floats": np.float32, "int64s": np.int64, "strings": np.str_}
    found = []
    for what in ("keys", "values"):
        if (tensor := n.attr(f"{what}_tensor")) is not None:
            found.append((np.asarray(tensor).reshape(-1), "tensor"))
            continue
        kind = next((k for k in dtypes if n.attr(f"{what}_{k}")), None)
        if kind is None:
            raise n.error("AICC-1006", f"the table has no {what}.")
        found.append((np.asarray(n.attr(f"{what}_{kind}"), dtypes[kind]), kind))
    values, kind = found[1]
    if kind == "tensor":
        default = n.attr("default_tensor", np.zeros(1, values.dtype))
    else:
        default = n.attr(f"default_{kind.removesuffix('s')}", defaults[kind])
    return found[0][0], values, np.asarray(default).reshape(()).astype(values.dtype)
