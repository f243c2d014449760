"""Math that is an instruction of the device, as calls of LLVM's intrinsics.

`convert-gpu-to-nvvm` makes calls of NVIDIA's library of `math` ops, and refuses the ops of the llvm dialect that
stand for the intrinsics; a call of an intrinsic by its name is left alone.
"""

from __future__ import annotations

from typing import Any

from aicc.bindings import arith, ir, math
from aicc.passes.kernels.ir_tools import nested_ops

_INTRINSICS = {
    "math.sqrt": "sqrt",
    "math.absf": "fabs",
    "math.ceil": "ceil",
    "math.floor": "floor",
    "math.trunc": "trunc",
    "math.round": "round",
    "math.roundeven": "roundeven",
    "math.fma": "fma",
    "math.copysign": "copysign",
    "arith.maxnumf": "maxnum",
}


def call_intrinsics(module: Any) -> None:
    """Replaces math ops on floats and vectors of them, maxima, and float remainders.

    %r = math.sqrt %x : f32  -->  %r = llvm.call_intrinsic "llvm.sqrt.f32"(%x) : (f32) -> f32
    """
    for op in list(nested_ops(module.operation)):
        if op.name == "arith.remf":
            _expand_remainder(op)
        elif op.name in _INTRINSICS:
            _call(op, f"llvm.{_INTRINSICS[op.name]}.{_suffix(op.results[0].type)}")


def _call(op: Any, name: str) -> None:
    operands = list(op.operands)
    with ir.InsertionPoint(op), op.location:
        call = ir.Operation.create(
            "llvm.call_intrinsic",
            results=[op.results[0].type],
            operands=operands,
            attributes={
                "intrin": ir.StringAttr.get(name),
                "operandSegmentSizes": ir.DenseI32ArrayAttr.get([len(operands), 0]),
                "op_bundle_sizes": ir.DenseI32ArrayAttr.get([]),
            },
        )
    op.results[0].replace_all_uses_with(call.results[0])
    op.erase()


def _suffix(kind: Any) -> str:
    if isinstance(kind, ir.VectorType):
        return f"v{'x'.join(map(str, kind.shape))}{kind.element_type}"
    return str(kind)


def _expand_remainder(op: Any) -> None:
    """a mod b with the sign of a: a - trunc(a / b) * b, of f32 computed in f64, where it is exact as long as the
    quotient is below 2^29."""
    kind = op.results[0].type
    wide = ir.F64Type.get() if isinstance(kind, ir.F32Type) else kind
    with ir.InsertionPoint(op), op.location:
        a, b = (arith.ExtFOp(wide, v).result if wide != kind else v for v in op.operands)
        quotient = math.TruncOp(arith.DivFOp(a, b).result).result
        result = math.FmaOp(arith.NegFOp(quotient).result, b, a).result
        new = arith.TruncFOp(kind, result).result if wide != kind else result
    op.results[0].replace_all_uses_with(new)
    for made in (quotient, result):
        owner = made.owner.operation
        _call(owner, f"llvm.{_INTRINSICS[owner.name]}.{wide}")
    op.erase()
