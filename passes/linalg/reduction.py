"""Reductions along axes and positions of extrema."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from aicc.bindings import arith, ir, linalg
from aicc.dialects.symbolic import DimLike, product
from aicc.dialects.types import DType, TensorType
from aicc.passes.linalg.builder import Builder, Lowered, lowering
from aicc.passes.linalg.rows import Full, Row, Rows
from aicc.passes.linalg.scalars import Scalars, cast

Step = Callable[[Scalars, Any, Any], Any]


def _sum(s: Scalars, x: Any, acc: Any) -> Any:
    return s.add(acc, x)


STEPS: dict[str, Step] = {
    "reduce_sum": _sum,
    "reduce_mean": _sum,
    "reduce_log_sum": _sum,
    "reduce_prod": lambda s, x, acc: s.mul(acc, x),
    "reduce_max": lambda s, x, acc: s.max(acc, x),
    "reduce_min": lambda s, x, acc: s.min(acc, x),
    "reduce_l1": lambda s, x, acc: s.add(acc, s.abs(x)),
    "reduce_l2": lambda s, x, acc: s.add(acc, s.mul(x, x)),
    "reduce_sum_square": lambda s, x, acc: s.add(acc, s.mul(x, x)),
}
"""Per op: how an element enters the accumulator."""


def extreme(dtype: DType, lowest: bool) -> float | int:
    """The neutral element of max (`lowest`) or min."""
    if dtype is DType.BOOL:
        return 0 if lowest else 1
    if dtype.is_float:
        return -math.inf if lowest else math.inf
    if dtype.is_unsigned:
        return 0 if lowest else (1 << dtype.bits) - 1
    return -(1 << (dtype.bits - 1)) if lowest else (1 << (dtype.bits - 1)) - 1


def init_of(name: str, dtype: DType) -> float | int:
    """What a reduction starts from."""
    if name in ("reduce_max", "reduce_min"):
        return extreme(dtype, lowest=name == "reduce_max")
    return 1 if name == "reduce_prod" else 0


JOINS: dict[str, Step] = {name: STEPS[name] for name in ("reduce_prod", "reduce_max", "reduce_min")}
"""Per op: how results of parts are joined, where that is no sum."""
# At most so many results of at least so many elements are reduced in parts, for several threads.
_FEW, _MANY, _PARTS = 4, 1 << 17, 32


@lowering(*STEPS)
def reduce(b: Builder, n: Lowered) -> Any:
    """
    y = reduce(x)                              // [100000] --> []
      -->
    p = reduce(reshape(x)), y = join(p)        // [32, 3125] --> [32] --> []     (few results of many elements)
    """
    x, name = n.typed(0), n.op.name
    rows = Rows(b, x.shape, n.attrs["axes"], x.dtype)
    s = rows.s
    full, start = Full(n.operands[0], x), init_of(name, rows.dtype)
    parts = _parts(x.shape, rows.axes)
    if parts is None:
        total = rows.reduce([full], start, lambda v, acc: STEPS[name](s, v, acc))
    else:
        axis, count = parts
        split = (*x.shape[:axis], count, x.shape[axis] // count, *x.shape[axis + 1 :])
        value, t = b.reshape(n.operands[0], x, split)
        inner = Rows(b, split, [a if a < axis else a + 1 for a in rows.axes], x.dtype)
        partial = inner.reduce([Full(value, t)], start, lambda v, acc: STEPS[name](s, v, acc))
        place = axis - sum(a < axis for a in rows.axes)
        join = JOINS.get(name, _sum)
        outer = Rows(b, inner.row_shape, [place], partial.type.dtype)
        total = outer.reduce(
            [Full(partial.value, partial.type)], start, lambda v, acc: join(s, v, acc), partial.type.dtype
        )
    return _finished(b, n, rows, _after(rows, total, name))


def _parts(shape: Sequence[DimLike], axes: Sequence[int]) -> tuple[int, int] | None:
    """The reduced axis to cut, and in how many parts; None when there are results enough, or little to do."""
    sizes = [d for d in shape if isinstance(d, int)]
    if (
        len(sizes) < len(shape)
        or math.prod(sizes) < _MANY
        or math.prod(d for i, d in enumerate(sizes) if i not in axes) > _FEW
    ):
        return None
    for axis in sorted(axes):
        count = max(p for p in range(1, _PARTS + 1) if sizes[axis] % p == 0)
        if count >= _FEW:
            return axis, count
    return None


@lowering("reduce_log_sum_exp")
def log_sum_exp(b: Builder, n: Lowered) -> Any:
    t = n.typed(0)
    rows = Rows(b, t.shape, n.attrs["axes"], t.dtype)
    s = rows.s
    x = Full(n.operands[0], t)
    top = rows.reduce([x], -math.inf, lambda v, acc: s.max(acc, v))
    # an infinite maximum must not meet itself: inf - inf
    safe = rows.per_row(
        [top], lambda m: s.select(s.cmp("eq", s.math("absf", m), s.const(math.inf)), s.const(0), m)
    )
    total = rows.reduce([x, safe], 0, lambda v, m, acc: s.add(acc, s.math("exp", s.sub(v, m))))
    return _finished(b, n, rows, rows.per_row([total, safe], lambda v, m: s.add(s.math("log", v), m)))


def _after(rows: Rows, total: Row, name: str) -> Row:
    """What is done to the accumulated value of each row."""
    s = rows.s
    if name == "reduce_mean":
        return rows.per_row([total], _division_by_count(rows))
    if name == "reduce_log_sum":
        return rows.per_row([total], lambda v: s.math("log", v))
    if name == "reduce_l2":
        return rows.per_row([total], lambda v: _sqrt(s, v))
    return total


def _sqrt(s: Scalars, v: Any) -> Any:
    if s.dtype.is_float:
        return s.math("sqrt", v)
    root = Scalars(DType.F64).math("sqrt", cast(v, s.dtype, DType.F64))
    return cast(root, DType.F64, s.dtype)


def _division_by_count(rows: Rows) -> Callable[[Any], Any]:
    s = rows.s
    if s.dtype.is_float:
        inverse = rows.reciprocal_count()
        return lambda v: s.mul(v, inverse())
    count = product(rows.shape[a] for a in rows.axes)
    if isinstance(count, int):
        return lambda v: s.div(v, s.const(count))
    size = arith.IndexCastOp(ir.Type.parse("i64"), rows.b.size(count)).result
    divisor = cast(size, DType.I64, s.dtype)
    return lambda v: s.div(v, divisor)


def _finished(b: Builder, n: Lowered, rows: Rows, total: Row) -> Any:
    """Rounds to the result's dtype and puts reduced axes back as 1."""
    out = n.results[0]
    if total.type.dtype is not out.dtype:
        total = rows.per_row([total], lambda v: v, out.dtype)
    return b.reshape(total.value, TensorType(rows.row_shape, out.dtype), out.shape)[0]


def arg_extremum(rows: Rows, x: Full, *, is_max: bool, last: bool) -> Row:
    """The i64 position of the extremum along the only axis: the extremum first, then where it is.

    NaN is the extremum, as in NumPy.
    """
    s, i64 = rows.s, Scalars(DType.I64)
    best = rows.reduce(
        [x],
        extreme(rows.dtype, lowest=is_max),
        lambda v, acc: s.max(acc, v) if is_max else s.min(acc, v),
    )
    nowhere = -1 if last else (1 << 63) - 1

    def step(v: Any, m: Any, acc: Any) -> Any:
        hit = s.cmp("eq", v, m)
        if s.dtype.is_float:
            hit = s.or_(hit, s.is_nan(v))
        here = arith.IndexCastOp(ir.Type.parse("i64"), linalg.IndexOp(rows.axes[0]).result).result
        found = i64.select(hit, here, i64.const(nowhere))
        return i64.max(acc, found) if last else i64.min(acc, found)

    return rows.reduce([x, best], nowhere, step, DType.I64)


@lowering("arg_max", "arg_min")
def arg(b: Builder, n: Lowered) -> Any:
    t = n.typed(0)
    rows = Rows(b, t.shape, [n.attrs["axis"]], t.dtype)
    x = Full(n.operands[0], t)
    found = arg_extremum(rows, x, is_max=n.op.name == "arg_max", last=n.attrs["select_last_index"])
    return b.reshape(found.value, found.type, n.results[0].shape)[0]
