"""Kernels on buffers: destination-passing, specialized to the layouts of the call's operands."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from aicc.bindings import bufferization, func, ir, memref
from aicc.passes.buffers.layout import Buffer, mul
from aicc.passes.buffers.products import product_of
from aicc.passes.buffers.updates import updated_operands
from aicc.passes.schedules.schedule import COSTS


@dataclass(frozen=True)
class Signature:
    """What a call knows of its operands: per tensor its sizes and strides, each an int, the number of an index
    operand, or for strides that the dimension follows the next one without a gap."""

    tensors: tuple[tuple[tuple[Any, ...], tuple[Any, ...]], ...]
    n_outputs: int


@dataclass(frozen=True)
class IndexOperand:
    """Number of a size or stride among the index operands of a call."""

    number: int


@dataclass(frozen=True)
class Dense:
    """The stride of a dimension that is the next one's size times its stride. Schedules merge such dimensions,
    which they cannot when the stride is an operand like any other."""


class KernelVariants:
    """Makes the destination-passing form of each kernel, one per signature; named by content."""

    def __init__(self, module: Any) -> None:
        self.module = module
        self.sources = {f.sym_name.value: f for f in module.body.operations if "aicc.kernel" in f.attributes}
        self.variants: dict[tuple[str, Signature], str] = {}

    def variant(self, name: str, buffers: Sequence[Buffer], indices: list[Any], n_outputs: int) -> str:
        """The name of kernel `name` for these operands (inputs, then outputs; what it writes over is an output alone);
        may extend `indices`."""
        signature = Signature(
            tuple(
                (tuple(_ref(s, indices) for s in b.sizes), _stride_refs(b.sizes, b.strides, indices))
                for b in buffers
            ),
            n_outputs,
        )
        key = (name, signature)
        if key not in self.variants:
            self.variants[key] = self._build(name, signature, len(indices))
        return self.variants[key]

    def _build(self, name: str, signature: Signature, n_indices: int) -> str:
        kernel = self.sources[name].operation.clone(ir.InsertionPoint(self.sources[name]))
        block = kernel.regions[0].blocks[0]
        updated = updated_operands(kernel)
        tensors = [a for a in block.arguments if isinstance(a.type, ir.RankedTensorType)]
        indices = [a for a in block.arguments if isinstance(a.type, ir.IndexType)]
        ret = block.operations[len(block.operations) - 1].operation
        results = list(ret.operands)
        unknown = ir.Location.unknown()
        index = ir.IndexType.get()
        given = [t for n, t in enumerate(tensors) if n not in updated]
        elements = [ir.RankedTensorType(v.type).element_type for v in [*given, *results]]
        types = [argument_type(t, e) for t, e in zip(signature.tensors, elements, strict=True)]
        fresh = [block.add_argument(t, unknown) for t in types]
        fresh_indices = [block.add_argument(index, unknown) for _ in range(n_indices)]
        for old, new in zip(indices, fresh_indices, strict=False):
            old.replace_all_uses_with(new)
        with ir.InsertionPoint.at_block_begin(block), unknown:
            views = [
                _view(a, t, e, fresh_indices)
                for a, t, e in zip(fresh, signature.tensors, elements, strict=True)
            ]
            for old, view in zip(given, views, strict=False):
                read = bufferization.ToTensorOp(old.type, view, restrict=True).result
                old.replace_all_uses_with(read)
            for n, k in updated.items():
                start = bufferization.ToTensorOp(
                    tensors[n].type, views[len(given) + k], restrict=True, writable=True
                )
                tensors[n].replace_all_uses_with(start.result)
        with ir.InsertionPoint(ret), unknown:
            for value, view in zip(results, views[len(given) :], strict=True):
                bufferization.MaterializeInDestinationOp(None, value, view, restrict=True, writable=True)
            func.ReturnOp([])
        ret.erase()
        for i in reversed(range(len(tensors) + len(indices))):
            block.erase_argument(i)
        kernel.attributes["function_type"] = ir.TypeAttr.get(
            ir.FunctionType.get([*types, *[index] * n_indices], [])
        )
        kernel.attributes["aicc.outputs"] = ir.IntegerAttr.get(
            ir.IntegerType.get_signless(64), signature.n_outputs
        )
        if "sym_visibility" in kernel.attributes:
            del kernel.attributes["sym_visibility"]
        return self._named(kernel, name)

    def _named(self, kernel: Any, name: str) -> str:
        kernel.attributes["sym_name"] = ir.StringAttr.get("kernel")
        costs = kernel.attributes.get(COSTS, None)
        if costs is not None:
            del kernel.attributes[COSTS]
        text = kernel.get_asm(enable_debug_info=False, use_local_scope=True)
        if costs is not None:
            kernel.attributes[COSTS] = costs
        label = name.split("_", 1)[1]
        final = f"{label}_{hashlib.sha256(text.encode()).hexdigest()[:12]}"
        kernel.attributes["sym_name"] = ir.StringAttr.get(final)
        if final in self.variants.values():
            kernel.erase()
        return final


def _ref(size: Any, indices: list[Any]) -> Any:
    if isinstance(size, int):
        return size
    product = product_of(size)
    for number, known in enumerate(indices):
        if known == size or product_of(known) == product:
            return IndexOperand(number)
    indices.append(size)
    return IndexOperand(len(indices) - 1)


def _stride_refs(sizes: Sequence[Any], strides: Sequence[Any], indices: list[Any]) -> tuple[Any, ...]:
    refs: list[Any] = []
    for d, stride in enumerate(strides):
        is_dense = (
            not isinstance(stride, int)
            and d + 1 < len(strides)
            and product_of(stride) == product_of(strides[d + 1]) * product_of(sizes[d + 1])
        )
        refs.append(Dense() if is_dense else _ref(stride, indices))
    return tuple(refs)


def argument_type(shape: tuple[tuple[Any, ...], tuple[Any, ...]], element: Any) -> Any:
    sizes, strides = shape
    if all(isinstance(s, int) for s in (*sizes, *strides)):
        return ir.MemRefType.get(list(sizes), element, layout=_layout(sizes, strides))
    return ir.MemRefType.get([], element)


def _layout(sizes: Sequence[int], strides: Sequence[int]) -> Any:
    step = 1
    contiguous: list[int] = []
    for s in reversed(sizes):
        contiguous.insert(0, step)
        step *= s
    return None if contiguous == list(strides) else ir.StridedLayoutAttr.get(0, list(strides))


def _view(
    argument: Any, shape: tuple[tuple[Any, ...], tuple[Any, ...]], element: Any, indices: list[Any]
) -> Any:
    """The memref a kernel works on: the argument, or for dynamic shapes a cast of its base pointer."""
    sizes, strides = shape
    if all(isinstance(s, int) for s in (*sizes, *strides)):
        return argument
    dynamic = ir.ShapedType.get_dynamic_size()
    static_sizes = [s if isinstance(s, int) else dynamic for s in sizes]
    static_strides = [s if isinstance(s, int) else dynamic for s in strides]
    t = ir.MemRefType.get(static_sizes, element, layout=ir.StridedLayoutAttr.get(0, static_strides))
    steps: list[Any] = []
    dense: Any = 1
    for size, stride in zip(reversed(sizes), reversed(strides), strict=True):
        steps.insert(0, dense if isinstance(stride, Dense) else _value(stride, indices))
        dense = mul(_value(size, indices), steps[0])
    return memref.ReinterpretCastOp(
        result=t,
        source=argument,
        offsets=[],
        sizes=[indices[s.number] for s in sizes if isinstance(s, IndexOperand)],
        strides=[step for step, s in zip(steps, strides, strict=True) if not isinstance(s, int)],
        static_offsets=[0],
        static_sizes=static_sizes,
        static_strides=static_strides,
    ).result


def _value(ref: Any, indices: list[Any]) -> Any:
    return indices[ref.number] if isinstance(ref, IndexOperand) else ref
