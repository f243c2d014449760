"""Borders of padded buffers are filled once a run, all of them by one kernel, where each kernel takes a launch."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from math import prod
from typing import Any, ClassVar

from aicc.bindings import func, ir
from aicc.passes.base import Pass, PassContext
from aicc.passes.buffers.entry import ENTRY
from aicc.passes.kernels.ir_tools import defining_op, nested_ops
from aicc.passes.llvm.pointers import element_bytes

_LAUNCH, _BORDER = "_launch", "border_"
_MOST_BYTES = 256 << 20
"""Of memory that keeps its borders: nothing else may lie there in the meantime."""


@dataclass(frozen=True)
class KeepBorders(Pass):
    """Padded buffers of one shape share memory whose border nobody writes but the kernel that fills it, which goes to
    the start of the program and there fills all borders at once.

    before --> after
      %a = alloc; call @k0_launch(…, interior of %a); call @border_1_launch(%a); call @k1_launch(%a, …)
      %b = alloc; call @k2_launch(…, interior of %b); call @border_1_launch(%b); call @k3_launch(%b, …)
      %c = alloc; call @k4_launch(…, interior of %c); call @border_2_launch(%c); call @k5_launch(%c, …)
      -->
      %a = alloc; %c = alloc; call @border_3_launch(%a, %c)
      call @k0_launch(…, interior of %a); call @k1_launch(%a, …); call @k2_launch(…, interior of %a); …
    """

    pass_name: ClassVar[str] = "keep-borders"

    def run(self, module: Any, ctx: PassContext) -> None:
        functions = {f.sym_name.value: f for f in module.body.operations if f.operation.name == "func.func"}
        block = functions[ENTRY].regions[0].blocks[0]
        position = {o.operation: i for i, o in enumerate(block.operations)}
        allocs = [o.operation for o in block.operations if o.operation.name == "memref.alloc"]
        padded = [p for p in (_read(o, functions, position) for o in allocs) if p is not None]
        slots = _share(padded)
        if not slots:
            return
        launches = [o.operation for o in block.operations if _is_launch(o.operation)]
        top = allocs[0]
        for slot in slots:
            if slot.alloc != top:
                slot.alloc.move_before(top)
            for op in _view_ops(slot.border.operands[1]):
                op.move_before(launches[0])
        _fill_all(module, functions, slots, launches[0])
        for one in [p for p in padded if p.kept]:
            one.border.erase()
            if one not in slots:
                one.alloc.erase()
        _erase_unused(module)


@dataclass(eq=False)
class _Padded:
    """A buffer with the call that fills its border; positions in the block of its first and its last use."""

    alloc: Any
    border: Any
    kernel: Any
    first: int
    last: int
    kept: bool = field(default=False)

    @property
    def bytes(self) -> int:
        t = ir.MemRefType(self.alloc.results[0].type)
        return int(prod(t.shape)) * element_bytes(t.element_type)


def _is_launch(op: Any) -> bool:
    return bool(op.name == "func.call" and _callee(op).endswith(_LAUNCH))


def _callee(call: Any) -> str:
    return str(ir.FlatSymbolRefAttr(call.attributes["callee"]).value)


def _read(alloc: Any, functions: dict[str, Any], position: dict[Any, int]) -> _Padded | None:
    """The buffer, if all that touches it are kernels of this block, of which one fills the border and no other writes
    there."""
    kind = ir.MemRefType(alloc.results[0].type)
    if not kind.has_static_shape:
        return None
    border, places, written = None, [], []
    for use in alloc.results[0].uses:
        view = use.owner.operation
        if view.name != "memref.reinterpret_cast" or view not in position:
            return None
        for inner in view.results[0].uses:
            call = inner.owner.operation
            if call not in position or not _is_launch(call):
                return None
            kernel = functions.get(_callee(call).removesuffix(_LAUNCH))
            if kernel is None or "aicc.kernel" not in kernel.attributes:
                return None
            if kernel.sym_name.value.startswith(_BORDER):
                if border is not None:
                    return None
                border = call
                continue
            places.append(position[call])
            if _is_output(kernel, inner.operand_number - 1):
                written.append(view)
    if border is None or not places:
        return None
    kernel = functions[_callee(border).removesuffix(_LAUNCH)]
    boxes = list(_boxes(kernel))
    if any(_touches(view, kind, boxes) for view in written):
        return None
    return _Padded(alloc, border, kernel, min(places), max(places))


def _is_output(kernel: Any, number: int) -> bool:
    """Whether argument `number` (the first of a launcher is the context) is written."""
    memrefs = [a for a in kernel.regions[0].blocks[0].arguments if isinstance(a.type, ir.MemRefType)]
    return number >= len(memrefs) - int(ir.IntegerAttr(kernel.attributes["aicc.outputs"]).value)


def _boxes(kernel: Any) -> Iterator[tuple[list[int], list[int]]]:
    """Offsets and sizes of what a border kernel fills."""
    for op in nested_ops(kernel.operation):
        if op.name == "memref.subview":
            yield (
                list(ir.DenseI64ArrayAttr(op.attributes["static_offsets"])),
                list(ir.DenseI64ArrayAttr(op.attributes["static_sizes"])),
            )


def _touches(view: Any, kind: Any, boxes: Sequence[tuple[list[int], list[int]]]) -> bool:
    """Whether a view of a buffer may reach one of the boxes."""
    sizes = list(ir.DenseI64ArrayAttr(view.attributes["static_sizes"]))
    strides = list(ir.DenseI64ArrayAttr(view.attributes["static_strides"]))
    at = _offset(view)
    own = [prod(kind.shape[d + 1 :]) for d in range(kind.rank)]
    if at is None or strides != own or len(sizes) != kind.rank:
        return True
    offsets = []
    for step in own:
        offsets.append(at // step)
        at %= step
    return any(
        all(o < p + m and p < o + n for o, n, p, m in zip(offsets, sizes, places, extents, strict=True))
        for places, extents in boxes
    )


def _offset(view: Any) -> int | None:
    """Where a view starts; None: only a run knows."""
    if len(view.operands) == 1:
        return int(ir.DenseI64ArrayAttr(view.attributes["static_offsets"])[0])
    constant = defining_op(view.operands[1])
    if len(view.operands) != 2 or constant is None or constant.name != "arith.constant":
        return None
    return int(ir.IntegerAttr(constant.attributes["value"]).value)


def _share(padded: list[_Padded]) -> list[_Padded]:
    """Buffers whose memory is that of all of their shape that do not live at the same time; the small ones first, as
    far as there may be such memory."""
    slots: list[_Padded] = []
    ends: dict[int, int] = {}
    room = _MOST_BYTES
    for one in sorted(padded, key=lambda p: (p.bytes, p.first)):
        free = [
            i for i, s in enumerate(slots) if s.kernel == one.kernel and _same(s, one) and ends[i] < one.first
        ]
        if free:
            one.alloc.results[0].replace_all_uses_with(slots[free[0]].alloc.results[0])
            ends[free[0]] = one.last
        elif one.bytes <= room:
            room -= one.bytes
            ends[len(slots)] = one.last
            slots.append(one)
        else:
            continue
        one.kept = True
    return slots


def _same(first: _Padded, second: _Padded) -> bool:
    return bool(first.alloc.results[0].type == second.alloc.results[0].type)


def _view_ops(value: Any) -> list[Any]:
    """The ops that make a view of an allocation, in order."""
    view = defining_op(value)
    assert view is not None
    found = [op for op in (defining_op(operand) for operand in list(view.operands)[1:]) if op is not None]
    return [*found, view]


def _fill_all(module: Any, functions: dict[str, Any], slots: Sequence[_Padded], start: Any) -> None:
    """One call that fills the borders of all slots."""
    if len(slots) == 1:
        border = slots[0].border.clone(ir.InsertionPoint(start))
        assert border is not None
        return
    views = [slot.border.operands[1] for slot in slots]
    text = " ".join(str(slot.kernel.sym_name.value) for slot in slots)
    name = f"{_BORDER}{hashlib.sha256(text.encode()).hexdigest()[:12]}"
    one = slots[0].kernel.operation
    with ir.InsertionPoint.at_block_begin(module.body), ir.Location.unknown():
        kinds = [slot.kernel.regions[0].blocks[0].arguments[0].type for slot in slots]
        kernel = func.FuncOp(name, ir.FunctionType.get(kinds, []))
        for key in ("aicc.kernel", "aicc.schedule", "aicc.config"):
            kernel.attributes[key] = one.attributes[key]
        count = ir.IntegerAttr.get(ir.IntegerType.get_signless(64), len(slots))
        kernel.attributes["aicc.outputs"] = count
        with ir.InsertionPoint(kernel.add_entry_block()):
            for argument, slot in zip(kernel.arguments, slots, strict=True):
                _inline(slot.kernel, argument)
            func.ReturnOp([])
        types = [slots[0].border.operands[0].type, *(view.type for view in views)]
        func.FuncOp(f"{name}{_LAUNCH}", ir.FunctionType.get(types, []), visibility="private")
    names = ir.Location.fused([slot.border.location for slot in slots])
    with ir.InsertionPoint(start), names:
        operands = [slots[0].border.operands[0], *views]
        func.CallOp([], ir.FlatSymbolRefAttr.get(f"{name}{_LAUNCH}"), operands)


def _erase_unused(module: Any) -> None:
    """Kernels of borders that nobody calls any more, and what declares their launchers."""
    called = {_callee(op) for op in nested_ops(module.operation) if op.name == "func.call"}
    for op in [o for o in module.body.operations if o.operation.name == "func.func"]:
        name = str(op.sym_name.value)
        if name.startswith(_BORDER) and f"{name.removesuffix(_LAUNCH)}{_LAUNCH}" not in called:
            op.operation.erase()


def _inline(border: Any, argument: Any) -> None:
    """The fills of a border kernel, on `argument`."""
    block = border.regions[0].blocks[0]
    values = {block.arguments[0]: argument}
    for op in list(block.operations)[:-1]:
        copy = op.operation.clone()
        for number, operand in enumerate(op.operands):
            copy.operands[number] = values.get(operand, operand)
        values.update(zip(op.results, copy.operation.results, strict=True))
