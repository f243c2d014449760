"""com.microsoft: attention of ONNX Runtime's transformer optimizer; all of it ends in `aicc.attention`.

Masks are added: keys that do not count get `mask_filter_value`, so that rows in which none counts weigh all
of them, as ONNX Runtime has it.
"""

from __future__ import annotations

from typing import Any

from aicc.dialects.attention import Attention, AttentionScores
from aicc.dialects.types import DType
from aicc.importer.attention import merge_heads, split_heads
from aicc.importer.compose import Compose
from aicc.importer.kv_cache import appended, padding_mask, written
from aicc.importer.node import Node
from aicc.importer.registry import onnx_op

DOMAIN = "com.microsoft"


@onnx_op("MultiHeadAttention", domain=DOMAIN, limits="no beam search inside")
def multi_head_attention(n: Node) -> Any:
    """Inputs query, key, value, bias, key_padding_mask, attention_bias, past_key, past_value."""
    if n.input(8) is not None or n.input(9) is not None:
        raise n.error("AICC-1005", "'past_sequence_length' and 'cache_indirection' are not supported.")
    heads = n.required_attr("num_heads")
    q, k, v, final = _heads(n, heads)
    past = n.info(q).shape[2] if n.input(6) is None else None
    new_keys = n.info(k).shape[2]
    if not final:
        k, v = appended(n, n.input(6), k), appended(n, n.input(7), v)
    out = attend(n, q, k, v, n.input(4), n.input(5), None if past is not None else new_keys, qk_output=3)
    return out[0], None if final else k, None if final else v, out[1]


def attend(
    n: Node, q: Any, k: Any, v: Any, mask: Any, bias: Any, new_keys: Any, qk_output: int
) -> tuple[Any, Any]:
    """`[B, S, N*D]`, and the weights where the output `qk_output` is wanted.

    `new_keys` says how many keys follow the past, None: there is no past.
    """
    c = Compose(n)
    added = bias
    if mask is not None:
        added = padding_mask(n, mask, q, k, n.attr("mask_filter_value", -10000.0))
        added = added if bias is None else c("add", added, bias)
    attrs = {
        "scale": n.attr("scale") or None,
        "causal": bool(n.attr("unidirectional", 0)),
        "align": "top_left" if new_keys is None else "bottom_right",
    }
    if isinstance(new_keys, int) and new_keys != n.info(q).shape[2]:
        attrs["new_keys"] = new_keys
    y = merge_heads(n, n.build(Attention, q, k, v, added, None, **attrs))
    if not n.has_output(qk_output):
        return y, None
    return y, n.build(AttentionScores, q, k, added, None, stage="biased", **attrs)


def _heads(n: Node, heads: int) -> tuple[Any, Any, Any, bool]:
    """q, k and v as `[B, N, S, D]`, with their bias; and whether k and v are those of a past already."""
    q, k, v = n.required(0), n.input(1), n.input(2)
    if n.info(q).rank == 5:
        q, k, v = (_packed(n, q, i) for i in range(3))
        return *_biased(n, q, k, v, heads), False
    q = split_heads(n, q, heads)
    if k is None:
        raise n.error("AICC-1005", "without keys the query must be packed: [B, S, heads, 3, head size].")
    if n.info(k).rank == 5:
        k, v = (_packed(n, k, i) for i in range(2))
    elif v is None:
        raise n.error("AICC-1005", "without values the key must be packed: [B, S, heads, 2, head size].")
    elif n.info(k).rank == 4:
        return *_biased(n, q, k, v, heads, query_only=True), True
    else:
        k, v = split_heads(n, k, heads), split_heads(n, v, heads)
    return *_biased(n, q, k, v, heads), False


def _packed(n: Node, x: Any, i: int) -> Any:
    """`[B, S, N, parts, D] -> [B, N, S, D]` of part `i`."""
    c = Compose(n)
    return c.transpose(c("squeeze", c.slice(x, 3, i, i + 1), axes=[3]), 0, 2, 1, 3)


def _biased(n: Node, q: Any, k: Any, v: Any, heads: int, query_only: bool = False) -> tuple[Any, Any, Any]:
    """Each with its part of the bias, the input 3, which lies side by side as q, k and v."""
    c, bias = Compose(n), n.input(3)
    if bias is None:
        return q, k, v
    out, start = [], 0
    for x in (q, k, v):
        size = n.info(x).shape[3]
        if not isinstance(size, int):
            raise n.error("AICC-1005", "with a bias the sizes of the heads must be static.")
        part = c.reshape(c.slice(bias, 0, start, start + heads * size), 1, heads, 1, size)
        out.append(x if query_only and x is not q else c("add", x, part))
        start += heads * size
    return out[0], out[1], out[2]


@onnx_op("Attention", domain=DOMAIN, limits="no rotary embedding inside, no shared buffers")
def attention(n: Node) -> Any:
    """Inputs x, weights, bias, mask_index, past `[2, B, N, P, H]`, attention_bias; the projection is in it."""
    if n.attr("do_rotary", 0) or n.attr("past_present_share_buffer", 0) or n.input(6) is not None:
        raise n.error("AICC-1006", "rotary embeddings and shared buffers of keys are not supported here.")
    c = Compose(n)
    qkv = c("matmul", n.required(0), n.required(1))
    return attention_of(n, qkv if n.input(2) is None else c("add", qkv, n.input(2)), 3, 4, 5)


def attention_of(n: Node, qkv: Any, mask: int, past: int, bias: int) -> Any:
    """Attention of `[B, S, Q + K + V]`; the others are numbers of inputs."""
    c, heads = Compose(n), n.required_attr("num_heads")
    width = n.info(qkv).shape[2]
    sizes = n.attr("qkv_hidden_sizes") or ([width // 3] * 3 if isinstance(width, int) else None)
    if sizes is None:
        raise n.error("AICC-1005", "the width of the projection must be static.")
    ends = [sizes[0], sizes[0] + sizes[1], sum(sizes)]
    q, k, v = (split_heads(n, c.slice(qkv, 2, e - s, e), heads) for s, e in zip(sizes, ends, strict=True))
    new_keys = None
    if n.input(past) is not None:
        new_keys = n.info(k).shape[2]
        before = [c("squeeze", c.slice(n.required(past), 0, i, i + 1), axes=[0]) for i in range(2)]
        k, v = appended(n, before[0], k), appended(n, before[1], v)
    y, _ = attend(n, q, k, v, n.input(mask), n.input(bias), new_keys, qk_output=9)
    present = c.concat([c.unsqueeze(k, 0), c.unsqueeze(v, 0)], 0) if n.has_output(1) else None
    return y, present


@onnx_op("DecoderMaskedMultiHeadAttention", domain=DOMAIN, limits="no beam search inside")
def decoder_attention(n: Node) -> Any:
    """One new token. Inputs query, key, value, mask_index, attention_bias, past_key, past_value,
    past_sequence_length, beam_width, cache_indirection, bias."""
    if n.input(9) is not None:
        raise n.error("AICC-1005", "'cache_indirection' (beam search inside of attention) is not supported.")
    c, heads = Compose(n), n.required_attr("num_heads")
    n.inputs = [*n.inputs[:3], n.input(10), *n.inputs[3:8]]  # as MultiHeadAttention has them
    q, k, v, final = _heads(n, heads)
    if final:
        return attend(n, q, k, v, n.input(4), n.input(5), None, qk_output=3)[0]
    new_keys, shared = n.info(k).shape[2], n.attr("past_present_share_buffer", 0)
    if not shared:
        k, v = appended(n, n.input(6), k), appended(n, n.input(7), v)
        out = attend(n, q, k, v, n.input(4), n.input(5), new_keys, qk_output=3)
        return out[0], k, v, out[1]
    start = c.reshape(c.cast(n.required(8), DType.I64))
    count = c("add", start, n.const(1, DType.I64))
    starts = c("expand", c.reshape(start, 1), c("shape", q, start=0, end=1))
    present = [written(n, n.required(6 + i), x, starts, count) for i, x in enumerate((k, v))]
    used = [c("slice", p, n.ints([0]), c.reshape(count, 1), None, axes=[2]) for p in present]
    out = attend(n, q, used[0], used[1], n.input(4), n.input(5), 1, qk_output=3)
    return out[0], *present, out[1]
