"""Operators that are a scatter to positions known at import, or computed from few numbers."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from aicc.importer.compose import Compose, known
from aicc.importer.kv_cache import positions
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
    blocks = math.prod(counts)
    t = n.info(x)
    if t.rank != 3 or (isinstance(t.shape[2], int) and t.shape[2] != blocks):
        raise n.error("AICC-1005", f"the input is {t}; expected {blocks} blocks in the last dim.")
    x = c.sized(x, None, None, blocks)
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


@onnx_op("MaxUnpool")
def max_unpool(n: Node) -> Any:
    """Indices count through the whole tensor that was pooled; a larger `output_shape` adds zeros at the ends."""
    c, x = Compose(n), n.required(0)
    kernel = n.required_attr("kernel_shape")
    rank = len(kernel)
    strides, pads = ints(n, "strides", [1] * rank), ints(n, "pads", [0] * (2 * rank))
    if n.info(x).rank != rank + 2:
        raise n.error("AICC-1006", f"attribute 'kernel_shape' is {kernel}, but the input is {n.info(x)}.")
    rest = [kernel[i] - strides[i] - pads[i] - pads[rank + i] for i in range(rank)]
    spatial = c("add", c("mul", c("shape", x, start=2, end=None), n.ints(strides)), n.ints(rest))
    sizes = c.concat([c("shape", x, start=0, end=2), spatial], 0)
    total = c("reduce_prod", sizes, axes=[0], keepdims=True)
    zeros = c("constant_of_shape", total, value=_zero(n, x))
    flat, places = c.reshape(x, -1), c.reshape(n.required(1), -1)
    y = c("reshape", c("scatter_elements", zeros, places, flat, axis=0), sizes)
    if n.input(2) is None:
        return y
    more = c("sub", n.required(2), sizes)
    amount = n.importer.constant_of(more)
    if amount is not None and not amount.any():
        return y
    return c("pad", y, c.concat([n.ints([0] * (rank + 2)), more], 0), None, axes=list(range(rank + 2)))


@onnx_op("TensorScatter")
def tensor_scatter(n: Node) -> Any:
    """`y[b, …, write_indices[b] + t, …] = update[b, …, t, …]`, around the end when "circular"."""
    c, x, update = Compose(n), n.required(0), n.required(1)
    t = n.info(update)
    axis = axis_of(n, n.attr("axis", -2), t.rank)
    size = n.info(x).shape[axis]
    if axis == 0:
        raise n.error("AICC-1006", "attribute 'axis' is 0, the batch's.")
    steps = c.reshape(positions(n, update, axis), *(-1 if i == axis else 1 for i in range(t.rank)))
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
