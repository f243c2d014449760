"""Determinants by Gaussian elimination with partial pivoting."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from aicc.bindings import arith, tensor
from aicc.dialects.types import TensorType
from aicc.passes.linalg.builder import Builder, Lowered, lowering
from aicc.passes.linalg.elementwise import compute_dtype
from aicc.passes.linalg.loops import loop, loop_nest
from aicc.passes.linalg.requirements import require_equal
from aicc.passes.linalg.scalars import Scalars, cast


@lowering("determinant")
def determinant(b: Builder, n: Lowered) -> Any:
    """
    for each matrix: det = 1
        for k: p = the row from k on with the largest |m[p, k]|; rows k and p change places (det = -det)
               det *= m[k, k]; every row below k loses m[i, k] / m[k, k] times row k
    """
    x, x_t, out = n.operands[0], n.typed(0).plain(), n.results[0].plain()
    wide = compute_dtype(x_t.dtype)
    s = Scalars(wide)
    require_equal(b, x_t.shape[-2], x_t.shape[-1], "the matrices must be square, but have sizes")
    size, zero, one = b.size(x_t.shape[-1]), b.index(0), b.index(1)
    matrix_t = TensorType(x_t.shape[-2:], wide)

    def at(m: Any, i: Any, j: Any) -> Any:
        return tensor.ExtractOp(m, [i, j]).result

    def put(m: Any, i: Any, j: Any, value: Any) -> Any:
        return tensor.InsertOp(value, m, [i, j]).result

    def each(position: Sequence[Any], carried: Sequence[Any]) -> list[Any]:
        result, matrix = carried

        def copied(ij: Sequence[Any], state: Sequence[Any]) -> list[Any]:
            value = tensor.ExtractOp(x, [*position, *ij]).result
            i, j = ij
            return [put(state[0], i, j, cast(value, x_t.dtype, wide))]

        matrix = loop_nest(b, [size, size], [matrix], copied)[0]

        def column(k: Any, state: Sequence[Any]) -> list[Any]:
            m, result = state
            det = tensor.ExtractOp(result, list(position)).result

            def larger(i: Any, best: Sequence[Any]) -> list[Any]:
                value = s.abs(at(m, i, k))
                below = arith.CmpIOp(arith.CmpIPredicate.sge, i, k).result
                wins = s.and_(below, s.cmp("gt", value, best[1]))
                return [arith.SelectOp(wins, i, best[0]).result, s.select(wins, value, best[1])]

            row = loop(b, size, [k, s.const(0.0)], larger)[0]
            same = arith.CmpIOp(arith.CmpIPredicate.eq, row, k).result
            det = s.select(same, det, s.neg(det))

            def swap(j: Any, inner: Sequence[Any]) -> list[Any]:
                upper, lower = at(inner[0], k, j), at(inner[0], row, j)
                return [put(put(inner[0], k, j, lower), row, j, upper)]

            m = loop(b, size, [m], swap)[0]
            pivot = at(m, k, k)
            det = s.mul(det, pivot)
            # of a singular matrix the determinant is 0 by now: any divisor will do
            divisor = s.select(s.cmp("eq", pivot, s.const(0.0)), s.const(1.0), pivot)
            below = arith.SubIOp(arith.SubIOp(size, k).result, one).result

            def reduce(r: Any, inner: Sequence[Any]) -> list[Any]:
                i = arith.AddIOp(arith.AddIOp(k, r).result, one).result
                factor = s.div(at(inner[0], i, k), divisor)

                def subtract(j: Any, deepest: Sequence[Any]) -> list[Any]:
                    value = s.sub(at(deepest[0], i, j), s.mul(factor, at(deepest[0], k, j)))
                    return [put(deepest[0], i, j, value)]

                return loop(b, size, [inner[0]], subtract)

            m = loop(b, arith.MaxSIOp(below, zero).result, [m], reduce)[0]
            return [m, tensor.InsertOp(det, result, list(position)).result]

        matrix, result = loop(b, size, [matrix, result], column)
        return [result, matrix]

    wide_t = out.with_dtype(wide)
    inits = [b.fill(wide_t, 1), b.fill(matrix_t, 0)]
    det = loop_nest(b, [b.size(d) for d in out.shape], inits, each)[0]
    return det if wide is out.dtype else b.pointwise(out, [(det, wide_t)], lambda v: cast(v, wide, out.dtype))
