"""Products of integers with a scale for each block, in linalg: rows that are rounded, and one generic that sums.

before --> after
  aicc.quantize_rows(x)
    -->  linalg.generic {absf, maximumf}, {divf, mulf, roundeven, fptosi}, {sitofp, addf} and what is of a block;
         of several rows a transposition: blocks come first
  aicc.block_integer_matmul(q, scale, mean, words, scale)
    -->  linalg.generic (.., n, block, word, number) { shrui, andi, extsi, muli, sitofp, mulf mean, subf, mulf, addf }
"""

from __future__ import annotations

from typing import Any

from aicc.bindings import arith, ir, linalg
from aicc.dialects.integer_blocks import LARGEST, LEAST_ABSOLUTE, SHIFTS
from aicc.dialects.types import DType, TensorType
from aicc.passes.linalg.builder import Builder, Lowered, lowering
from aicc.passes.linalg.packed_weights import nibble, summed
from aicc.passes.linalg.rows import Full, Rows
from aicc.passes.linalg.scalars import Scalars, cast


@lowering("quantize_rows")
def quantize_rows(b: Builder, n: Lowered) -> list[Any]:
    x, block = n.typed(0), n.attrs["block"]
    depth = x.shape[-1]
    assert isinstance(depth, int)
    split, t = b.reshape(n.operands[0], x, (*x.shape[:-1], depth // block, block))
    rows = Rows(b, t.shape, [t.rank - 1], DType.F32)
    s = rows.s
    full = Full(split, t)
    largest = rows.reduce([full], LEAST_ABSOLUTE, lambda v, most: s.max(most, s.abs(v)))

    def rounded(v: Any, most: Any) -> Any:
        y = s.math("roundeven", s.mul(v, s.div(s.const(LARGEST), most)))
        # of an infinity, or beside one: a conversion of NaN is not defined
        return arith.FPToSIOp(ir.Type.parse("i8"), s.select(s.is_nan(y), s.const(0), y)).result

    q = rows.each([full, largest], rounded, DType.I8)
    total = rows.reduce([q], 0, lambda v, total: s.add(total, cast(v, DType.I8, DType.F32)))
    mean = rows.per_row([total], lambda v: s.div(v, s.const(block)))
    scale = rows.per_row([largest], lambda most: s.div(most, s.const(LARGEST)))
    return [_blocks_first(b, found.value, found.type, x.rank - 1) for found in (q, scale, mean)]


def _blocks_first(b: Builder, value: Any, t: TensorType, dim: int) -> Any:
    """Dim `dim` before all others: a view where there is one block, or one row."""
    order = [dim, *(d for d in range(t.rank) if d != dim)]
    if t.shape[dim] == 1 or all(size == 1 for size in t.shape[:dim]):
        return b.reshape(value, t, [t.shape[d] for d in order])[0]
    return b.transpose(value, t, order)[0]


@lowering("block_integer_matmul")
def block_integer_matmul(b: Builder, n: Lowered) -> Any:
    q, words, bits = n.typed(0), n.typed(3), n.attrs["bits"]
    blocks, steps, _ = words.shape
    split, _ = b.reshape(n.operands[0], q, (*q.shape[:-1], steps, len(SHIFTS[bits])))
    rows = q.rank - 2
    dims = [ir.AffineExpr.get_dim(d) for d in range(rows + 4)]
    column, block, step, number = dims[rows:]

    def over(*exprs: Any) -> Any:
        return ir.AffineMap.get(rows + 4, 0, list(exprs))

    ins = [(split, over(block, *dims[:rows], step, number))]
    ins += [(n.operands[i], over(block, *dims[:rows])) for i in (1, 2)]
    ins.append((n.operands[3], over(block, step, column)))
    ins += [(n.operands[i], over(block, column)) for i in (4, 5) if n.operands[i] is not None]
    out = TensorType(n.results[0].shape, DType.F32)

    def body(value: Any, scale: Any, mean: Any, word: Any, weight_scale: Any, *others: Any) -> Any:
        f, i = Scalars(DType.F32), Scalars(DType.I32)
        product = i.mul(cast(value, DType.I8, DType.I32), _number(word, bits, rows + 3))
        middle = f.const(1 << (bits - 1))
        if len(others) == 2:
            middle = f.add(cast(others[0], DType.I8, DType.F32), middle)
        term = f.sub(cast(product, DType.I32, DType.F32), f.mul(middle, mean))
        return f.add(others[-1], f.mul(term, f.mul(scale, weight_scale)))

    return summed(b, out, ins, body)


def _number(word: Any, bits: int, dim: int) -> Any:
    """An unsigned number of a word, in i32; the index of dim `dim` says which."""
    if bits == 4:
        return nibble(word, dim)
    i = Scalars(DType.I32)
    which = arith.IndexCastOp(i.type, linalg.IndexOp(dim).result).result
    return i.and_(arith.ShRUIOp(word, i.mul(which, i.const(8))).result, i.const(255))
