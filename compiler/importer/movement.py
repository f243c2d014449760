"""Transposes, repeats, joins, splits, slices, paddings, blocks."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

from aicc.dialects import OPS
from aicc.dialects.movement import Concat, DepthToSpace, Expand, Slice, SpaceToDepth, Tile, Transpose
from aicc.dialects.shape import Shape
from aicc.dialects.types import DType
from aicc.importer.node import Node
from aicc.importer.registry import onnx_op
from aicc.importer.run_time_axes import pads_along, slice_along
from aicc.importer.shape import normalized


@onnx_op("Transpose")
def transpose(n: Node) -> Any:
    rank = n.info(n.required(0)).rank
    return n.build(Transpose, n.required(0), perm=n.attr("perm", list(reversed(range(rank)))))


@onnx_op("Expand")
def expand(n: Node) -> Any:
    return n.build(Expand, n.required(0), n.required(1))


@onnx_op("Tile")
def tile(n: Node) -> Any:
    return n.build(Tile, n.required(0), n.required(1))


@onnx_op("Concat")
def concat(n: Node) -> Any:
    inputs = [n.required(i) for i in range(len(n.inputs))]
    axis = axis_of(n, n.attr("axis", n.by_opset({1: 1, 4: None})), n.info(inputs[0]).rank)
    return inputs[0] if len(inputs) == 1 else n.build(Concat, *inputs, dim=axis)


def axis_of(n: Node, axis: int | None, rank: int) -> int:
    """`axis` counted from the front. Raises ImportError_ AICC-1006."""
    if axis is None:
        raise n.error("AICC-1006", "attribute 'axis' is missing.")
    if not -rank <= axis < rank:
        raise n.error("AICC-1006", f"attribute 'axis' is {axis}, out of range for rank {rank}.")
    return axis % rank


@onnx_op("Split")
def split(n: Node) -> Any:
    """Slices one after the other: of the sizes given, else equal ones, the last smaller."""
    x = n.required(0)
    axis = axis_of(n, n.attr("axis", 0), n.info(x).rank)
    count = len(n.outputs)
    if n.attr("num_outputs", count) != count:
        raise n.error(
            "AICC-1006", f"attribute 'num_outputs' is {n.attr('num_outputs')}; outputs are {count}."
        )
    given = n.attr("split") if n.opset < 13 else n.constant(1)
    sizes = None if given is None else np.asarray(given).reshape(-1).tolist()
    size = n.info(x).shape[axis]
    if sizes is None and n.input(1) is None and isinstance(size, int):
        part = -(-size // count)
        sizes = [part] * (count - 1) + [size - part * (count - 1)]
    if sizes is None:
        ends = _ends(n, x, axis, count)
    else:
        if len(sizes) != count or (isinstance(size, int) and sum(sizes) != size) or min(sizes) < 0:
            raise n.error("AICC-1005", f"parts {sizes} for {count} outputs do not add up to {size}.")
        ends = [n.ints([sum(sizes[: i + 1])]) for i in range(count)]
    starts = [n.ints([0]), *ends[:-1]]
    return [n.build(Slice, x, a, z, axes=[axis]) for a, z in zip(starts, ends, strict=True)]


def _ends(n: Node, x: Any, axis: int, count: int) -> list[Any]:
    """Where each part ends, computed from sizes that are run-time values, or from a symbolic size."""
    add, mul = OPS["add"], OPS["mul"]
    if n.input(1) is not None:
        parts = [n.build(Slice, n.input(1), n.ints([i]), n.ints([i + 1]), axes=[0]) for i in range(count)]
        return [functools.reduce(lambda a, z: n.build(add, a, z), parts[: i + 1]) for i in range(count)]
    size = n.build(Shape, x, start=axis, end=axis + 1)
    part = n.build(OPS["div"], n.build(add, size, n.ints([count - 1])), n.ints([count]))
    return [*(n.build(mul, part, n.ints([i + 1])) for i in range(count - 1)), size]


@onnx_op("Slice")
def slice_(n: Node) -> Any:
    x = n.required(0)
    rank = n.info(x).rank
    if n.opset < 10:
        starts, ends, steps = n.ints(n.required_attr("starts")), n.ints(n.required_attr("ends")), None
        axes = n.attr("axes")
    else:
        starts, ends, steps = n.required(1), n.required(2), n.input(4)
        axes = n.constant(3)
        if axes is None and n.input(3) is not None:
            return slice_along(n, x, starts, ends, n.input(3), steps)
    count = n.info(starts).shape[0] if n.info(starts).rank == 1 else None
    if not isinstance(count, int):
        raise n.error("AICC-1005", "inputs 'starts' and 'ends' must be vectors of static size.")
    given = list(range(count)) if axes is None else np.asarray(axes).reshape(-1).tolist()
    normalized(n, given, rank)
    return n.build(Slice, x, starts, ends, steps, axes=[a % rank for a in given])


@onnx_op("DepthToSpace")
def depth_to_space(n: Node) -> Any:
    return n.build(
        DepthToSpace, n.required(0), block=n.required_attr("blocksize"), mode=n.attr("mode", "DCR")
    )


@onnx_op("SpaceToDepth")
def space_to_depth(n: Node) -> Any:
    return n.build(
        SpaceToDepth, n.required(0), block=n.required_attr("blocksize"), mode=n.attr("mode", "DCR")
    )


@onnx_op("Pad")
def pad(n: Node) -> Any:
    """Pads are an attribute before opset 11, then an input; `axes` (opset 18) must be constant."""
    x = n.required(0)
    t = n.info(x)
    if n.opset < 11:
        pads, value = n.ints(n.required_attr("pads")), n.const(n.attr("value", 0.0), t.dtype)
    else:
        pads, value = n.required(1), n.input(2)
    if n.info(pads).dtype is DType.I32:
        pads = n.build(OPS["cast"], pads, to=DType.I64)
    axes = n.constant(3)
    if axes is None and n.input(3) is not None:
        pads = pads_along(n, x, pads, n.input(3))
    given = list(range(t.rank)) if axes is None else np.asarray(axes).reshape(-1).tolist()
    normalized(n, given, t.rank)
    return n.build(
        OPS["pad"], x, pads, value, mode=n.attr("mode", "constant"), axes=[a % t.rank for a in given]
    )
