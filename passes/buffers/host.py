"""The host program while it is rewritten to buffers: which buffer a tensor is, which value a number."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from aicc.bindings import func, ir, memref
from aicc.errors import CompileError
from aicc.passes.buffers.border import pad_amounts_of
from aicc.passes.buffers.copies import copy_kernel, wants_kernel
from aicc.passes.buffers.destinations import Destinations, chain_end
from aicc.passes.buffers.entry import Entry, dim_names
from aicc.passes.buffers.host_rules import RULES
from aicc.passes.buffers.kernels import KernelVariants
from aicc.passes.buffers.layout import Buffer, Size, as_value, whole
from aicc.passes.buffers.output_sizes import build_shapes, follow_from
from aicc.passes.buffers.programs import program_functions
from aicc.passes.buffers.runtime_calls import runtime_functions
from aicc.passes.buffers.updates import (
    block_of,
    may_be_written_over,
    updated_operand,
    updating_call,
)
from aicc.passes.kernels.ir_tools import defining_op
from aicc.passes.llvm.pointers import pointer_to_memref


class Host:
    """The state of one program: `buffers` of its tensors, `scalars` for its numbers, functions `declared` so far.

    `offsets` are places of weights in their blob of `weight_bytes`; `device`: the buffers lie where the host cannot
    copy their elements.
    """

    def __init__(
        self, module: Any, main: Any, offsets: dict[str, int], weight_bytes: int, device: bool
    ) -> None:
        self.module = module
        self.main = main
        self.offsets = offsets
        self.weight_bytes = weight_bytes
        self.device = device
        self.kernels = KernelVariants(module)
        self.sources = self.kernels.sources
        self.buffers: dict[Any, Buffer] = {}
        self.scalars: dict[Any, Any] = {}
        self.declared: dict[str, Any] = {}
        self._noted: dict[Any, tuple[Size, ...]] = {}
        self.kept: list[Any] = []
        """Addresses of buffers of the runtime's pool to be released at the end."""

    # --- the function -------------------------------------------------------------------------
    def run(self) -> None:
        """Builds the entry function, and the one that tells the outputs' sizes; erases what they replace."""
        block = self.main.regions[0].blocks[0]
        self.entry = Entry(self.main)
        inputs = [ir.RankedTensorType(a.type) for a in block.arguments]
        names = dim_names(self.main)
        returned = list(block.operations[len(block.operations) - 1].operation.operands)
        with ir.InsertionPoint(self.entry.block), ir.Location.unknown():
            for argument, buffer in zip(block.arguments, self.entry.inputs(inputs, names), strict=True):
                self.buffers[argument] = buffer
            if self.offsets:
                kind = ir.MemRefType.get([max(self.weight_bytes, 1)], ir.IntegerType.get_signless(8))
                self.weights = pointer_to_memref(self.entry.weights, kind)
            outputs: list[Buffer | None] = []
            for k, value in enumerate(returned):
                t = ir.RankedTensorType(value.type)
                static = t.has_static_shape
                outputs.append(self.entry.output(len(inputs) + k, t, tuple(t.shape)) if static else None)
            self.outputs = list(outputs)
            self.destinations = Destinations(
                outputs,
                self.sizes,
                self.mapped_scalar,
                self._allocate,
                lambda op: pad_amounts_of(op, self.sources),
                self.output,
                lambda value: updating_call(value, self.sources),
            )
            self.block(block)
        self.entry.in_place.finish(self.entry.func, len(returned))
        sizes = [[self.buffers[v].sizes for v in values] for values in (block.arguments, returned)]
        if not all(ir.RankedTensorType(v.type).has_static_shape for v in returned):
            build_shapes(self.main, inputs, names, *sizes)
        for f in [*self.sources.values(), *runtime_functions(self.module), *program_functions(self.main)]:
            f.operation.erase()

    def block(self, block: Any) -> None:
        """Builds the ops of a block. Raises AICC-2002 for one that has no rule."""
        for op in block.operations:
            with op.location:
                self.op(op.operation)

    def op(self, op: Any) -> None:
        """Builds what an op becomes."""
        rule = RULES.get(op.name)
        values = [*op.operands, *op.results]
        if rule is not None:
            rule(self, op)
        elif not op.regions and not any(isinstance(v.type, ir.RankedTensorType) for v in values):
            self._clone_scalar(op)
        else:
            raise CompileError(
                "AICC-2002", f"op '{op.name}' has no place in the host program.", stage="buffers"
            )

    # --- values -------------------------------------------------------------------------------
    def mapped_scalar(self, value: Any) -> Any | None:
        """The number that a value of the old program is, an int or a value of the new one; None: not built yet."""
        constant = defining_op(value)
        if (
            constant is not None
            and constant.name == "arith.constant"
            and isinstance(value.type, ir.IndexType)
        ):
            return int(ir.IntegerAttr(constant.attributes["value"]).value)
        return self.scalars.get(value)

    def scalar(self, value: Any) -> Any:
        """The same of a value that is built."""
        found = self.mapped_scalar(value)
        assert found is not None
        return found

    def _clone_scalar(self, op: Any) -> None:
        clone = op.clone()
        for i, v in enumerate(op.operands):
            clone.operands[i] = as_value(self.scalar(v))
        self.scalars.update(zip(op.results, clone.results, strict=True))

    def sizes(self, value: Any) -> tuple[Size, ...] | None:
        """Sizes of a tensor value, None when they are not computed yet."""
        if value in self.buffers:
            return self.buffers[value].sizes
        if value in self._noted:
            return self._noted[value]
        t = ir.RankedTensorType(value.type)
        if t.has_static_shape:
            return tuple(t.shape)
        op = defining_op(value)
        if op is None:
            return None
        if op.name == "tensor.empty":
            return self.mixed(t, list(op.operands))
        if op.name == "tensor.expand_shape":
            return self.mixed(t, list(op.operands)[1:])
        if op.name in ("tensor.insert_slice",):
            return self.sizes(op.operands[1])
        if op.name == "tensor.cast":
            return self.sizes(op.operands[0])
        written = updated_operand(value, self.sources)
        return None if written is None else self.sizes(written)

    def mixed(self, t: Any, dynamic: list[Any]) -> tuple[Size, ...] | None:
        """The sizes of a tensor of type `t`, those that the type does not know from `dynamic`; None: not built yet."""
        out: list[Size] = []
        for d in range(t.rank):
            size = self.mapped_scalar(dynamic.pop(0)) if t.is_dynamic_dim(d) else int(t.shape[d])
            if size is None:
                return None
            out.append(size)
        return tuple(out)

    def output(self, k: int, sizes: tuple[Size, ...]) -> Buffer | None:
        """The caller's buffer of result `k` if its sizes follow from those of the inputs."""
        block = self.main.regions[0].blocks[0]
        arguments = list(block.arguments)
        known = {s for a in arguments for s in self.buffers[a].sizes if not isinstance(s, int)}
        if not all(follow_from(s, known) for s in sizes):
            return None
        returned = block.operations[len(block.operations) - 1].operation.operands[k]
        t = ir.RankedTensorType(returned.type)
        self.outputs[k] = self.entry.output(len(arguments) + k, t, sizes)
        return self.outputs[k]

    def _allocate(self, value: Any, sizes: tuple[Size, ...]) -> Buffer:
        return self.alloc(ir.RankedTensorType(value.type).element_type, sizes)

    def alloc(self, element: Any, sizes: tuple[Size, ...]) -> Buffer:
        """A new buffer of elements of that type."""
        dims = [s if isinstance(s, int) else ir.ShapedType.get_dynamic_size() for s in sizes]
        root = memref.AllocOp(
            ir.MemRefType.get(dims, element), [s for s in sizes if not isinstance(s, int)], [], alignment=64
        ).result
        return whole(root, sizes)

    def contiguous(self, buffer: Buffer) -> Buffer:
        """A compact copy."""
        fresh = self.alloc(buffer.element, buffer.sizes)
        self.copy(buffer, fresh)
        return fresh

    def copy(self, source: Buffer, target: Buffer) -> None:
        """Copies elements, unless both are one place."""
        if source.same_place(target):
            return
        with self.entry.in_place.copying(source, target):
            if wants_kernel(source, target, self.device):
                indices: list[Any] = []
                name = copy_kernel(self.main, self.sources, source)
                variant = self.kernels.variant(name, [source, target], indices, 1)
                self.launch(variant, [source, target], [as_value(i) for i in indices])
            else:
                memref.CopyOp(source.materialize(), target.materialize())

    def written(self, value: Any) -> Buffer:
        """The buffer of a tensor that may still be an unwritten tensor.empty."""
        if value not in self.buffers:
            found = self.destinations.place(value)
            assert found is not None
            self.buffers[value] = found
        return self.buffers[value]

    def writable(self, value: Any, user: Any, result: Any) -> Buffer:
        """The buffer of `value` if nobody reads it after `user`, which makes `result` of it, else a copy of it."""
        op = defining_op(value)
        if op is not None and op.name == "tensor.empty":
            return self.destinations.place(chain_end(result)) or self.written(value)
        buffer = self.written(value)
        is_last = len(list(value.uses)) == 1 and block_of(value) == user.block and may_be_written_over(value)
        if buffer.owned and is_last:
            return buffer
        fresh = self.destinations.home(result) or self.alloc(buffer.element, buffer.sizes)
        self.copy(buffer, fresh)
        return fresh

    # --- calls --------------------------------------------------------------------------------
    def note_sizes(self, value: Any, sizes: tuple[Size, ...]) -> None:
        """Finds memory for a value whose sizes are known only now."""
        t = ir.RankedTensorType(value.type)
        self._noted[value] = sizes
        if not t.has_static_shape and self.destinations.home(value) is None:
            self.destinations.claim(value, self.alloc(t.element_type, sizes))

    def launch(self, kernel: str, buffers: list[Buffer], indices: list[Any]) -> None:
        """Calls a kernel."""
        operands = [self.entry.context, *(b.materialize() for b in buffers), *indices]
        self.call(f"{kernel}_launch", operands)

    def call(self, symbol: str, operands: list[Any], describe: Callable[[Any], None] | None = None) -> None:
        """Calls a function that is declared on first use; `describe` sets its attributes."""
        if symbol not in self.declared:
            t = ir.FunctionType.get([v.type for v in operands], [])
            with ir.InsertionPoint(self.entry.func), ir.Location.unknown():
                self.declared[symbol] = func.FuncOp(symbol, t, visibility="private")
            if describe is not None:
                describe(self.declared[symbol].operation)
        func.CallOp([], ir.FlatSymbolRefAttr.get(symbol), operands)
