"""ai.onnx.ml: preparation of features, and encoders."""

from __future__ import annotations

from typing import Any

import numpy as np

from aicc.dialects.types import DType
from aicc.importer.compose import Compose
from aicc.importer.compound import RowMaps
from aicc.importer.node import Node
from aicc.importer.registry import onnx_op
from aicc.importer.strings import looked_up

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
    """Rows over their largest entry, the sum of absolute values, or their length; zeros stay."""
    c = Compose(n)
    x = c.cast(n.required(0), DType.F32)
    axis, norm = n.info(x).rank - 1, n.attr("norm", "MAX")
    reductions = {"MAX": "reduce_max", "L1": "reduce_l1", "L2": "reduce_l2"}
    if norm not in reductions:
        raise n.error("AICC-1006", f"attribute 'norm' is '{norm}'.")
    size = c(reductions[norm], x, axes=[axis], keepdims=True)
    zero = n.const(0.0, DType.F32)
    return c("div", x, c("where", c("equal", size, zero), n.const(1.0, DType.F32), size))


@onnx_op("FeatureVectorizer", domain=DOMAIN)
def feature_vectorizer(n: Node) -> Any:
    """Columns side by side, each input cut or filled with zeros to its number of columns."""
    c, parts = Compose(n), []
    sizes = n.attr("inputdimensions") or []
    for i in range(len(n.inputs)):
        x = c.cast(n.required(i), DType.F32)
        x = c.reshape(x, -1, 1) if n.info(x).rank == 1 else x
        have, wanted = n.info(x).shape[1], sizes[i] if i < len(sizes) else None
        if wanted is not None and have != wanted:
            if not isinstance(have, int):
                raise n.error("AICC-1005", f"the columns of input {i} must be static.")
            if wanted < have:
                x = c.slice(x, 1, 0, wanted)
            else:
                x = c("pad", x, n.ints([0, 0, 0, wanted - have]), None, mode="constant", axes=[0, 1])
        parts.append(x)
    return c.concat(parts, 1)


@onnx_op("OneHotEncoder", domain=DOMAIN)
def one_hot_encoder(n: Node) -> Any:
    """A last dim of one entry per category, all 0 for what is none (an error with `zeros` 0, which nobody can
    raise in compiled code)."""
    c, x = Compose(n), n.required(0)
    names = n.attr("cats_strings")
    categories = np.asarray(names, object) if names else np.asarray(n.required_attr("cats_int64s"), np.int64)
    if not names:
        x = c.cast(x, DType.I64)
    return c.cast(c("equal", c.unsqueeze(x, n.info(x).rank), n.const(categories)), DType.F32)


@onnx_op("CategoryMapper", domain=DOMAIN)
def category_mapper(n: Node) -> Any:
    return _strings_and_numbers(n, n.required_attr("cats_strings"), n.required_attr("cats_int64s"))


def _strings_and_numbers(n: Node, strings: list[str], numbers: Any) -> Any:
    """Strings to numbers, or back: the places of two lists."""
    names, codes = np.asarray(strings, object), np.asarray(numbers, np.int64)
    if n.info(n.required(0)).dtype is DType.STRING:
        return _encoded(n, names, codes, np.asarray(n.attr("default_int64", -1), np.int64))
    return _encoded(n, codes, names, np.asarray(n.attr("default_string", "_Unused"), object))


@onnx_op("ZipMap", domain=DOMAIN)
def zip_map(n: Node) -> Any:
    """A map per row, from the classes to the row's scores: the table, and the keys of its columns."""
    c, x = Compose(n), n.required(0)
    strings, numbers = n.attr("classlabels_strings"), n.attr("classlabels_int64s")
    keys = tuple(strings) if strings else tuple(int(k) for k in numbers or ())
    info = n.info(x)
    if info.rank == 1:
        x = c.reshape(x, 1, -1)
    if not keys or bool(strings) == bool(numbers):
        raise n.error("AICC-1006", "one of classlabels_strings and classlabels_int64s is needed.")
    if info.rank not in (1, 2) or (isinstance(info.shape[-1], int) and info.shape[-1] != len(keys)):
        raise n.error(
            "AICC-1005", f"the input is {info}; expected a column per class, of which there are {len(keys)}."
        )
    return RowMaps(keys, x)


@onnx_op("LabelEncoder", domain=DOMAIN)
def label_encoder(n: Node) -> Any:
    """Each element's value in a table; version 1 numbers a list of strings."""
    classes = n.attr("classes_strings")
    return _strings_and_numbers(n, classes, range(len(classes))) if classes else _encoded(n, *_table(n))


def _encoded(n: Node, keys: Any, values: Any, default: Any) -> Any:
    """Each element's value in a table. Of numbers, all keys are compared."""
    c, x = Compose(n), n.required(0)
    dtype = n.info(x).dtype
    if keys.shape != values.shape or not keys.size:
        raise n.error("AICC-1006", f"the table has {keys.size} keys and {values.size} values.")
    if (keys.dtype.kind == "O") != (dtype is DType.STRING):
        raise n.error("AICC-1004", f"the keys of the table do not fit the input, {n.info(x)}.")
    if dtype is DType.STRING:
        return looked_up(n, x, keys, values, default)
    x = c.unsqueeze(x, n.info(x).rank)
    hits = c("equal", x, n.const(keys, dtype))
    if dtype.is_float and np.isnan(keys).any():
        hits = c("or", hits, c("and", c("is_nan", x), c.constant(np.isnan(keys))))
    last = n.info(x).rank - 1
    place = c("arg_max", c.cast(hits, DType.I32), axis=last, keepdims=False)
    hit = c("reduce_max", hits, axes=[last], keepdims=False)
    return c("where", hit, c("gather", n.const(values), place, axis=0), n.const(default))


def _table(n: Node) -> tuple[Any, Any, Any]:
    """Keys, values, and the value of what is no key."""
    defaults = {"floats": -0.0, "int64s": -1, "strings": "_Unused"}
    dtypes = {"floats": np.float32, "int64s": np.int64, "strings": object}
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
        missing = {"f": -0.0, "i": -1}.get(values.dtype.kind, "_Unused")
        default = n.attr("default_tensor", np.asarray([missing], values.dtype))
    else:
        default = n.attr(f"default_{kind.removesuffix('s')}", defaults[kind])
    return found[0][0], values, np.asarray(default).reshape(()).astype(values.dtype)
