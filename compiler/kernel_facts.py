"""What is known of each kernel of a program before it runs: whom it computes, how often, what it moves.

Read off the host program of stage *buffers*: its calls of launchers carry the locations of the ONNX nodes, and
the types of their operands say how many bytes a call reads and writes. Names and numbers stay outside of the
kernels' own texts, so that equal kernels of two models remain one object.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from math import prod
from typing import Any

from aicc.bindings import ir
from aicc.dialects.locations import node_names
from aicc.passes.kernels.ir_tools import defining_op, is_contraction, loop_extents, nested_ops
from aicc.passes.schedules.cuda.costs import LAUNCH, rates
from aicc.passes.schedules.machine import machine
from aicc.passes.schedules.schedule import read_costs
from aicc.signature import Port
from aicc.target import Target
from aicc.weights import WeightStore

_VIEWS = (
    "memref.view",
    "memref.subview",
    "memref.cast",
    "memref.reinterpret_cast",
    "memref.expand_shape",
    "memref.collapse_shape",
)


@dataclass(frozen=True)
class KernelFacts:
    """`calls` per run, None when a loop's count is known at run time only; `read` and `written` bytes of one
    call, None for sizes of run time; `costs` predicted seconds of one call on one thread, by schedule;
    `flops` multiplications and additions of its contractions, 0 for a kernel without, whatever the algorithm
    saves of them; `results` the shapes of what it writes (`128x768`); `product` the type of what its contractions
    multiply (f16, f32, i8).

    `nodes` are names of ONNX nodes: those of the first call, its root in front, then those of later calls.
    """

    nodes: tuple[str, ...] = ()
    calls: int | None = 0
    read: int | None = 0
    written: int | None = 0
    costs: Mapping[str, float] = field(default_factory=dict)
    flops: float | None = 0.0
    results: tuple[str, ...] = ()
    product: str = ""

    @property
    def moved(self) -> int | None:
        """Bytes of one call."""
        return None if self.read is None or self.written is None else self.read + self.written

    @property
    def label(self) -> str:
        return node_label(self.nodes)


@dataclass(frozen=True)
class Traffic:
    """Bytes of one run: `moved` by all kernels, `copied` by the host program between them (read and written),
    `minimum`: inputs, outputs and the model's weights once each. None: known at run time only."""

    moved: int | None
    copied: int | None
    minimum: int | None


def node_label(nodes: Sequence[str]) -> str:
    """`/layer.0/dense/MatMul + 2`: the first node, and how many more there are."""
    if not nodes:
        return ""
    return nodes[0] if len(nodes) == 1 else f"{nodes[0]} + {len(nodes) - 1}"


def kernel_facts(
    module: Any, entry: Any, target: Target, programs: Sequence[Any] = ()
) -> dict[str, KernelFacts]:
    """The facts of every kernel of a module of stage *buffers*, by name; `entry` is its host program, and `programs`
    those of branches and loops: how often these are called only a run knows."""
    kernels = {f.sym_name.value: f for f in module.body.operations if "aicc.kernel" in f.attributes}
    nodes: dict[str, dict[str, None]] = {name: {} for name in kernels}
    calls: dict[str, int | None] = dict.fromkeys(kernels, 0)
    found = list(_launches(entry))
    found += [(call, name, None) for program in programs for call, name, _ in _launches(program)]
    for call, name, times in found:
        if name not in kernels:
            continue
        nodes[name].update(dict.fromkeys(node_names(call.location)))
        before = calls[name]
        calls[name] = None if times is None or before is None else before + times
    return {
        name: KernelFacts(
            tuple(nodes[name]),
            calls[name],
            *_bytes(kernel),
            _costs(kernel, target),
            _flops(kernel),
            _results(kernel),
            _product(kernel),
        )
        for name, kernel in kernels.items()
    }


def traffic(
    module: Any, entry: Any, facts: Mapping[str, KernelFacts], ports: Sequence[Port], weights: WeightStore
) -> Traffic:
    """What one run moves. Of a table from which rows are gathered only the rows count."""
    moved = [None if f.calls is None or f.moved is None else f.calls * f.moved for f in facts.values()]
    minimum = [_port_bytes(port) for port in ports]
    return Traffic(_sum(moved), _copied(entry), _sum([*minimum, _weight_bytes(module, entry, weights)]))


def _launches(entry: Any) -> Iterator[tuple[Any, str, int | None]]:
    """Calls of launchers, the kernels' names, and how often a run executes them; branches count as taken."""
    for op in nested_ops(entry.operation):
        if op.name == "func.call":
            callee = str(ir.FlatSymbolRefAttr(op.attributes["callee"]).value)
            if callee.endswith("_launch"):
                yield op, callee.removesuffix("_launch"), _times(op, entry.operation)


def _times(op: Any, root: Any) -> int | None:
    """The product of the trip counts of the loops around `op`."""
    times = 1
    parent = op.parent
    while parent is not None and parent.operation != root:
        if parent.operation.name == "scf.for":
            bounds = [_constant(v) for v in list(parent.operation.operands)[:3]]
            if None in bounds:
                return None
            low, high, step = (int(b) for b in bounds if b is not None)
            times *= max(0, -(-(high - low) // step))
        elif parent.operation.name == "scf.while":
            return None
        parent = parent.operation.parent
    return times


def _constant(value: Any) -> int | None:
    op = defining_op(value)
    if op is None or op.name != "arith.constant":
        return None
    return int(ir.IntegerAttr(op.attributes["value"]).value)


def _bytes(kernel: Any) -> tuple[int | None, int | None]:
    """Bytes a call reads and writes: its memref arguments, the last `aicc.outputs` of which are outputs."""
    buffers = [a for a in kernel.regions[0].blocks[0].arguments if isinstance(a.type, ir.MemRefType)]
    count = int(ir.IntegerAttr(kernel.attributes["aicc.outputs"]).value)
    dynamic = any(isinstance(a.type, ir.IndexType) for a in kernel.regions[0].blocks[0].arguments)
    read: list[int | None] = [_read(a, dynamic) for a in buffers[: len(buffers) - count]]
    written: list[int | None] = [_whole(a.type, dynamic) for a in buffers[len(buffers) - count :]]
    given = _sum(read)
    for n, argument in enumerate(buffers[len(buffers) - count :]):
        if any(use.owner.operation.name == "bufferization.to_tensor" for use in argument.uses):
            # parts of it are written over, by what is read
            whole = written[n]
            written[n] = None if whole is None or given is None else min(whole, given)
    if _is_border(kernel):
        written = [_filled(kernel)]
    return given, _sum(written)


def _flops(kernel: Any) -> float | None:
    """2 for each point of each contraction, as often as the loops around it run; None for sizes of run time."""
    total = 0.0
    for op in nested_ops(kernel.operation):
        if is_contraction(op):
            extents, times = loop_extents(op), _times(op, kernel.operation)
            if times is None or not all(e.isdigit() for e in extents):
                return None
            total += 2.0 * times * prod(int(e) for e in extents)
    return total


def _product(kernel: Any) -> str:
    """The narrowest type that contractions multiply."""
    types = [
        ir.RankedTensorType(value.type).element_type
        for op in nested_ops(kernel.operation)
        if is_contraction(op)
        for value in list(op.operands)[:2]
    ]
    return str(min(types, key=lambda t: t.width)) if types else ""


def _results(kernel: Any) -> tuple[str, ...]:
    """The shapes of the outputs, `?` for a size of run time."""
    buffers = [a.type for a in kernel.regions[0].blocks[0].arguments if isinstance(a.type, ir.MemRefType)]
    count = int(ir.IntegerAttr(kernel.attributes["aicc.outputs"]).value)
    written = [ir.MemRefType(t) for t in buffers[len(buffers) - count :]]
    return tuple(
        "x".join("?" if t.is_dynamic_dim(i) else str(t.shape[i]) for i in range(t.rank)) for t in written
    )


def _costs(kernel: Any, target: Target) -> dict[str, float]:
    """Of a border, for which no schedule was asked: the time to write it."""
    if not _is_border(kernel):
        return read_costs(kernel)
    schedule = str(ir.StringAttr(kernel.attributes["aicc.schedule"]).value)
    if target.is_device:
        return {schedule: LAUNCH + _filled(kernel) / rates(target).bandwidth}
    core = machine(target)
    return {schedule: core.start + core.stream(_filled(kernel), target)}


def _is_border(kernel: Any) -> bool:
    return bool(kernel.sym_name.value.startswith("border_"))


def _whole(t: Any, dynamic: bool) -> int | None:
    """Bytes of a buffer; of a base pointer, which stands for a tensor of run-time sizes, None."""
    if not t.has_static_shape or (dynamic and t.rank == 0):
        return None
    return int(prod(t.shape)) * _element_bytes(t.element_type)


def _read(argument: Any, dynamic: bool) -> int | None:
    """Bytes a call reads of an argument: of a table that is only indexed, as many elements as there are points."""
    whole = _whole(argument.type, dynamic)
    if whole is None:
        return None
    points = 0
    for user in (use.owner.operation for use in argument.uses):
        if user.name != "bufferization.to_tensor":
            return whole
        for inner in (use.owner.operation for use in user.results[0].uses):
            generic = inner.parent.operation if inner.name == "tensor.extract" and inner.parent else None
            if generic is None or generic.name != "linalg.generic":
                return whole
            points += max(_elements(result.type) for result in generic.results)
    return min(whole, points * _element_bytes(argument.type.element_type))


def _elements(t: Any) -> int:
    shaped = ir.RankedTensorType(t)
    return prod(shaped.shape) if shaped.has_static_shape else 1 << 62


def _filled(kernel: Any) -> int:
    """Bytes that a kernel of fills writes."""
    fills = [op for op in nested_ops(kernel.operation) if op.name == "linalg.fill"]
    types = [ir.MemRefType(op.operands[1].type) for op in fills]
    return sum(prod(t.shape) * _element_bytes(t.element_type) for t in types)


def _element_bytes(t: Any) -> int:
    return max(1, int(t.width) // 8)


def _copied(entry: Any) -> int | None:
    """Bytes that copies of the host program read and write."""
    total: list[int | None] = []
    for op in nested_ops(entry.operation):
        if op.name == "memref.copy":
            size, times = _whole(op.operands[0].type, False), _times(op, entry.operation)
            total.append(None if size is None or times is None else 2 * size * times)
    return _sum(total)


def _port_bytes(port: Port) -> int | None:
    sizes = [d for d in port.dims if isinstance(d, int) and d >= 0]
    return None if len(sizes) < len(port.dims) else prod(sizes) * max(1, port.dtype.bits // 8)


def _weight_bytes(module: Any, entry: Any, weights: WeightStore) -> int:
    """Bytes of the model's weights that a run needs, each once and as the model holds them: a packed or
    transformed weight counts as what it was made from, a table that is only indexed as what is read of it."""
    symbols = [str(ir.StringAttr(a).value) for a in entry.attributes["aicc.weights"]]
    offsets = weights.layout(symbols)[0]
    needed = dict.fromkeys(offsets.values(), 0)
    for offset, count in _weight_reads(module, entry):
        if offset in needed:
            needed[offset] += count
    derived: dict[str, int] = {}
    for symbol, offset in offsets.items():
        for root in weights.roots(symbol):
            derived[root] = derived.get(root, 0) + min(needed[offset], weights.nbytes(symbol))
    return sum(min(weights.nbytes(root), count) for root, count in derived.items())


def _weight_reads(module: Any, entry: Any) -> Iterator[tuple[int, int]]:
    """(offset in the blob, bytes read) for each weight that is an operand of a call, or of another op."""
    kernels = {f.sym_name.value: f for f in module.body.operations if "aicc.kernel" in f.attributes}
    for op in nested_ops(entry.operation):
        for number, operand in enumerate(op.operands):
            offset = _weight_offset(operand) if isinstance(operand.type, ir.MemRefType) else None
            if offset is None or op.name in _VIEWS:
                continue
            callee = str(op.attributes["callee"].value) if op.name == "func.call" else ""
            kernel = kernels.get(callee.removesuffix("_launch"))
            if kernel is None:
                yield offset, 1 << 62
            else:
                # The first operand of a launcher is the context.
                argument = kernel.regions[0].blocks[0].arguments[number - 1]
                count = _read(argument, False) if argument.type.rank else None
                yield offset, 1 << 62 if count is None else count


def _weight_offset(value: Any) -> int | None:
    """Where in the blob the weight starts that a memref is, or is a view of."""
    op = defining_op(value)
    while op is not None and op.name in _VIEWS:
        if op.name == "memref.view":
            return _constant(op.operands[1])
        op = defining_op(op.operands[0])
    return None


def _sum(parts: Sequence[int | None]) -> int | None:
    known = [part for part in parts if part is not None]
    return sum(known) if len(known) == len(parts) else None
