"""Attention as two contractions around masked softmax rows.

Grouped heads are a dim of their own: q is seen as `[B, Hkv, G, Sq, D]`, and k and v are read without G, so
that nothing is repeated in memory.

    %s = linalg.generic {mulf, addf}  ins(%q, %k)     (b,h,g,i,j,d) -> (b,h,g,i,d), (b,h,j,d), (b,h,g,i,j)
    %t = linalg.generic               ins(%s, %mask)  scaled, capped, masked
    …                                                 softmax over j
    %y = linalg.generic {mulf, addf}  ins(%p, %v)     (b,h,g,i,e,j) -> (b,h,g,i,j), (b,h,j,e), (b,h,g,i,e)
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from aicc.bindings import arith, ir, linalg
from aicc.dialects.attention import group_size
from aicc.dialects.symbolic import DimLike
from aicc.dialects.types import DType, TensorType
from aicc.passes.linalg.broadcasts import read_over
from aicc.passes.linalg.builder import Builder, Lowered, broadcast_map, lowering
from aicc.passes.linalg.contraction import contract
from aicc.passes.linalg.elementwise import compute_dtype
from aicc.passes.linalg.rows import Full, Rows
from aicc.passes.linalg.scalars import Scalars, cast


@dataclass(frozen=True)
class _Problem:
    """An attention with heads split in groups; `labels` of q and of k."""

    b: Builder
    n: Lowered
    group: DimLike
    wide: DType

    @property
    def is_grouped(self) -> bool:
        return self.group != 1

    @property
    def heads(self) -> str:
        return "bhg" if self.is_grouped else "bh"

    def split(self, value: Any, t: TensorType) -> tuple[Any, TensorType]:
        """`[B, Hq, …]` as `[B, Hkv, G, …]`; a head dim of 1 becomes two."""
        if not self.is_grouped:
            return value, t
        heads = (1, 1) if t.shape[1] == 1 else (self.n.typed(1).shape[1], self.group)
        return self.b.reshape(value, t, (t.shape[0], *heads, *t.shape[2:]))


def _problem(b: Builder, n: Lowered) -> _Problem:
    q, k = n.typed(0), n.typed(1)
    return _Problem(b, n, group_size(q.shape[1], k.shape[1]), compute_dtype(q.dtype))


@lowering("attention")
def attention(b: Builder, n: Lowered) -> Any:
    p = _problem(b, n)
    v, out = n.typed(2), n.results[0]
    scores = _scores(p, mask=3, stage="softmax")
    shape = (*scores.type.shape[:-1], out.shape[3])
    result = TensorType(shape, out.dtype)
    heads = p.heads
    y = contract(
        b,
        [(scores.value, scores.type, heads + "ij"), (n.operands[2], v, "bhje")],
        heads + "ie",
        result,
        shared="bhj",
    )
    return b.reshape(y, result, out.shape)[0]


@lowering("attention_scores")
def attention_scores(b: Builder, n: Lowered) -> Any:
    p = _problem(b, n)
    out = n.results[0]
    scores = _scores(p, mask=2, stage=n.attrs["stage"])
    value, t = b.reshape(scores.value, scores.type, out.shape)
    if t.dtype is out.dtype:
        return value
    return b.pointwise(out, [(value, t)], lambda x: cast(x, t.dtype, out.dtype))


def _scores(p: _Problem, mask: int, stage: str) -> Full:
    """Scores over the split heads in the compute dtype; operands from `mask` on are the mask and lengths."""
    b, n = p.b, p.n
    q, tq = p.split(n.operands[0], n.typed(0))
    k = n.typed(1)
    shape = (*tq.shape[:-1], k.shape[2])
    out = TensorType(shape, p.wide)
    ins = [(q, tq, p.heads + "id"), (n.operands[1], k, "bhjd")]
    raw = contract(b, ins, p.heads + "ij", out, shared="bhd")
    biased = _biased(p, Full(raw, out), mask, stage)
    return _softmax(p, biased) if stage == "softmax" else biased


def _biased(p: _Problem, raw: Full, mask: int, stage: str) -> Full:
    """Scale, softcap, mask and the limits on positions, in one elementwise op."""
    b, n, attrs = p.b, p.n, p.n.attrs
    s = Scalars(p.wide)
    ins: list[tuple[Any, Any, TensorType | None]] = [(raw.value, _identity(raw.type), raw.type)]
    mask_type = n.types[mask]
    if mask_type is not None and stage in ("biased", "softmax"):
        value, t = _as_rank_4(b, n.operands[mask], mask_type)
        q, k = n.typed(0), n.typed(1)
        value, t = read_over(b, value, t, (raw.type.shape[0], *q.shape[1:3], k.shape[2]))
        value, t = p.split(value, t)
        ins.append((value, broadcast_map(t.shape, raw.type.shape), t))
    lengths = n.types[mask + 1]
    if lengths is not None and stage in ("biased", "softmax"):
        batch = ir.AffineMap.get(raw.type.rank, 0, [ir.AffineExpr.get_dim(0)])
        ins.append((n.operands[mask + 1], batch, lengths))
    scale = _scale(p)
    limits = _Limits(raw.type, attrs, b) if stage in ("biased", "softmax") else None

    def body(x: Any, *rest: Any) -> Any:
        others = list(rest[:-1])
        x = s.mul(x, scale())
        if attrs["softcap"] > 0 and stage != "scaled":
            cap = s.const(attrs["softcap"])
            x = s.mul(cap, s.math("tanh", s.div(x, cap)))
        if limits is None:
            return x
        if mask_type is not None:
            m = others.pop(0)
            lowest = s.const(-math.inf)
            if mask_type.dtype is DType.BOOL:
                x = s.select(m, x, lowest)
            else:
                x = s.add(x, cast(m, mask_type.dtype, p.wide))
        length = cast(others.pop(0), lengths.dtype, DType.I64) if lengths is not None else None
        allowed = limits.allowed(length)
        return x if allowed is None else s.select(allowed, x, s.const(-math.inf))

    value = b.generic(
        [raw.type],
        [(v, m) for v, m, _ in ins],
        ["parallel"] * raw.type.rank,
        body,
        in_types=[t for _, _, t in ins],
    )[0]
    return Full(value, raw.type)


def _scale(p: _Problem) -> Callable[[], Any]:
    """A function that gives the scale where it is called."""
    s, head = Scalars(p.wide), p.n.typed(0).shape[3]
    given = p.n.attrs["scale"]
    if given is not None or isinstance(head, int):
        return lambda: s.const(given if given is not None else 1 / math.sqrt(int(str(head))))
    size = arith.SIToFPOp(s.type, _to_i64(p.b.size(head))).result
    inverse = s.div(s.const(1), s.math("sqrt", size))
    return lambda: inverse


class _Limits:
    """Which keys a query may see by position; builds the test inside a body."""

    def __init__(self, t: TensorType, attrs: dict[str, Any], b: Builder) -> None:
        self.rank = t.rank
        self.attrs = attrs
        self.rows = b.size(t.shape[-2])
        self.shift = None
        new = t.shape[-2] if attrs["new_keys"] is None else attrs["new_keys"]
        if attrs["align"] == "bottom_right" and t.shape[-1] != new:
            self.shift = b.size(t.shape[-1] - new)

    def allowed(self, length: Any | None) -> Any | None:
        """An i1, or None when every key is allowed. `length`: the sample's number of keys, i64."""
        i64 = Scalars(DType.I64)
        causal, left, right = (self.attrs[a] for a in ("causal", "left_window", "right_window"))
        tests: list[Any] = []
        if length is None and not causal and left < 0 and right < 0:
            return None
        j = _position(self.rank - 1)
        query = _position(self.rank - 2)
        if length is not None:
            tests.append(i64.cmp("lt", j, length))
            query = i64.add(query, i64.sub(length, _to_i64(self.rows)))
        elif self.shift is not None:
            query = i64.add(query, _to_i64(self.shift))
        if causal:
            tests.append(i64.cmp("le", j, query))
        if left >= 0:
            tests.append(i64.cmp("le", i64.sub(query, j), i64.const(left)))
        if right >= 0:
            tests.append(i64.cmp("le", i64.sub(j, query), i64.const(right)))
        out = tests[0]
        for test in tests[1:]:
            out = i64.and_(out, test)
        return out


def _position(dim: int) -> Any:
    return _to_i64(linalg.IndexOp(dim).result)


def _to_i64(index: Any) -> Any:
    return arith.IndexCastOp(ir.Type.parse("i64"), index).result


def _identity(t: TensorType) -> Any:
    return ir.AffineMap.get_identity(t.rank)


def _as_rank_4(b: Builder, value: Any, t: TensorType) -> tuple[Any, TensorType]:
    return b.reshape(value, t, (1,) * (4 - t.rank) + t.shape)


def _softmax(p: _Problem, x: Full) -> Full:
    """Softmax over the last dim; rows of -inf give 0."""
    rows = Rows(p.b, x.type.shape, [x.type.rank - 1], p.wide)
    s = rows.s
    if _never_empty(p):
        from aicc.passes.linalg.softmax import softmax_rows

        return softmax_rows(rows, x, p.wide)
    top = rows.reduce([x], -math.inf, lambda v, acc: s.max(acc, v))

    def exponential(v: Any, m: Any) -> Any:
        empty = s.cmp("eq", m, s.const(-math.inf))
        return s.math("exp", s.sub(v, s.select(empty, s.const(0), m)))

    def divided(v: Any, t: Any) -> Any:
        empty = s.cmp("eq", t, s.const(0))
        return s.mul(v, s.div(s.const(1), s.select(empty, s.const(1), t)))

    e = rows.each([x, top], exponential)
    total = rows.reduce([e], 0, lambda v, acc: s.add(acc, v))
    return rows.each([e, total], divided)


def _never_empty(p: _Problem) -> bool:
    """Whether each row surely has an allowed key: no mask, and a frontier that starts at the first key."""
    attrs = p.n.attrs
    masked = any(t is not None for t in p.n.types[(3 if p.n.op.name == "attention" else 2) :])
    return (
        not masked
        and not (attrs["causal"] and attrs["align"] == "bottom_right")
        and max(attrs["left_window"], attrs["right_window"]) < 0
    )
