"""Nodes of opsets 1 to 6 as nodes of opset 7: what the rules for operators know.

Opset 7 made broadcasting NumPy's, inference the default, and parameters of shapes inputs.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import onnx

from aicc.dialects.shape import Unsqueeze
from aicc.importer.node import Node

MODERN = 7
"""The opset from which on the rules take nodes as they are."""

_BROADCASTING = ("Add", "Sub", "Mul", "Div", "Pow", "And", "Or", "Xor", "Equal", "Greater", "Less")


def modernize(n: Node) -> None:
    """Changes the inputs and attributes of a node before opset 7 in place. Raises ImportError_ AICC-1006."""
    if n.opset < MODERN and n.op_type in _CHANGES:
        _CHANGES[n.op_type](n)


def _broadcast(n: Node) -> None:
    """Before opset 7 the second operand's dims stand at `axis` of the first's, at its end without one.

    add(x[2, 3, 4, 5], y[3, 4], axis=1)  -->  add(x, y[3, 4, 1])
    """
    axis = n.attr("axis")
    rank, inner = n.info(n.required(0)).rank, n.info(n.required(1)).rank
    if n.attr("broadcast", 0) and axis is not None and inner:
        following = rank - (axis + rank if axis < 0 else axis) - inner
        if following < 0:
            raise n.error("AICC-1006", f"attribute 'axis' is {axis}, which does not fit the operands.")
        if following:
            axes = [inner + k for k in range(following)]
            n.inputs[1] = n.build(Unsqueeze, n.inputs[1], axes=axes)


def _slope_per_channel(n: Node) -> None:
    """PRelu's slope of one entry per channel stands at axis 1."""
    x, slope = n.info(n.required(0)), n.info(n.required(1))
    if slope.rank == 1 and slope.shape[0] != 1 and x.rank > 2:
        n.inputs[1] = n.build(Unsqueeze, n.inputs[1], axes=list(range(1, x.rank - 1)))


def _cast_by_name(n: Node) -> None:
    """Opsets 1 to 5 name the dtype by a string."""
    to = n.attr("to")
    if isinstance(to, str):
        if to.upper() not in dict(onnx.TensorProto.DataType.items()):
            raise n.error("AICC-1006", f"attribute 'to' is '{to}', which is no element type.")
        n.replace_attr("to", onnx.TensorProto.DataType.Value(to.upper()))


def _renamed(old: str, new: str) -> Callable[[Node], None]:
    def change(n: Node) -> None:
        if n.attr(old) is not None and n.attr(new) is None:
            n.replace_attr(new, n.attr(old))

    return change


def _tile_one_axis(n: Node) -> None:
    """Tile-1 takes how often and along which axis."""
    if len(n.inputs) != 3:
        return
    tiles, axis = n.constant(1), n.constant(2)
    if tiles is None or axis is None:
        raise n.error("AICC-1005", "inputs 'tiles' and 'axis' must be constants.")
    repeats = [1] * n.info(n.required(0)).rank
    repeats[int(axis.item())] = int(tiles.item())
    n.inputs = [n.inputs[0], n.ints(repeats)]


def _split_input(n: Node) -> None:
    """Split-1 may take the sizes as an input, like those from opset 13 on."""
    sizes = n.constant(1)
    if n.input(1) is not None and sizes is None:
        raise n.error("AICC-1005", "input 'split' must be a constant.")
    if sizes is not None:
        n.inputs = n.inputs[:1]
        n.replace_attr("split", [int(s) for s in np.asarray(sizes).reshape(-1)])


def _upsample_scales(n: Node) -> None:
    """Upsample-1 scales height and width."""
    if n.attr("scales") is None:
        scales = [1.0, 1.0, n.required_attr("height_scale"), n.required_attr("width_scale")]
        n.replace_attr("scales", scales)


def _selu_defaults(n: Node) -> None:
    if n.opset < 6:
        n.replace_attr("alpha", n.attr("alpha", 1.6732))
        n.replace_attr("gamma", n.attr("gamma", 1.0507))


_CHANGES: dict[str, Callable[[Node], None]] = {
    **dict.fromkeys(_BROADCASTING, _broadcast),
    "PRelu": _slope_per_channel,
    "Cast": _cast_by_name,
    "Pad": _renamed("paddings", "pads"),
    "Tile": _tile_one_axis,
    "Split": _split_input,
    "Upsample": _upsample_scales,
    "Selu": _selu_defaults,
}

__all__ = ["MODERN", "modernize"]
