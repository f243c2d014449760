"""Short spellings for rules that import one operator as many."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from aicc.dialects import OPS
from aicc.dialects.types import DType
from aicc.importer.node import Node

FAR = 2**31 - 1
"""A slice's end that means the end."""


class Compose:
    """Builds ops at a node: `c("add", x, 1.0)`. Numbers become constants of the first tensor's dtype."""

    def __init__(self, n: Node) -> None:
        self.n = n

    def __call__(self, op: str, *operands: Any, **attrs: Any) -> Any:
        given = [v for v in operands if v is not None and not isinstance(v, (int, float))]
        dtype = self.n.info(given[0]).dtype if given else DType.F32
        values = [self.n.const(v, dtype) if isinstance(v, (int, float)) else v for v in operands]
        return self.n.build(OPS[op], *values, **attrs)

    def cast(self, value: Any, to: DType, **attrs: Any) -> Any:
        """`value` as `to`; itself when it has that dtype."""
        return value if self.n.info(value).dtype is to else self("cast", value, to=to, **attrs)

    def reshape(self, value: Any, *shape: int) -> Any:
        return self("reshape", value, self.n.ints(shape))

    def sized(self, value: Any, *sizes: int | None) -> Any:
        """`value`, whose sizes are these (None: any): what has a name is checked by the run."""
        have = self.n.info(value).shape
        if all(s is None or d == s for d, s in zip(have, sizes, strict=True)):
            return value
        return self("sized", value, sizes=[-1 if s is None else s for s in sizes])

    def at_least(self, value: Any, axis: int, least: int, what: str) -> Any:
        """`value`; the run fails when it has fewer than `least` entries along `axis`, and says `what` has to be."""
        sizes = [least if i == axis else -1 for i in range(self.n.info(value).rank)]
        return self("required", value, relation="at_least", sizes=sizes, what=what)

    def transpose(self, value: Any, *perm: int) -> Any:
        return self("transpose", value, perm=list(perm))

    def expand(self, value: Any, *shape: int) -> Any:
        return self("expand", value, self.n.ints(shape))

    def slice(self, value: Any, axis: int, start: int, end: int = FAR, step: int = 1) -> Any:
        """`value[start:end:step]` along `axis`."""
        ends, steps = self.n.ints([end]), None if step == 1 else self.n.ints([step])
        return self("slice", value, self.n.ints([start]), ends, steps, axes=[axis])

    def unsqueeze(self, value: Any, *axes: int) -> Any:
        return self("unsqueeze", value, axes=list(axes))

    def concat(self, values: Sequence[Any], axis: int) -> Any:
        return values[0] if len(values) == 1 else self("concat", *values, dim=axis)

    def sum(self, value: Any, *axes: int, keepdims: bool = False) -> Any:
        return self("reduce_sum", value, axes=list(axes), keepdims=keepdims)

    def constant_like(self, value: float, like: Any) -> Any:
        """A scalar of the dtype of `like`."""
        return self.n.const(value, self.n.info(like).dtype)

    def constant(self, array: Any) -> Any:
        return self.n.const(np.asarray(array))


def static_shape(n: Node, value: Any, what: str = "its shape") -> tuple[int, ...]:
    """The sizes of a value. Raises ImportError_ AICC-1005 unless they are static."""
    shape = n.info(value).shape
    sizes = tuple(d for d in shape if isinstance(d, int))
    if len(sizes) != len(shape):
        raise n.error("AICC-1005", f"{what} must be static, but is {n.info(value)}.")
    return sizes


def known(n: Node, i: int, what: str) -> Any:
    """The array of input `i`, None when absent. Raises ImportError_ AICC-1005 when only run time knows it."""
    if n.input(i) is None:
        return None
    array = n.constant(i)
    if array is None:
        raise n.error("AICC-1005", f"input '{what}' must be a constant.")
    return array
