"""Scaled dot-product attention on 4-D operands, with grouped heads and masks."""

from __future__ import annotations

from typing import Any

import numpy as np

from aicc.dialects.attributes import Bool, Float, Int, Str
from aicc.dialects.broadcast import check_broadcasts_to, same_dim
from aicc.dialects.numerics import Array, widened
from aicc.dialects.op import Attribute, Op, Operand, TypeRuleError
from aicc.dialects.symbolic import DimLike, floordiv
from aicc.dialects.types import BOOL, FLOAT, TensorType

ALIGNMENTS = ("top_left", "bottom_right")
STAGES = ("scaled", "capped", "biased", "softmax")

_OPERANDS = (
    Operand("mask", FLOAT | BOOL, optional=True),
    Operand("lengths", optional=True),
)
_ATTRIBUTES = (
    Attribute("scale", Float, optional=True),
    Attribute("softcap", Float, default=0.0),
    Attribute("causal", Bool, default=False),
    Attribute("align", Str, default="top_left"),
    Attribute("new_keys", Int, optional=True),
    Attribute("left_window", Int, default=-1),
    Attribute("right_window", Int, default=-1),
)


class AttentionScores(Op, name="attention_scores"):
    """The scores `q kᵀ` on the way to attention, `[B, H, Sq, Sk]`, as far as `stage`:

    "scaled" by `scale` (absent: `1 / sqrt(D)`); "capped": `softcap * tanh(s / softcap)` (0: none);
    "biased": plus `mask` (a bool
    mask is -inf where false), -inf where not allowed; "softmax": along Sk, 0 in rows where nothing is allowed.
    Operands and masking as in `aicc.attention`.
    """

    operands = (Operand("q", FLOAT), Operand("k", FLOAT, like="q"), *_OPERANDS)
    attributes = (*_ATTRIBUTES, Attribute("stage", Str, default="softmax"))

    @staticmethod
    def infer(
        q: TensorType, k: TensorType, mask: TensorType | None, lengths: TensorType | None, **attrs: Any
    ) -> TensorType:
        if attrs["stage"] not in STAGES:
            raise TypeRuleError(
                f"attribute 'stage' is '{attrs['stage']}'; expected one of {', '.join(STAGES)}"
            )
        return TensorType(_score_shape(q, k, mask, lengths, attrs["align"]), q.dtype)

    @staticmethod
    def fold(q: Array, k: Array, mask: Array | None, lengths: Array | None, **attrs: Any) -> Array:
        return _scores(q, k, mask, lengths, **attrs)


class Attention(Op, name="attention"):
    """`softmax(scale * q kᵀ + mask) v`: q `[B, Hq, Sq, D]`, k `[B, Hkv, Sk, D]`, v `[B, Hkv, Sk, Dv]`.

    The scale is `1 / sqrt(D)` unless given. Hq is a multiple of Hkv: a group of query heads shares one of k
    and v. `mask` broadcasts to `[B, Hq, Sq, Sk]`, is added, or as bool selects. `lengths` `[B]` says how many
    keys of each sample count.

    With p the position of query i, `i + offset`: `causal` allows keys `j <= p`; windows allow
    `p - left_window <= j <= p + right_window` (-1: no limit). The offset is 0 when aligned "top_left",
    `Sk - new_keys` (absent: Sq) when "bottom_right", and `lengths - Sq` where lengths are given.
    Rows with no allowed key give 0.
    """

    operands = (Operand("q", FLOAT), Operand("k", FLOAT, like="q"), Operand("v", FLOAT, like="q"), *_OPERANDS)
    attributes = _ATTRIBUTES

    @staticmethod
    def infer(
        q: TensorType,
        k: TensorType,
        v: TensorType,
        mask: TensorType | None,
        lengths: TensorType | None,
        **attrs: Any,
    ) -> TensorType:
        batch, heads, rows, keys = _score_shape(q, k, mask, lengths, attrs["align"])
        if v.rank != 4:
            raise TypeRuleError(f"operand 'v' is {v}; expected rank 4")
        for have, want, what in ((v.shape[2], keys, "keys"), (v.shape[1], k.shape[1], "heads")):
            if have != want and isinstance(have, int) and isinstance(want, int):
                raise TypeRuleError(f"operands 'k' and 'v' differ in {what}: {want} and {have}")
        return TensorType((same_dim(batch, v.shape[0]), heads, rows, v.shape[3]), q.dtype)

    @staticmethod
    def fold(q: Array, k: Array, v: Array, mask: Array | None, lengths: Array | None, **attrs: Any) -> Array:
        return _attention(q, k, v, mask, lengths, **attrs)


def _score_shape(
    q: TensorType, k: TensorType, mask: TensorType | None, lengths: TensorType | None, align: str
) -> tuple[DimLike, DimLike, DimLike, DimLike]:
    if q.rank != 4 or k.rank != 4:
        raise TypeRuleError(f"operands are {q} and {k}; expected rank 4")
    if align not in ALIGNMENTS:
        raise TypeRuleError(f"attribute 'align' is '{align}'; expected one of {', '.join(ALIGNMENTS)}")
    if isinstance(q.shape[3], int) and isinstance(k.shape[3], int) and q.shape[3] != k.shape[3]:
        raise TypeRuleError(f"operands 'q' and 'k' have head sizes {q.shape[3]} and {k.shape[3]}")
    group_size(q.shape[1], k.shape[1])
    shape = (same_dim(q.shape[0], k.shape[0]), q.shape[1], q.shape[2], k.shape[2])
    if mask is not None:
        check_broadcasts_to(mask.shape, shape, "operand 'mask'")
    if lengths is not None and (lengths.rank != 1 or not lengths.dtype.is_int):
        raise TypeRuleError(f"operand 'lengths' is {lengths}; expected integers of rank 1")
    return shape


def group_size(query_heads: DimLike, heads: DimLike) -> DimLike:
    """Query heads per head of k and v. Raises TypeRuleError."""
    if query_heads == heads:
        return 1
    if isinstance(query_heads, int) and isinstance(heads, int) and (heads == 0 or query_heads % heads):
        raise TypeRuleError(f"{query_heads} heads of 'q' are no multiple of {heads} heads of 'k'")
    return floordiv(query_heads, heads)


@widened
def _scores(
    q: Array,
    k: Array,
    mask: Array | None,
    lengths: Array | None,
    *,
    scale: float | None,
    softcap: float,
    causal: bool,
    align: str,
    new_keys: int | None,
    left_window: int,
    right_window: int,
    stage: str,
) -> Array:
    k = np.repeat(k, q.shape[1] // k.shape[1], axis=1)
    s: Array = np.matmul(q, np.swapaxes(k, -1, -2)) * q.dtype.type(
        1 / np.sqrt(q.shape[3]) if scale is None else scale
    )
    if stage == "scaled":
        return s
    if softcap > 0:
        s = softcap * np.tanh(s / softcap)
    if stage == "capped":
        return s
    if mask is not None:
        s = np.where(mask, s, -np.inf) if mask.dtype == np.bool_ else s + mask
    j = np.arange(s.shape[3])
    new = s.shape[2] if new_keys is None else new_keys
    offset = np.asarray(s.shape[3] - new if align == "bottom_right" else 0)
    allowed = np.ones_like(s, dtype=bool)
    if lengths is not None:
        allowed &= j < lengths.reshape(-1, 1, 1, 1)
        offset = lengths.reshape(-1, 1, 1, 1) - s.shape[2]
    p = np.arange(s.shape[2])[:, None] + offset
    if causal:
        allowed &= j <= p
    if left_window >= 0:
        allowed &= p - j <= left_window
    if right_window >= 0:
        allowed &= j - p <= right_window
    s = np.where(allowed, s, -np.inf).astype(q.dtype)
    if stage == "biased":
        return s
    top = np.max(s, axis=-1, keepdims=True)
    e = np.exp(s - np.where(top == -np.inf, 0, top))
    total = np.sum(e, axis=-1, keepdims=True)
    out: Array = e / np.where(total == 0, 1, total)
    return out


@widened
def _attention(
    q: Array, k: Array, v: Array, mask: Array | None, lengths: Array | None, **attrs: Any
) -> Array:
    p = _scores(q, k, mask, lengths, stage="softmax", **attrs)
    out: Array = np.matmul(p, np.repeat(v, q.shape[1] // v.shape[1], axis=1))
    return out
