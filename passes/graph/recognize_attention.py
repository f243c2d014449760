"""Recognizes scaled dot-product attention.

    matmul(softmax(matmul(q, kᵀ) * scale + mask), v)   -->  attention(q, k, v, mask) {scale}

* The scale may be a factor or divisor of the product, of q, of k, or of several.
* Masks are added, or selected by `where(keep, scores, -inf or a number near the dtype's lowest)`; several add up.
* `c * tanh(scores / c)` before the masks becomes `softcap`.
* `where(is_nan(p), 0, p)` around the softmax is what attention does in rows without an allowed key.
* Keys and values repeated for groups of heads (`reshape(expand(k[B, H, 1, S, D]))`) are read unrepeated.
* Operands of rank 3 get a batch of 1. Softmax in f32 of half-precision scores is what attention does.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np

from aicc.dialects.types import DType
from aicc.passes.base import Pass, PassContext
from aicc.passes.graph import simplify_movement, simplify_transposes
from aicc.passes.graph.algebra import close, monomial
from aicc.passes.graph.facts import kind
from aicc.passes.graph.rewrite import Pattern, Rewriter, apply, pattern
from aicc.passes.graph.simplify_movement import build_reshape, constant_shape

_ABSORBING = {DType.F64: -1e18, DType.F32: -9e8, DType.BF16: -9e8}
"""Added to any score of sane size, a number below this gives itself: masking by `where` and by adding agree."""
_NEGLIGIBLE = -1e4
"""`exp` of a score this low, relative to any other score of sane size, is 0."""
_LOOK_AT_BYTES = 1 << 20


@dataclass(frozen=True)
class RecognizeAttention(Pass):
    """See the module."""

    pass_name: ClassVar[str] = "recognize-attention"

    def run(self, module: Any, ctx: PassContext) -> None:
        apply(module, ctx, (*PATTERNS, *simplify_transposes.PATTERNS, simplify_movement.merge_views))


@dataclass
class _Scores:
    """What is found on the way from the softmax down to `matmul(q, kᵀ)`."""

    scale: float = 1.0
    softcap: float = 0.0
    added: list[Any] = field(default_factory=list)
    selected: list[tuple[Any, bool, Any]] = field(default_factory=list)
    """(condition, whether true keeps the score, the value elsewhere)"""
    ops: list[Any] = field(default_factory=list)
    product: Any = None


@pattern("matmul")
def attention(rw: Rewriter, op: Any) -> bool:
    """See the module."""
    attrs = rw.attrs(op)
    weights, v = op.operands
    if (
        attrs["trans_a"]
        or attrs["trans_b"]
        or rw.rank(weights) not in (3, 4)
        or rw.rank(v) != rw.rank(weights)
    ):
        return False
    found = _softmax(rw, weights)
    if found is None:
        return False
    softmax, outer = found
    scores = _read_scores(rw, softmax.operands[0], rw.shape(v)[-2])
    if scores is None:
        return False
    q, k = scores.product.operands
    scores.ops += [*outer, scores.product]
    if not _plain_product(rw, scores.product) or not _same_heads(rw, q, k, v):
        return False
    masks = [*scores.added, *(c for c, _, _ in scores.selected)]
    if rw.rank(v) == 3 and any(
        constant_shape(rw.shape(x), (1, *rw.shape(x))) is None for x in (q, k, v, *masks)
    ):
        return False
    rw.at(op, *scores.ops)
    q, k = _unscaled(rw, q, scores), _unscaled(rw, k, scores)
    if not rw.attrs(scores.product)["trans_b"]:
        k = rw.build("transpose", k, perm=(*range(rw.rank(k) - 2), rw.rank(k) - 1, rw.rank(k) - 2))
    full = rw.shape(scores.product.results[0])
    mask = _mask(rw, scores, full)
    if len(full) == 3:
        q, k, v = (build_reshape(rw, x, (1, *rw.shape(x))) for x in (q, k, v))
    out = rw.build(
        "attention", q, k, v, mask, None, scale=_usual(scores.scale, rw, q), softcap=scores.softcap
    )
    if len(full) == 3:
        out = rw.build("squeeze", out, axes=(0,))
    return rw.replace(op, out)


def _softmax(rw: Rewriter, value: Any) -> tuple[Any, list[Any]] | None:
    """The softmax along the last axis that `value` is, behind a NaN guard or a cast, and those ops."""
    outer = []
    cast = rw.inner(value, "cast")
    if cast is not None and rw.dtype(value) in (DType.F16, DType.BF16):
        outer.append(cast)
        value = cast.operands[0]
    guard = rw.inner(value, "where")
    if guard is not None:
        condition, zero, other = guard.operands
        test = rw.inner(condition, "is_nan")
        if test is None or rw.scalar(zero) != 0 or test.operands[0] != other or len(rw.users(other)) != 2:
            return None
        outer += [guard, test]
        value = other
        softmax = rw.producer(value, "softmax")
    else:
        softmax = rw.inner(value, "softmax")
    if softmax is None or rw.attrs(softmax)["axis"] != rw.rank(value) - 1:
        return None
    return softmax, [*outer, softmax]


def _read_scores(rw: Rewriter, value: Any, keys: Any) -> _Scores | None:
    """Follows masks, then the soft cap, then scales, down to the product of q and k.

    Masks do not broadcast the scores. One whose number of keys has another name might, but not where that of the
    scores is the `keys` of v: then the product with v would not fit.
    """
    s = _Scores()
    cast = rw.inner(value, "cast")
    if (
        cast is not None
        and rw.dtype(cast.operands[0]) in (DType.F16, DType.BF16)
        and rw.dtype(value) is DType.F32
    ):
        s.ops.append(cast)
        value = cast.operands[0]
    *outer, columns = rw.shape(value)
    masks_allowed = True
    while True:
        op = rw.inner(value, "matmul", "add", "sub", "mul", "div", "where", "tanh")
        shape = rw.shape(value)
        if op is None or list(shape[:-1]) != outer:
            return None
        s.ops.append(op)
        name = kind(op)
        if name == "matmul":
            s.product = op
            return s if shape[-1] in (columns, keys) else None
        if name == "add" and masks_allowed:
            side = next((i for i in (0, 1) if _leads_to_product(rw, op.operands[i])), None)
            if side is None:
                return None
            s.added.append(op.operands[1 - side])
            value = op.operands[side]
        elif name == "where" and masks_allowed:
            condition, a, b = op.operands
            keep = _leads_to_product(rw, a)
            score, other = (a, b) if keep else (b, a)
            low = rw.scalar(other)
            if low is None or not _masks(rw, low, rw.dtype(value), condition, keep, shape):
                return None
            s.selected.append((condition, keep, other))
            value = score
        elif name in ("mul", "div"):
            masks_allowed = False
            m = monomial(rw, value)
            inner = next(iter(m.factors), None)
            if len(m.factors) != 1 or m.factors[inner] != 1.0:
                return None
            bend = rw.inner(inner, "tanh")
            if bend is not None:
                below = monomial(rw, bend.operands[0])
                base = next(iter(below.factors), None)
                if s.softcap or s.scale != 1.0 or not below.is_product_of(base) or m.coefficient <= 0:
                    return None
                s.softcap = m.coefficient
                s.scale = below.coefficient * m.coefficient
                s.scale = 1.0 if close(s.scale, 1.0, rw.dtype(value)) else s.scale
                s.ops += [*m.ops, bend, *below.ops]
                value = base
            else:
                s.scale *= m.coefficient
                s.ops += m.ops
                value = inner
        else:
            return None


def _masks(rw: Rewriter, low: float, dtype: DType, condition: Any, keep: bool, full: Sequence[Any]) -> bool:
    """Whether scores replaced by `low` are as good as not there."""
    if low <= _ABSORBING.get(dtype, float("-inf")):
        return True
    return low <= _NEGLIGIBLE and _every_row_keeps(rw, condition, keep, full)


def _leads_to_product(rw: Rewriter, value: Any) -> bool:
    """Whether a chain of masks and scales with no other users starts at a matmul."""
    for _ in range(8):
        op = rw.inner(value, "matmul", "add", "mul", "div", "where", "tanh")
        if op is None:
            return False
        if kind(op) == "matmul":
            return True
        if kind(op) in ("add", "where"):
            operands = op.operands if kind(op) == "add" else list(op.operands)[1:]
            return any(_leads_to_product(rw, v) for v in operands)
        a, *rest = op.operands
        value = rest[0] if rest and rw.scalar(a) is not None else a
    return False


def _plain_product(rw: Rewriter, product: Any) -> bool:
    """Whether q is stored by rows, and k by rows or as a transpose that can be undone."""
    attrs = rw.attrs(product)
    if attrs["trans_a"] or rw.rank(product.operands[0]) != rw.rank(product.operands[1]):
        return False
    return attrs["trans_b"] or rw.producer(product.operands[1], "transpose", "mul") is not None


def _same_heads(rw: Rewriter, q: Any, k: Any, v: Any) -> bool:
    """Whether the batch dims of all three agree (no broadcasting)."""
    return rw.shape(q)[:-2] == rw.shape(k)[:-2] == rw.shape(v)[:-2]


def _unscaled(rw: Rewriter, value: Any, s: _Scores) -> Any:
    """`x` of `x * c`, with c taken into the scale."""
    if rw.inner(value, "mul", "div") is None:
        return value
    m = monomial(rw, value)
    x = next(iter(m.factors), None)
    if x is None or not m.is_product_of(x) or rw.shape(x) != rw.shape(value):
        return value
    s.scale *= m.coefficient
    return x


def _mask(rw: Rewriter, s: _Scores, full: Sequence[Any]) -> Any | None:
    """One mask operand out of everything that was added or selected."""
    if len(s.selected) == 1 and not s.added:
        condition, keep, low = s.selected[0]
        if rw.scalar(low) == float("-inf") or _every_row_keeps(rw, condition, keep, full):
            return condition if keep else rw.build("not", condition)
    if len(s.added) == 1 and not s.selected:
        chosen = rw.producer(s.added[0], "where")
        arms = (None, None) if chosen is None else tuple(rw.scalar(v) for v in list(chosen.operands)[1:])
        if chosen is not None and arms in ((0, -math.inf), (-math.inf, 0)):
            condition = chosen.operands[0]
            return condition if arms[0] == 0 else rw.build("not", condition)
    dtype = rw.dtype(s.product.results[0])
    terms = list(s.added)
    for condition, keep, low in s.selected:
        zero = rw.const(np.zeros((), dtype.numpy))
        dtype_low = low if rw.dtype(low) is dtype else rw.build("cast", low, to=dtype)
        terms.append(rw.build("where", condition, *((zero, dtype_low) if keep else (dtype_low, zero))))
    if not terms:
        return None
    mask = terms[0]
    for t in terms[1:]:
        mask = rw.build("add", mask, t)
    return mask


def _every_row_keeps(rw: Rewriter, condition: Any, keep: bool, full: Sequence[Any]) -> bool:
    """Whether a constant mask keeps a key in every row: then lowest numbers and -inf agree."""
    known = rw.constant(condition)
    weight = rw.producer(condition, "weight")
    if known is None and weight is not None:
        sym = rw.attrs(weight)["sym"]
        if sym in rw.weights and rw.weights.nbytes(sym) <= _LOOK_AT_BYTES:
            known = rw.weights.load(sym)
    if known is None or known.ndim == 0 or known.shape[-1] != full[-1]:
        return False
    return bool((known == keep).any(axis=-1).all())


def _usual(scale: float, rw: Rewriter, q: Any) -> float:
    """`scale`, or exactly `1 / sqrt(D)` when that is what it is but for rounding."""
    size = rw.shape(q)[-1]
    usual = 1 / math.sqrt(size) if isinstance(size, int) and size else scale
    return usual if close(scale, usual, rw.dtype(q)) else scale


@pattern("attention")
def shared_heads(rw: Rewriter, op: Any) -> bool:
    """`attention(q, repeated k, repeated v) --> attention(q, k, v)`: heads are shared, not copied"""
    q, k, v, *rest = rw.operands(op)
    sources = [_repeated_heads(rw, x) for x in (k, v)]
    if any(s is None for s in sources) or rw.shape(sources[0])[1] != rw.shape(sources[1])[1]:
        return False
    return rw.replace(op, rw.build("attention", q, *sources, *rest, **rw.attrs(op)))


def _repeated_heads(rw: Rewriter, value: Any) -> Any | None:
    """`x[B, H, S, D]` when value is `reshape(expand(reshape(x, [B, H, 1, S, D]), [B, H, g, S, D]))`."""
    merged = rw.producer(value, "reshape")
    grown = None if merged is None else rw.producer(merged.operands[0], "expand")
    split = None if grown is None else rw.producer(grown.operands[0], "reshape", "unsqueeze")
    if grown is None or split is None:
        return None
    x = split.operands[0]
    b, h, one, s, d = (*rw.shape(grown.operands[0]), *[None] * 5)[:5]
    grown_shape = rw.shape(grown.results[0])
    if rw.shape(x) != (b, h, s, d) or one != 1 or len(grown_shape) != 5:
        return None
    if (*grown_shape[:2], *grown_shape[3:]) != (b, h, s, d):
        return None
    return x if rw.shape(value) == (b, h * grown_shape[2], s, d) else None


PATTERNS: tuple[Pattern, ...] = (attention, shared_heads)
