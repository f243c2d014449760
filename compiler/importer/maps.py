"""Operators that read maps: rows out of their values."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from aicc.dialects.types import DType
from aicc.importer.cast import cast
from aicc.importer.compose import Compose
from aicc.importer.compound import MapValue
from aicc.importer.node import Node
from aicc.importer.registry import onnx_op
from aicc.importer.strings import number

DOMAIN = "ai.onnx.ml"
_MOST = 1 << 16


@onnx_op("DictVectorizer", domain=DOMAIN)
def dict_vectorizer(n: Node) -> Any:
    """A column for each entry of the vocabulary: its value, or 0."""
    given = _map(n)
    strings, integers = n.attr("string_vocabulary"), n.attr("int64_vocabulary")
    if bool(strings) == bool(integers):
        raise n.error("AICC-1006", "one of string_vocabulary and int64_vocabulary is needed.")
    if bool(strings) != (n.info(given.keys).dtype is DType.STRING):
        raise n.error("AICC-1004", f"the vocabulary does not fit keys of {n.info(given.keys)}.")
    vocabulary = n.importer.string_numbers(np.array(strings, object)) if strings else integers
    return _row(n, given, vocabulary)


@onnx_op("CastMap", domain=DOMAIN, limits="numbers to strings; keys beyond `max_map` are left out")
def cast_map(n: Node) -> Any:
    """The values in the order of their keys, or (SPARSE) at the columns that their keys are."""
    given = _map(n)
    kinds = {"TO_FLOAT": DType.F32, "TO_INT64": DType.I64, "TO_STRING": DType.STRING}
    to, form, most = n.attr("cast_to", "TO_FLOAT"), n.attr("map_form", "DENSE"), n.attr("max_map", 1)
    if to not in kinds or form not in ("DENSE", "SPARSE"):
        raise n.error("AICC-1006", f"attributes 'cast_to' and 'map_form' are '{to}' and '{form}'.")
    if n.info(given.keys).dtype is not DType.I64:
        raise n.error("AICC-1004", f"the keys are {n.info(given.keys)}, expected were 64-bit integers.")
    if kinds[to] is DType.STRING and n.info(given.values).dtype is not DType.STRING:
        raise n.error("AICC-1004", "numbers are not made strings: how they are spelled is not defined.")
    values = cast(n, given.values, kinds[to])
    if form == "DENSE":
        return Compose(n).reshape(values, 1, -1)
    if not 1 <= most <= _MOST:
        raise n.error("AICC-1006", f"attribute 'max_map' is {most}, expected 1 to {_MOST}.")
    return _row(n, MapValue(given.keys, values), range(most))


def _map(n: Node) -> MapValue:
    """Input 0. Raises ImportError_ AICC-1004 for another kind of value."""
    value = n.anything(0)
    if not isinstance(value, MapValue):
        raise n.error("AICC-1004", "input 0 must be a map.")
    return value


def _row(n: Node, given: MapValue, columns: Sequence[int] | Any) -> Any:
    """`[1, columns]`: for each number of a key its value; 0, or an empty string, for what is no key.

    hits[column, i] = keys[i] is the column's;  hits[column, n] = true;  y[column] = [*values, 0][first hit]
    """
    c = Compose(n)
    wanted = n.const(np.asarray(columns, np.int64).reshape(-1, 1))
    hits = c("equal", c.reshape(number(n, given.keys), 1, -1), wanted)
    last = n.const(np.ones((len(columns), 1), np.bool_))
    place = c("arg_max", c.cast(c.concat([hits, last], 1), DType.I32), axis=1, keepdims=False)
    dtype = n.info(given.values).dtype
    nothing = n.const(np.array([""], object) if dtype is DType.STRING else np.zeros(1, dtype.numpy))
    return c.reshape(c("gather", c.concat([given.values, nothing], 0), place, axis=0), 1, -1)
