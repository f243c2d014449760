"""Reads between elements: a generic over the result whose body weighs the elements around a coordinate."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Any

from aicc.bindings import arith, tensor
from aicc.dialects.sampling import coordinate_dtype
from aicc.dialects.types import FLOAT, DType
from aicc.passes.linalg.builder import Builder, Lowered, lowering
from aicc.passes.linalg.scalars import Scalars, cast, scalar_type
from aicc.passes.linalg.views import move

_KEYS = -0.75
"""The parameter of Keys' cubic."""


@lowering("sample")
def sample(b: Builder, n: Lowered) -> Any:
    """
    y[b, c, o…] = sum over taps t… of weight(t…) · x[b, c, i(t)…]
    """
    x, at, x_t = n.operands[0], n.operands[1], n.typed(0).plain()
    wide = coordinate_dtype(x_t.dtype)
    f = Scalars(wide)
    rank = x_t.rank - 2

    def element(*where: Any) -> Any:
        axes = []
        for k in range(rank):
            raw = tensor.ExtractOp(at, [where[0], *where[2:], b.index(k)]).result
            size = arith.IndexCastOp(scalar_type(DType.I64), b.size(x_t.shape[2 + k])).result
            axis = _Axis(b, f, n.attrs, cast(size, DType.I64, wide))
            axes.append(axis.taps(cast(raw, n.typed(1).dtype, wide)))
        total: Any = None
        for taps in itertools.product(*axes):
            value = tensor.ExtractOp(x, [where[0], where[1], *(t.index for t in taps)]).result
            if x_t.dtype not in FLOAT:
                return _inside_only(x_t.dtype, value, taps)
            value = cast(value, x_t.dtype, wide)
            for t in taps:
                value = value if t.weight is None else f.mul(value, t.weight)
                value = value if t.inside is None else f.select(t.inside, value, f.const(0.0))
            total = value if total is None else f.add(total, value)
        return cast(total, wide, x_t.dtype)

    return move(b, n.results[0].plain(), element)


def _inside_only(dtype: DType, value: Any, taps: tuple[_Tap, ...]) -> Any:
    """The stored element, zero outside."""
    s = Scalars(DType.U8 if dtype is DType.BOOL else dtype)
    for t in taps:
        value = value if t.inside is None else s.select(t.inside, value, s.const(0))
    return value


@dataclass(frozen=True)
class _Tap:
    """An element along one axis: where, its weight (None: 1), and whether it exists (None: yes)."""

    index: Any
    weight: Any | None
    inside: Any | None


class _Axis:
    """One spatial dim; everything is a float of the width that is computed in."""

    def __init__(self, b: Builder, f: Scalars, attrs: dict[str, Any], size: Any) -> None:
        self.b, self.f = b, f
        self.mode, self.padding = attrs["mode"], attrs["padding"]
        self.zero = f.const(0.0)
        self.last = f.sub(size, f.const(1.0))
        corners = attrs["corners"]
        self.low = self.zero if corners else f.const(-0.5)
        self.high = self.last if corners else f.sub(size, f.const(0.5))

    def taps(self, v: Any) -> list[_Tap]:
        """The elements that the coordinate `v` is made of."""
        f = self.f
        if self.mode == "nearest":
            return [self._tap(self._padded(f.math("roundeven", v)), None)]
        v = self._padded(v)
        base = f.math("floor", v)
        part = f.sub(v, base)
        if self.mode == "linear":
            weights = [f.sub(f.const(1.0), part), part]
            return [self._tap(f.add(base, f.const(float(k))), w) for k, w in enumerate(weights)]
        return [self._tap(f.add(base, f.const(k - 1.0)), w) for k, w in enumerate(self._cubic(part))]

    def _tap(self, i: Any, weight: Any | None) -> _Tap:
        f, inside = self.f, None
        if self.padding == "zeros":
            inside = f.and_(f.cmp("ge", i, self.zero), f.cmp("le", i, self.last))
        elif self.padding == "reflection":
            i = self._reflected(i)
        clamped = f.min(f.max(i, self.zero), self.last)
        # what is no number is no place either: it reads the first element
        return _Tap(self.b.to_index(cast(clamped, f.dtype, DType.I64)), weight, inside)

    def _padded(self, v: Any) -> Any:
        """A coordinate outside brought in."""
        f = self.f
        if self.padding == "zeros":
            return v
        if self.padding == "reflection":
            return self._reflected(v)
        outside = f.or_(f.cmp("lt", v, self.low), f.cmp("gt", v, self.high))
        return f.select(outside, f.min(f.max(v, self.zero), self.last), v)

    def _reflected(self, v: Any) -> Any:
        f = self.f
        width = f.sub(self.high, self.low)
        below, above = f.cmp("lt", v, self.low), f.cmp("gt", v, self.high)
        far = f.select(below, f.sub(self.low, v), f.sub(v, self.high))
        times = f.math("floor", f.div(far, width))
        rest = f.sub(far, f.mul(times, width))
        half = f.math("floor", f.mul(times, f.const(0.5)))
        is_even = f.cmp("eq", times, f.add(half, half))
        up, down = f.add(self.low, rest), f.sub(self.high, rest)
        from_below = f.select(is_even, up, down)
        from_above = f.select(is_even, down, up)
        return f.select(below, from_below, f.select(above, from_above, v))

    def _cubic(self, part: Any) -> list[Any]:
        """Weights of the elements at −1, 0, 1 and 2."""
        f = self.f
        one, two = f.const(1.0), f.const(2.0)

        def near(t: Any) -> Any:
            inner = f.sub(f.mul(f.const(_KEYS + 2), t), f.const(_KEYS + 3))
            return f.add(f.mul(f.mul(inner, t), t), one)

        def far(t: Any) -> Any:
            y = f.sub(f.mul(f.const(_KEYS), t), f.const(5 * _KEYS))
            y = f.add(f.mul(y, t), f.const(8 * _KEYS))
            return f.sub(f.mul(y, t), f.const(4 * _KEYS))

        return [far(f.add(part, one)), near(part), near(f.sub(one, part)), far(f.sub(two, part))]
