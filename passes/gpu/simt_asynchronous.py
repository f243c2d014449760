"""What threads of sm_90a start and wait for: barriers in shared memory, copies of boxes, products of warpgroups. All of
them become calls of the emulation, compiler/runtime/simt/asynchronous.c.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Protocol

from aicc.bindings import arith, ir, math
from aicc.bindings import llvm as llvm_dialect
from aicc.errors import CompileError
from aicc.passes.llvm.pointers import pointer_type

_NOTHING = ("nvvm.fence.mbarrier.init", "nvvm.wgmma.fence.aligned", "nvvm.setmaxregister")
"""Ops that only say in which order others are seen (here: in the order of the program), or who has registers."""


class Rewriter(Protocol):
    """What `passes/gpu/simt.py` makes calls with."""

    def call(self, name: str, operands: list[Any], result: Any) -> Any: ...

    def none(self, name: str, operands: list[Any]) -> list[Any]: ...

    def stack(self, count: int, kind: Any) -> Any: ...


def asynchronous_rules(rewriter: Rewriter) -> dict[str, Callable[[Any], list[Any]]]:
    """By op: what makes its calls, at the insertion point, and returns its results."""
    return {
        "llvm.inline_asm": lambda op: _assembly(rewriter, op),
        "nvvm.barrier": lambda op: rewriter.none("aicc_simt_meet", list(op.operands)),
        "nvvm.mbarrier.init": lambda op: rewriter.none("aicc_simt_phase_init", list(op.operands)),
        "nvvm.mbarrier.arrive": lambda op: _arrive(rewriter, op),
        "nvvm.mbarrier.arrive.expect_tx": lambda op: rewriter.none(
            "aicc_simt_phase_expect", list(op.operands)
        ),
        "nvvm.mbarrier.try_wait.parity": lambda op: rewriter.none(
            "aicc_simt_phase_wait", list(op.operands)[:2]
        ),
        "nvvm.mapa": lambda op: [rewriter.call("aicc_simt_map", list(op.operands), pointer_type())],
        "nvvm.cluster.arrive": lambda op: rewriter.none("aicc_simt_cluster_arrive", []),
        "nvvm.cluster.wait": lambda op: rewriter.none("aicc_simt_cluster_wait", []),
        "nvvm.cp.async.bulk.tensor.shared.cluster.global": lambda op: _copy_box(rewriter, op),
        "nvvm.cp.async.bulk.tensor.global.shared.cta": lambda op: _store_box(rewriter, op),
        "nvvm.cp.async.bulk.commit.group": lambda op: rewriter.none("aicc_simt_store_commit", []),
        "nvvm.cp.async.bulk.wait_group": lambda op: rewriter.none(
            "aicc_simt_store_wait", [i64_of(int(ir.IntegerAttr(op.attributes["group"]).value))]
        ),
        "nvvm.fence.proxy": lambda op: rewriter.none("aicc_simt_fence", []),
        "nvvm.stmatrix": lambda op: _store_matrices(rewriter, op),
        "nvvm.wgmma.mma_async": lambda op: _product(rewriter, op),
        "nvvm.wgmma.commit.group.sync.aligned": lambda op: rewriter.none("aicc_simt_wgmma_commit", []),
        "nvvm.wgmma.wait.group.sync.aligned": lambda op: rewriter.none(
            "aicc_simt_wgmma_wait", [i64_of(int(ir.IntegerAttr(op.attributes["group"]).value))]
        ),
        "nvvm.griddepcontrol": lambda op: (
            rewriter.none("aicc_simt_grids_wait", []) if "wait" in str(op.attributes["kind"]) else []
        ),
        **dict.fromkeys(_NOTHING, lambda op: []),
    }


def i64_of(value: int) -> Any:
    """A constant."""
    i64 = ir.IntegerType.get_signless(64)
    return arith.ConstantOp(i64, ir.IntegerAttr.get(i64, value)).result


def _arrive(rewriter: Rewriter, op: Any) -> list[Any]:
    rewriter.none("aicc_simt_phase_arrive", list(op.operands))
    return [i64_of(0) for _ in op.results]  # the state, which nobody reads


def _copy_box(rewriter: Rewriter, op: Any) -> list[Any]:
    """Coordinates are innermost first; what is missing to five is 0. A mask of blocks, 0: this one."""
    segments = list(ir.DenseI32ArrayAttr(op.attributes["operandSegmentSizes"]))
    rank, masks = segments[2], segments[5]
    if segments != [1, 1, rank, 1, 0, masks, 0, 0]:
        raise CompileError(
            "AICC-2002", "a copy of a box with offsets or hints for caches is not emulated.", stage="llvm"
        )
    target, source, *places, barrier = list(op.operands)[: 3 + rank]
    i16, i32 = (ir.IntegerType.get_signless(bits) for bits in (16, 32))
    places += [arith.ConstantOp(i32, 0).result] * (5 - rank)
    mask = op.operands[3 + rank] if masks else arith.ConstantOp(i16, 0).result
    return rewriter.none(
        "aicc_simt_copy_box", [target, source, barrier, *places, arith.ExtUIOp(i32, mask).result]
    )


def _store_box(rewriter: Rewriter, op: Any) -> list[Any]:
    """As `_copy_box`, without a barrier."""
    target, source, *places = op.operands
    if list(ir.DenseI32ArrayAttr(op.attributes["operandSegmentSizes"])) != [1, 1, len(places), 0, 0]:
        raise CompileError(
            "AICC-2002", "a store of a box with hints for caches is not emulated.", stage="llvm"
        )
    i32 = ir.IntegerType.get_signless(32)
    places += [arith.ConstantOp(i32, 0).result] * (5 - len(places))
    return rewriter.none("aicc_simt_store_box", [target, source, *places])


def _store_matrices(rewriter: Rewriter, op: Any) -> list[Any]:
    """Registers through the stack."""
    row, *values = op.operands
    if "row" not in str(op.attributes["layout"]):
        raise CompileError("AICC-2002", "a store of turned matrices is not emulated.", stage="llvm")
    i32 = ir.IntegerType.get_signless(32)
    place = rewriter.stack(len(values), i32)
    for number, value in enumerate(values):
        slot = llvm_dialect.GEPOp(
            pointer_type(), place, [], ir.DenseI32ArrayAttr.get([number]), i32, None
        ).result
        llvm_dialect.StoreOp(value, slot)
    return rewriter.none("aicc_simt_stmatrix", [row, place, i64_of(len(values))])


def _product(rewriter: Rewriter, op: Any) -> list[Any]:
    """Sums through the stack."""
    sums, left, right = op.operands
    shape = re.findall(r"(\w+) = (\d+)", str(op.attributes["shape"]))
    sizes = {key: int(size) for key, size in shape}
    kinds = [_kind(op, key) for key in ("typeA", "typeB", "typeD")]
    scaled = [key for key in ("scaleA", "scaleB") if "one" not in str(op.attributes[key])]
    turned = ("col" in str(op.attributes["layoutA"]), "row" in str(op.attributes["layoutB"]))
    whole = kinds[2] == "s32" and set(kinds[:2]) <= {"u8", "s8"} and sizes["k"] == 32 and not any(turned)
    floats = kinds in (["f16", "f16", "f32"], ["bf16", "bf16", "f32"]) and sizes["k"] == 16
    if not (whole or floats) or scaled:
        raise CompileError(
            "AICC-2002", f"a product of warpgroups of {', '.join(kinds)} is not emulated.", stage="llvm"
        )
    number = ir.IntegerType.get_signless(32) if whole else ir.F32Type.get()
    place = rewriter.stack(sizes["n"] // 2, number)
    if "zero" in str(op.attributes["scaleD"]):
        sums = llvm_dialect.ZeroOp(sums.type).result
    llvm_dialect.StoreOp(sums, place)
    if whole:
        name, facts = "aicc_simt_wgmma_bytes", [kinds[0] == "s8", kinds[1] == "s8"]
    else:
        name, facts = "aicc_simt_wgmma", [kinds[0] == "bf16", *turned]
    rewriter.none(name, [left, right, place, *map(i64_of, [sizes["n"], *map(int, facts)])])
    return [llvm_dialect.LoadOp(op.results[0].type, place).result]


_REGISTERS = re.compile(
    r"wgmma\.mma_async\.sync\.aligned\.m64n(\d+)k16\.f32\.(b?f16)\.b?f16 .* p, 1, 1, ([01]);"
)


def _assembly(rewriter: Rewriter, op: Any) -> list[Any]:
    """What the nvvm dialect has no op for: powers of two, products whose left operand is in registers."""
    text = ir.StringAttr(op.attributes["asm_string"]).value
    if text.startswith("ex2.approx.ftz.f32 "):
        return [math.Exp2Op(op.operands[0]).result]
    if text.startswith("mov.b32 "):
        return [_struct(op.results[0].type, list(op.operands))]
    waiting = re.fullmatch(r"wgmma\.wait_group\.sync\.aligned (\d+);", text)
    if waiting is not None:
        return rewriter.none("aicc_simt_wgmma_wait", [i64_of(int(waiting[1]))])
    found = _REGISTERS.search(text)
    if found is None:
        raise CompileError("AICC-2002", f"assembly '{text}' is not emulated.", stage="llvm")
    columns, turned = int(found[1]), int(found[3])
    left = rewriter.stack(4, ir.IntegerType.get_signless(32))
    sums = rewriter.stack(columns // 2, ir.F32Type.get())
    for place, values in ((left, list(op.operands)[:4]), (sums, list(op.operands)[5:])):
        for number, value in enumerate(values):
            slot = llvm_dialect.GEPOp(
                place.type, place, [], ir.DenseI32ArrayAttr.get([number]), value.type, None
            ).result
            llvm_dialect.StoreOp(value, slot)
    facts = map(i64_of, [columns, int(found[2] == "bf16"), turned])
    rewriter.none("aicc_simt_wgmma_registers", [left, op.operands[4], sums, *facts])
    return [llvm_dialect.LoadOp(op.results[0].type, sums).result]


def _struct(kind: Any, values: list[Any]) -> Any:
    result = llvm_dialect.UndefOp(kind).result
    for number, value in enumerate(values):
        place = ir.DenseI64ArrayAttr.get([number])
        result = llvm_dialect.InsertValueOp(result, value, place).result
    return result


def _kind(op: Any, key: str) -> str:
    found = re.search(r"<(\w+)>", str(op.attributes[key]))
    return found[1] if found else str(op.attributes[key])
