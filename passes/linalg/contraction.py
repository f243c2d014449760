"""Matmul and einsum as one contraction: `linalg.generic` with the body `mulf, addf`.

Iteration dims are batch, rows (m), columns (n), then what is summed; the last column dim belongs to the
second operand, so that a kernel finds the dim it vectorizes there.

    %y = "aicc.matmul"(%a, %b) : [b, m, k] x [k, n]
    -->
    %y = linalg.generic {maps = [(b,m,n,k) -> (b,m,k), (b,m,n,k) -> (k,n), (b,m,n,k) -> (b,m,n)]} …
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from aicc.bindings import ir
from aicc.dialects.contraction import label_sizes, split_equation
from aicc.dialects.types import TensorType
from aicc.passes.linalg.broadcasts import read_over
from aicc.passes.linalg.builder import Body, Builder, Lowered, lowering
from aicc.passes.linalg.elementwise import compute_dtype
from aicc.passes.linalg.scalars import Scalars, cast

Operand = tuple[Any, TensorType, str]
"""A tensor with a label per dim."""


@lowering("matmul")
def matmul(b: Builder, n: Lowered) -> Any:
    a, c = n.typed(0), n.typed(1)
    left, right, out = matmul_terms(a, c, **n.attrs)
    return contract(b, [(n.operands[0], a, left), (n.operands[1], c, right)], out, n.results[0], shared="k")


def matmul_terms(
    a: TensorType, c: TensorType, trans_a: bool = False, trans_b: bool = False
) -> tuple[str, str, str]:
    """The labels of the operands' dims and of the result's."""
    rank = max(a.rank, c.rank) - 2
    batch = [chr(ord("A") + i) for i in range(max(rank, 0))]
    left = _term(a, batch, "mk", trans_a, "k")
    right = _term(c, batch, "kn", trans_b, "k")
    return left, right, "".join(batch) + ("m" if a.rank > 1 else "") + ("n" if c.rank > 1 else "")


def _term(t: TensorType, batch: Sequence[str], matrix: str, transposed: bool, vector: str) -> str:
    if t.rank == 1:
        return vector
    own = batch[len(batch) - (t.rank - 2) :] if t.rank > 2 else []
    return "".join(own) + (matrix[::-1] if transposed else matrix)


@lowering("einsum")
def einsum(b: Builder, n: Lowered) -> Any:
    terms, out = split_equation(n.attrs["equation"])
    present = [(v, t) for v, t in zip(n.operands, n.types, strict=True) if t is not None]
    operands = [(v, t, term) for (v, t), term in zip(present, terms, strict=True)]
    if len(operands) == 2 and out and out[-1] not in operands[1][2]:
        operands.reverse()
    return contract(b, operands, out, n.results[0])


def contract(
    b: Builder,
    operands: Sequence[Operand],
    out: str,
    result: TensorType,
    product: Body | None = None,
    *,
    shared: str = "",
) -> Any:
    """The sum of products of one or two labelled operands; halves accumulate in f32. With `product(a, b, sum)`
    two operands of other dtypes are read as they are. Dims broadcast, except those labelled in `shared`."""
    wide = compute_dtype(result.dtype)
    s = Scalars(wide)
    if product is None:
        operands = [(*_widened(b, v, t, wide), term) for v, t, term in operands]
    labels = dim_order([term for _, _, term in operands], out)
    sizes = label_sizes([term for _, _, term in operands], [t.shape for _, t, _ in operands], shared)
    position = {label: i for i, label in enumerate(labels)}
    operands = [
        (*read_over(b, v, t, [sizes[c] for c in term], [c not in shared for c in term]), term)
        for v, t, term in operands
    ]
    maps = [_map(term, t, position, sizes) for _, t, term in operands]
    out_map = ir.AffineMap.get(len(labels), 0, [ir.AffineExpr.get_dim(position[c]) for c in out])
    iterators = ["parallel" if c in out else "reduction" for c in labels]
    total = TensorType(result.shape, wide)
    is_copy = "reduction" not in iterators and len(operands) == 1

    def body(*xs: Any) -> Any:
        if is_copy:
            return xs[0]
        if product is not None:
            return product(*xs)
        return s.add(xs[-1], xs[0] if len(operands) == 1 else s.mul(xs[0], xs[1]))

    value = b.generic(
        [total],
        [(v, m) for (v, _, _), m in zip(operands, maps, strict=True)],
        iterators,
        body,
        out_maps=[out_map],
        inits=[b.empty(total) if is_copy else b.fill(total, 0)],
    )[0]
    if wide is result.dtype:
        return value
    return b.pointwise(result, [(value, total)], lambda v: cast(v, wide, result.dtype))


def dim_order(terms: Sequence[str], out: str) -> list[str]:
    """Labels in the order of the iteration space: batch, rows, columns, summed."""
    if len(terms) == 1:
        return [*out, *dict.fromkeys(c for c in terms[0] if c not in out)]
    left, right = terms
    batch = [c for c in out if c in left and c in right]
    rows = [c for c in out if c in left and c not in right]
    columns = [c for c in out if c not in left]
    return [*batch, *rows, *columns, *dict.fromkeys(c for c in left + right if c not in out)]


def _map(term: str, t: TensorType, position: dict[str, int], sizes: dict[str, Any]) -> Any:
    """How an operand is read; a size of 1 that broadcasts is read at 0."""
    exprs = [
        ir.AffineExpr.get_constant(0) if d == 1 and sizes[c] != 1 else ir.AffineExpr.get_dim(position[c])
        for c, d in zip(term, t.shape, strict=True)
    ]
    return ir.AffineMap.get(len(position), 0, exprs)


def _widened(b: Builder, value: Any, t: TensorType, wide: Any) -> tuple[Any, TensorType]:
    if t.dtype is wide:
        return value, t
    out = t.with_dtype(wide)
    return b.pointwise(out, [(value, t)], lambda x: cast(x, t.dtype, wide)), out
