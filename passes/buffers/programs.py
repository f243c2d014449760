"""Calls of programs (`aicc.dialects.programs`) in the host program: buffers and sizes in tables.

    %y = call @if_0(%c, %x) {aicc.control = "if", …} : (tensor<i8>, tensor<?xf32>) -> tensor<?xf32>
  -->
    %condition = memref.load %c[]
    llvm.store %n, %dims                               the sizes of the inputs
    call @if_0_run(%ctx, %condition, %buffers, %dims, %sizes, %x, %null)
    %m = llvm.load %sizes; %p = llvm.load %buffers[1]  a result in a buffer of the runtime's pool, to be released

A result whose size is known is written by the program where it belongs; of the others the address is null, and the
tables hold address and sizes afterwards. `llvm/programs.py` has what `@if_0_run` does.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from aicc.bindings import arith, ir, memref
from aicc.bindings import llvm as llvm_dialect
from aicc.dialects.programs import Control, control_of
from aicc.passes.buffers.layout import Buffer, Size, as_value, is_contiguous, whole
from aicc.passes.kernels.ir_tools import nested_ops
from aicc.passes.llvm.pointers import pointer_to_memref, pointer_type

if TYPE_CHECKING:
    from aicc.passes.buffers.host import Host

RELEASE = "aicc_buffer_release"


def call_programs(host: Host, op: Any, control: Control) -> None:
    """Builds the call of the programs of `control` for `op`, a call on tensors."""
    scalars = [_loaded(host.written(v)) for v in list(op.operands)[: control.first_input]]
    given = [host.written(v) for v in list(op.operands)[control.first_input :]]
    inputs = [b if is_contiguous(b) else host.contiguous(b) for b in given]
    homes = [_home(host, r) for r in op.results]
    buffers = _table(host, len(inputs) + len(homes), pointer_type())
    dims = _table(host, sum(b.rank for b in inputs), _i64())
    sizes = _table(host, sum(ir.RankedTensorType(r.type).rank for r in op.results), _i64())
    _store_all(dims, [s for b in inputs for s in b.sizes])
    _store_all(sizes, [d for r in op.results for d in _static_sizes(r)])
    null = llvm_dialect.ZeroOp(pointer_type()).result
    addresses = [b.materialize() for b in inputs] + [null if h is None else h.materialize() for h in homes]
    name = f"{ir.FlatSymbolRefAttr(op.attributes['callee']).value}_run"
    operands = [host.entry.context, *scalars, buffers, dims, sizes, *addresses]
    host.call(name, operands, lambda declared: control.write(declared))
    position = 0
    for k, (result, home) in enumerate(zip(op.results, homes, strict=True)):
        rank = ir.RankedTensorType(result.type).rank
        if home is None:
            pointer = _load(buffers, len(inputs) + k, pointer_type())
            home = _taken(host, result, pointer, sizes, position)
        host.buffers[result] = home
        position += rank


def _home(host: Host, result: Any) -> Buffer | None:
    """Where a result of static size belongs, when a program can write there: compact memory."""
    if not ir.RankedTensorType(result.type).has_static_shape:
        return None
    home = host.destinations.place(result)
    return home if home is not None and is_contiguous(home) else None


def _taken(host: Host, result: Any, pointer: Any, sizes: Any, position: int) -> Buffer:
    """The buffer that the runtime found for a result; in its home, if it has one, else kept until the program ends."""
    t = ir.RankedTensorType(result.type)
    found: list[Size] = []
    for d in range(t.rank):
        if t.is_dynamic_dim(d):
            found.append(arith.IndexCastOp(ir.IndexType.get(), _load(sizes, position + d, _i64())).result)
        else:
            found.append(int(t.shape[d]))
    dynamic = ir.ShapedType.get_dynamic_size()
    kind = ir.MemRefType.get([s if isinstance(s, int) else dynamic for s in found], t.element_type)
    buffer = whole(pointer_to_memref(pointer, kind, [s for s in found if not isinstance(s, int)]), found)
    home = host.destinations.home(result)
    if home is None:
        host.kept.append(pointer)
        return buffer
    host.copy(buffer, home)
    host.call(RELEASE, [host.entry.context, pointer])
    return home


def _static_sizes(result: Any) -> list[int]:
    """The sizes a result must have, -1 for any."""
    t = ir.RankedTensorType(result.type)
    return [-1 if t.is_dynamic_dim(d) else int(t.shape[d]) for d in range(t.rank)]


def _loaded(buffer: Buffer) -> Any:
    """The number in a buffer of one, as i64."""
    value = memref.LoadOp(buffer.materialize(), []).result
    return value if value.type == _i64() else arith.ExtUIOp(_i64(), value).result


def _table(host: Host, entries: int, kind: Any) -> Any:
    """Room on the stack, taken once per run of the program."""
    with ir.InsertionPoint.at_block_begin(host.entry.block), ir.Location.unknown():
        count = llvm_dialect.ConstantOp(_i64(), ir.IntegerAttr.get(_i64(), max(entries, 1))).result
        return llvm_dialect.AllocaOp(pointer_type(), count, kind).result


def _store_all(table: Any, sizes: Sequence[Size]) -> None:
    for position, size in enumerate(sizes):
        number = arith.IndexCastOp(_i64(), as_value(size)).result
        llvm_dialect.StoreOp(number, _slot(table, position, _i64()))


def _load(table: Any, position: int, kind: Any) -> Any:
    return llvm_dialect.LoadOp(kind, _slot(table, position, kind)).result


def _slot(table: Any, position: int, kind: Any) -> Any:
    where = ir.DenseI32ArrayAttr.get([position])
    return llvm_dialect.GEPOp(pointer_type(), table, [], where, kind, None).result


def _i64() -> Any:
    return ir.IntegerType.get_signless(64)


def program_functions(main: Any) -> list[Any]:
    """The declarations of calls of programs in `main`, on tensors."""
    table = ir.SymbolTable(main.operation.parent)
    calls = [op for op in nested_ops(main.operation) if control_of(op) is not None]
    return [table[str(ir.FlatSymbolRefAttr(op.attributes["callee"]).value)] for op in calls]
