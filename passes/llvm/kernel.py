"""A scheduled kernel (contract 5) to its llvm module with launcher (contract 6)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from aicc.bindings import ir
from aicc.errors import CompileError
from aicc.passes.base import Pass, PassContext
from aicc.passes.llvm.conversion import convert
from aicc.passes.llvm.launcher import KernelInterface, launcher_text
from aicc.target import Target


@dataclass(frozen=True)
class LowerKernel(Pass):
    """The module of one scheduled kernel to the llvm dialect, with its launcher. See `lower_kernel`."""

    pass_name: ClassVar[str] = "lower-kernel"

    def run(self, module: Any, ctx: PassContext) -> None:
        lower_kernel(module, ctx.target)


def lower_kernel(module: Any, target: Target, small_floats: bool | None = None) -> KernelInterface:
    """Lowers the module of one kernel to the llvm dialect, in place, and adds its launcher.

        func.func @k(%a: memref<…>, %o: memref<…>, %lo: index, %hi: index, %scratch: memref<…xi8>)
      -->
        llvm.func internal @k(!llvm.ptr {noalias}, …), llvm.func hidden @k_range, llvm.func hidden @k_launch

    `small_floats` says whether the kernel computes with 16-bit floats; None: look.
    Raises CompileError AICC-2002 when something cannot be lowered.
    """
    func = find_kernel(module)
    interface = _interface(module, func)
    for op in module.body.operations:
        _make_internal(op.operation)
    _mark_pointers(func)
    for attribute in [a for a in _names(func) if a.startswith("aicc.")]:
        del func.attributes[attribute]
    convert(module, target, small_floats)
    _tune(module, interface.name, target)
    _append(module, launcher_text(interface))
    return interface


def find_kernel(module: Any) -> Any:
    """The `func.func` with attribute `aicc.kernel`. Raises CompileError AICC-2002."""
    found = [op.operation for op in module.body.operations if "aicc.kernel" in op.operation.attributes]
    if len(found) != 1:
        raise CompileError(
            "AICC-2002", f"a kernel module holds one kernel, this one {len(found)}.", stage="llvm"
        )
    return found[0]


def symbol(op: Any) -> str:
    return str(ir.StringAttr(op.attributes["sym_name"]).value)


def _names(op: Any) -> list[str]:
    return [a if isinstance(a, str) else a.name for a in op.attributes]


def _interface(module: Any, func: Any) -> KernelInterface:
    types = [argument.type for argument in func.regions[0].blocks[0].arguments]
    buffers = next((i for i, t in enumerate(types) if not _is_memref(t)), len(types))
    index = ir.IndexType.get()
    tail = types[-3:]
    if len(types) < 4 or tail[0] != index or tail[1] != index or not _is_memref(tail[2]) or buffers < 1:
        raise CompileError(
            "AICC-2002",
            f"@{symbol(func)} is no kernel over tiles: its arguments must end with lo, hi and scratch.",
            stage="llvm",
        )
    for number, kind in enumerate(types):
        if _is_memref(kind) and not kind.has_static_shape:
            raise CompileError(
                "AICC-2002",
                f"argument {number} of @{symbol(func)} is {kind}, and a bare pointer has no sizes.",
                stage="llvm",
                hint="pass memref<T> and the sizes as index.",
            )
    return KernelInterface(
        name=symbol(func),
        buffers=buffers,
        indices=len(types) - buffers - 3,
        tiles=_number(module, func, "aicc.tiles", "tiles", 1),
        grain=int(_number(module, func, "aicc.grain", "", 1)),
        scratch=_number(module, func, "aicc.scratch", "scratch", 0),
        steps=_number(module, func, "aicc.steps", "steps", 1) if "aicc.steps" in func.attributes else None,
    )


def _is_memref(kind: Any) -> bool:
    return isinstance(kind, ir.MemRefType)


def _number(module: Any, func: Any, attribute: str, companion: str, default: int) -> int | str:
    """An integer attribute, or the name of the companion function that computes the number."""
    if attribute in func.attributes:
        value = func.attributes[attribute]
        if isinstance(value, ir.IntegerAttr):
            return int(value.value)
        if isinstance(value, ir.FlatSymbolRefAttr | ir.StringAttr):
            return str(value.value)
        raise CompileError("AICC-2002", f"{attribute} of @{symbol(func)} is {value}.", stage="llvm")
    name = f"{symbol(func)}_{companion}"
    there = any(symbol(op.operation) == name for op in module.body.operations)
    return name if companion and there else default


def _make_internal(func: Any) -> None:
    func.attributes["llvm.linkage"] = ir.Attribute.parse("#llvm.linkage<internal>")


def _tune(module: Any, kernel: str, target: Target) -> None:
    """LLVM's function attributes: wide vectors where schedules use them, and no inlining of the kernel.

    Inlined into `@k_range`, the kernel would lose what is known of its arguments (alignment, aliasing).
    """
    for op in module.body.operations:
        func = op.operation
        if target.vector_bits == 512:
            pair = [ir.StringAttr.get("prefer-vector-width"), ir.StringAttr.get("512")]
            func.attributes["passthrough"] = ir.ArrayAttr.get([ir.ArrayAttr.get(pair)])
        if symbol(func) == kernel:
            func.attributes["no_inline"] = ir.UnitAttr.get()


def _mark_pointers(func: Any) -> None:
    """Sets `llvm.noalias` on every buffer that `aicc.alias` does not name, and on the scratch."""
    arguments = func.regions[0].blocks[0].arguments
    shared = {int(i) for pair in _pairs(func) for i in pair}
    old = list(func.attributes["arg_attrs"]) if "arg_attrs" in func.attributes else [None] * len(arguments)
    new = []
    for i, (argument, attributes) in enumerate(zip(arguments, old, strict=True)):
        kept = {a.name: a.attr for a in attributes} if attributes is not None else {}
        kept = {name: value for name, value in kept.items() if not name.startswith("aicc.")}
        if _is_memref(argument.type) and i not in shared:
            kept["llvm.noalias"] = ir.UnitAttr.get()
        new.append(ir.DictAttr.get(kept))
    func.attributes["arg_attrs"] = ir.ArrayAttr.get(new)


def _pairs(func: Any) -> list[list[int]]:
    if "aicc.alias" not in func.attributes:
        return []
    return [
        [int(i.value) if hasattr(i, "value") else int(i) for i in pair]
        for pair in func.attributes["aicc.alias"]
    ]


def _append(module: Any, text: str) -> None:
    """Adds the functions of `text` to `module`, declarations only where it has no such symbol."""
    launcher = ir.Module.parse(text)
    known = {symbol(op.operation) for op in module.body.operations}
    for op in list(launcher.body.operations):
        if symbol(op.operation) not in known:
            module.body.append(op.operation)
    module.operation.verify()
