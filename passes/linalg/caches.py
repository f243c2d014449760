"""Caches that grow or are written to: each entry of the result is read where it comes from, and written once.

before --> after
  aicc.cache_write(past, new, starts, size)
    -->  linalg.generic over the entries that past has  { t - starts[b] in new ? new : past }
         linalg.generic over those behind them          { new }
         tensor.insert_slice of both
"""

from __future__ import annotations

from typing import Any

from aicc.bindings import arith, ir, tensor
from aicc.dialects.symbolic import DimLike, dim_min
from aicc.dialects.types import TensorType
from aicc.passes.linalg.builder import Builder, Lowered, lowering
from aicc.passes.linalg.requirements import require_equal, require_readable
from aicc.passes.linalg.shape import name_symbol, unnamed_symbols
from aicc.passes.linalg.views import extract_slice, index_of, insert_slice, stored


@lowering("cache_write")
def cache_write(b: Builder, n: Lowered) -> Any:
    past, new = stored(n.typed(0)), stored(n.typed(1))
    out = stored(n.results[0])
    (size,) = b.scalars(n.operands[3], n.typed(3).plain())
    for symbol in unnamed_symbols(b, out.shape[2]):
        name_symbol(b, symbol, b.to_index(size))
    for d in (0, 1, 3):
        require_equal(b, past.shape[d], new.shape[d], "a cache and new entries differ in their number alone")
    require_equal(b, past.shape[0], n.typed(2).shape[0], "each sample has a start")
    require_readable(b, new.shape[2], out.shape[2])
    if past.shape[2] == 0:
        return _entries(b, n, out, 0)
    kept = dim_min(past.shape[2], out.shape[2])
    zero = [0, 0, 0, 0]
    old, old_t = extract_slice(b, n.operands[0], past, zero, (*out.shape[:2], kept, out.shape[3]))
    whole = insert_slice(b, _entries(b, n, old_t, 0, old), old_t, b.empty(out), zero)
    rest = TensorType((*out.shape[:2], out.shape[2] - kept, out.shape[3]), out.dtype)
    return insert_slice(b, _entries(b, n, rest, kept), rest, whole, [0, 0, kept, 0])


def _entries(b: Builder, n: Lowered, out: TensorType, first: DimLike, old: Any = None) -> Any:
    """The entries from `first` on: new ones, and where there are none those of `old`."""
    new, length = n.operands[1], n.typed(1).shape[2]
    sample = ir.AffineMap.get(4, 0, [ir.AffineExpr.get_dim(0)])
    ins = [(n.operands[2], sample)]
    if old is not None:
        ins.append((old, ir.AffineMap.get_identity(4)))
    last, offset = b.size(length - 1), b.size(first)
    zero = b.index(0)

    def entry(start: Any, *others: Any) -> Any:
        at = index_of(2)
        at = arith.AddIOp(at, offset).result if first != 0 else at
        at = arith.SubIOp(at, b.to_index(start)).result
        inside = arith.MaxSIOp(arith.MinSIOp(at, last).result, zero).result
        found = tensor.ExtractOp(new, [index_of(0), index_of(1), inside, index_of(3)]).result
        if old is None:
            return found
        is_new = arith.CmpIOp(arith.CmpIPredicate.eq, at, inside).result
        return arith.SelectOp(is_new, found, others[0]).result

    return b.generic([out], ins, ["parallel"] * 4, entry)[0]
