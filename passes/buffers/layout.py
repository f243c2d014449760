"""A tensor in memory: a root buffer, an offset, sizes and strides. Views are arithmetic on these."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from aicc.bindings import arith, ir, memref
from aicc.passes.buffers.products import product_of

Size = Any
"""An int, or an MLIR index value."""


def const_index(value: int) -> Any:
    return arith.ConstantOp(ir.IndexType.get(), value).result


def as_value(x: Size) -> Any:
    return const_index(x) if isinstance(x, int) else x


def add(a: Size, b: Size) -> Size:
    if isinstance(a, int) and isinstance(b, int):
        return a + b
    if isinstance(a, int) and a == 0:
        return b
    if isinstance(b, int) and b == 0:
        return a
    return arith.AddIOp(as_value(a), as_value(b)).result


def mul(a: Size, b: Size) -> Size:
    if isinstance(a, int) and isinstance(b, int):
        return a * b
    for x, y in ((a, b), (b, a)):
        if isinstance(x, int) and x in (0, 1):
            return y if x else 0
    return arith.MulIOp(as_value(a), as_value(b)).result


def contiguous_strides(sizes: Sequence[Size]) -> tuple[Size, ...]:
    strides: list[Size] = []
    step: Size = 1
    for s in reversed(sizes):
        strides.insert(0, step)
        step = mul(step, s)
    return tuple(strides)


@dataclass(frozen=True)
class Buffer:
    """Where a tensor lives. `owned`: the program may write to it (not an input, not a weight).

    `dense`: it is all of its root in row-major order, so that dynamic strides are products of sizes.
    """

    root: Any
    element: Any
    offset: Size
    sizes: tuple[Size, ...]
    strides: tuple[Size, ...]
    owned: bool = True
    dense: bool = False

    @property
    def rank(self) -> int:
        return len(self.sizes)

    def same_place(self, other: Buffer) -> bool:
        return (
            self.root == other.root
            and product_of(self.offset) == product_of(other.offset)
            and all(product_of(a) == product_of(b) for a, b in zip(self.strides, other.strides, strict=True))
        )

    def slice(self, offsets: Sequence[Size], sizes: Sequence[Size], steps: Sequence[Size]) -> Buffer:
        """The elements `offsets + i * steps`."""
        offset = self.offset
        for o, s in zip(offsets, self.strides, strict=True):
            offset = add(offset, mul(o, s))
        strides = tuple(mul(s, st) for s, st in zip(self.strides, steps, strict=True))
        dense = self.dense and _is_zero(offset) and all(map(_equal, sizes, self.sizes))
        return replace(self, offset=offset, sizes=tuple(sizes), strides=strides, dense=dense)

    def keep(self, dims: Sequence[int]) -> Buffer:
        """Drops dims of size 1."""
        return replace(
            self, sizes=tuple(self.sizes[d] for d in dims), strides=tuple(self.strides[d] for d in dims)
        )

    def collapse(self, groups: Sequence[Sequence[int]]) -> Buffer | None:
        """Merges groups of dims; None when memory has gaps between them."""
        sizes: list[Size] = []
        strides: list[Size] = []
        for group in groups:
            size, stride = self.sizes[group[-1]], self.strides[group[-1]]
            for d in reversed(group[:-1]):
                if _is_one(self.sizes[d]):
                    continue
                if _is_one(size):
                    size, stride = self.sizes[d], self.strides[d]
                    continue
                if not _equal(self.strides[d], _known_mul(size, stride)) and not self.dense:
                    return None
                size = mul(size, self.sizes[d])
            sizes.append(size)
            strides.append(stride)
        return replace(self, sizes=tuple(sizes), strides=tuple(strides))

    def expand(self, groups: Sequence[Sequence[int]], sizes: Sequence[Size]) -> Buffer:
        """Splits dim k into the dims `groups[k]` of the given sizes."""
        strides: list[Size] = [1] * len(sizes)
        for k, group in enumerate(groups):
            step = self.strides[k]
            for d in reversed(group):
                strides[d] = step
                step = mul(step, sizes[d])
        return replace(self, sizes=tuple(sizes), strides=tuple(strides))

    def materialize(self) -> Any:
        """The memref of this view, with a dynamic offset in its type."""
        dynamic = ir.ShapedType.get_dynamic_stride_or_offset()
        layout = ir.StridedLayoutAttr.get(
            dynamic, [s if isinstance(s, int) else dynamic for s in self.strides]
        )
        dims = [s if isinstance(s, int) else ir.ShapedType.get_dynamic_size() for s in self.sizes]
        t = ir.MemRefType.get(dims, self.element, layout=layout, memory_space=None)
        return memref.ReinterpretCastOp(
            result=t,
            source=self.root,
            offsets=[as_value(self.offset)],
            sizes=[s for s in self.sizes if not isinstance(s, int)],
            strides=[s for s in self.strides if not isinstance(s, int)],
            static_offsets=[dynamic],
            static_sizes=dims,
            static_strides=[s if isinstance(s, int) else dynamic for s in self.strides],
        ).result


def whole(root: Any, sizes: Sequence[Size], owned: bool = True) -> Buffer:
    """The buffer that is all of `root`, row-major."""
    return Buffer(
        root, ir.MemRefType(root.type).element_type, 0, tuple(sizes), contiguous_strides(sizes), owned, True
    )


def either(condition: Any, first: Buffer, second: Buffer, size: Size) -> Buffer:
    """The buffer of one dim that is `first` where the i1 `condition` holds, else `second`; nobody may write to it.

    The roots become memrefs of one type, whose addresses are chosen; offsets and strides are.
    """
    dynamic = ir.ShapedType.get_dynamic_size()
    kind = ir.MemRefType.get([dynamic], first.element, layout=ir.StridedLayoutAttr.get(0, [1]))
    roots = [
        memref.ReinterpretCastOp(
            result=kind,
            source=buffer.root,
            offsets=[],
            sizes=[as_value(size)],
            strides=[],
            static_offsets=[0],
            static_sizes=[dynamic],
            static_strides=[1],
        ).result
        for buffer in (first, second)
    ]

    def chosen(a: Size, b: Size) -> Size:
        return a if _equal(a, b) else arith.SelectOp(condition, as_value(a), as_value(b)).result

    return Buffer(
        arith.SelectOp(condition, *roots).result,
        first.element,
        chosen(first.offset, second.offset),
        (size,),
        (chosen(first.strides[0], second.strides[0]),),
        owned=False,
        dense=first.dense and second.dense,
    )


def is_contiguous(buffer: Buffer) -> bool:
    """Whether the elements surely lie without gaps, in row-major order."""
    step: Size | None = 1
    for size, stride in zip(reversed(buffer.sizes), reversed(buffer.strides), strict=True):
        if _is_one(size):
            continue
        if not _equal(stride, step):
            return buffer.dense
        step = None if step is None else _known_mul(step, size)
    return True


def _equal(a: Size, b: Size | None) -> bool:
    if b is None or isinstance(a, int) != isinstance(b, int):
        return False
    return bool(a == b)


def _is_zero(s: Size) -> bool:
    return isinstance(s, int) and s == 0


def _is_one(s: Size) -> bool:
    return isinstance(s, int) and s == 1


def _known_mul(a: Size, b: Size) -> Size | None:
    return a * b if isinstance(a, int) and isinstance(b, int) else None
