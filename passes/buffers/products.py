"""Sizes and strides as products of run-time values, so that equal ones are found equal."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

from aicc.bindings import ir


@dataclass(frozen=True)
class Product:
    """`factor` times index values, each as often as it is a factor."""

    factor: int
    values: frozenset[tuple[Any, int]] = frozenset()

    def __mul__(self, other: Product) -> Product:
        counts = Counter(dict(self.values))
        counts.update(dict(other.values))
        return Product(self.factor * other.factor, frozenset(counts.items()))


def product_of(size: Any) -> Product:
    """An int or an index value as the product that it is computed as."""
    if isinstance(size, int):
        return Product(size)
    owner = size.owner
    if not isinstance(owner, ir.Block):
        op = owner.operation
        if op.name == "arith.constant":
            return Product(int(ir.IntegerAttr(op.attributes["value"]).value))
        if op.name == "arith.muli":
            return product_of(op.operands[0]) * product_of(op.operands[1])
    return Product(1, frozenset([(size, 1)]))
