"""Random numbers: a kernel of a counter-based generator, or the runtime's Mersenne Twister."""

from __future__ import annotations

import math
from typing import Any

from aicc.bindings import arith, ir, tensor
from aicc.dialects.random import KINDS
from aicc.dialects.symbolic import product
from aicc.dialects.types import DType, TensorType
from aicc.passes.linalg.builder import Builder, Lowered, lowering
from aicc.passes.linalg.runtime_calls import call_runtime
from aicc.passes.linalg.scalars import Scalars, cast
from aicc.passes.linalg.shape import name_symbol
from aicc.passes.linalg.views import index_of

_ROUNDS = 10
_MULTIPLIERS = (0xD2511F53, 0xCD9E8D57)
_WEYL = (0x9E3779B9, 0xBB67AE85)
_MASK = 0xFFFFFFFF


@lowering("random")
def random(b: Builder, n: Lowered) -> Any:
    """
    --> %u = call @aicc_random_mt19937(n, seed, kind)                        with a seed
    --> %key = call @aicc_random_key; generic { philox(key, i) to a float }  without
    """
    out = n.results[0].plain()
    for d, e in zip(out.shape, b.scalars(n.operands[0], n.typed(0).plain()), strict=True):
        name_symbol(b, d, b.to_index(e))
    flat = TensorType((product(out.shape),), out.dtype)
    if n.attrs["seed"] is not None:
        numbers = [b.index(n.attrs["seed"]), b.index(KINDS.index(n.attrs["kind"]))]
        value = call_runtime(b, "aicc_random_mt19937", [], [flat], numbers)[0]
    else:
        value = _philox(b, flat, n.attrs["kind"])
    return b.reshape(value, flat, out.shape)[0]


def _philox(b: Builder, flat: TensorType, kind: str) -> Any:
    key = call_runtime(b, "aicc_random_key", [], [TensorType((1,), DType.I64)])[0]
    word = tensor.ExtractOp(key, [b.index(0)]).result
    body = _normal if kind == "normal" else _uniform
    return b.generic([flat], [], ["parallel"], lambda _: body(flat.dtype, _words(word)))[0]


def _words(key: Any) -> list[Any]:
    """Four words of 32 bits, each in an i64, for the position of the element."""
    s, i64 = Scalars(DType.I64), ir.IntegerType.get_signless(64)
    mask, half = s.const(_MASK), s.const(32)

    def high(x: Any) -> Any:
        return arith.ShRUIOp(x, half).result

    position = arith.IndexCastOp(i64, index_of(0)).result
    c = [s.and_(position, mask), high(position), s.const(0), s.const(0)]
    keys = [s.and_(key, mask), high(key)]
    for number in range(_ROUNDS):
        if number:
            keys = [s.and_(s.add(k, s.const(w)), mask) for k, w in zip(keys, _WEYL, strict=True)]
        p = [s.mul(s.const(m), x) for m, x in zip(_MULTIPLIERS, (c[0], c[2]), strict=True)]
        c = [
            s.xor(s.xor(high(p[1]), c[1]), keys[0]),
            s.and_(p[1], mask),
            s.xor(s.xor(high(p[0]), c[3]), keys[1]),
            s.and_(p[0], mask),
        ]
    return c


def _fraction(dtype: DType, high: Any, low: Any) -> Any:
    """In [0, 1), of as many bits as the dtype's numbers have."""
    s, f = Scalars(DType.I64), Scalars(dtype)
    if dtype is DType.F64:
        bits = s.add(arith.ShLIOp(high, s.const(21)).result, arith.ShRUIOp(low, s.const(11)).result)
        return f.mul(cast(bits, DType.I64, dtype), f.const(2.0**-53))
    bits = cast(arith.ShRUIOp(high, s.const(8)).result, DType.I64, DType.I32)
    return f.mul(cast(bits, DType.I32, dtype), f.const(2.0**-24))


def _uniform(dtype: DType, words: list[Any]) -> Any:
    return _fraction(dtype, words[0], words[1])


def _normal(dtype: DType, words: list[Any]) -> Any:
    """Box and Muller: `sqrt(-2 ln u) cos(2 pi v)`, u in (0, 1]. All 32 bits go into u: it makes the tails."""
    f = Scalars(dtype)
    if dtype is DType.F64:
        u = f.sub(f.const(1.0), _fraction(dtype, words[0], words[1]))
    else:
        u = f.mul(f.add(cast(words[0], DType.I64, dtype), f.const(0.5)), f.const(2.0**-32))
    angle = f.mul(_fraction(dtype, words[2], words[3]), f.const(2.0 * math.pi))
    radius = f.math("sqrt", f.mul(f.math("log", u), f.const(-2.0)))
    return f.mul(radius, f.math("cos", angle))
