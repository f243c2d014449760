"""Sums of products: matmul and einsum."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from aicc.dialects.attributes import Bool, Str
from aicc.dialects.broadcast import broadcast, broadcast_dim, same_dim
from aicc.dialects.numerics import Array, is_half, widened
from aicc.dialects.op import Attribute, Op, Operand, TypeRuleError
from aicc.dialects.symbolic import DimLike
from aicc.dialects.types import NUMERIC, TensorType


class MatMul(Op, name="matmul"):
    """NumPy's matmul: `[batch…, m, k] x [batch…, k, n] -> [batch…, m, n]`, batch dims broadcasting.

    An operand of rank 1 is a row on the left and a column on the right, its dimension absent from the
    result. `trans_a`, `trans_b` say that an operand is stored with its last two dims exchanged (rank 2 and
    up). f16 and bf16 accumulate in f32; integers wrap.
    """

    operands = (Operand("a", NUMERIC), Operand("b", NUMERIC, like="a"))
    attributes = (Attribute("trans_a", Bool, default=False), Attribute("trans_b", Bool, default=False))

    @staticmethod
    def infer(a: TensorType, b: TensorType, *, trans_a: bool, trans_b: bool) -> TensorType:
        for t, trans, name in ((a, trans_a, "a"), (b, trans_b, "b")):
            if t.rank == 0:
                raise TypeRuleError(f"operand '{name}' has rank 0; expected a vector or a matrix")
            if trans and t.rank < 2:
                raise TypeRuleError(f"attribute 'trans_{name}' needs a matrix, got {t}")
        a_shape = _swapped(a.shape) if trans_a else a.shape
        b_shape = _swapped(b.shape) if trans_b else b.shape
        left, right = a_shape[-1], b_shape[0 if b.rank == 1 else -2]
        if isinstance(left, int) and isinstance(right, int) and left != right:
            raise TypeRuleError(f"inner sizes differ: {left} of a, {right} of b")
        rows = a_shape[-2:-1]
        columns = b_shape[-1:] if b.rank > 1 else ()
        return TensorType((*broadcast(a_shape[:-2], b_shape[:-2]), *rows, *columns), a.dtype)

    @staticmethod
    def fold(a: Array, b: Array, *, trans_a: bool, trans_b: bool) -> Array:
        return _matmul(a, b, trans_a=trans_a, trans_b=trans_b)


@widened
def _matmul(a: Array, b: Array, *, trans_a: bool, trans_b: bool) -> Array:
    left = np.swapaxes(a, -1, -2) if trans_a else a
    out: Array = np.matmul(left, np.swapaxes(b, -1, -2) if trans_b else b)
    return out


def _swapped(shape: Sequence[DimLike]) -> tuple[DimLike, ...]:
    return (*shape[:-2], shape[-1], shape[-2])


class Einsum(Op, name="einsum"):
    """The sum of products over one or two operands that `equation` says: `ij,jk->ik`.

    Normal form: explicit output, no spaces, no ellipsis (the importer has spelled it out). A label twice
    in one operand takes the diagonal; sizes of 1 broadcast.
    """

    operands = (Operand("a", NUMERIC), Operand("b", NUMERIC, optional=True, like="a"))
    attributes = (Attribute("equation", Str),)

    @staticmethod
    def infer(a: TensorType, b: TensorType | None, *, equation: str) -> TensorType:
        terms, out = split_equation(equation)
        present = [t for t in (a, b) if t is not None]
        if len(terms) != len(present):
            raise TypeRuleError(f"attribute 'equation' has {len(terms)} terms for {len(present)} operands")
        sizes = label_sizes(terms, [t.shape for t in present])
        if len(set(out)) != len(out) or any(c not in sizes for c in out):
            raise TypeRuleError(f"attribute 'equation' has the invalid output '{out}'")
        return TensorType(tuple(sizes[c] for c in out), a.dtype)

    @staticmethod
    def fold(a: Array, b: Array | None, *, equation: str) -> Array:
        present = [x for x in (a, b) if x is not None]
        wide = [x.astype(np.float32) if is_half(x) else x for x in present]
        out: Array = np.einsum(equation, *wide)
        return np.asarray(out).astype(a.dtype)


def split_equation(equation: str) -> tuple[list[str], str]:
    """`"ij,jk->ik"` as `(["ij", "jk"], "ik")`. Raises TypeRuleError."""
    left, arrow, out = equation.partition("->")
    terms = left.split(",")
    if not arrow or not all((t + out).isalpha() or t + out == "" for t in terms):
        raise TypeRuleError(f"attribute 'equation' is '{equation}'; expected terms of letters and an output")
    return terms, out


def label_sizes(
    terms: Sequence[str], shapes: Sequence[Sequence[DimLike]], shared: str = ""
) -> dict[str, DimLike]:
    """The size of each label; the operands' sizes of labels in `shared` are equal, those of others broadcast.
    Raises TypeRuleError."""
    sizes: dict[str, DimLike] = {}
    for term, shape in zip(terms, shapes, strict=True):
        if len(term) != len(shape):
            raise TypeRuleError(f"term '{term}' does not fit an operand of rank {len(shape)}")
        for label, d in zip(term, shape, strict=True):
            agree = same_dim if label in shared else broadcast_dim
            sizes[label] = agree(sizes[label], d) if label in sizes else d
    return sizes
