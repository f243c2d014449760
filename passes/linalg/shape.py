"""Ops that only change a shape, and tensors made from sizes."""

from __future__ import annotations

from typing import Any

from aicc.bindings import arith, ir
from aicc.dialects.sizes import elements
from aicc.dialects.symbolic import Dim, DimLike
from aicc.dialects.types import DType, TensorType
from aicc.passes.linalg.builder import Builder, Lowered, lowering
from aicc.passes.linalg.requirements import require_at_least, require_equal, require_unequal
from aicc.passes.linalg.scalars import Scalars, cast
from aicc.passes.linalg.views import index_of


def name_symbol(b: Builder, dim: DimLike, size: Any) -> None:
    """Gives the plain symbol `dim` the index value `size`, if it has none yet."""
    if isinstance(dim, Dim) and dim.is_symbol and not b.is_known(dim):
        ((mono, _),) = dim.terms.items()
        b.symbols[mono[0].args[0]] = size


def unnamed_symbols(b: Builder, dim: DimLike) -> list[DimLike]:
    """The plain symbols in `dim` that have no value yet: of a `broadcast` of a known size, the one that is left."""
    if isinstance(dim, int) or b.is_known(dim):
        return []
    if dim.is_symbol:
        return [dim]
    return [s for m in dim.terms for atom in m for d in atom.args for s in unnamed_symbols(b, as_size(d))]


def as_size(argument: Any) -> DimLike:
    """An argument of an atom: a size, or the name of a symbol."""
    return Dim.symbol(argument) if isinstance(argument, str) else argument


@lowering("reshape")
def reshape(b: Builder, n: Lowered) -> Any:
    out = n.results[0]
    if not all(b.is_known(d) for d in out.shape):
        _name_run_time_sizes(b, n)
    return b.reshape(n.operands[0], n.typed(0).plain(), out.shape)[0]


def _name_run_time_sizes(b: Builder, n: Lowered) -> None:
    """Sizes that only run time knows: elements of the shape, 0 and -1 resolved."""
    x_t, out = n.typed(0), n.results[0]
    zero, minus, one = b.index(0), b.index(-1), b.index(1)
    wanted = elements(n.typed(1)) or []
    raw = [b.to_index(e) for e in b.scalars(n.operands[1], n.typed(1).plain())]
    resolved: list[Any] = []
    for i, e in enumerate(raw):
        if b.is_known(out.shape[i]) and wanted[i] != -1:
            resolved.append(b.size(out.shape[i]))
            continue
        if not n.attrs["allowzero"] and i < x_t.rank:
            is_zero = arith.CmpIOp(arith.CmpIPredicate.eq, e, zero).result
            e = arith.SelectOp(is_zero, b.size(x_t.shape[i]), e).result
        resolved.append(e)
    rest: Any = one
    for e in resolved:
        negative = arith.CmpIOp(arith.CmpIPredicate.eq, e, minus).result
        rest = arith.MulIOp(rest, arith.SelectOp(negative, one, e).result).result
    total: Any = one
    for d in x_t.shape:
        total = arith.MulIOp(total, b.size(d)).result
    # an empty tensor has no remaining size: 0 rather than a trap
    remaining = arith.DivSIOp(total, arith.MaxSIOp(rest, one).result).result
    for d, e in zip(out.shape, resolved, strict=True):
        negative = arith.CmpIOp(arith.CmpIPredicate.eq, e, minus).result
        name_symbol(b, d, arith.SelectOp(negative, remaining, e).result)


@lowering("sized")
def sized(b: Builder, n: Lowered) -> Any:
    x_t, out = n.typed(0).plain(), n.results[0]
    for d, size in zip(x_t.shape, out.shape, strict=True):
        require_equal(b, d, size, f"a dim of {n.typed(0)} has another size than expected")
    return b.reshape(n.operands[0], x_t, out.shape)[0]


@lowering("required")
def required(b: Builder, n: Lowered) -> Any:
    require = {"at_least": require_at_least, "unequal": require_unequal}[n.attrs["relation"]]
    for d, size in zip(n.results[0].shape, n.attrs["sizes"], strict=True):
        if size != -1:
            require(b, d, size, n.attrs["what"])
    return n.operands[0]


@lowering("squeeze", "unsqueeze")
def unit_dims(b: Builder, n: Lowered) -> Any:
    return b.reshape(n.operands[0], n.typed(0).plain(), n.results[0].shape)[0]


@lowering("constant_of_shape")
def constant_of_shape(b: Builder, n: Lowered) -> Any:
    for d, e in zip(n.results[0].shape, _scalars(b, n.operands[0], n.typed(0)), strict=True):
        name_symbol(b, d, e)
    return b.fill(n.results[0].plain(), n.attrs["value"].reshape(()).item())


def _scalars(b: Builder, value: Any, t: TensorType) -> list[Any]:
    return [b.to_index(e) for e in b.scalars(value, t.plain())]


@lowering("range")
def range_(b: Builder, n: Lowered) -> Any:
    """`y[i] = start + i·delta`, and `ceil((limit − start) / delta)` elements."""
    out = n.results[0].plain()
    start, limit, delta = (b.scalars(v, n.typed(i).plain())[0] for i, v in enumerate(n.operands))
    s = Scalars(out.dtype)
    if not b.is_known(out.shape[0]):
        name_symbol(b, out.shape[0], _count(b, s, start, limit, delta))
    i64 = ir.IntegerType.get_signless(64)

    def element(_: Any) -> Any:
        i = arith.IndexCastOp(i64, index_of(0)).result
        return s.add(start, s.mul(cast(i, DType.I64, out.dtype), delta))

    return b.generic([out], [], ["parallel"], element)[0]


def _count(b: Builder, s: Scalars, start: Any, limit: Any, delta: Any) -> Any:
    difference = s.sub(limit, start)
    if s.dtype.is_float:
        quotient = s.math("ceil", s.div(difference, delta))
        count = cast(quotient, s.dtype, DType.I64)
    else:
        wide = Scalars(DType.I64)
        d, step = (cast(v, s.dtype, DType.I64) for v in (difference, delta))
        step = wide.select(wide.cmp("eq", step, wide.const(0)), wide.const(1), step)
        count = arith.CeilDivSIOp(d, step).result
    return arith.MaxSIOp(b.to_index(count), b.index(0)).result
