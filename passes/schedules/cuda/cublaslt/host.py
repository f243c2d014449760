"""The host's part: the library's call, and what is launched after it or instead of it."""

from __future__ import annotations

from typing import Any

from aicc.passes.gpu.library_calls import ATTRIBUTE, CALL, NUMBERS
from aicc.passes.schedules.cpu.emit import Index
from aicc.passes.schedules.cpu.nest import Buffer
from aicc.passes.schedules.cpu.sizes import row_major
from aicc.passes.schedules.cuda.cublaslt.assemble import OWN, REST
from aicc.passes.schedules.cuda.cublaslt.matrices import Matrices
from aicc.passes.schedules.cuda.cublaslt.split import Split
from aicc.passes.schedules.cuda.emitter import GpuEmitter
from aicc.target import Target


def workspace_bytes(target: Target) -> int:
    """What the library's documentation recommends: 32 MiB for Hopper and later, 4 MiB before."""
    return (32 if target.compute_capability >= 90 else 4) << 20


def emit_call(kernel: Any, parts: Split, matrices: Matrices, target: Target) -> str:
    """
    func.func @k(args) {
      %d = memref.alloc, if stages are left
      %done = func.call @aicc_library_product(…)
      scf.if %done { func.call @rest(args, %d) } else { func.call @own(args) }
    }
    """
    e = GpuEmitter(matrices.arrangement.tree.nest)
    types = [str(argument.type) for argument in kernel.regions[0].blocks[0].arguments]
    out = matrices.accesses[2].buffer
    if parts.rest is not None:
        temporary = str(parts.product.regions[0].blocks[0].arguments[out.number].type)
        _allocate(e, out, temporary)
    done = _call(e, matrices, target)
    e.do(f"scf.if {done} {{")
    if parts.rest is not None:
        _call_other(e, REST, [*types, temporary])
    e.do("} else {")
    _call_other(e, OWN, types)
    e.do("}")
    signature = ", ".join(f"%a{i}: {kind}" for i, kind in enumerate(types))
    declared = "".join(f"{text}\n" for text in e.declarations)
    return f"{declared}func.func @{kernel.sym_name.value}({signature}) {{\n{e.body()}\nreturn\n}}\n"


def _allocate(e: GpuEmitter, buffer: Buffer, kind: str) -> None:
    """The argument `buffer` becomes a temporary."""
    with e.at_start():
        count: Index = 1
        for size in buffer.shape:
            count = e.mul(count, e.size(size))
        flat = f"memref<?x{buffer.element}>"
        memory = e.op(f"memref.alloc({e.index(count)}) : {flat}")
        static = [size.static for size in buffer.shape]
        shape = steps = ""
        if None not in static:
            shape = ", ".join(map(str, static))
            steps = ", ".join(str(step.static) for step in row_major(buffer.shape))
        e.do(
            f"%a{buffer.number} = memref.reinterpret_cast {memory} to offset: [0], sizes: [{shape}], "
            f"strides: [{steps}] : {flat} to {kind}"
        )


def _call(e: GpuEmitter, matrices: Matrices, target: Target) -> str:
    product = matrices.product
    room = workspace_bytes(target)
    workspace = e.op(f"memref.alloc({e.index(room)}) : memref<?xi8>")
    operands = [*(e.base(access.buffer) for access in matrices.accesses), workspace]
    kinds = [*(f"memref<?x{element}>" for element in product.memrefs), *["index"] * len(NUMBERS)]
    numbers = {"workspace_bytes": e.index(room)}
    numbers |= {name: e.index(e.size(size)) for name, size in matrices.numbers.items()}
    signature = f"({', '.join(kinds)}) -> i1"
    e.declare(f"func.func private @{CALL}{signature}")
    arguments = ", ".join([*operands, *(numbers[name] for name in NUMBERS)])
    return e.op(f"func.call @{CALL}({arguments}) {{{ATTRIBUTE} = {product}}} : {signature}")


def _call_other(e: GpuEmitter, name: str, types: list[str]) -> None:
    arguments = ", ".join(f"%a{i}" for i in range(len(types)))
    signature = f"({', '.join(types)})"
    e.declare(f"func.func private @{name}{signature}")
    e.do(f"func.call @{name}({arguments}) : {signature} -> ()")
