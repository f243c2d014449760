"""Attention (opset 23 and later): heads split, past keys and values concatenated, scores where wanted."""

from __future__ import annotations

import functools
import math
from typing import Any

import numpy as np

from aicc.dialects import OPS
from aicc.dialects.attention import STAGES, Attention, AttentionScores
from aicc.dialects.types import DType
from aicc.importer.compose import Compose
from aicc.importer.kv_cache import positions
from aicc.importer.node import Node
from aicc.importer.registry import onnx_op


@onnx_op("Attention")
def attention(n: Node) -> Any:
    q, k, v = (n.required(i) for i in range(3))
    ranks = {n.info(v).rank for v in (q, k, v)}
    if len(ranks) != 1 or not ranks <= {3, 4}:
        found = ", ".join(str(n.info(v)) for v in (q, k, v))
        raise n.error("AICC-1005", f"query, key and value must all have rank 3 or all 4; they are {found}.")
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
    attrs = _attributes(n)
    if past:
        rows = n.info(q).shape[2]
        if isinstance(new_keys, int) or new_keys == rows:
            attrs |= {"align": "bottom_right", "new_keys": None if new_keys == rows else new_keys}
        else:
            mask = _allowed(n, q, k, mask)
            attrs |= {"causal": False, "left_window": -1, "right_window": -1}
    out: list[Any] = [n.build(Attention, q, k, v, mask, lengths, **attrs)]
    if flat:
        out[0] = merge_heads(n, out[0])
    out += [k, v]
    if n.has_output(3):
        mode = n.attr("qk_matmul_output_mode", 0)
        if not 0 <= mode < len(STAGES):
            raise n.error(
                "AICC-1006", f"attribute 'qk_matmul_output_mode' is {mode}, expected 0 to {len(STAGES) - 1}."
            )
        stage = STAGES[mode]
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


def _attributes(n: Node) -> dict[str, Any]:
    return {
        "scale": n.attr("scale"),
        "softcap": n.attr("softcap", 0.0),
        "causal": bool(n.attr("is_causal", 0)),
        "align": "top_left",
        "left_window": n.attr("left_window_size", -1),
        "right_window": n.attr("right_window_size", -1),
    }


def _allowed(n: Node, q: Any, k: Any, mask: Any | None) -> Any | None:
    """`mask`, and which keys each query sees after a past, where new keys may be more or fewer than queries.

    Query i is at `i` plus the length of the past, which the attributes of `aicc.attention` do not say then.
    """
    c, past = Compose(n), n.required(4)
    place = c("add", positions(n, q, 2), c.reshape(c("shape", past, start=2, end=3)))
    ahead = c("sub", positions(n, k, 2), c.unsqueeze(place, 1))  # [queries, keys]
    tests = []
    if n.attr("is_causal", 0):
        tests.append(c("less_equal", ahead, n.const(0, DType.I64)))
    if (left := n.attr("left_window_size", -1)) >= 0:
        tests.append(c("less_equal", n.const(-left, DType.I64), ahead))
    if (right := n.attr("right_window_size", -1)) >= 0:
        tests.append(c("less_equal", ahead, n.const(right, DType.I64)))
    if not tests:
        return mask
    allowed = functools.reduce(lambda a, b: c("and", a, b), tests)
    if mask is None:
        return allowed
    dtype = n.info(mask).dtype
    return (
        c("and", allowed, mask)
        if dtype is DType.BOOL
        else c("where", allowed, mask, n.const(-math.inf, dtype))
    )


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
