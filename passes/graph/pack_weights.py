"""Weights that stay small in memory: products with them become `packed_matmul`.

Of what a model already stores in few bits nothing is rounded again: `matmul(x, dequantize(q))`. With a precision, f32
weights of products and tables of embeddings are rounded as well; all else, and every sum, stays in f32.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import numpy as np

from aicc.bindings import ir
from aicc.dialects.symbolic import static
from aicc.dialects.types import DType, TensorType
from aicc.errors import CompileError
from aicc.passes.base import Pass, PassContext
from aicc.passes.graph.facts import Array, kind
from aicc.passes.graph.quantized_values import array_of, quantized
from aicc.passes.graph.rewrite import Pattern, Rewriter, apply, pattern
from aicc.weight_packing import packable, words_of
from aicc.weights import Recipe

PRECISIONS = ("f16", "bf16", "int8-weights", "int4-weights")
"""What f32 weights can be stored as."""

_SMALL = 1 << 14
"""Elements of a weight that is worth packing."""


@dataclass(frozen=True)
class PackWeights(Pass):
    """Products read weights in few bits; sums are in f32.

    `precision` rounds f32 weights: f16, bf16, int8-weights, int4-weights (empty: what is not quantized stays);
    `block` numbers of a column of 4-bit weights share a scale; without `products` only tables are rounded. Embeddings
    of both are of 8 bits, a scale for a row.

    before --> after
      aicc.matmul(%x, aicc.dequantize(%q, %s))  --> aicc.packed_matmul(%x, %q', %s')
      aicc.matmul(%x, %w)                       --> aicc.packed_matmul(%x, %w.words, %w.scale)
      aicc.gather(%w, %i) {axis = 0}            --> aicc.mul(aicc.cast(aicc.gather(%w.rows, %i)), …)
      aicc.lstm(%g, aicc.dequantize(%q, %s))    --> aicc.lstm(%g, %q, …, %s)        also gru and rnn
    """

    pass_name: ClassVar[str] = "pack-weights"
    precision: str = ""
    block: int = 32
    products: bool = True

    def run(self, module: Any, ctx: PassContext) -> None:
        if self.precision and self.precision not in PRECISIONS:
            raise CompileError(
                "AICC-2003",
                f"there is no precision '{self.precision}'.",
                hint=f"there are: {', '.join(PRECISIONS)}.",
            )
        apply(module, ctx, [pack_dequantized, pack_recurrent, *(_rounding(self) if self.precision else [])])


class _Matrix(NamedTuple):
    """A product's second operand: `[K, N]`, or `[N, K]` when `transposed`."""

    value: Any
    transposed: bool


def _matrix(rw: Rewriter, op: Any) -> _Matrix | None:
    """The second operand of a product of f32 without batches, transposes seen through."""
    attrs = rw.attrs(op)
    a, value = op.operands
    if rw.rank(value) != 2 or attrs["trans_a"] or rw.rank(a) < 1 or rw.dtype(a) is not DType.F32:
        return None
    transposed = bool(attrs["trans_b"])
    moved = rw.producer(value, "transpose")
    if moved is not None:
        value, transposed = moved.operands[0], not transposed
    return _Matrix(value, transposed)


@pattern("matmul")
def pack_dequantized(rw: Rewriter, op: Any) -> bool:
    """`matmul(x, dequantize(q)) --> packed_matmul(x, q)`"""
    matrix = _matrix(rw, op)
    if matrix is None:
        return False
    found = _blocks(rw, matrix) or _columns(rw, matrix)
    if found is None:
        return False
    bits, block, q, scale, zero = found
    if not packable(len(q), block, bits):
        return False
    rw.at(op)
    given = [rw.const(words_of(q, bits, block)), rw.const(np.ascontiguousarray(scale, np.float32))]
    zeros = rw.const(np.ascontiguousarray(zero)) if zero.any() else None
    return rw.replace(op, rw.build("packed_matmul", op.operands[0], *given, zeros))


@pattern("lstm", "gru", "rnn")
def pack_recurrent(rw: Rewriter, op: Any) -> bool:
    """`lstm(gates, dequantize(q, s)) --> lstm(gates, q, s)`: bytes without a zero point, a scale for each row"""
    operands = rw.operands(op)
    places = (1, 2) if kind(op) == "gru" else (1,)
    if operands[-1] is not None or rw.dtype(operands[0]) is not DType.F32:
        return False
    scales = []
    for i in places:
        q = quantized(rw, operands[i])
        stored = None if q is None or q.dtype not in (DType.I8, DType.U8) else array_of(rw, q.x)
        if q is None or stored is None or (not q.per_tensor and q.axis != 0):
            return False
        zero = q.zero.astype(np.int16)
        centered = stored.astype(np.int16) - (zero[:, None] if zero.ndim else zero)
        if np.abs(centered).max(initial=0) > 127:
            return False
        scales.append(np.broadcast_to(q.scale, stored.shape[:1]))
        rw.at(op)
        operands[i] = rw.const(centered.astype(np.int8))
    operands[-1] = rw.const(np.concatenate(scales).astype(np.float32))
    return rw.replace(op, *rw.build(kind(op), *operands, **rw.attrs(op)))


_Found = tuple[int, int, Array, Array, Array]
"""Bits, block, numbers `[K, N]` i8, scales and zero points `[K / block, N]` f32 and i8."""


def _columns(rw: Rewriter, matrix: _Matrix) -> _Found | None:
    """Bytes with a scale for each column, or one for all."""
    q = quantized(rw, matrix.value)
    if q is None or q.dtype not in (DType.I8, DType.U8):
        return None
    if not q.per_tensor and q.axis != (0 if matrix.transposed else 1):
        return None
    stored = array_of(rw, q.x)
    if stored is None:
        return None
    numbers = _signed(stored.T if matrix.transposed else stored, 8)
    row = (1, numbers.shape[1])
    zero = _signed(np.broadcast_to(q.zero, row).astype(stored.dtype), 8)
    return 8, len(numbers), numbers, np.broadcast_to(q.scale, row), zero


def _blocks(rw: Rewriter, matrix: _Matrix) -> _Found | None:
    """Numbers of 4 or 8 bits with a scale for each block of a column."""
    op = rw.producer(matrix.value, "dequantize_blocks")
    attrs = {} if op is None else rw.attrs(op)
    if op is None or attrs["axis"] != (1 if matrix.transposed else 0):
        return None
    x, s, z = rw.operands(op)
    arrays = [array_of(rw, v) for v in (x, s)] + [None if z is None else array_of(rw, z)]
    if arrays[0] is None or arrays[1] is None or (z is not None and arrays[2] is None):
        return None
    bits = 4 if rw.dtype(x) in (DType.I4, DType.U4) else 8
    stored, scale = arrays[0], arrays[1]
    zeros = np.zeros(scale.shape, stored.dtype) if arrays[2] is None else arrays[2]
    turned = [a.T if matrix.transposed else a for a in (stored, scale, zeros)]
    return bits, attrs["block"], _signed(turned[0], bits), turned[1], _signed(turned[2], bits)


def _signed(numbers: Array, bits: int) -> Array:
    """Unsigned numbers less half their range; signed ones as they are: differences stay what they are."""
    unsigned = np.dtype(numbers.dtype).name.startswith("uint")
    return (numbers.astype(np.int16) - ((1 << (bits - 1)) if unsigned else 0)).astype(np.int8)


def _rounding(options: PackWeights) -> list[Pattern]:
    """Patterns that round f32 weights."""
    precision, bits = options.precision, {"int8-weights": 8, "int4-weights": 4}.get(options.precision, 16)

    def part(rw: Rewriter, sym: str, name: str, shape: tuple[int, ...], dtype: DType, **attrs: Any) -> Any:
        given = {"bits": bits, "block": 0, "symmetric": True, "transposed": False, **attrs, "part": name}
        recipe = Recipe("rounded", tuple(given.items()), (sym,))
        return rw.weight(rw.weights.add_recipe(f"{sym}.{name}", TensorType(shape, dtype), recipe))

    half = DType.BF16 if precision == "bf16" else DType.F16

    @pattern("matmul")
    def round_weights(rw: Rewriter, op: Any) -> bool:
        """`matmul(x, w) --> packed_matmul(x, w rounded)`"""
        matrix = _matrix(rw, op)
        sym = None if matrix is None else _symbol(rw, matrix.value)
        if matrix is None or sym is None:
            return False
        shape = rw.weights.type(sym).shape
        depth, columns = map(static, reversed(shape) if matrix.transposed else shape)
        block = options.block if bits == 4 else depth
        if not packable(depth, block, bits):
            return False
        rw.at(op)
        attrs = {"transposed": matrix.transposed, "block": options.block if bits == 4 else 0}
        if bits == 16:
            return rw.replace(
                op,
                rw.build(
                    "packed_matmul",
                    op.operands[0],
                    part(rw, sym, half.name.lower(), (1, depth, columns), half, **attrs),
                    None,
                    None,
                ),
            )
        stored, steps = (DType.U32, block // 8) if bits == 4 else (DType.I8, block)
        words = part(rw, sym, "words", (depth // block, steps, columns), stored, **attrs)
        scale = part(rw, sym, "scale", (depth // block, columns), DType.F32, **attrs)
        return rw.replace(op, rw.build("packed_matmul", op.operands[0], words, scale, None))

    @pattern("gather")
    def round_tables(rw: Rewriter, op: Any) -> bool:
        """`gather(w, i) --> cast(gather(w rounded, i))`, with a scale for each row of bytes"""
        table, indices = op.operands
        sym = _symbol(rw, table)
        if sym is None or rw.attrs(op)["axis"] != 0 or rw.weights.type(sym).shape[1] == 1:
            return False
        rows, columns = map(static, rw.weights.type(sym).shape)
        rw.at(op)
        if bits == 16:
            stored = part(rw, sym, half.name.lower(), (1, rows, columns), half)
            flat = rw.build("squeeze", stored, axes=(0,))
            return rw.replace(op, rw.build("cast", rw.build("gather", flat, indices, axis=0), to=DType.F32))
        q = part(rw, sym, "rows", (rows, columns), DType.I8, bits=8)
        scale = part(rw, sym, "row_scales", (rows, 1), DType.F32, bits=8)
        picked = rw.build("cast", rw.build("gather", q, indices, axis=0), to=DType.F32)
        return rw.replace(op, rw.build("mul", picked, rw.build("gather", scale, indices, axis=0)))

    return [round_weights, round_tables] if options.products else [round_tables]


def _symbol(rw: Rewriter, value: Any) -> str | None:
    """The weight a value is, when it is an f32 matrix of some size."""
    op = rw.producer(value, "weight")
    if op is None:
        return None
    sym = str(ir.StringAttr(op.attributes["sym"]).value)
    if sym not in rw.weights:
        return None
    t = rw.weights.type(sym)
    return sym if t.dtype is DType.F32 and t.rank == 2 and t.size >= _SMALL else None
