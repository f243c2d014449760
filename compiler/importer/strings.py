"""Operators on strings. A string is a number in the program (see `aicc.dialects.strings`)."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

from aicc.dialects import OPS
from aicc.dialects.types import DType
from aicc.importer.automata import automaton
from aicc.importer.compose import Compose
from aicc.importer.node import Node
from aicc.importer.regex_syntax import SyntaxProblem
from aicc.importer.registry import onnx_op


def number(n: Node, value: Any) -> Any:
    """The numbers of a tensor of strings; any other tensor as it is."""
    if n.info(value).dtype is not DType.STRING:
        return value
    return n.build(OPS["string_number"], value)


@onnx_op("StringConcat")
def string_concat(n: Node) -> Any:
    return n.build(OPS["string_concat"], n.required(0), n.required(1))


@onnx_op("StringSplit")
def string_split(n: Node) -> Any:
    """An empty delimiter, like none, stands for runs of white space."""
    delimiter = n.attr("delimiter", "")
    which = int(n.importer.string_numbers(np.asarray(delimiter, object))) if delimiter else -1
    return n.build(OPS["string_split"], n.required(0), delimiter=which, splits=n.attr("maxsplit", -1))


@onnx_op("StringNormalizer")
def string_normalizer(n: Node) -> Any:
    """Of `[C]` or `[1, C]`; stop words are whole strings."""
    c, x = Compose(n), n.required(0)
    rank, first = n.info(x).rank, n.info(x).shape[:1]
    if rank not in (1, 2) or (rank == 2 and isinstance(first[0], int) and first[0] != 1):
        raise n.error("AICC-1005", f"the strings must be [C] or [1, C], but are {n.info(x)}.")
    if rank == 2:
        x = c("squeeze", c.sized(x, 1, None), axes=[0])
    change = n.attr("case_change_action", "NONE").lower()
    if change not in ("none", "lower", "upper"):
        raise n.error("AICC-1006", f"attribute 'case_change_action' is '{change.upper()}'.")
    words = n.importer.string_numbers(np.asarray(n.attr("stopwords", []), object))
    y = n.build(
        OPS["string_normalize"],
        x,
        n.const(words),
        n.const(_cases("upper" if change == "upper" else "lower")),
        change=change,
        sensitive=bool(n.attr("is_case_sensitive", 0)),
    )
    return c.unsqueeze(y, 0) if rank == 2 else y


@functools.cache
def _cases(change: str) -> Any:
    """Unicode's mapping to one case: rows of a code point and the up to three that it becomes."""
    rows = []
    for code in range(0x110000):
        text = chr(code)
        other = getattr(text, change)()
        if other != text:
            rows.append([code, *map(ord, other), 0, 0, 0][:4])
    return np.asarray(rows, np.int32)


@onnx_op("RegexFullMatch", limits="RE2 without scripts by name and `\\C`")
def regex_full_match(n: Node) -> Any:
    table = _automaton(n, "pattern", n.required_attr("pattern"))
    return n.build(OPS["string_match"], n.required(0), n.const(table))


@onnx_op("Tokenizer", domain="com.microsoft", limits="expressions of RE2 without scripts by name and `\\C`")
def tokenizer(n: Node) -> Any:
    """Of `[C]` or `[N, C]`: what an expression matches, else what is left between separators, which are expressions
    too. One empty separator stands for tokens of one character."""
    x, least = n.required(0), n.required_attr("mincharnum")
    if n.info(x).rank not in (1, 2):
        raise n.error("AICC-1005", f"the strings must be [C] or [N, C], but are {n.info(x)}.")
    separators, expression = n.attr("separators", []), n.attr("tokenexp", "")
    characters = separators == [""]
    if least < 1 or (characters and least > 1):
        raise n.error(
            "AICC-1006", f"attribute 'mincharnum' is {least}, expected {'1' if characters else '1 or more'}."
        )
    if not separators and not expression:
        raise n.error("AICC-1006", "one of the attributes 'separators' and 'tokenexp' is needed.")
    name = "separators" if separators else "tokenexp"
    patterns = ["(?s)."] if characters else separators or [expression]
    tables = [_automaton(n, name, pattern) for pattern in patterns]
    sized = [part for table in tables for part in (np.asarray([table.size], np.int32), table)]
    return n.build(
        OPS["string_tokens"],
        x,
        n.const(np.concatenate([*sized, np.zeros(1, np.int32)])),
        splitting=bool(separators) and not characters,
        least=least,
        mark=bool(n.required_attr("mark")),
        pad=int(n.importer.string_numbers(np.asarray(n.required_attr("pad_value"), object))),
    )


def _automaton(n: Node, name: str, pattern: str) -> Any:
    """The table of a regular expression that the attribute `name` gives."""
    try:
        return automaton(pattern)
    except SyntaxProblem as error:
        raise n.error("AICC-1006", f"attribute '{name}' is '{pattern}': {error}.") from error


def looked_up(n: Node, x: Any, keys: Any, values: Any, default: Any) -> Any:
    """For each string its value in a table, `default` for what is no key; `keys` and `values` are arrays.

    Strings that the model names have the lowest numbers, so that they stand for places of an array.
    """
    c = Compose(n)
    places = n.importer.string_numbers(keys)
    end = int(places.max(initial=-1)) + 1
    named = values.dtype.kind == "O"
    if named:
        values, default = n.importer.string_numbers(values), n.importer.string_numbers(default)
    table = np.full(end + 1, default, values.dtype)
    table[places[::-1]] = values[::-1]  # the first of equal keys counts
    found = c("gather", n.const(table), c("min", number(n, x), end), axis=0)
    return n.build(OPS["string_of"], found) if named else found
