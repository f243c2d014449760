"""The host's part: the library's call, and what is launched after it or instead of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from aicc.passes.schedules.cpu.emit import Index
from aicc.passes.schedules.cpu.sizes import Size, row_major
from aicc.passes.schedules.cuda.emitter import GpuEmitter
from aicc.passes.schedules.cuda.vendor.assemble import OWN, PADDING, REST
from aicc.passes.schedules.cuda.vendor.schedule import Work


def emit(kernel: Any, work: Work) -> str:
    """
    func.func @k(args) {
      %d = memref.alloc, if stages are left
      %done = func.call @aicc_library_…(…)
      scf.if %done { func.call @rest(args, %d) } else { func.call @own(args) }
    }
    where own is preceded by a padding into a temporary, if the library pads.
    """
    e = GpuEmitter(work.nest)
    types = [str(argument.type) for argument in kernel.regions[0].blocks[0].arguments]
    if work.parts.rest is not None:
        temporary = _last_type(work.parts.first)
        with e.at_start():
            _allocate(e, f"%a{work.out.number}", work.out.element, work.out.shape, temporary)
    done = _call(e, work)
    e.do(f"scf.if {done} {{")
    if work.parts.rest is not None:
        assert work.out.number == len(types)
        _call_other(e, REST, [*types, temporary])
    e.do("} else {")
    if work.padding is None:
        _call_other(e, OWN, types)
    else:
        padded = _last_type(work.padding.parts.first)
        name = e.name()
        _allocate(e, name, work.padding.element, work.padding.shape, padded)
        for other in (PADDING, OWN):
            _call_other(e, other, [*types, padded], name)
    e.do("}")
    signature = ", ".join(f"%a{i}: {kind}" for i, kind in enumerate(types))
    declared = "".join(f"{text}\n" for text in e.declarations)
    return f"{declared}func.func @{kernel.sym_name.value}({signature}) {{\n{e.body()}\nreturn\n}}\n"


def _last_type(kernel: Any) -> str:
    """Of its last argument."""
    return str(list(kernel.regions[0].blocks[0].arguments)[-1].type)


def _allocate(e: GpuEmitter, name: str, element: str, shape: Sequence[Size], kind: str) -> None:
    """A temporary of type `kind`."""
    count: Index = 1
    for size in shape:
        count = e.mul(count, e.size(size))
    flat = f"memref<?x{element}>"
    memory = e.op(f"memref.alloc({e.index(count)}) : {flat}")
    static = [size.static for size in shape]
    sizes = steps = ""
    if None not in static:
        sizes = ", ".join(map(str, static))
        steps = ", ".join(str(step.static) for step in row_major(shape))
    e.do(
        f"{name} = memref.reinterpret_cast {memory} to offset: [0], sizes: [{sizes}], "
        f"strides: [{steps}] : {flat} to {kind}"
    )


def _call(e: GpuEmitter, work: Work) -> str:
    call = work.call
    operands = [e.base(access.buffer) for access in work.accesses]
    if call.workspace:
        operands.append(e.op(f"memref.alloc({e.index(work.workspace)}) : memref<?xi8>"))
    numbers = {"workspace_bytes": e.index(work.workspace)}
    numbers |= {name: e.index(e.size(size)) for name, size in work.numbers.items()}
    e.declare(f"func.func private @{call.function}{call.signature}")
    arguments = ", ".join([*operands, *(numbers[name] for name in call.numbers)])
    return e.op(f"func.call @{call.function}({arguments}) {{{call.attribute} = {call}}} : {call.signature}")


def _call_other(e: GpuEmitter, name: str, types: list[str], last: str = "") -> None:
    """With the kernel's arguments; `last` in the place of the last one."""
    names = [f"%a{i}" for i in range(len(types))]
    if last:
        names[-1] = last
    signature = f"({', '.join(types)})"
    e.declare(f"func.func private @{name}{signature}")
    e.do(f"func.call @{name}({', '.join(names)}) : {signature} -> ()")
