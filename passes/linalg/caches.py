"""Caches that are written to: the entries of the past stay where they are, new ones are written over some of them.

before --> after
  aicc.cache_write(past, new, starts, size)
    -->  tensor.insert_slice of the past, and of zeros behind it, unless the result has exactly its size
         scf.for over heads, samples, new entries: tensor.insert into that

*buffers* writes new entries into the past's own memory where it may: then nothing else of it moves.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from aicc.bindings import arith, ir, scf, tensor
from aicc.dialects.symbolic import dim_min
from aicc.dialects.types import TensorType
from aicc.passes.linalg.builder import Builder, Lowered, lowering
from aicc.passes.linalg.loops import loop_nest
from aicc.passes.linalg.requirements import require_equal
from aicc.passes.linalg.shape import name_symbol, unnamed_symbols
from aicc.passes.linalg.views import extract_slice, insert_slice, stored


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
    return _written(b, n, out, _resized(b, n, past, out))


def _resized(b: Builder, n: Lowered, past: TensorType, out: TensorType) -> Any:
    """The past with as many entries as the result has: cut off, or followed by zeros."""
    if past.shape == out.shape:
        return n.operands[0]
    kept = 0 if past.shape[2] == 0 else dim_min(past.shape[2], out.shape[2])
    shape = (*out.shape[:2], kept, out.shape[3])
    old, old_t = extract_slice(b, n.operands[0], past, [0, 0, 0, 0], shape)
    whole = insert_slice(b, old, old_t, b.empty(out), [0, 0, 0, 0])
    rest = TensorType((*out.shape[:2], out.shape[2] - kept, out.shape[3]), out.dtype)
    return insert_slice(b, b.fill(rest, 0), rest, whole, [0, 0, kept, 0])


def _written(b: Builder, n: Lowered, out: TensorType, cache: Any) -> Any:
    """
    for h, b, t, d in new: if 0 <= starts[b] + t < size: cache[b, h, starts[b] + t, d] = new[b, h, t, d]

    Heads come first: there are several, as a rule, and the iterations of the first loop may run side by side. All is
    within the last loop, which is one when others have one round and vanish: a kernel then.
    """
    new, size, zero = n.typed(1), b.size(out.shape[2]), b.index(0)
    samples, heads, entries, width = (b.size(d) for d in new.shape)

    def element(position: Sequence[Any], carried: Sequence[Any]) -> list[Any]:
        h, s, t, d = position
        start = b.to_index(tensor.ExtractOp(n.operands[2], [s]).result)
        at = arith.AddIOp(t, start).result
        compare = arith.CmpIPredicate
        bounds = [arith.CmpIOp(compare.sge, at, zero).result, arith.CmpIOp(compare.slt, at, size).result]
        inside = scf.IfOp(arith.AndIOp(*bounds).result, [cache.type], has_else=True)
        with ir.InsertionPoint(inside.then_block):
            value = tensor.ExtractOp(n.operands[1], [s, h, t, d]).result
            scf.YieldOp([tensor.InsertOp(value, carried[0], [s, h, at, d]).result])
        with ir.InsertionPoint(inside.else_block):
            scf.YieldOp([carried[0]])
        return list(inside.results)

    return loop_nest(b, [heads, samples, entries, width], [cache], element)[0]
