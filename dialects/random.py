"""Random numbers: by seed, or fresh ones in each run."""

from __future__ import annotations

from aicc.dialects.attributes import Element, Int, Str
from aicc.dialects.op import Attribute, Op, Operand, TypeRuleError
from aicc.dialects.sizes import sizes
from aicc.dialects.types import DType, TensorType

KINDS = ("uniform", "normal")


class Random(Op, name="random"):
    """Independent numbers, `uniform` in [0, 1) or of the standard `normal` distribution, in this shape.

    With `seed` they are, bit for bit, those of NumPy's `RandomState(seed)` (the Mersenne Twister MT19937), as ONNX's
    reference gives them; the runtime computes them, in f64. Without it each run has others: Philox 4x32-10 (Salmon
    et al., "Parallel Random Numbers: As Easy as 1, 2, 3", 2011) of an element's position, by a key that the runtime
    draws. `number` tells ops without a seed apart: no two of them are the same.
    """

    operands = (Operand("shape", frozenset({DType.I64})),)
    attributes = (
        Attribute("kind", Str),
        Attribute("dtype", Element),
        Attribute("seed", Int, optional=True),
        Attribute("number", Int, default=0),
    )

    @staticmethod
    def infer(shape: TensorType, *, kind: str, dtype: DType, seed: int | None, number: int) -> TensorType:
        if kind not in KINDS:
            raise TypeRuleError(f"attribute 'kind' is '{kind}', expected {', '.join(KINDS)}")
        allowed = (DType.F64,) if seed is not None else (DType.F32, DType.F64)
        if dtype not in allowed:
            raise TypeRuleError(f"attribute 'dtype' is {dtype.mlir}, which has no generator")
        return TensorType(sizes(shape, "shape"), dtype)
