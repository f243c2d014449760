"""What the lowerings of convolutions share: dims numbered as they are needed, and wider elements."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from aicc.bindings import ir
from aicc.dialects.types import DType, TensorType
from aicc.passes.linalg.builder import Builder
from aicc.passes.linalg.scalars import Scalars, cast


@dataclass
class Dims:
    """Numbers the dims of a generic as they are asked for."""

    iterators: list[str] = field(default_factory=list)

    def new(self, iterator: str) -> Any:
        self.iterators.append(iterator)
        return ir.AffineExpr.get_dim(len(self.iterators) - 1)

    def map(self, exprs: Sequence[Any]) -> Any:
        return ir.AffineMap.get(len(self.iterators), 0, list(exprs))


def widen(b: Builder, value: Any, t: TensorType, wide: DType) -> Any:
    """`value` with elements of dtype `wide`."""
    if t.dtype is wide:
        return value
    return b.pointwise(t.with_dtype(wide), [(value, t)], lambda e: cast(e, t.dtype, wide))


def add_bias(
    b: Builder, y: Any, t: TensorType, bias: Any | None, dtype: DType, channels: int, at_end: int = 0
) -> Any:
    """`y` of type `t` plus `bias[C]`, as `dtype`. The channels are `channels` dims of `y`, `at_end` dims before
    its end; without bias only the dtype changes."""
    if bias is None:
        return (
            y
            if t.dtype is dtype
            else b.pointwise(t.with_dtype(dtype), [(y, t)], lambda e: cast(e, t.dtype, dtype))
        )
    end = t.rank - at_end
    shape = t.shape[end - channels : end]
    total: Any = 1
    for size in shape:
        total = total * size
    bias, _ = b.reshape(bias, TensorType((total,), dtype), shape)
    at = ir.AffineMap.get(t.rank, 0, [ir.AffineExpr.get_dim(d) for d in range(end - channels, end)])
    s = Scalars(t.dtype)
    return b.generic(
        [t.with_dtype(dtype)],
        [(y, ir.AffineMap.get_identity(t.rank)), (bias, at)],
        ["parallel"] * t.rank,
        lambda v, e, _: cast(s.add(v, cast(e, dtype, t.dtype)), t.dtype, dtype),
    )[0]
