"""com.microsoft's GroupQueryAttention: fewer heads of keys than of queries, a cache, rotary embeddings.

Each sample has its own length, `seqlens_k + 1` with the new tokens; its new keys are written behind its old ones
and query i stands at position `length - S + i`.
"""

from __future__ import annotations

from typing import Any

from aicc.dialects.attention import Attention, AttentionScores
from aicc.dialects.normalization import RmsNorm
from aicc.dialects.types import DType
from aicc.importer.attention import merge_heads, split_heads
from aicc.importer.compose import Compose
from aicc.importer.contrib_attention import DOMAIN
from aicc.importer.kv_cache import positions, written
from aicc.importer.node import Node
from aicc.importer.registry import onnx_op
from aicc.importer.rotary import rotate


@onnx_op("GroupQueryAttention", domain=DOMAIN, limits="no quantized cache, no cache of a window's size")
def group_query_attention(n: Node) -> Any:
    """Inputs query, key, value, past_key, past_value, seqlens_k, total_sequence_length, cos_cache, sin_cache,
    position_ids, attention_bias, head_sink, two scales of a quantized cache, weights of norms of each head of the
    query and of the key, query_seqlens."""
    c = Compose(n)
    if any(n.attr(f"{x}_quant_type", "NONE") != "NONE" for x in "kv"):
        raise n.error("AICC-1006", "a quantized cache is not supported.")
    if n.attr("sliding_window_cache", 0):
        raise n.error("AICC-1006", "attribute 'sliding_window_cache' is 1, which is not supported.")
    q, k, v = _heads(n)
    q, k = (_normed(n, x, 14 + i, "qk"[i]) for i, x in enumerate((q, k)))
    one = n.const(1, DType.I64)
    lengths = c("add", c.reshape(c.cast(n.required(5), DType.I64), -1), one)
    count = c.reshape(c("shape", q, start=2, end=3))
    new = count if n.input(16) is None else c.cast(n.required(16), DType.I64)
    starts = c("max", c("sub", lengths, new), n.const(0, DType.I64))
    if n.attr("do_rotary", 0):
        at = n.input(9)
        if at is None:
            at = c("add", c.unsqueeze(starts, 1), c.unsqueeze(positions(n, q, 2), 0))
        q, k = (_turned(n, x, c.cast(at, DType.I64)) for x in (q, k))
    if n.input(3) is not None:
        total = c.reshape(c.cast(n.required(6), DType.I64))
        k, v = (written(n, n.required(3 + i), x, starts, total) for i, x in enumerate((k, v)))
    window = n.attr("local_window_size", -1)
    causal = bool(n.attr("causal", 1))
    attrs = {
        "scale": n.attr("scale") or None,
        "softcap": n.attr("softcap", 0.0),
        "causal": causal,
        "left_window": window - 1 if window > 0 else -1,
    }
    bias = _bias(n, k)
    # the tokens of a prompt that is padded at its end stand from 0 on all the same
    operands = q, k, bias, c("add", starts, count) if causal else lengths
    sink = n.input(11)
    if sink is not None or n.attr("smooth_softmax", 0) == 1:
        y = _with_sink(n, c, operands, v, sink, attrs)
    else:
        y = n.build(Attention, q, k, v, *operands[2:], **attrs)
    return merge_heads(n, y), k, v, _scores(n, operands, attrs)


def _heads(n: Node) -> tuple[Any, Any, Any]:
    """q, k and v as `[B, N, S, D]`; without keys they are the query's columns."""
    c, x, heads, groups = (
        Compose(n),
        n.required(0),
        n.required_attr("num_heads"),
        n.required_attr("kv_num_heads"),
    )
    if n.input(1) is not None:
        return (
            split_heads(n, x, heads),
            split_heads(n, n.required(1), groups),
            split_heads(n, n.required(2), groups),
        )
    width = n.info(x).shape[2]
    if not isinstance(width, int):
        raise n.error("AICC-1005", "the width of packed queries, keys and values must be static.")
    head = width // (heads + 2 * groups)
    ends = [heads * head, (heads + groups) * head, width]
    first = split_heads(n, c.slice(x, 2, 0, ends[0]), heads)
    return first, *(split_heads(n, c.slice(x, 2, ends[i], ends[i + 1]), groups) for i in range(2))


def _normed(n: Node, x: Any, i: int, which: str) -> Any:
    """Each head by its root mean square, times the weights `[H]` at input `i`; itself without them."""
    if n.input(i) is None:
        return x
    epsilon = n.attr(f"{which}_norm_epsilon", n.attr("qk_norm_epsilon", 1e-6))
    return n.build(RmsNorm, x, n.required(i), axis=3, epsilon=epsilon)


def _turned(n: Node, x: Any, at: Any) -> Any:
    n.replace_attr("interleaved", n.attr("rotary_interleaved", 0))
    width = n.info(n.required(7)).shape[1]
    if not isinstance(width, int):
        raise n.error("AICC-1005", "the tables of cosines and sines must have a static width.")
    return rotate(n, x, n.required(7), n.required(8), at, rotated=2 * width)


def _bias(n: Node, k: Any) -> Any:
    """`attention_bias`, over as many keys as the cache has."""
    bias = n.input(10)
    if bias is None or n.info(bias).shape[3] == n.info(k).shape[2]:
        return bias
    c = Compose(n)
    more = c("sub", c("shape", k, start=2, end=3), c("shape", bias, start=3, end=4))
    shape = c.concat([c("shape", bias, start=0, end=3), more], 0)
    return c.concat([bias, c("expand", n.const(0.0, n.info(bias).dtype), shape)], 3)


def _with_sink(n: Node, c: Compose, operands: Any, v: Any, sink: Any, attrs: dict[str, Any]) -> Any:
    """Weights of a softmax over the scores and one more, `sink` (`[N]`, absent: 0), which weighs nothing."""
    scores = n.build(AttentionScores, *operands, stage="biased", **attrs)
    t = n.info(scores)
    extra = c.constant_like(0.0, scores) if sink is None else c.reshape(c.cast(sink, t.dtype), 1, -1, 1, 1)
    shape = c.concat([c("shape", scores, start=0, end=3), n.ints([1])], 0)
    whole = c("softmax", c.concat([scores, c("expand", extra, shape)], 3), axis=3)
    weights = c.slice(whole, 3, 0, -1)
    groups, heads = n.required_attr("kv_num_heads"), n.required_attr("num_heads")
    # [B, N, S, T] -> [B, groups, N/groups, S, T]; the values of a group are shared
    split = c(
        "reshape",
        weights,
        c.concat(
            [
                c("shape", weights, start=0, end=1),
                n.ints([groups, heads // groups]),
                c("shape", weights, start=2, end=4),
            ],
            0,
        ),
    )
    y = c("matmul", split, c.unsqueeze(v, 2))
    return c("reshape", y, c.concat([c("shape", weights, start=0, end=3), c("shape", v, start=3, end=4)], 0))


def _scores(n: Node, operands: Any, attrs: dict[str, Any]) -> Any:
    """The fourth output: scores before the softmax (`qk_output` 1) or after it (2)."""
    mode = n.attr("qk_output", 0)
    if not n.has_output(3) or mode == 0:
        return None
    return n.build(AttentionScores, *operands, stage="biased" if mode == 1 else "softmax", **attrs)
