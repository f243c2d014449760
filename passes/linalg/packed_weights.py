"""Products with packed weights in linalg: one generic that unpacks each number where it is multiplied.

before --> after
  aicc.packed_matmul(x, words, scale)
    -->  linalg.generic (.., n, block, step, number) { shrui, andi, subi, sitofp, mulf scale, mulf x, addf }
"""

from __future__ import annotations

from typing import Any

from aicc.bindings import arith, ir, linalg
from aicc.dialects.packed_weights import per_word
from aicc.dialects.types import DType, TensorType
from aicc.passes.linalg.builder import Builder, Lowered, lowering
from aicc.passes.linalg.scalars import Scalars, cast


@lowering("packed_matmul")
def packed_matmul(b: Builder, n: Lowered) -> Any:
    x, stored = n.typed(0), n.typed(1)
    blocks, steps, _ = stored.shape
    numbers = per_word(stored.dtype)
    split, _ = b.reshape(n.operands[0], x, (*x.shape[:-1], blocks, steps, numbers))
    rows = x.rank - 1
    dims = [ir.AffineExpr.get_dim(d) for d in range(rows + 4)]
    column, block, step, number = dims[rows:]
    present = [i for i in (2, 3) if n.operands[i] is not None]

    def over(*exprs: Any) -> Any:
        return ir.AffineMap.get(rows + 4, 0, list(exprs))

    ins = [(split, over(*dims[:rows], block, step, number)), (n.operands[1], over(block, step, column))]
    ins += [(n.operands[i], over(block, column)) for i in present]
    out = TensorType(n.results[0].shape, DType.F32)

    def body(value: Any, word: Any, *others: Any) -> Any:
        f = Scalars(DType.F32)
        weight = _number(word, stored.dtype, rows + 3)
        if len(present) == 2:
            weight = f.sub(weight, cast(others[1], DType.I8, DType.F32))
        if present:
            weight = f.mul(weight, others[0])
        return f.add(others[-1], f.mul(value, weight))

    return summed(b, out, ins, body)


def summed(b: Builder, out: TensorType, ins: list[tuple[Any, Any]], body: Any) -> Any:
    """A generic over the dims of `out`, then blocks, steps and numbers, which `body` sums up."""
    dims = [ir.AffineExpr.get_dim(d) for d in range(out.rank)]
    return b.generic(
        [out],
        ins,
        ["parallel"] * out.rank + ["reduction"] * 3,
        body,
        out_maps=[ir.AffineMap.get(out.rank + 3, 0, dims)],
        inits=[b.fill(out, 0)],
    )[0]


@lowering("dequantize_blocks")
def dequantize_blocks(b: Builder, n: Lowered) -> Any:
    x, out = n.typed(0), n.results[0]
    dims = [ir.AffineExpr.get_dim(d) for d in range(x.rank)]
    axis = n.attrs["axis"]
    by_block = [*dims[:axis], ir.AffineExpr.get_floor_div(dims[axis], n.attrs["block"]), *dims[axis + 1 :]]
    over = ir.AffineMap.get(x.rank, 0, by_block)
    present = [i for i in (1, 2) if n.operands[i] is not None]

    def body(value: Any, scale: Any, *others: Any) -> Any:
        i, f = Scalars(DType.I32), Scalars(DType.F32)
        value = cast(value, x.dtype, DType.I32)
        if len(present) == 2:
            value = i.sub(value, cast(others[0], x.dtype, DType.I32))
        return f.mul(cast(value, DType.I32, DType.F32), scale)

    return b.generic(
        [out],
        [(n.operands[0], ir.AffineMap.get_identity(x.rank)), *((n.operands[i], over) for i in present)],
        ["parallel"] * x.rank,
        body,
    )[0]


def _number(word: Any, stored: DType, dim: int) -> Any:
    """A stored number as f32; the index of dim `dim` says which of a word's."""
    if stored is not DType.U32:
        return cast(word, stored, DType.F32)
    i = Scalars(DType.I32)
    return cast(i.sub(nibble(word, dim), i.const(8)), DType.I32, DType.F32)


def nibble(word: Any, dim: int) -> Any:
    """Four bits of a word, those `NIBBLE_SHIFTS` says for the index of dim `dim`."""
    i = Scalars(DType.I32)
    which = arith.IndexCastOp(i.type, linalg.IndexOp(dim).result).result
    shift = i.add(i.mul(i.and_(which, i.const(3)), i.const(8)), i.and_(which, i.const(4)))
    return i.and_(arith.ShRUIOp(word, shift).result, i.const(15))
