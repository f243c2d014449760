"""TfIdfVectorizer: counts of the n-grams of a pool, weighted."""

from __future__ import annotations

import functools
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

    A window of an n-gram of length g and skip s is `x[t], x[t + s + 1], …`; single words know no skips.
    """
    c, x = Compose(n), number(n, n.required(0))
    texts = n.attr("pool_strings")
    pool = n.importer.string_numbers(np.asarray(texts, object)).tolist() if texts else n.attr("pool_int64s")
    is_text = n.info(n.required(0)).dtype is DType.STRING
    if not pool or not n.info(x).dtype.is_int or bool(texts) != is_text:
        raise n.error("AICC-1004", f"the pool does not fit the input, {n.info(n.required(0))}.")
    single = n.info(x).rank < 2
    rows = c.reshape(x, 1, -1) if single else x
    length = n.info(rows).shape[1]
    indexes = n.required_attr("ngram_indexes")
    counts: list[Any] = []
    targets: list[int] = []
    for size, grams, first in _pool(n, pool):
        found = []
        for skip in range(n.required_attr("max_skip_count") + 1 if size > 1 else 1):
            windows = length - (size - 1) * (skip + 1)
            if not isinstance(windows, int) or windows > 0:
                found.append(_count(c, rows, grams, skip + 1))
        if found:
            counts.append(functools.reduce(lambda a, b: c("add", a, b), found))
            targets += indexes[first : first + len(grams)]
    width = max(indexes) + 1
    if not counts:  # rows are shorter than every n-gram
        counts, targets = [c("mul", c.cast(c.slice(rows, 1, 0, 0), DType.F32), 0.0)], []
    # to the columns that the model names
    place = np.zeros((len(targets), width), np.float32)
    place[np.arange(len(targets)), targets] = 1
    y = c("matmul", c.concat(counts, 1), c.constant(place))
    y = _weighted(c, y)
    return c.reshape(y, width) if single else y


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


def _count(c: Compose, rows: Any, grams: Any, distance: int) -> Any:
    """How often each n-gram occurs, its words `distance` apart: `[B, grams]` as f32."""
    dtype, size = c.n.info(rows).dtype, grams.shape[1]
    hits: Any = None
    for k in range(size):
        word = c.unsqueeze(_windows(c, rows, k * distance, (size - 1) * distance), 2)
        hit = c("equal", word, c.n.const(grams[:, k], dtype))
        hits = hit if hits is None else c("and", hits, hit)
    return c.sum(c.cast(hits, DType.F32), 1)


def _windows(c: Compose, rows: Any, offset: int, reach: int) -> Any:
    """`rows[:, offset : length - reach + offset]`: of each window that is `reach + 1` wide, one word."""
    length = c.n.info(rows).shape[1]
    if isinstance(length, int):
        return c.slice(rows, 1, offset, length - reach + offset)
    count = c("max", c("sub", c.reshape(c("shape", rows, start=1, end=2)), reach), 0)
    at = c("range", c.constant(np.int64(0)), count, c.constant(np.int64(1)))
    return c("gather", rows, c("add", at, offset), axis=1)


def _weighted(c: Compose, y: Any) -> Any:
    mode, weights = c.n.required_attr("mode"), c.n.attr("weights")
    if mode not in ("TF", "IDF", "TFIDF"):
        raise c.n.error("AICC-1006", f"attribute 'mode' is '{mode}'.")
    if mode == "IDF":
        y = c.cast(c("less", c.n.const(0.0, DType.F32), y), DType.F32)
    return c("mul", y, c.n.const(np.asarray(weights), DType.F32)) if weights and mode != "TF" else y
