"""The narrow types, which are stored and moved but never computed with: float8, float4, 4-bit and 2-bit integers.

Each element takes a byte. The formats are those of "FP8 Formats for Deep Learning" (Micikevicius et al., 2022),
"8-bit Numerical Formats for Deep Neural Networks" (Noune et al., 2022; the names in "fnuz") and the OCP
Microscaling Formats (MX) specification (float4, e8m0).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from aicc.dialects.types import DType

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Format:
    """A float of a sign, `exponent` and `mantissa` bits: `(-1)^s 2^(e - bias) 1.m`.

    `largest`, `nan` and `infinity` are codes without the sign (None: there is none of it); `unsigned_zero`:
    zero has one code, and NaN is what would be its negative.
    """

    exponent: int
    mantissa: int
    bias: int
    largest: int
    nan: int | None
    infinity: int | None = None
    unsigned_zero: bool = False

    @property
    def sign(self) -> int:
        """The sign's bit, which is also the number of codes without it."""
        return 1 << (self.exponent + self.mantissa)


FORMATS = {
    DType.F8E4M3FN: Format(4, 3, 7, largest=0x7E, nan=0x7F),
    DType.F8E4M3FNUZ: Format(4, 3, 8, largest=0x7F, nan=0x80, unsigned_zero=True),
    DType.F8E5M2: Format(5, 2, 15, largest=0x7B, nan=0x7E, infinity=0x7C),
    DType.F8E5M2FNUZ: Format(5, 2, 16, largest=0x7F, nan=0x80, unsigned_zero=True),
    DType.F4E2M1: Format(2, 1, 1, largest=0x7, nan=None),
}

INTEGER_BITS = {DType.I4: 4, DType.U4: 4, DType.I2: 2, DType.U2: 2}

ROUNDINGS = ("up", "down", "nearest")
"""How a float becomes a power of two (float8 e8m0)."""


def narrowed(x: Array, to: DType, saturate: bool, rounding: str) -> Array:
    """`x` as the narrow type `to`: floats to nearest even; integers keep their lowest bits."""
    with np.errstate(all="ignore"):
        if to in INTEGER_BITS:
            wide = np.nan_to_num(np.trunc(x.astype(np.float64))) if x.dtype.kind not in "iub" else x
            low = wide.astype(np.int64) & ((1 << INTEGER_BITS[to]) - 1)
            return low.astype(np.uint8).view(to.numpy)
        single = x.astype(np.float32)
        if to is DType.F8E8M0:
            return _powers(single, saturate, rounding).view(to.numpy)
        if saturate and to is not DType.F4E2M1:
            bound = np.asarray(FORMATS[to].largest, np.uint8).view(to.numpy).astype(np.float32)
            single = np.clip(single, -bound, bound)
        return single.astype(to.numpy)


def _powers(x: Array, saturate: bool, rounding: str) -> Array:
    """The biased exponents of `x`, a byte each; 255 for NaN and infinities."""
    bits = np.asarray(x).view(np.uint32)
    exponent = (bits >> 23 & 0xFF).astype(np.int32)
    fraction = bits & 0x7FFFFF
    if rounding == "up":
        more = fraction > 0
    elif rounding == "nearest":
        half = 0x400000
        more = (fraction > half) | ((fraction == half) & (exponent > 0))
    else:
        more = np.zeros(bits.shape, bool)
    if saturate:
        more &= exponent != 0xFE
    return np.where(exponent == 0xFF, 0xFF, exponent + more).astype(np.uint8)
