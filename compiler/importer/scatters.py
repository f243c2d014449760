"""Operators that are a scatter to positions known at import, or computed from few numbers."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from aicc.importer.compose import Compose, known
from aicc.importer.movement import axis_of
from aicc.importer.node import Node
from aicc.importer.registry import onnx_op
from aicc.importer.windows import ints


@onnx_op("Col2Im")
def col2im(n: Node) -> Any:
    """Each entry of a column is added to its place in the image."""
    c, x = Compose(n), n.required(0)
    image = [int(v) for v in known(n, 1, "image_shape")]
    block = [int(v) for v in known(n, 2, "block_shape")]
    rank = len(image)
    strides, dilations = ints(n, "strides", [1] * rank), ints(n, "dilations", [1] * rank)
    pads = ints(n, "pads", [0] * (2 * rank))
    padded = [s + pads[i] + pads[rank + i] for i, s in enumerate(image)]
    counts = [
        (p - d * (k - 1) - 1) // s + 1 for p, d, k, s in zip(padded, dilations, block, strides, strict=True)
    ]
    if n.info(x).rank != 3 or n.info(x).shape[2] != math.prod(counts):
        raise n.error(
            "AICC-1005", f"the input is {n.info(x)}; expected {math.prod(counts)} blocks in the last dim."
        )
    # positions in the padded image, by entry of the block and by block
    position = np.zeros([1] * (2 * rank), np.int64)
    for i in range(rank):
        entry = np.arange(block[i]).reshape([-1 if k == i else 1 for k in range(2 * rank)])
        where = np.arange(counts[i]).reshape([-1 if k == rank + i else 1 for k in range(2 * rank)])
        position = position * padded[i] + (entry * dilations[i] + where * strides[i])
    columns = c.reshape(x, -1, position.size)
    planes = c("shape", columns, start=0, end=1)
    image_planes = c.concat([planes, n.ints([math.prod(padded)])], 0)
    zeros = c("constant_of_shape", image_planes, value=_zero(n, x))
    places = c("expand", c.constant(position.reshape(1, -1)), c("shape", columns, start=0, end=2))
    filled = c("scatter_elements", zeros, places, columns, axis=1, reduction="add")
    y = c("reshape", filled, c.concat([c("shape", x, start=0, end=1), n.ints([-1, *padded])], 0))
    for i in range(rank):
        if pads[i] or pads[rank + i]:
            y = c.slice(y, 2 + i, pads[i], pads[i] + image[i])
    return y


def _zero(n: Node, like: Any) -> Any:
    return np.zeros(1, n.info(like).dtype.numpy)


@onnx_op("MaxUnpool", limits="spatial sizes are static")
def max_unpool(n: Node) -> Any:
    """Indices count through the whole tensor that was pooled; a larger `output_shape` adds zeros at the ends."""
    c, x = Compose(n), n.required(0)
    shape = n.info(x).shape
    kernel = n.required_attr("kernel_shape")
    rank = len(kernel)
    strides, pads = ints(n, "strides", [1] * rank), ints(n, "pads", [0] * (2 * rank))
    if not all(isinstance(d, int) for d in shape[2:]):
        raise n.error("AICC-1005", f"the spatial sizes of the input must be static, but it is {n.info(x)}.")
    spatial = [(shape[2 + i] - 1) * strides[i] - pads[i] - pads[rank + i] + kernel[i] for i in range(rank)]
    full = [*shape[:2], *spatial]
    outer = c("shape", x, start=0, end=2)
    planes = c("mul", c.slice(outer, 0, 0, 1), c.slice(outer, 0, 1, 2))
    zeros = c("constant_of_shape", c("mul", planes, n.ints([math.prod(spatial)])), value=_zero(n, x))
    flat, places = c.reshape(x, -1), c.reshape(n.required(1), -1)
    filled = c("scatter_elements", zeros, places, flat, axis=0)
    y = c("reshape", filled, c.concat([outer, n.ints(spatial)], 0))
    wanted = known(n, 2, "output_shape")
    if wanted is None or [int(v) for v in wanted] == full:
        return y
    more = [int(v) - f if isinstance(f, int) else 0 for v, f in zip(wanted, full, strict=True)]
    axes = list(range(len(full)))
    return c("pad", y, n.ints([0] * len(full) + more), None, mode="constant", axes=axes)


@onnx_op("TensorScatter", limits="the update's length is static")
def tensor_scatter(n: Node) -> Any:
    """`y[b, …, write_indices[b] + t, …] = update[b, …, t, …]`, around the end when "circular"."""
    c, x, update = Compose(n), n.required(0), n.required(1)
    t = n.info(update)
    axis = axis_of(n, n.attr("axis", -2), t.rank)
    length, size = t.shape[axis], n.info(x).shape[axis]
    if not isinstance(length, int) or axis == 0:
        raise n.error("AICC-1005", "the length of the update must be static, and its axis not the first.")
    steps = c.constant(np.arange(length).reshape([-1 if i == axis else 1 for i in range(t.rank)]))
    if n.input(2) is not None:
        starts = n.required(2)
        steps = c("add", c.unsqueeze(starts, *range(1, t.rank)), steps)
    if n.attr("mode", "linear") == "circular":
        whole = (
            c.constant(np.int64(size)) if isinstance(size, int) else c("shape", x, start=axis, end=axis + 1)
        )
        steps = c("mod", steps, whole, fmod=False)
    places = c("expand", steps, c("shape", update, start=0, end=t.rank))
    return c("scatter_elements", x, places, update, axis=axis)
