"""Weights of bytes that are narrow: sums of two of their products with unsigned bytes fit 16 bits."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import numpy as np

from aicc.bindings import ir
from aicc.passes.kernels.weights import weight_symbol
from aicc.passes.schedules.cpu.dot.instructions import NARROW_LIMIT, gains_from_narrow
from aicc.passes.schedules.schedule import write_narrow
from aicc.target import Target
from aicc.weights import WeightStore


class NarrowWeights:
    """Looks at the numbers of weights, once each."""

    def __init__(self, target: Target, store: WeightStore) -> None:
        self._wanted = gains_from_narrow(target)
        self._store = store
        self._known: dict[str, bool] = {}

    def mark(self, kernel: Any, calls: list[Any], weights: Collection[int]) -> None:
        """Writes `aicc.narrow` on a kernel: those of its `weights` that are narrow in every call.

        before --> after
          func @k0(%x: tensor<8x64xi8>, %w: tensor<64x32xi8>)  --> func @k0(…) attributes {aicc.narrow = array<i64: 1>}
        """
        if not self._wanted:
            return
        arguments = kernel.regions[0].blocks[0].arguments
        found = [
            i
            for i in sorted(weights)
            if ir.RankedTensorType(arguments[i].type).element_type == ir.IntegerType.get_signless(8)
            and all(self._is_narrow(weight_symbol(call.operands[i])) for call in calls)
        ]
        write_narrow(kernel, found)

    def _is_narrow(self, symbol: str | None) -> bool:
        assert symbol is not None, "a weight"
        if symbol not in self._known:
            numbers = self._store.load(symbol).view(np.int8)
            self._known[symbol] = bool(
                numbers.size and numbers.min() >= -NARROW_LIMIT and numbers.max() <= NARROW_LIMIT
            )
        return self._known[symbol]
