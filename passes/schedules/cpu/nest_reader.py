"""Reads a kernel function into a `Nest`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from aicc.bindings import ir
from aicc.passes.schedules.cpu.indexing import from_affine
from aicc.passes.schedules.cpu.nest import (
    Buffer,
    Empty,
    Fill,
    Generic,
    Nest,
    Operand,
    Packed,
    Padded,
    Result,
    Source,
    Store,
    View,
)
from aicc.passes.schedules.cpu.sizes import Size, row_major
from aicc.passes.schedules.schedule import NoMatch, PackLayout


def integers(op: Any, name: str) -> list[int]:
    """A dense i64 array attribute."""
    return list(ir.DenseI64ArrayAttr(op.attributes[name]))


class Reader:
    """One pass over the body. Dynamic sizes of tensor arguments are told equal by the maps that index
    them, which takes a first pass to find out."""

    def __init__(self, func: Any) -> None:
        self._func = func
        self._same: dict[str, str | int] = {}
        self._start()

    def _start(self) -> None:
        name = ir.StringAttr(self._func.attributes["sym_name"]).value
        self._nest = Nest(self._func, name)
        self._names: dict[Any, Size] = {}
        self._shapes: dict[Any, tuple[Size, ...]] = {}

    def read(self) -> Nest:
        """Raises NoMatch."""
        self._pass()
        if self._same:
            self._start()
            self._pass()
        return self._nest

    def _pass(self) -> None:
        block = self._func.regions[0].blocks[0]
        for number, argument in enumerate(block.arguments):
            self._argument(number, argument)
        for op in block.operations:
            self._operation(op.operation)

    # Sizes -----------------------------------------------------------------------------------------

    def _named(self, name: str) -> Size:
        known: str | int = name
        while isinstance(known, str) and known in self._same:
            known = self._same[known]
        return Size.of(known)

    def _unify(self, left: Size, right: Size) -> None:
        for one, other in ((left, right), (right, left)):
            if one == other:
                return
            name = one.terms[0][0][0] if len(one.terms) == 1 and len(one.terms[0][0]) == 1 else None
            value = other.static
            if value is None and len(other.terms) == 1 and len(other.terms[0][0]) == 1:
                value_name = other.terms[0][0][0]
                if name is not None and name.startswith("a"):
                    self._same[name] = value_name
                    return
            elif name is not None and value is not None and name.startswith("a"):
                self._same[name] = value
                return

    def size(self, value: Any) -> Size:
        """The size an `index` value is."""
        if value not in self._names:
            self._names[value] = self._compute_size(value)
        return self._names[value]

    def _compute_size(self, value: Any) -> Size:
        op = value.owner
        if isinstance(op, ir.Block):
            return self._opaque(f"s{value.arg_number}", value)
        op = op.operation
        if op.name == "arith.constant":
            return Size.of(ir.IntegerAttr(op.attributes["value"]).value)
        if op.name in ("arith.muli", "arith.addi"):
            left, right = self.size(op.operands[0]), self.size(op.operands[1])
            return left * right if op.name == "arith.muli" else left + right
        if op.name in ("tensor.dim", "memref.dim") and op.operands[0] in self._shapes:
            return self._shapes[op.operands[0]][self.size(op.operands[1]).static or 0]
        return self._opaque(f"v{len(self._nest.values)}", value)

    def _opaque(self, name: str, value: Any) -> Size:
        self._nest.values[name] = value
        return Size.of(name)

    def _mixed(self, op: Any, name: str, dynamic: Sequence[Any]) -> list[Size]:
        """Static sizes with the run-time ones filled in."""
        values = iter(dynamic)
        unknown = ir.ShapedType.get_dynamic_size()
        return [self.size(next(values)) if x == unknown else Size.of(x) for x in integers(op, name)]

    # Values ----------------------------------------------------------------------------------------

    def _argument(self, number: int, value: Any) -> None:
        kind = value.type
        if isinstance(kind, ir.MemRefType):
            if kind.has_static_shape:
                strides, offset = kind.get_strides_and_offset()
                if offset != 0:
                    raise NoMatch(f"argument {number} starts at an offset")
                shape = tuple(Size.of(x) for x in kind.shape)
                self._buffer(value, number, shape, tuple(Size.of(x) for x in strides))
        elif isinstance(kind, ir.RankedTensorType):
            sizes = [
                self._named(f"a{number}.{i}") if kind.is_dynamic_dim(i) else Size.of(kind.get_dim_size(i))
                for i in range(kind.rank)
            ]
            self._buffer(value, number, tuple(sizes), row_major(sizes))

    def _buffer(self, value: Any, number: int, shape: tuple[Size, ...], strides: tuple[Size, ...]) -> Buffer:
        buffer = Buffer(number, str(value.type.element_type), shape, strides)
        self._nest.buffers.append(buffer)
        self._define(value, buffer, shape)
        return buffer

    def _define(self, value: Any, source: Source, shape: Sequence[Size]) -> None:
        self._nest.sources[value] = source
        self._shapes[value] = tuple(shape)

    def _operation(self, op: Any) -> None:
        handler = getattr(self, "_op_" + op.name.replace(".", "_"), None)
        if handler is not None:
            handler(op)
        elif any(isinstance(r.type, (ir.RankedTensorType, ir.MemRefType)) for r in op.results) or op.regions:
            raise NoMatch(f"{op.name} in a kernel")

    def _op_memref_reinterpret_cast(self, op: Any) -> None:
        offsets, sizes, strides = (
            integers(op, name) for name in ("static_offsets", "static_sizes", "static_strides")
        )
        if offsets != [0]:
            raise NoMatch("a buffer that starts at an offset")
        unknown = ir.ShapedType.get_dynamic_size()
        count = sizes.count(unknown)
        dynamic = list(op.operands)[1:]
        shape = self._mixed(op, "static_sizes", dynamic[:count])
        steps = self._mixed(op, "static_strides", dynamic[count:])
        assert len(strides) == len(steps)
        argument = op.operands[0]
        if not isinstance(argument.owner, ir.Block):
            raise NoMatch("a view of a view")
        self._buffer(op.results[0], argument.arg_number, tuple(shape), tuple(steps))

    def _op_bufferization_to_tensor(self, op: Any) -> None:
        source = self._nest.sources[op.operands[0]]
        self._define(op.results[0], source, self._shapes[op.operands[0]])

    def _op_tensor_cast(self, op: Any) -> None:
        self._define(op.results[0], self._nest.sources[op.operands[0]], self._shapes[op.operands[0]])

    def _op_tensor_empty(self, op: Any) -> None:
        kind = op.results[0].type
        dynamic = iter(op.operands)
        shape = [
            self.size(next(dynamic)) if kind.is_dynamic_dim(i) else Size.of(kind.get_dim_size(i))
            for i in range(kind.rank)
        ]
        self._define(op.results[0], Empty(), shape)

    def _op_arith_constant(self, op: Any) -> None:
        value = op.results[0]
        if not isinstance(value.type, ir.RankedTensorType):
            return
        attribute = ir.DenseElementsAttr(op.attributes["value"])
        if not attribute.is_splat:
            raise NoMatch("a constant tensor that is no splat")
        fill = Fill(attribute.get_splat_value(), str(value.type.element_type))
        self._define(value, fill, [Size.of(x) for x in value.type.shape])

    def _op_linalg_fill(self, op: Any) -> None:
        value, init = op.operands[0], op.operands[1]
        fill = Fill(value, str(op.results[0].type.element_type))
        self._define(op.results[0], fill, self._shapes[init])

    def _op_linalg_unpack(self, op: Any) -> None:
        source = self._nest.sources[op.operands[0]]
        if not isinstance(source, Buffer) or source.layout is not None:
            raise NoMatch("unpack of something else than an argument")
        shape = self._shapes[op.operands[1]]
        kind = op.results[0].type
        shape = tuple(
            size if kind.is_dynamic_dim(i) else Size.of(kind.get_dim_size(i)) for i, size in enumerate(shape)
        )
        buffer = Buffer(source.number, source.element, shape, source.strides, self._layout(op))
        self._nest.buffers[self._nest.buffers.index(source)] = buffer
        self._define(op.results[0], buffer, shape)

    def _op_linalg_pack(self, op: Any) -> None:
        segments = list(ir.DenseI32ArrayAttr(op.attributes["operandSegmentSizes"]))
        pad = op.operands[2] if segments[2] else None
        packed = Packed(
            self._nest.sources[op.operands[0]], self._layout(op), self._shapes[op.operands[0]], pad
        )
        self._define(op.results[0], packed, self._shapes[op.operands[1]])

    def _layout(self, op: Any) -> PackLayout:
        tiles = integers(op, "static_inner_tiles")
        if ir.ShapedType.get_dynamic_size() in tiles:
            raise NoMatch("tiles of a size known at run time")
        perm = integers(op, "outer_dims_perm") if "outer_dims_perm" in op.attributes else []
        return PackLayout(tuple(perm), tuple(integers(op, "inner_dims_pos")), tuple(tiles))

    def _op_tensor_pad(self, op: Any) -> None:
        block = op.regions[0].blocks[0]
        body = list(block.operations)
        value = body[-1].operation.operands[0]
        owner = value.owner
        if isinstance(owner, ir.Block):
            raise NoMatch("padding that depends on the position")
        if owner.operation.parent == op and owner.operation.name != "arith.constant":
            raise NoMatch("padding that is computed")
        low, high = integers(op, "static_low"), integers(op, "static_high")
        unknown = ir.ShapedType.get_dynamic_size()
        if unknown in low:
            raise NoMatch("padding of a size known at run time")
        source, shape = self._nest.sources[op.operands[0]], self._shapes[op.operands[0]]
        kind = op.results[0].type
        dynamic = iter(list(op.operands)[1 + low.count(unknown) :])
        border = [self.size(next(dynamic)) if x == unknown else Size.of(x) for x in high]
        sizes = [
            size + first + last if kind.is_dynamic_dim(i) else Size.of(kind.get_dim_size(i))
            for i, (size, first, last) in enumerate(zip(shape, low, border, strict=True))
        ]
        self._define(op.results[0], Padded(source, tuple(low), shape, value), sizes)

    # Views -----------------------------------------------------------------------------------------

    def _op_tensor_collapse_shape(self, op: Any) -> None:
        self._reshape(op, "collapse", op.operands[0].type, [Size.of(x) for x in op.results[0].type.shape])

    def _op_tensor_expand_shape(self, op: Any) -> None:
        self._reshape(op, "expand", op.results[0].type, [Size.of(x) for x in op.results[0].type.shape])

    def _reshape(self, op: Any, kind: str, wide: Any, shape: list[Size]) -> None:
        if not (op.operands[0].type.has_static_shape and op.results[0].type.has_static_shape):
            raise NoMatch("a reshape of sizes known at run time")
        groups = tuple(
            tuple(ir.IntegerAttr(x).value for x in group)
            for group in ir.ArrayAttr(op.attributes["reassociation"])
        )
        source = self._nest.sources[op.operands[0]]
        self._define(op.results[0], View(source, kind, groups, tuple(wide.shape)), shape)

    def _op_tensor_extract_slice(self, op: Any) -> None:
        offsets, sizes, strides = (
            integers(op, name) for name in ("static_offsets", "static_sizes", "static_strides")
        )
        if len(op.operands) > 1:
            raise NoMatch("a slice of sizes known at run time")
        shape = list(op.results[0].type.shape)
        dropped: set[int] = set()
        kept = list(shape)
        for i, size in enumerate(sizes):
            if kept and kept[0] == size and len(kept) <= len(sizes) - i:
                kept.pop(0)
            else:
                dropped.add(i)
        view = View(
            self._nest.sources[op.operands[0]],
            "slice",
            offsets=tuple(offsets),
            strides=tuple(strides),
            dropped=frozenset(dropped),
        )
        self._define(op.results[0], view, [Size.of(x) for x in shape])

    # Stages ----------------------------------------------------------------------------------------

    def _op_linalg_generic(self, op: Any) -> None:
        segments = list(ir.DenseI32ArrayAttr(op.attributes["operandSegmentSizes"]))
        maps = [ir.AffineMapAttr(x).value for x in op.attributes["indexing_maps"]]
        parallel = tuple("parallel" in str(x) for x in op.attributes["iterator_types"])
        extents = self._extents(op, maps, len(parallel))
        operands = []
        for value, amap in zip(op.operands, maps, strict=True):
            if isinstance(value.type, ir.RankedTensorType):
                source, element = self._nest.sources[value], str(value.type.element_type)
            else:
                source, element = Fill(value, str(value.type)), str(value.type)
            try:
                indices = tuple(from_affine(x, extents) for x in amap.results)
            except ValueError as error:
                raise NoMatch(str(error)) from None
            operands.append(Operand(source, indices, element))
        stage = Generic(op, extents, parallel, tuple(operands), segments[0])
        self._nest.stages.append(stage)
        for number, result in enumerate(op.results):
            init = op.operands[segments[0] + number]
            self._define(result, Result(stage, number), self._shapes[init])

    def _extents(self, op: Any, maps: list[Any], rank: int) -> tuple[Size, ...]:
        extents: list[Size | None] = [None] * rank
        for value, amap in zip(op.operands, maps, strict=True):
            for axis, expr in enumerate(amap.results):
                if not isinstance(expr, ir.AffineDimExpr):
                    continue
                size, known = self._shapes[value][axis], extents[expr.position]
                if known is not None:
                    self._unify(known, size)
                if known is None or (known.static is None and size.static is not None):
                    extents[expr.position] = size
        if None in extents:
            raise NoMatch("a dimension whose extent no operand tells")
        return tuple(x for x in extents if x is not None)

    def _op_bufferization_materialize_in_destination(self, op: Any) -> None:
        target = self._nest.sources[op.operands[1]]
        assert isinstance(target, Buffer)
        self._nest.stores.append(Store(self._nest.sources[op.operands[0]], target))

    def _op_func_return(self, op: Any) -> None:
        arguments = len(self._func.regions[0].blocks[0].arguments)
        for number, value in enumerate(op.operands):
            shape = self._shapes[value]
            target = Buffer(arguments + number, str(value.type.element_type), shape, row_major(shape))
            self._nest.stores.append(Store(self._nest.sources[value], target))
