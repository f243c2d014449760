"""The host program on buffers: calls write where their results belong, views cost nothing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, ClassVar

from aicc.bindings import arith, func, ir, memref, scf
from aicc.dialects.programs import control_of
from aicc.errors import CompileError
from aicc.passes.base import Pass, PassContext, programs
from aicc.passes.buffers.border import border_kernel, pad_amounts_of
from aicc.passes.buffers.copies import copy_kernel, wants_kernel
from aicc.passes.buffers.destinations import Destinations, chain_end, kept_dims, reassociation_of, slice_of
from aicc.passes.buffers.empties import separate_empties
from aicc.passes.buffers.entry import Entry, dim_names
from aicc.passes.buffers.kernels import KernelVariants
from aicc.passes.buffers.layout import Buffer, Size, as_value, const_index, either, whole
from aicc.passes.buffers.output_sizes import allocate_output, build_shapes, follow_from
from aicc.passes.buffers.programs import RELEASE, call_programs, program_functions
from aicc.passes.buffers.runtime_calls import is_compact, on_device, row, runtime_functions
from aicc.passes.buffers.sizes import result_sizes
from aicc.passes.kernels.ir_tools import defining_op, main_of, nested_ops
from aicc.passes.linalg.broadcasts import EITHER
from aicc.passes.linalg.runtime_calls import MESSAGE
from aicc.passes.llvm.pointers import pointer_to_memref, string_constant
from aicc.passes.weight_ops import LOAD, loaded_symbol
from aicc.signature import read_bounds, write_bounds


@dataclass(frozen=True)
class BufferizeHost(Pass):
    """Rewrites `main` to memrefs and kernels to destination-passing form.

    before --> after
      %y = call @k0(%x, %w)                        --> %o = memref.alloc
                                                       call @k0_…_launch(%ctx, %x, %w, %o)
      %p = tensor.insert_slice %y into %e[…]       --> (the call's %o is a view of %e's buffer)
    """

    pass_name: ClassVar[str] = "bufferize-host"
    device: bool = False
    """Whether the buffers lie where the host cannot copy their elements."""

    whole: ClassVar[bool] = True

    def run(self, module: Any, ctx: PassContext) -> None:
        """All programs read one blob of weights."""
        found = programs(module)
        symbols = list(dict.fromkeys(s for program in found for s in _used_weights(main_of(program))))
        offsets, total = ctx.weights.layout(symbols)
        ctx.stats["weights"] = symbols
        ctx.stats["weight_bytes"] = total
        for program in found:
            self._bufferize(program, symbols, offsets, total)

    def _bufferize(self, module: Any, symbols: list[str], offsets: dict[str, int], total: int) -> None:
        main = main_of(module)
        separate_empties(main)
        host = Host(module, main, offsets, total, self.device)
        host.run()
        attributes = host.entry.func.attributes
        attributes["aicc.weights"] = ir.ArrayAttr.get([ir.StringAttr.get(s) for s in symbols])
        for new, old in (("aicc.inputs", "arg_attrs"), ("aicc.results", "res_attrs")):
            attributes[new] = main.attributes[old] if old in main.attributes else ir.ArrayAttr.get([])
        write_bounds(host.entry.func, read_bounds(main))
        main.operation.erase()
        for op in [o.operation for o in module.body.operations]:
            if op.name == "ml_program.global":
                op.erase()


def _used_weights(main: Any) -> list[str]:
    """Symbols of the weights that `main` reads, in order; erases loads that nothing uses (any more).

    A weight that was packed for its only kernel must not go into the blob twice.
    """
    symbols: dict[str, None] = {}
    for op in [o for o in nested_ops(main.operation) if o.name == LOAD]:
        if next(iter(op.results[0].uses), None) is None:
            op.erase()
        else:
            symbols[loaded_symbol(op)] = None
    return list(symbols)


class Host:
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
        self.kept: list[Any] = []
        """Addresses of buffers of the runtime's pool to be released at the end."""

    # --- the function -------------------------------------------------------------------------
    def run(self) -> None:
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
                self._mapped_scalar,
                self._allocate,
                lambda op: pad_amounts_of(op, self.sources),
            )
            self._block(block)
        sizes = [[self.buffers[v].sizes for v in values] for values in (block.arguments, returned)]
        if not all(ir.RankedTensorType(v.type).has_static_shape for v in returned):
            build_shapes(self.main, inputs, names, *sizes)
        for f in [*self.sources.values(), *runtime_functions(self.module), *program_functions(self.main)]:
            f.operation.erase()

    def _block(self, block: Any) -> None:
        for op in block.operations:
            with op.location:
                self._op(op.operation)

    def _op(self, op: Any) -> None:
        rule = getattr(self, "_" + op.name.replace(".", "_"), None)
        if rule is not None:
            rule(op)
        elif (
            all(not isinstance(v.type, ir.RankedTensorType) for v in [*op.operands, *op.results])
            and not op.regions
        ):
            self._clone_scalar(op)
        else:
            raise CompileError(
                "AICC-2002", f"op '{op.name}' has no place in the host program.", stage="buffers"
            )

    # --- values -------------------------------------------------------------------------------
    def _mapped_scalar(self, value: Any) -> Any | None:
        constant = defining_op(value)
        if (
            constant is not None
            and constant.name == "arith.constant"
            and isinstance(value.type, ir.IndexType)
        ):
            return int(ir.IntegerAttr(constant.attributes["value"]).value)
        return self.scalars.get(value)

    def _scalar(self, value: Any) -> Any:
        found = self._mapped_scalar(value)
        assert found is not None
        return found

    def _clone_scalar(self, op: Any) -> None:
        clone = op.clone()
        for i, v in enumerate(op.operands):
            clone.operands[i] = as_value(self._scalar(v))
        self.scalars.update(zip(op.results, clone.results, strict=True))

    def sizes(self, value: Any) -> tuple[Size, ...] | None:
        """Sizes of a tensor value, None when they are not computed yet."""
        if value in self.buffers:
            return self.buffers[value].sizes
        t = ir.RankedTensorType(value.type)
        if t.has_static_shape:
            return tuple(t.shape)
        op = defining_op(value)
        if op is None:
            return None
        if op.name == "tensor.empty":
            return self._mixed(t, list(op.operands))
        if op.name == "tensor.expand_shape":
            return self._mixed(t, list(op.operands)[1:])
        if op.name in ("tensor.insert_slice",):
            return self.sizes(op.operands[1])
        if op.name == "tensor.cast":
            return self.sizes(op.operands[0])
        return None

    def _mixed(self, t: Any, dynamic: list[Any]) -> tuple[Size, ...] | None:
        out: list[Size] = []
        for d in range(t.rank):
            size = self._mapped_scalar(dynamic.pop(0)) if t.is_dynamic_dim(d) else int(t.shape[d])
            if size is None:
                return None
            out.append(size)
        return tuple(out)

    def _allocate(self, value: Any, sizes: tuple[Size, ...]) -> Buffer:
        return self._alloc(ir.RankedTensorType(value.type).element_type, sizes)

    def _alloc(self, element: Any, sizes: tuple[Size, ...]) -> Buffer:
        dims = [s if isinstance(s, int) else ir.ShapedType.get_dynamic_size() for s in sizes]
        root = memref.AllocOp(
            ir.MemRefType.get(dims, element), [s for s in sizes if not isinstance(s, int)], [], alignment=64
        ).result
        return whole(root, sizes)

    def contiguous(self, buffer: Buffer) -> Buffer:
        fresh = self._alloc(buffer.element, buffer.sizes)
        self.copy(buffer, fresh)
        return fresh

    def copy(self, source: Buffer, target: Buffer) -> None:
        if source.same_place(target):
            return
        if wants_kernel(source, target, self.device):
            indices: list[Any] = []
            name = copy_kernel(self.main, self.sources, source)
            variant = self.kernels.variant(name, [source, target], indices, 1)
            self._launch(variant, [source, target], [as_value(i) for i in indices])
        else:
            memref.CopyOp(source.materialize(), target.materialize())

    # --- ops ----------------------------------------------------------------------------------
    def _ml_program_global_load_const(self, op: Any) -> None:
        sym = loaded_symbol(op)
        t = ir.RankedTensorType(op.results[0].type)
        root = memref.ViewOp(
            ir.MemRefType.get(t.shape, t.element_type), self.weights, const_index(self.offsets[sym]), []
        ).result
        self.buffers[op.results[0]] = whole(root, tuple(t.shape), owned=False)

    def _tensor_empty(self, op: Any) -> None:
        """Memory is found when something is written."""

    def written(self, value: Any) -> Buffer:
        """The buffer of a tensor that may still be an unwritten tensor.empty."""
        if value not in self.buffers:
            found = self.destinations.place(value)
            assert found is not None
            self.buffers[value] = found
        return self.buffers[value]

    def _func_call(self, op: Any) -> None:
        control = control_of(op)
        if control is not None:
            call_programs(self, op, control)
            return
        name = str(ir.FlatSymbolRefAttr(op.attributes["callee"]).value)
        if name not in self.sources:
            self._runtime_call(name, op)
            return
        kernel = self.sources[name]
        tensors = [self.written(v) for v in op.operands if isinstance(v.type, ir.RankedTensorType)]
        indices = [as_value(self._scalar(v)) for v in op.operands if isinstance(v.type, ir.IndexType)]
        operands = [*tensors, *indices]
        results: list[Buffer] = []
        for k, result in enumerate(op.results):
            self.note_sizes(result, result_sizes(kernel, k, operands))
            home = self.destinations.place(result)
            assert home is not None
            self.buffers[result] = home
            results.append(home)
        amounts = pad_amounts_of(op, self.sources)
        if amounts is not None and tensors[0].same_place(
            results[0].slice(amounts[0], tensors[0].sizes, [1] * tensors[0].rank)
        ):
            self._launch(border_kernel(self.module, self.sources, op, results[0]), results, [])
            return
        buffers = [*tensors, *results]
        variant = self.kernels.variant(name, buffers, indices, len(results))
        self._launch(variant, buffers, indices)

    def _runtime_call(self, name: str, op: Any) -> None:
        """A function of the runtime; the first numbers are the results' sizes."""
        said = []
        if MESSAGE in op.attributes:
            said = [string_constant(self.module, str(ir.StringAttr(op.attributes[MESSAGE]).value))]
        if not len(op.results):
            self.call(name, [self.entry.context, *(as_value(self._scalar(v)) for v in op.operands), *said])
            return
        if name.startswith(EITHER):
            first, second = (self.written(v) for v in list(op.operands)[:2])
            size, condition = (as_value(self._scalar(v)) for v in list(op.operands)[2:])
            self.buffers[op.results[0]] = either(condition, first, second, size)
            return
        if self.device:
            raise on_device(op)
        given = [self.written(v) for v in op.operands if isinstance(v.type, ir.RankedTensorType)]
        tensors = [t if is_compact(t) else self.contiguous(t) for t in given]
        numbers = [as_value(self._scalar(v)) for v in op.operands if isinstance(v.type, ir.IndexType)]
        for result, size in zip(op.results, numbers, strict=False):
            self.note_sizes(result, (size,))
        homes = [self.written(r) for r in op.results]
        results = [h if is_compact(h) else self._alloc(h.element, h.sizes) for h in homes]
        self.call(name, [self.entry.context, *map(row, tensors + results), *numbers, *said])
        for written, home in zip(results, homes, strict=True):
            self.copy(written, home)

    def note_sizes(self, value: Any, sizes: tuple[Size, ...]) -> None:
        t = ir.RankedTensorType(value.type)
        if not t.has_static_shape and self.destinations.home(value) is None:
            self.destinations.claim(value, self._alloc(t.element_type, sizes))

    def _launch(self, kernel: str, buffers: list[Buffer], indices: list[Any]) -> None:
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

    def _tensor_expand_shape(self, op: Any) -> None:
        source = self.written(op.operands[0])
        groups = reassociation_of(op)
        t = ir.RankedTensorType(op.results[0].type)
        sizes = self._mixed(t, list(op.operands)[1:])
        assert sizes is not None
        self.buffers[op.results[0]] = source.expand(groups, sizes)

    def _tensor_collapse_shape(self, op: Any) -> None:
        source = self.written(op.operands[0])
        groups = reassociation_of(op)
        merged = (
            source.collapse(groups)
            if groups
            else Buffer(source.root, source.element, source.offset, (), (), source.owned)
        )
        if merged is None:
            merged = self.contiguous(source).collapse(groups)
            assert merged is not None
        self.buffers[op.results[0]] = merged

    def _tensor_extract_slice(self, op: Any) -> None:
        where = slice_of(op, self._mapped_scalar)
        assert where is not None
        small = self.written(op.operands[0]).slice(*where)
        self.buffers[op.results[0]] = small.keep(kept_dims(op.results[0].type, where[1]))

    def _tensor_insert_slice(self, op: Any) -> None:
        source = self.written(op.operands[0])
        where = slice_of(op, self._mapped_scalar)
        assert where is not None
        dest = self._writable(op.operands[1], op)
        self.copy(source, dest.slice(*where).keep(kept_dims(op.operands[0].type, where[1])))
        self.buffers[op.results[0]] = dest

    def _writable(self, value: Any, user: Any) -> Buffer:
        """The buffer of `value` if nobody reads it after `user`, else a copy of it."""
        op = defining_op(value)
        if op is not None and op.name == "tensor.empty":
            return self.destinations.place(chain_end(user)) or self.written(value)
        buffer = self.written(value)
        is_last = len(list(value.uses)) == 1 and (
            op is None or op.name in ("func.call", "tensor.insert_slice")
        )
        if buffer.owned and is_last:
            return buffer
        fresh = self.destinations.home(user.results[0]) or self._alloc(buffer.element, buffer.sizes)
        self.copy(buffer, fresh)
        return fresh

    def _tensor_cast(self, op: Any) -> None:
        """The same place; sizes that the result knows to be static are."""
        buffer, t = self.written(op.operands[0]), ir.RankedTensorType(op.results[0].type)
        sizes = [s if t.is_dynamic_dim(d) else int(t.shape[d]) for d, s in enumerate(buffer.sizes)]
        self.buffers[op.results[0]] = replace(buffer, sizes=tuple(sizes))

    def _tensor_dim(self, op: Any) -> None:
        d = self._scalar(op.operands[1])
        sizes = self.sizes(op.operands[0])
        assert sizes is not None and isinstance(d, int)
        self.scalars[op.results[0]] = as_value(sizes[d])

    def _tensor_extract(self, op: Any) -> None:
        buffer = self.written(op.operands[0])
        position = [as_value(self._scalar(v)) for v in list(op.operands)[1:]]
        self.scalars[op.results[0]] = memref.LoadOp(buffer.materialize(), position).result

    def _tensor_from_elements(self, op: Any) -> None:
        buffer = self.written(op.results[0])
        view = buffer.materialize()
        shape = [int(s) for s in ir.RankedTensorType(op.results[0].type).shape]
        for k, v in enumerate(op.operands):
            position: list[Any] = []
            for s in reversed(shape):
                position.insert(0, const_index(k % s))
                k //= s
            memref.StoreOp(as_value(self._scalar(v)), view, position)

    def _tensor_insert(self, op: Any) -> None:
        dest = self._writable(op.operands[1], op)
        position = [as_value(self._scalar(v)) for v in list(op.operands)[2:]]
        memref.StoreOp(as_value(self._scalar(op.operands[0])), dest.materialize(), position)
        self.buffers[op.results[0]] = dest

    def _linalg_fill(self, op: Any) -> None:
        """Only initializes reductions: made again inside each kernel."""

    def _func_return(self, op: Any) -> None:
        for k, value in enumerate(op.operands):
            buffer = self.written(value)
            out = self.outputs[k]
            if out is None:
                t = ir.RankedTensorType(value.type)
                out = self._dynamic_output(k, t, buffer.sizes)
            self.copy(buffer, out)
        for pointer in self.kept:
            self.call(RELEASE, [self.entry.context, pointer])
        zero = ir.IntegerAttr.get(ir.IntegerType.get_signless(32), 0)
        func.ReturnOp([arith.ConstantOp(zero.type, zero).result])

    def _dynamic_output(self, k: int, t: Any, sizes: tuple[Size, ...]) -> Buffer:
        """The caller's buffer when its sizes follow from those of the inputs, else one of the runtime."""
        arguments = list(self.main.regions[0].blocks[0].arguments)
        known = {s for a in arguments for s in self.buffers[a].sizes if not isinstance(s, int)}
        if all(follow_from(s, known) for s in sizes):
            return self.entry.output(len(arguments) + k, t, sizes)
        return self.entry.allocated_output(
            allocate_output(self.module, self.entry.context, k, sizes), t, sizes
        )

    # --- control flow -------------------------------------------------------------------------
    def _scf_for(self, op: Any) -> None:
        """Loop-carried tensors live in slots; the body's results are copied into them before the next round."""
        low, high, step, *starts = op.operands
        slots = self._slots(starts)
        bounds = [as_value(self._scalar(v)) for v in (low, high, step)]
        scalars = [v for v in starts if not isinstance(v.type, ir.RankedTensorType)]
        loop = scf.ForOp(*bounds, [as_value(self._scalar(v)) for v in scalars])
        body = op.regions[0].blocks[0]
        self.scalars[body.arguments[0]] = loop.induction_variable
        carried = iter(loop.inner_iter_args)
        for argument, slot in zip(list(body.arguments)[1:], slots, strict=True):
            if slot is None:
                self.scalars[argument] = next(carried)
            else:
                self.buffers[argument] = slot
        with ir.InsertionPoint(loop.body):
            yielded = self._region(body)
            scf.YieldOp(self._yield_into(yielded, slots))
        results = iter(loop.results)
        for result, slot in zip(op.results, slots, strict=True):
            if slot is None:
                self.scalars[result] = next(results)
            else:
                self.buffers[result] = slot

    def _region(self, block: Any) -> list[Any]:
        """Builds the ops of a region; returns what it yields (values of the old program)."""
        ops = [o.operation for o in block.operations]
        for o in ops[:-1]:
            with o.location:
                self._op(o)
        return list(ops[-1].operands)

    def _slots(self, starts: list[Any]) -> list[Buffer | None]:
        slots: list[Buffer | None] = []
        for start in starts:
            if not isinstance(start.type, ir.RankedTensorType):
                slots.append(None)
                continue
            op = defining_op(start)
            if op is not None and op.name == "tensor.empty":
                slot = self.destinations.place(start)
                assert slot is not None
            else:
                source = self.written(start)
                slot = self._alloc(source.element, source.sizes)
                self.copy(source, slot)
            slots.append(slot)
        return slots

    def _yield_into(self, values: list[Any], slots: list[Buffer | None]) -> list[Any]:
        """Copies yielded tensors into their slots; returns the scalars to yield."""
        roots = [s.root for s in slots if s is not None]
        moves: list[tuple[Buffer, Buffer]] = []
        scalars: list[Any] = []
        for value, slot in zip(values, slots, strict=True):
            if slot is None:
                scalars.append(as_value(self._scalar(value)))
                continue
            buffer = self.written(value)
            if not buffer.same_place(slot) and buffer.root in roots:
                buffer = self.contiguous(buffer)  # slots that change places
            moves.append((buffer, slot))
        for source, slot in moves:
            self.copy(source, slot)
        return scalars

    def _scf_if(self, op: Any) -> None:
        condition = as_value(self._scalar(op.operands[0]))
        slots: list[Buffer | None] = []
        for r in op.results:
            if isinstance(r.type, ir.RankedTensorType):
                t = ir.RankedTensorType(r.type)
                if not t.has_static_shape:
                    raise CompileError(
                        "AICC-2002", "an scf.if yields a tensor of dynamic shape.", stage="buffers"
                    )
                slots.append(self._alloc(t.element_type, tuple(t.shape)))
            else:
                slots.append(None)
        scalar_types = [r.type for r, s in zip(op.results, slots, strict=True) if s is None]
        has_else = len(op.regions[1].blocks) > 0
        branch = scf.IfOp(condition, scalar_types, has_else=has_else)
        for region, block in zip(
            op.regions, [branch.then_block] + ([branch.else_block] if has_else else []), strict=False
        ):
            with ir.InsertionPoint(block):
                scf.YieldOp(self._yield_into(self._region(region.blocks[0]), slots))
        results = iter(branch.results)
        for r, slot in zip(op.results, slots, strict=True):
            if slot is None:
                self.scalars[r] = next(results)
            else:
                self.buffers[r] = slot
