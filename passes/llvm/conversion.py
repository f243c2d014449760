"""vector, scf, memref, arith and func to the llvm dialect: one merged pipeline, 5 to 35 ms a kernel.

`convert-to-llvm` converts every dialect that has a conversion interface in one walk; only what needs an
option (vector for x86, func for bare pointers) or works on structure (scf, affine) is a pass of its own.
"""

from __future__ import annotations

from typing import Any

from aicc.bindings import PassManager, arith, ir
from aicc.errors import CompileError
from aicc.target import Target

_BEFORE = "canonicalize,cse,convert-vector-to-scf,lower-affine,convert-scf-to-cf,expand-strided-metadata,lower-affine"
_VECTOR = "convert-vector-to-llvm{{reassociate-fp-reductions=1{x86}}}"
_MASKED_LOAD, _MASKED_STORE = "llvm.intr.masked.load", "llvm.intr.masked.store"
_AFTER = "convert-func-to-llvm{use-bare-ptr-memref-call-conv=1},convert-to-llvm,reconcile-unrealized-casts"

# Arithmetic on 16-bit floats in float; conversions from and to bfloat in integer operations, since no
# CPU before AVX512-BF16 has them and LLVM would call helpers that old compiler libraries lack.
_SMALL_FLOATS = "arith-emulate-unsupported-floats{source-types=bf16,f16 target-type=f32},canonicalize"
_BFLOAT = "arith-expand{include-bf16=1}"


def pipeline(target: Target, small_floats: bool) -> str:
    """The text of the pipeline for `target`; `small_floats`: what is left of 16-bit floats is conversions."""
    x86 = " enable-x86=1" if target.triple.startswith("x86_64") else ""
    passes = [_BFLOAT] if small_floats else []
    return ",".join([*passes, _BEFORE, _VECTOR.format(x86=x86), _AFTER])


def convert(module: Any, target: Target, small_floats: bool | None = None) -> None:
    """Lowers all of `module` to the llvm dialect. Raises CompileError AICC-2002 when something is left.

    `small_floats` says whether it computes with 16-bit floats; None: look.
    """
    if not _has_fma(target):
        split_fma(module)
    if small_floats is None:
        small_floats = _uses_small_floats(module)
    try:
        if small_floats:
            PassManager.parse(f"builtin.module({_SMALL_FLOATS})").run(module.operation)
            convert_integers_by_float(module)
        PassManager.parse(f"builtin.module({pipeline(target, small_floats)})").run(module.operation)
    except ir.MLIRError as error:
        raise CompileError(
            "AICC-2002", f"lowering to the llvm dialect failed: {error}", stage="llvm"
        ) from error
    check_llvm_only(module)
    if small_floats:
        move_as_integers(module)


def convert_integers_by_float(module: Any) -> None:
    """Integers become bfloat by f32, as in NumPy: LLVM would call a helper. Canonicalization makes one op of both.

    %r = arith.sitofp %x : i32 to bf16 --> %f = arith.sitofp %x : i32 to f32; %r = arith.truncf %f : f32 to bf16
    """
    for op in _collect(module, {"arith.sitofp", "arith.uitofp"}):
        kind = op.results[0].type
        vector = kind if isinstance(kind, ir.VectorType) else None
        if str(kind if vector is None else vector.element_type) != "bf16":
            continue
        wide: Any = ir.F32Type.get()
        if vector is not None:
            wide = ir.VectorType.get(vector.shape, wide)
        with ir.InsertionPoint(op), op.location:
            exact = ir.Operation.create(op.name, results=[wide], operands=list(op.operands)).results[0]
            rounded = arith.TruncFOp(kind, exact).result
        op.results[0].replace_all_uses_with(rounded)
        op.erase()


def move_as_integers(module: Any) -> None:
    """Masked loads and stores of 16-bit floats move integers: where LLVM takes them apart, each element would go
    through float, by helpers that old compiler libraries lack.

    llvm.intr.masked.store %v, %p, %m : vector<8xbf16> --> %i = llvm.bitcast %v; llvm.intr.masked.store %i, %p, %m
    """
    for op in _collect(module, {_MASKED_LOAD, _MASKED_STORE}):
        value = op.operands[0] if op.name == _MASKED_STORE else op.results[0]
        kind = ir.VectorType(value.type)
        if str(kind.element_type) not in ("bf16", "f16"):
            continue
        integers = ir.VectorType.get(kind.shape, ir.IntegerType.get_signless(16))
        with ir.InsertionPoint(op), op.location:
            if op.name == _MASKED_STORE:
                op.operands[0] = _bitcast(value, integers)
                continue
            pointer, mask, *rest = op.operands
            names = [a if isinstance(a, str) else a.name for a in op.attributes]
            load = ir.Operation.create(
                op.name,
                results=[integers],
                operands=[pointer, mask, *(_bitcast(x, integers) for x in rest)],
                attributes={name: op.attributes[name] for name in names},
            )
            value.replace_all_uses_with(_bitcast(load.results[0], kind))
        op.erase()


def _bitcast(value: Any, kind: Any) -> Any:
    return ir.Operation.create("llvm.bitcast", results=[kind], operands=[value]).results[0]


def check_llvm_only(module: Any) -> None:
    """Raises CompileError AICC-2002 if `module` holds anything but the llvm dialect.

    The translator does not check this itself: it crashes on a dynamic memref that became no bare pointer.
    """
    left: dict[str, str] = {}

    def visit(op: Any) -> Any:
        if not op.name.startswith("llvm.") and op.name != "builtin.module":
            left.setdefault(op.name, str(op).splitlines()[0][:200])
        return ir.WalkResult.ADVANCE

    module.operation.walk(visit)
    if left:
        raise CompileError(
            "AICC-2002",
            f"not lowered to the llvm dialect: {', '.join(sorted(left))}.",
            stage="llvm",
            notes=list(left.values())[:3],
            hint="math functions need the pass expand-math; memrefs of dynamic shape enter as memref<T> and sizes.",
        )


def split_fma(module: Any) -> None:
    """For targets without the instruction, where LLVM would call `fmaf` once per lane.

    (`vector.fma` becomes `llvm.fmuladd`, which LLVM splits itself.)

    %r = math.fma %a, %b, %c --> %m = arith.mulf %a, %b; %r = arith.addf %m, %c
    """
    for op in _collect(module, {"math.fma"}):
        a, b, c = op.operands
        with ir.InsertionPoint(op), op.location:
            result = arith.AddFOp(arith.MulFOp(a, b).result, c).result
        op.results[0].replace_all_uses_with(result)
        op.erase()


def _has_fma(target: Target) -> bool:
    return not target.triple.startswith("x86_64") or bool({"fma", "avx512f"} & target.features)


def _uses_small_floats(module: Any) -> bool:
    # One walk over types in Python would cost more than printing does.
    text = module.operation.get_asm(enable_debug_info=False, large_elements_limit=16)
    return "bf16" in text or "f16" in text


def _collect(module: Any, names: set[str]) -> list[Any]:
    found = []

    def visit(op: Any) -> Any:
        if op.name in names:
            found.append(op)
        return ir.WalkResult.ADVANCE

    module.operation.walk(visit)
    return found
