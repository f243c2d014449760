"""Softmax, log-softmax and hardmax, row by row."""

from __future__ import annotations

import math
from typing import Any

from aicc.bindings import arith, ir, linalg
from aicc.dialects.types import DType
from aicc.passes.linalg.builder import Builder, Lowered, lowering
from aicc.passes.linalg.reduction import arg_extremum
from aicc.passes.linalg.rows import Full, Rows


def softmax_rows(rows: Rows, x: Full, dtype: DType) -> Full:
    """Softmax over the axes of `rows`: maximum, exp, sum, product with the reciprocal of the sum."""
    s = rows.s
    top = rows.reduce([x], -math.inf, lambda v, acc: s.max(acc, v))
    e = rows.each([x, top], lambda v, m: s.math("exp", s.sub(v, m)))
    total = rows.reduce([e], 0, lambda v, acc: s.add(acc, v))
    # the reciprocal does not change along a row, so that the division leaves the inner loop
    return rows.each([e, total], lambda v, t: s.mul(v, s.div(s.const(1), t)), dtype)


def _rows(b: Builder, n: Lowered) -> tuple[Rows, Full]:
    x = n.typed(0)
    return Rows(b, x.shape, [n.attrs["axis"]], x.dtype), Full(n.operands[0], x)


@lowering("softmax")
def softmax(b: Builder, n: Lowered) -> Any:
    rows, x = _rows(b, n)
    return softmax_rows(rows, x, n.results[0].dtype).value


@lowering("log_softmax")
def log_softmax(b: Builder, n: Lowered) -> Any:
    rows, x = _rows(b, n)
    s = rows.s
    top = rows.reduce([x], -math.inf, lambda v, acc: s.max(acc, v))
    total = rows.reduce([x, top], 0, lambda v, m, acc: s.add(acc, s.math("exp", s.sub(v, m))))
    shift = rows.per_row([total], lambda t: s.math("log", t))
    return rows.each([x, top, shift], lambda v, m, t: s.sub(s.sub(v, m), t), n.results[0].dtype).value


@lowering("hardmax")
def hardmax(b: Builder, n: Lowered) -> Any:
    rows, x = _rows(b, n)
    first = arg_extremum(rows, x, is_max=True, last=False)
    return rows.each([first], lambda i: _one_at(rows, n.attrs["axis"], i), n.results[0].dtype).value


def _one_at(rows: Rows, axis: int, position: Any) -> Any:
    here = arith.IndexCastOp(ir.Type.parse("i64"), linalg.IndexOp(axis).result).result
    hit = arith.CmpIOp(arith.CmpIPredicate.eq, here, position).result
    return rows.s.select(hit, rows.s.const(1), rows.s.const(0))
