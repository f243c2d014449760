"""Row-wise computation: reductions along axes, and elementwise work that reads a value per row.

Softmax and normalizations are sequences of these over one space, which fusion turns into one kernel:

    %s = linalg.generic reduction  ins(%x) outs(%zero)            sum of each row
    %v = linalg.generic reduction  ins(%x, %s) outs(%zero)        sum of (x - s/n)²
    %y = linalg.generic parallel   ins(%x, %s, %v)                (x - s/n) * rsqrt(v/n + ε)

Bodies compute in f32 for f16 and bf16; values per row have that dtype.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from aicc.bindings import arith, ir
from aicc.dialects.symbolic import DimLike, product
from aicc.dialects.types import DType, TensorType
from aicc.passes.linalg.broadcasts import read_over
from aicc.passes.linalg.builder import Builder, broadcast_map
from aicc.passes.linalg.elementwise import compute_dtype
from aicc.passes.linalg.scalars import Scalars, cast

Body = Callable[..., Any]


@dataclass(frozen=True)
class Full:
    """An operand with an element per position; it broadcasts to the space."""

    value: Any
    type: TensorType


@dataclass(frozen=True)
class Row:
    """An operand with an element per row, the reduced axes absent."""

    value: Any
    type: TensorType


class Rows:
    """The space of a tensor of `shape` whose `axes` are reduced."""

    def __init__(self, b: Builder, shape: Sequence[DimLike], axes: Sequence[int], dtype: DType) -> None:
        self.b = b
        self.shape = tuple(shape)
        self.axes = tuple(axes)
        self.dtype = compute_dtype(dtype)
        self.s = Scalars(self.dtype)
        self.row_shape = tuple(d for i, d in enumerate(shape) if i not in self.axes)

    @property
    def rank(self) -> int:
        return len(self.shape)

    def row_map(self) -> Any:
        """From a position to its row."""
        kept = [ir.AffineExpr.get_dim(i) for i in range(self.rank) if i not in self.axes]
        return ir.AffineMap.get(self.rank, 0, kept)

    def reduce(
        self, ins: Sequence[Full | Row], init: float | int, body: Body, dtype: DType | None = None
    ) -> Row:
        """A value per row: `body(x…, accumulator)` over the row, from `init`."""
        out = TensorType(self.row_shape, dtype or self.dtype)
        iterators = ["reduction" if i in self.axes else "parallel" for i in range(self.rank)]
        value = self._generic(out, ins, iterators, body, self.row_map(), self.b.fill(out, init))
        return Row(value, out)

    def each(self, ins: Sequence[Full | Row], body: Body, dtype: DType | None = None) -> Full:
        """A value per position: `body(x…)`, rounded to `dtype`."""
        out = TensorType(self.shape, dtype or self.dtype)
        identity = ir.AffineMap.get_identity(self.rank)
        value = self._generic(
            out, ins, ["parallel"] * self.rank, lambda *xs: body(*xs[:-1]), identity, self.b.empty(out)
        )
        return Full(value, out)

    def per_row(self, ins: Sequence[Row], body: Body, dtype: DType | None = None) -> Row:
        """A value per row from values per row."""
        out = TensorType(self.row_shape, dtype or self.dtype)

        def rounded(*xs: Any) -> Any:
            return cast(
                body(*(self._wide(x, i.type.dtype) for x, i in zip(xs, ins, strict=True))),
                self.dtype,
                out.dtype,
            )

        return Row(self.b.pointwise(out, [(i.value, i.type) for i in ins], rounded), out)

    def _wide(self, x: Any, dtype: DType) -> Any:
        return cast(x, dtype, self.dtype) if dtype.is_float and self.dtype.is_float else x

    def _generic(
        self,
        out: TensorType,
        ins: Sequence[Full | Row],
        iterators: Sequence[str],
        body: Body,
        out_map: Any,
        init: Any,
    ) -> Any:
        ins = [
            i if isinstance(i, Row) else Full(*read_over(self.b, i.value, i.type, self.shape)) for i in ins
        ]
        maps = [
            self.row_map() if isinstance(i, Row) else broadcast_map(i.type.shape, self.shape) for i in ins
        ]

        def wide_body(*xs: Any) -> Any:
            args = [self._wide(x, i.type.dtype) for x, i in zip(xs, ins, strict=False)]
            result = body(*args, xs[-1])
            is_float = self.dtype.is_float and out.dtype.is_float
            return cast(result, self.dtype, out.dtype) if is_float else result

        return self.b.generic(
            [out],
            [(i.value, m) for i, m in zip(ins, maps, strict=True)],
            iterators,
            wide_body,
            in_types=[i.type for i in ins],
            out_maps=[out_map],
            inits=[init],
        )[0]

    def reciprocal_count(self) -> Callable[[], Any]:
        """A function that gives `1 / (elements of a row)` where it is called, as a scalar of the compute dtype."""
        count = product(self.shape[a] for a in self.axes)
        if isinstance(count, int):
            return lambda: self.s.const(1 / count if count else float("inf"))
        n = arith.IndexCastOp(ir.Type.parse("i64"), self.b.size(count)).result
        inverse = self.s.div(self.s.const(1), arith.SIToFPOp(self.s.type, n).result)
        return lambda: inverse
