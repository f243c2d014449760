"""Products whose accuracy level allows it multiply integers: activations are rounded to bytes, block by block.

What a model says of a product is on its `packed_matmul`; a level given to the pass holds for all of them. The level is
the least accuracy that is wanted (as of com.microsoft's MatMulNBits): 0 none, 1 f32, 2 f16, 3 bf16, 4 bytes; up to 3
products stay in f32.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from aicc.bindings import ir
from aicc.dialects.integer_blocks import LARGEST, SHIFTS
from aicc.dialects.packed_weights import BYTES_LEVEL, LEVELS, per_word
from aicc.dialects.types import DType, TensorType
from aicc.errors import CompileError
from aicc.passes.base import Pass, PassContext
from aicc.passes.graph.quantized_values import array_of
from aicc.passes.graph.rewrite import Rewriter, apply, pattern
from aicc.weight_packing import words_of_bytes
from aicc.weights import Recipe

MODEL_LEVEL = -1
"""A level for each product, the model's."""


@dataclass(frozen=True)
class QuantizeActivations(Pass):
    """Rounds the rows of products of accuracy level 4 to bytes; `level` of all products, -1: each has its own.

    before --> after
      aicc.packed_matmul(%x, %words, %s) {accuracy_level = 4}
        --> %q, %t, %m = aicc.quantize_rows(%x) {block}
            aicc.block_integer_matmul(%q, %t, %m, %words, %s) {bits}
    """

    pass_name: ClassVar[str] = "quantize-activations"
    level: int = MODEL_LEVEL

    def run(self, module: Any, ctx: PassContext) -> None:
        if self.level != MODEL_LEVEL and self.level not in LEVELS:
            raise CompileError(
                "AICC-2003",
                f"there is no accuracy level {self.level}.",
                hint=f"there are: {', '.join(map(str, LEVELS))}, and {MODEL_LEVEL} for the model's own.",
            )
        apply(module, ctx, [quantize_rows_of(self.level)])


def quantize_rows_of(level: int) -> Any:
    """The pattern for a level of all products, or of each."""

    @pattern("packed_matmul")
    def quantize_activations(rw: Rewriter, op: Any) -> bool:
        """`packed_matmul(x, w, s) --> block_integer_matmul(quantize_rows(x), w, s)`"""
        wanted = rw.attrs(op)["accuracy_level"] if level == MODEL_LEVEL else level
        x, weights, scale, zero = rw.operands(op)
        stored = rw.dtype(weights)
        bits = {DType.U32: 4, DType.I8: 8}.get(stored)
        if wanted != BYTES_LEVEL or bits is None or not isinstance(rw.shape(x)[-1], int):
            return False
        blocks, steps, _ = rw.shape(weights)
        block = steps * per_word(stored)
        # words are whole, and sums of a block fit 32 bits
        if block % len(SHIFTS[bits]) or block * LARGEST * (1 << bits) >= 1 << 31:
            return False
        rw.at(op)
        words = weights if bits == 4 else _words(rw, weights)
        if words is None:
            return False
        q, row_scale, mean = rw.build("quantize_rows", x, block=block)
        return rw.replace(
            op, rw.build("block_integer_matmul", q, row_scale, mean, words, scale, zero, bits=bits)
        )

    return quantize_activations


def _words(rw: Rewriter, weights: Any) -> Any | None:
    """Bytes as words of four unsigned ones; None of what is no constant."""
    producer = rw.producer(weights, "weight")
    if producer is None:
        stored = array_of(rw, weights)
        return None if stored is None else rw.const(words_of_bytes(stored))
    sym = str(ir.StringAttr(producer.attributes["sym"]).value)
    blocks, block, columns = rw.weights.shape(sym)
    t = TensorType((blocks, block // 4, columns), DType.U32)
    return rw.weight(rw.weights.add_recipe(f"{sym}.words", t, Recipe("words_of_bytes", (), (sym,))))
