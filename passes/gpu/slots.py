"""Memory on the host's stack for what is handed to the runtime."""

from __future__ import annotations

from typing import Any

from aicc.bindings import ir
from aicc.bindings import llvm as llvm_dialect
from aicc.passes.llvm.pointers import pointer_type


def constant(kind: Any, number: int) -> Any:
    """An integer of the type `kind`."""
    return llvm_dialect.ConstantOp(kind, ir.IntegerAttr.get(kind, number)).result


def array(count: int, kind: str, alignment: int = 0) -> Any:
    """`count` elements of a type; to be made at the start of a function, else each turn of a loop takes more."""
    one = constant(ir.IntegerType.get_signless(64), 1)
    elem = ir.Type.parse(f"!llvm.array<{count} x {kind.removeprefix('!llvm.')}>")
    return llvm_dialect.AllocaOp(pointer_type(), one, elem, alignment=alignment or None).result


def element(base: Any, number: int, kind: str) -> Any:
    """The address of an element."""
    place = ir.DenseI32ArrayAttr.get([number])
    return llvm_dialect.GEPOp(pointer_type(), base, [], place, ir.Type.parse(kind), None).result


def store(value: Any, pointer: Any) -> None:
    """Writes it."""
    llvm_dialect.StoreOp(value, pointer)
