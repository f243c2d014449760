"""Shape arithmetic and ops that only change a shape; constants."""

from __future__ import annotations

from typing import Any

import numpy as np

from aicc.dialects import OPS
from aicc.dialects.movement import Concat
from aicc.dialects.shape import ConstantOfShape, Range, Required, Reshape, Shape, Size, Squeeze, Unsqueeze
from aicc.dialects.symbolic import product
from aicc.dialects.types import DType
from aicc.importer.initializers import dense
from aicc.importer.node import Node
from aicc.importer.registry import onnx_op
from aicc.importer.run_time_axes import squeeze_along, unsqueeze_along


@onnx_op("Constant")
def constant(n: Node) -> Any:
    """Every kind of value."""
    kinds = {
        "value": lambda v: v,
        "value_float": lambda v: np.asarray(v, np.float32),
        "value_floats": lambda v: np.asarray(v, np.float32),
        "value_int": lambda v: np.asarray(v, np.int64),
        "value_ints": lambda v: np.asarray(v, np.int64),
        "value_string": lambda v: np.asarray(v, object),
        "value_strings": lambda v: np.asarray(v, object),
        "sparse_value": lambda v: dense(v, n.importer.tensor_array),
    }
    for kind, convert in kinds.items():
        value = n.attr(kind)
        if value is not None:
            return _constant(n, convert(value))
    raise n.error("AICC-1004", "the constant has no value.")


def _constant(n: Node, array: Any) -> Any:
    try:
        if array.dtype.kind not in "OSU":
            DType.from_numpy(array.dtype)
    except KeyError:
        raise n.error("AICC-1004", f"the constant has dtype {array.dtype}, which is not supported.") from None
    return n.const(array)


@onnx_op("ConstantOfShape")
def constant_of_shape(n: Node) -> Any:
    value = n.attr("value", np.zeros(1, np.float32))
    return n.build(ConstantOfShape, n.required(0), value=np.asarray(value).reshape(1))


@onnx_op("Shape")
def shape(n: Node) -> Any:
    rank = n.info(n.required(0)).rank
    start, end, _ = slice(n.attr("start", 0), n.attr("end")).indices(rank)
    return n.build(Shape, n.required(0), start=start, end=max(start, end))


@onnx_op("Size")
def size(n: Node) -> Any:
    return n.build(Size, n.required(0))


@onnx_op("Reshape")
def reshape(n: Node) -> Any:
    if n.opset < 5:
        return n.build(Reshape, n.required(0), n.ints(n.required_attr("shape")))
    return n.build(Reshape, n.required(0), n.required(1), allowzero=bool(n.attr("allowzero", 0)))


@onnx_op("Flatten")
def flatten(n: Node) -> Any:
    """`[d0…] --> [d0·…·d(axis−1), d(axis)·…]`."""
    x = n.required(0)
    dims = n.info(x).shape
    axis = n.attr("axis", 1)
    if not -len(dims) <= axis <= len(dims):
        raise n.error("AICC-1006", f"attribute 'axis' is {axis}, out of range for rank {len(dims)}.")
    axis = axis + len(dims) if axis < 0 else axis
    left, right = product(dims[:axis]), product(dims[axis:])
    if isinstance(left, int) and isinstance(right, int):
        return n.build(Reshape, x, n.ints([left, right]), allowzero=True)
    if isinstance(left, int) and left:
        return n.build(Reshape, x, n.ints([left, -1]))
    if isinstance(right, int) and right:
        return n.build(Reshape, x, n.ints([-1, right]))
    parts = [n.build(Shape, x, start=0, end=axis), n.build(Shape, x, start=axis, end=len(dims))]
    sizes = [n.build(OPS["reduce_prod"], p, axes=[0], keepdims=True) for p in parts]
    return n.build(Reshape, x, n.build(Concat, *sizes, dim=0), allowzero=True)


@onnx_op("Squeeze", limits="without axes: a dim that has a name must not be 1 in a run")
def squeeze(n: Node) -> Any:
    """Without axes every dim that is 1 at compile time goes; the run fails where another one is 1."""
    x = n.required(0)
    dims = n.info(x).shape
    if n.opset >= 13 and n.input(1) is not None and n.constant(1) is None:
        return squeeze_along(n, x, n.input(1))
    axes = axes_of(n, 1, len(dims), since=13)
    if axes is None:
        axes = [i for i, d in enumerate(dims) if d == 1]
        x = _without_units(n, x)
    return n.build(Squeeze, x, axes=axes)


def _without_units(n: Node, x: Any) -> Any:
    """`x`; the run fails where a dim that has a name is 1, since the result would have another rank."""
    for i, d in enumerate(n.info(x).shape):
        if not isinstance(d, int):
            what = (
                f"dim {i} ({d}) is not 1, for Squeeze without axes would drop it; "
                "such a size is fixed at compile time, as in --dim NAME=1"
            )
            sizes = [1 if k == i else -1 for k in range(n.info(x).rank)]
            x = n.build(Required, x, relation="unequal", sizes=sizes, what=what)
    return x


@onnx_op("Unsqueeze")
def unsqueeze(n: Node) -> Any:
    x = n.required(0)
    given = n.attr("axes") if n.opset < 13 else n.constant(1)
    if given is None:
        return unsqueeze_along(n, x, n.required(1))
    rank = n.info(x).rank + np.asarray(given).size
    return n.build(Unsqueeze, x, axes=normalized(n, np.asarray(given).reshape(-1).tolist(), rank))


def axes_of(n: Node, position: int, rank: int, since: int) -> list[int] | None:
    """The axes of a node: an attribute before opset `since`, then input `position`; None when absent.

    Ascending, counted from the front. Raises ImportError_ AICC-1005 for axes that only run time knows.
    """
    if n.opset < since:
        given = n.attr("axes")
    elif n.input(position) is None:
        given = None
    else:
        given = n.constant(position)
        if given is None:
            raise n.error("AICC-1005", "input 'axes' must be a constant.")
    return None if given is None else normalized(n, np.asarray(given).reshape(-1).tolist(), rank)


def normalized(n: Node, axes: list[int], rank: int) -> list[int]:
    """Ascending axes counted from the front. Raises ImportError_ AICC-1006."""
    if any(not -rank <= a < rank for a in axes):
        raise n.error("AICC-1006", f"axes {axes} are out of range for rank {rank}.")
    return sorted(a % rank for a in axes)


@onnx_op("Range")
def range_(n: Node) -> Any:
    """Vectors of one element, which ONNX's own functions give, count as scalars."""
    bounds = [n.required(i) for i in range(3)]
    scalars = [n.build(Reshape, v, n.ints([])) if n.info(v).shape == (1,) else v for v in bounds]
    return n.build(Range, *scalars)
