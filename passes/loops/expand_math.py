"""Expands elementary functions into arithmetic: no call to libm is left.

`math.*` on vectors would become one library call for each lane, ten to fifty times slower than arithmetic on
whole vectors. The functions are in passes/loops/math.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, ClassVar

from aicc.bindings import PassManager, ir
from aicc.passes.base import Pass, PassContext
from aicc.passes.loops.math.functions import FUNCTIONS, ROUNDING, function_text
from aicc.target import Target

_PREFIX = "__aicc_math_"
_INLINE = "builtin.module(inline{default-pipeline= max-iterations=1})"


@dataclass(frozen=True)
class ExpandMath(Pass):
    """Replaces math ops on f32, f64, f16 and bf16 scalars and vectors (half precision through f32).

    before --> after
      %y = math.exp %x : vector<8xf32>   --> %0 = math.fma %x, %c0, %c1 : vector<8xf32>
                                             %1 = arith.subf %0, %c1 : vector<8xf32>
                                             …
                                             %y = arith.mulf %20, %18 : vector<8xf32>

    Ops that are instructions stay: sqrt, fma, absf, copysign, and rounding where the target has it. With the
    fast-math flag `afn`, exp of f32 flushes subnormal results and saturates.
    """

    pass_name: ClassVar[str] = "expand-math"

    def run(self, module: Any, ctx: PassContext) -> None:
        expand_math(module, ctx.target)


def expand_math(module: Any, target: Target | None = None) -> None:
    """Expands all math ops below `module`, in place.

    Each distinct function is written as text once, math ops become calls, and MLIR's inliner clones the
    bodies: much faster than building every op from Python.
    """
    target = target or Target.host()
    wanted = set(FUNCTIONS) | (set() if rounds_natively(target) else set(ROUNDING))
    ops: list[Any] = []

    def visit(op: Any) -> Any:
        if op.name in wanted:
            ops.append(op)
        return ir.WalkResult.ADVANCE

    module.operation.walk(visit)
    if not ops:
        return
    if any(_inside_affine(op) for op in ops):
        # Loops over lanes, in slow paths, cannot be inlined into affine loops.
        PassManager.parse("builtin.module(lower-affine)").run(module.operation)
        ops.clear()
        module.operation.walk(visit)
    with module.context, ir.Location.unknown():
        functions = _Functions(target)
        for op in ops:
            functions.call(op)
        shielded = _shield(module)
        try:
            functions.insert()
            _open_launches(module)
            PassManager.parse(_INLINE).run(module.operation)
        finally:
            for function in shielded:
                del function.attributes["no_inline"]


def has_fma(target: Target) -> bool:
    """Whether the target multiplies and adds in one instruction."""
    return not target.triple.startswith("x86_64") or bool({"fma", "avx512f"} & target.features)


def rounds_natively(target: Target) -> bool:
    """Whether the target has instructions that round to integers."""
    wide = {"sse4.1", "sse4.2", "avx", "avx2", "avx512f"}
    return not target.triple.startswith("x86_64") or bool(wide & target.features)


class _Functions:
    """Calls in the place of math ops, and the functions they need, by symbol table."""

    def __init__(self, target: Target) -> None:
        self._fma = has_fma(target)
        self._rounds = rounds_natively(target)
        self._needed: dict[Any, dict[str, str]] = {}

    def call(self, op: Any) -> None:
        """math op --> conversions, func.call, conversions."""
        kinds = [value.type for value in op.operands]
        shape, lanes = _lanes(kinds[0])
        elements = tuple(_computed(_element(kind)) for kind in kinds)
        approximate = "fastmath" in op.attributes and "afn" in str(op.attributes["fastmath"])
        flag = "_fast" if approximate else ""
        suffix = "_".join([*elements, *([str(lanes)] if lanes else [])])
        name = f"{_PREFIX}{op.name.removeprefix('math.')}{flag}_{suffix}"
        text = function_text(name, op.name, elements, lanes, approximate, self._fma, self._rounds)
        self._needed.setdefault(_symbol_table(op), {})[name] = text
        with ir.InsertionPoint(op), op.location:
            pairs = zip(op.operands, elements, strict=True)
            args = [_convert(value, element, lanes, shape) for value, element in pairs]
            element = _computed(_element(op.results[0].type))
            result_type = ir.Type.parse(f"vector<{lanes}x{element}>" if lanes else element)
            call = ir.Operation.create(
                "func.call",
                results=[result_type] * len(op.results),
                operands=args,
                attributes={"callee": ir.FlatSymbolRefAttr.get(name)},
            )
            for old, new in zip(op.results, call.results, strict=True):
                old.replace_all_uses_with(_restore(new, old.type, shape))
        op.erase()

    def insert(self) -> None:
        """Puts the functions in front of their callers."""
        for table, texts in self._needed.items():
            parsed = ir.Module.parse("\n".join(texts.values()))
            block = table.regions[0].blocks[0]
            for function in list(parsed.body.operations):
                function.operation.clone(ip=ir.InsertionPoint.at_block_begin(block))


def _lanes(kind: Any) -> tuple[list[int] | None, int]:
    """(shape, number of elements) of a vector type; (None, 0) for a scalar."""
    if not isinstance(kind, ir.VectorType):
        return None, 0
    shape = list(kind.shape)
    lanes = 1
    for size in shape:
        lanes *= size
    return shape, lanes


def _element(kind: Any) -> str:
    return str(kind.element_type if isinstance(kind, ir.VectorType) else kind)


def _computed(element: str) -> str:
    """The element type a function is computed in."""
    return "f32" if element in ("f16", "bf16") else "i64" if element == "index" else element


def _convert(value: Any, element: str, lanes: int, shape: list[int] | None) -> Any:
    """As a flat vector of `element`."""
    source = _element(value.type)
    if shape is not None and shape != [lanes]:
        value = _op("vector.shape_cast", value, f"vector<{lanes}x{source}>")
    if source != element:
        kind = f"vector<{lanes}x{element}>" if lanes else element
        value = _op("arith.index_cast" if source == "index" else "arith.extf", value, kind)
    return value


def _restore(value: Any, kind: Any, shape: list[int] | None) -> Any:
    """The inverse of `_convert`."""
    target, source = _element(kind), _element(value.type)
    if source != target:
        lanes = list(value.type.shape)[0] if isinstance(value.type, ir.VectorType) else 0
        op = "arith.index_cast" if target == "index" else "arith.truncf"
        value = _op(op, value, f"vector<{lanes}x{target}>" if lanes else target)
    return value if value.type == kind else _op("vector.shape_cast", value, str(kind))


def _op(name: str, value: Any, kind: str) -> Any:
    return ir.Operation.create(name, results=[ir.Type.parse(kind)], operands=[value]).results[0]


def _symbol_table(op: Any) -> Any:
    """The module (builtin or gpu) that holds the op's function."""
    parent = op.parent
    while parent is not None and not re.search(r"\bmodule$", parent.name):
        parent = parent.operation.parent
    return parent.operation


def _inside_affine(op: Any) -> bool:
    parent = op.parent
    while parent is not None and parent.name != "func.func":
        if parent.name.startswith("affine."):
            return True
        parent = parent.operation.parent
    return False


def _open_launches(module: Any) -> None:
    """Puts the bodies of launches into `scf.execute_region`, which the canonicalizer takes away again: nothing is
    inlined where an op of the gpu dialect is the parent."""
    launches = []

    def visit(op: Any) -> Any:
        if op.name == "gpu.launch":
            launches.append(op)
        return ir.WalkResult.ADVANCE

    module.operation.walk(visit)
    for launch in launches:
        body = launch.regions[0].blocks[0]
        *moved, end = (op.operation for op in body.operations)
        with ir.InsertionPoint(end), launch.location:
            region = ir.Operation.create("scf.execute_region", regions=1)
        block = region.regions[0].blocks.append()
        for op in moved:
            block.append(op)
        with ir.InsertionPoint(block), launch.location:
            ir.Operation.create("scf.yield")


def _shield(module: Any) -> list[Any]:
    """Keeps the module's own functions from being inlined into each other: marks and returns them."""
    found = []

    def visit(op: Any) -> Any:
        if op.name == "func.func" and "no_inline" not in op.attributes:
            op.attributes["no_inline"] = ir.UnitAttr.get()
            found.append(op)
        return ir.WalkResult.ADVANCE

    module.operation.walk(visit)
    return found
