"""TfIdfVectorizer: counts of the n-grams of a pool, weighted."""

from __future__ import annotations

import functools
import itertools
from typing import Any

import numpy as np

from aicc.dialects.types import DType
from aicc.importer.compose import Compose
from aicc.importer.node import Node
from aicc.importer.registry import onnx_op
from aicc.importer.strings import number


@onnx_op("TfIdfVectorizer")
def tf_idf(n: Node) -> Any:
    """For each length and skip, every window is compared with every n-gram of the pool.

    A window of an n-gram of length g and skip s is `x[t], x[t + s + 1], …`; single words know no skips. Beyond the
    end of a row stands a word that no n-gram has.
    """
    c, x = Compose(n), number(n, n.required(0))
    texts = n.attr("pool_strings")
    pool = n.importer.string_numbers(np.asarray(texts, object)).tolist() if texts else n.attr("pool_int64s")
    is_text = n.info(n.required(0)).dtype is DType.STRING
    if not pool or not n.info(x).dtype.is_int or bool(texts) != is_text:
        raise n.error("AICC-1004", f"the pool does not fit the input, {n.info(n.required(0))}.")
    single = n.info(x).rank < 2
    rows = c.reshape(x, 1, -1) if single else x
    nothing = next(word for word in itertools.count(-1, -1) if word not in pool)
    indexes = n.required_attr("ngram_indexes")
    counts: list[Any] = []
    columns: list[int] = []
    for size, grams, first in _pool(n, pool):
        skips = range(n.required_attr("max_skip_count") + 1 if size > 1 else 1)
        found = [_count(c, rows, grams, skip + 1, nothing) for skip in skips]
        counts.append(functools.reduce(lambda a, b: c("add", a, b), found))
        columns += range(first, first + len(grams))
    if not counts:  # the pool has none of the lengths that are counted
        counts = [c.cast(c.slice(rows, 1, 0, 0), DType.F32)]
    width = max(indexes) + 1
    y = _weighted(c, c.concat(counts, 1), columns)
    y = _columns(c, y, [indexes[k] for k in columns], width)
    return c.reshape(y, width) if single else y


def _columns(c: Compose, counts: Any, targets: list[int], width: int) -> Any:
    """Column `j` is the sum of those of `counts` whose target is `j`."""
    if targets == list(range(width)):
        return counts
    rounds: list[Any] = [np.full(width, len(targets), np.int64)]
    taken = [0] * width
    for column, target in enumerate(targets):
        if taken[target] == len(rounds):
            rounds.append(np.full(width, len(targets), np.int64))
        rounds[taken[target]][target] = column
        taken[target] += 1
    # one column of zeros at the end, for what no n-gram counts
    padded = c("pad", counts, c.n.ints([0, 1]), axes=[1])
    found = [c("gather", padded, c.constant(each), axis=1) for each in rounds]
    return functools.reduce(lambda a, b: c("add", a, b), found)


def _pool(n: Node, pool: list[int]) -> list[tuple[int, Any, int]]:
    """Length, n-grams and number of the first one, for each wanted length."""
    starts = [*n.required_attr("ngram_counts"), len(pool)]
    out, first = [], 0
    for size, (a, z) in enumerate(zip(starts[:-1], starts[1:], strict=True), 1):
        grams = np.asarray(pool[a:z], np.int64).reshape(-1, size)
        if len(grams) and n.required_attr("min_gram_length") <= size <= n.required_attr("max_gram_length"):
            out.append((size, grams, first))
        first += len(grams)
    return out


def _count(c: Compose, rows: Any, grams: Any, distance: int, nothing: int) -> Any:
    """How often each n-gram occurs: `[B, grams]` as f32."""
    dtype = c.n.info(rows).dtype
    hits: Any = None
    for k in range(grams.shape[1]):
        ahead = k * distance
        word = rows
        if ahead:  # longer first: a row may be shorter than what is cut off
            word = c("pad", rows, c.n.ints([0, ahead]), nothing, axes=[1])
            word = c("pad", word, c.n.ints([-ahead, 0]), axes=[1])
        hit = c("equal", c.unsqueeze(word, 2), c.n.const(grams[:, k], dtype))
        hits = hit if hits is None else c("and", hits, hit)
    return c.sum(c.cast(hits, DType.F32), 1)


def _weighted(c: Compose, y: Any, grams: list[int]) -> Any:
    """Counts of n-grams, given by their numbers, as the mode wants them."""
    mode, weights = c.n.required_attr("mode"), c.n.attr("weights")
    if mode not in ("TF", "IDF", "TFIDF"):
        raise c.n.error("AICC-1006", f"attribute 'mode' is '{mode}'.")
    if mode == "IDF":
        y = c.cast(c("less", c.n.const(0.0, DType.F32), y), DType.F32)
    return (
        c("mul", y, c.n.const(np.asarray(weights)[np.asarray(grams, int)], DType.F32))
        if weights and mode != "TF"
        else y
    )
