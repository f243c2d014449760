"""Attention (opset 23 and later): heads split, past keys and values concatenated, scores where wanted."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from aicc.dialects import OPS
from aicc.dialects.attention import STAGES, Attention, AttentionScores
from aicc.dialects.types import DType
from aicc.importer.compose import Compose
from aicc.importer.node import Node
from aicc.importer.registry import onnx_op


@onnx_op("Attention", limits="with a past, new keys or queries are of a static number")
def attention(n: Node) -> Any:
    q, k, v = (n.required(i) for i in range(3))
    flat = n.info(q).rank == 3
    if flat:
        kv_heads = n.required_attr("kv_num_heads")
        q = split_heads(n, q, n.required_attr("q_num_heads"))
        k, v = split_heads(n, k, kv_heads), split_heads(n, v, kv_heads)
    new_keys = n.info(k).shape[2]
    past = n.input(4) is not None
    if past:
        k = n.build(OPS["concat"], n.required(4), k, dim=2)
        v = n.build(OPS["concat"], n.required(5), v, dim=2)
    mask, lengths = _mask(n, k), n.input(6)
    attrs = _attributes(n, q, new_keys, past)
    out: list[Any] = [n.build(Attention, q, k, v, mask, lengths, **attrs)]
    if flat:
        out[0] = merge_heads(n, out[0])
    out += [k, v]
    if n.has_output(3):
        stage = STAGES[n.attr("qk_matmul_output_mode", 0)]
        out.append(n.build(AttentionScores, q, k, mask, lengths, stage=stage, **attrs))
    return out


def split_heads(n: Node, x: Any, heads: int) -> Any:
    """`[B, S, H*D] -> [B, H, S, D]`."""
    split = n.build(OPS["reshape"], x, n.ints([0, 0, heads, -1]))
    return n.build(OPS["transpose"], split, perm=(0, 2, 1, 3))


def merge_heads(n: Node, x: Any) -> Any:
    """`[B, H, S, D] -> [B, S, H*D]`."""
    moved = n.build(OPS["transpose"], x, perm=(0, 2, 1, 3))
    return n.build(OPS["reshape"], moved, n.ints([0, 0, -1]))


def _attributes(n: Node, q: Any, new_keys: Any, past: bool) -> dict[str, Any]:
    rows = n.info(q).shape[2]
    attrs = {
        "scale": n.attr("scale"),
        "softcap": n.attr("softcap", 0.0),
        "causal": bool(n.attr("is_causal", 0)),
        "align": "bottom_right" if past else "top_left",
        "left_window": n.attr("left_window_size", -1),
        "right_window": n.attr("right_window_size", -1),
    }
    if past and new_keys != rows:
        if isinstance(new_keys, int):
            attrs["new_keys"] = new_keys
        elif (
            isinstance(rows, int) or attrs["causal"] or max(attrs["left_window"], attrs["right_window"]) >= 0
        ):
            # which keys a query sees would depend on a difference that only a run knows
            raise n.error(
                "AICC-1005",
                f"there are {new_keys} new keys for {rows} queries.",
                hint="with a past, new keys and queries must be as many by their names, or of static numbers.",
            )
    return attrs


def _mask(n: Node, k: Any) -> Any | None:
    """The mask, padded with "not allowed" when it has fewer keys than there are."""
    mask = n.input(3)
    if mask is None:
        return None
    c, t, keys = Compose(n), n.info(mask), n.info(k).shape[2]
    have = t.shape[-1]
    if have in (1, keys):
        return mask
    if isinstance(have, int) and isinstance(keys, int):
        missing: Any = n.ints([keys - have])
    else:
        # where sizes have two names: none, as a rule; and a mask of one key is one for all
        size = c("shape", mask, start=t.rank - 1, end=t.rank)
        missing = c("max", c("sub", c("shape", k, start=2, end=3), size), 0)
        missing = c("where", c("equal", size, 1), n.ints([0]), missing)
    fill = np.asarray(False) if t.dtype is DType.BOOL else np.asarray(-math.inf)
    wanted = c.concat([c("shape", mask, start=0, end=t.rank - 1), missing], 0)
    return c.concat([mask, c("expand", n.const(fill, t.dtype), wanted)], t.rank - 1)
